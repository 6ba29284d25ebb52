/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Mapping memory for the device and unmapping it: what is sent, what is refused before that, many at
 * a time, and one command at a time.  What becomes of it when the server does not do as it is told
 * is in test-dma-unmap.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/dma-memory.h"
#include "conversation/outcome.h"
#include "harness/client.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define IOVA 0x100000
#define SIZE 65536

static int
no_access (guint64 iova G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED, gsize count G_GNUC_UNUSED,
           gpointer user_data G_GNUC_UNUSED)
{
  return EIO;
}

static const VucDmaOps read_ops = { .read = no_access };

static VucDevice *
connect_pipelined (int fd)
{
  g_autoptr (VucConfig) config = vuc_config_new ();

  vuc_config_set_pipeline_dma (config, TRUE);
  return connect_with (fd, config);
}

/* --- What is sent --- */

typedef struct
{
  const char *name;
  gboolean has_fd, has_vaddr, has_ops;
  guint32 flags;
  guint64 fd_offset;
  const char *payload; /* of DMA_MAP */
} KindRow;

static const KindRow kinds[] = {
  { "shared", TRUE, FALSE, FALSE, DMA_BOTH, 8192, "u32:32 u32:3 | u64:8192 u64:0x100000 u64:4096" },
  { "shared, with its address", TRUE, TRUE, FALSE, DMA_BOTH, 0,
    "u32:32 u32:3 | u64:0 u64:0x100000 u64:4096" },
  { "shared, to be read", TRUE, FALSE, FALSE, VUC_DMA_READ, 0,
    "u32:32 u32:1 | u64:0 u64:0x100000 u64:4096" },
  { "shared, to be written", TRUE, FALSE, FALSE, VUC_DMA_WRITE, 0,
    "u32:32 u32:2 | u64:0 u64:0x100000 u64:4096" },
  { "a file", TRUE, FALSE, FALSE, DMA_BOTH | VUC_DMA_FILE_IO, 4096,
    "u32:32 u32:11 | u64:4096 u64:0x100000 u64:4096" },
  { "not safe, which is nobody else's business", TRUE, FALSE, FALSE, DMA_BOTH | VUC_DMA_UNSAFE_FD, 0,
    "u32:32 u32:3 | u64:0 u64:0x100000 u64:4096" },
  { "by message", FALSE, TRUE, FALSE, DMA_BOTH, 0, "u32:32 u32:3 | u64:0 u64:0x100000 u64:4096" },
  { "by message, an offset that means nothing", FALSE, TRUE, FALSE, VUC_DMA_READ, 4096,
    "u32:32 u32:1 | u64:0 u64:0x100000 u64:4096" },
  { "by callback", FALSE, FALSE, TRUE, VUC_DMA_READ, 0, "u32:32 u32:1 | u64:0 u64:0x100000 u64:4096" },
};

static void
each_kind_is_mapped_and_unmapped (gconstpointer data)
{
  const KindRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion region = { .iova = IOVA, .size = 4096, .flags = row->flags, .fd = -1,
                          .fd_offset = row->fd_offset };

  script_handshake (server, &script_pci_device);
  script_expect_command (server, DMA_MAP, row->payload);
  script_expect_fds (server, row->has_fd);
  script_reply (server, "");
  script_expect_command (server, DMA_UNMAP, "u32:24 u32:0 | u64:0x100000 u64:4096");
  script_reply (server, "u32:24 u32:0 | u64:0x100000 u64:4096");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  dma_memory_init (&ram, SIZE);
  region.fd = row->has_fd ? ram.fd : -1;
  region.vaddr = row->has_vaddr ? ram.bytes : NULL;
  region.ops = row->has_ops ? &read_ops : NULL;
  dma_map_or_fail (device, &region);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 1);
  dma_unmap_or_fail (device, &region);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  expect_sign_of_life (device);
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

static void
a_bare_header_is_a_reply_to_unmapping (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion region;

  dma_memory_init (&ram, SIZE);
  region = dma_memory_region (&ram, IOVA, DMA_BOTH);
  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < 2; i++)
    {
      script_dma_map (server, IOVA, SIZE, 3);
      script_dma_unmap (server, IOVA, SIZE);
    }
  device = connect_to (script_server_start (server));
  for (guint i = 0; i < 2; i++)
    {
      dma_map_or_fail (device, &region);
      dma_unmap_or_fail (device, &region);
    }
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

static void
it_works_without_waiting (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (Outcome) map = outcome_new ();
  g_autoptr (Outcome) unmap = outcome_new ();
  g_autoptr (Outcome) all = outcome_new ();
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion region;
  VucOperation operation;

  dma_memory_init (&ram, SIZE);
  region = dma_memory_region (&ram, IOVA, VUC_DMA_READ);
  script_handshake (server, &script_pci_device);
  script_dma_map (server, IOVA, SIZE, 1);
  script_dma_unmap (server, IOVA, SIZE);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  operation = vuc_device_dma_map_async (device, &region, OUTCOME (map));
  region = (VucDmaRegion){ 0 }; /* not needed any more */
  outcome_process (map, device);
  outcome_expect_success (map, operation);
  operation = vuc_device_dma_unmap_async (device, IOVA, SIZE, OUTCOME (unmap));
  outcome_process (unmap, device);
  outcome_expect_success (unmap, operation);
  operation = vuc_device_dma_unmap_all_async (device, OUTCOME (all));
  outcome_process (all, device);
  outcome_expect_success (all, operation);
  expect_sign_of_life (device);
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

/* --- What the server gets --- */

/* Connects to a server that this test plays by hand: a device without regions and interrupts. */
static VucDevice *
connect_by_hand (int *server)
{
  g_autoptr (Outcome) outcome = outcome_new ();
  guint8 version[4096];
  VucOperation operation;
  VucDevice *device;
  int ends[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  device = vuc_device_connect_fd_async (ends[0], NULL, &operation, OUTCOME (outcome));
  close (ends[0]);
  process_all (device);
  client_hear_some (ends[1], version, sizeof version);
  client_say (ends[1], "00 00 u16:1 u32:20 u32:1 u32:0 | u16:0 u16:0");
  process_all (device);
  client_hear (ends[1], "?? ?? u16:4 u32:32 u32:0 u32:0 | u32:16 u32:0 u32:0 u32:0");
  client_say (ends[1], "01 00 u16:4 u32:32 u32:1 u32:0 | u32:16 u32:0 u32:0 u32:0");
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  *server = ends[1];
  return device;
}

typedef struct
{
  const char *name;
  guint32 flags;
  int mode;
} RightRow;

static const RightRow rights[] = {
  { "to be read", VUC_DMA_READ, O_RDONLY },
  { "a file to be read", VUC_DMA_READ | VUC_DMA_FILE_IO, O_RDONLY },
  { "to be written", VUC_DMA_WRITE, O_RDWR },
  { "both", DMA_BOTH, O_RDWR },
};

static void
the_server_gets_a_descriptor_that_can_do_no_more_than_it_may (gconstpointer data)
{
  const RightRow *row = data;
  g_autoptr (Outcome) outcome = outcome_new ();
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion region;
  VucOperation operation;
  int server, fd;

  dma_memory_init (&ram, SIZE);
  device = connect_by_hand (&server);
  region = dma_memory_shared (&ram, IOVA, row->flags);
  operation = vuc_device_dma_map_async (device, &region, OUTCOME (outcome));
  process_all (device);
  ck_assert_uint_eq (
    client_hear_with_fds (server, "02 00 u16:2 u32:48 u32:0 u32:0 | ??*8 u64:0 u64:0x100000 u64:65536",
                          &fd, 1),
    1);
  client_say (server, "02 00 u16:2 u32:16 u32:1 u32:0");
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);

  ck_assert_int_eq (fcntl (fd, F_GETFL) & O_ACCMODE, row->mode);
  ck_assert_int_ne (ftruncate (fd, SIZE / 2), 0);
  ck_assert (fcntl (ram.fd, F_GET_SEALS) & F_SEAL_SHRINK);
  if (row->mode == O_RDONLY)
    ck_assert_ptr_eq (mmap (NULL, SIZE, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  close (fd);
  vuc_device_close (device);
  close (server);
  dma_memory_clear (&ram);
}

/* --- What is refused before anything is sent --- */

typedef struct
{
  const char *name;
  VucDmaRegion region; /* fd and vaddr: 1 stands for those of the memory, vaddr NULL for none */
  VucError code;
  const char *text;
} BadRow;

#define REGION(...) { .fd = -1, __VA_ARGS__ }
#define HERE        ((gpointer) 1)
#define A_FD        1
#define MIDDLE      0x8000 /* where a region of 0x4000 bytes is mapped */

static const BadRow bad_regions[] = {
  { "nothing", REGION (.iova = 0, .size = 0, .flags = DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "the size not 0" },
  { "an address between pages", REGION (.iova = 512, .size = 4096, .flags = DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "both must be multiples of 0x1000" },
  { "half a page", REGION (.iova = 0, .size = 2048, .flags = DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "both must be multiples of 0x1000" },
  { "beyond the end of the addresses",
    REGION (.iova = 0xfffffffffffff000, .size = 8192, .flags = DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "its end below 2^64" },
  { "up to the end of the addresses",
    REGION (.iova = 0xfffffffffffff000, .size = 4096, .flags = DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "its end below 2^64" },
  { "no right", REGION (.size = 4096, .vaddr = HERE), VUC_ERROR_INVALID_ARGUMENT,
    "with at least one right" },
  { "a flag that there is not", REGION (.size = 4096, .flags = 0x10 | DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "flags 0x13" },
  { "no memory", REGION (.size = 4096, .flags = DMA_BOTH), VUC_ERROR_INVALID_ARGUMENT,
    "either a file, memory or functions" },
  { "memory and functions",
    REGION (.size = 4096, .flags = VUC_DMA_READ, .vaddr = HERE, .ops = &read_ops),
    VUC_ERROR_INVALID_ARGUMENT, "either a file, memory or functions" },
  { "a file and functions",
    { .size = 4096, .flags = VUC_DMA_READ, .fd = A_FD, .ops = &read_ops },
    VUC_ERROR_INVALID_ARGUMENT, "either a file, memory or functions" },
  { "a function too few", REGION (.size = 4096, .flags = DMA_BOTH, .ops = &read_ops),
    VUC_ERROR_INVALID_ARGUMENT, "a right without a function" },
  { "a file that there is not",
    REGION (.size = 4096, .flags = DMA_BOTH | VUC_DMA_FILE_IO, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "VUC_DMA_FILE_IO needs a file" },
  { "an offset between pages",
    { .size = 4096, .flags = DMA_BOTH, .fd = A_FD, .fd_offset = 512 },
    VUC_ERROR_INVALID_ARGUMENT, "fd_offset 0x200" },
  { "beyond the end of the file",
    { .size = 8192, .flags = DMA_BOTH, .fd = A_FD, .fd_offset = SIZE - 4096 },
    VUC_ERROR_INVALID_ARGUMENT, "are not inside the file" },
  { "an offset that wraps",
    { .size = 8192, .flags = DMA_BOTH, .fd = A_FD, .fd_offset = 0xfffffffffffff000 },
    VUC_ERROR_INVALID_ARGUMENT, "are not inside the file" },
  { "the same again", REGION (.iova = MIDDLE, .size = 0x4000, .flags = DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "it overlaps one at 0x8000, size 0x4000" },
  { "a piece of another", REGION (.iova = 0x9000, .size = 0x1000, .flags = DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "it overlaps one at 0x8000" },
  { "over its beginning", REGION (.iova = 0x7000, .size = 0x2000, .flags = DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "it overlaps one at 0x8000" },
  { "over its end", REGION (.iova = 0xb000, .size = 0x2000, .flags = DMA_BOTH, .vaddr = HERE),
    VUC_ERROR_INVALID_ARGUMENT, "it overlaps one at 0x8000" },
};

static void
a_bad_region_is_refused_before_anything_is_sent (gconstpointer data)
{
  const BadRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) many_error = NULL;
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion regions[2], middle;

  dma_memory_init (&ram, SIZE);
  middle = dma_memory_region (&ram, MIDDLE, DMA_BOTH);
  middle.size = 0x4000;
  script_handshake (server, &script_pci_device);
  script_dma_map (server, MIDDLE, 0x4000, 3);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  dma_map_or_fail (device, &middle);

  regions[0] = dma_memory_region (&ram, IOVA, DMA_BOTH);
  regions[1] = row->region;
  regions[1].fd = row->region.fd < 0 ? -1 : ram.fd;
  regions[1].vaddr = row->region.vaddr != NULL ? ram.bytes : NULL;
  ck_assert (!vuc_device_dma_map (device, &regions[1], &error));
  assert_error (error, VUC_ERROR, row->code, row->text);
  ck_assert (!vuc_device_dma_map_many (device, regions, 2, &many_error));
  assert_error (many_error, VUC_ERROR, row->code, row->text);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 1);
  expect_sign_of_life (device);
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

typedef struct
{
  const char *name;
  const char *json;
  gboolean shared;
  guint64 size;
  VucError code;
  const char *text;
} LimitRow;

static const LimitRow limits[] = {
  { "max_dma_maps", "{\"capabilities\":{\"max_dma_maps\":0}}", FALSE, 4096, VUC_ERROR_LIMIT,
    "the server takes 0" },
  { "max_msg_fds", "{\"capabilities\":{\"max_msg_fds\":0}}", TRUE, 4096, VUC_ERROR_LIMIT,
    "the server takes no descriptors" },
  { "pgsizes", "{\"capabilities\":{\"pgsizes\":2162688}}", FALSE, 4096,
    VUC_ERROR_INVALID_ARGUMENT, "multiples of 0x10000" },
};

static void
what_the_server_cannot_take_is_refused (gconstpointer data)
{
  const LimitRow *row = data;
  ScriptDevice limited = script_pci_device;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion region;

  limited.json = row->json;
  dma_memory_init (&ram, SIZE);
  region = row->shared ? dma_memory_shared (&ram, IOVA, DMA_BOTH)
                       : dma_memory_region (&ram, IOVA, DMA_BOTH);
  region.size = row->size;
  script_handshake (server, &limited);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_dma_map (device, &region, &error));
  assert_error (error, VUC_ERROR, row->code, row->text);
  expect_sign_of_life (device);
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

/* --- Many at a time --- */

#define N_MANY 3

static void
fill_many (const DmaMemory *ram, VucDmaRegion regions[N_MANY])
{
  for (guint i = 0; i < N_MANY; i++)
    {
      regions[i] = dma_memory_region (ram, IOVA + i * 4096, DMA_BOTH);
      regions[i].size = 4096;
    }
}

static void
many_are_under_way_at_the_same_time (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion regions[N_MANY];

  dma_memory_init (&ram, SIZE);
  fill_many (&ram, regions);
  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < N_MANY; i++)
    script_expect_dma_map (server, IOVA + i * 4096, 4096, 3);
  for (guint i = N_MANY; i-- > 0;)
    script_reply_to (server, i, "");
  for (guint i = N_MANY; i-- > 0;)
    script_expect_dma_unmap (server, IOVA + i * 4096, 4096);
  for (guint i = 0; i < N_MANY; i++)
    script_reply_to (server, i, "");
  script_sign_of_life (server);
  device = connect_pipelined (script_server_start (server));
  ck_assert (vuc_device_dma_map_many (device, NULL, 0, &error));
  ck_assert (vuc_device_dma_map_many (device, regions, N_MANY, &error));
  ck_assert_uint_eq (vuc_device_dma_get_count (device), N_MANY);
  ck_assert (vuc_device_dma_unmap_all (device, &error));
  assert_no_error (error);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  ck_assert (vuc_device_dma_unmap_all (device, &error));
  expect_sign_of_life (device);
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

static void
if_one_fails_the_others_are_unmapped_again (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion regions[N_MANY];

  dma_memory_init (&ram, SIZE);
  fill_many (&ram, regions);
  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < N_MANY; i++)
    script_expect_dma_map (server, IOVA + i * 4096, 4096, 3);
  script_reply_to (server, 2, "");
  script_send (server, "id(1) u16:2 u32:16 u32:0x21 u32:12");
  script_reply_to (server, 0, "");
  script_expect_dma_unmap (server, IOVA + 2 * 4096, 4096);
  script_expect_dma_unmap (server, IOVA, 4096);
  script_reply_to (server, 1, "");
  script_reply_to (server, 0, "");
  script_sign_of_life (server);
  device = connect_pipelined (script_server_start (server));
  ck_assert (!vuc_device_dma_map_many (device, regions, N_MANY, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "the server refused DMA_MAP");
  ck_assert_int_eq (vuc_error_get_errno (error), ENOMEM);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  expect_sign_of_life (device);
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

/* --- One command at a time --- */

static void
script_two_reads (ScriptServer *server, gboolean pipelined)
{
  script_expect_command (server, 9, NULL);
  if (pipelined)
    script_expect_command (server, 9, NULL);
  else
    script_expect_silence (server, 50);
  script_reply_to (server, pipelined ? 1 : 0, "u64:0 u32:7 u32:4 'here'");
  if (!pipelined)
    script_expect_command (server, 9, NULL);
  script_reply_to (server, 0, "u64:0 u32:7 u32:4 'here'");
}

static void
two_reads (VucDevice *device)
{
  g_autoptr (Outcome) one = outcome_new ();
  g_autoptr (Outcome) two = outcome_new ();
  char data[2][4];
  VucOperation operations[2];

  operations[0] = vuc_device_region_read_async (device, 7, 0, data[0], 4, OUTCOME (one));
  operations[1] = vuc_device_region_read_async (device, 7, 0, data[1], 4, OUTCOME (two));
  outcome_process (one, device);
  outcome_process (two, device);
  outcome_expect_success (one, operations[0]);
  outcome_expect_success (two, operations[1]);
}

static void
one_command_is_under_way_while_memory_is_mapped (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion regions[2];

  dma_memory_init (&ram, 4096);
  regions[0] = dma_memory_region (&ram, IOVA, DMA_BOTH);
  regions[1] = dma_memory_shared (&ram, IOVA + 4096, DMA_BOTH); /* messages may come for it, too */
  script_handshake (server, &script_pci_device);
  script_two_reads (server, TRUE);
  script_expect_dma_map (server, IOVA, 4096, 3);
  script_expect_silence (server, 50);
  script_reply (server, "");
  script_expect_dma_map (server, IOVA + 4096, 4096, 3);
  script_expect_fds (server, 1);
  script_reply (server, "");
  script_two_reads (server, FALSE);
  script_dma_unmap (server, IOVA, 4096);
  script_two_reads (server, FALSE);
  script_dma_unmap (server, IOVA + 4096, 4096);
  script_two_reads (server, TRUE);
  device = connect_to (script_server_start (server));
  two_reads (device);
  ck_assert (vuc_device_dma_map_many (device, regions, 2, NULL));
  two_reads (device);
  dma_unmap_or_fail (device, &regions[0]);
  two_reads (device);
  dma_unmap_or_fail (device, &regions[1]);
  two_reads (device);
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

static void
the_caller_may_say_that_the_server_takes_more (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  DmaMemory ram;
  VucDmaRegion region;

  dma_memory_init (&ram, 4096);
  region = dma_memory_region (&ram, IOVA, DMA_BOTH);
  script_handshake (server, &script_pci_device);
  script_dma_map (server, IOVA, 4096, 3);
  script_two_reads (server, TRUE);
  device = connect_pipelined (script_server_start (server));
  dma_map_or_fail (device, &region);
  two_reads (device);
  dma_memory_clear (&ram);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (each_kind_is_mapped_and_unmapped, kinds),
  HARNESS_CASE (a_bare_header_is_a_reply_to_unmapping),
  HARNESS_CASE (it_works_without_waiting),
  HARNESS_ROWS (the_server_gets_a_descriptor_that_can_do_no_more_than_it_may, rights),
  HARNESS_ROWS (a_bad_region_is_refused_before_anything_is_sent, bad_regions),
  HARNESS_ROWS (what_the_server_cannot_take_is_refused, limits),
  HARNESS_CASE (many_are_under_way_at_the_same_time),
  HARNESS_CASE (if_one_fails_the_others_are_unmapped_again),
  HARNESS_CASE (one_command_is_under_way_while_memory_is_mapped),
  HARNESS_CASE (the_caller_may_say_that_the_server_takes_more),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "dma-map", cases);
}
