/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Region IO descriptors: asked for on demand, and kept.  Does not know how to use them.  Any
 * thread: two may ask at the same time, then the first answer is kept.
 */

#include "base/error.h"
#include "device/io-fds-query.h"
#include "device/operation.h"
#include "device/posting.h"

typedef struct
{
  VucTask task;
  VucDevice *device;
  VucRegion *region;
  guint64 attempt; /* the connection that is asked */
  gboolean known;  /* there is nothing to ask */
  VucIoFdsQuery query;
} Ask;

static gboolean
keep (Ask *ask, GError **error)
{
  VucDevice *device = ask->device;
  gboolean is_current;

  g_mutex_lock (&device->lock);
  is_current = device->n_attempts == ask->attempt;
  if (is_current && !ask->region->io_fds.known)
    {
      ask->region->io_fds = ask->query.answer;
      ask->query.answer = (VucRegionIoFdsKept){ 0 };
    }
  g_mutex_unlock (&device->lock);
  if (is_current)
    vuc_ways_note_io_fds (device, ask->region);
  return is_current
         || vuc_fail (error, VUC_ERROR_DISCONNECTED, "the device was connected anew meanwhile");
}

static VucTaskStatus
ask_step (VucTask *task, GError **error)
{
  Ask *ask = (Ask *) task;
  g_autoptr (GError) failure = NULL;

  if (ask->known)
    return VUC_TASK_ENDS;
  if (vuc_io_fds_query_step (&ask->query, &failure) == VUC_TASK_GOES_ON)
    return VUC_TASK_GOES_ON;

  if (failure == NULL)
    {
      keep (ask, error);
      return VUC_TASK_ENDS;
    }
  vuc_device_note_error (task, failure);
  g_propagate_error (error, g_steal_pointer (&failure));
  return VUC_TASK_ENDS;
}

static void
ask_clear (gpointer ask)
{
  vuc_io_fds_query_clear (&((Ask *) ask)->query);
}

static gboolean
prepare (Ask *ask, VucDevice *device, guint32 index, GError **error)
{
  VucRegion *region = vuc_device_find_region (device, index, error);
  gboolean port_io;

  if (region == NULL)
    return FALSE;

  vuc_task_init (&ask->task, device->session, ask_step, vuc_device_deadline (device));
  ask->task.command = VUC_COMMAND_DEVICE_GET_REGION_IO_FDS;
  ask->device = device;
  ask->region = region;
  g_mutex_lock (&device->lock);
  ask->attempt = device->n_attempts;
  ask->known = region->io_fds.known;
  port_io = region->port_io;
  g_mutex_unlock (&device->lock);
  vuc_io_fds_query_init (&ask->query, &ask->task, region, port_io);
  return TRUE;
}

gboolean
vuc_device_get_region_io_fds (VucDevice *device,
                              guint32 index,
                              const VucIoFd **io_fds,
                              gsize *n_io_fds,
                              GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;
  Ask ask;
  gboolean ok;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (io_fds != NULL && n_io_fds != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  if (!prepare (&ask, device, index, error))
    return FALSE;

  /* What is kept can be had while the server is away, and inside a callback. */
  ok = ask.known || vuc_task_run (&ask.task, error);
  ask_clear (&ask);
  if (!ok)
    return FALSE;

  g_mutex_lock (&device->lock);
  ask.region->io_fds_handed_out = TRUE;
  vuc_posting_update_locked (device, ask.region);
  g_mutex_unlock (&device->lock);
  *io_fds = ask.region->io_fds.entries;
  *n_io_fds = ask.region->io_fds.n_entries;
  return TRUE;
}

VucOperation
vuc_device_get_region_io_fds_async (VucDevice *device,
                                    guint32 index,
                                    VucCallback callback,
                                    gpointer user_data,
                                    GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };
  g_autofree Ask *ask = NULL;
  GError *error = NULL;

  g_return_val_if_fail (device != NULL, 0);

  ask = g_new (Ask, 1);
  if (!prepare (ask, device, index, &error))
    return vuc_device_start_failed (device, error, &receiver);
  return vuc_device_start (device, &g_steal_pointer (&ask)->task, ask_clear, &receiver);
}

int
vuc_device_get_region_io_fds_errno (VucDevice *device, guint32 index)
{
  int number;

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (vuc_device_get_region_info (device, index) != NULL, 0);

  g_mutex_lock (&device->lock);
  number = device->shape.regions[index].io_fds.remote_errno;
  g_mutex_unlock (&device->lock);
  return number;
}
