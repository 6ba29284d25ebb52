/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_RESET.  Any thread.
 */

#include "base/error.h"
#include "device/operation.h"

typedef struct
{
  VucTask task;
  gboolean asked;
  VucCall call;
} Reset;

/* No payload either way. */
static VucTaskStatus
reset_step (VucTask *task, GError **error)
{
  Reset *reset = (Reset *) task;
  VucCall *call = &reset->call;

  if (reset->asked)
    {
      if (call->error != NULL)
        g_propagate_error (error, g_steal_pointer (&call->error));
      return VUC_TASK_ENDS;
    }
  reset->asked = TRUE;
  vuc_task_submit (task, &call, 1);
  return VUC_TASK_GOES_ON;
}

static void
reset_clear (gpointer reset)
{
  vuc_call_clear (&((Reset *) reset)->call);
}

static gboolean
prepare (Reset *reset, VucDevice *device, GError **error)
{
  if (!g_atomic_int_get (&device->is_known))
    return vuc_fail (error, VUC_ERROR_DISCONNECTED, "the device is not connected yet");
  if ((device->shape.info.flags & VUC_DEVICE_RESET) == 0)
    return vuc_fail (error, VUC_ERROR_NOT_SUPPORTED, "the device cannot be reset");

  vuc_task_init (&reset->task, device->session, reset_step, vuc_device_long_deadline (device));
  vuc_call_init (&reset->call, VUC_COMMAND_DEVICE_RESET);
  reset->call.is_unproven = TRUE;
  reset->task.command = VUC_COMMAND_DEVICE_RESET;
  reset->asked = FALSE;
  return TRUE;
}

gboolean
vuc_device_reset (VucDevice *device, GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;
  Reset reset;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  return prepare (&reset, device, error) && vuc_task_run (&reset.task, error);
}

VucOperation
vuc_device_reset_async (VucDevice *device,
                        VucCallback callback,
                        gpointer user_data,
                        GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };
  g_autofree Reset *reset = NULL;
  GError *error = NULL;

  g_return_val_if_fail (device != NULL, 0);

  reset = g_new (Reset, 1);
  if (!prepare (reset, device, &error))
    return vuc_device_start_failed (device, error, &receiver);
  return vuc_device_start (device, &g_steal_pointer (&reset)->task, reset_clear, &receiver);
}
