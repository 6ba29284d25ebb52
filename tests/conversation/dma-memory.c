/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Guest memory for tests, through the public API only.  On the thread that runs the case.
 */

#include "conversation/dma-memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/harness.h"

void
dma_memory_init (DmaMemory *memory, gsize size)
{
  guint8 pattern[256];

  memory->size = size;
  memory->fd = memfd_create ("guest memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ck_assert_int_ge (memory->fd, 0);
  ck_assert_int_eq (ftruncate (memory->fd, (off_t) size), 0);
  memory->bytes = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
  ck_assert_ptr_ne (memory->bytes, MAP_FAILED);
  for (guint i = 0; i < sizeof pattern; i++)
    pattern[i] = (guint8) (i * 7);
  for (gsize i = 0; i < size; i += sizeof pattern)
    memcpy (memory->bytes + i, pattern, sizeof pattern);
}

void
dma_memory_clear (DmaMemory *memory)
{
  munmap (memory->bytes, memory->size);
  close (memory->fd);
}

VucDmaRegion
dma_memory_region (const DmaMemory *memory, guint64 iova, guint32 flags)
{
  return (VucDmaRegion){
    .iova = iova, .size = memory->size, .flags = flags, .fd = -1, .vaddr = memory->bytes
  };
}

VucDmaRegion
dma_memory_shared (const DmaMemory *memory, guint64 iova, guint32 flags)
{
  return (VucDmaRegion){ .iova = iova, .size = memory->size, .flags = flags, .fd = memory->fd };
}

void
dma_map_or_fail (VucDevice *device, const VucDmaRegion *region)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = vuc_device_dma_map (device, region, &error);

  assert_no_error (error);
  ck_assert (ok);
}

void
dma_unmap_or_fail (VucDevice *device, const VucDmaRegion *region)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = vuc_device_dma_unmap (device, region->iova, region->size, &error);

  assert_no_error (error);
  ck_assert (ok);
}

void
script_expect_dma_map (ScriptServer *server, guint64 iova, guint64 size, guint32 flags)
{
  g_autofree char *payload = g_strdup_printf ("u32:32 u32:%u | u64:0 u64:%" G_GUINT64_FORMAT
                                              " u64:%" G_GUINT64_FORMAT,
                                              flags, iova, size);

  script_expect_command (server, DMA_MAP, payload);
}

void
script_expect_dma_unmap (ScriptServer *server, guint64 iova, guint64 size)
{
  g_autofree char *payload = g_strdup_printf ("u32:24 u32:0 | u64:%" G_GUINT64_FORMAT
                                              " u64:%" G_GUINT64_FORMAT,
                                              iova, size);

  script_expect_command (server, DMA_UNMAP, payload);
}

void
script_dma_map (ScriptServer *server, guint64 iova, guint64 size, guint32 flags)
{
  script_expect_dma_map (server, iova, size, flags);
  script_reply (server, "");
}

void
script_dma_unmap (ScriptServer *server, guint64 iova, guint64 size)
{
  script_expect_dma_unmap (server, iova, size);
  script_reply (server, "");
}
