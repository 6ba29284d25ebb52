/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is known of a region, and access to it.  Does not know how an access travels.  Any thread.
 */

#include "access/message.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/range.h"
#include "device/operation.h"

const VucRegionInfo *
vuc_device_get_region_info (VucDevice *device, guint32 region)
{
  g_return_val_if_fail (device != NULL, NULL);

  if (!g_atomic_int_get (&device->is_known) || region >= device->shape.info.num_regions)
    return NULL;
  return &device->shape.regions[region].info;
}

VucRegion *
vuc_device_find_region (VucDevice *device, guint32 region, GError **error)
{
  if (!g_atomic_int_get (&device->is_known))
    {
      vuc_fail (error, VUC_ERROR_DISCONNECTED, "the device is not connected yet");
      return NULL;
    }
  if (region < device->shape.info.num_regions)
    return &device->shape.regions[region];

  if (device->shape.info.num_regions == 0)
    vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "there is no region %u: the device has none",
              region);
  else
    vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "there is no region %u, the device has 0 to %u",
              region, device->shape.info.num_regions - 1);
  return NULL;
}

void
vuc_device_set_region_port_io (VucDevice *device, guint32 region, gboolean port_io)
{
  g_return_if_fail (device != NULL);
  g_return_if_fail (vuc_device_get_region_info (device, region) != NULL);

  g_mutex_lock (&device->lock);
  device->shape.regions[region].port_io = port_io;
  g_mutex_unlock (&device->lock);
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

/* The checked access, as a task. */
static gboolean
prepare (VucTransfer *transfer,
         VucDevice *device,
         guint16 command,
         guint32 region,
         guint64 offset,
         void *data,
         gsize count,
         GError **error)
{
  gboolean reads = command == VUC_COMMAND_REGION_READ;
  gsize chunk = reads ? VUC_LIMIT_READ_SIZE : device->settings.max_write_size;

  if (!check_access (device, region, offset, count, reads ? VUC_REGION_READ : VUC_REGION_WRITE,
                     error))
    return FALSE;

  vuc_transfer_init (transfer, device->session, command, region, offset, data, count,
                     (gsize) MIN (device->shape.info.max_data_xfer_size, chunk),
                     vuc_device_deadline (device));
  return TRUE;
}

static gboolean
access_now (VucDevice *device,
            guint16 command,
            guint32 region,
            guint64 offset,
            void *data,
            gsize count,
            GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;
  VucTransfer transfer;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (data != NULL || count == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  return prepare (&transfer, device, command, region, offset, data, count, error)
         && vuc_task_run (&transfer.task, error);
}

static VucOperation
access_later (VucDevice *device,
              guint16 command,
              guint32 region,
              guint64 offset,
              void *data,
              gsize count,
              const VucReceiver *receiver)
{
  g_autofree VucTransfer *transfer = NULL;
  GError *error = NULL;

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (data != NULL || count == 0, 0);

  transfer = g_new (VucTransfer, 1);
  if (!prepare (transfer, device, command, region, offset, data, count, &error))
    return vuc_device_start_failed (device, error, receiver);
  return vuc_device_start (device, &g_steal_pointer (&transfer)->task, vuc_transfer_clear,
                           receiver);
}

gboolean
vuc_device_region_read (VucDevice *device,
                        guint32 region,
                        guint64 offset,
                        gpointer data,
                        gsize count,
                        GError **error)
{
  return access_now (device, VUC_COMMAND_REGION_READ, region, offset, data, count, error);
}

gboolean
vuc_device_region_write (VucDevice *device,
                         guint32 region,
                         guint64 offset,
                         gconstpointer data,
                         gsize count,
                         GError **error)
{
  return access_now (device, VUC_COMMAND_REGION_WRITE, region, offset, (void *) data, count, error);
}

VucOperation
vuc_device_region_read_async (VucDevice *device,
                              guint32 region,
                              guint64 offset,
                              gpointer data,
                              gsize count,
                              VucCallback callback,
                              gpointer user_data,
                              GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };

  return access_later (device, VUC_COMMAND_REGION_READ, region, offset, data, count, &receiver);
}

VucOperation
vuc_device_region_write_async (VucDevice *device,
                               guint32 region,
                               guint64 offset,
                               gconstpointer data,
                               gsize count,
                               VucCallback callback,
                               gpointer user_data,
                               GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };

  return access_later (device, VUC_COMMAND_REGION_WRITE, region, offset, (void *) data, count,
                       &receiver);
}
