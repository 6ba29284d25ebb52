/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The DMA engine of the demo device works on guest memory of every kind: whatever way the bytes take,
 * they are the right ones.  DMA_COPY_MIB in the environment says how much is copied between any two
 * kinds (2 MiB).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "conversation/connect.h"
#include "conversation/dma-memory.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/demo-guest.h"
#include "harness/harness.h"

#define PAGE   4096
#define FROM   G_GUINT64_CONSTANT (0x100000000)
#define TO     G_GUINT64_CONSTANT (0x400000000)
#define MIB    (1024 * 1024)
#define N_MAPS 65535

/* --- Registers --- */

static void
set_register (VucDevice *device, guint64 reg, guint64 value, guint size)
{
  g_autoptr (GError) error = NULL;

  vuc_device_region_write (device, VUC_PCI_BAR0_REGION, reg, &value, size, &error);
  assert_no_error (error);
}

static guint64
get_register (VucDevice *device, guint64 reg, guint size)
{
  g_autoptr (GError) error = NULL;
  guint64 value = 0;

  vuc_device_region_read (device, VUC_PCI_BAR0_REGION, reg, &value, size, &error);
  assert_no_error (error);
  return value;
}

static void
start_copy (VucDevice *device, guint64 from, guint64 to, guint64 length, guint32 command)
{
  set_register (device, DEMO_COPY_SOURCE, from, 8);
  set_register (device, DEMO_COPY_DESTINATION, to, 8);
  set_register (device, DEMO_COPY_LENGTH, length, 8);
  set_register (device, DEMO_COPY_COMMAND, command, 4);
}

/* The status in which it has ended. */
static guint64
await_copy (VucDevice *device)
{
  guint64 status;

  do
    status = get_register (device, DEMO_COPY_STATUS, 4);
  while (status == DEMO_COPY_BUSY);
  return status;
}

static void
copy_or_fail (VucDevice *device, guint64 from, guint64 to, guint64 length, guint32 command)
{
  start_copy (device, from, to, length, command);
  ck_assert_uint_eq (await_copy (device), DEMO_COPY_DONE);
  ck_assert_uint_eq (get_register (device, DEMO_COPY_ERRNO, 4), 0);
  ck_assert_uint_eq (get_register (device, DEMO_COPY_N_COPIED, 8), length);
}

/* --- Kinds of memory --- */

static int
on_read (guint64 iova, gpointer data, gsize count, gpointer user_data)
{
  memcpy (data, ((const DmaMemory *) user_data)->bytes + iova % FROM, count);
  return 0;
}

static int
on_write (guint64 iova, gconstpointer data, gsize count, gpointer user_data)
{
  memcpy (((const DmaMemory *) user_data)->bytes + iova % FROM, data, count);
  return 0;
}

static const VucDmaOps ops = { on_read, on_write };

typedef enum
{
  SHARED,
  SHARED_WITH_ADDRESS,
  FILE_IO,
  BY_MESSAGE,
  BY_CALLBACK,
  N_KINDS
} Kind;

static const char *const kind_names[] = { "shared", "shared, with its address", "file",
                                          "by message", "by callback" };

static VucDmaRegion
make_region (DmaMemory *memory, guint64 iova, Kind kind, guint32 rights)
{
  VucDmaRegion region = kind < BY_MESSAGE ? dma_memory_shared (memory, iova, rights)
                                          : dma_memory_region (memory, iova, rights);

  if (kind == SHARED_WITH_ADDRESS)
    region.vaddr = memory->bytes;
  if (kind == FILE_IO)
    region.flags |= VUC_DMA_FILE_IO;
  if (kind == BY_CALLBACK)
    {
      region.vaddr = NULL;
      region.ops = &ops;
      region.user_data = memory;
    }
  return region;
}

static VucDevice *
connect_demo (int fd, gboolean twin)
{
  g_autoptr (VucConfig) config = vuc_config_new ();

  vuc_config_set_twin_socket (config, twin);
  return connect_with (fd, config);
}

typedef struct
{
  const char *name;
  gboolean twin;
  guint32 command;
} WayRow;

static const WayRow ways[] = {
  { "with a twin socket", TRUE, DEMO_COPY_START },
  { "with a twin socket, by message", TRUE, DEMO_COPY_START_BY_MESSAGE },
  { "without a twin socket", FALSE, DEMO_COPY_START },
  { "without a twin socket, by message", FALSE, DEMO_COPY_START_BY_MESSAGE },
};

static void
copy_between (VucDevice *device,
              Kind from,
              Kind to,
              guint32 command,
              DmaMemory *source,
              DmaMemory *destination)
{
  const gsize size = source->size - 2 * PAGE;
  VucDmaRegion regions[2];
  g_autoptr (GError) error = NULL;

  harness_context ("from %s to %s", kind_names[from], kind_names[to]);
  memset (destination->bytes, 0x5a, destination->size);
  regions[0] = make_region (source, FROM, from, VUC_DMA_READ);
  regions[1] = make_region (destination, TO, to, VUC_DMA_WRITE);
  ck_assert (vuc_device_dma_map_many (device, regions, 2, &error));
  copy_or_fail (device, FROM + 1, TO + 3, size, command);
  ck_assert (vuc_device_dma_unmap_all (device, &error));
  assert_no_error (error);
  ck_assert (memcmp (source->bytes + 1, destination->bytes + 3, size) == 0);
  ck_assert (memcmp (destination->bytes, "ZZZ", 3) == 0);
  ck_assert (memcmp (destination->bytes + 3 + size, "ZZZ", 3) == 0);
}

static void
a_copy_is_exact_between_any_two_kinds (gconstpointer data)
{
  const WayRow *row = data;
  const char *mib = g_getenv ("DMA_COPY_MIB");
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_demo (demo_device_start (demo), row->twin);
  DmaMemory source, destination;
  gsize size = (mib != NULL ? (gsize) atoi (mib) : 2) * MIB + 2 * PAGE;

  ck_assert_int_eq (vuc_device_get_info (device)->twin_socket, row->twin);
  dma_memory_init (&source, size);
  dma_memory_init (&destination, size);
  for (gsize i = 0; i < size / 8; i++)
    ((guint64 *) source.bytes)[i] = i * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  for (Kind from = 0; from < N_KINDS; from++)
    for (Kind to = 0; to < N_KINDS; to++)
      copy_between (device, from, to, row->command, &source, &destination);
  dma_memory_clear (&source);
  dma_memory_clear (&destination);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* One command of the device reaches over all of them. */
static void
a_copy_goes_over_regions_that_follow_each_other (gconstpointer data)
{
  const WayRow *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_demo (demo_device_start (demo), row->twin);
  g_autofree VucDmaRegion *regions = g_new0 (VucDmaRegion, 200);
  DmaMemory source, destination;

  dma_memory_init (&source, 100 * PAGE);
  dma_memory_init (&destination, 100 * PAGE);
  for (guint i = 0; i < 100; i++)
    {
      regions[i] = make_region (&source, FROM, (Kind) (i / 2 % N_KINDS), DMA_BOTH);
      regions[100 + i] = make_region (&destination, TO, (Kind) (i / 3 % N_KINDS), DMA_BOTH);
    }
  for (guint i = 0; i < 200; i++)
    {
      regions[i].iova += i % 100 * PAGE;
      regions[i].size = PAGE;
      regions[i].fd_offset = regions[i].fd >= 0 ? i % 100 * PAGE : 0;
      if (regions[i].vaddr != NULL)
        regions[i].vaddr = (guint8 *) regions[i].vaddr + i % 100 * PAGE;
    }
  memset (destination.bytes, 0, destination.size);
  ck_assert (vuc_device_dma_map_many (device, regions, 200, NULL));
  copy_or_fail (device, FROM + 17, TO + 4000, 96 * PAGE, row->command);
  ck_assert (memcmp (source.bytes + 17, destination.bytes + 4000, 96 * PAGE) == 0);
  ck_assert (vuc_device_dma_unmap_all (device, NULL));
  dma_memory_clear (&source);
  dma_memory_clear (&destination);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* --- Unmapping while it is used --- */

static void
memory_that_is_being_copied_can_be_unmapped_and_freed (gconstpointer data)
{
  const WayRow *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_demo (demo_device_start (demo), row->twin);
  DmaMemory source;
  VucDmaRegion region;

  dma_memory_init (&source, 16 * MIB);
  region = make_region (&source, FROM, BY_MESSAGE, VUC_DMA_READ);
  dma_map_or_fail (device, &region);
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (GError) error = NULL;
      DmaMemory destination;

      dma_memory_init (&destination, 16 * MIB);
      region = make_region (&destination, TO, i % 2 == 0 ? BY_MESSAGE : SHARED, VUC_DMA_WRITE);
      dma_map_or_fail (device, &region);
      start_copy (device, FROM, TO, 16 * MIB, row->command);
      while (get_register (device, DEMO_COPY_MESSAGES, 4) == 0)
        ck_assert_uint_eq (get_register (device, DEMO_COPY_STATUS, 4), DEMO_COPY_BUSY);
      dma_unmap_or_fail (device, &region);
      dma_memory_clear (&destination); /* gone: a touch would end the test */
      ck_assert_uint_eq (await_copy (device), DEMO_COPY_FAILED);
      ck_assert_uint_eq (get_register (device, DEMO_COPY_ERRNO, 4), EFAULT);
    }
  dma_memory_clear (&source);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* --- What was written --- */

static void
pages_that_the_device_wrote_by_message_are_recorded (gconstpointer data)
{
  const WayRow *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_demo (demo_device_start (demo), row->twin);
  DmaMemory ram;
  VucDmaRegion region;
  guint64 bitmap[2] = { 0, 0 };

  dma_memory_init (&ram, 128 * PAGE);
  region = make_region (&ram, FROM, BY_MESSAGE, DMA_BOTH);
  dma_map_or_fail (device, &region);
  copy_or_fail (device, FROM, FROM + 100 * PAGE, PAGE, row->command);
  ck_assert (vuc_device_dma_log_start (device, PAGE, NULL));
  copy_or_fail (device, FROM, FROM + 62 * PAGE + 1, 3 * PAGE, row->command);
  ck_assert (vuc_device_dma_log_take (device, FROM, 128 * PAGE, bitmap, 2, NULL));
  ck_assert_uint_eq (bitmap[0], G_GUINT64_CONSTANT (3) << 62);
  ck_assert_uint_eq (bitmap[1], 3);
  copy_or_fail (device, FROM, FROM + PAGE, 1, row->command);
  bitmap[0] = bitmap[1] = 0;
  ck_assert (vuc_device_dma_log_take (device, FROM, 128 * PAGE, bitmap, 2, NULL));
  ck_assert_uint_eq (bitmap[0], 2);
  ck_assert_uint_eq (bitmap[1], 0);
  vuc_device_dma_log_stop (device);
  ck_assert (!vuc_device_dma_log_take (device, FROM, 128 * PAGE, bitmap, 2, NULL));
  dma_memory_clear (&ram);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* --- Connecting again --- */

static void
all_kinds_are_restored_when_the_device_is_connected_again (gconstpointer data)
{
  const WayRow *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  DmaMemory memory[N_KINDS];

  vuc_config_set_twin_socket (config, row->twin);
  device = vuc_device_connect (demo_device_listen (demo), config, &error);
  assert_no_error (error);
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      VucDmaRegion region;

      dma_memory_init (&memory[kind], 4 * MIB);
      region = make_region (&memory[kind], FROM * (kind + 1), kind, DMA_BOTH);
      dma_map_or_fail (device, &region);
    }
  dma_unmap_or_fail (device, &(VucDmaRegion){ .iova = FROM, .size = 4 * MIB }); /* stays away */
  for (guint round = 0; round < 3; round++)
    {
      vuc_device_close (device);
      ck_assert (vuc_device_reconnect (device, &error));
      ck_assert_uint_eq (vuc_device_dma_get_count (device), N_KINDS - 1);
      for (Kind kind = 1; kind < N_KINDS; kind++)
        {
          harness_context ("%s, round %u", kind_names[kind], round);
          memory[kind].bytes[0] = (guint8) (round + 1);
          copy_or_fail (device, FROM * (kind + 1), FROM * (kind + 1) + 2 * MIB, MIB, row->command);
          ck_assert (memcmp (memory[kind].bytes, memory[kind].bytes + 2 * MIB, MIB) == 0);
        }
      start_copy (device, FROM, FROM + 2 * MIB, 1, row->command);
      ck_assert_uint_eq (await_copy (device), DEMO_COPY_FAILED);
    }
  ck_assert (vuc_device_dma_unmap_all (device, &error));
  assert_no_error (error);
  for (Kind kind = 0; kind < N_KINDS; kind++)
    dma_memory_clear (&memory[kind]);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* --- Connecting again while memory comes and goes --- */

#define N_MAPPED 100

typedef struct
{
  VucDevice *device;
  gint n_mapped; /* atomic: so many times; each is a reason to connect again */
} Reconnecting;

static gpointer
close_and_reconnect (gpointer data)
{
  Reconnecting *it = data;

  for (gint n = 0; n < N_MAPPED; n++)
    {
      g_autoptr (GError) error = NULL;

      while (g_atomic_int_get (&it->n_mapped) <= n)
        g_thread_yield ();
      vuc_device_close (it->device);
      if (!vuc_device_reconnect (it->device, &error))
        g_error ("the device was not connected again: %s", error->message);
    }
  return NULL;
}

/* What the library takes for mapped the server has, and nothing else, whenever it was lost. */
static void
memory_may_come_and_go_while_the_device_is_connected_again (gconstpointer data)
{
  const WayRow *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  Reconnecting it = { 0 };
  DmaMemory ram;
  GThread *thread;

  vuc_config_set_twin_socket (config, row->twin);
  device = it.device = vuc_device_connect (demo_device_listen (demo), config, NULL);
  dma_memory_init (&ram, MIB);
  thread = g_thread_new ("reconnect", close_and_reconnect, &it);
  for (guint n = 0; n < N_MAPPED;)
    {
      VucDmaRegion region = make_region (&ram, FROM * (1 + n % 7), BY_MESSAGE, DMA_BOTH);
      const guint32 start = row->command;
      gboolean gone = FALSE;

      if (!vuc_device_dma_map (device, &region, NULL))
        continue;
      g_atomic_int_set (&it.n_mapped, (gint) ++n);
      (void) vuc_device_region_write (device, 0, DEMO_COPY_SOURCE, &region.iova, 8, NULL);
      (void) vuc_device_region_write (device, 0, DEMO_COPY_DESTINATION, &region.iova, 8, NULL);
      (void) vuc_device_region_write (device, 0, DEMO_COPY_LENGTH, &ram.size, 8, NULL);
      (void) vuc_device_region_write (device, 0, DEMO_COPY_COMMAND, &start, 4, NULL);
      while (!gone)
        {
          g_autoptr (GError) error = NULL;

          gone = vuc_device_dma_unmap (device, region.iova, region.size, &error);
          if (!gone)
            assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "");
        }
    }
  g_thread_join (thread);

  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  for (guint i = 0; i < 7; i++)
    {
      VucDmaRegion region = make_region (&ram, FROM * (1 + i), BY_MESSAGE, DMA_BOTH);

      dma_map_or_fail (device, &region);
      copy_or_fail (device, region.iova, region.iova + MIB / 2, PAGE, row->command);
    }
  vuc_device_close (device);
  dma_memory_clear (&ram);
  demo_device_stop (demo);
}

/* --- Many --- */

static void
regions_of_one_file_need_one_descriptor (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_demo (demo_device_start (demo), TRUE);
  g_autofree VucDmaRegion *regions = g_new0 (VucDmaRegion, 3000);
  g_autoptr (GError) error = NULL;
  DmaMemory ram;
  guint n_before;

  dma_memory_init (&ram, PAGE);
  for (guint i = 0; i < 3000; i++)
    regions[i] = dma_memory_shared (&ram, FROM + i * PAGE, i % 2 == 0 ? DMA_BOTH : VUC_DMA_READ);
  n_before = count_files ();
  ck_assert (vuc_device_dma_map_many (device, regions, 3000, &error));
  assert_no_error (error);
  ck_assert_uint_eq (count_files (), n_before + 2);
  ck_assert (vuc_device_dma_unmap_all (device, &error));
  ck_assert_uint_eq (count_files (), n_before);
  dma_memory_clear (&ram);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
all_the_windows_that_there_are_can_be_used (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucConfig) config = config_with_timeout (60000);
  g_autofree VucDmaRegion *regions = g_new0 (VucDmaRegion, N_MAPS);
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  gint64 start;
  DmaMemory ram;

  device = connect_with (demo_device_start (demo), config);
  dma_memory_init (&ram, 1024 * PAGE);
  for (guint i = 0; i < N_MAPS; i++)
    {
      regions[i] = make_region (&ram, FROM, i % 4 == 0 ? SHARED : BY_MESSAGE, DMA_BOTH);
      regions[i].iova += i * G_GUINT64_CONSTANT (2) * PAGE;
      regions[i].size = PAGE;
      regions[i].fd_offset = i % 4 == 0 ? i % 1024 * PAGE : 0;
      if (regions[i].vaddr != NULL)
        regions[i].vaddr = ram.bytes + i % 1024 * PAGE;
    }
  start = g_get_monotonic_time ();
  ck_assert (vuc_device_dma_map_many (device, regions, N_MAPS, &error));
  harness_note ("mapped in %u ms", ms_since (start));
  ck_assert_uint_eq (vuc_device_dma_get_count (device), N_MAPS);
  ck_assert (!vuc_device_dma_map (
    device,
    &(VucDmaRegion){ .iova = 0, .size = PAGE, .flags = DMA_BOTH, .fd = -1, .vaddr = ram.bytes },
    &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_LIMIT, "65535 DMA regions are mapped already");
  g_clear_error (&error);

  for (guint i = 0; i < 1000; i++)
    {
      const guint from = i * 63, to = (i * 61 + 1) % N_MAPS;

      ram.bytes[from % 1024 * PAGE] = (guint8) i;
      copy_or_fail (device, regions[from].iova, regions[to].iova + 1, 1, DEMO_COPY_START);
      ck_assert_uint_eq (ram.bytes[to % 1024 * PAGE + 1], (guint8) i);
    }

  start = g_get_monotonic_time ();
  ck_assert (vuc_device_dma_unmap_all (device, &error));
  harness_note ("unmapped in %u ms", ms_since (start));
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  dma_memory_clear (&ram);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_copy_is_exact_between_any_two_kinds, ways),
  HARNESS_ROWS (a_copy_goes_over_regions_that_follow_each_other, ways),
  HARNESS_ROWS (memory_that_is_being_copied_can_be_unmapped_and_freed, ways),
  HARNESS_ROWS (pages_that_the_device_wrote_by_message_are_recorded, ways),
  HARNESS_ROWS (all_kinds_are_restored_when_the_device_is_connected_again, ways),
  HARNESS_ROWS (memory_may_come_and_go_while_the_device_is_connected_again, ways),
  HARNESS_CASE (regions_of_one_file_need_one_descriptor),
  HARNESS_CASE (all_the_windows_that_there_are_can_be_used),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "dma-demo", cases);
}
