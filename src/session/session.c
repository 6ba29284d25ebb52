/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Who waits, who reads, who wakes.  Does not know what the commands mean, nor that there is
 * anything like a device.  Any thread.
 *
 * There is no thread of our own, so a reply is read by somebody who waits.  At most one waiter at a
 * time holds the *reader role* (has_reader): it polls and receives, for everybody.  The others
 * sleep, each on the condition of its own call, and stand in the queue of sleepers.
 *
 * Claim 1: while a live session has a waiter, either somebody holds the reader role or somebody is
 * awake who will look for it.  A waiter looks for the role whenever it holds the lock and is about
 * to sleep (vuc_session_wait), and so sleeps only if somebody else holds it, or for a pin.  Whoever
 * lays the role down, and every waiter that leaves, for whatever reason, wakes the first sleeper if
 * nobody holds the role (hand_on_locked).  The one woken may be leaving for a reason of its own,
 * its deadline perhaps: then it is itself a waiter that leaves, and wakes the next.
 *
 * Claim 2: nobody sleeps past its deadline or its completion.  Completion signals the call's own
 * condition (vuc_session_complete_locked), under the lock under which the sleeper decided to sleep.
 * The reader polls until its own deadline at most, and looks at the clock after each message, so
 * nothing that the server says can hold it.
 *
 * Claim 3: exactly one completion.  A call is found for completion either by its id (pending),
 * which is taken away first, or by its own waiter, which takes the id away; all under the lock.
 *
 * Claim 4: after the wait has returned nobody touches the call or its buffers.  The lock is off in
 * two places where they are used: while a sender sends (call->sending) and while the reader
 * receives (session->receiving).  Both are pins; neither system call sleeps (a trace, which both
 * include, is the user's business); a waiter does not leave, nor give up, while it is pinned.
 * Whoever takes the pin off signals the call's condition.
 *
 * Claim 5: what is queued gets out.  If the socket is full, or a sender had done its share, the
 * outbox is not empty and the reader polls for output too; if it went to sleep before that was so,
 * it is woken through the eventfd.  It keeps reading meanwhile, so a server that blocks in sending
 * is relieved.  Only while the answer to a server command waits for room it does not, or a server
 * could make us queue answers without end; deadlines end that.
 *
 * The session dies once, of its first cause.  Everybody who waits is completed with it then, and
 * the socket is shut, which wakes the reader.
 */

#include "session/session-private.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

/* Set on a thread while it is in a callback of ours: it must not wait for the server there. */
static GPrivate inside_callback;

void
vuc_call_init (VucCall *call, guint16 command, gint64 deadline)
{
  *call = (VucCall){
    .command = command, .deadline = deadline, .outbox_link.data = call, .sleeper_link.data = call
  };
  g_cond_init (&call->cond);
}

void
vuc_call_clear (VucCall *call)
{
  g_clear_error (&call->error);
  g_cond_clear (&call->cond);
}

/* The largest message that may come before the limits are agreed on: the version and its JSON. */
#define FIRST_MAX_MESSAGE (VUC_HEADER_SIZE + VUC_VERSION_FIXED_SIZE + VUC_LIMIT_JSON_SIZE)

VucSession *
vuc_session_new (int socket, const VucSessionOptions *options, GError **error)
{
  int wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  VucSession *session;

  if (wake < 0)
    {
      vuc_fail_errno (error, VUC_ERROR_CONNECT, errno, "creating an eventfd");
      close (socket);
      return NULL;
    }

  session = g_new0 (VucSession, 1);
  session->socket = socket;
  session->wake = wake;
  session->options = *options;
  g_mutex_init (&session->lock);
  vuc_pending_init (&session->pending);
  vuc_framer_init (&session->framer, FIRST_MAX_MESSAGE);
  return session;
}

void
vuc_session_free (VucSession *session)
{
  close (session->socket);
  close (session->wake);
  g_clear_error (&session->cause);
  vuc_pending_clear (&session->pending);
  vuc_framer_clear (&session->framer);
  g_mutex_clear (&session->lock);
  g_free (session);
}

void
vuc_session_set_negotiated (VucSession *session, guint32 max_message)
{
  g_mutex_lock (&session->lock);
  session->negotiated = TRUE;
  session->held = FALSE;
  session->framer.max_size = max_message;
  g_mutex_unlock (&session->lock);
}

/* --- Completion and death --- */

/* Signalling costs a system call even if nobody sleeps. */
void
vuc_session_wake_waiter_locked (VucCall *call)
{
  if (call->sleeping)
    g_cond_signal (&call->cond);
}

void
vuc_session_complete_locked (VucCall *call, GError *error)
{
  call->done = TRUE;
  call->error = error;
  vuc_session_wake_waiter_locked (call);
}

void
vuc_session_die_locked (VucSession *session, GError *cause)
{
  if (session->cause != NULL)
    {
      g_error_free (cause);
      return;
    }

  session->cause = cause;
  session->current = NULL;
  (void) shutdown (session->socket, SHUT_RDWR);

  for (guint id = 0; id < session->pending.capacity; id++)
    {
      VucPendingSlot *slot = vuc_pending_find (&session->pending, (guint16) id);
      VucCall *call = slot != NULL ? slot->call : NULL;

      if (slot == NULL)
        continue;
      vuc_pending_remove (&session->pending, (guint16) id);
      if (call == NULL)
        continue;
      /* A sender that is at it right now takes its calls out of the outbox by itself. */
      if (!call->sending)
        vuc_outbox_drop_locked (session, call);
      vuc_session_complete_locked (call, g_error_copy (cause));
    }
}

void
vuc_session_die_of_protocol_locked (VucSession *session, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  vuc_session_die_locked (session, g_error_new_literal (VUC_ERROR, VUC_ERROR_PROTOCOL, text));
}

void
vuc_session_end (VucSession *session, const GError *cause)
{
  g_mutex_lock (&session->lock);
  vuc_session_die_locked (session, g_error_copy (cause));
  g_mutex_unlock (&session->lock);
}

void
vuc_session_trace_locked (VucSession *session, gboolean sent, const GByteArray *bytes, guint n_fds)
{
  g_mutex_unlock (&session->lock);
  g_private_set (&inside_callback, session);
  session->options.trace (sent, bytes->data, bytes->len, n_fds, session->options.trace_data);
  g_private_set (&inside_callback, NULL);
  g_mutex_lock (&session->lock);
}

/* --- Submitting --- */

static void
submit_one_locked (VucSession *session, VucCall *call)
{
  GError *error = NULL;

  if (g_private_get (&inside_callback) != NULL)
    vuc_fail (&error, VUC_ERROR_INVALID_ARGUMENT,
              "the server cannot be asked from inside a callback of the library");
  else if (session->cause != NULL)
    error = g_error_copy (session->cause);
  else if (!vuc_pending_add (&session->pending, call))
    vuc_fail (&error, VUC_ERROR_LIMIT, "%d commands are waiting for their replies already",
              VUC_LIMIT_PENDING);

  if (error != NULL)
    vuc_session_complete_locked (call, error);
  else
    vuc_outbox_add_locked (session, call);
}

void
vuc_session_submit (VucSession *session, VucCall *const *calls, gsize n)
{
  g_mutex_lock (&session->lock);
  for (gsize i = 0; i < n; i++)
    submit_one_locked (session, calls[i]);

  /* Inside a callback nothing of ours was queued; sending what others have queued would call back
   * once more. */
  if (g_private_get (&inside_callback) == NULL)
    vuc_outbox_flush_locked (session);
  g_mutex_unlock (&session->lock);
}

/* --- Waiting --- */

static gboolean
is_pinned_locked (const VucSession *session, const VucCall *call)
{
  return call->sending || session->receiving == call;
}

/* When the session dies if the message that has begun stays unfinished. */
static gint64
message_deadline_locked (const VucSession *session)
{
  if (session->message_began == 0)
    return G_MAXINT64;
  return session->message_began + session->options.timeout_ms * (gint64) 1000;
}

static void
poll_until (struct pollfd *fds, nfds_t n_fds, gint64 deadline)
{
  gint64 left = deadline - g_get_monotonic_time ();
  struct timespec timeout;

  if (left <= 0)
    return;
  timeout.tv_sec = left / G_USEC_PER_SEC;
  timeout.tv_nsec = left % G_USEC_PER_SEC * 1000;
  (void) ppoll (fds, n_fds, deadline == G_MAXINT64 ? NULL : &timeout, NULL);
}

/* Reader role.  Sleeps until there is something to receive or to send, or until the deadline.  A
 * failure of poll, a signal above all, is a reason to look again like any other. */
static void
poll_locked (VucSession *session, gint64 deadline)
{
  short events = (short) ((session->answer_left == 0 ? POLLIN : 0)
                          | (session->blocked ? POLLOUT : 0));
  struct pollfd fds[] = { { .fd = session->socket, .events = events },
                          { .fd = session->wake, .events = POLLIN } };
  gint64 until = MIN (deadline, message_deadline_locked (session));

  session->polling = TRUE;
  session->polled_events = events;
  g_mutex_unlock (&session->lock);
  poll_until (fds, G_N_ELEMENTS (fds), until);
  g_mutex_lock (&session->lock);
  session->polling = FALSE;

  if ((fds[1].revents & POLLIN) != 0)
    {
      eventfd_t count;

      (void) eventfd_read (session->wake, &count);
    }
  if (session->blocked)
    vuc_outbox_flush_locked (session);
}

/* Reader role: reads for everybody until this call is complete or its deadline has passed. */
static void
read_locked (VucSession *session, const VucCall *call)
{
  gboolean more;

  /* What the last reader left behind; then poll first: right after a command went out there is
   * nothing to receive yet.  Unless a message is unfinished: its rest may have come while nobody
   * read. */
  (void) vuc_inbox_pump_locked (session, call->deadline);
  more = session->message_began != 0;
  while (!call->done && g_get_monotonic_time () < call->deadline)
    {
      if (!more && g_get_monotonic_time () >= message_deadline_locked (session))
        {
          vuc_session_die_of_protocol_locked (
            session, "a message from the server stayed unfinished for %u ms",
            session->options.timeout_ms);
          return;
        }
      if (!more && !session->send_ended)
        poll_locked (session, call->deadline);
      more = vuc_inbox_receive_locked (session, call->deadline) == VUC_INBOX_DONE;
    }
}

/* The deadline has passed.  The call is neither complete nor pinned. */
static void
give_up_locked (VucSession *session, VucCall *call)
{
  gboolean was_queued = call->queued;
  char buffer[16];
  const char *name = vuc_command_name (call->command, buffer, sizeof buffer);
  GError *error = NULL;

  /* The stream is in the middle of a message: there is no way on. */
  if (session->current == call)
    {
      vuc_session_die_of_protocol_locked (session, "%s reply: begun, but not complete in time",
                                          name);
      return;
    }
  if (vuc_outbox_is_partly_sent_locked (session, call))
    {
      vuc_session_die_of_protocol_locked (session, "%s command: the server did not read it in time",
                                          name);
      return;
    }

  if (was_queued)
    {
      vuc_outbox_drop_locked (session, call);
      vuc_pending_remove (&session->pending, call->id);
    }
  else
    {
      vuc_pending_abandon (&session->pending, call->id);
    }
  vuc_fail (&error, VUC_ERROR_TIMED_OUT, "%s: %s", name,
            was_queued ? "the server did not take the command in time"
                       : "the server did not reply in time");
  vuc_session_complete_locked (call, error);

  if (session->pending.n_abandoned > VUC_LIMIT_ABANDONED)
    vuc_session_die_of_protocol_locked (session, "%u replies are overdue, allowed are %d",
                                        session->pending.n_abandoned, VUC_LIMIT_ABANDONED);
}

/* Who holds a pin never sleeps, so nothing but its end is waited for then. */
static void
sleep_locked (VucSession *session, VucCall *call)
{
  call->sleeping = TRUE;
  g_queue_push_tail_link (&session->sleepers, &call->sleeper_link);

  if (call->deadline == G_MAXINT64 || is_pinned_locked (session, call))
    g_cond_wait (&call->cond, &session->lock);
  else
    g_cond_wait_until (&call->cond, &session->lock, call->deadline);

  g_queue_unlink (&session->sleepers, &call->sleeper_link);
  call->sleeping = FALSE;
}

/* If nobody reads, somebody who sleeps shall. */
static void
hand_on_locked (VucSession *session)
{
  if (!session->has_reader && session->sleepers.head != NULL)
    vuc_session_wake_waiter_locked (session->sleepers.head->data);
}

gboolean
vuc_session_wait (VucSession *session, VucCall *call, GError **error)
{
  g_mutex_lock (&session->lock);
  for (;;)
    {
      if (is_pinned_locked (session, call))
        {
          sleep_locked (session, call);
        }
      else if (call->done)
        {
          break;
        }
      else if (g_get_monotonic_time () >= call->deadline)
        {
          give_up_locked (session, call);
        }
      else if (session->has_reader)
        {
          sleep_locked (session, call);
        }
      else
        {
          session->has_reader = TRUE;
          read_locked (session, call);
          session->has_reader = FALSE;
          hand_on_locked (session);
        }
    }
  hand_on_locked (session);
  g_mutex_unlock (&session->lock);

  if (call->error == NULL)
    return TRUE;
  g_propagate_error (error, g_error_copy (call->error));
  return FALSE;
}

gboolean
vuc_session_call (VucSession *session, VucCall *call, GError **error)
{
  vuc_session_submit (session, &call, 1);
  return vuc_session_wait (session, call, error);
}
