/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is remembered of interrupts: after success, after a failure of some of it, when nobody
 * knows, and when two change the same.
 */

#include <vfio-user-client/vfio-user-client.h>

#include "conversation/connect.h"
#include "conversation/irqs.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"

static void
nothing_is_armed_at_first (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_irq_device);
  device = connect_to (script_server_start (server));
  expect_states (device, MSIX, 0, 40, VUC_IRQ_DISARMED);
  expect_states (device, EMPTY, 0, 1, VUC_IRQ_DISARMED);
  expect_states (device, 77, 0, 1, VUC_IRQ_DISARMED);
  close_and_finish (device, server);
}

static void
arming_clearing_and_disabling_is_remembered (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 8);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 4, 8), 8);
  script_arming (server, SET_IRQS (0x24, 2, 6, 2), 0);
  script_arming (server, SET_IRQS (0x0c, 2, 5, 2), 2);
  script_arming (server, SET_IRQS (0x21, 2, 0, 0), 0);
  device = connect_to (script_server_start (server));

  arm_or_fail (device, MSIX, 4, fds, 8);
  expect_states (device, MSIX, 0, 4, VUC_IRQ_DISARMED);
  expect_states (device, MSIX, 4, 8, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 12, 20, VUC_IRQ_DISARMED);

  ck_assert (vuc_device_clear_irq_eventfds (device, MSIX, 6, 2, NULL));
  expect_states (device, MSIX, 4, 2, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 6, 2, VUC_IRQ_DISARMED);
  expect_states (device, MSIX, 8, 4, VUC_IRQ_ARMED);

  /* Another kind of eventfd says nothing of whether it is armed. */
  ck_assert (vuc_device_set_irq_mask_eventfds (device, MSIX, 5, fds, 2, NULL));
  expect_states (device, MSIX, 5, 1, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 6, 1, VUC_IRQ_DISARMED);

  disable_or_fail (device, MSIX);
  expect_states (device, MSIX, 0, 32, VUC_IRQ_DISARMED);
  close_and_finish (device, server);
}

static void
the_raw_form_is_not_remembered (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 2), 2);
  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_set_irqs (device, MSIX, 0x24, 0, 2, NULL, fds, 2, NULL));
  expect_states (device, MSIX, 0, 2, VUC_IRQ_DISARMED);
  close_and_finish (device, server);
}

/* ---- Failures ---- */

/* The second of three ranges: the third was sent already. */
static void
each_range_has_an_outcome_of_its_own (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 20);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 8), 8);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 8, 8));
  script_expect_fds (server, 8);
  script_reply_error (server, 28);
  script_arming (server, SET_IRQS (0x24, 2, 16, 4), 4);
  device = connect_to (script_server_start (server));

  ck_assert (!vuc_device_set_irq_eventfds (device, MSIX, 0, fds, 20, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE,
                "interrupts 8 to 15 of index 2: the server refused DEVICE_SET_IRQS");
  ck_assert_int_eq (vuc_error_get_errno (error), 28);
  expect_states (device, MSIX, 0, 8, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 8, 8, VUC_IRQ_DISARMED);
  expect_states (device, MSIX, 16, 4, VUC_IRQ_ARMED);
  close_and_finish (device, server);
}

static void
what_was_refused_is_as_it_was (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 4);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 2), 2);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 4));
  script_expect_fds (server, 4);
  script_reply_error (server, 22);
  script_expect_command (server, 8, SET_IRQS (0x21, 2, 0, 0));
  script_reply_error (server, 22);
  device = connect_to (script_server_start (server));

  arm_or_fail (device, MSIX, 0, fds, 2);
  ck_assert (!vuc_device_set_irq_eventfds (device, MSIX, 0, fds, 4, &error));
  expect_states (device, MSIX, 0, 2, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 2, 2, VUC_IRQ_DISARMED);
  ck_assert (!vuc_device_disable_irq (device, MSIX, NULL));
  expect_states (device, MSIX, 0, 2, VUC_IRQ_ARMED);
  close_and_finish (device, server);
}

/* The reply to the first range is in time, that to the second comes late. */
static void
what_is_not_answered_in_time_is_unknown_until_it_is_changed (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 9);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 8), 8);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 8, 1));
  script_expect_fds (server, 1);
  script_wait_for_sign (server);
  script_reply (server, "");
  script_arming (server, SET_IRQS (0x24, 2, 8, 1), 0);
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);

  ck_assert (!vuc_device_set_irq_eventfds (device, MSIX, 0, fds, 9, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_SET_IRQS: the server did not reply");
  expect_states (device, MSIX, 0, 8, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 8, 1, VUC_IRQ_UNKNOWN);
  script_server_give_sign (server);
  ck_assert (vuc_device_clear_irq_eventfds (device, MSIX, 8, 1, NULL));
  expect_states (device, MSIX, 8, 1, VUC_IRQ_DISARMED);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

typedef struct
{
  Outcome *outcome;
  VucIrqState state; /* as the callback saw it */
} Seen;

static void
look_at_state (VucDevice *device, gpointer data)
{
  ((Seen *) data)->state = vuc_device_get_irq_state (device, MSIX, 0);
}

/* In the callback already. */
static void
what_was_cancelled_is_unknown (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  Seen seen = { .outcome = outcome };
  VucOperation operation;

  outcome->then = look_at_state;
  outcome->then_data = &seen;
  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 2));
  script_expect_fds (server, 2);
  script_wait_for_sign (server);
  script_reply (server, "");
  script_arming (server, SET_IRQS (0x21, 2, 0, 0), 0);
  device = connect_to (script_server_start (server));

  operation = vuc_device_set_irq_eventfds_async (device, MSIX, 0, fds, 2, OUTCOME (outcome));
  expect_states (device, MSIX, 0, 2, VUC_IRQ_UNKNOWN);
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "DEVICE_SET_IRQS: cancelled");
  ck_assert_int_eq (seen.state, VUC_IRQ_UNKNOWN);
  expect_states (device, MSIX, 0, 2, VUC_IRQ_UNKNOWN);
  expect_states (device, MSIX, 2, 1, VUC_IRQ_DISARMED);
  script_server_give_sign (server);
  disable_or_fail (device, MSIX);
  expect_states (device, MSIX, 0, 2, VUC_IRQ_DISARMED);
  close_and_finish (device, server);
}

/* The first range was answered before. */
static void
what_was_answered_before_it_was_cancelled_is_known (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 9);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  Seen seen = { .outcome = outcome };
  VucOperation operation;

  outcome->then = look_at_state;
  outcome->then_data = &seen;
  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 8), 8);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 8, 1));
  script_expect_fds (server, 1);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));

  operation = vuc_device_set_irq_eventfds_async (device, MSIX, 0, fds, 9, OUTCOME (outcome));
  expect_sign_of_life (device); /* which is behind the first reply */
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (outcome, device);
  ck_assert_int_eq (seen.state, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 0, 8, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 8, 1, VUC_IRQ_UNKNOWN);
  close_and_finish (device, server);
}

/* ---- Two at once ---- */

/* The outcome of the first is looked at after that of the second: nobody runs its step before. */
static void
the_last_on_the_wire_is_what_counts (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) first = outcome_new ();
  VucOperation operation;

  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 2));
  script_expect_fds (server, 2);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 1, 1));
  /* A server that answers in another order has done both nevertheless. */
  script_reply_to (server, 0, "");
  script_reply_to (server, 1, "");
  device = connect_to (script_server_start (server));

  operation = vuc_device_set_irq_eventfds_async (device, MSIX, 0, fds, 2, OUTCOME (first));
  ck_assert (vuc_device_clear_irq_eventfds (device, MSIX, 1, 1, NULL));
  outcome_process (first, device);
  outcome_expect_success (first, operation);
  expect_states (device, MSIX, 0, 1, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 1, 1, VUC_IRQ_DISARMED);
  close_and_finish (device, server);
}

static void
an_operation_may_be_waited_for (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;
  VucOperation operation;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 2), 2);
  device = connect_to (script_server_start (server));
  operation = vuc_device_set_irq_eventfds_async (device, MSIX, 0, fds, 2, NULL, NULL, NULL);
  ck_assert (vuc_device_wait (device, operation, &error));
  assert_no_error (error);
  expect_states (device, MSIX, 0, 2, VUC_IRQ_ARMED);
  close_and_finish (device, server);
}

/* ---- Indexes that cannot grow ---- */

static void
an_index_that_cannot_grow_is_disabled_first (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 8);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 1, 0, 4), 4);
  script_arming (server, SET_IRQS (0x24, 1, 2, 2), 2);
  script_arming (server, SET_IRQS (0x24, 1, 3, 1), 0);
  script_arming (server, SET_IRQS (0x21, 1, 0, 0), 0);
  script_arming (server, SET_IRQS (0x24, 1, 0, 8), 8);
  device = connect_to (script_server_start (server));

  arm_or_fail (device, MSI, 0, fds, 4);
  ck_assert (!vuc_device_set_irq_eventfds (device, MSI, 0, fds, 5, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED,
                "interrupt index 1 is enabled with 4 interrupts and cannot grow: disable it");
  g_clear_error (&error);
  ck_assert (!vuc_device_set_irq_eventfds (device, MSI, 4, fds, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED, "cannot grow");
  g_clear_error (&error);

  /* Within its size it may change. */
  arm_or_fail (device, MSI, 2, &fds[6], 2);
  ck_assert (vuc_device_clear_irq_eventfds (device, MSI, 3, 1, NULL));
  ck_assert (!vuc_device_set_irq_eventfds (device, MSI, 4, fds, 1, &error));

  disable_or_fail (device, MSI);
  arm_or_fail (device, MSI, 0, fds, 8);
  expect_states (device, MSI, 0, 8, VUC_IRQ_ARMED);
  close_and_finish (device, server);
}

static void
the_demo_device_agrees (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 4);
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));

  arm_or_fail (device, MSI, 0, fds, 2);
  ck_assert (!vuc_device_set_irq_eventfds (device, MSI, 0, fds, 4, NULL));
  disable_or_fail (device, MSI);
  arm_or_fail (device, MSI, 0, fds, 4);
  ck_assert (vuc_device_trigger_irqs (device, MSI, 3, 1, NULL));
  expect_count (fds[3], 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (nothing_is_armed_at_first),
  HARNESS_CASE (arming_clearing_and_disabling_is_remembered),
  HARNESS_CASE (the_raw_form_is_not_remembered),
  HARNESS_CASE (each_range_has_an_outcome_of_its_own),
  HARNESS_CASE (what_was_refused_is_as_it_was),
  HARNESS_CASE (what_is_not_answered_in_time_is_unknown_until_it_is_changed),
  HARNESS_CASE (what_was_cancelled_is_unknown),
  HARNESS_CASE (what_was_answered_before_it_was_cancelled_is_known),
  HARNESS_CASE (the_last_on_the_wire_is_what_counts),
  HARNESS_CASE (an_operation_may_be_waited_for),
  HARNESS_CASE (an_index_that_cannot_grow_is_disabled_first),
  HARNESS_CASE (the_demo_device_agrees),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "irq-state", cases);
}
