/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How a connection comes and goes under a session.  Does not know how one is made, nor what is said
 * on it.  Any thread.
 *
 * Three things are told apart.  up: there is a connection that works; only the task that makes it
 * may use it, until it says that everybody may.  down: why the last one ended.  cause: why nobody
 * but that task may ask anything; the first cause of a loss stays until another connection was made.
 */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "session/session-private.h"

/* The largest message that may come before the limits are agreed on: the version and its JSON. */
#define FIRST_MAX_MESSAGE (VUC_HEADER_SIZE + VUC_VERSION_FIXED_SIZE + VUC_LIMIT_JSON_SIZE)

static void
lane_init (VucLane *lane, int socket, gboolean is_twin, guint32 max_message)
{
  memset (lane, 0, VUC_LANE_HEAD);
  lane->socket = socket;
  lane->is_twin = is_twin;
  vuc_framer_init (&lane->framer, max_message);
}

VucSession *
vuc_session_new (const VucSessionOptions *options)
{
  VucSession *session = g_new (VucSession, 1);

  memset (session, 0, VUC_SESSION_HEAD + VUC_LANE_HEAD);
  session->options = *options;
  g_mutex_init (&session->lock);
  g_cond_init (&session->released);
  session->lane.socket = -1;
  session->peer = (struct ucred){ .uid = (uid_t) -1, .gid = (gid_t) -1 };
  session->wake = session->epoll = session->pair = session->loop_wake = session->timer = -1;
  session->timer_at = G_MAXINT64;
  vuc_watched_init (&session->watched);
  vuc_pending_init (&session->pending);
  vuc_fail (&session->cause, VUC_ERROR_DISCONNECTED, "the device is not connected yet");
  return session;
}

/* Takes the lock off: what is closed may be descriptors of the server's, too. */
static void
lane_close_locked (VucSession *session, VucLane *lane)
{
  int socket = lane->socket;
  VucFdSet fds;

  vuc_fd_set_init (&fds);
  vuc_fd_set_move (&fds, &lane->framer.fds);
  vuc_fd_set_move (&fds, &lane->framer.held);
  memset (lane, 0, VUC_LANE_HEAD);
  lane->socket = -1;

  g_mutex_unlock (&session->lock);
  vuc_fd_set_clear (&fds);
  close (socket);
  g_mutex_lock (&session->lock);
}

/* Closes the sockets of a connection that is dead and that nobody uses. */
static void
close_lanes_locked (VucSession *session)
{
  VucLane *twin;

  if (session->lane.socket < 0)
    return;
  vuc_serving_release_locked (session, &session->lane);
  if (session->twin != NULL)
    vuc_serving_release_locked (session, session->twin);
  vuc_posting_forget_locked (session);
  vuc_outbox_clear_locked (session);

  session->in_pair = FALSE;
  lane_close_locked (session, &session->lane);
  twin = g_steal_pointer (&session->twin);
  if (twin != NULL)
    lane_close_locked (session, twin);
  g_free (twin);
}

void
vuc_session_free (VucSession *session)
{
  g_mutex_lock (&session->lock);
  close_lanes_locked (session);
  g_mutex_unlock (&session->lock);

  if (session->wake >= 0)
    close (session->wake);
  vuc_watch_clear (session);
  vuc_watched_clear (&session->watched);
  g_clear_error (&session->cause);
  g_clear_error (&session->down);
  g_clear_error (&session->refused);
  vuc_pending_clear (&session->pending);
  g_clear_pointer (&session->operations, g_hash_table_unref);
  g_clear_pointer (&session->late_refusals, g_array_unref);
  g_cond_clear (&session->released);
  g_mutex_clear (&session->lock);
  g_free (session);
}

/* --- Making one --- */

gboolean
vuc_session_begin_connecting (VucSession *session, VucTask *task, GError **error)
{
  gboolean ok = FALSE;

  g_mutex_lock (&session->lock);
  if (session->connector != NULL)
    vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "the device is being connected already");
  else if (session->cause == NULL)
    vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "the device is connected");
  else if (session->shuts_down)
    g_propagate_error (error, g_error_copy (session->cause));
  else
    ok = TRUE;
  if (ok)
    {
      session->connector = task;
      g_clear_error (&session->refused);
    }
  g_mutex_unlock (&session->lock);
  return ok;
}

gboolean
vuc_session_open (VucSession *session, int socket, gboolean is_shared, GError **error)
{
  g_mutex_lock (&session->lock);
  while (session->has_reader || session->has_sender)
    vuc_session_await_release_locked (session);
  close_lanes_locked (session);

  if (session->refused != NULL)
    {
      g_propagate_error (error, g_error_copy (session->refused));
      g_mutex_unlock (&session->lock);
      close (socket);
      return FALSE;
    }

  lane_init (&session->lane, socket, FALSE, FIRST_MAX_MESSAGE);
  if (session->link_number > 0)
    {
      vuc_pending_clear (&session->pending);
      vuc_pending_init (&session->pending);
    }
  g_clear_pointer (&session->late_refusals, g_array_unref);
  session->up = TRUE;
  session->is_shared = is_shared;
  session->link_number++;
  session->negotiated = session->held = session->send_ended = session->serial = FALSE;
  g_clear_error (&session->down);
  vuc_watch_update_locked (session);
  g_mutex_unlock (&session->lock);
  return TRUE;
}

void
vuc_session_set_negotiated (VucSession *session, guint32 max_message, int twin)
{
  g_mutex_lock (&session->lock);
  session->negotiated = TRUE;
  session->held = FALSE;
  session->lane.framer.max_size = max_message;
  if (twin >= 0)
    {
      session->twin = g_new (VucLane, 1);
      lane_init (session->twin, twin, TRUE, max_message);
      if (!session->up)
        (void) shutdown (twin, SHUT_RDWR);
    }
  vuc_session_wake_reader_locked (session);
  vuc_watch_update_locked (session);
  g_mutex_unlock (&session->lock);
}

gboolean
vuc_session_connected (VucSession *session, GError **error)
{
  socklen_t size = sizeof session->peer;
  gboolean ok;

  g_mutex_lock (&session->lock);
  ok = session->up;
  if (ok)
    {
      g_clear_error (&session->cause);
      g_atomic_int_set (&session->usable_link, 1 + (gint) (session->link_number % G_MAXINT));
      session->generation++;
      (void) getsockopt (session->lane.socket, SOL_SOCKET, SO_PEERCRED, &session->peer, &size);
      session->connector = NULL;
      if (session->generation > 1)
        vuc_task_give_notice_locked (session, session->options.reconnected, NULL);
    }
  else
    {
      g_propagate_error (error, g_error_copy (session->down));
    }
  g_mutex_unlock (&session->lock);
  return ok;
}

void
vuc_session_connect_failed (VucSession *session, const GError *cause)
{
  g_mutex_lock (&session->lock);
  if (session->up)
    vuc_session_die_locked (session, g_error_copy (cause));
  session->connector = NULL;
  if (session->generation == 0)
    {
      /* Nobody was told of another cause. */
      g_clear_error (&session->cause);
      session->cause = g_error_copy (cause);
    }
  g_mutex_unlock (&session->lock);
}

VucSessionState
vuc_session_get_state (VucSession *session, gboolean *connecting)
{
  VucSessionState state;

  g_mutex_lock (&session->lock);
  *connecting = session->connector != NULL;
  if (session->cause == NULL)
    state = VUC_SESSION_CONNECTED;
  else
    state = session->generation > 0 ? VUC_SESSION_LOST : VUC_SESSION_NEW;
  g_mutex_unlock (&session->lock);
  return state;
}

guint64
vuc_session_get_generation (VucSession *session)
{
  guint64 generation;

  g_mutex_lock (&session->lock);
  generation = session->generation;
  g_mutex_unlock (&session->lock);
  return generation;
}

guint64
vuc_session_get_peer (VucSession *session, struct ucred *credentials)
{
  guint64 generation;

  g_mutex_lock (&session->lock);
  *credentials = session->peer;
  generation = session->generation;
  g_mutex_unlock (&session->lock);
  return generation;
}

static gboolean
was_refused_locked (const VucSession *session, guint64 order)
{
  for (guint i = 0; session->late_refusals != NULL && i < session->late_refusals->len; i++)
    {
      if (g_array_index (session->late_refusals, guint64, i) == order)
        return TRUE;
    }
  return FALSE;
}

VucLateReply
vuc_session_get_late_reply (VucSession *session, guint64 link_number, guint16 id, guint64 order)
{
  const VucPendingSlot *slot;
  VucLateReply reply = VUC_LATE_REPLY_CAME;

  g_mutex_lock (&session->lock);
  slot = vuc_pending_find (&session->pending, id);
  if (!session->up || session->link_number != link_number)
    reply = VUC_LATE_REPLY_CAME;
  else if (slot != NULL && slot->order == order)
    reply = VUC_LATE_REPLY_DUE;
  else if (was_refused_locked (session, order))
    reply = VUC_LATE_REPLY_REFUSED;
  g_mutex_unlock (&session->lock);
  return reply;
}

gboolean
vuc_session_is_up (VucSession *session, guint64 link_number)
{
  gboolean is_up;

  g_mutex_lock (&session->lock);
  is_up = session->up && session->link_number == link_number;
  g_mutex_unlock (&session->lock);
  return is_up;
}

gint
vuc_session_get_usable_link (VucSession *session)
{
  return g_atomic_int_get (&session->usable_link);
}

GError *
vuc_session_explain_loss_locked (VucSession *session)
{
  GError *error = NULL;

  if (session->cause != NULL)
    return g_error_copy (session->cause);
  vuc_fail (&error, VUC_ERROR_DISCONNECTED,
            "the connection was lost meanwhile, and another one made");
  return error;
}

gboolean
vuc_session_explain_loss (VucSession *session, GError **error)
{
  g_mutex_lock (&session->lock);
  g_propagate_error (error, vuc_session_explain_loss_locked (session));
  g_mutex_unlock (&session->lock);
  return FALSE;
}

void
vuc_session_set_serial (VucSession *session, gboolean serial)
{
  g_mutex_lock (&session->lock);
  session->serial = serial;
  vuc_outbox_flush_locked (session);
  g_mutex_unlock (&session->lock);
}

/* --- Its end --- */

/* A sender that is at it right now takes its calls out of the outbox by itself. */
static void
complete_all_locked (VucSession *session, const GError *cause)
{
  gboolean none = session->pending.n_waiting + session->pending.n_abandoned == 0;

  for (guint id = 0; !none && id < session->pending.capacity; id++)
    {
      VucPendingSlot *slot = vuc_pending_find (&session->pending, (guint16) id);
      VucCall *call = slot != NULL ? slot->call : NULL;

      if (slot == NULL)
        continue;
      vuc_pending_remove (&session->pending, (guint16) id);
      if (call == NULL)
        continue;
      if (!call->sending)
        vuc_outbox_drop_locked (session, call);
      vuc_call_complete_locked (session, call, g_error_copy (cause));
    }

  while (session->crowd.head != NULL)
    {
      VucCall *call = session->crowd.head->data;

      vuc_outbox_drop_locked (session, call);
      vuc_call_complete_locked (session, call, g_error_copy (cause));
    }
}

void
vuc_session_die_locked (VucSession *session, GError *cause)
{
  if (!session->up)
    {
      g_error_free (cause);
      return;
    }

  session->up = FALSE;
  session->down = cause;
  session->lane.current = NULL;
  g_atomic_int_set (&session->usable_link, 0); /* before anything is done about it */
  if (session->options.died != NULL)
    session->options.died (session->options.died_data);

  /* Wakes whoever sleeps on it, and tells the server; a socket that is closed at once by its only
   * owner needs neither. */
  if (!session->shuts_down || session->has_reader || session->is_shared)
    (void) shutdown (session->lane.socket, SHUT_RDWR);
  if (session->twin != NULL)
    (void) shutdown (session->twin->socket, SHUT_RDWR);

  vuc_posting_forget_locked (session);
  complete_all_locked (session, cause);
  if (session->cause == NULL)
    {
      /* Behind the tasks that this has made due. */
      session->cause = g_error_copy (cause);
      vuc_task_give_notice_locked (session, session->options.lost, cause);
    }
  vuc_watch_update_locked (session);
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
  if (session->connector != NULL && session->refused == NULL)
    {
      session->refused = g_error_copy (cause);
      if (session->connector->wake_at != 0)
        vuc_task_rouse_locked (session, session->connector);
    }
  if (session->up)
    vuc_session_die_locked (session, g_error_copy (cause));
  g_mutex_unlock (&session->lock);
}

void
vuc_session_end_by (VucTask *task, const GError *cause)
{
  VucSession *session = task->session;

  g_mutex_lock (&session->lock);
  if (session->up && session->link_number == task->link_number)
    vuc_session_die_locked (session, g_error_copy (cause));
  g_mutex_unlock (&session->lock);
}
