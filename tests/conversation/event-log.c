/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Takes down events.  Does not know why they come.  event_log_add () is called on any thread, the
 * others on that of the case.
 */

#include "conversation/event-log.h"

#include "conversation/outcome.h"
#include "harness/harness.h"

static void
clear_event (gpointer data)
{
  LoggedEvent *event = data;

  g_clear_error (&event->error);
}

EventLog *
event_log_new (void)
{
  EventLog *log = g_new0 (EventLog, 1);

  g_mutex_init (&log->lock);
  g_cond_init (&log->changed);
  log->events = g_array_new (FALSE, FALSE, sizeof (LoggedEvent));
  g_array_set_clear_func (log->events, clear_event);
  return log;
}

void
event_log_free (EventLog *log)
{
  g_array_unref (log->events);
  g_mutex_clear (&log->lock);
  g_cond_clear (&log->changed);
  g_free (log);
}

void
event_log_add (VucDevice *device, VucEvent event, const GError *error, gpointer data)
{
  EventLog *log = data;
  const LoggedEvent logged = { .event = event,
                               .error = error != NULL ? g_error_copy (error) : NULL,
                               .thread = g_thread_self (),
                               .time_us = g_get_monotonic_time () };
  void (*then) (VucDevice *device, VucEvent event, gpointer user_data);
  gpointer then_data;

  g_mutex_lock (&log->lock);
  then = log->then;
  then_data = log->then_data;
  g_array_append_val (log->events, logged);
  g_cond_broadcast (&log->changed);
  g_mutex_unlock (&log->lock);

  /* Who waited for this event may have freed the log. */
  if (then != NULL)
    then (device, event, then_data);
}

guint
event_log_count (EventLog *log)
{
  guint n;

  g_mutex_lock (&log->lock);
  n = log->events->len;
  g_mutex_unlock (&log->lock);
  return n;
}

void
event_log_wait (EventLog *log, guint n)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE_MS * 1000;
  gboolean in_time = TRUE;

  g_mutex_lock (&log->lock);
  while (log->events->len < n && in_time)
    in_time = g_cond_wait_until (&log->changed, &log->lock, end);
  g_mutex_unlock (&log->lock);
  if (!in_time)
    harness_fail ("%u events came, expected %u", event_log_count (log), n);
}

void
event_log_process (EventLog *log, VucDevice *device, guint n)
{
  while (event_log_count (log) < n)
    {
      if (!wait_for_work (device, PATIENCE_MS))
        harness_fail ("%u events came, expected %u", event_log_count (log), n);
      vuc_device_process (device);
    }
}

void
event_log_iterate (EventLog *log, GMainContext *context, guint n)
{
  while (event_log_count (log) < n)
    g_main_context_iteration (context, TRUE);
}

static LoggedEvent
get (EventLog *log, guint i)
{
  LoggedEvent event;

  if (i >= event_log_count (log))
    harness_fail ("%u events came, event %u is not among them", event_log_count (log), i);
  g_mutex_lock (&log->lock);
  event = g_array_index (log->events, LoggedEvent, i);
  g_mutex_unlock (&log->lock);
  return event;
}

void
event_log_expect (EventLog *log, guint i, VucEvent event, VucError code, const char *text)
{
  const LoggedEvent logged = get (log, i);

  ck_assert_int_eq (logged.event, event);
  if (text != NULL)
    assert_error (logged.error, VUC_ERROR, code, text);
  else
    assert_no_error (logged.error);
}

void
event_log_expect_only (EventLog *log, guint n)
{
  ck_assert_uint_eq (event_log_count (log), n);
}

GThread *
event_log_get_thread (EventLog *log, guint i)
{
  return get (log, i).thread;
}

gint64
event_log_get_time (EventLog *log, guint i)
{
  return get (log, i).time_us;
}
