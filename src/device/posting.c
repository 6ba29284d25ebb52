/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Whether writes to a region are posted: what the caller wants, and what is safe.  Does not know how
 * one is posted.  Any thread.
 *
 * A write to the configuration space, or to port IO, is never posted on real hardware, and drivers
 * rely on that.  What a hypervisor does with areas and descriptors that were handed to it bypasses
 * the library, so nothing could keep it behind a posted write.
 */

#include "device/posting.h"

#include "base/error.h"

/* NULL: there is nothing against it. */
static const char *
get_obstacle (const VucDevice *device, const VucRegion *region, gboolean insists)
{
  if ((device->shape.info.flags & VUC_DEVICE_PCI) != 0
      && region->info.index == VUC_PCI_CONFIG_REGION)
    return "it is the configuration space";
  if (region->port_io)
    return "it is port IO";
  if (region->areas_handed_out && !insists)
    return "its areas were handed out";
  if (region->io_fds_handed_out && !insists)
    return "its IO descriptors were handed out";
  return NULL;
}

static gboolean
is_wanted (const VucDevice *device, VucPosting posting)
{
  if (posting == VUC_POSTING_DEFAULT)
    return device->settings.posted_writes;
  return posting != VUC_POSTING_OFF;
}

void
vuc_posting_update_locked (VucDevice *device, VucRegion *region)
{
  gboolean insists = region->posting == VUC_POSTING_INSIST;

  g_atomic_int_set (&region->posts, is_wanted (device, region->posting)
                                      && get_obstacle (device, region, insists) == NULL);
}

void
vuc_posting_init (VucDevice *device)
{
  for (guint32 i = 0; i < device->shape.info.num_regions; i++)
    vuc_posting_update_locked (device, &device->shape.regions[i]);
}

gboolean
vuc_posting_is_on (const VucRegion *region)
{
  return g_atomic_int_get (&region->posts);
}

gboolean
vuc_device_set_region_posting (VucDevice *device, guint32 index, VucPosting posting, GError **error)
{
  const char *obstacle = NULL;
  VucRegion *region;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (posting <= VUC_POSTING_INSIST, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  region = vuc_device_find_region (device, index, error);
  if (region == NULL)
    return FALSE;

  g_mutex_lock (&device->lock);
  if (posting >= VUC_POSTING_ON)
    obstacle = get_obstacle (device, region, posting == VUC_POSTING_INSIST);
  if (obstacle == NULL)
    {
      region->posting = posting;
      vuc_posting_update_locked (device, region);
    }
  g_mutex_unlock (&device->lock);
  return obstacle == NULL
         || vuc_fail (error, VUC_ERROR_NOT_SUPPORTED, "writes to region %u cannot be posted: %s",
                      index, obstacle);
}

void
vuc_device_set_region_port_io (VucDevice *device, guint32 index, gboolean port_io)
{
  VucRegion *region;

  g_return_if_fail (device != NULL);
  g_return_if_fail (vuc_device_get_region_info (device, index) != NULL);

  region = &device->shape.regions[index];
  g_mutex_lock (&device->lock);
  region->port_io = port_io;
  vuc_posting_update_locked (device, region);
  g_mutex_unlock (&device->lock);
}
