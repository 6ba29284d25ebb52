/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Tasks: when their step is due, what their calls come to, and how they end.  Does not know sockets,
 * nor what a step does.  Any thread.
 *
 * A task without waiter whose step is due stands in ready, until somebody who reads, or processes,
 * runs it; when it has ended it stands in finished, until somebody delivers it (delivery.c).  A waiter
 * takes it out of either.
 */

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "session/session-private.h"

void
vuc_call_init (VucCall *call, guint16 command)
{
  memset (call, 0, sizeof *call);
  call->command = command;
  call->queue_link.data = call->task_link.data = call;
}

void
vuc_call_clear (VucCall *call)
{
  g_clear_error (&call->error);
}

void
vuc_task_init (VucTask *task, VucSession *session, VucTaskStep step, gint64 deadline)
{
  memset (task, 0, sizeof *task);
  task->session = session;
  task->step = step;
  task->deadline = deadline;
  g_cond_init (&task->cond);
  task->sleeper_link.data = task->queue_link.data = task;
  task->deadline_link.data = task->snooze_link.data = task;
}

/* --- Queues --- */

void
vuc_task_enqueue_locked (GQueue *queue, VucTask *task)
{
  task->queue = queue;
  g_queue_push_tail_link (queue, &task->queue_link);
}

void
vuc_task_dequeue_locked (VucTask *task)
{
  if (task->queue != NULL)
    g_queue_unlink (task->queue, &task->queue_link);
  task->queue = NULL;
}

void
vuc_task_deliver_later_locked (VucSession *session, VucTask *task)
{
  vuc_task_enqueue_locked (&session->finished, task);
  vuc_watch_offer_locked (session);
}

gboolean
vuc_task_deliver_not_locked (VucTask *task)
{
  gboolean was_queued = task->queue != NULL;

  vuc_task_dequeue_locked (task);
  return was_queued;
}

/* --- Calls --- */

gboolean
vuc_task_is_due_locked (const VucTask *task)
{
  return task->calls.length == 0 && task->wake_at == 0 && !task->running && !task->done;
}

void
vuc_task_note_if_due_locked (VucSession *session, VucTask *task)
{
  if (!vuc_task_is_due_locked (task))
    return;
  if (task->waited)
    vuc_session_wake_waiter_locked (task);
  else if (task->queue == NULL)
    {
      vuc_task_enqueue_locked (&session->ready, task);
      vuc_watch_offer_locked (session);
    }
}

static void
end_call_locked (VucSession *session, VucCall *call)
{
  VucTask *task = call->task;

  g_queue_unlink (&task->calls, &call->task_link);
  vuc_task_note_if_due_locked (session, task);
}

void
vuc_call_complete_locked (VucSession *session, VucCall *call, GError *error)
{
  call->done = TRUE;
  call->error = error;
  if (call->sending || call->receiving)
    call->task->n_lingering++;
  else
    end_call_locked (session, call);
}

void
vuc_call_unpinned_locked (VucSession *session, VucCall *call)
{
  if (call->sending || call->receiving)
    return;
  if (call->done)
    {
      call->task->n_lingering--;
      end_call_locked (session, call);
    }
  vuc_session_released_locked (session);
}

gboolean
vuc_task_is_pinned_locked (const VucTask *task)
{
  if (task->running)
    return TRUE;
  for (const GList *link = task->calls.head; link != NULL; link = link->next)
    {
      const VucCall *call = link->data;

      if (call->sending || call->receiving)
        return TRUE;
    }
  return FALSE;
}

/* --- The end of a task --- */

/* Takes the error, NULL for success. */
void
vuc_task_finish_locked (VucSession *session, VucTask *task, GError *error)
{
  task->done = TRUE;
  task->error = error;
  task->wake_at = 0;
  vuc_clock_remove_locked (session, task);
  vuc_clock_forget_snooze_locked (session, task);
  vuc_task_dequeue_locked (task);
  if (session->connector == task)
    {
      /* It was ended in the middle: what it had made of a connection is of no use. */
      session->connector = NULL;
      if (session->up)
        vuc_session_die_locked (session, g_error_copy (error));
    }

  if (task->waited)
    vuc_session_wake_waiter_locked (task);
  else if (task->callback != NULL)
    vuc_task_deliver_later_locked (session, task);
}

/* The server is in the middle of a message of the task, or we are, and it does not go on. */
static gboolean
is_stuck_locked (VucSession *session, VucTask *task)
{
  char name[16];

  for (const GList *link = task->calls.head; link != NULL; link = link->next)
    {
      const VucCall *call = link->data;

      if (session->lane.current == call)
        vuc_session_die_of_protocol_locked (session, "%s reply: begun, but not complete in time",
                                            vuc_command_name (call->command, name, sizeof name));
      else if (vuc_outbox_is_partly_sent_locked (session, call))
        vuc_session_die_of_protocol_locked (session,
                                            "%s command: the server did not read it in time",
                                            vuc_command_name (call->command, name, sizeof name));
      if (!session->up)
        return TRUE;
    }
  return FALSE;
}

/* The call's reply will be nobody's. */
static void
forget_call_locked (VucSession *session, VucCall *call)
{
  gboolean has_begun = !call->queued || vuc_outbox_is_partly_sent_locked (session, call);

  g_queue_unlink (&call->task->calls, &call->task_link);
  if (call->crowded)
    {
      vuc_outbox_drop_locked (session, call);
      return;
    }
  if (!has_begun)
    {
      vuc_outbox_drop_locked (session, call);
      vuc_pending_remove (&session->pending, call->id);
      return;
    }
  if (call->queued)
    vuc_outbox_detach_rest_locked (session, call);
  if (session->lane.current == call)
    vuc_inbox_forget_locked (session);
  vuc_pending_abandon (&session->pending, call->id);
  vuc_posting_note_unproven_locked (session, call->order);
}

static GError *
early_end (const VucSession *session, const VucTask *task, VucError code)
{
  const VucCall *call = task->calls.head != NULL ? task->calls.head->data : NULL;
  gboolean was_sent = call == NULL || !(call->queued || call->crowded);
  GError *error = NULL;
  char buffer[16];
  const char *name = vuc_command_name (call != NULL ? call->command : task->command, buffer,
                                       sizeof buffer);

  if (code == VUC_ERROR_DISCONNECTED)
    return g_error_copy (session->cause);
  if (call == NULL && task->connects)
    vuc_fail (&error, code, "connecting%s%s%s: %s", task->place != NULL ? " to '" : "",
              task->place != NULL ? task->place : "", task->place != NULL ? "'" : "",
              code == VUC_ERROR_CANCELLED
                ? "cancelled"
                : "the server did not accept in time; it may have another client");
  else if (code == VUC_ERROR_CANCELLED)
    vuc_fail (&error, code, "%s: cancelled", name);
  else
    vuc_fail (&error, code, "%s: the server did not %s in time", name,
              was_sent ? "reply" : "take the command");
  return error;
}

void
vuc_task_give_up_locked (VucSession *session, VucTask *task, VucError code)
{
  GError *error;

  if (code == VUC_ERROR_TIMED_OUT && is_stuck_locked (session, task))
    return;

  error = early_end (session, task, code);
  while (task->calls.head != NULL)
    forget_call_locked (session, task->calls.head->data);
  vuc_task_finish_locked (session, task, error);

  if (session->up && session->pending.n_abandoned > VUC_LIMIT_ABANDONED)
    vuc_session_die_of_protocol_locked (session, "%u replies are overdue, allowed are %d",
                                        session->pending.n_abandoned, VUC_LIMIT_ABANDONED);
}

/* --- Steps --- */

void
vuc_task_run_step_locked (VucSession *session, VucTask *task)
{
  VucTaskStatus status;
  GError *error = NULL;

  task->running = TRUE;
  g_mutex_unlock (&session->lock);
  status = task->step (task, &error);
  g_mutex_lock (&session->lock);
  task->running = FALSE;

  if (status == VUC_TASK_ENDS)
    vuc_task_finish_locked (session, task, error);
  else
    vuc_task_note_if_due_locked (session, task);
  if (task->waited)
    vuc_session_wake_waiter_locked (task);
  vuc_session_released_locked (session);
}

static void
run_first_ready_locked (VucSession *session)
{
  VucTask *task = session->ready.head->data;

  vuc_task_dequeue_locked (task);
  vuc_task_run_step_locked (session, task);
}

/* Neither runs those that become due by this: a step that fails at once must not hold the reader. */
void
vuc_task_run_ready_locked (VucSession *session)
{
  for (guint n = session->ready.length; n > 0 && session->ready.head != NULL; n--)
    run_first_ready_locked (session);
}

/* Once the connection is dead, a step may be one that makes the next; that waits for the role. */
void
vuc_task_run_ready_as_reader_locked (VucSession *session)
{
  for (guint n = session->ready.length; n > 0 && session->up && session->ready.head != NULL; n--)
    run_first_ready_locked (session);
}

/* NULL: there is a connection that its calls can go to. */
static GError *
explain_refusal_locked (VucSession *session, const VucTask *task)
{
  if (!task->connects && session->cause != NULL)
    return g_error_copy (session->cause);
  if (!session->up)
    return g_error_copy (session->down);
  if (task->usable_link != 0 && task->usable_link != g_atomic_int_get (&session->usable_link))
    return vuc_session_explain_loss_locked (session);
  return NULL;
}

void
vuc_task_submit (VucTask *task, VucCall *const *calls, gsize n)
{
  VucSession *session = task->session;

  g_mutex_lock (&session->lock);
  task->link_number = session->link_number;
  for (gsize i = 0; i < n; i++)
    {
      VucCall *call = calls[i];
      GError *error = explain_refusal_locked (session, task);
      gboolean goes = error == NULL;

      call->task = task;
      call->order = ++session->last_order;
      g_queue_push_tail_link (&task->calls, &call->task_link);
      if (goes)
        vuc_outbox_add_locked (session, call);
      else
        vuc_call_complete_locked (session, call, error);
      if (call->is_unproven && !task->waited && goes)
        vuc_posting_note_unproven_locked (session, call->order);
    }

  if (task->waited)
    vuc_session_try_to_read_locked (session, task);
  else
    vuc_watch_hurry_locked (session);
  if (session->lane.blocked)
    ; /* whoever reads goes on when there is room */
  else if (task->waited || !vuc_session_is_delivering (session))
    vuc_outbox_flush_locked (session);
  else
    vuc_watch_offer_locked (session);
  g_mutex_unlock (&session->lock);
}

/* --- The two forms --- */

gboolean
vuc_task_refuse_inside_callback (GError **error)
{
  return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                   "the server cannot be asked from inside a callback of the library");
}

void
vuc_task_settle (VucTask *task, GError **error)
{
  if (task->settle != NULL)
    task->settle (task, error);
}

gboolean
vuc_task_run (VucTask *task, GError **error)
{
  VucSession *session = task->session;

  if (vuc_session_is_inside_callback ())
    return vuc_task_refuse_inside_callback (error);

  task->waited = TRUE;
  for (;;)
    {
      GError *failure = NULL;
      gboolean is_over;

      is_over = task->step (task, &failure) == VUC_TASK_ENDS;
      if (!is_over)
        {
          g_mutex_lock (&session->lock);
          vuc_session_wait_locked (session, task);
          is_over = task->done;
          failure = g_steal_pointer (&task->error);
          g_mutex_unlock (&session->lock);
        }
      if (!is_over)
        continue;

      vuc_task_settle (task, &failure);
      if (failure == NULL)
        return TRUE;
      g_propagate_error (error, failure);
      return FALSE;
    }
}
