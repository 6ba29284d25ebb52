/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The canned handshake of the script server, byte by byte: what a client may ask, and what the
 * table of a device becomes on the wire.
 */

#include "harness.h"

#include "client.h"
#include "script-device.h"

#include <unistd.h>

/* Requests with the ids 1 (VERSION) and up; the payloads of the last two begin with argsz. */
#define ASK_VERSION "u16:1 u16:1 u32:20 u32:0 u32:0 | u16:0 u16:1 "
#define ASK_INFO "u16:2 u16:4 u32:32 u32:0 u32:0 | u32:16 u32:0 u32:0 u32:0 "
#define ASK_REGION(id, argsz, index) \
  "u16:" id " u16:5 u32:48 u32:0 u32:0 | u32:" argsz " u32:0 u32:" index " u32:0 u64:0 u64:0 "
#define ASK_IRQ(id, index) \
  "u16:" id " u16:7 u32:32 u32:0 u32:0 | u32:16 u32:0 u32:" index " u32:0 "

/* Replies: their headers. */
#define REGION_REPLY(id, size) "u16:" id " u16:5 u32:" size " u32:1 u32:0 | "
#define IRQ_REPLY(id) "u16:" id " u16:7 u32:32 u32:1 u32:0 | "

static const ScriptRegion regions[] = {
  { .size = 4096, .flags = 3 },
  { .size = 8192, .flags = 7, .offset = 4096, .fds = SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 16384 }) },
};

static const ScriptIrq irqs[] = {
  { .flags = 7, .count = 1 },
  { .flags = 9, .count = 16 },
};

static const ScriptDevice device = {
  .minor = 1, .json = "{}", .flags = 3,
  .regions = regions, .n_regions = G_N_ELEMENTS (regions),
  .irqs = irqs, .n_irqs = G_N_ELEMENTS (irqs),
};

static void
a_healthy_device_answers_all (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int memory;
  int fd;

  script_handshake (server, &device);
  fd = script_server_start (server);

  client_say (fd, ASK_VERSION);
  client_hear (fd, "u16:1 u16:1 u32:23 u32:1 u32:0 | u16:0 u16:1 '{}' 00");
  client_say (fd, ASK_INFO);
  client_hear (fd, "u16:2 u16:4 u32:32 u32:1 u32:0 | u32:16 u32:3 u32:2 u32:2");
  client_say (fd, ASK_REGION ("3", "32", "0") ASK_REGION ("4", "4096", "1")
                  ASK_IRQ ("5", "0") ASK_IRQ ("6", "1"));
  client_hear (fd, REGION_REPLY ("3", "48") "u32:32 u32:3 u32:0 u32:0 u64:4096 u64:0");
  ck_assert_uint_eq (client_hear_with_fds (fd, REGION_REPLY ("4", "48")
                                           "u32:32 u32:7 u32:1 u32:0 u64:8192 u64:4096",
                                           &memory, 1), 1);
  client_hear (fd, IRQ_REPLY ("5") "u32:16 u32:7 u32:0 u32:1");
  client_hear (fd, IRQ_REPLY ("6") "u32:16 u32:9 u32:1 u32:16");
  close (memory);
  close (fd);
  script_server_finish (server);
}

static void
what_is_pipelined_is_one_round_trip (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int memory;
  int fd;

  script_count_round_trips (server);
  script_handshake (server, &device);
  fd = script_server_start (server);

  client_say (fd, ASK_VERSION);
  client_hear (fd, "??*23");
  client_say (fd, ASK_INFO);
  client_hear (fd, "??*32");
  client_say (fd, ASK_REGION ("3", "32", "0") ASK_REGION ("4", "4096", "1"));
  client_say (fd, ASK_IRQ ("5", "0") ASK_IRQ ("6", "1"));
  ck_assert_uint_eq (client_hear_with_fds (fd, "??*160", &memory, 1), 1);
  close (memory);
  close (fd);
  script_server_finish (server);
  ck_assert_uint_eq (script_server_get_round_trips (server), 3);
}

static void
capabilities_follow_if_argsz_has_room_for_them (void)
{
  static const ScriptRegion with_type[] = {
    { .size = 16, .flags = 1, .capabilities = "u16:2 u16:1 u32:0 | u32:0x8086 u32:1" },
    { .size = 32, .flags = 1 },
  };
  const ScriptDevice typed = { .regions = with_type, .n_regions = 2 };
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_queries (server, &typed);
  fd = script_server_start (server);

  client_say (fd, ASK_REGION ("1", "32", "0"));
  client_hear (fd, REGION_REPLY ("1", "48") "u32:48 u32:1 u32:0 u32:0 u64:16 u64:0");
  client_say (fd, ASK_REGION ("2", "32", "1"));
  client_hear (fd, REGION_REPLY ("2", "48") "u32:32 u32:1 u32:1 u32:0 u64:32 u64:0");
  client_say (fd, ASK_REGION ("3", "48", "0"));
  client_hear (fd, REGION_REPLY ("3", "64") "u32:48 u32:9 u32:0 u32:32 u64:16 u64:0 |"
                                            "u16:2 u16:1 u32:0 | u32:0x8086 u32:1");
  close (fd);
  script_server_finish (server);
}

static const ScriptRegion lies[] = {
  { .error = 22 },
  { .raw = "id u16:5 u32:18 u32:1 u32:0 | 'ab'", .fds = SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }) },
};

static void
an_entry_can_be_an_error_or_raw_bytes (void)
{
  static const ScriptIrq irq_lies[] = {
    { .error = 5 },
    { .raw = "id u16:99 u32:16 u32:1 u32:0" },
  };
  const ScriptDevice liar = { .regions = lies, .n_regions = 2, .irqs = irq_lies, .n_irqs = 2 };
  g_autoptr(ScriptServer) server = script_server_new ();
  int eventfd;
  int fd;

  script_queries (server, &liar);
  fd = script_server_start (server);

  client_say (fd, ASK_REGION ("1", "32", "0") ASK_REGION ("2", "32", "1")
                  ASK_IRQ ("3", "0") ASK_IRQ ("4", "1"));
  client_hear (fd, "u16:1 u16:5 u32:16 u32:0x21 u32:22");
  ck_assert_uint_eq (client_hear_with_fds (fd, "u16:2 u16:5 u32:18 u32:1 u32:0 | 'ab'",
                                           &eventfd, 1), 1);
  client_hear (fd, "u16:3 u16:7 u32:16 u32:0x21 u32:5");
  client_hear (fd, "u16:4 u16:99 u32:16 u32:1 u32:0");
  close (eventfd);
  close (fd);
  script_server_finish (server);
}

typedef struct
{
  const char *name;
  void (*write) (ScriptServer *server, const ScriptDevice *device);
  const char *said;
  const char *complaint;
} Lapse;

static const Lapse lapses[] = {
  { "another command than VERSION", script_version, ASK_INFO,
    "step 1 (VERSION): command 4 (DEVICE_GET_INFO) of 32 bytes came, expected VERSION" },
  { "a VERSION without its fixed part", script_version, "u16:1 u16:1 u32:18 u32:0 u32:0 | u16:0",
    "step 1 (VERSION): command 1 (VERSION) of 18 bytes came" },
  { "info with what is for the reply", script_device_info,
    "u16:2 u16:4 u32:32 u32:0 u32:0 | u32:16 u32:0 u32:9 u32:0 ",
    "step 1 (DEVICE_GET_INFO): command 4 (DEVICE_GET_INFO) came, expected DEVICE_GET_INFO" },
  { "info that is too short", script_device_info, "u16:2 u16:4 u32:20 u32:0 u32:0 | u32:16",
    "4 bytes came, expected 16\n" },
  { "a reply instead of info", script_device_info, "u16:2 u16:4 u32:16 u32:1 u32:0",
    "command 4 (DEVICE_GET_INFO) came, expected DEVICE_GET_INFO" },
  { "regions out of order", script_queries, ASK_REGION ("1", "32", "1"),
    "byte 8 is 01, expected 00" },
  { "an interrupt before all regions", script_queries,
    ASK_REGION ("1", "32", "0") ASK_IRQ ("2", "0"),
    "command 7 (DEVICE_GET_IRQ_INFO) came, expected DEVICE_GET_REGION_INFO" },
};

static void
a_lapse_is_reported (gconstpointer row)
{
  const Lapse *lapse = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree char *why = NULL;
  int fd;

  lapse->write (server, &device);
  fd = script_server_start (server);
  client_say (fd, lapse->said);
  why = script_server_check (server);
  assert_contains (why, lapse->complaint);
  close (fd);
}

static void
the_pci_device_has_nine_regions_and_five_interrupts (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_version (server, &script_pci_device);
  script_device_info (server, &script_pci_device);
  fd = script_server_start (server);

  client_say (fd, ASK_VERSION);
  client_hear (fd, "u16:1 u16:1 u32:84 u32:1 u32:0 | u16:0 u16:0 |"
                   "'{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}' 00");
  client_say (fd, ASK_INFO);
  client_hear (fd, "u16:2 u16:4 u32:32 u32:1 u32:0 | u32:16 u32:3 u32:9 u32:5");
  close (fd);
  script_server_finish (server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_healthy_device_answers_all),
  HARNESS_CASE (what_is_pipelined_is_one_round_trip),
  HARNESS_CASE (capabilities_follow_if_argsz_has_room_for_them),
  HARNESS_CASE (an_entry_can_be_an_error_or_raw_bytes),
  HARNESS_ROWS (a_lapse_is_reported, lapses),
  HARNESS_CASE (the_pci_device_has_nine_regions_and_five_interrupts),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "script-device", cases);
}
