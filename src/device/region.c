/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is known of a region, and access to it.  Does not know how an access travels.  Any thread.
 */

#include "access/access.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/range.h"
#include "device/operation.h"
#include "device/posting.h"
#include "device/ways.h"

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

/* The checked access. */
static gboolean
prepare (VucAccessWish *wish,
         VucDevice *device,
         guint32 region,
         gboolean writes,
         guint64 offset,
         void *data,
         gsize count,
         VucAccessFlags flags,
         GError **error)
{
  if (!check_access (device, region, offset, count, writes ? VUC_REGION_WRITE : VUC_REGION_READ,
                     error))
    return FALSE;

  *wish = (VucAccessWish){ .traffic = &device->traffic,
                           .routes = vuc_ways_get (device, &device->shape.regions[region]),
                           .region = region,
                           .writes = writes,
                           .posts = writes && count <= VUC_LIMIT_POSTED_SIZE
                                    && vuc_posting_is_on (&device->shape.regions[region]),
                           .flags = flags | device->settings.access_flags,
                           .offset = offset,
                           .data = data,
                           .count = count };
  return TRUE;
}

static gsize
get_chunk (const VucDevice *device, gboolean writes)
{
  gsize chunk = writes ? device->settings.max_write_size : VUC_LIMIT_READ_SIZE;

  return (gsize) MIN (device->shape.info.max_data_xfer_size, chunk);
}

static gboolean
access_now (VucDevice *device,
            guint32 region,
            gboolean writes,
            guint64 offset,
            void *data,
            gsize count,
            VucAccessFlags flags,
            GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;
  VucAccessResult result;
  VucAccessWish wish;
  VucAccess access;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (data != NULL || count == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!prepare (&wish, device, region, writes, offset, data, count, flags, error))
    return FALSE;
  if (vuc_access_at_once (&wish))
    return TRUE;

  in_use = vuc_device_ref (device);
  result = vuc_access_try (&wish, device->settings.timeout_ms * (gint64) 1000, error);
  if (result != VUC_ACCESS_NOT_BEGUN)
    return result == VUC_ACCESS_DONE;

  vuc_access_init (&access, &wish, get_chunk (device, writes), TRUE, vuc_device_deadline (device));
  if (vuc_task_run (&access.task, error))
    return TRUE;
  vuc_access_clear (&access);
  return FALSE;
}

static VucOperation
access_later (VucDevice *device,
              guint32 region,
              gboolean writes,
              guint64 offset,
              void *data,
              gsize count,
              VucAccessFlags flags,
              const VucReceiver *receiver)
{
  VucAccess *access;
  VucAccessWish wish;
  GError *error = NULL;

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (data != NULL || count == 0, 0);

  if (!prepare (&wish, device, region, writes, offset, data, count, flags, &error))
    return vuc_device_start_failed (device, error, receiver);
  access = g_new (VucAccess, 1);
  vuc_access_init (access, &wish, get_chunk (device, writes), FALSE, vuc_device_deadline (device));
  return vuc_device_start (device, &access->task, vuc_access_clear, receiver);
}

/* --- Public --- */

gboolean
vuc_device_region_read (VucDevice *device,
                        guint32 region,
                        guint64 offset,
                        gpointer data,
                        gsize count,
                        GError **error)
{
  return access_now (device, region, FALSE, offset, data, count, VUC_ACCESS_ANY, error);
}

gboolean
vuc_device_region_write (VucDevice *device,
                         guint32 region,
                         guint64 offset,
                         gconstpointer data,
                         gsize count,
                         GError **error)
{
  return access_now (device, region, TRUE, offset, (void *) data, count, VUC_ACCESS_ANY, error);
}

gboolean
vuc_device_region_read_full (VucDevice *device,
                             guint32 region,
                             guint64 offset,
                             gpointer data,
                             gsize count,
                             VucAccessFlags flags,
                             GError **error)
{
  return access_now (device, region, FALSE, offset, data, count, flags, error);
}

gboolean
vuc_device_region_write_full (VucDevice *device,
                              guint32 region,
                              guint64 offset,
                              gconstpointer data,
                              gsize count,
                              VucAccessFlags flags,
                              GError **error)
{
  return access_now (device, region, TRUE, offset, (void *) data, count, flags, error);
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

  return access_later (device, region, FALSE, offset, data, count, VUC_ACCESS_ANY, &receiver);
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

  return access_later (device, region, TRUE, offset, (void *) data, count, VUC_ACCESS_ANY,
                       &receiver);
}

VucOperation
vuc_device_region_read_full_async (VucDevice *device,
                                   guint32 region,
                                   guint64 offset,
                                   gpointer data,
                                   gsize count,
                                   VucAccessFlags flags,
                                   VucCallback callback,
                                   gpointer user_data,
                                   GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };

  return access_later (device, region, FALSE, offset, data, count, flags, &receiver);
}

VucOperation
vuc_device_region_write_full_async (VucDevice *device,
                                    guint32 region,
                                    guint64 offset,
                                    gconstpointer data,
                                    gsize count,
                                    VucAccessFlags flags,
                                    VucCallback callback,
                                    gpointer user_data,
                                    GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };

  return access_later (device, region, TRUE, offset, (void *) data, count, flags, &receiver);
}

void
vuc_device_get_access_counters (VucDevice *device, VucAccessCounters *counters)
{
  g_return_if_fail (device != NULL);
  g_return_if_fail (counters != NULL);

  *counters = (VucAccessCounters){ .posted_messages = 0 };
  for (guint way = 0; way < VUC_N_WAYS; way++)
    counters->parts[way] = (gsize) g_atomic_pointer_get (&device->traffic.counters[way]);
  counters->posted_messages = vuc_posted_get_n_messages (device->traffic.posted);
}
