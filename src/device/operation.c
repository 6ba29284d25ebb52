/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Operations, as callers see them: waiting, cancelling, how much is under way; and how each
 * asynchronous form begins.  Does not know what an operation does.  Any thread.
 */

#include "device/operation.h"

#include "base/error.h"

/* --- Beginning --- */

static void
release_device (gpointer task)
{
  VucDevice *device = ((VucTask *) task)->owner;

  g_free (task);
  vuc_device_release (device);
}

VucOperation
vuc_device_start (VucDevice *device,
                  VucTask *task,
                  GDestroyNotify clear,
                  const VucReceiver *receiver)
{
  task->owner = vuc_device_hold (device);
  task->clear = clear;
  task->free = release_device;
  return vuc_task_start (task, receiver->callback, receiver->user_data, receiver->destroy);
}

typedef struct
{
  VucTask task;
  GError *error;
} Failed;

static VucTaskStatus
fail (VucTask *task, GError **error)
{
  g_propagate_error (error, g_steal_pointer (&((Failed *) task)->error));
  return VUC_TASK_ENDS;
}

static void
failed_clear (gpointer failed)
{
  g_clear_error (&((Failed *) failed)->error);
}

VucOperation
vuc_device_start_failed (VucDevice *device, GError *error, const VucReceiver *receiver)
{
  Failed *failed = g_new0 (Failed, 1);

  vuc_task_init (&failed->task, device->session, fail, G_MAXINT64);
  failed->error = error;
  return vuc_device_start (device, &failed->task, failed_clear, receiver);
}

/* --- Public --- */

gboolean
vuc_device_wait (VucDevice *device, VucOperation operation, GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  return vuc_task_wait (device->session, operation, error);
}

gboolean
vuc_device_cancel (VucDevice *device, VucOperation operation)
{
  g_return_val_if_fail (device != NULL, FALSE);

  return vuc_task_cancel (device->session, operation);
}

void
vuc_device_get_load (VucDevice *device, VucLoad *load)
{
  g_return_if_fail (device != NULL);
  g_return_if_fail (load != NULL);

  load->max_operations = device->settings.max_operations;
  load->max_queued_bytes = device->settings.max_queued_bytes;
  vuc_session_get_load (device->session, &load->operations, &load->queued_bytes);
}
