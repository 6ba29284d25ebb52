/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What happened to a device by itself: a VucEventFunc that takes it down.
 *
 *   g_autoptr(EventLog) events = event_log_new ();
 *
 *   vuc_config_set_event_func (config, event_log_add, events, NULL);
 *   ...
 *   event_log_wait (events, 1);
 *   event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "closed");
 *   event_log_expect_only (events, 1);
 */

#ifndef CONVERSATION_EVENT_LOG_H
#define CONVERSATION_EVENT_LOG_H

#include <vfio-user-client/vfio-user-client.h>

G_BEGIN_DECLS

typedef struct
{
  VucEvent event;
  GError *error;
  GThread *thread;
  gint64 time_us;
} LoggedEvent;

typedef struct
{
  GMutex lock;
  GCond changed;
  GArray *events; /* of LoggedEvent, guarded by the lock */

  /* Called inside the event function; set before the device is made. */
  void (*then) (VucDevice *device, VucEvent event, gpointer user_data);
  gpointer then_data;
} EventLog;

EventLog *event_log_new (void);
void event_log_free (EventLog *log);

/* A VucEventFunc. */
void event_log_add (VucDevice *device, VucEvent event, const GError *error, gpointer log);

/* Until there are @n events: by another thread, or as this one calls vuc_device_process () or
 * iterates a context. */
void event_log_wait (EventLog *log, guint n);
void event_log_process (EventLog *log, VucDevice *device, guint n);
void event_log_iterate (EventLog *log, GMainContext *context, guint n);

guint event_log_count (EventLog *log);

/* That event @i is this one, and why (@text is NULL: without an error). */
void event_log_expect (EventLog *log, guint i, VucEvent event, VucError code, const char *text);

/* That there are @n so far. */
void event_log_expect_only (EventLog *log, guint n);

GThread *event_log_get_thread (EventLog *log, guint i);
gint64 event_log_get_time (EventLog *log, guint i);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EventLog, event_log_free)

G_END_DECLS

#endif /* CONVERSATION_EVENT_LOG_H */
