/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What a caller describes as guest memory: whether it can be mapped at all, and the region that it
 * makes.  Does not know which others there are, nor asks the server.  Any thread.
 */

#include "device/dma-region.h"

#include <unistd.h>

#include "base/error.h"
#include "base/range.h"

static guint64
smallest_page (const VucDevice *device)
{
  guint64 pgsizes = device->shape.info.pgsizes;

  return pgsizes & -pgsizes;
}

static gboolean
check_kind (const VucDmaRegion *region, GError **error)
{
  guint n_kinds = (region->fd >= 0) + (region->ops != NULL)
                  + (region->fd < 0 && region->ops == NULL && region->vaddr != NULL);

  if (n_kinds != 1 || (region->ops != NULL && region->vaddr != NULL))
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "a DMA region is either a file, memory or functions");
  if ((region->flags & VUC_DMA_FILE_IO) != 0 && region->fd < 0)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "VUC_DMA_FILE_IO needs a file");
  if (region->ops != NULL
      && (((region->flags & VUC_DMA_READ) != 0 && region->ops->read == NULL)
          || ((region->flags & VUC_DMA_WRITE) != 0 && region->ops->write == NULL)))
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "a DMA region has a right without a function to serve it");
  return TRUE;
}

static gboolean
check_region (VucDevice *device, const VucDmaRegion *region, GError **error)
{
  const guint32 known = VUC_DMA_READ | VUC_DMA_WRITE | VUC_DMA_FILE_IO | VUC_DMA_UNSAFE_FD;
  guint64 page = smallest_page (device);

  if (region->size == 0 || !vuc_range_is_valid (region->iova, region->size)
      || region->iova % page != 0 || region->size % page != 0)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "DMA region 0x%" G_GINT64_MODIFIER "x, size 0x%" G_GINT64_MODIFIER
                     "x: both must be multiples of 0x%" G_GINT64_MODIFIER
                     "x, the size not 0, and its end below 2^64",
                     region->iova, region->size, page);
  if ((region->flags & (VUC_DMA_READ | VUC_DMA_WRITE)) == 0 || (region->flags & ~known) != 0)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "DMA region flags 0x%x: allowed are 0x%x, with at least one right",
                     region->flags, known);
  return check_kind (region, error);
}

static gboolean
check_file (const VucDmaRegion *region, const VucSharedFile *file, GError **error)
{
  guint64 page = (guint64) sysconf (_SC_PAGESIZE);

  if (region->fd_offset % page != 0)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "DMA region fd_offset 0x%" G_GINT64_MODIFIER
                     "x: it must be a multiple of this host's page size, 0x%" G_GINT64_MODIFIER "x",
                     region->fd_offset, page);
  if (!vuc_shared_file_holds (file, region->fd_offset, region->size))
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "DMA region: 0x%" G_GINT64_MODIFIER "x bytes at 0x%" G_GINT64_MODIFIER
                     "x are not inside the file",
                     region->size, region->fd_offset);
  return TRUE;
}

static VucGuestRegion *
region_of (const VucDmaRegion *description, VucSharedFile *file)
{
  VucGuestRegion *region = vuc_guest_region_new (description->iova, description->size,
                                                 description->flags);

  region->vaddr = description->vaddr;
  region->file = file;
  region->file_offset = description->fd_offset;
  if (description->ops != NULL)
    region->ops = *description->ops;
  region->user_data = description->user_data;
  return region;
}

/* Regions that are mapped by one call, and name the same descriptor with the same rights, have one
 * file, as those have that are in the table already.  files: what the call has come upon so far. */
static VucSharedFile *
share_file (VucDevice *device, const VucDmaRegion *description, GHashTable *files, GError **error)
{
  gboolean writable = (description->flags & VUC_DMA_WRITE) != 0;
  gboolean unsafe = (description->flags & VUC_DMA_UNSAFE_FD) != 0;
  gint64 key = (gint64) description->fd << 2 | writable << 1 | unsafe;
  VucSharedFile *file = g_hash_table_lookup (files, &key);
  gint64 *own_key;

  if (file != NULL)
    return vuc_shared_file_ref (file);
  file = vuc_guest_table_share_file (device->memory.table, description->fd, writable, unsafe,
                                     error);
  if (file == NULL)
    return NULL;
  own_key = g_new (gint64, 1);
  *own_key = key;
  g_hash_table_insert (files, own_key, vuc_shared_file_ref (file));
  return file;
}

VucGuestRegion *
vuc_dma_region_check (VucDevice *device,
                      const VucDmaRegion *description,
                      GHashTable *files,
                      GError **error)
{
  VucSharedFile *file = NULL;

  if (!check_region (device, description, error))
    return NULL;
  if (description->fd < 0)
    return region_of (description, NULL);

  if (device->shape.info.max_msg_fds == 0)
    {
      vuc_fail (error, VUC_ERROR_LIMIT, "the server takes no descriptors");
      return NULL;
    }
  file = share_file (device, description, files, error);
  if (file == NULL)
    return NULL;
  if (check_file (description, file, error))
    return region_of (description, file);
  vuc_shared_file_unref (file);
  return NULL;
}
