/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Time, for tasks that nobody waits for: their deadlines, and those that sleep.  Does not know who
 * looks at the clock (loop.c), nor who wakes it (watch.c).  Any thread, with the lock held but for
 * what a step calls.
 */

#include "session/session-private.h"

/* In order: nearly always at the end, as all deadlines are equally far away. */
void
vuc_clock_add_locked (VucSession *session, VucTask *task)
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

void
vuc_clock_remove_locked (VucSession *session, VucTask *task)
{
  if (task->has_deadline)
    g_queue_unlink (&session->deadlines, &task->deadline_link);
  task->has_deadline = FALSE;
}

void
vuc_clock_forget_snooze_locked (VucSession *session, VucTask *task)
{
  if (task->snoozing)
    g_queue_unlink (&session->snoozing, &task->snooze_link);
  task->snoozing = FALSE;
}

void
vuc_task_set_deadline (VucTask *task, gint64 deadline)
{
  VucSession *session = task->session;

  g_mutex_lock (&session->lock);
  vuc_clock_remove_locked (session, task);
  task->deadline = deadline;
  if (task->number != 0)
    {
      vuc_clock_add_locked (session, task);
      vuc_watch_set_timer_locked (session);
    }
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
  vuc_clock_forget_snooze_locked (session, task);
  vuc_task_note_if_due_locked (session, task);
}

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

  while (session->deadlines.head != NULL && (task = session->deadlines.head->data)->deadline <= now)
    {
      if (vuc_task_is_pinned_locked (task))
        {
          /* Anything may have happened meanwhile. */
          vuc_session_await_release_locked (session);
          continue;
        }
      vuc_clock_remove_locked (session, task);
      vuc_task_give_up_locked (session, task, VUC_ERROR_TIMED_OUT);
    }

  while ((task = find_snoozer_locked (session, now)) != NULL)
    vuc_task_rouse_locked (session, task);
}
