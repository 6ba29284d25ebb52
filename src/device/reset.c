/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_RESET.  Any thread.
 */

#include "base/error.h"
#include "device/device-private.h"

gboolean
vuc_device_reset (VucDevice *device, GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;
  VucCall call;
  gboolean ok;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  if ((device->info.flags & VUC_DEVICE_RESET) == 0)
    return vuc_fail (error, VUC_ERROR_NOT_SUPPORTED, "the device cannot be reset");

  /* No payload either way. */
  vuc_call_init (&call, VUC_COMMAND_DEVICE_RESET, vuc_device_long_deadline (device));
  ok = vuc_session_call (device->session, &call, error);
  vuc_call_clear (&call);
  return ok;
}
