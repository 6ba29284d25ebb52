/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What a device that is connected again gets of its interrupts: the eventfds that it had, in how
 * many messages, and what becomes of those that nobody knows about.
 */

#include <vfio-user-client/vfio-user-client.h>

#include "conversation/connect.h"
#include "conversation/irqs.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"

static void
what_was_armed_is_armed_again (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 16);
  const int *masks = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 8), 8);
  script_arming (server, SET_IRQS (0x24, 2, 8, 4), 4);
  script_arming (server, SET_IRQS (0x24, 2, 2, 1), 0);
  script_arming (server, SET_IRQS (0x24, 1, 0, 4), 4);
  script_arming (server, SET_IRQS (0x0c, 0, 0, 1), 1);
  script_arming (server, SET_IRQS (0x14, 0, 0, 1), 1);
  script_loss (server);
  script_handshake (server, &script_irq_device);
  /* All at once, then the answers.  An index from its end on, so that it has its size at once. */
  script_expect_command (server, 8, SET_IRQS (0x0c, 0, 0, 1));
  script_expect_fds (server, 1);
  script_signal_fd (server, 0, 7);
  script_expect_command (server, 8, SET_IRQS (0x14, 0, 0, 1));
  script_expect_fds (server, 1);
  script_signal_fd (server, 0, 8);
  script_expect_command (server, 8, SET_IRQS (0x24, 1, 0, 4));
  script_expect_fds (server, 4);
  script_signal_fd (server, 3, 9);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 4, 8));
  script_expect_fds (server, 8);
  script_signal_fd (server, 7, 10);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 3, 1));
  script_expect_fds (server, 1);
  script_signal_fd (server, 0, 11);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 2));
  script_expect_fds (server, 2);
  script_signal_fd (server, 0, 12);
  for (guint i = 6; i-- > 0;)
    script_reply_to (server, i, "");
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);

  arm_or_fail (device, MSIX, 0, fds, 12);
  ck_assert (vuc_device_clear_irq_eventfds (device, MSIX, 2, 1, NULL));
  arm_or_fail (device, MSI, 0, &fds[12], 4);
  ck_assert (vuc_device_set_irq_mask_eventfds (device, INTX, 0, &masks[0], 1, NULL));
  ck_assert (vuc_device_set_irq_unmask_eventfds (device, INTX, 0, &masks[1], 1, NULL));
  lose (device);
  reconnect (device);
  expect_count (masks[0], 7);
  expect_count (masks[1], 8);
  expect_count (fds[15], 9);
  expect_count (fds[11], 10);
  expect_count (fds[3], 11);
  expect_count (fds[0], 12);
  expect_states (device, MSIX, 0, 2, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 2, 1, VUC_IRQ_DISARMED);
  expect_states (device, MSIX, 3, 9, VUC_IRQ_ARMED);
  expect_states (device, MSI, 0, 4, VUC_IRQ_ARMED);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* And one that has forgotten all of it is asked for nothing. */
static void
what_was_disabled_costs_no_round_trip (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 2), 2);
  script_arming (server, SET_IRQS (0x21, 2, 0, 0), 0);
  script_loss (server);
  script_handshake (server, &script_irq_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  arm_or_fail (device, MSIX, 0, fds, 2);
  disable_or_fail (device, MSIX);
  lose (device);
  reconnect (device);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* Taking away is done when the server is gone: at once, or because it goes instead of answering. */
static void
what_a_lost_device_is_to_drop_is_not_armed_again (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 8);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  VucOperation operation;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 4), 4);
  script_arming (server, SET_IRQS (0x24, 1, 0, 2), 2);
  script_arming (server, SET_IRQS (0x24, 0, 0, 1), 1);
  script_arming (server, SET_IRQS (0x0c, 0, 0, 1), 1);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 3, 1));
  script_close (server);
  script_accept (server);
  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, SET_IRQS (0x24, 0, 0, 1));
  script_expect_fds (server, 1);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 2));
  script_expect_fds (server, 2);
  script_signal_fd (server, 1, 3);
  script_reply_to (server, 1, "");
  script_reply_to (server, 0, "");
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  arm_or_fail (device, MSIX, 0, fds, 4);
  arm_or_fail (device, MSI, 0, &fds[4], 2);
  arm_or_fail (device, INTX, 0, &fds[6], 1);
  ck_assert (vuc_device_set_irq_mask_eventfds (device, INTX, 0, &fds[7], 1, NULL));

  ck_assert (vuc_device_clear_irq_eventfds (device, MSIX, 3, 1, &error));
  assert_no_error (error);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  ck_assert (vuc_device_clear_irq_eventfds (device, MSIX, 2, 1, &error));
  assert_no_error (error);
  ck_assert (vuc_device_set_irq_mask_eventfds (device, INTX, 0, NULL, 1, &error));
  assert_no_error (error);
  operation = vuc_device_disable_irq_async (device, MSI, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  expect_states (device, MSIX, 0, 2, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 2, 2, VUC_IRQ_DISARMED);
  expect_states (device, MSI, 0, 2, VUC_IRQ_DISARMED);

  reconnect (device);
  expect_count (fds[1], 3);
  expect_states (device, MSIX, 2, 2, VUC_IRQ_DISARMED);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* Whoever asked may hear of it much later. */
static void
what_the_server_has_accepted_is_known_before_it_is_told (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 2);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;
  VucOperation arming, clearing;
  char data[4];

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 2), 2);
  script_arming (server, SET_IRQS (0x24, 2, 1, 1), 0);
  script_sign_of_life (server);
  script_loss (server);
  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 1), 1);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  arming = vuc_device_set_irq_eventfds_async (device, MSIX, 0, fds, 2, NULL, NULL, NULL);
  clearing = vuc_device_clear_irq_eventfds_async (device, MSIX, 1, 1, NULL, NULL, NULL);
  expect_sign_of_life (device); /* and reads what comes before */
  expect_states (device, MSIX, 0, 1, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 1, 1, VUC_IRQ_DISARMED);

  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, NULL));
  reconnect (device);
  ck_assert (vuc_device_wait (device, arming, &error));
  ck_assert (vuc_device_wait (device, clearing, &error));
  assert_no_error (error);
  expect_states (device, MSIX, 0, 1, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 1, 1, VUC_IRQ_DISARMED);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* The server may have got them already. */
static void
what_is_just_being_armed_again_is_not_dropped (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 1);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  VucOperation operation;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 1), 1);
  script_loss (server);
  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 1));
  script_expect_fds (server, 1);
  script_signal_fd (server, 0, 1);
  script_wait_for_sign (server);
  script_reply (server, "");
  script_arming (server, SET_IRQS (0x21, 2, 0, 0), 0);
  device = connect_to_path (script_server_listen (server), NULL);
  arm_or_fail (device, MSIX, 0, fds, 1);
  lose (device);

  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  while (!is_signalled (fds[0]))
    vuc_device_process (device);
  ck_assert (!vuc_device_disable_irq (device, MSIX, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "connect");
  expect_states (device, MSIX, 0, 1, VUC_IRQ_ARMED);
  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  disable_or_fail (device, MSIX);
  expect_states (device, MSIX, 0, 1, VUC_IRQ_DISARMED);
  close_and_finish (device, server);
}

/* It accepted us, and that was all. */
static void
what_is_dropped_between_two_servers_is_not_armed_again (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 1);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 1), 1);
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_accept (server);
  script_close (server);
  script_accept (server);
  script_handshake (server, &script_irq_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  arm_or_fail (device, MSIX, 0, fds, 1);
  lose (device);
  ck_assert (!vuc_device_reconnect (device, NULL));
  disable_or_fail (device, MSIX);
  expect_states (device, MSIX, 0, 1, VUC_IRQ_DISARMED);
  reconnect (device);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
what_nobody_knew_is_known_again (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 3);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  VucOperation operation;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 1), 1);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 2));
  script_expect_fds (server, 2);
  script_loss (server);
  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 1));
  script_expect_fds (server, 1);
  script_signal_fd (server, 0, 5);
  script_reply (server, "");
  device = connect_to_path (script_server_listen (server), config);
  arm_or_fail (device, MSIX, 0, fds, 1);
  operation = vuc_device_set_irq_eventfds_async (device, MSIX, 0, &fds[1], 2, OUTCOME (outcome));
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (outcome, device);
  expect_states (device, MSIX, 0, 2, VUC_IRQ_UNKNOWN);
  lose (device);
  reconnect (device);
  expect_count (fds[0], 5);
  expect_states (device, MSIX, 0, 1, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 1, 1, VUC_IRQ_DISARMED);
  close_and_finish (device, server);
}

static void
a_server_that_does_not_take_them_is_not_connected_to (void)
{
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 9);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 8), 8);
  script_arming (server, SET_IRQS (0x24, 2, 8, 1), 1);
  script_loss (server);
  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 1, 8), 8);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 1));
  script_expect_fds (server, 1);
  script_reply_error (server, 16);
  script_expect_eof (server);
  script_close (server);
  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 1, 8), 8);
  script_arming (server, SET_IRQS (0x24, 2, 0, 1), 1);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  arm_or_fail (device, MSIX, 0, fds, 9);
  lose (device);
  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE,
                "giving the eventfds of interrupts 0 to 0 of index 2 once more: ");
  ck_assert_int_eq (vuc_error_get_errno (error), 16);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);

  reconnect (device);
  expect_states (device, MSIX, 0, 9, VUC_IRQ_ARMED);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- The demo device ---- */

static void
count_interrupt (VucDevice *device G_GNUC_UNUSED,
                 guint32 irq G_GNUC_UNUSED,
                 guint32 sub_index,
                 guint64 count,
                 gpointer counts)
{
  ((guint64 *) counts)[sub_index] += count;
}

static void
interrupts_come_after_a_reconnect_as_before (void)
{
  guint64 counts[16] = { 0 };
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 4);
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to_path (demo_device_listen (demo), NULL);
  g_autoptr(GError) error = NULL;

  arm_or_fail (device, MSI, 0, fds, 4);
  ck_assert (vuc_device_clear_irq_eventfds (device, MSI, 1, 1, NULL));
  ck_assert (vuc_device_watch_irq (device, MSIX, 0, 16, count_interrupt, counts, NULL, &error));
  assert_no_error (error);
  for (guint i = 1; i <= 3; i++)
    {
      ck_assert (vuc_device_trigger_irqs (device, MSIX, 7, 1, &error));
      assert_no_error (error);
      process_all (device);
      ck_assert_uint_eq (counts[7], i);
      ck_assert (vuc_device_trigger_irqs (device, MSI, 0, 4, &error));
      assert_no_error (error);
      expect_count (fds[0], 1);
      expect_no_count (fds[1]);
      expect_count (fds[3], 1);
      vuc_device_close (device);
      reconnect (device);
    }
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
who_stops_watching_a_lost_device_hears_no_more (void)
{
  guint64 counts[16] = { 0 };
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to_path (demo_device_listen (demo), NULL);
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_watch_irq (device, MSIX, 0, 16, count_interrupt, counts, NULL, &error));
  assert_no_error (error);
  vuc_device_close (device);
  ck_assert (vuc_device_unwatch_irq (device, MSIX, &error));
  assert_no_error (error);
  reconnect (device);
  expect_states (device, MSIX, 0, 16, VUC_IRQ_DISARMED);
  ck_assert (vuc_device_trigger_irqs (device, MSIX, 7, 1, &error));
  assert_no_error (error);
  process_all (device);
  ck_assert_uint_eq (counts[7], 0);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (what_was_armed_is_armed_again),
  HARNESS_CASE (what_was_disabled_costs_no_round_trip),
  HARNESS_CASE (what_a_lost_device_is_to_drop_is_not_armed_again),
  HARNESS_CASE (what_the_server_has_accepted_is_known_before_it_is_told),
  HARNESS_CASE (what_is_just_being_armed_again_is_not_dropped),
  HARNESS_CASE (what_is_dropped_between_two_servers_is_not_armed_again),
  HARNESS_CASE (what_nobody_knew_is_known_again),
  HARNESS_CASE (a_server_that_does_not_take_them_is_not_connected_to),
  HARNESS_CASE (interrupts_come_after_a_reconnect_as_before),
  HARNESS_CASE (who_stops_watching_a_lost_device_hears_no_more),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "irq-reconnect", cases);
}
