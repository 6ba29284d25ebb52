/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the tests of a session have in common.  Any thread, except that assertions that fail belong
 * on the one that runs the case.
 */

#include "unit/session-fixture.h"

#include <string.h>

#include "harness/harness.h"
#include "session/session-private.h"

gint64
in_ms (gint64 ms)
{
  return g_get_monotonic_time () + ms * 1000;
}

static VucSession *
open_with (int socket, const VucSessionOptions *options)
{
  g_autoptr(GError) error = NULL;
  VucSession *session = vuc_session_new (socket, options, &error);

  assert_no_error (error);
  vuc_session_set_negotiated (session, SESSION_MAX_SIZE);
  return session;
}

VucSession *
session_open (int socket)
{
  return session_open_with_timeout (socket, LONG);
}

VucSession *
session_open_with_timeout (int socket, guint timeout_ms)
{
  return open_with (socket, &(VucSessionOptions){ .max_msg_fds = SESSION_MAX_FDS,
                                                  .timeout_ms = timeout_ms });
}

VucSession *
session_open_with_trace (int socket, VucSessionTrace trace, gpointer data)
{
  return open_with (socket, &(VucSessionOptions){ .max_msg_fds = SESSION_MAX_FDS,
                                                  .timeout_ms = LONG,
                                                  .trace = trace,
                                                  .trace_data = data });
}

gboolean
reset (VucSession *session, gint64 timeout_ms, GError **error)
{
  VucCall call;
  gboolean ok;

  vuc_call_init (&call, VUC_COMMAND_DEVICE_RESET, in_ms (timeout_ms));
  ok = vuc_session_call (session, &call, error);
  vuc_call_clear (&call);
  return ok;
}

void
reset_or_fail (VucSession *session)
{
  g_autoptr(GError) error = NULL;

  reset (session, LONG, &error);
  assert_no_error (error);
}

void
query_init (Query *query, guint16 command, gint64 timeout_ms)
{
  vuc_call_init (&query->call, command, in_ms (timeout_ms));
  query->call.request_size = 16;
  query->call.reply_min = 4;
  query->call.reply = query->head;
  query->call.reply_capacity = sizeof query->head;
  query->call.reply_data = query->data;
  query->call.reply_data_capacity = sizeof query->data;
  memset (query->head, 0xee, sizeof query->head);
  memset (query->data, 0xee, sizeof query->data);
  vuc_fd_set_init (&query->fds);
  query->call.reply_fds = &query->fds;
}

void
query_clear (Query *query)
{
  vuc_call_clear (&query->call);
  vuc_fd_set_clear (&query->fds);
}

void
wait_for_sleepers (VucSession *session, guint n)
{
  gboolean there = FALSE;

  while (!there)
    {
      g_mutex_lock (&session->lock);
      there = session->polling && g_queue_get_length (&session->sleepers) == n;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}
