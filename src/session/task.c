/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Tasks: when their step is due, how they end, and to whom their outcome is delivered.  Does not
 * know sockets, nor what a step does.  Any thread.
 *
 * A task without waiter whose step is due stands in ready, until somebody who reads, or processes,
 * runs it; when it has ended it stands in finished, until somebody delivers it.  A waiter takes it
 * out of either.
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

static void
enqueue_locked (GQueue *queue, VucTask *task)
{
  task->queue = queue;
  g_queue_push_tail_link (queue, &task->queue_link);
}

static void
dequeue_locked (VucTask *task)
{
  if (task->queue != NULL)
    g_queue_unlink (task->queue, &task->queue_link);
  task->queue = NULL;
}

/* In order: nearly always at the end, as all deadlines are equally far away. */
static void
add_deadline_locked (VucSession *session, VucTask *task)
{
  GList *before = session->deadlines.tail;

  if (task->deadline == G_MAXINT64)
    return;
  while (before != NULL && ((VucTask *) before->data)->deadline > task->deadline)
    before = before->prev;

  task->has_deadline = TRUE;
  if (before == session->deadlines.tail)
    {
      g_queue_push_tail_link (&session->deadlines, &task->deadline_link);
      return;
    }
  if (before == NULL)
    {
      g_queue_push_head_link (&session->deadlines, &task->deadline_link);
      return;
    }
  task->deadline_link.prev = before;
  task->deadline_link.next = before->next;
  before->next->prev = &task->deadline_link;
  before->next = &task->deadline_link;
  session->deadlines.length++;
}

static void
remove_deadline_locked (VucSession *session, VucTask *task)
{
  if (task->has_deadline)
    g_queue_unlink (&session->deadlines, &task->deadline_link);
  task->has_deadline = FALSE;
}

static void
remove_snooze_locked (VucSession *session, VucTask *task)
{
  if (task->snoozing)
    g_queue_unlink (&session->snoozing, &task->snooze_link);
  task->snoozing = FALSE;
}

/* --- Calls --- */

gboolean
vuc_task_is_due_locked (const VucTask *task)
{
  return task->calls.length == 0 && task->wake_at == 0 && !task->running && !task->done;
}

static void
note_if_due_locked (VucSession *session, VucTask *task)
{
  if (!vuc_task_is_due_locked (task))
    return;
  if (task->waited)
    vuc_session_wake_waiter_locked (task);
  else if (task->queue == NULL)
    {
      enqueue_locked (&session->ready, task);
      vuc_watch_offer_locked (session);
    }
}

static void
end_call_locked (VucSession *session, VucCall *call)
{
  VucTask *task = call->task;

  g_queue_unlink (&task->calls, &call->task_link);
  note_if_due_locked (session, task);
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
static void
finish_locked (VucSession *session, VucTask *task, GError *error)
{
  task->done = TRUE;
  task->error = error;
  task->wake_at = 0;
  remove_deadline_locked (session, task);
  remove_snooze_locked (session, task);
  dequeue_locked (task);
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
    {
      enqueue_locked (&session->finished, task);
      vuc_watch_offer_locked (session);
    }
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
}

static GError *
early_end (const VucSession *session, const VucTask *task, VucError code)
{
  const VucCall *call = task->calls.head != NULL ? task->calls.head->data : NULL;
  gboolean was_sent = call == NULL || !(call->queued || call->crowded);
  GError *error = NULL;
  char buffer[16];
  const char *name
    = vuc_command_name (call != NULL ? call->command : task->command, buffer, sizeof buffer);

  if (code == VUC_ERROR_DISCONNECTED)
    return g_error_copy (session->cause);
  if (call == NULL && task->label != NULL)
    vuc_fail (&error, code, "%s: %s", task->label,
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
  finish_locked (session, task, error);

  if (session->up && session->pending.n_abandoned > VUC_LIMIT_ABANDONED)
    vuc_session_die_of_protocol_locked (session, "%u replies are overdue, allowed are %d",
                                        session->pending.n_abandoned, VUC_LIMIT_ABANDONED);
}

/* --- Steps --- */

static void
run_step_locked (VucSession *session, VucTask *task)
{
  VucTaskStatus status;
  GError *error = NULL;

  task->running = TRUE;
  g_mutex_unlock (&session->lock);
  status = task->step (task, &error);
  g_mutex_lock (&session->lock);
  task->running = FALSE;

  if (status == VUC_TASK_ENDS)
    finish_locked (session, task, error);
  else
    note_if_due_locked (session, task);
  if (task->waited)
    vuc_session_wake_waiter_locked (task);
  vuc_session_released_locked (session);
}

void
vuc_task_run_ready_locked (VucSession *session)
{
  /* Not those that become due by this: a step that fails at once must not hold the reader. */
  for (guint n = session->ready.length; n > 0 && session->ready.head != NULL; n--)
    {
      VucTask *task = session->ready.head->data;

      dequeue_locked (task);
      run_step_locked (session, task);
    }
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
      const GError *error = task->connects ? NULL : session->cause;

      if (error == NULL && !session->up)
        error = session->down;
      call->task = task;
      g_queue_push_tail_link (&task->calls, &call->task_link);
      if (error != NULL)
        vuc_call_complete_locked (session, call, g_error_copy (error));
      else
        vuc_outbox_add_locked (session, call);
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

void
vuc_task_set_deadline (VucTask *task, gint64 deadline)
{
  VucSession *session = task->session;

  g_mutex_lock (&session->lock);
  remove_deadline_locked (session, task);
  task->deadline = deadline;
  if (task->number != 0)
    add_deadline_locked (session, task);
  g_mutex_unlock (&session->lock);
}

void
vuc_task_sleep_until (VucTask *task, gint64 time)
{
  VucSession *session = task->session;

  g_mutex_lock (&session->lock);
  task->wake_at = session->refused != NULL && task == session->connector ? 0 : time;
  if (task->number != 0 && !task->snoozing && task->wake_at != 0)
    {
      task->snoozing = TRUE;
      g_queue_push_tail_link (&session->snoozing, &task->snooze_link);
      vuc_watch_set_timer_locked (session);
    }
  g_mutex_unlock (&session->lock);
}

void
vuc_task_rouse_locked (VucSession *session, VucTask *task)
{
  task->wake_at = 0;
  remove_snooze_locked (session, task);
  note_if_due_locked (session, task);
}

/* --- The two forms --- */

static gboolean
refuse_inside_callback (GError **error)
{
  return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                   "the server cannot be asked from inside a callback of the library");
}

static void
settle (VucTask *task, GError **error)
{
  if (task->settle != NULL)
    task->settle (task, error);
}

gboolean
vuc_task_run (VucTask *task, GError **error)
{
  VucSession *session = task->session;

  if (vuc_session_is_inside_callback ())
    return refuse_inside_callback (error);

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

      settle (task, &failure);
      if (failure == NULL)
        return TRUE;
      g_propagate_error (error, failure);
      return FALSE;
    }
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
    refuse_inside_callback (&error);
  else if (task->unlimited)
    error = NULL;
  else if (session->n_operations >= session->options.max_operations)
    vuc_fail (&error, VUC_ERROR_LIMIT, "%u operations are under way already, allowed are %u",
              session->n_operations, session->options.max_operations);
  else if (session->queued_bytes >= session->options.max_queued_bytes)
    vuc_fail (&error, VUC_ERROR_LIMIT,
              "%" G_GSIZE_FORMAT " bytes wait to be sent already, allowed are %" G_GSIZE_FORMAT,
              session->queued_bytes, session->options.max_queued_bytes);

  g_hash_table_insert (session->operations, &task->number, task);
  task->counts = error == NULL;
  session->n_operations += task->counts;
  if (error != NULL)
    {
      finish_locked (session, task, error);
    }
  else
    {
      add_deadline_locked (session, task);
      run_step_locked (session, task);
      while (task->queue == &session->ready)
        {
          dequeue_locked (task);
          run_step_locked (session, task);
        }
      vuc_watch_set_timer_locked (session);
    }
  g_mutex_unlock (&session->lock);
  return number;
}

/* --- Waiting and cancelling --- */

/* What was refused is not one of those that are under way. */
static void
forget_operation_locked (VucSession *session, VucTask *task)
{
  if (g_hash_table_remove (session->operations, &task->number))
    session->n_operations -= task->counts;
}

static void
dispose_of_operation (VucTask *task)
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
    return refuse_inside_callback (error);

  g_mutex_lock (&session->lock);
  task = g_hash_table_lookup (session->operations, &number);
  if (task == NULL || task->waited)
    {
      g_mutex_unlock (&session->lock);
      return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "operation %" G_GUINT64_FORMAT " %s",
                       number,
                       task != NULL ? "has somebody who waits for it already"
                                    : "is not under way, or has told its callback already");
    }

  task->waited = TRUE;
  dequeue_locked (task);
  vuc_outbox_flush_locked (session);
  while (!task->done)
    {
      vuc_session_wait_locked (session, task);
      if (!task->done)
        run_step_locked (session, task);
    }
  forget_operation_locked (session, task);
  g_mutex_unlock (&session->lock);

  settle (task, &task->error);
  ok = task->error == NULL;
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&task->error));
  dispose_of_operation (task);
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
  while ((task = g_hash_table_lookup (session->operations, &number)) != NULL && !task->done
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

/* --- Time --- */

gint64
vuc_task_next_time_locked (const VucSession *session)
{
  gint64 next = G_MAXINT64;

  if (session->deadlines.head != NULL)
    next = ((const VucTask *) session->deadlines.head->data)->deadline;
  for (const GList *link = session->snoozing.head; link != NULL; link = link->next)
    next = MIN (next, ((const VucTask *) link->data)->wake_at);
  return next;
}

static VucTask *
find_snoozer_locked (VucSession *session, gint64 now)
{
  for (GList *link = session->snoozing.head; link != NULL; link = link->next)
    {
      VucTask *task = link->data;

      if (task->wake_at <= now)
        return task;
    }
  return NULL;
}

void
vuc_task_look_at_clock_locked (VucSession *session, gint64 now)
{
  VucTask *task;

  while (session->deadlines.head != NULL
         && (task = session->deadlines.head->data)->deadline <= now)
    {
      if (vuc_task_is_pinned_locked (task))
        {
          /* Anything may have happened meanwhile. */
          vuc_session_await_release_locked (session);
          continue;
        }
      remove_deadline_locked (session, task);
      vuc_task_give_up_locked (session, task, VUC_ERROR_TIMED_OUT);
    }

  while ((task = find_snoozer_locked (session, now)) != NULL)
    vuc_task_rouse_locked (session, task);
}

/* --- Delivery --- */

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
  note_if_due_locked (session, &notice->task);
}

static gboolean
deliver_one (VucSession *session)
{
  VucTask *task;

  g_mutex_lock (&session->lock);
  task = session->finished.head != NULL ? session->finished.head->data : NULL;
  if (task != NULL)
    {
      dequeue_locked (task);
      forget_operation_locked (session, task);
      /* The callback may take long: others may deliver the rest meanwhile. */
      if (session->finished.head != NULL)
        vuc_watch_offer_locked (session);
    }
  g_mutex_unlock (&session->lock);
  if (task == NULL)
    return FALSE;

  settle (task, &task->error);
  task->callback (session->options.device, task->number, task->error, task->user_data);
  dispose_of_operation (task);
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
  for (;;)
    {
      g_hash_table_iter_init (&iter, session->operations);
      if (!g_hash_table_iter_next (&iter, NULL, &value))
        break;
      task = value;
      if (!vuc_task_is_pinned_locked (task))
        {
          if (!task->done)
            vuc_task_give_up_locked (session, task, VUC_ERROR_DISCONNECTED);
          dequeue_locked (task);
          forget_operation_locked (session, task);
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
      settle (task, &task->error);
      if (task->callback != NULL)
        task->callback (session->options.device, task->number, task->error, task->user_data);
      dispose_of_operation (task);
      vuc_session_deliver_all (session);
    }
}

void
vuc_session_get_load (VucSession *session, guint *operations, gsize *queued_bytes)
{
  g_mutex_lock (&session->lock);
  *operations = session->n_operations;
  *queued_bytes = session->queued_bytes;
  g_mutex_unlock (&session->lock);
}
