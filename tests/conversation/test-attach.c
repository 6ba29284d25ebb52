/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* How a device comes to a main context, moves to another, shares it, and goes. */

#include "conversation/connect.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

static void
iterate_all (GMainContext *context)
{
  for (guint i = 0; g_main_context_iteration (context, FALSE); i++)
    ck_assert_uint_lt (i, 1000);
}

static void
nothing_is_called_back_after_a_detach (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  vuc_device_detach (device); /* does nothing */
  attach (device, context);
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  expect_sign_of_life (device); /* which has read the reply for the reset, too */
  vuc_device_detach (device);
  iterate_all (context);
  outcome_expect_nothing (outcome);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static void
a_device_can_move_to_another_context (void)
{
  g_autoptr(GMainContext) old = g_main_context_new ();
  g_autoptr(GMainContext) new = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  attach (device, old);
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  expect_sign_of_life (device);
  attach (device, new);
  iterate_all (old);
  outcome_expect_nothing (outcome);
  outcome_iterate (outcome, new);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static void
without_a_context_it_is_the_default_one (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_reply (server, "");
  device = connect_to (script_server_start (server));
  attach (device, NULL);
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  outcome_iterate (outcome, NULL);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static void
two_devices_share_a_context (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) first_server = script_server_new ();
  g_autoptr(ScriptServer) second_server = script_server_new ();
  g_autoptr(Outcome) first_outcome = outcome_new ();
  g_autoptr(Outcome) second_outcome = outcome_new ();
  g_autoptr(VucDevice) first = NULL;
  g_autoptr(VucDevice) second = NULL;
  VucOperation operations[2];

  script_handshake (first_server, &script_pci_device);
  script_expect_command (first_server, 13, "");
  script_wait_for_sign (first_server);
  script_reply (first_server, "");
  script_handshake (second_server, &script_pci_device);
  script_expect_command (second_server, 13, "");
  script_reply (second_server, "");
  first = connect_to (script_server_start (first_server));
  second = connect_to (script_server_start (second_server));
  attach (first, context);
  attach (second, context);
  operations[0] = vuc_device_reset_async (first, OUTCOME (first_outcome));
  operations[1] = vuc_device_reset_async (second, OUTCOME (second_outcome));
  outcome_iterate (second_outcome, context);
  outcome_expect_success (second_outcome, operations[1]);
  ck_assert_ptr_eq (second_outcome->device, second);

  /* One goes, the other does not notice. */
  close_and_finish (second, second_server);
  g_clear_pointer (&second, vuc_device_unref);
  outcome_expect_nothing (first_outcome);
  script_server_give_sign (first_server);
  outcome_iterate (first_outcome, context);
  outcome_expect_success (first_outcome, operations[0]);
  close_and_finish (first, first_server);
}

static void
a_device_that_goes_is_detached (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  VucDevice *device;

  script_handshake (server, &script_pci_device);
  device = connect_to (script_server_start (server));
  attach (device, context);
  iterate_all (context);
  vuc_device_unref (device);
  ck_assert (!g_main_context_pending (context));
  iterate_all (context);
  script_server_finish (server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (nothing_is_called_back_after_a_detach),
  HARNESS_CASE (a_device_can_move_to_another_context),
  HARNESS_CASE (without_a_context_it_is_the_default_one),
  HARNESS_CASE (two_devices_share_a_context),
  HARNESS_CASE (a_device_that_goes_is_detached),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "attach", cases);
}
