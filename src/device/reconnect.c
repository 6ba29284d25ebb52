/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What happens to a device by itself: events, and reconnecting with longer and longer pauses.  Does
 * not know how a device is connected.  Runs where callbacks are delivered.
 *
 * Reconnecting is a chain of two operations that take turns, a pause and an attempt; device->reconnect
 * is the one under way.  Stopping forgets it first, so its callback, which may be on its way already,
 * does not go on.
 */

#include "base/error.h"
#include "device/operation.h"

static void
tell_event (VucDevice *device, VucEvent event, const GError *error)
{
  const VucHook *hook = device->settings.hooks[VUC_HOOK_EVENT];

  if (hook != NULL)
    ((VucEventFunc) hook->func) (device, event, error, hook->user_data);
}

void
vuc_device_on_reconnected (VucDevice *device,
                           VucOperation operation G_GNUC_UNUSED,
                           const GError *error G_GNUC_UNUSED,
                           gpointer user_data G_GNUC_UNUSED)
{
  tell_event (device, VUC_EVENT_RECONNECTED, NULL);
}

/* --- The chain --- */

/* Whether the chain is not stopped; takes what is under way out of it. */
static gboolean
is_wanted (VucDevice *device)
{
  gboolean wanted;

  g_mutex_lock (&device->lock);
  wanted = device->reconnects && !device->closed;
  device->reconnect = 0;
  g_mutex_unlock (&device->lock);
  return wanted;
}

static void
end_chain (VucDevice *device)
{
  g_mutex_lock (&device->lock);
  device->reconnects = FALSE;
  g_mutex_unlock (&device->lock);
}

/* What was started is under way now, unless it was stopped meanwhile. */
static void
note_under_way (VucDevice *device, VucOperation operation)
{
  gboolean stopped;

  g_mutex_lock (&device->lock);
  stopped = !device->reconnects;
  if (!stopped)
    device->reconnect = operation;
  g_mutex_unlock (&device->lock);
  if (stopped)
    vuc_device_cancel (device, operation);
}

typedef struct
{
  VucTask task;
  gint64 until;
} Pause;

static VucTaskStatus
pause_step (VucTask *task, GError **error G_GNUC_UNUSED)
{
  const Pause *pause = (const Pause *) task;

  if (g_get_monotonic_time () >= pause->until)
    return VUC_TASK_ENDS;
  vuc_task_sleep_until (task, pause->until);
  return VUC_TASK_GOES_ON;
}

static void after_pause (VucDevice *device,
                         VucOperation operation,
                         const GError *error,
                         gpointer user_data);

static void
begin_pause (VucDevice *device, guint pause_ms)
{
  VucReceiver receiver = { after_pause, GUINT_TO_POINTER (pause_ms), NULL };
  Pause *pause = g_new0 (Pause, 1);

  vuc_task_init (&pause->task, device->session, pause_step, G_MAXINT64);
  pause->task.unlimited = TRUE;
  pause->until = g_get_monotonic_time () + pause_ms * (gint64) 1000;
  note_under_way (device, vuc_device_start (device, &pause->task, NULL, &receiver));
}

static void
begin_chain (VucDevice *device)
{
  gboolean begins;

  g_mutex_lock (&device->lock);
  begins = device->settings.auto_reconnect && !device->closed && !device->reconnects;
  if (begins)
    device->reconnects = TRUE;
  g_mutex_unlock (&device->lock);
  if (begins)
    begin_pause (device, device->settings.reconnect_min_ms);
}

static void
after_attempt (VucDevice *device,
               VucOperation operation G_GNUC_UNUSED,
               const GError *error,
               gpointer user_data)
{
  guint64 next = GPOINTER_TO_UINT (user_data) * (guint64) 2;
  const VucSettings *settings = &device->settings;
  guint max = MAX (settings->reconnect_max_ms, settings->reconnect_min_ms);

  if (!is_wanted (device))
    return;
  if (error == NULL || vuc_device_get_state (device) == VUC_DEVICE_CONNECTED)
    {
      end_chain (device);
      /* Lost again: another thread may have told of that before, while the chain was still there. */
      if (vuc_device_get_state (device) == VUC_DEVICE_LOST)
        begin_chain (device);
    }
  else if (g_error_matches (error, VUC_ERROR, VUC_ERROR_REJECTED)
           || g_error_matches (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED))
    {
      end_chain (device);
      tell_event (device, VUC_EVENT_GIVEN_UP, error);
    }
  else
    {
      begin_pause (device, (guint) MIN (next, max));
    }
}

static void
after_pause (VucDevice *device,
             VucOperation operation G_GNUC_UNUSED,
             const GError *error,
             gpointer user_data)
{
  VucReceiver receiver = { after_attempt, user_data, NULL };

  if (!is_wanted (device))
    return;
  if (error != NULL)
    end_chain (device);
  else
    note_under_way (device, vuc_device_connect_later (device, &receiver));
}

void
vuc_device_on_lost (VucDevice *device,
                    VucOperation operation G_GNUC_UNUSED,
                    const GError *error,
                    gpointer user_data G_GNUC_UNUSED)
{
  tell_event (device, VUC_EVENT_LOST, error);
  begin_chain (device);
}

void
vuc_device_stop_reconnecting (VucDevice *device)
{
  VucOperation operation;

  g_mutex_lock (&device->lock);
  device->closed = TRUE;
  device->reconnects = FALSE;
  operation = device->reconnect;
  device->reconnect = 0;
  g_mutex_unlock (&device->lock);
  if (operation != 0)
    vuc_device_cancel (device, operation);
}
