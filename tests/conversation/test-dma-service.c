/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is answered to DMA_READ and DMA_WRITE, by whoever reads: a call that waits, a loop, on either
 * socket; from memory, from a file that is mapped when it is needed first, by the caller's functions.
 * What is refused touches no byte.
 */

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "conversation/connect.h"
#include "conversation/dma-memory.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/*
 * What is mapped:
 *
 *   0x100000  a page, both rights           \
 *   0x101000  a page, to be read             } next to each other
 *   0x102000  a page, by callback, both     /
 *   0x110000  a page, a file without address, both
 *   0x120000  a page, to be written
 */
#define PAGE     4096
#define BOTH_AT  0x100000
#define READ_AT  0x101000
#define OPS_AT   0x102000
#define FILE_AT  0x110000
#define WRITE_AT 0x120000
#define N_MAPS   5

/* Offsets in the region of functions: what they do there. */
#define REFUSED_AT 0x400 /* fail with EPERM */
#define ODD_AT     0x500 /* fail with what is no errno */
#define BELOW_AT   0x600 /* likewise */
#define LAZY_AT    0x700 /* succeed, and fill nothing */
#define NESTED_AT  0x800 /* ask the server */

typedef struct
{
  VucDevice *device;
  guint8 bytes[PAGE];
  guint n_reads, n_writes;
} Functions;

static int
special (Functions *functions, guint64 iova)
{
  const guint64 at = iova - OPS_AT;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) unmap_error = NULL;
  VucOperation operation;
  char data[4];

  if (at == REFUSED_AT)
    return EPERM;
  if (at == ODD_AT)
    return 5000;
  if (at == BELOW_AT)
    return -1;
  if (at != NESTED_AT)
    return 0;

  ck_assert (!vuc_device_region_read (functions->device, 7, 0, data, sizeof data, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "from inside a callback");
  ck_assert (!vuc_device_dma_unmap (functions->device, OPS_AT, PAGE, &unmap_error));
  assert_error (unmap_error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "from inside a callback");
  operation = vuc_device_dma_unmap_async (functions->device, OPS_AT, PAGE, NULL, NULL, NULL);
  ck_assert (!vuc_device_wait (functions->device, operation, NULL));
  return 0;
}

static int
on_read (guint64 iova, gpointer data, gsize count, gpointer user_data)
{
  Functions *functions = user_data;

  ck_assert (iova >= OPS_AT && count <= PAGE && iova - OPS_AT <= PAGE - count);
  functions->n_reads++;
  if (iova - OPS_AT == LAZY_AT)
    return 0;
  memcpy (data, functions->bytes + (iova - OPS_AT), count);
  return special (functions, iova);
}

static int
on_write (guint64 iova, gconstpointer data, gsize count, gpointer user_data)
{
  Functions *functions = user_data;
  int error = special (functions, iova);

  ck_assert (iova >= OPS_AT && count <= PAGE && iova - OPS_AT <= PAGE - count);
  functions->n_writes++;
  if (error == 0)
    memcpy (functions->bytes + (iova - OPS_AT), data, count);
  return error;
}

static const VucDmaOps ops = { on_read, on_write };

/* --- One command --- */

typedef struct
{
  const char *name;
  const char *command;
  const char *answer; /* NULL: none */

  /* What is written; NULL: nothing. */
  guint64 written_at;
  const char *written;
} Row;

#define COMMAND_READ(address, count)                                                               \
  "u16:77 u16:11 u32:32 u32:0 u32:0 | u64:" #address " u64:" #count
#define DATA(size, address, count, data)                                                           \
  "u16:77 u16:11 u32:" #size " u32:1 u32:0 | u64:" #address " u64:" #count " | " data
#define COMMAND_WRITE(size, address, count, data)                                                  \
  "u16:77 u16:12 u32:" #size " u32:0 u32:0 | u64:" #address " u64:" #count " | " data
#define WRITTEN(address, count) "u16:77 u16:12 u32:32 u32:1 u32:0 | u64:" #address " u64:" #count
#define READ_ERROR(errno)       "u16:77 u16:11 u32:16 u32:0x21 u32:" #errno
#define WRITE_ERROR(errno)      "u16:77 u16:12 u32:16 u32:0x21 u32:" #errno

static const Row rows[] = {
  { "a read", COMMAND_READ (0x100002, 4), DATA (36, 0x100002, 4, "0e 15 1c 23"), 0, NULL },
  { "a read of nothing", COMMAND_READ (0x100002, 0), DATA (32, 0x100002, 0, ""), 0, NULL },
  { "a read over two regions", COMMAND_READ (0x100ffe, 4), DATA (36, 0x100ffe, 4, "f2 f9 00 07"), 0,
    NULL },
  { "a read of all three", COMMAND_READ (0x100fff, 4098),
    DATA (4130, 0x100fff, 4098, "f9 ??*4096 00"), 0, NULL },
  { "a write", COMMAND_WRITE (36, 0x100002, 4, "'abcd'"), WRITTEN (0x100002, 4), 0x100002,
    "'abcd'" },
  { "a write of nothing", COMMAND_WRITE (32, 0x100002, 0, ""), WRITTEN (0x100002, 0), 0, NULL },
  { "a write without answer", "u16:77 u16:12 u32:36 u32:0x10 u32:0 | u64:0x100002 u64:4 'abcd'",
    NULL, 0x100002, "'abcd'" },
  { "a read without answer", "u16:77 u16:11 u32:32 u32:0x10 u32:0 | u64:0x100002 u64:4", NULL, 0,
    NULL },
  { "a write into what is to be written only", COMMAND_WRITE (36, 0x120ffc, 4, "'abcd'"),
    WRITTEN (0x120ffc, 4), 0x120ffc, "'abcd'" },

  { "a read of a file", COMMAND_READ (0x110003, 2), DATA (34, 0x110003, 2, "15 1c"), 0, NULL },
  { "a write into a file", COMMAND_WRITE (34, 0x110003, 2, "'ab'"), WRITTEN (0x110003, 2), 0x110003,
    "'ab'" },

  { "a read by callback", COMMAND_READ (0x102001, 2), DATA (34, 0x102001, 2, "00 00"), 0, NULL },
  { "a write by callback", COMMAND_WRITE (34, 0x102001, 2, "'ab'"), WRITTEN (0x102001, 2), 0x102001,
    "'ab'" },
  { "a function that refuses to read", COMMAND_READ (0x102400, 2), READ_ERROR (1), 0, NULL },
  { "a function that refuses to write", COMMAND_WRITE (34, 0x102400, 2, "'ab'"), WRITE_ERROR (1), 0,
    NULL },
  { "a function that returns too much", COMMAND_READ (0x102500, 2), READ_ERROR (5), 0, NULL },
  { "a function that returns too little", COMMAND_READ (0x102600, 2), READ_ERROR (5), 0, NULL },
  { "a function that fills nothing shows nothing of ours", COMMAND_READ (0x102700, 64),
    DATA (96, 0x102700, 64, "00*64"), 0, NULL },
  { "a function that asks the server", COMMAND_READ (0x102800, 2), DATA (34, 0x102800, 2, "00 00"),
    0, NULL },

  { "a read of what was never mapped", COMMAND_READ (0x4000, 4), READ_ERROR (14), 0, NULL },
  { "a write to what was never mapped", COMMAND_WRITE (36, 0x4000, 4, "'abcd'"), WRITE_ERROR (14),
    0, NULL },
  { "a read that begins before a region", COMMAND_READ (0xffffe, 4), READ_ERROR (14), 0, NULL },
  { "a read that ends behind a region", COMMAND_READ (0x102ffe, 4), READ_ERROR (14), 0, NULL },
  { "a write that ends behind a region", COMMAND_WRITE (36, 0x120ffe, 4, "'abcd'"),
    WRITE_ERROR (14), 0, NULL },
  { "a read of what is to be written only", COMMAND_READ (0x120000, 4), READ_ERROR (13), 0, NULL },
  { "a write into what is to be read only", COMMAND_WRITE (36, 0x101000, 4, "'abcd'"),
    WRITE_ERROR (13), 0, NULL },
  { "a write that ends in what is to be read only", COMMAND_WRITE (36, 0x100ffe, 4, "'abcd'"),
    WRITE_ERROR (13), 0, NULL },
  { "a read whose end wraps", COMMAND_READ (0xffffffffffffffff, 2), READ_ERROR (22), 0, NULL },
  { "a read of more than was agreed on", COMMAND_READ (0x100000, 1048577), READ_ERROR (22), 0,
    NULL },
  { "a read of everything", COMMAND_READ (0, 0xffffffffffffffff), READ_ERROR (22), 0, NULL },
  { "a read with data", "u16:77 u16:11 u32:36 u32:0 u32:0 | u64:0x100000 u64:4 'abcd'",
    READ_ERROR (22), 0, NULL },
  { "a write with less data than it says", COMMAND_WRITE (36, 0x100000, 5, "'abcd'"),
    WRITE_ERROR (22), 0, NULL },
  { "a write with more data than it says", COMMAND_WRITE (36, 0x100000, 3, "'abcd'"),
    WRITE_ERROR (22), 0, NULL },
  { "a write with 1 MiB of data, of which it says nothing",
    COMMAND_WRITE (1048608, 0x100000, 0, "61*1048576"), WRITE_ERROR (22), 0, NULL },
  { "a write without its structure", "u16:77 u16:12 u32:31 u32:0 u32:0 | 00*15", WRITE_ERROR (22),
    0, NULL },
  { "a read without anything", "u16:77 u16:11 u32:16 u32:0 u32:0", READ_ERROR (22), 0, NULL },
  { "a command that there is not", "u16:77 u16:13 u32:16 u32:0 u32:0",
    "u16:77 u16:13 u32:16 u32:0x21 u32:95", 0, NULL },
};

/* --- Who reads --- */

typedef enum
{
  WAITS,
  LOOP,
  TWIN,
  TWIN_LOOP,
  N_WAYS
} Way;

#define TWIN_JSON                                                                                  \
  "u16:0 u16:0 '{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}' 00"

static const ScriptFd one_socket[] = { { SCRIPT_FD_SOCKET, 0 }, { SCRIPT_FD_END, 0 } };

static void
script_begin (ScriptServer *server, Way way)
{
  if (way < TWIN)
    {
      script_handshake (server, &script_pci_device);
    }
  else
    {
      script_expect_command (server, 1, NULL);
      script_reply_fds (server, TWIN_JSON, one_socket);
      script_device_info (server, &script_pci_device);
      script_queries (server, &script_pci_device);
    }
  for (guint i = 0; i < N_MAPS; i++)
    {
      script_expect_command (server, DMA_MAP, NULL);
      script_expect_fds (server, i == 3);
      script_reply (server, "");
    }
}

static void
script_command (ScriptServer *server, const Row *row, Way way)
{
  script_expect_command (server, 9, "u64:0 | u32:7 | u32:4");
  if (way >= TWIN)
    script_use_socket (server);
  script_send (server, row->command);
  if (row->answer != NULL)
    script_expect (server, row->answer);
  else
    {
      /* The next one shows that this was served. */
      script_send (server, "u16:78 u16:11 u32:32 u32:0 u32:0 | u64:0x100000 u64:1");
      script_expect (server, "u16:78 u16:11 u32:33 u32:1 u32:0 | u64:0x100000 u64:1 | 00");
    }
  script_use_connection (server);
  script_reply (server, "u64:0 | u32:7 | u32:4 | 'here'");
}

typedef struct
{
  DmaMemory both, read, file, write;
  Functions functions;
} Memory;

static void
map_all (VucDevice *device, Memory *memory)
{
  DmaMemory *parts[] = { &memory->both, &memory->read, &memory->file, &memory->write };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    dma_memory_init (parts[i], PAGE);
  memory->functions = (Functions){ .device = device };

  const VucDmaRegion regions[N_MAPS] = {
    dma_memory_region (&memory->both, BOTH_AT, DMA_BOTH),
    dma_memory_region (&memory->read, READ_AT, VUC_DMA_READ),
    { .iova = OPS_AT,
      .size = PAGE,
      .flags = DMA_BOTH,
      .fd = -1,
      .ops = &ops,
      .user_data = &memory->functions },
    dma_memory_shared (&memory->file, FILE_AT, DMA_BOTH),
    dma_memory_region (&memory->write, WRITE_AT, VUC_DMA_WRITE),
  };

  for (guint i = 0; i < N_MAPS; i++)
    dma_map_or_fail (device, &regions[i]);
}

static void
expect_untouched_but (const Row *row, guint64 iova, const guint8 *bytes, guint step)
{
  g_autoptr (GBytes) written = row->written != NULL ? hex (row->written) : g_bytes_new (NULL, 0);
  gsize size;
  const guint8 *data = g_bytes_get_data (written, &size);

  for (gsize i = 0; i < PAGE; i++)
    {
      gboolean is_written = iova + i >= row->written_at && iova + i - row->written_at < size;
      guint8 expected = is_written ? data[iova + i - row->written_at] : (guint8) (i * step);

      if (bytes[i] != expected)
        harness_fail ("the byte at 0x%" G_GINT64_MODIFIER "x is 0x%02x, expected 0x%02x", iova + i,
                      bytes[i], expected);
    }
}

static void
check_and_clear (const Row *row, Memory *memory)
{
  expect_untouched_but (row, BOTH_AT, memory->both.bytes, 7);
  expect_untouched_but (row, READ_AT, memory->read.bytes, 7);
  expect_untouched_but (row, OPS_AT, memory->functions.bytes, 0);
  expect_untouched_but (row, FILE_AT, memory->file.bytes, 7);
  expect_untouched_but (row, WRITE_AT, memory->write.bytes, 7);
  dma_memory_clear (&memory->both);
  dma_memory_clear (&memory->read);
  dma_memory_clear (&memory->file);
  dma_memory_clear (&memory->write);
}

static void
read_in_a_loop (VucDevice *device)
{
  g_autoptr (Outcome) outcome = outcome_new ();
  char data[4];
  VucOperation operation = vuc_device_region_read_async (device, 7, 0, data, sizeof data,
                                                         OUTCOME (outcome));

  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
}

static void
serve_row (const Row *row, Way way)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  Memory memory;

  harness_context ("way %d", way);
  script_begin (server, way);
  script_command (server, row, way);
  device = connect_to (script_server_start (server));
  map_all (device, &memory);
  if (way == LOOP || way == TWIN_LOOP)
    read_in_a_loop (device);
  else
    expect_sign_of_life (device);
  check_and_clear (row, &memory);
  close_and_finish (device, server);
}

static void
it_is_answered_by_whoever_reads (gconstpointer row)
{
  for (Way way = WAITS; way < N_WAYS; way++)
    serve_row (row, way);
}

/* --- Dirty pages --- */

static void
pages_that_are_written_by_message_are_recorded (void)
{
  static const char *const commands[] = {
    COMMAND_WRITE (36, 0x100ffc, 4, "'abcd'"), /* page 0 */
    COMMAND_READ (0x101000, 4),                /* reads do not count */
    COMMAND_WRITE (36, 0x101000, 4, "'abcd'"), /* refused */
    COMMAND_WRITE (34, 0x102000, 2, "'ab'"),   /* page 2 */
    COMMAND_WRITE (34, 0x110000, 2, "'ab'"),   /* page 16 */
    COMMAND_WRITE (34, 0x102400, 2, "'ab'"),
  };
  static const char *const answers[] = {
    WRITTEN (0x100ffc, 4), DATA (36, 0x101000, 4, "00 07 0e 15"),
    WRITE_ERROR (13),      WRITTEN (0x102000, 2),
    WRITTEN (0x110000, 2), WRITE_ERROR (1)
  };
  const Row nothing = { .written = NULL };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  guint64 bitmap = 0;
  Memory memory;

  script_begin (server, WAITS);
  script_expect_command (server, 9, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      script_send (server, commands[i]);
      script_expect (server, answers[i]);
    }
  script_reply (server, "u64:0 | u32:7 | u32:4 | 'here'");
  device = connect_to (script_server_start (server));
  map_all (device, &memory);
  ck_assert (!vuc_device_dma_log_take (device, 0x100000, PAGE, &bitmap, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "not being recorded");
  g_clear_error (&error);
  ck_assert (!vuc_device_dma_log_start (device, 2048, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "page size 2048");
  g_clear_error (&error);
  ck_assert (!vuc_device_dma_log_start (device, 5000, &error));
  g_clear_error (&error);

  ck_assert (vuc_device_dma_log_start (device, PAGE, &error));
  expect_sign_of_life (device);
  ck_assert (vuc_device_dma_log_take (device, 0x100000, 64 * PAGE, &bitmap, 1, &error));
  ck_assert_uint_eq (bitmap, 1 << 0 | 1 << 2 | 1 << 16);
  bitmap = 0;
  ck_assert (vuc_device_dma_log_take (device, 0x100000, 64 * PAGE, &bitmap, 1, &error));
  ck_assert_uint_eq (bitmap, 0);
  vuc_device_dma_log_stop (device);
  ck_assert (!vuc_device_dma_log_take (device, 0x100000, PAGE, &bitmap, 1, &error));
  memcpy (memory.both.bytes, memory.read.bytes, PAGE);
  memcpy (memory.file.bytes, memory.read.bytes, PAGE);
  memset (memory.functions.bytes, 0, PAGE);
  check_and_clear (&nothing, &memory);
  close_and_finish (device, server);
}

/* What ends in the middle has written something all the same. */
static void
a_write_that_fails_in_the_middle_is_recorded_too (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  Functions functions = { 0 };
  VucDmaRegion regions[2];
  guint64 bitmap = 0;
  DmaMemory ram;

  script_handshake (server, &script_pci_device);
  script_dma_map (server, OPS_AT, PAGE, 3);
  script_dma_map (server, OPS_AT - PAGE, PAGE, 3);
  script_expect_command (server, 9, NULL);
  script_send (server, "u16:77 u16:12 u32:32 u32:0 u32:0 | u64:0x101000 u64:0");
  script_expect (server, "u16:77 u16:12 u32:32 u32:1 u32:0 | u64:0x101000 u64:0");
  script_send (server, "u16:77 u16:12 u32:6032 u32:0 u32:0 | u64:0x101000 u64:6000 | 61*3000");
  script_close (server);
  device = connect_to (script_server_start (server));
  dma_memory_init (&ram, PAGE);
  functions.device = device;
  regions[0] = (VucDmaRegion){
    .iova = OPS_AT, .size = PAGE, .flags = DMA_BOTH, .fd = -1, .vaddr = functions.bytes
  };
  regions[1] = dma_memory_region (&ram, OPS_AT - PAGE, DMA_BOTH);
  dma_map_or_fail (device, &regions[0]);
  dma_map_or_fail (device, &regions[1]);
  ck_assert (vuc_device_dma_log_start (device, PAGE, NULL));
  ck_assert (!vuc_device_region_read (device, 7, 0, &bitmap, 4, NULL));
  bitmap = 0;
  ck_assert (vuc_device_dma_log_take (device, OPS_AT - PAGE, 2 * PAGE, &bitmap, 1, NULL));
  ck_assert_uint_eq (bitmap & 1, 1);
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (it_is_answered_by_whoever_reads, rows),
  HARNESS_CASE (pages_that_are_written_by_message_are_recorded),
  HARNESS_CASE (a_write_that_fails_in_the_middle_is_recorded_too),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  /* What malloc hands out is not zero by chance. */
  (void) mallopt (M_PERTURB, 0x5a);
  return harness_main (argc, argv, "dma-service", cases);
}
