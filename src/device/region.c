/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is known of a region, and access to it.  Does not know how an access travels.  Any thread.
 */

#include "access/message.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/range.h"
#include "device/device-private.h"

const VucRegionInfo *
vuc_device_get_region_info (VucDevice *device, guint32 region)
{
  g_return_val_if_fail (device != NULL, NULL);

  return region < device->info.num_regions ? &device->regions[region].info : NULL;
}

VucRegion *
vuc_device_find_region (VucDevice *device, guint32 region, GError **error)
{
  if (region < device->info.num_regions)
    return &device->regions[region];

  if (device->info.num_regions == 0)
    vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "there is no region %u: the device has none",
              region);
  else
    vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "there is no region %u, the device has 0 to %u",
              region, device->info.num_regions - 1);
  return NULL;
}

void
vuc_device_set_region_port_io (VucDevice *device, guint32 region, gboolean port_io)
{
  g_return_if_fail (device != NULL);
  g_return_if_fail (region < device->info.num_regions);

  g_mutex_lock (&device->io_fds_lock);
  device->regions[region].port_io = port_io;
  g_mutex_unlock (&device->io_fds_lock);
}

/* Checked here, so that nothing outside the region is ever asked for. */
static gboolean
check_access (VucDevice *device,
              guint32 index,
              guint64 offset,
              gsize count,
              VucRegionFlags needed,
              GError **error)
{
  const VucRegion *region = vuc_device_find_region (device, index, error);

  if (region == NULL)
    return FALSE;
  if (!vuc_range_is_inside (offset, count, 0, region->info.size))
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "region %u: %" G_GSIZE_FORMAT " bytes at 0x%" G_GINT64_MODIFIER
                     "x are not inside it, its size is 0x%" G_GINT64_MODIFIER "x",
                     index, count, offset, region->info.size);
  if ((region->info.flags & needed) == 0)
    return vuc_fail (error, VUC_ERROR_NOT_SUPPORTED, "region %u cannot be %s", index,
                     needed == VUC_REGION_READ ? "read" : "written");
  return TRUE;
}

gboolean
vuc_device_region_read (VucDevice *device,
                        guint32 region,
                        guint64 offset,
                        gpointer data,
                        gsize count,
                        GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;
  gsize chunk;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (data != NULL || count == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  if (!check_access (device, region, offset, count, VUC_REGION_READ, error))
    return FALSE;

  chunk = (gsize) MIN (device->info.max_data_xfer_size, VUC_LIMIT_READ_SIZE);
  return vuc_message_read (device->session, region, offset, data, count, chunk,
                           vuc_device_deadline (device), error);
}

gboolean
vuc_device_region_write (VucDevice *device,
                         guint32 region,
                         guint64 offset,
                         gconstpointer data,
                         gsize count,
                         GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;
  gsize chunk;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (data != NULL || count == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  if (!check_access (device, region, offset, count, VUC_REGION_WRITE, error))
    return FALSE;

  chunk = (gsize) MIN (device->info.max_data_xfer_size, device->settings.max_write_size);
  return vuc_message_write (device->session, region, offset, data, count, chunk,
                            vuc_device_deadline (device), error);
}
