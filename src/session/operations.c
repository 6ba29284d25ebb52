/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Asynchronous tasks, by their numbers: beginning, waiting, cancelling.  Does not know who delivers
 * their outcomes (delivery.c).  Any thread.
 */

#include "base/error.h"
#include "session/session-private.h"

static VucTask *
find_locked (VucSession *session, VucOperation number)
{
  return session->operations != NULL ? g_hash_table_lookup (session->operations, &number) : NULL;
}

VucOperation
vuc_task_start (VucTask *task, VucCallback callback, gpointer user_data, GDestroyNotify destroy)
{
  VucSession *session = task->session;
  gboolean inside = vuc_session_is_inside_callback ();
  VucOperation number;
  GError *error = NULL;

  g_mutex_lock (&session->lock);
  number = task->number = ++session->last_number;
  task->callback = callback;
  task->user_data = user_data;
  task->destroy = destroy;

  if (inside)
    vuc_task_refuse_inside_callback (&error);
  else if (task->unlimited)
    error = NULL;
  else if (session->n_operations >= session->options.max_operations)
    vuc_fail (&error, VUC_ERROR_LIMIT, "%u operations are under way already, allowed are %u",
              session->n_operations, session->options.max_operations);
  else if (session->queued_bytes >= session->options.max_queued_bytes
           || session->crowd.head != NULL)
    vuc_fail (&error, VUC_ERROR_LIMIT,
              "%" G_GSIZE_FORMAT " bytes wait to be sent already, allowed are %" G_GSIZE_FORMAT,
              session->queued_bytes, session->options.max_queued_bytes);

  if (session->operations == NULL)
    session->operations = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_hash_table_insert (session->operations, &task->number, task);
  task->counts = error == NULL;
  session->n_operations += task->counts;
  if (error != NULL)
    {
      vuc_task_finish_locked (session, task, error);
    }
  else
    {
      vuc_clock_add_locked (session, task);
      vuc_task_run_step_locked (session, task);
      while (task->queue == &session->ready)
        {
          vuc_task_dequeue_locked (task);
          vuc_task_run_step_locked (session, task);
        }
      vuc_watch_set_timer_locked (session);
    }
  g_mutex_unlock (&session->lock);
  return number;
}

/* What was refused is not one of those that are under way. */
void
vuc_operation_forget_locked (VucSession *session, VucTask *task)
{
  if (session->operations != NULL && g_hash_table_remove (session->operations, &task->number))
    session->n_operations -= task->counts;
}

void
vuc_operation_dispose (VucTask *task)
{
  if (task->destroy != NULL)
    task->destroy (task->user_data);
  g_clear_error (&task->error);
  if (task->clear != NULL)
    task->clear (task);
  task->free (task);
}

gboolean
vuc_task_wait (VucSession *session, VucOperation number, GError **error)
{
  VucTask *task;
  gboolean ok;

  if (vuc_session_is_inside_callback ())
    return vuc_task_refuse_inside_callback (error);

  g_mutex_lock (&session->lock);
  task = find_locked (session, number);
  if (task == NULL || task->waited)
    {
      g_mutex_unlock (&session->lock);
      return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "operation %" G_GUINT64_FORMAT " %s",
                       number,
                       task != NULL ? "has somebody who waits for it already"
                                    : "is not under way, or has told its callback already");
    }

  task->waited = TRUE;
  vuc_task_dequeue_locked (task);
  vuc_outbox_flush_locked (session);
  while (!task->done)
    {
      vuc_session_wait_locked (session, task);
      if (!task->done)
        vuc_task_run_step_locked (session, task);
    }
  vuc_operation_forget_locked (session, task);
  g_mutex_unlock (&session->lock);

  vuc_task_settle (task, &task->error);
  ok = task->error == NULL;
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&task->error));
  vuc_operation_dispose (task);
  return ok;
}

gboolean
vuc_task_cancel (VucSession *session, VucOperation number)
{
  VucTask *task;
  gboolean cancelled = FALSE;

  if (vuc_session_is_inside_callback ())
    return FALSE;

  g_mutex_lock (&session->lock);
  while ((task = find_locked (session, number)) != NULL && !task->done
         && vuc_task_is_pinned_locked (task))
    vuc_session_await_release_locked (session);

  if (task != NULL && !task->done)
    {
      vuc_task_give_up_locked (session, task, VUC_ERROR_CANCELLED);
      cancelled = TRUE;
      vuc_outbox_flush_locked (session);
    }
  g_mutex_unlock (&session->lock);
  return cancelled;
}

void
vuc_session_get_load (VucSession *session, guint *operations, gsize *queued_bytes)
{
  g_mutex_lock (&session->lock);
  *operations = session->n_operations;
  *queued_bytes = session->queued_bytes;
  g_mutex_unlock (&session->lock);
}
