/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Lies about guest memory, and floods of DMA: wrong replies to DMA_MAP and DMA_UNMAP, commands where
 * none may come, a server that asks for more than it reads or never stops.  That single commands are
 * refused, and touch nothing, is in conversation/test-dma-service.c.
 */

#include <sys/mman.h>

#include "conversation/connect.h"
#include "conversation/dma-memory.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define IOVA 0x100000
#define SIZE (1024 * 1024)

/* The same for a map and an unmap: of a page. */
#define PAGE 4096

static void
expect_dead (VucDevice *device, VucError code, const char *text)
{
  g_autoptr (GError) error = NULL;
  char data[4];

  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_error (error, VUC_ERROR, code, text);
}

/* --- Replies --- */

typedef struct
{
  const char *name;
  guint16 command; /* that is answered like this */
  const char *said;
  const ScriptFd *fds;
  const char *text;
} ReplyRow;

static const ReplyRow replies[] = {
  { "a mapping, with a byte", DMA_MAP, "id u16:2 u32:17 u32:1 u32:0 | 00", NULL,
    "DMA_MAP reply: payload 1, expected 0" },
  { "a mapping, with its own payload", DMA_MAP, "id u16:2 u32:48 u32:1 u32:0 | 00*32", NULL,
    "DMA_MAP reply: payload 32, expected 0" },
  { "a mapping, with a descriptor", DMA_MAP, "id u16:2 u32:16 u32:1 u32:0",
    SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }), "DMA_MAP reply: 1 descriptors came, allowed is none" },
  { "a mapping, as if it were an unmapping", DMA_MAP, "id u16:3 u32:16 u32:1 u32:0", NULL,
    "DMA_UNMAP reply: message id" },
  { "an unmapping, of another address", DMA_UNMAP,
    "id u16:3 u32:40 u32:1 u32:0 | u32:24 u32:0 u64:0x101000 u64:4096", NULL,
    "DMA_UNMAP reply: address 0x101000, size 0x1000; expected address 0x100000, size 0x1000" },
  { "an unmapping, of another size", DMA_UNMAP,
    "id u16:3 u32:40 u32:1 u32:0 | u32:24 u32:0 u64:0x100000 u64:8192", NULL,
    "DMA_UNMAP reply: address 0x100000, size 0x2000" },
  { "an unmapping, too short", DMA_UNMAP, "id u16:3 u32:39 u32:1 u32:0 | 00*23", NULL,
    "DMA_UNMAP reply: payload 23" },
  { "an unmapping, too long", DMA_UNMAP,
    "id u16:3 u32:41 u32:1 u32:0 | u32:24 u32:0 u64:0x100000 u64:4096 00", NULL,
    "DMA_UNMAP reply: payload 25, expected 0 to 24" },
  { "an unmapping, much too long", DMA_UNMAP, "id u16:3 u32:1000016 u32:1 u32:0 | 00*1000000", NULL,
    "DMA_UNMAP reply: payload 1000000" },
  { "an unmapping, with a descriptor", DMA_UNMAP, "id u16:3 u32:16 u32:1 u32:0",
    SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 4096 }), "DMA_UNMAP reply: 1 descriptors came" },
};

static void
a_lie_in_a_reply_is_fatal (gconstpointer data)
{
  const ReplyRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  VucDmaRegion region;
  DmaMemory ram;

  dma_memory_init (&ram, PAGE);
  region = dma_memory_region (&ram, IOVA, DMA_BOTH);
  script_handshake (server, &script_pci_device);
  if (row->command == DMA_UNMAP)
    script_dma_map (server, IOVA, PAGE, 3);
  script_expect_command (server, row->command, NULL);
  script_may_end_early (server);
  if (row->fds != NULL)
    script_send_fds (server, row->said, row->fds);
  else
    script_send (server, row->said);
  device = connect_to (script_server_start (server));
  if (row->command == DMA_MAP)
    {
      g_autoptr (GError) error = NULL;

      ck_assert (!vuc_device_dma_map (device, &region, &error));
      assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, row->text);
    }
  else
    {
      /* The server is gone, and what it had with it. */
      dma_map_or_fail (device, &region);
      dma_unmap_or_fail (device, &region);
    }
  expect_dead (device, VUC_ERROR_PROTOCOL, row->text);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  dma_memory_clear (&ram);
  vuc_device_close (device);
  script_server_finish (server);
}

/* --- Commands out of place --- */

#define DMA_READ "u16:77 u16:11 u32:32 u32:0 u32:0 | u64:0x100000 u64:4"

static void
a_command_before_negotiation_is_fatal (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();

  script_expect_command (server, 1, NULL);
  script_may_end_early (server);
  script_send (server, DMA_READ);
  connect_and_expect (script_server_start (server), NULL, VUC_ERROR_PROTOCOL,
                      "DMA_READ command from the server before negotiation");
  script_server_finish (server);
}

static const ScriptFd one_socket[] = { { SCRIPT_FD_SOCKET, 0 }, { SCRIPT_FD_END, 0 } };

static void
a_command_on_the_wrong_socket_is_fatal (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  VucDmaRegion region;
  DmaMemory ram;

  dma_memory_init (&ram, PAGE);
  region = dma_memory_region (&ram, IOVA, DMA_BOTH);
  script_expect_command (server, 1, NULL);
  script_reply_fds (server,
                    "u16:0 u16:0 '{\"capabilities\":{\"twin_socket\":"
                    "{\"supported\":true,\"fd_index\":0}}}' 00",
                    one_socket);
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  script_dma_map (server, IOVA, PAGE, 3);
  script_expect_command (server, 9, NULL);
  script_may_end_early (server);
  script_send (server, DMA_READ);
  device = connect_to (script_server_start (server));
  dma_map_or_fail (device, &region);
  expect_dead (device, VUC_ERROR_PROTOCOL,
               "DMA_READ command from the server on the main socket, although there is a twin");
  dma_unmap_or_fail (device, &region);
  dma_memory_clear (&ram);
  vuc_device_close (device);
  script_server_finish (server);
}

/* --- Floods --- */

typedef struct
{
  const char *name;
  const char *said; /* over and over, in place of a reply */
  gboolean in_loop;
  VucError code;
  const char *text;
} FloodRow;

#define UNREAD "u16:1 u16:11 u32:32 u32:0 u32:0 | u64:0x100000 u64:1048576"
#define SILENT "u16:1 u16:11 u32:32 u32:0x10 u32:0 | u64:0x100000 u64:1048576"
#define WRITES "u16:1 u16:12 u32:4128 u32:0x10 u32:0 | u64:0x100000 u64:4096 61*4096"
#define BAD    "u16:1 u16:11 u32:32 u32:0 u32:0 | u64:0x900000 u64:4"

static const FloodRow floods[] = {
  { "answers of 1 MiB that are not read", UNREAD, FALSE, VUC_ERROR_PROTOCOL,
    "the server did not read the answer to its command" },
  { "answers of 1 MiB that are not read, in a loop", UNREAD, TRUE, VUC_ERROR_PROTOCOL,
    "the server did not read the answer to its command" },
  { "refusals that are not read", BAD, FALSE, VUC_ERROR_PROTOCOL,
    "the server did not read the answer to its command" },
  { "refusals that are not read, in a loop", BAD, TRUE, VUC_ERROR_PROTOCOL,
    "the server did not read the answer to its command" },
  { "reads that want no answer", SILENT, FALSE, VUC_ERROR_TIMED_OUT, "did not reply in time" },
  { "reads that want no answer, in a loop", SILENT, TRUE, VUC_ERROR_TIMED_OUT,
    "did not reply in time" },
  { "writes that want no answer", WRITES, FALSE, VUC_ERROR_TIMED_OUT, "did not reply in time" },
  { "writes that want no answer, in a loop", WRITES, TRUE, VUC_ERROR_TIMED_OUT,
    "did not reply in time" },
};

/* Whichever deadline passes first: that of the call, or that of the answer. */
static void
expect_end_of_flood (const FloodRow *row, const GError *error)
{
  if (row->code == VUC_ERROR_PROTOCOL && g_error_matches (error, VUC_ERROR, VUC_ERROR_TIMED_OUT))
    return;
  assert_error (error, VUC_ERROR, row->code, row->text);
}

static void
a_flood_holds_nobody_longer_than_the_deadline (gconstpointer data)
{
  const FloodRow *row = data;
  g_autoptr (VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (Outcome) outcome = outcome_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  VucDmaRegion region;
  VucOperation operation;
  DmaMemory ram;
  gint64 start;
  char bytes[4];

  dma_memory_init (&ram, SIZE);
  region = dma_memory_region (&ram, IOVA, DMA_BOTH);
  script_handshake (server, &script_pci_device);
  script_dma_map (server, IOVA, SIZE, 3);
  script_expect_command (server, 9, NULL);
  script_may_end_early (server);
  script_flood (server, 10000000, row->said);
  device = connect_with (script_server_start (server), config);
  dma_map_or_fail (device, &region);

  start = g_get_monotonic_time ();
  if (row->in_loop)
    {
      operation = vuc_device_region_read_async (device, 7, 0, bytes, 4, OUTCOME (outcome));
      outcome_process (outcome, device);
      expect_end_of_flood (row, outcome->error);
      ck_assert_uint_ne (operation, 0);
    }
  else
    {
      ck_assert (!vuc_device_region_read (device, 7, 0, bytes, 4, &error));
      expect_end_of_flood (row, error);
    }
  ck_assert_uint_lt (ms_since (start), late_ms ());

  vuc_device_close (device);
  dma_unmap_or_fail (device, &region);
  ck_assert_int_eq (mprotect (ram.bytes, SIZE, PROT_NONE), 0);
  g_clear_pointer (&device, vuc_device_unref);
  dma_memory_clear (&ram);
  script_server_finish (server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_lie_in_a_reply_is_fatal, replies),
  HARNESS_CASE (a_command_before_negotiation_is_fatal),
  HARNESS_CASE (a_command_on_the_wrong_socket_is_fatal),
  HARNESS_ROWS (a_flood_holds_nobody_longer_than_the_deadline, floods),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "lies about DMA", cases);
}
