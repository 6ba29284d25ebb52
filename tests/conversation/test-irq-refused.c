/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Calls of vuc-irq.h of which nothing is sent: those that are refused before, and what is done
 * already.  What is sent is in test-irq-set.c.
 */

#include "conversation/connect.h"
#include "conversation/irqs.h"
#include "conversation/outcome.h"
#include "harness/harness.h"

static const guint8 some[] = { 1, 0, 1 };

typedef struct
{
  const char *name;
  guint32 irq;
  guint32 flags; /* of the raw form; 0: arms; 1: clears; 2: triggers; 3: disables */
  guint32 start;
  guint32 count;
  gboolean with_booleans;
  VucError code;
  const char *text;
} Refusal;

#define RAW 0x80000000
#define ARMS 0
#define CLEARS 1
#define TRIGGERS 2
#define DISABLES 3

static const Refusal refusals[] = {
  { "an index that there is not", 5, ARMS, 0, 1, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "there is no interrupt index 5" },
  { "an index that there is not, to disable", 5, DISABLES, 0, 0, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "there is no interrupt index 5" },
  { "an index that there is not, raw", 0xffffffff, RAW | 0x21, 0, 0, FALSE,
    VUC_ERROR_INVALID_ARGUMENT, "there is no interrupt index 4294967295" },
  { "no interrupt", MSIX, ARMS, 0, 0, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "no interrupt of index 2" },
  { "no interrupt to trigger, which would disable", MSIX, TRIGGERS, 0, 0, FALSE,
    VUC_ERROR_INVALID_ARGUMENT, "no interrupt of index 2" },
  { "one too many", MSIX, ARMS, 31, 2, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "interrupt index 2 has 32 interrupts, wanted are 2 from 31 on" },
  { "one behind the last", MSIX, TRIGGERS, 32, 1, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "wanted are 1 from 32 on" },
  { "a range that overflows", MSIX, TRIGGERS, 1, 0xffffffff, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "wanted are 4294967295 from 1 on" },
  { "another that does", MSIX, CLEARS, 0xffffffff, 2, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "wanted are 2 from 4294967295 on" },
  { "eventfds of an index without them", PLAIN, ARMS, 0, 1, FALSE, VUC_ERROR_NOT_SUPPORTED,
    "interrupt index 3 has no eventfds" },
  { "taking away what cannot be there", PLAIN, CLEARS, 0, 1, FALSE, VUC_ERROR_NOT_SUPPORTED,
    "interrupt index 3 has no eventfds" },
  { "arming in an index without interrupts", EMPTY, ARMS, 0, 1, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "interrupt index 4 has no interrupts" },
  { "triggering in an index without interrupts", EMPTY, TRIGGERS, 0, 1, FALSE,
    VUC_ERROR_INVALID_ARGUMENT, "interrupt index 4 has no interrupts" },
  { "the same, raw", EMPTY, 0x21, 0, 1, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "interrupt index 4 has no interrupts" },
  { "more of NORESIZE than go into a message", MSI, ARMS, 0, 9, FALSE, VUC_ERROR_LIMIT,
    "interrupt index 1: the server takes 8 descriptors in one message, needed are 9" },
  { "no action", MSIX, 0x04, 0, 1, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "flags 0x4: expected is one" },
  { "no data", MSIX, 0x20, 0, 1, FALSE, VUC_ERROR_INVALID_ARGUMENT, "flags 0x20: expected is one" },
  { "two actions", MSIX, 0x19, 0, 1, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "flags 0x19: expected is one kind of data and one action" },
  { "an unknown flag", MSIX, 0x61, 0, 1, FALSE, VUC_ERROR_INVALID_ARGUMENT, "flags 0x61" },
  { "booleans that are not there", MSIX, 0x22, 0, 1, FALSE, VUC_ERROR_INVALID_ARGUMENT,
    "flags 0x22 need booleans" },
  { "booleans that are too much", MSIX, 0x21, 0, 1, TRUE, VUC_ERROR_INVALID_ARGUMENT,
    "flags 0x21 have no booleans" },
  { "more booleans than go into a message", MSIX, 0x22, 0, 0xffffffff, TRUE, VUC_ERROR_LIMIT,
    "the server takes 1048576 bytes in one message, needed are 4294967295" },
};

static gboolean
run_refused (const Refusal *row, VucDevice *device, const int *fds, GError **error)
{
  switch (row->flags)
    {
    case ARMS:
      return vuc_device_set_irq_eventfds (device, row->irq, row->start, fds, row->count, error);
    case CLEARS:
      return vuc_device_clear_irq_eventfds (device, row->irq, row->start, row->count, error);
    case TRIGGERS:
      return vuc_device_trigger_irqs (device, row->irq, row->start, row->count, error);
    case DISABLES:
      return vuc_device_disable_irq (device, row->irq, error);
    default:
      return vuc_device_set_irqs (device, row->irq, row->flags & ~(guint32) RAW, row->start,
                                  row->count, row->with_booleans ? some : NULL, NULL, 0, error);
    }
}

static void
nothing_is_sent_of (gconstpointer data)
{
  const Refusal *row = data;
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 9);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  ck_assert (!run_refused (row, device, fds, &error));
  assert_error (error, VUC_ERROR, row->code, row->text);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
raw_eventfds_must_be_as_many_as_the_count_and_fit (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 9);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_set_irqs (device, MSIX, 0x24, 0, 2, NULL, fds, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "count 2 do not go with 1 eventfds");
  g_clear_error (&error);
  ck_assert (!vuc_device_set_irqs (device, MSIX, 0x21, 0, 2, NULL, fds, 2, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "flags 0x21");
  g_clear_error (&error);
  ck_assert (!vuc_device_set_irqs (device, MSIX, 0x24, 0, 9, NULL, fds, 9, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_LIMIT, "takes 8 descriptors in one message");
  close_and_finish (device, server);
}

static void
what_is_no_descriptor_is_not_sent (void)
{
  const int fds[] = { 0, -1 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  VucOperation operation;

  script_handshake (server, &script_irq_device);
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_set_irq_eventfds (device, MSIX, 3, fds, 2, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT,
                "the eventfd of interrupt 4 of index 2: duplicating descriptor -1");
  operation = vuc_device_set_irq_eventfds_async (device, MSIX, 3, fds, 2, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_INVALID_ARGUMENT, "descriptor -1");
  close_and_finish (device, server);
}

static void
disabling_what_has_no_interrupts_is_done_already (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  VucOperation operation;

  script_handshake (server, &script_irq_device);
  device = connect_to (script_server_start (server));
  disable_or_fail (device, EMPTY);
  ck_assert (vuc_device_set_irqs (device, EMPTY, 0x21, 0, 0, NULL, NULL, 0, &error));
  assert_no_error (error);
  operation = vuc_device_disable_irq_async (device, EMPTY, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static const HarnessCase table[] = {
  HARNESS_ROWS (nothing_is_sent_of, refusals),
  HARNESS_CASE (raw_eventfds_must_be_as_many_as_the_count_and_fit),
  HARNESS_CASE (what_is_no_descriptor_is_not_sent),
  HARNESS_CASE (disabling_what_has_no_interrupts_is_done_already),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "irq-refused", table);
}
