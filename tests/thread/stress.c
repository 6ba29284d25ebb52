/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What all parts use: reporting, judging outcomes, random numbers; and the configuration of the
 * device, with its functions.  Any thread.
 */

#include "thread/stress.h"

#define FAR_TIMEOUT_MS 15000

/* ---- What is reported ---- */

void
stress_fail (Stress *stress, const char *format, ...)
{
  va_list args;

  g_mutex_lock (&stress->lock);
  va_start (args, format);
  if (stress->why == NULL)
    stress->why = g_strdup_vprintf (format, args);
  va_end (args);
  g_atomic_int_set (&stress->stop, 1);
  g_cond_broadcast (&stress->changed);
  g_mutex_unlock (&stress->lock);
}

gboolean
stress_stops (Stress *stress)
{
  return g_atomic_int_get (&stress->stop) != 0;
}

gboolean
stress_judge (Stress *stress, const char *doing, GError *error, guint also)
{
  guint allowed = stress->scenario->expected | also;

  if (error == NULL)
    {
      g_atomic_int_inc (&stress->n_ok);
      return TRUE;
    }
  if (g_atomic_int_get (&stress->may_lose))
    allowed |= ERROR_BIT (VUC_ERROR_DISCONNECTED);
  if (error->domain != VUC_ERROR || error->code < 0
      || error->code >= (int) G_N_ELEMENTS (stress->n_errors)
      || (allowed & ERROR_BIT (error->code)) == 0)
    stress_fail (stress, "%s: %s (%s, %d)", doing, error->message,
                 g_quark_to_string (error->domain), error->code);
  else
    g_atomic_int_inc (&stress->n_errors[error->code]);
  g_error_free (error);
  return FALSE;
}

/* A multiply and add, of which the upper bits are good. */
guint
stress_random (guint64 *random, guint n)
{
  *random = *random * G_GUINT64_CONSTANT (6364136223846793005)
            + G_GUINT64_CONSTANT (1442695040888963407);
  return (guint) ((*random >> 32) % n);
}

/* ---- The configuration ---- */

/* What may wait for the server must not do so here. */
static void
on_message (const VucMessageEvent *event G_GNUC_UNUSED, gpointer data)
{
  Stress *stress = data;
  VucDevice *device = g_atomic_pointer_get (&stress->device);
  g_autoptr(GError) error = NULL;
  char byte;

  if (g_atomic_int_add (&stress->traced, 1) % 64 != 0 || device == NULL
      || actor_get_current () == NULL)
    return;
  if (vuc_device_region_read_full (device, stress->memory.region, stress->memory.offset, &byte, 1,
                                   VUC_ACCESS_MESSAGE_ONLY, &error)
      || (error->code != VUC_ERROR_INVALID_ARGUMENT && error->code != VUC_ERROR_DISCONNECTED))
    stress_fail (stress, "a read inside a message function: %s",
                 error != NULL ? error->message : "works");
  vuc_device_process (device);
}

static void
on_event (VucDevice *device G_GNUC_UNUSED, VucEvent event, const GError *error, gpointer data)
{
  Stress *stress = data;

  if (event == VUC_EVENT_LOST)
    g_atomic_int_inc (&stress->lost);
  else if (event == VUC_EVENT_RECONNECTED)
    g_atomic_int_inc (&stress->reconnected);
  if ((error == NULL) != (event == VUC_EVENT_RECONNECTED))
    stress_fail (stress, "event %d came with the error %s", (int) event,
                 error != NULL ? error->message : "NULL");
  g_mutex_lock (&stress->lock);
  g_cond_broadcast (&stress->changed);
  g_mutex_unlock (&stress->lock);
}

VucConfig *
stress_make_config (Stress *stress, guint64 *random)
{
  const Scenario *scenario = stress->scenario;
  VucConfig *config = vuc_config_new ();

  vuc_config_set_timeout_ms (config,
                             scenario->timeout_ms > 0 ? scenario->timeout_ms : FAR_TIMEOUT_MS);
  vuc_config_set_event_func (config, on_event, stress, NULL);
  vuc_config_set_twin_socket (config, !(scenario->flags & STRESS_NO_TWIN));
  g_atomic_int_set (&stress->memory.is_posted_to, stress_random (random, 2) == 0);
  vuc_config_set_posted_writes (config, g_atomic_int_get (&stress->memory.is_posted_to));
  if (stress_random (random, 2) == 0)
    vuc_config_set_poll_us (config, 1 + stress_random (random, 1000));
  if (scenario->flags & STRESS_TRACE)
    vuc_config_set_message_func (config, on_message, stress, NULL);
  if (scenario->flags & STRESS_SPLIT_WRITES)
    vuc_config_set_max_write_size (config, 8 + stress_random (random, 200));
  if (scenario->flags & STRESS_SMALL_LIMITS)
    {
      vuc_config_set_max_operations (config, 1 + stress_random (random, 16));
      vuc_config_set_max_queued_bytes (config, 4096);
    }
  if (scenario->flags & STRESS_AUTO_RECONNECT)
    {
      vuc_config_set_auto_reconnect (config, TRUE);
      vuc_config_set_reconnect_min_ms (config, 1);
      vuc_config_set_reconnect_max_ms (config, 20);
      vuc_config_set_reset_on_reconnect (config, stress_random (random, 2) == 0);
    }
  return config;
}
