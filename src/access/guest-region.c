/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One region of guest memory.  Does not know which others there are.  Any thread.
 */

#include "access/guest-region.h"

#include <sys/mman.h>

VucGuestRegion *
vuc_guest_region_new (guint64 iova, guint64 size, guint32 flags)
{
  VucGuestRegion *region = g_new0 (VucGuestRegion, 1);

  region->ref_count = 1;
  region->iova = iova;
  region->size = size;
  region->flags = flags;
  region->state = VUC_GUEST_GONE;
  return region;
}

VucGuestRegion *
vuc_guest_region_ref (VucGuestRegion *region)
{
  g_atomic_int_inc (&region->ref_count);
  return region;
}

void
vuc_guest_region_unref (VucGuestRegion *region)
{
  if (!g_atomic_int_dec_and_test (&region->ref_count))
    return;
  if (region->mapped != NULL)
    munmap (region->mapped, region->size);
  if (region->file != NULL)
    vuc_shared_file_unref (region->file);
  g_free (region);
}

gboolean
vuc_guest_region_has_ops (const VucGuestRegion *region)
{
  return region->ops.read != NULL || region->ops.write != NULL;
}

guint8 *
vuc_guest_region_get_memory (VucGuestRegion *region)
{
  int protection = ((region->flags & VUC_DMA_READ) != 0 ? PROT_READ : PROT_NONE)
                   | ((region->flags & VUC_DMA_WRITE) != 0 ? PROT_WRITE : PROT_NONE);
  guint8 *memory = region->vaddr;

  if (memory == NULL)
    memory = g_atomic_pointer_get (&region->mapped);
  if (memory != NULL || region->file == NULL)
    return memory;

  memory = mmap (NULL, region->size, protection, MAP_SHARED, region->file->fd,
                 (off_t) region->file_offset);
  if (memory == MAP_FAILED)
    return NULL;
  if (g_atomic_pointer_compare_and_exchange (&region->mapped, NULL, memory))
    return memory;

  /* Another thread was faster. */
  munmap (memory, region->size);
  return g_atomic_pointer_get (&region->mapped);
}
