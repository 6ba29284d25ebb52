/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reading and writing regions: the bytes that go over the wire, how long accesses are split, what
 * is refused before anything is sent, and what is left of the connection after the server refused.
 */

#include <errno.h>
#include <string.h>

#include "conversation/connect.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* As script_pci_device, with other limits. */
static ScriptDevice
device_that_says (const char *json)
{
  ScriptDevice script = script_pci_device;

  script.json = json;
  return script;
}

/* ---- On the wire ---- */

static void
a_read_asks_for_exactly_what_the_caller_wants (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  guint8 data[5] = { 0, 0, 0, 0, 0xee };

  script_handshake (server, &script_pci_device);
  script_expect (server, "id u16:9 u32:32 u32:0 u32:0 | u64:0x10 u32:7 u32:4");
  script_send (server, "id u16:9 u32:36 u32:1 u32:0 | u64:0x10 u32:7 u32:4 | de ad be ef");

  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_region_read (device, 7, 0x10, data, 4, &error));
  assert_no_error (error);
  assert_bytes (data, sizeof data, "de ad be ef ee");
  close_and_finish (device, server);
}

static void
a_write_sends_exactly_what_the_caller_has (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, "id u16:10 u32:34 u32:0 u32:0 | u64:0xffe u32:0 u32:2 | 12 34");
  script_send (server, "id u16:10 u32:32 u32:1 u32:0 | u64:0xffe u32:0 u32:2");

  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_region_write (device, 0, 0xffe, "\x12\x34", 2, &error));
  assert_no_error (error);
  close_and_finish (device, server);
}

/* Reserved bits, and the no-reply bit in a reply. */
static void
bits_that_mean_nothing_are_ignored (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  char data[1];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_send (server, "id u16:9 u32:33 u32:0xffffffd1 u32:22 | u64:0 u32:7 u32:1 | 'x'");

  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_region_read (device, 7, 0, data, 1, &error));
  assert_no_error (error);
  ck_assert_int_eq (data[0], 'x');
  close_and_finish (device, server);
}

static void
nothing_is_sent_for_an_access_of_nothing (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_region_read (device, 7, 0, NULL, 0, &error));
  assert_no_error (error);
  ck_assert (vuc_device_region_write (device, 7, 256, NULL, 0, &error));
  assert_no_error (error);
  close_and_finish (device, server);
}

/* ---- Splitting ---- */

static void
a_long_read_is_split_at_what_the_server_takes (void)
{
  const ScriptDevice script = device_that_says ("{\"capabilities\":{\"max_data_xfer_size\":8}}");
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  char data[20];

  script_handshake (server, &script);
  script_expect_command (server, 9, "u64:4  u32:7 u32:8");
  script_reply (server, "u64:4  u32:7 u32:8 'we come '");
  script_expect_command (server, 9, "u64:12 u32:7 u32:8");
  script_reply (server, "u64:12 u32:7 u32:8 'in parts'");
  script_expect_command (server, 9, "u64:20 u32:7 u32:4");
  script_reply (server, "u64:20 u32:7 u32:4 '!?!?'");

  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_region_read (device, 7, 4, data, sizeof data, &error));
  assert_no_error (error);
  assert_bytes (data, sizeof data, "'we come in parts!?!?'");
  close_and_finish (device, server);
}

#define MIB ((gsize) 1024 * 1024)

static void
a_long_read_is_split_at_16_MiB (void)
{
  static const ScriptRegion region = { .size = 0x2000000, .flags = 1 };
  const ScriptDevice script = {
    .json = "{\"capabilities\":{\"max_data_xfer_size\":33554432}}",
    .regions = &region,
    .n_regions = 1
  };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  g_autofree guint8 *data = g_malloc (16 * MIB + 4);

  script_handshake (server, &script);
  script_expect_command (server, 9, "u64:8 u32:0 u32:0x1000000");
  script_reply (server, "u64:8 u32:0 u32:0x1000000 11*16777215 12");
  script_expect_command (server, 9, "u64:0x1000008 u32:0 u32:4");
  script_reply (server, "u64:0x1000008 u32:0 u32:4 'rest'");

  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_region_read (device, 0, 8, data, 16 * MIB + 4, &error));
  assert_no_error (error);
  ck_assert_uint_eq (data[0], 0x11);
  assert_bytes (data + 16 * MIB - 2, 6, "11 12 'rest'");
  close_and_finish (device, server);
}

/* What the server takes is more: what it takes in one piece counts. */
static void
a_long_write_is_split_at_32_KiB (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  g_autofree guint8 *data = g_malloc (40000);

  memset (data, 0x11, 32768);
  memset (data + 32768, 0x22, 7232);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:16    u32:2 u32:32768 11*32768");
  script_reply (server, "u64:16    u32:2 u32:32768");
  script_expect_command (server, 10, "u64:32784 u32:2 u32:7232  22*7232");
  script_reply (server, "u64:32784 u32:2 u32:7232");

  device = connect_to (script_server_start (server));
  ck_assert (
    vuc_device_region_write_full (device, 2, 16, data, 40000, VUC_ACCESS_MESSAGE_ONLY, &error));
  assert_no_error (error);
  close_and_finish (device, server);
}

typedef struct
{
  const char *name;
  const char *json;
  guint max_write_size;
} SplitRow;

static const SplitRow splits[] = {
  { "the configuration", "{\"capabilities\":{\"max_data_xfer_size\":1048576}}", 8 },
  { "the server", "{\"capabilities\":{\"max_data_xfer_size\":8}}", 1048576 },
};

static void
a_long_write_is_split_by_whoever_wants_it_smaller (gconstpointer row_data)
{
  const SplitRow *row = row_data;
  const ScriptDevice script = device_that_says (row->json);
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  vuc_config_set_max_write_size (config, row->max_write_size);
  script_handshake (server, &script);
  script_expect_command (server, 10, "u64:0 u32:0 u32:8 '12345678'");
  script_reply (server, "u64:0 u32:0 u32:8");
  script_expect_command (server, 10, "u64:8 u32:0 u32:2 '90'");
  script_reply (server, "u64:8 u32:0 u32:2");

  device = connect_with (script_server_start (server), config);
  ck_assert (vuc_device_region_write (device, 0, 0, "1234567890", 10, &error));
  assert_no_error (error);
  close_and_finish (device, server);
}

static void
a_configured_write_may_be_larger_than_usual (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  g_autofree guint8 *data = g_malloc0 (65536);

  vuc_config_set_max_write_size (config, 65536);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:0 u32:2 u32:65536 00*65536");
  script_reply (server, "u64:0 u32:2 u32:65536");

  device = connect_with (script_server_start (server), config);
  ck_assert (
    vuc_device_region_write_full (device, 2, 0, data, 65536, VUC_ACCESS_MESSAGE_ONLY, &error));
  assert_no_error (error);
  close_and_finish (device, server);
}

static void
a_large_reply_may_come_in_any_pieces (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  g_autofree guint8 *data = g_malloc (65536);

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, "u64:0 u32:2 u32:65536");
  script_reply (server, "u64:0 u32:2 u32:65536 5a*65535 a5");
  script_in_pieces_of (server, 4099);
  script_sign_of_life (server);
  script_in_pieces_of (server, 1);

  device = connect_to (script_server_start (server));
  ck_assert (
    vuc_device_region_read_full (device, 2, 0, data, 65536, VUC_ACCESS_MESSAGE_ONLY, &error));
  assert_no_error (error);
  assert_bytes (data, 65536, "5a*65535 a5");
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_refused_part_fails_the_whole_access (void)
{
  const ScriptDevice script = device_that_says ("{\"capabilities\":{\"max_data_xfer_size\":8}}");
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  char data[24];

  script_handshake (server, &script);
  script_expect_command (server, 9, "u64:0 u32:7 u32:8");
  script_reply (server, "u64:0 u32:7 u32:8 '12345678'");
  script_expect_command (server, 9, "u64:8 u32:7 u32:8");
  script_reply_error (server, EFAULT);

  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "REGION_READ");
  ck_assert_int_eq (vuc_error_get_errno (error), EFAULT);
  close_and_finish (device, server);
}

/* ---- What is not sent ---- */

typedef struct
{
  const char *name;
  guint32 region;
  guint64 offset;
  gsize count;
  const char *text;
} OutsideRow;

static const OutsideRow outside[] = {
  { "one byte too far", 7, 253, 4,
    "region 7: 4 bytes at 0xfd are not inside it, its size is 0x100" },
  { "at the end", 7, 256, 1, "region 7: 1 bytes at 0x100 are not inside it" },
  { "behind the end", 7, 257, 0, "region 7: 0 bytes at 0x101 are not inside it" },
  { "a sum that wraps", 7, G_MAXUINT64, 2, "region 7: 2 bytes at 0xffffffffffffffff are not" },
  { "a region that is not there", 1, 0, 1, "region 1: 1 bytes at 0x0 are not inside it" },
  { "an index that there is not", 9, 0, 1, "there is no region 9, the device has 0 to 8" },
  { "the largest index", G_MAXUINT32, 0, 1, "there is no region 4294967295" },
};

static void
nothing_outside_a_region_is_asked_for (gconstpointer row_data)
{
  const OutsideRow *row = row_data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) read_error = NULL;
  g_autoptr(GError) write_error = NULL;
  g_autoptr(VucDevice) device = NULL;
  char data[8] = "";

  script_handshake (server, &script_pci_device);
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_region_read (device, row->region, row->offset, data, row->count,
                                      &read_error));
  assert_error (read_error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, row->text);
  ck_assert (!vuc_device_region_write (device, row->region, row->offset, data, row->count,
                                       &write_error));
  assert_error (write_error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, row->text);
  close_and_finish (device, server);
}

static void
what_a_regions_flags_forbid_is_not_asked_for (void)
{
  static const ScriptRegion regions[] = { { .size = 8, .flags = 1 }, { .size = 8, .flags = 2 } };
  const ScriptDevice script = { .regions = regions, .n_regions = 2 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) read_error = NULL;
  g_autoptr(GError) write_error = NULL;
  g_autoptr(VucDevice) device = NULL;
  char data[1] = "";

  script_handshake (server, &script);
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_region_write (device, 0, 0, data, 1, &write_error));
  assert_error (write_error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED, "region 0 cannot be written");
  ck_assert (!vuc_device_region_read (device, 1, 0, data, 1, &read_error));
  assert_error (read_error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED, "region 1 cannot be read");
  close_and_finish (device, server);
}

/* ---- What the server refuses ---- */

typedef struct
{
  const char *name;
  const char *reply; /* to a REGION_READ */
  int number;
} RefusalRow;

static const RefusalRow refusals[] = {
  { "as the protocol wants it", "id u16:9 u32:16 u32:0x21 u32:22", EINVAL },
  { "the largest errno", "id u16:9 u32:16 u32:0x21 u32:4095", 4095 },
  { "an errno above the largest", "id u16:9 u32:16 u32:0x21 u32:4096", EIO },
  { "a negative errno", "id u16:9 u32:16 u32:0x21 u32:0xffffffea", EIO },
  /* The second family of servers has no errno for it. */
  { "errno 0", "id u16:9 u32:16 u32:0x21 u32:0", EIO },
  /* The common server library, where a region's callback fails. */
  { "with the request as payload", "id u16:9 u32:32 u32:0x21 u32:14 | u64:0 u32:7 u32:4", EFAULT },
  { "with more payload than any reply has", "id u16:9 u32:60016 u32:0x21 u32:14 | 99*60000",
    EFAULT },
};

static void
a_refusal_tells_the_errno_and_nothing_else_is_lost (gconstpointer row_data)
{
  const RefusalRow *row = row_data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  char data[4];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_send (server, row->reply);
  script_sign_of_life (server);

  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_region_read (device, 7, 0, data, 4, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "the server refused REGION_READ");
  ck_assert_int_eq (vuc_error_get_errno (error), row->number);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_refused_write_says_that_it_was_one (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, NULL);
  script_reply_error (server, EROFS);
  script_sign_of_life (server);

  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_region_write (device, 0, 0, "x", 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "the server refused REGION_WRITE");
  ck_assert_int_eq (vuc_error_get_errno (error), EROFS);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- The demo device ---- */

#define SCRATCH 0x008
#define ERROR_LATCH 0x010

static void
what_was_written_to_the_demo_device_can_be_read (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr(GError) error = NULL;
  g_autofree guint8 *written = g_malloc (65536);
  g_autofree guint8 *read = g_malloc (65536);
  guint32 scratch = 0x12345678, value = 0;

  ck_assert (vuc_device_region_write (device, VUC_PCI_BAR0_REGION, SCRATCH, &scratch, 4, &error));
  assert_no_error (error);
  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, SCRATCH, &value, 4, &error));
  assert_no_error (error);
  ck_assert_uint_eq (value, scratch);

  /* Longer than one message may be, over mapped and trapped parts alike. */
  for (guint i = 0; i < 65536; i++)
    written[i] = (guint8) (i * 7 + (i >> 8));
  ck_assert (vuc_device_region_write_full (device, VUC_PCI_BAR2_REGION, 0, written, 65536,
                                           VUC_ACCESS_MESSAGE_ONLY, &error));
  assert_no_error (error);
  ck_assert (vuc_device_region_read_full (device, VUC_PCI_BAR2_REGION, 0, read, 65536,
                                          VUC_ACCESS_MESSAGE_ONLY, &error));
  assert_no_error (error);
  assert_same_bytes (read, 65536, written, 65536);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
what_the_demo_device_refuses_it_can_be_asked_about (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) no_error = NULL;
  guint32 latch[3] = { 0 };

  ck_assert (!vuc_device_region_write (device, VUC_PCI_BAR0_REGION, 0x400, latch, 2, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "REGION_WRITE");
  ck_assert_int_eq (vuc_error_get_errno (error), EINVAL);
  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, ERROR_LATCH, latch, sizeof latch,
                                     &no_error));
  assert_no_error (no_error);
  ck_assert_uint_eq (latch[0], 1);
  ck_assert_uint_eq (latch[1], 0x400);
  ck_assert_uint_eq (latch[2], 2);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_read_asks_for_exactly_what_the_caller_wants),
  HARNESS_CASE (a_write_sends_exactly_what_the_caller_has),
  HARNESS_CASE (bits_that_mean_nothing_are_ignored),
  HARNESS_CASE (nothing_is_sent_for_an_access_of_nothing),
  HARNESS_CASE (a_long_read_is_split_at_what_the_server_takes),
  HARNESS_CASE (a_long_read_is_split_at_16_MiB),
  HARNESS_CASE (a_long_write_is_split_at_32_KiB),
  HARNESS_ROWS (a_long_write_is_split_by_whoever_wants_it_smaller, splits),
  HARNESS_CASE (a_configured_write_may_be_larger_than_usual),
  HARNESS_CASE (a_large_reply_may_come_in_any_pieces),
  HARNESS_CASE (a_refused_part_fails_the_whole_access),
  HARNESS_ROWS (nothing_outside_a_region_is_asked_for, outside),
  HARNESS_CASE (what_a_regions_flags_forbid_is_not_asked_for),
  HARNESS_ROWS (a_refusal_tells_the_errno_and_nothing_else_is_lost, refusals),
  HARNESS_CASE (a_refused_write_says_that_it_was_one),
  HARNESS_CASE (what_was_written_to_the_demo_device_can_be_read),
  HARNESS_CASE (what_the_demo_device_refuses_it_can_be_asked_about),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "access", cases);
}
