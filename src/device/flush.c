/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Flushing: waiting until the device has executed what was posted.  Does not know how that is proven
 * (access/fence.c), nor who has posted.  Any thread.
 */

#include "access/fence.h"
#include "base/error.h"
#include "device/operation.h"

typedef struct
{
  VucTask task;
  gboolean asks;
  VucFence fence;
} Flush;

static VucTaskStatus
flush_step (VucTask *task, GError **error)
{
  Flush *flush = (Flush *) task;

  return flush->asks ? vuc_fence_step (&flush->fence, error) : VUC_TASK_ENDS;
}

static void
flush_clear (gpointer flush)
{
  vuc_fence_clear (&((Flush *) flush)->fence);
}

/* What was posted may have been lost with a connection, so without one it is asked, in vain.  In this
 * order: what ends the connection makes nothing unproven. */
static gboolean
must_ask (VucDevice *device)
{
  return vuc_session_has_unproven (device->session)
         || vuc_device_get_state (device) != VUC_DEVICE_CONNECTED;
}

static gboolean
prepare (Flush *flush, VucDevice *device, GError **error)
{
  if (!g_atomic_int_get (&device->is_known))
    return vuc_fail (error, VUC_ERROR_DISCONNECTED, "the device is not connected yet");

  vuc_task_init (&flush->task, device->session, flush_step, vuc_device_deadline (device));
  flush->task.command = VUC_COMMAND_DEVICE_GET_INFO;
  flush->asks = must_ask (device);
  vuc_fence_init (&flush->fence, &flush->task);
  return TRUE;
}

gboolean
vuc_device_flush (VucDevice *device, GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;
  Flush flush;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  return prepare (&flush, device, error) && (!flush.asks || vuc_task_run (&flush.task, error));
}

VucOperation
vuc_device_flush_async (VucDevice *device,
                        VucCallback callback,
                        gpointer user_data,
                        GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };
  g_autofree Flush *flush = NULL;
  GError *error = NULL;

  g_return_val_if_fail (device != NULL, 0);

  flush = g_new (Flush, 1);
  if (!prepare (flush, device, &error))
    return vuc_device_start_failed (device, error, &receiver);
  return vuc_device_start (device, &g_steal_pointer (&flush)->task, flush_clear, &receiver);
}
