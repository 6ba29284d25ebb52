/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the tests of a session have in common.  Any thread, except that assertions that fail belong
 * on the one that runs the case.
 */

#include "unit/session-fixture.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "harness/harness.h"
#include "session/session-private.h"

gint64
in_ms (gint64 ms)
{
  return g_get_monotonic_time () + ms * 1000;
}

void
make_pair (int *server, int *client)
{
  int ends[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  *server = ends[0];
  *client = ends[1];
}

gboolean
read_all (int fd, gpointer data, gsize size)
{
  for (gsize done = 0; done < size;)
    {
      gssize count = read (fd, (guint8 *) data + done, size - done);

      if (count <= 0)
        return FALSE;
      done += (gsize) count;
    }
  return TRUE;
}

VucSession *
session_open_raw (int socket, const VucSessionOptions *options)
{
  g_autoptr(GError) error = NULL;
  VucSession *session = vuc_session_new (options);
  VucTask connector;

  vuc_task_init (&connector, session, NULL, G_MAXINT64);
  vuc_session_begin_connecting (session, &connector, &error);
  assert_no_error (error);
  vuc_session_open (session, socket, FALSE, &error);
  assert_no_error (error);
  vuc_session_connected (session, &error);
  assert_no_error (error);
  return session;
}

static VucSession *
open_with (int socket, VucSessionOptions options)
{
  VucSession *session;

  options.max_operations = VUC_LIMIT_OPERATIONS;
  options.max_queued_bytes = VUC_LIMIT_QUEUED_BYTES_DEFAULT;
  session = session_open_raw (socket, &options);
  vuc_session_set_negotiated (session, SESSION_MAX_SIZE, -1);
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
  return open_with (socket, (VucSessionOptions){ .max_msg_fds = SESSION_MAX_FDS,
                                                  .timeout_ms = timeout_ms });
}

VucSession *
session_open_with_trace (int socket, VucSessionTrace trace, gpointer data)
{
  return open_with (socket, (VucSessionOptions){ .max_msg_fds = SESSION_MAX_FDS,
                                                  .timeout_ms = LONG,
                                                  .trace = trace,
                                                  .trace_data = data });
}

static VucTaskStatus
end (VucTask *task G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
  return VUC_TASK_ENDS;
}

void
single_init (Single *single, guint16 command, gint64 timeout_ms)
{
  vuc_task_init (&single->task, NULL, end,
                 timeout_ms == G_MAXINT64 ? G_MAXINT64 : in_ms (timeout_ms));
  vuc_call_init (&single->call, command);
}

void
single_clear (Single *single)
{
  vuc_call_clear (&single->call);
  g_clear_error (&single->task.error);
}

void
single_submit (VucSession *session, Single *single)
{
  VucCall *call = &single->call;

  single->task.session = session;
  vuc_task_submit (&single->task, &call, 1);
}

gboolean
single_wait (Single *single, GError **error)
{
  VucTask *task = &single->task;
  VucSession *session = task->session;
  const GError *failure;

  g_mutex_lock (&session->lock);
  task->waited = TRUE;
  if (task->queue != NULL)
    g_queue_unlink (task->queue, &task->queue_link);
  task->queue = NULL;
  vuc_session_wait_locked (session, task);
  g_mutex_unlock (&session->lock);

  failure = task->error != NULL ? task->error : single->call.error;
  if (failure != NULL)
    g_propagate_error (error, g_error_copy (failure));
  return failure == NULL;
}

void
start_task (VucSession *session, VucCallback callback, gpointer user_data)
{
  VucTask *task = g_new (VucTask, 1);

  vuc_task_init (task, session, end, G_MAXINT64);
  task->unlimited = TRUE;
  task->free = g_free;
  vuc_task_start (task, callback, user_data, NULL);
}

void
count_outcome (VucDevice *device G_GNUC_UNUSED,
               VucOperation operation G_GNUC_UNUSED,
               const GError *error G_GNUC_UNUSED,
               gpointer n)
{
  (*(guint *) n)++;
}

gboolean
has_work (VucSession *session)
{
  g_autoptr(GError) error = NULL;
  struct pollfd pollfd = { .fd = vuc_session_get_fd (session, &error), .events = POLLIN };

  assert_no_error (error);
  return poll (&pollfd, 1, 0) > 0;
}

VucTaskStatus
single_step (VucTask *task, GError **error)
{
  Single *single = (Single *) task;
  VucCall *call = &single->call;

  if (call->task == NULL)
    {
      vuc_task_submit (task, &call, 1);
      return VUC_TASK_GOES_ON;
    }
  if (call->error != NULL)
    g_propagate_error (error, g_error_copy (call->error));
  return VUC_TASK_ENDS;
}

gboolean
single_run (VucSession *session, Single *single, GError **error)
{
  single->task.session = session;
  single->task.step = single_step;
  return vuc_task_run (&single->task, error);
}

gboolean
reset (VucSession *session, gint64 timeout_ms, GError **error)
{
  Single single;
  gboolean ok;

  single_init (&single, VUC_COMMAND_DEVICE_RESET, timeout_ms);
  ok = single_run (session, &single, error);
  single_clear (&single);
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
  single_init (&query->single, command, timeout_ms);
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
  single_clear (&query->single);
  vuc_fd_set_clear (&query->fds);
}

void
wait_for_sleepers (VucSession *session, guint n)
{
  gboolean there = FALSE;

  while (!there)
    {
      g_mutex_lock (&session->lock);
      there = (session->polling || session->receiving) && g_queue_get_length (&session->sleepers) == n;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

void
wait_until_answered (VucSession *session)
{
  gboolean is_answered = FALSE;

  while (!is_answered)
    {
      g_mutex_lock (&session->lock);
      is_answered = session->twin->n_served == 1 && !vuc_serving_has_answer (session->twin)
                    && session->twin->serving == VUC_SERVING_NOTHING;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}
