/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes: which are, which never are, and what goes over the socket.
 */

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/posting.h"
#include "conversation/ways.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

static void
expect_refusal (VucDevice *device,
                guint32 region,
                VucPosting posting,
                VucError code,
                const char *why)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!vuc_device_set_region_posting (device, region, posting, &error));
  assert_error (error, VUC_ERROR, code, why);
}

/* ---- What goes over the socket ---- */

static void
a_posted_write_wants_no_reply_and_a_flush_asks (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect (server, POSTED_WRITE (0x14, "'efgh'"));
  script_expect_command (server, 4, FENCE);
  script_reply (server, FENCE_DONE);

  device = connect_posting (server);
  write_word (device, 0, 0x10, "abcd");
  write_word (device, 0, 0x14, "efgh");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 2);
  flush (device);
  flush (device); /* nothing is outstanding */
  close_and_finish (device, server);
}

static void
a_later_reply_is_as_good_as_a_flush (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  guint8 data[4];

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 9, "u64:0 u32:0 u32:4");
  script_reply (server, "u64:0 u32:0 u32:4 'data'");

  device = connect_posting (server);
  write_word (device, 0, 0x10, "abcd");
  ck_assert (vuc_device_region_read (device, 0, 0, data, 4, &error));
  flush (device);
  close_and_finish (device, server);
}

static void
what_is_answered_all_the_same_is_dropped (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_send (server, "u16:0xffff u16:10 u32:32 u32:1 u32:0 | u64:0x10 u32:0 u32:4");
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_send (server, "u16:0xffff u16:10 u32:16 u32:0x21 u32:5");
  script_sign_of_life (server);

  device = connect_posting (server);
  write_word (device, 0, 0x10, "abcd");
  write_word (device, 0, 0x10, "abcd");
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
long_writes_wait_for_their_reply (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:0 u32:0 u32:9 'nine byte'");
  script_reply (server, "u64:0 u32:0 u32:9");

  device = connect_posting (server);
  ck_assert (vuc_device_region_write (device, 0, 0, "nine byte", 9, &error));
  assert_no_error (error);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 0);
  close_and_finish (device, server);
}

/* ---- Where it is done ---- */

static void
nothing_is_posted_by_default (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_to (demo_device_start (demo));

  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 0);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MESSAGE), 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
one_region_may_be_posted_to (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr (GError) error = NULL;
  char back[4] = "";

  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_ON);
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);
  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, SCRATCH, back, 4, &error));
  ck_assert_mem_eq (back, "abcd", 4);

  ck_assert (vuc_device_region_write_full (device, VUC_PCI_BAR0_REGION, SCRATCH, "efgh", 4,
                                           VUC_ACCESS_NO_POSTED, &error));
  write_word (device, VUC_PCI_BAR2_REGION, 0, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);

  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_OFF);
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
errors_of_posted_writes_are_not_seen (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr (GError) error = NULL;
  guint32 latch = 0;

  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_ON);
  write_word (device, VUC_PCI_BAR0_REGION, 0x400, "abcd");
  flush (device);
  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, 0x10, &latch, 4, &error));
  ck_assert_uint_eq (latch, 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
configuration_space_and_port_io_are_never_posted_to (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:4 u32:7 u32:4 'abcd'");
  script_reply (server, "u64:4 u32:7 u32:4");
  script_expect_command (server, 10, "u64:4 u32:0 u32:4 'abcd'");
  script_reply (server, "u64:4 u32:0 u32:4");

  device = connect_posting (server);
  write_word (device, VUC_PCI_CONFIG_REGION, 4, "abcd");
  vuc_device_set_region_port_io (device, 0, TRUE);
  write_word (device, 0, 4, "abcd");

  expect_refusal (device, VUC_PCI_CONFIG_REGION, VUC_POSTING_ON, VUC_ERROR_NOT_SUPPORTED,
                  "it is the configuration space");
  expect_refusal (device, VUC_PCI_CONFIG_REGION, VUC_POSTING_INSIST, VUC_ERROR_NOT_SUPPORTED,
                  "it is the configuration space");
  expect_refusal (device, 0, VUC_POSTING_INSIST, VUC_ERROR_NOT_SUPPORTED, "it is port IO");
  expect_refusal (device, 99, VUC_POSTING_ON, VUC_ERROR_INVALID_ARGUMENT, "no region 99");
  set_posting (device, VUC_PCI_CONFIG_REGION, VUC_POSTING_OFF);
  close_and_finish (device, server);
}

static void
what_was_handed_out_is_posted_to_only_on_demand (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (VucMapping) mapping = NULL;
  g_autoptr (GError) error = NULL;

  vuc_config_set_posted_writes (config, TRUE);
  device = connect_with (demo_device_start (demo), config);
  write_word (device, VUC_PCI_BAR2_REGION, 0, "abcd");
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 2);

  mapping = vuc_device_map_region (device, VUC_PCI_BAR2_REGION, &error);
  assert_no_error (error);
  get_io_fds (device, VUC_PCI_BAR0_REGION, 9);
  write_word (device, VUC_PCI_BAR2_REGION, 0, "abcd");
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 2);
  expect_refusal (device, VUC_PCI_BAR2_REGION, VUC_POSTING_ON, VUC_ERROR_NOT_SUPPORTED,
                  "its areas were handed out");
  expect_refusal (device, VUC_PCI_BAR0_REGION, VUC_POSTING_ON, VUC_ERROR_NOT_SUPPORTED,
                  "its IO descriptors were handed out");

  set_posting (device, VUC_PCI_BAR2_REGION, VUC_POSTING_INSIST);
  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_INSIST);
  write_word (device, VUC_PCI_BAR2_REGION, 0, "abcd");
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 4);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
it_still_holds_when_connected_again (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = vuc_device_connect (demo_device_listen (demo), NULL, &error);

  assert_no_error (error);
  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_ON);
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  vuc_device_close (device);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "efgh");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 2);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
a_region_may_go_back_to_the_default (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:0x10 u32:0 u32:4 'abcd'");
  script_reply (server, "u64:0x10 u32:0 u32:4");
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));

  device = connect_posting (server);
  set_posting (device, 0, VUC_POSTING_OFF);
  write_word (device, 0, 0x10, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 0);
  set_posting (device, 0, VUC_POSTING_DEFAULT);
  write_word (device, 0, 0x10, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);
  close_and_finish (device, server);
}

static void
the_default_may_be_not_to (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 10, "u64:0x10 u32:0 u32:4 'abcd'");
  script_reply (server, "u64:0x10 u32:0 u32:4");

  device = connect_to (script_server_start (server));
  set_posting (device, 0, VUC_POSTING_ON);
  write_word (device, 0, 0x10, "abcd");
  set_posting (device, 0, VUC_POSTING_DEFAULT);
  write_word (device, 0, 0x10, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);
  close_and_finish (device, server);
}

static void
messages_of_posted_writes_are_counted (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  VucAccessCounters counters;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect (server, POSTED_WRITE (0x14, "'efgh'"));

  device = connect_posting (server);
  memset (&counters, 0xee, sizeof counters);
  vuc_device_get_access_counters (device, &counters);
  ck_assert_uint_eq (counters.posted_messages, 0);
  write_word (device, 0, 0x10, "abcd");
  write_word (device, 0, 0x14, "efgh");
  vuc_device_get_access_counters (device, &counters);
  ck_assert_uint_eq (counters.parts[VUC_WAY_POSTED], 2);
  ck_assert_uint_eq (counters.posted_messages, 2);
  ck_assert_uint_eq (counters.parts[VUC_WAY_MESSAGE], 0);
  for (guint i = 0; i < G_N_ELEMENTS (counters.reserved); i++)
    ck_assert_uint_eq (counters.reserved[i], 0);
  close_and_finish (device, server);
}

static void
what_was_posted_to_a_lost_device_is_not_asked_for (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) lost = NULL;
  char data[4];

  vuc_config_set_posted_writes (config, TRUE);
  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_accept (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);

  device = vuc_device_connect (script_server_listen (server), config, &error);
  assert_no_error (error);
  write_word (device, 0, 0x10, "abcd");
  ck_assert (!vuc_device_region_read (device, 7, 0, data, 4, NULL));
  ck_assert (!vuc_device_flush (device, &lost));
  assert_error (lost, VUC_ERROR, VUC_ERROR_DISCONNECTED, "closed the connection");
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  flush (device);
  ck_assert_uint_eq (vuc_device_get_generation (device), 2);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_posted_write_wants_no_reply_and_a_flush_asks),
  HARNESS_CASE (a_later_reply_is_as_good_as_a_flush),
  HARNESS_CASE (what_is_answered_all_the_same_is_dropped),
  HARNESS_CASE (long_writes_wait_for_their_reply),
  HARNESS_CASE (nothing_is_posted_by_default),
  HARNESS_CASE (one_region_may_be_posted_to),
  HARNESS_CASE (errors_of_posted_writes_are_not_seen),
  HARNESS_CASE (configuration_space_and_port_io_are_never_posted_to),
  HARNESS_CASE (what_was_handed_out_is_posted_to_only_on_demand),
  HARNESS_CASE (it_still_holds_when_connected_again),
  HARNESS_CASE (a_region_may_go_back_to_the_default),
  HARNESS_CASE (the_default_may_be_not_to),
  HARNESS_CASE (messages_of_posted_writes_are_counted),
  HARNESS_CASE (what_was_posted_to_a_lost_device_is_not_asked_for),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "posting", cases);
}
