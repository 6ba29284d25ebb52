/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Outcomes, and who is told of them: in the order in which they came about, each once, without the
 * lock.  Does not know what a callback does: it may take long, call anything, and run a loop of its
 * own.  Any thread, several at once.
 */

#include "session/session-private.h"

typedef struct
{
  VucTask task;
  GError *error;
} Notice;

static VucTaskStatus
end_notice (VucTask *task, GError **error)
{
  Notice *notice = (Notice *) task;

  if (notice->error != NULL)
    g_propagate_error (error, g_steal_pointer (&notice->error));
  return VUC_TASK_ENDS;
}

static void
free_notice (gpointer notice)
{
  g_free (notice);
}

void
vuc_task_give_notice_locked (VucSession *session, VucCallback callback, const GError *error)
{
  Notice *notice;

  if (callback == NULL)
    return;
  notice = g_new0 (Notice, 1);
  vuc_task_init (&notice->task, session, end_notice, G_MAXINT64);
  notice->task.callback = callback;
  notice->task.free = free_notice;
  notice->error = error != NULL ? g_error_copy (error) : NULL;
  vuc_task_note_if_due_locked (session, &notice->task);
}

static gboolean
deliver_one (VucSession *session)
{
  VucTask *task;

  g_mutex_lock (&session->lock);
  task = session->finished.head != NULL ? session->finished.head->data : NULL;
  if (task != NULL)
    {
      vuc_task_dequeue_locked (task);
      vuc_operation_forget_locked (session, task);
      /* The callback may take long: others may deliver the rest meanwhile. */
      if (session->finished.head != NULL)
        vuc_watch_offer_locked (session);
    }
  g_mutex_unlock (&session->lock);
  if (task == NULL)
    return FALSE;

  vuc_task_settle (task, &task->error);
  task->callback (session->options.device, task->number, task->error, task->user_data);
  vuc_operation_dispose (task);
  return TRUE;
}

/* A thread that delivers: what its callbacks submit is sent together, with that of the last. */
typedef struct
{
  const VucSession *session;
  guint n_left; /* behind the one whose callback runs */
} Delivery;

static GPrivate delivering;

gboolean
vuc_session_is_delivering (const VucSession *session)
{
  const Delivery *delivery = g_private_get (&delivering);

  return delivery != NULL && delivery->session == session && delivery->n_left > 0;
}

void
vuc_session_deliver (VucSession *session)
{
  gpointer outer = g_private_get (&delivering);
  Delivery delivery = { .session = session };

  /* Not those that come to it by these: their callbacks may go on for ever like that. */
  g_mutex_lock (&session->lock);
  vuc_task_run_ready_locked (session);
  delivery.n_left = session->finished.length;
  g_mutex_unlock (&session->lock);
  if (delivery.n_left == 0)
    return;

  g_private_set (&delivering, &delivery);
  while (delivery.n_left-- > 0 && deliver_one (session))
    continue;
  g_private_set (&delivering, outer);

  g_mutex_lock (&session->lock);
  vuc_outbox_flush_locked (session);
  vuc_watch_withdraw_locked (session);
  g_mutex_unlock (&session->lock);
}

void
vuc_session_deliver_all (VucSession *session)
{
  gboolean is_idle = vuc_session_is_inside_callback ();

  while (!is_idle)
    {
      vuc_session_deliver (session);
      g_mutex_lock (&session->lock);
      is_idle = session->ready.head == NULL && session->finished.head == NULL;
      g_mutex_unlock (&session->lock);
    }
}

/* What nobody has waited for, or what sleeps for a reason of its own. */
static VucTask *
take_any_operation (VucSession *session)
{
  GHashTableIter iter;
  gpointer value;
  VucTask *task = NULL;

  g_mutex_lock (&session->lock);
  while (session->operations != NULL)
    {
      g_hash_table_iter_init (&iter, session->operations);
      if (!g_hash_table_iter_next (&iter, NULL, &value))
        break;
      task = value;
      if (!vuc_task_is_pinned_locked (task))
        {
          if (!task->done)
            vuc_task_give_up_locked (session, task, VUC_ERROR_DISCONNECTED);
          vuc_task_dequeue_locked (task);
          vuc_operation_forget_locked (session, task);
          break;
        }
      task = NULL;
      vuc_session_await_release_locked (session);
    }
  g_mutex_unlock (&session->lock);
  return task;
}

void
vuc_session_shut_down (VucSession *session, const GError *cause)
{
  VucTask *task;

  g_mutex_lock (&session->lock);
  session->shuts_down = TRUE;
  g_mutex_unlock (&session->lock);

  /* Steps see that the connection has ended, and end their tasks; callbacks may start new ones. */
  vuc_session_end (session, cause);
  vuc_session_deliver_all (session);
  while ((task = take_any_operation (session)) != NULL)
    {
      vuc_task_settle (task, &task->error);
      if (task->callback != NULL)
        task->callback (session->options.device, task->number, task->error, task->user_data);
      vuc_operation_dispose (task);
      vuc_session_deliver_all (session);
    }
}
