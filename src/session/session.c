/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Who waits, who reads, who wakes.  Does not know what the commands mean, nor that there is
 * anything like a device.  Any thread.
 *
 * There is no thread of our own, so a reply is read by somebody who waits, or by whoever processes
 * the session from a loop.  At most one thread at a time holds the *reader role* (has_reader): it
 * receives, for everybody.  A waiter that holds it polls the sockets (task->reads); a loop does not
 * poll, it takes what is there and lays the role down again.  The other waiters sleep, each on the
 * condition of its own task, and stand in the queue of sleepers.
 *
 * Claim 1: while a connection has a waiter, either somebody holds the reader role or somebody is
 * awake who will look for it; and while it has none, but is watched, the loop will be woken.  A
 * waiter looks for the role whenever it holds the lock and is about to sleep, and so sleeps only if
 * somebody else holds it (or for a pin, see claim 4).  Whoever lays the role down, and every waiter
 * that leaves, for whatever reason, hands on: if nobody holds the role it wakes the first sleeper,
 * and if nobody sleeps it lets the loop watch the sockets again.  The one woken may be leaving for a
 * reason of its own, its deadline perhaps: then it is itself a waiter that leaves, and hands on.
 *
 * Claim 2: nobody sleeps past its deadline or its due.  What makes a task due or done wakes its
 * waiter (vuc_session_wake_waiter_locked), under the lock under which the sleeper decided to sleep:
 * by its condition if it sleeps, by the eventfd if it polls.  The reader polls until its own
 * deadline at most, and looks at the clock after each message, so nothing that the server says can
 * hold it.  What nobody waits for has the timer of watch.c.
 *
 * Claim 3: exactly one outcome.  A call is found for completion either by its id (pending), which
 * is taken away first, or by its task, which takes the id away; a task ends under the lock, once.
 *
 * Claim 4: after its outcome was told nobody touches a task or its buffers.  The lock is off in
 * three places where they are used: while a sender sends (call->sending), while the reader receives
 * (call->receiving), and in a step (task->running).  All are pins; none of them sleeps (a trace,
 * which the first two include, is the user's business).  A call is over, and may make its task
 * due, only when it is not pinned; and whoever ends a task early waits for the pins to go
 * (vuc_session_await_release_locked).
 *
 * Claim 5: what is queued gets out.  If the socket is full, or a sender had done its share, the lane
 * is blocked and whoever reads polls for output too; if it went to sleep before that was so, it is
 * woken through the eventfd.  It keeps reading meanwhile, so a server that blocks in sending is
 * relieved.  Only while the answer to a server command waits for room it does not read, or a server
 * could make us queue answers without end; deadlines end that.
 *
 * Claim 6: while blocking calls run the loop sleeps.  A blocking reader takes the sockets out of the
 * epoll set before its command is sent, so its reply wakes nobody else.
 *
 * Claim 7: memory that was revoked (vuc_session_revoke) is not touched any more.  New commands of the
 * server do not find it; a thread that is in the service, or in a system call with its memory, is
 * waited for (lane->busy, a pin that may sleep: SEND_PATIENCE_US at the most while an answer goes, and
 * as long as a function of the user's takes); what is left of a command then goes nowhere, and what
 * is left of an answer is copied.
 *
 * Claim 8: what was posted, and taken, is sent without any further call of its poster, who does not
 * wait.  It is queued behind everything else, and is not out yet in one of two cases only.  A thread
 * holds the sender role: it finds it before it lets go.  Or the socket took no more: then it stays
 * only if there is a loop and nobody sleeps in a receive, and by claim 5 a reader who polls goes on;
 * one who leaves hands on (claim 1), and the loop polls for output.  Else the poster looks, once
 * nobody sends any more, whether it is out, and takes it back if not; it is told, and waits for a
 * reply instead.  (Where a socket takes part of a small message, which the kernel only does if its
 * buffer is set to a few KiB, that cannot be taken back, and the rest goes with the next call.)
 *
 * A reader may try to receive again and again for a while before it does either (spin.c, if poll_us was
 * set).  The lock is off during each try only, so whatever has changed is seen before the next one, and
 * claims 2, 5 and 7 hold without waking it: session->polling and ->receiving are not set meanwhile.
 *
 * A reader that nothing but the main socket can need does not poll: it sleeps in the receive, for
 * PATIENCE_US at a time (may_sleep_in_receive_locked), and in the send of a large answer.
 *
 * A connection dies once, of its first cause.  Everything under way is completed with it then, and
 * the sockets are shut, which wakes the reader.
 */

#include "session/session-private.h"
#include "transport/socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Set on a thread while it is in a callback of ours that must not wait for the server. */
static GPrivate inside_callback;

/* How long a reader sleeps in a receive at the most, in microseconds. */
#define PATIENCE_US G_USEC_PER_SEC

/* How long a reader that could not be given an eventfd polls at a time. */
#define POLL_WITHOUT_WAKE_US 10000

void
vuc_session_enter_callback (void)
{
  g_private_set (&inside_callback, &inside_callback);
}

void
vuc_session_leave_callback (void)
{
  g_private_set (&inside_callback, NULL);
}

gboolean
vuc_session_is_inside_callback (void)
{
  return g_private_get (&inside_callback) != NULL;
}

void
vuc_session_trace_locked (VucSession *session, gboolean sent, const GByteArray *bytes, guint n_fds)
{
  g_mutex_unlock (&session->lock);
  vuc_session_enter_callback ();
  session->options.trace (sent, bytes->data, bytes->len, n_fds, session->options.trace_data);
  vuc_session_leave_callback ();
  g_mutex_lock (&session->lock);
}

/* --- Waking --- */

void
vuc_session_await_release_locked (VucSession *session)
{
  session->n_awaiting++;
  g_cond_wait (&session->released, &session->lock);
  session->n_awaiting--;
}

/* Signalling costs a system call even if nobody sleeps. */
void
vuc_session_released_locked (VucSession *session)
{
  if (session->n_awaiting > 0)
    g_cond_broadcast (&session->released);
}

void
vuc_session_wake_reader_locked (VucSession *session)
{
  /* What the server has said already can still be received. */
  if (session->receiving && session->send_ended)
    (void) shutdown (session->lane.socket, SHUT_RD);
  if (!session->polling || session->poll_stale || session->wake < 0)
    return;
  session->poll_stale = TRUE;
  (void) eventfd_write (session->wake, 1);
}

void
vuc_session_wake_waiter_locked (VucTask *task)
{
  if (task->sleeping)
    g_cond_signal (&task->cond);
  else if (task->reads)
    vuc_session_wake_reader_locked (task->session);
}

/* --- The reader role --- */

void
vuc_session_try_to_read_locked (VucSession *session, VucTask *task)
{
  if (session->has_reader || !session->up)
    return;
  session->has_reader = TRUE;
  task->reads = TRUE;
  vuc_watch_pause_locked (session);
}

void
vuc_session_hand_on_locked (VucSession *session)
{
  if (session->has_reader)
    return;
  if (session->sleepers.head != NULL)
    vuc_session_wake_waiter_locked (session->sleepers.head->data);
  else
    vuc_watch_resume_locked (session);
}

void
vuc_session_stop_reading_locked (VucSession *session, VucTask *task)
{
  session->has_reader = FALSE;
  session->reader_is_free = FALSE;
  task->reads = FALSE;
  vuc_session_released_locked (session);
  vuc_session_hand_on_locked (session);
}

/* So that it can be woken.  Not before there is anybody who could: while a blocking call makes the
 * first connection nobody else has the handle. */
static void
make_wake_locked (VucSession *session, const VucTask *task)
{
  if (session->wake < 0 && (session->generation > 0 || task->number != 0))
    session->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int
poll_until (struct pollfd *fds, nfds_t n_fds, gint64 until)
{
  gint64 left = until == G_MAXINT64 ? 0 : MAX (until - g_get_monotonic_time (), 0);
  struct timespec timeout = { .tv_sec = left / G_USEC_PER_SEC,
                              .tv_nsec = left % G_USEC_PER_SEC * 1000 };

  return ppoll (fds, n_fds, until == G_MAXINT64 ? NULL : &timeout, NULL);
}

static short
events_to_poll_for (const VucLane *lane)
{
  return (short) ((vuc_serving_has_answer (lane) ? 0 : POLLIN) | (lane->blocked ? POLLOUT : 0));
}

/* Reader role.  Sleeps until there is something to receive or to send, or until the deadline.  A
 * failure of poll, a signal above all, is a reason to look again like any other.  FALSE if the
 * deadline has passed. */
static gboolean
poll_locked (VucSession *session, const VucTask *task)
{
  VucLane *twin = session->twin;
  struct pollfd fds[3];
  nfds_t n_fds = 0;
  gint64 until = MIN (task->deadline, vuc_inbox_message_deadline_locked (session));
  int n_ready;

  make_wake_locked (session, task);
  if (session->wake < 0 && session->generation > 0)
    until = MIN (until, g_get_monotonic_time () + POLL_WITHOUT_WAKE_US);

  fds[n_fds++] = (struct pollfd){ session->lane.socket, events_to_poll_for (&session->lane), 0 };
  if (session->wake >= 0)
    fds[n_fds++] = (struct pollfd){ session->wake, POLLIN, 0 };
  if (twin != NULL)
    fds[n_fds++] = (struct pollfd){ twin->socket, events_to_poll_for (twin), 0 };

  session->polling = TRUE;
  session->polls_room = session->lane.blocked;
  session->polls_input = !vuc_serving_has_answer (&session->lane);
  g_mutex_unlock (&session->lock);
  n_ready = poll_until (fds, n_fds, until);
  g_mutex_lock (&session->lock);
  session->polling = FALSE;

  if (session->poll_stale)
    {
      eventfd_t count;

      session->poll_stale = FALSE;
      (void) eventfd_read (session->wake, &count);
    }
  if (session->lane.blocked || vuc_serving_has_answer (&session->lane))
    vuc_outbox_flush_locked (session);

  session->lane.ready = n_ready < 0 || fds[0].revents != 0
                        || vuc_inbox_can_go_on_locked (session, &session->lane);
  if (twin != NULL)
    twin->ready = n_ready < 0 || fds[n_fds - 1].revents != 0;
  return n_ready != 0 || until < task->deadline;
}

gboolean
vuc_session_take_one_locked (VucSession *session, VucLane *lane, gboolean sleeps)
{
  if (lane == NULL || !lane->ready || !session->up)
    return FALSE;
  lane->ready = vuc_inbox_receive_locked (session, lane, sleeps) == VUC_INBOX_DONE;

  /* A reply may have made room. */
  if (!session->lane.blocked && (session->outbox.head != NULL || session->crowd.head != NULL))
    vuc_outbox_flush_locked (session);
  return lane->ready;
}

/* Which lanes have something that was read and not dealt with. */
gboolean
vuc_session_note_rest_locked (VucSession *session)
{
  session->lane.ready = !vuc_framer_is_idle (&session->lane.framer);
  if (session->twin == NULL)
    return session->lane.ready;
  session->twin->ready = !vuc_framer_is_idle (&session->twin->framer);
  return session->lane.ready || session->twin->ready;
}

gboolean
vuc_session_must_read_locked (const VucSession *session, const VucTask *task)
{
  return session->up && !task->done && !vuc_task_is_due_locked (task) && task->n_lingering == 0;
}

/* The usual case, a command and its reply, needs no poll: the receive itself sleeps.  Nothing but the
 * socket can wake it, so it only does if nothing else needs to: a task that nobody can cancel, one
 * socket, nothing that waits to be sent.  What others queue meanwhile, should the socket be full,
 * waits until the reply is in, which an orderly server sends first anyway, or PATIENCE_US. */
static gboolean
may_sleep_in_receive_locked (VucSession *session, const VucTask *task)
{
  VucLane *lane = &session->lane;

  if (task->number != 0 || session->twin != NULL || lane->blocked || session->outbox.head != NULL
      || session->rest != NULL || session->send_ended || vuc_serving_has_answer (lane))
    return FALSE;
  if (task->deadline != G_MAXINT64 && task->deadline - g_get_monotonic_time () < PATIENCE_US)
    return FALSE;
  if (!lane->patient)
    vuc_socket_set_patience (lane->socket, session->is_shared, PATIENCE_US);
  lane->patient = TRUE;
  return TRUE;
}

/* Reader role: whole messages that were received along with others would not make the socket
 * readable, so nobody would look for them.  They are not many. */
static void
clear_up_locked (VucSession *session, VucLane *lane)
{
  while (lane != NULL && session->up && vuc_inbox_pump_locked (session, lane) == VUC_INBOX_DONE)
    continue;
}

/* Reader role: the deadline has passed in the middle of the task's reply.  What is there already is
 * not late. */
static void
take_what_is_there_locked (VucSession *session, const VucTask *task)
{
  VucLane *lane = &session->lane;

  lane->ready = TRUE;
  while (session->up && lane->current != NULL && lane->current->task == task
         && vuc_session_take_one_locked (session, lane, FALSE))
    continue;
}

/* Reader role: what follows from what was dealt with.  Whether there may be more to receive. */
static gboolean
follow_up_locked (VucSession *session)
{
  if (session->ready.head != NULL)
    vuc_task_run_ready_as_reader_locked (session);

  /* Somebody else may have sent the answer that it was held back for. */
  session->lane.ready |= vuc_inbox_can_go_on_locked (session, &session->lane);
  return session->lane.ready || (session->twin != NULL && session->twin->ready);
}

/* Reader role: reads for everybody until the task is due or done.  FALSE if its deadline has passed
 * before. */
static gboolean
read_locked (VucSession *session, const VucTask *task)
{
  /* What the last reader left behind, or what came while nobody read; then poll first: right after
   * a command went out there is nothing to receive yet. */
  gboolean more = vuc_session_note_rest_locked (session);
  gboolean sleeps = !more && may_sleep_in_receive_locked (session, task);

  session->reader_is_free = sleeps;
  while (vuc_session_must_read_locked (session, task))
    {
      gint64 waits_since = 0;

      /* The task's own deadline comes first where both have passed. */
      if (!more && vuc_inbox_message_deadline_locked (session) < task->deadline
          && vuc_inbox_end_unfinished_locked (session))
        break;
      if (!more && session->options.poll_us > 0)
        {
          if (vuc_spin_locked (session, task, &waits_since))
            {
              more = follow_up_locked (session);
              sleeps = FALSE;
              continue;
            }
          /* The lock was off. */
          sleeps = sleeps && may_sleep_in_receive_locked (session, task);
        }
      if (!more && !sleeps && !session->send_ended && !poll_locked (session, task))
        return FALSE;
      if (more && g_get_monotonic_time () >= task->deadline)
        return FALSE;
      if (session->send_ended || sleeps)
        session->lane.ready = TRUE;

      session->receiving = sleeps;
      more = vuc_session_take_one_locked (session, &session->lane, sleeps);
      more |= vuc_session_take_one_locked (session, session->twin, FALSE);
      session->receiving = sleeps = FALSE;
      if (waits_since != 0 && more)
        vuc_spin_note_sleep_locked (session, waits_since);
      more = follow_up_locked (session);
    }
  return TRUE;
}

/* --- Waiting --- */

/* FALSE if its deadline has passed. */
static gboolean
sleep_locked (VucSession *session, VucTask *task)
{
  gint64 until = task->wake_at != 0 ? MIN (task->wake_at, task->deadline) : task->deadline;
  gboolean woken = TRUE;

  task->sleeping = TRUE;
  g_queue_push_tail_link (&session->sleepers, &task->sleeper_link);
  if (until == G_MAXINT64)
    g_cond_wait (&task->cond, &session->lock);
  else
    woken = g_cond_wait_until (&task->cond, &session->lock, until);
  g_queue_unlink (&session->sleepers, &task->sleeper_link);
  task->sleeping = FALSE;

  if (woken)
    return TRUE;
  if (until == task->deadline)
    return FALSE;
  vuc_task_rouse_locked (session, task);
  return TRUE;
}

void
vuc_session_wait_locked (VucSession *session, VucTask *task)
{
  gboolean in_time = TRUE;

  while (!task->done && !vuc_task_is_due_locked (task))
    {
      if (task->n_lingering > 0 || (!in_time && vuc_task_is_pinned_locked (task)))
        {
          vuc_session_await_release_locked (session);
          continue;
        }
      if (!in_time)
        {
          vuc_task_give_up_locked (session, task, VUC_ERROR_TIMED_OUT);
          continue;
        }

      if (task->reads && !session->up)
        vuc_session_stop_reading_locked (session, task);
      vuc_session_try_to_read_locked (session, task);
      in_time = task->reads ? read_locked (session, task) : sleep_locked (session, task);
      if (!in_time && task->reads)
        take_what_is_there_locked (session, task);
    }

  if (task->reads)
    {
      clear_up_locked (session, &session->lane);
      clear_up_locked (session, session->twin);

      /* A reply among that may have made room for a command: nobody would think of it. */
      if (!session->lane.blocked && session->outbox.head != NULL)
        vuc_outbox_flush_locked (session);
      vuc_session_stop_reading_locked (session, task);
    }
  else
    vuc_session_hand_on_locked (session);
}
