/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Flushing: which bytes prove that posted writes were executed, what counts as a proof, and when
 * nothing is asked.  The writes are posted where the library does it, below the public functions.
 */

#include "harness/harness.h"

#include "conversation/connect.h"
#include "conversation/outcome.h"
#include "device/device-private.h"
#include "harness/script-device.h"

/* A posted write of one byte, and DEVICE_GET_INFO. */
#define POSTED                                                                                     \
  "u16:0xffff u16:10 u32:33 u32:0x10 u32:0   # REGION_WRITE, no reply wanted  \n"                  \
  "u64:8 u32:0 u32:1 | ff                    # offset, region, count; data    \n"
#define FENCE                                                                                      \
  "id u16:4 u32:32 u32:0 u32:0               # DEVICE_GET_INFO                \n"                  \
  "u32:16 u32:0 u32:0 u32:0                  # argsz, flags, regions, irqs    \n"
#define FENCE_REPLY "u32:16 u32:3 u32:9 u32:5"

static void
post (VucDevice *device)
{
  const VucRegionAccess access = { .offset = 8, .region = 0, .count = 1 };

  ck_assert (vuc_posted_write (device->traffic.posted, 0, &access, "\xff"));
}

static void
flush_or_fail (VucDevice *device)
{
  g_autoptr (GError) error = NULL;

  vuc_device_flush (device, &error);
  assert_no_error (error);
}

static void
a_flush_asks_for_something_harmless (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED);
  script_expect (server, POSTED);
  script_expect (server, FENCE);
  script_reply (server, FENCE_REPLY);
  device = connect_to (script_server_start (server));

  post (device);
  post (device);
  flush_or_fail (device);
  ck_assert (!vuc_session_has_unproven (device->session));
  close_and_finish (device, server);
}

static void
nothing_is_asked_if_nothing_was_posted (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (Outcome) outcome = outcome_new ();
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  device = connect_to (script_server_start (server));

  flush_or_fail (device);
  operation = vuc_device_flush_async (device, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static void
nothing_is_asked_if_a_later_reply_has_come (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));

  post (device);
  expect_sign_of_life (device);
  flush_or_fail (device);
  flush_or_fail (device);
  close_and_finish (device, server);
}

static void
a_refusal_is_a_proof (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED);
  script_expect (server, FENCE);
  script_reply_error (server, 22);
  device = connect_to (script_server_start (server));

  post (device);
  flush_or_fail (device);
  ck_assert (!vuc_session_has_unproven (device->session));
  close_and_finish (device, server);
}

static void
the_asynchronous_form_does_not_wait (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (Outcome) outcome = outcome_new ();
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED);
  script_expect (server, FENCE);
  script_expect (server, POSTED);
  script_wait_for_sign (server);
  script_reply (server, FENCE_REPLY);
  device = connect_to (script_server_start (server));

  post (device);
  operation = vuc_device_flush_async (device, OUTCOME (outcome));
  post (device);
  outcome_expect_nothing (outcome);
  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  ck_assert_msg (vuc_session_has_unproven (device->session), "the second one is behind it");
  close_and_finish (device, server);
}

static void
a_reply_of_another_size_is_fatal (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED);
  script_expect (server, FENCE);
  script_reply (server, "u32:16 u32:3 u32:9");
  script_may_end_early (server);
  device = connect_to (script_server_start (server));

  post (device);
  ck_assert (!vuc_device_flush (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                "DEVICE_GET_INFO reply: payload 12, expected 16");
  close_and_finish (device, server);
}

static void
a_server_that_is_silent_does_not_hold_it (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED);
  script_expect (server, FENCE);
  device = connect_with (script_server_start (server), config);

  post (device);
  ck_assert (!vuc_device_flush (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_GET_INFO");
  ck_assert (vuc_session_has_unproven (device->session));
  close_and_finish (device, server);
}

/* Nothing is unproven then, but whether the writes were executed nobody knows. */
static void
after_a_loss_it_fails (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Outcome) outcome = outcome_new ();
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED);
  device = connect_to (script_server_start (server));

  post (device);
  vuc_device_close (device);
  ck_assert (!vuc_session_has_unproven (device->session));
  ck_assert (!vuc_device_flush (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the device was closed");
  operation = vuc_device_flush_async (device, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_DISCONNECTED, "the device was closed");
  script_server_finish (server);
}

static const HarnessCase cases[] = { HARNESS_CASE (a_flush_asks_for_something_harmless),
                                     HARNESS_CASE (nothing_is_asked_if_nothing_was_posted),
                                     HARNESS_CASE (nothing_is_asked_if_a_later_reply_has_come),
                                     HARNESS_CASE (a_refusal_is_a_proof),
                                     HARNESS_CASE (the_asynchronous_form_does_not_wait),
                                     HARNESS_CASE (a_reply_of_another_size_is_fatal),
                                     HARNESS_CASE (a_server_that_is_silent_does_not_hold_it),
                                     HARNESS_CASE (after_a_loss_it_fails),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "flush", cases);
}
