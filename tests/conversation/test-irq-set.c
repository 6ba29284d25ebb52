/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What each function of vuc-irq.h sends, in both forms, and what the demo device makes of it.  What
 * is refused before anything is sent is in test-irq-refused.c, what is remembered in
 * test-irq-state.c.
 */

#include "conversation/connect.h"
#include "conversation/irqs.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"

static const guint8 some[] = { 1, 0, 1 };

/* A call of one function: of 2 interrupts from 1 on, or of 3 with booleans; of index irq. */
typedef gboolean (*Call) (VucDevice *device, guint32 irq, const int *fds, GError **error);
typedef VucOperation (*AsyncCall) (VucDevice *device,
                                   guint32 irq,
                                   const int *fds,
                                   Outcome *outcome);

#define DEFINE_CALLS(name, ...)                                                                    \
  static gboolean call_##name (VucDevice *device, guint32 irq, const int *fds G_GNUC_UNUSED,       \
                               GError **error)                                                     \
  {                                                                                                \
    return vuc_device_##name (device, irq __VA_ARGS__, error);                                     \
  }                                                                                                \
  static VucOperation start_##name (VucDevice *device, guint32 irq, const int *fds G_GNUC_UNUSED,  \
                                    Outcome *outcome)                                              \
  {                                                                                                \
    return vuc_device_##name##_async (device, irq __VA_ARGS__, OUTCOME (outcome));                 \
  }

#define COMMA ,
DEFINE_CALLS (set_irq_eventfds, COMMA 1, fds, 2)
DEFINE_CALLS (clear_irq_eventfds, COMMA 1, 2)
DEFINE_CALLS (disable_irq, )
DEFINE_CALLS (set_irq_mask_eventfds, COMMA 1, fds, 2)
DEFINE_CALLS (set_irq_unmask_eventfds, COMMA 1, fds, 2)
DEFINE_CALLS (mask_irqs, COMMA 1, 2)
DEFINE_CALLS (mask_irqs_where, COMMA 1, some, 3)
DEFINE_CALLS (unmask_irqs, COMMA 1, 2)
DEFINE_CALLS (unmask_irqs_where, COMMA 1, some, 3)
DEFINE_CALLS (trigger_irqs, COMMA 1, 2)
DEFINE_CALLS (trigger_irqs_where, COMMA 1, some, 3)

#define CALLS(name) call_##name, start_##name

static gboolean
clear_mask_eventfds (VucDevice *device, guint32 irq, const int *fds G_GNUC_UNUSED, GError **error)
{
  return call_set_irq_mask_eventfds (device, irq, NULL, error);
}

static VucOperation
start_clear_mask_eventfds (VucDevice *device,
                           guint32 irq,
                           const int *fds G_GNUC_UNUSED,
                           Outcome *outcome)
{
  return start_set_irq_mask_eventfds (device, irq, NULL, outcome);
}

static gboolean
clear_unmask_eventfds (VucDevice *device, guint32 irq, const int *fds G_GNUC_UNUSED, GError **error)
{
  return call_set_irq_unmask_eventfds (device, irq, NULL, error);
}

static VucOperation
start_clear_unmask_eventfds (VucDevice *device,
                             guint32 irq,
                             const int *fds G_GNUC_UNUSED,
                             Outcome *outcome)
{
  return start_set_irq_unmask_eventfds (device, irq, NULL, outcome);
}

/* The raw form can say things that nothing else does. */
static gboolean
call_raw (VucDevice *device, guint32 irq, const int *fds, GError **error)
{
  return vuc_device_set_irqs (device, irq, 0x24, 77, 2, NULL, fds, 2, error);
}

static VucOperation
start_raw (VucDevice *device, guint32 irq, const int *fds, Outcome *outcome)
{
  return vuc_device_set_irqs_async (device, irq, 0x24, 77, 2, NULL, fds, 2, OUTCOME (outcome));
}

static gboolean
call_raw_booleans (VucDevice *device, guint32 irq, const int *fds G_GNUC_UNUSED, GError **error)
{
  return vuc_device_set_irqs (device, irq, 0x12, 0xffffffff, 3, some, NULL, 0, error);
}

static VucOperation
start_raw_booleans (VucDevice *device,
                    guint32 irq,
                    const int *fds G_GNUC_UNUSED,
                    Outcome *outcome)
{
  return vuc_device_set_irqs_async (device, irq, 0x12, 0xffffffff, 3, some, NULL, 0,
                                    OUTCOME (outcome));
}

typedef struct
{
  const char *name;
  Call call;
  AsyncCall start;
  const char *request; /* for MSI-X */
  guint n_fds;
  gboolean takes_away; /* eventfds: that is done when the connection is lost */
} Cell;

static const Cell cells[] = {
  { "EVENTFD, TRIGGER", CALLS (set_irq_eventfds), SET_IRQS (0x24, 2, 1, 2), 2, FALSE },
  { "EVENTFD, TRIGGER without descriptors", CALLS (clear_irq_eventfds), SET_IRQS (0x24, 2, 1, 2),
    0, TRUE },
  { "NONE, TRIGGER of nothing", CALLS (disable_irq), SET_IRQS (0x21, 2, 0, 0), 0, TRUE },
  { "EVENTFD, MASK", CALLS (set_irq_mask_eventfds), SET_IRQS (0x0c, 2, 1, 2), 2, FALSE },
  { "EVENTFD, MASK without descriptors", clear_mask_eventfds, start_clear_mask_eventfds,
    SET_IRQS (0x0c, 2, 1, 2), 0, TRUE },
  { "EVENTFD, UNMASK", CALLS (set_irq_unmask_eventfds), SET_IRQS (0x14, 2, 1, 2), 2, FALSE },
  { "EVENTFD, UNMASK without descriptors", clear_unmask_eventfds, start_clear_unmask_eventfds,
    SET_IRQS (0x14, 2, 1, 2), 0, TRUE },
  { "NONE, MASK", CALLS (mask_irqs), SET_IRQS (0x09, 2, 1, 2), 0, FALSE },
  { "BOOL, MASK", CALLS (mask_irqs_where), SET_IRQS_OF (23, 0x0a, 2, 1, 3) "01 00 01", 0, FALSE },
  { "NONE, UNMASK", CALLS (unmask_irqs), SET_IRQS (0x11, 2, 1, 2), 0, FALSE },
  { "BOOL, UNMASK", CALLS (unmask_irqs_where), SET_IRQS_OF (23, 0x12, 2, 1, 3) "01 00 01", 0,
    FALSE },
  { "NONE, TRIGGER", CALLS (trigger_irqs), SET_IRQS (0x21, 2, 1, 2), 0, FALSE },
  { "BOOL, TRIGGER", CALLS (trigger_irqs_where), SET_IRQS_OF (23, 0x22, 2, 1, 3) "01 00 01", 0,
    FALSE },
  { "raw, with eventfds", call_raw, start_raw, SET_IRQS (0x24, 2, 77, 2), 2, FALSE },
  { "raw, with booleans", call_raw_booleans, start_raw_booleans,
    SET_IRQS_OF (23, 0x12, 2, 0xffffffff, 3) "01 00 01", 0, FALSE },
};

/* And it carries these eventfds, in this order. */
static void
a_cell_is_sent_as_it_should_be (gconstpointer data)
{
  const Cell *cell = data;
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, cell->request, cell->n_fds);
  for (guint i = 0; i < cell->n_fds; i++)
    script_signal_fd (server, i, i + 1);
  device = connect_to (script_server_start (server));
  ck_assert (cell->call (device, MSIX, fds, &error));
  assert_no_error (error);
  for (guint i = 0; i < cell->n_fds; i++)
    expect_count (fds[i], i + 1);
  close_and_finish (device, server);
}

/* The caller's descriptors and booleans may be gone when they are sent. */
static void
a_cell_has_an_asynchronous_form (gconstpointer data)
{
  const Cell *cell = data;
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  VucOperation operation;

  script_handshake (server, &script_irq_device);
  script_arming (server, cell->request, cell->n_fds);
  device = connect_to (script_server_start (server));
  outcome_starting (outcome);
  operation = cell->start (device, MSIX, fds, outcome);
  outcome_started (outcome);
  eventfds_clear (&eventfds);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static void
a_refusal_tells_the_errno (gconstpointer data)
{
  const Cell *cell = data;
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  VucOperation operation;

  script_handshake (server, &script_irq_device);
  for (guint i = 0; i < 2; i++)
    {
      script_expect_command (server, 8, cell->request);
      script_expect_fds (server, cell->n_fds);
      script_reply_error (server, 19);
    }
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  ck_assert (!cell->call (device, MSIX, fds, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "DEVICE_SET_IRQS");
  ck_assert_int_eq (vuc_error_get_errno (error), 19);
  operation = cell->start (device, MSIX, fds, outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_REMOTE, "DEVICE_SET_IRQS");
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_reply_has_no_payload (gconstpointer data)
{
  const Cell *cell = data;
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;
  guint32 word;

  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, cell->request);
  script_expect_fds (server, cell->n_fds);
  script_reply (server, "u32:0");
  script_may_end_early (server);
  device = connect_to (script_server_start (server));
  ck_assert (cell->call (device, MSIX, fds, &error) == cell->takes_away);
  g_clear_error (&error);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  ck_assert (!vuc_device_region_read (device, 7, 0, &word, sizeof word, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                "DEVICE_SET_IRQS reply: payload 4, expected 0");
  close_and_finish (device, server);
}

/* ---- Ranges ---- */

/* All are sent before the first is answered. */
static void
a_large_set_goes_as_consecutive_ranges (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 19);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 3, 8));
  script_expect_fds (server, 8);
  script_signal_fd (server, 7, 8);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 11, 8));
  script_expect_fds (server, 8);
  script_signal_fd (server, 0, 9);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 19, 3));
  script_expect_fds (server, 3);
  script_signal_fd (server, 2, 19);
  script_reply_to (server, 2, "");
  script_reply_to (server, 1, "");
  script_reply_to (server, 0, "");
  device = connect_to (script_server_start (server));
  arm_or_fail (device, MSIX, 3, fds, 19);
  expect_count (fds[7], 8);
  expect_count (fds[8], 9);
  expect_count (fds[18], 19);
  expect_states (device, MSIX, 3, 19, VUC_IRQ_ARMED);
  close_and_finish (device, server);
}

/* Mask and unmask eventfds of a NORESIZE index are no matter of its size. */
static void
other_eventfds_go_as_ranges_as_well (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 9);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x0c, 1, 0, 8), 8);
  script_arming (server, SET_IRQS (0x0c, 1, 8, 1), 1);
  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_set_irq_mask_eventfds (device, MSI, 0, fds, 9, &error));
  assert_no_error (error);
  close_and_finish (device, server);
}

static void
booleans_go_as_ranges_of_what_may_be_written (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  const ScriptIrq many[] = { { .flags = 1, .count = 2048 } };
  ScriptDevice with_many = script_irq_device;
  g_autofree guint8 *where = g_malloc0 (1100);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  with_many.irqs = many;
  with_many.n_irqs = 1;
  where[1024] = 1;
  vuc_config_set_max_write_size (config, 1024);
  script_handshake (server, &with_many);
  script_arming (server, SET_IRQS_OF (1044, 0x22, 0, 7, 1024) "00*1024", 0);
  script_arming (server, SET_IRQS_OF (96, 0x22, 0, 1031, 76) "01 00*75", 0);
  device = connect_with (script_server_start (server), config);
  ck_assert (vuc_device_trigger_irqs_where (device, 0, 7, where, 1100, &error));
  assert_no_error (error);
  close_and_finish (device, server);
}

/* ---- The demo device ---- */

static void
interrupts_are_delivered_masked_and_unmasked (void)
{
  const guint8 odd[] = { 0, 1, 0, 1 };
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 16);
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));

  arm_or_fail (device, MSIX, 0, fds, 16);
  ck_assert (vuc_device_trigger_irqs (device, MSIX, 5, 2, NULL));
  expect_count (fds[5], 1);
  expect_count (fds[6], 1);
  expect_no_count (fds[7]);
  ck_assert (vuc_device_trigger_irqs_where (device, MSIX, 8, odd, 4, NULL));
  expect_no_count (fds[8]);
  expect_count (fds[9], 1);
  expect_count (fds[11], 1);

  ck_assert (vuc_device_mask_irqs_where (device, MSIX, 0, odd, 4, NULL));
  ck_assert (vuc_device_trigger_irqs (device, MSIX, 0, 4, NULL));
  expect_count (fds[0], 1);
  expect_count (fds[2], 1);
  expect_no_count (fds[1]);
  expect_no_count (fds[3]);
  ck_assert (vuc_device_unmask_irqs (device, MSIX, 1, 1, NULL));
  expect_count (fds[1], 1);
  ck_assert (vuc_device_unmask_irqs_where (device, MSIX, 0, odd, 4, NULL));
  expect_count (fds[3], 1);

  ck_assert (vuc_device_mask_irqs (device, MSIX, 0, 16, NULL));
  disable_or_fail (device, MSIX);
  ck_assert (vuc_device_trigger_irqs (device, MSIX, 0, 16, NULL));
  for (guint i = 0; i < 16; i++)
    expect_no_count (fds[i]);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
one_interrupt_can_be_given_another_eventfd (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 17);
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));

  arm_or_fail (device, MSIX, 0, fds, 16);
  arm_or_fail (device, MSIX, 3, &fds[16], 1);
  ck_assert (vuc_device_trigger_irqs (device, MSIX, 2, 3, NULL));
  expect_count (fds[2], 1);
  expect_no_count (fds[3]);
  expect_count (fds[16], 1);
  expect_count (fds[4], 1);
  ck_assert (vuc_device_clear_irq_eventfds (device, MSIX, 3, 1, NULL));
  ck_assert (vuc_device_trigger_irqs (device, MSIX, 2, 3, NULL));
  expect_no_count (fds[16]);
  expect_count (fds[4], 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* INTx masks itself when it fires. */
static void
an_automasked_interrupt_comes_once_until_it_is_unmasked (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 1);
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));

  arm_or_fail (device, INTX, 0, fds, 1);
  ck_assert (vuc_device_trigger_irqs (device, INTX, 0, 1, NULL));
  expect_count (fds[0], 1);
  ck_assert (vuc_device_trigger_irqs (device, INTX, 0, 1, NULL));
  expect_no_count (fds[0]);
  ck_assert (vuc_device_unmask_irqs (device, INTX, 0, 1, NULL));
  expect_count (fds[0], 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* Servers exist that can mask without saying so: it is for them to refuse. */
static void
masking_what_is_not_called_maskable_is_for_the_server_to_refuse (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr(GError) error = NULL;

  ck_assert (!vuc_device_mask_irqs (device, MSI, 0, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "DEVICE_SET_IRQS");
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase table[] = {
  HARNESS_ROWS (a_cell_is_sent_as_it_should_be, cells),
  HARNESS_ROWS (a_cell_has_an_asynchronous_form, cells),
  HARNESS_ROWS (a_refusal_tells_the_errno, cells),
  HARNESS_ROWS (a_reply_has_no_payload, cells),
  HARNESS_CASE (a_large_set_goes_as_consecutive_ranges),
  HARNESS_CASE (other_eventfds_go_as_ranges_as_well),
  HARNESS_CASE (booleans_go_as_ranges_of_what_may_be_written),
  HARNESS_CASE (interrupts_are_delivered_masked_and_unmasked),
  HARNESS_CASE (one_interrupt_can_be_given_another_eventfd),
  HARNESS_CASE (an_automasked_interrupt_comes_once_until_it_is_unmasked),
  HARNESS_CASE (masking_what_is_not_called_maskable_is_for_the_server_to_refuse),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "irq-set", table);
}
