/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Resetting a device: what is sent, what may be answered, and how long that may take.
 */

#include "harness/harness.h"

#include <vfio-user-client/vfio-user-client.h>

#include "conversation/connect.h"
#include "harness/demo.h"
#include "harness/script-device.h"

#define RESET 13 /* DEVICE_RESET */

#define SCRATCH 0x08 /* a register of the demo device, in BAR0 */

static void
a_reset_has_no_payload_either_way (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_reply (server, "");
  device = connect_to (script_server_start (server));

  ck_assert (vuc_device_reset (device, &error));
  assert_no_error (error);
  close_and_finish (device, server);
}

static void
a_reply_with_a_payload_is_fatal (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_reply (server, "00*4");
  script_may_end_early (server);
  device = connect_to (script_server_start (server));

  ck_assert (!vuc_device_reset (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "DEVICE_RESET reply: payload 4, expected 0");
  close_and_finish (device, server);
}

static void
a_refused_reset_tells_the_errno (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_reply_error (server, 16);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));

  ck_assert (!vuc_device_reset (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "DEVICE_RESET");
  ck_assert_int_eq (vuc_error_get_errno (error), 16);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_device_that_cannot_be_reset_is_not_asked (void)
{
  ScriptDevice without = script_pci_device;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  without.flags &= ~(guint32) VUC_DEVICE_RESET;
  script_handshake (server, &without);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));

  ck_assert (!vuc_device_reset (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED, "cannot be reset");
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* A server may have to wait for others first: the ordinary deadline does not count. */
static void
a_reset_may_take_longer_than_anything_else (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_delay_ms (server, 3 * patient_deadline_ms () / 2);
  script_reply (server, "");
  device = connect_with (script_server_start (server), config);

  ck_assert (vuc_device_reset (device, &error));
  assert_no_error (error);
  close_and_finish (device, server);
}

/* Its reply is swallowed when it comes. */
static void
a_reset_can_be_given_a_deadline (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  vuc_config_set_long_timeout_ms (config, 30);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_expect_command (server, 9, "u64:0 | u32:7 | u32:4");
  script_reply_to (server, 1, "");
  script_reply (server, "u64:0 | u32:7 | u32:4 | 34 12 75 76");
  device = connect_with (script_server_start (server), config);

  ck_assert (!vuc_device_reset (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_RESET");
  g_clear_error (&error);
  {
    guint8 id[4];

    ck_assert (vuc_device_region_read (device, 7, 0, id, sizeof id, &error));
    assert_no_error (error);
    assert_bytes (id, sizeof id, "34 12 75 76");
  }
  close_and_finish (device, server);
}

static void
the_demo_device_forgets_what_was_written (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr(GError) error = NULL;
  guint32 value = 0x12345678;

  ck_assert (vuc_device_region_write (device, VUC_PCI_BAR0_REGION, SCRATCH, &value, 4, &error));
  ck_assert (vuc_device_reset (device, &error));
  assert_no_error (error);
  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, SCRATCH, &value, 4, &error));
  ck_assert_uint_eq (value, 0);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = { HARNESS_CASE (a_reset_has_no_payload_either_way),
                                     HARNESS_CASE (a_reply_with_a_payload_is_fatal),
                                     HARNESS_CASE (a_refused_reset_tells_the_errno),
                                     HARNESS_CASE (a_device_that_cannot_be_reset_is_not_asked),
                                     HARNESS_CASE (a_reset_may_take_longer_than_anything_else),
                                     HARNESS_CASE (a_reset_can_be_given_a_deadline),
                                     HARNESS_CASE (the_demo_device_forgets_what_was_written),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "reset", cases);
}
