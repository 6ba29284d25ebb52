/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What happens to a device by itself: events, and reconnecting with longer and longer pauses.  Does
 * not know how a device is connected.  Runs where callbacks are delivered.
 *
 * Reconnecting is a chain of two operations that take turns, a pause and an attempt; device->reconnect
 * is the one under way.  Each chain has a number, and device->chain is that of the one that goes on.
 * Stopping forgets it first, so a callback that may be on its way already does not go on, not even
 * when there is another chain by then.
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

/* What the callback of an operation is told. */
typedef struct
{
  guint64 chain;
  guint pause_ms; /* the last one */
} Turn;

static VucReceiver
receiver_of (VucCallback callback, guint64 chain, guint pause_ms)
{
  Turn *turn = g_new (Turn, 1);

  *turn = (Turn){ chain, pause_ms };
  return (VucReceiver){ callback, turn, g_free };
}

/* Whether the chain is not stopped; takes what is under way out of it. */
static gboolean
is_wanted (VucDevice *device, guint64 chain)
{
  gboolean wanted;

  g_mutex_lock (&device->lock);
  wanted = device->chain == chain;
  if (wanted)
    device->reconnect = 0;
  g_mutex_unlock (&device->lock);
  return wanted;
}

static void
end_chain (VucDevice *device, guint64 chain)
{
  g_mutex_lock (&device->lock);
  if (device->chain == chain)
    device->chain = 0;
  g_mutex_unlock (&device->lock);
}

/* What was started is under way now, unless it was stopped meanwhile, or has had its turn already. */
static void
note_under_way (VucDevice *device, guint64 chain, VucOperation operation)
{
  gboolean stopped;

  g_mutex_lock (&device->lock);
  stopped = device->chain != chain;
  if (!stopped)
    device->reconnect = MAX (device->reconnect, operation);
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
begin_pause (VucDevice *device, guint64 chain, guint pause_ms)
{
  VucReceiver receiver = receiver_of (after_pause, chain, pause_ms);
  Pause *pause = g_new0 (Pause, 1);

  vuc_task_init (&pause->task, device->session, pause_step, G_MAXINT64);
  pause->task.unlimited = TRUE;
  pause->until = g_get_monotonic_time () + pause_ms * (gint64) 1000;
  note_under_way (device, chain, vuc_device_start (device, &pause->task, NULL, &receiver));
}

static void
begin_chain (VucDevice *device)
{
  guint64 chain = 0;

  g_mutex_lock (&device->lock);
  if (device->settings.auto_reconnect && !device->closed && device->chain == 0)
    device->chain = chain = ++device->n_chains;
  g_mutex_unlock (&device->lock);
  if (chain != 0)
    begin_pause (device, chain, device->settings.reconnect_min_ms);
}

static void
after_attempt (VucDevice *device,
               VucOperation operation G_GNUC_UNUSED,
               const GError *error,
               gpointer user_data)
{
  const Turn *turn = user_data;
  guint64 next = turn->pause_ms * (guint64) 2;
  const VucSettings *settings = &device->settings;
  guint max = MAX (settings->reconnect_max_ms, settings->reconnect_min_ms);

  if (!is_wanted (device, turn->chain))
    return;
  if (error == NULL || vuc_device_get_state (device) == VUC_DEVICE_CONNECTED)
    {
      end_chain (device, turn->chain);
      /* Lost again: another thread may have told of that before, while the chain was still there.  Or
       * just being connected by somebody else, who may fail. */
      if (vuc_device_get_state (device) != VUC_DEVICE_CONNECTED)
        begin_chain (device);
    }
  else if (g_error_matches (error, VUC_ERROR, VUC_ERROR_REJECTED)
           || g_error_matches (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED))
    {
      end_chain (device, turn->chain);
      tell_event (device, VUC_EVENT_GIVEN_UP, error);
    }
  else
    {
      begin_pause (device, turn->chain, (guint) MIN (next, max));
    }
}

static void
after_pause (VucDevice *device,
             VucOperation operation G_GNUC_UNUSED,
             const GError *error,
             gpointer user_data)
{
  const Turn *turn = user_data;
  VucReceiver receiver;

  if (!is_wanted (device, turn->chain))
    return;
  if (error != NULL)
    {
      end_chain (device, turn->chain);
      return;
    }
  receiver = receiver_of (after_attempt, turn->chain, turn->pause_ms);
  note_under_way (device, turn->chain, vuc_device_connect_later (device, FALSE, &receiver));
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
vuc_device_note_wanted (VucDevice *device)
{
  g_mutex_lock (&device->lock);
  device->closed = FALSE;
  g_mutex_unlock (&device->lock);
}

void
vuc_device_stop_reconnecting (VucDevice *device)
{
  VucOperation operation;

  g_mutex_lock (&device->lock);
  device->closed = TRUE;
  device->chain = 0;
  operation = device->reconnect;
  device->reconnect = 0;
  g_mutex_unlock (&device->lock);
  if (operation != 0)
    vuc_device_cancel (device, operation);
}
