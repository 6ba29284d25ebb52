/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Lies that a server tells while it is connected to: what it does, and with which words connecting
 * fails.  After each the harness sees to it that nothing crashed, hangs or was left open.
 */

#include <errno.h>

#include "conversation/connect.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* The header of a success reply to the last command; size is that of the whole message. */
#define REPLY(command, size) "id u16:" #command " u32:" #size " u32:1 u32:0 | "

#define EVENTFD { SCRIPT_FD_EVENTFD, 0 }

static void
expect_failure (ScriptServer *server, VucError code, const char *text)
{
  connect_and_expect (script_server_start (server), NULL, code, text);
  script_server_finish (server);
}

/* ---- Messages: in place of the reply to VERSION ---- */

typedef struct
{
  const char *name;
  const char *said;
  const ScriptFd *fds;
  gboolean hangs_up;
  VucError code;
  const char *text;
} MessageRow;

static const MessageRow message_lies[] = {
  { "a size below the header's", "id u16:1 u32:15 u32:1 u32:0", NULL, FALSE, VUC_ERROR_PROTOCOL,
    "message header of VERSION: size 15, allowed are 16 to " },
  { "a size of 0", "id u16:1 u32:0 u32:1 u32:0", NULL, FALSE, VUC_ERROR_PROTOCOL,
    "size 0, allowed are 16 to 16404" },
  { "a size of 4 GiB", "id u16:1 u32:0xffffffff u32:1 u32:0", NULL, FALSE, VUC_ERROR_PROTOCOL,
    "size 4294967295, allowed are 16 to 16404" },
  { "an error reply of 4 GiB", "id u16:1 u32:0xffffffff u32:0x21 u32:22", NULL, FALSE,
    VUC_ERROR_PROTOCOL, "size 4294967295, allowed are 16 to 16404" },
  { "neither command nor reply", "id u16:1 u32:20 u32:2 u32:0", NULL, FALSE, VUC_ERROR_PROTOCOL,
    "message header: type 2, allowed are 0 (command) and 1 (reply)" },
  { "the last type", "id u16:1 u32:20 u32:15 u32:0", NULL, FALSE, VUC_ERROR_PROTOCOL, "type 15, " },
  { "another protocol", "'HTTP/1.1 400 Bad Request'", NULL, FALSE, VUC_ERROR_PROTOCOL,
    "waiting for the reply to VERSION: message header" },
  { "a reply to nothing", "u16:0x7fff u16:1 u32:20 u32:1 u32:0 00*4", NULL, FALSE,
    VUC_ERROR_PROTOCOL, "VERSION reply: message id 32767 is not pending" },
  { "a reply to an id above all", "u16:0xffff u16:1 u32:20 u32:1 u32:0 00*4", NULL, FALSE,
    VUC_ERROR_PROTOCOL, "message id 65535 is not pending" },
  { "a reply to another command", REPLY (4, 20) "00*4", NULL, FALSE, VUC_ERROR_PROTOCOL,
    "DEVICE_GET_INFO reply: message id" },
  { "a reply to a command that there is not", REPLY (4711, 20) "00*4", NULL, FALSE,
    VUC_ERROR_PROTOCOL, "command 4711 reply: message id" },
  { "a reply without payload", REPLY (1, 16), NULL, FALSE, VUC_ERROR_PROTOCOL,
    "VERSION reply: payload 0, expected 4 to 16388" },
  { "half of the fixed part", REPLY (1, 19) "00*3", NULL, FALSE, VUC_ERROR_PROTOCOL,
    "VERSION reply: payload 3, expected 4 to 16388" },
  { "a command before negotiation", "u16:5 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4096", NULL, FALSE,
    VUC_ERROR_PROTOCOL, "DMA_READ command from the server before negotiation" },
  { "a command with a descriptor", "u16:5 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4096",
    SCRIPT_FDS (EVENTFD), FALSE, VUC_ERROR_PROTOCOL,
    "DMA_READ command: 1 descriptors came, allowed is none" },
  { "a refusal", "id u16:1 u32:16 u32:0x21 u32:22", NULL, FALSE, VUC_ERROR_REMOTE,
    "the server refused VERSION: Invalid argument (errno 22)" },
  /* Some servers say why they cannot agree, and hang up. */
  { "a refusal, and the end", "id u16:1 u32:16 u32:0x21 u32:22", NULL, TRUE, VUC_ERROR_REMOTE,
    "the server refused VERSION" },
  { "an end in the header", "id u16:1 u32:20", NULL, TRUE, VUC_ERROR_PROTOCOL,
    "closed the connection in the middle of a message header" },
  { "an end in the payload", REPLY (1, 20) "00*3", NULL, TRUE, VUC_ERROR_PROTOCOL,
    "closed the connection in the middle of a VERSION message" },
};

static void
a_message_is_refused (gconstpointer data)
{
  const MessageRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();

  script_expect_command (server, 1, NULL);
  if (row->fds != NULL)
    script_send_fds (server, row->said, row->fds);
  else
    script_send (server, row->said);
  if (row->hangs_up)
    script_close (server);
  expect_failure (server, row->code, row->text);
}

static void
a_second_reply_is_a_reply_to_nothing (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();

  script_expect_command (server, 1, NULL);
  script_reply (server, "00*4");
  script_expect_command (server, 4, NULL);
  script_reply_to (server, 1, "00*4");
  expect_failure (server, VUC_ERROR_PROTOCOL, "VERSION reply: message id 0 is not pending");
}

/* ---- VERSION ---- */

typedef struct
{
  const char *name;
  const char *payload;
  const char *text;
} VersionRow;

#define JSON(text) "00*4 '" text "' 00"
#define CAPABILITIES(text) JSON ("{\"capabilities\":{" text "}}")

static const VersionRow version_lies[] = {
  { "another major version", "u16:1 u16:0", "VERSION reply: major version 1, expected 0" },
  { "a later minor version", "u16:0 u16:9", "VERSION reply: minor version 9, allowed are 0 to " },
  { "no NUL", "00*4 '{}'", "JSON of 2 bytes does not end with a NUL" },
  { "two NULs", "00*4 '{}' 00 00", "has a NUL at byte 2, only the last may be one" },
  { "a NUL inside", "00*4 '{' 00 '}' 00", "has a NUL at byte 1" },
  { "half of an object", JSON ("{\"capabilities\":"), "VERSION reply: JSON, after " },
  { "no JSON", JSON ("hello"), "VERSION reply: JSON, after " },
  { "not UTF-8", "00*4 '{\"a\":\"' ff '\"}' 00", "VERSION reply: JSON, after " },
  { "a byte order mark", "00*4 ef bb bf '{}' 00", "VERSION reply: JSON, after " },
  { "an escaped NUL", JSON ("{\"a\":\"\\u0000\"}"), "VERSION reply: JSON, after " },
  { "two values of one name", JSON ("{\"a\":1,\"a\":1}"), "VERSION reply: JSON, after " },
  { "an array", JSON ("[]"), "expected an object, got an array" },
  { "9 levels", JSON ("{\"a\":[[[[[[[[1]]]]]]]]}"), "JSON nests deeper than 8 levels" },
  { "10000 levels", "00*4 '['*10000 00", "VERSION reply: JSON" },
  { "capabilities that are none", JSON ("{\"capabilities\":7}"),
    "capabilities: expected an object, got 7" },
  { "a number in words", CAPABILITIES ("\"max_msg_fds\":\"8\""),
    "capabilities.max_msg_fds: expected a whole number of 0 to 9223372036854775807, got \"8\"" },
  { "a whole fraction", CAPABILITIES ("\"max_dma_maps\":8.0"), "max_dma_maps: expected a whole" },
  { "an exponent", CAPABILITIES ("\"max_dma_maps\":1e3"), "max_dma_maps: expected a whole" },
  { "a negative number", CAPABILITIES ("\"max_msg_fds\":-1"), "whole number of 0 to 922337203685477"
    "5807, got -1" },
  { "a number above all", CAPABILITIES ("\"max_dma_maps\":9223372036854775808"),
    "VERSION reply: JSON, after " },
  { "null", CAPABILITIES ("\"pgsizes\":null"), "pgsizes: expected a whole number" },
  { "no data", CAPABILITIES ("\"max_data_xfer_size\":0"),
    "capabilities.max_data_xfer_size: expected a whole number of 1 to 9223372036854775807, got 0" },
  { "no page size", CAPABILITIES ("\"pgsizes\":0"),
    "capabilities.pgsizes: expected a whole number" },
  { "a draft's message that is too small", CAPABILITIES ("\"max_msg_size\":4095"),
    "capabilities.max_msg_size: expected a whole number of 4096 to" },
  { "a switch that is a number", CAPABILITIES ("\"write_multiple\":1"),
    "capabilities.write_multiple: expected true or false, got 1" },
  { "an object that is none", CAPABILITIES ("\"migration\":true"),
    "capabilities.migration: expected an object, got true" },
  { "a twin socket that did not come",
    CAPABILITIES ("\"twin_socket\":{\"supported\":true,\"fd_index\":1}"),
    "twin_socket.fd_index: names none of the 1 descriptors that came" },
  { "16 KiB and a byte", "00*4 '{\"a\":\"' 'x'*16376 '\"}' 00",
    "VERSION: size 16405, allowed are 16 to 16404" },
};

static void
a_version_is_refused (gconstpointer data)
{
  const VersionRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();

  script_expect_command (server, 1, NULL);
  script_reply_fds (server, row->payload, SCRIPT_FDS ({ SCRIPT_FD_SOCKET, 0 }));
  expect_failure (server, VUC_ERROR_PROTOCOL, row->text);
}

/* ---- DEVICE_GET_INFO ---- */

typedef struct
{
  const char *name;
  const char *said;
  const ScriptFd *fds;
  VucError code;
  const char *text;
} InfoRow;

static const InfoRow info_lies[] = {
  { "half of it", REPLY (4, 24) "u32:16 u32:2", NULL, VUC_ERROR_PROTOCOL,
    "DEVICE_GET_INFO reply: payload 8, expected 16" },
  { "more than there is", REPLY (4, 36) "u32:16 u32:2 u32:9 u32:5 u32:0", NULL, VUC_ERROR_PROTOCOL,
    "DEVICE_GET_INFO reply: payload 20, expected 16" },
  { "an argsz too small", REPLY (4, 32) "u32:15 u32:2 u32:9 u32:5", NULL, VUC_ERROR_PROTOCOL,
    "DEVICE_GET_INFO reply: argsz 15, allowed are 16 to 1048576" },
  { "an argsz too large", REPLY (4, 32) "u32:1048577 u32:2 u32:9 u32:5", NULL, VUC_ERROR_PROTOCOL,
    "argsz 1048577, allowed are 16 to 1048576" },
  { "4 billion regions", REPLY (4, 32) "u32:16 u32:2 u32:0xffffffff u32:5", NULL,
    VUC_ERROR_PROTOCOL, "num_regions 4294967295, allowed are 0 to 256" },
  { "one region too many", REPLY (4, 32) "u32:16 u32:2 u32:257 u32:5", NULL, VUC_ERROR_PROTOCOL,
    "num_regions 257, allowed are 0 to 256" },
  { "4 billion interrupt indexes", REPLY (4, 32) "u32:16 u32:2 u32:9 u32:0xffffffff", NULL,
    VUC_ERROR_PROTOCOL, "num_irqs 4294967295, allowed are 0 to 64" },
  { "a descriptor", REPLY (4, 32) "u32:16 u32:2 u32:9 u32:5", SCRIPT_FDS (EVENTFD),
    VUC_ERROR_PROTOCOL, "DEVICE_GET_INFO reply: 1 descriptors came, allowed is none" },
  { "a refusal", "id u16:4 u32:16 u32:0x21 u32:1", NULL, VUC_ERROR_REMOTE,
    "the server refused DEVICE_GET_INFO" },
};

static void
a_description_of_the_device_is_refused (gconstpointer data)
{
  const InfoRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();

  script_version (server, &script_pci_device);
  script_expect_command (server, 4, NULL);
  if (row->fds != NULL)
    script_send_fds (server, row->said, row->fds);
  else
    script_send (server, row->said);
  expect_failure (server, row->code, row->text);
}

/* ---- DEVICE_GET_REGION_INFO ---- */

typedef struct
{
  const char *name;
  ScriptRegion region; /* the second of a device's two */
  const char *text;
} RegionRow;

/* A region of 64 KiB with these capabilities. */
#define CHAIN(text, ...) { .size = 0x10000, .flags = 7, .capabilities = text, __VA_ARGS__ }
#define MEMFD .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x10000 })
#define SPARSE(n, areas) "u16:1 u16:1 u32:0 | u32:" #n " u32:0 | " areas
#define SPARSE_FDS(n, areas) "u16:0x8001 u16:1 u32:0 | u32:" #n " u32:0 | " areas
#define AREA(offset, size) "u64:" #offset " u64:" #size " "

static const RegionRow region_lies[] = {
  { "half of it", { .raw = REPLY (5, 32) "u32:32 u32:0 u32:1 u32:0" },
    "DEVICE_GET_REGION_INFO reply: payload 16, expected 32 to " },
  { "more than was asked for", { .raw = REPLY (5, 2064) "u32:2048 u32:0 u32:1 u32:0 00*2032" },
    "DEVICE_GET_REGION_INFO reply: payload 2048, expected 32 to " },
  { "another region", { .raw = REPLY (5, 48) "u32:32 u32:0 u32:7 u32:0 u64:0 u64:0" },
    "DEVICE_GET_REGION_INFO reply of region 1: index 7, expected 1" },
  { "an argsz too small", { .raw = REPLY (5, 48) "u32:31 u32:0 u32:1 u32:0 u64:0 u64:0" },
    "region 1: argsz 31, allowed are 32 to 1048576" },
  { "an argsz too large", { .raw = REPLY (5, 48) "u32:1048577 u32:0 u32:1 u32:0 u64:0 u64:0" },
    "region 1: argsz 1048577, allowed are 32 to 1048576" },
  { "an end that wraps", { .size = 2, .flags = 3, .offset = G_MAXUINT64 },
    "region 1: offset 0xffffffffffffffff + size 0x2 overflows" },
  { "nothing that can be mapped", { .size = 0, .flags = 7, MEMFD },
    "region 1: the MMAP flag is set, but the size is 0" },
  { "a chain that begins in the structure",
    { .raw = REPLY (5, 64) "u32:48 u32:9 u32:1 u32:16 u64:16 u64:0 | u16:2 u16:1 u32:0 u64:0" },
    "region 1: capability at offset 16, allowed are 32 to 40" },
  { "a chain that begins behind the end",
    { .raw = REPLY (5, 64) "u32:48 u32:9 u32:1 u32:41 u64:16 u64:0 | u16:2 u16:1 u32:0 u64:0" },
    "region 1: capability at offset 41, allowed are 32 to 40" },
  { "a chain where there is no room for one",
    { .raw = REPLY (5, 48) "u32:32 u32:9 u32:1 u32:32 u64:16 u64:0" },
    "region 1: capability at offset 32 does not fit into the payload of 32 bytes" },
  { "a chain that leads outside", CHAIN ("u16:9 u16:1 u32:0xfffffff8 00*8"),
    "region 1: capability at offset 4294967288, allowed are 32 to 40" },
  { "a chain that leads into the structure", CHAIN ("u16:9 u16:1 u32:4 00*8"),
    "region 1: capability at offset 4, allowed are 32 to 40" },
  { "a capability that leads to itself", CHAIN ("u16:9 u16:1 u32:32"),
    "region 1: the chain of capabilities from offset 32 goes round in a loop" },
  { "a chain that goes round",
    CHAIN ("u16:9 u16:1 u32:48 | u16:9 u16:1 u32:32 | u16:9 u16:1 u32:40"),
    "goes round in a loop" },
  { "a type that is cut off", CHAIN ("u16:2 u16:1 u32:0 u32:5"),
    "region 1: capability at offset 32 does not fit into the payload of 44 bytes" },
  { "sparse areas that are cut off", CHAIN ("u16:1 u16:1 u32:0 u32:0", MEMFD),
    "region 1: capability at offset 32 does not fit into the payload of 44 bytes" },
  { "one sparse area too many", CHAIN (SPARSE (2, AREA (0, 4096) "u64:8192"), MEMFD),
    "region 1: capability at offset 32 has 2 sparse areas, the payload has room for 1" },
  { "4 billion sparse areas", CHAIN (SPARSE (0xffffffff, ""), MEMFD),
    "has 4294967295 sparse areas, the payload has room for 0" },
  { "so many sparse areas that 32 bits wrap", CHAIN (SPARSE (0x10000001, AREA (0, 4096)), MEMFD),
    "has 268435457 sparse areas, the payload has room for 1" },
  { "two sparse capabilities",
    CHAIN ("u16:1 u16:1 u32:48 u64:0 | u16:1 u16:1 u32:0 u64:0", MEMFD),
    "region 1: sparse mmap capabilities at offsets 32 and 48, one is allowed" },
  { "an empty sparse area", CHAIN (SPARSE (2, AREA (0, 4096) AREA (8192, 0)), MEMFD),
    "region 1: sparse area 1 is empty" },
  { "a sparse area outside the region", CHAIN (SPARSE (1, AREA (0xf000, 0x1001)), MEMFD),
    "sparse area 0: offset 0xf000 + size 0x1001 is not inside the region of size 0x10000" },
  { "a sparse area that wraps", CHAIN (SPARSE (1, AREA (0xfffffffffffff000, 0x2000)), MEMFD),
    "sparse area 0: offset 0xfffffffffffff000 + size 0x2000 is not inside" },
  { "sparse areas that overlap",
    CHAIN (SPARSE (3, AREA (0x4000, 4096) AREA (0, 4097) AREA (4096, 4096)), MEMFD),
    "region 1: sparse areas at offsets 0x0 and 0x1000 overlap" },
  { "a sparse area of a file that did not come",
    CHAIN (SPARSE_FDS (1, "u64:0 u64:0 u64:4096 u32:1 u32:0"), MEMFD),
    "region 1: sparse area 0 has fd_index 1, allowed are 0 to 0" },
  { "a sparse area whose place in its file wraps",
    CHAIN (SPARSE_FDS (1, "u64:0 u64:0xfffffffffffff001 u64:4096 u32:0 u32:0"), MEMFD),
    "sparse area 0: fd_offset 0xfffffffffffff001 + size 0x1000 overflows" },
};

static void
a_description_of_a_region_is_refused (gconstpointer data)
{
  const RegionRow *row = data;
  const ScriptRegion regions[] = { { .size = 4096, .flags = 3 }, row->region };
  const ScriptDevice script = { .json = "{\"capabilities\":{\"sparse_mmap_fds\":true}}",
                                .regions = regions, .n_regions = G_N_ELEMENTS (regions) };
  g_autoptr(ScriptServer) server = script_server_new ();

  script_handshake (server, &script);
  expect_failure (server, VUC_ERROR_PROTOCOL, row->text);
}

static void
a_reply_that_wants_more_room_each_time_is_refused (void)
{
  const ScriptDevice script = { .n_regions = 1 };
  g_autoptr(ScriptServer) server = script_server_new ();

  script_version (server, &script);
  script_device_info (server, &script);
  script_expect_command (server, 5, NULL);
  script_reply (server, "u32:2000 u32:0 u32:0 u32:0 u64:0 u64:0");
  script_expect_command (server, 5, NULL);
  script_reply (server, "u32:2001 u32:0 u32:0 u32:0 u64:0 u64:0");
  expect_failure (server, VUC_ERROR_PROTOCOL, "region 0: argsz grew from 2000 to 2001");
}

/* The first byte of a message is where descriptors belong. */
static void
descriptors_in_the_middle_of_a_message_are_refused (void)
{
  const ScriptDevice script = { .n_regions = 1 };
  g_autoptr(ScriptServer) server = script_server_new ();

  script_version (server, &script);
  script_device_info (server, &script);
  script_expect_command (server, 5, NULL);
  script_send (server, REPLY (5, 48) "u32:32 u32:7");
  script_delay_ms (server, 20);
  script_send_fds (server, "u32:0 u32:0 u64:4096 u64:0", SCRIPT_FDS (EVENTFD));
  expect_failure (server, VUC_ERROR_PROTOCOL,
                  "DEVICE_GET_REGION_INFO message: descriptors came in the middle of it");
}

/* ---- DEVICE_GET_IRQ_INFO ---- */

typedef struct
{
  const char *name;
  const char *said;
  const char *text;
} IrqRow;

static const IrqRow irq_lies[] = {
  { "half of it", REPLY (7, 24) "u32:16 u32:1",
    "DEVICE_GET_IRQ_INFO reply: payload 8, expected 16" },
  { "more than there is", REPLY (7, 36) "u32:20 u32:1 u32:1 u32:1 u32:0",
    "DEVICE_GET_IRQ_INFO reply: payload 20, expected 16" },
  { "another index", REPLY (7, 32) "u32:16 u32:1 u32:0 u32:1",
    "DEVICE_GET_IRQ_INFO reply of index 1: index 0, expected 1" },
  { "an argsz too small", REPLY (7, 32) "u32:0 u32:1 u32:1 u32:1",
    "index 1: argsz 0, allowed are 16 to 1048576" },
  { "an argsz too large", REPLY (7, 32) "u32:0xffffffff u32:1 u32:1 u32:1",
    "index 1: argsz 4294967295, allowed are 16 to 1048576" },
  { "one interrupt too many", REPLY (7, 32) "u32:16 u32:1 u32:1 u32:2049",
    "index 1: count 2049, allowed are 0 to 2048" },
};

static void
a_description_of_interrupts_is_refused (gconstpointer data)
{
  const IrqRow *row = data;
  const ScriptIrq irqs[] = { { .flags = 1, .count = 1 }, { .raw = row->said } };
  const ScriptDevice script = { .irqs = irqs, .n_irqs = G_N_ELEMENTS (irqs) };
  g_autoptr(ScriptServer) server = script_server_new ();

  script_handshake (server, &script);
  expect_failure (server, VUC_ERROR_PROTOCOL, row->text);
}

static void
descriptors_with_interrupts_are_refused (void)
{
  const ScriptDevice script = { .n_irqs = 1 };
  g_autoptr(ScriptServer) server = script_server_new ();

  script_version (server, &script);
  script_device_info (server, &script);
  script_expect_command (server, 7, NULL);
  script_reply_fds (server, "u32:16 u32:1 u32:0 u32:1", SCRIPT_FDS (EVENTFD));
  expect_failure (server, VUC_ERROR_PROTOCOL,
                  "DEVICE_GET_IRQ_INFO reply: 1 descriptors came, allowed is none");
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_message_is_refused, message_lies),
  HARNESS_CASE (a_second_reply_is_a_reply_to_nothing),
  HARNESS_ROWS (a_version_is_refused, version_lies),
  HARNESS_ROWS (a_description_of_the_device_is_refused, info_lies),
  HARNESS_ROWS (a_description_of_a_region_is_refused, region_lies),
  HARNESS_CASE (a_reply_that_wants_more_room_each_time_is_refused),
  HARNESS_CASE (descriptors_in_the_middle_of_a_message_are_refused),
  HARNESS_ROWS (a_description_of_interrupts_is_refused, irq_lies),
  HARNESS_CASE (descriptors_with_interrupts_are_refused),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "lies-connect", cases);
}
