/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A device in a main loop: the source of a main context, or whatever another loop makes of the
 * descriptor.  Does not know what is done there.  Any thread; the source's functions run on the
 * context's.
 */

#include <glib-unix.h>

#include "device/device-private.h"

typedef struct
{
  GSource source;
  VucDevice *device; /* held, not referenced: who attaches a device does not keep it */
} DeviceSource;

static gboolean
dispatch (GSource *source, GSourceFunc callback G_GNUC_UNUSED, gpointer user_data G_GNUC_UNUSED)
{
  VucDevice *device = ((DeviceSource *) source)->device;

  if (!vuc_device_ref_if_alive (device))
    return G_SOURCE_REMOVE;
  vuc_session_process (device->session);
  vuc_device_unref (device);
  return G_SOURCE_CONTINUE;
}

static void
finalize (GSource *source)
{
  vuc_device_release (((DeviceSource *) source)->device);
}

/* Ready is what its descriptor is ready for, so there is nothing to prepare or to check. */
static GSourceFuncs functions = { .dispatch = dispatch, .finalize = finalize };

/* The source takes the place of the one before. */
static void
set_source (VucDevice *device, GSource *source, GMainContext *context)
{
  GMainContext *context_before;
  GSource *before;

  g_mutex_lock (&device->lock);
  before = device->source;
  context_before = device->context;
  device->source = source;
  device->context = context;
  g_mutex_unlock (&device->lock);

  if (before == NULL)
    return;
  g_source_destroy (before);
  g_source_unref (before);
  g_main_context_unref (context_before);
}

gboolean
vuc_device_attach (VucDevice *device, GMainContext *context, GError **error)
{
  GSource *source;
  int fd;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  fd = vuc_session_get_fd (device->session, error);
  if (fd < 0)
    return FALSE;

  source = g_source_new (&functions, sizeof (DeviceSource));
  ((DeviceSource *) source)->device = vuc_device_hold (device);
  g_source_set_name (source, "vfio-user device");
  g_source_set_can_recurse (source, TRUE);
  g_source_add_unix_fd (source, fd, G_IO_IN);
  if (context == NULL)
    context = g_main_context_default ();
  g_source_attach (source, context);
  set_source (device, source, g_main_context_ref (context));
  return TRUE;
}

void
vuc_device_detach (VucDevice *device)
{
  g_return_if_fail (device != NULL);

  set_source (device, NULL, NULL);
  if (!g_atomic_int_get (&device->fd_is_out))
    vuc_session_leave_unattended (device->session);
}

int
vuc_device_get_fd (VucDevice *device, GError **error)
{
  g_return_val_if_fail (device != NULL, -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  g_atomic_int_set (&device->fd_is_out, TRUE);
  return vuc_session_get_fd (device->session, error);
}

void
vuc_device_process (VucDevice *device)
{
  g_autoptr (VucDevice) in_use = NULL;

  g_return_if_fail (device != NULL);

  in_use = vuc_device_ref (device);
  vuc_session_process (device->session);
}
