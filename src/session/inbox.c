/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What a message that came means: a reply to somebody, to nobody any more, or to nothing; or a
 * command of the server, for serving.c.  Does not know how waiting works.
 *
 * Called by the holder of the reader role, with the lock held; only the receive itself is done
 * without.  Meanwhile the call whose buffers it fills is pinned (call->receiving): it may be
 * completed, but it is not over before the pin is gone.
 */

#include "session/session-private.h"

#include <errno.h>

#include "base/error.h"
#include "transport/socket.h"

/* So many replies that may carry descriptors must be awaited before it is worth looking whether they
 * do. */
#define MANY_EXACT 4

static gboolean
fds_are_allowed_locked (VucSession *session, VucLane *lane, const VucHeader *header)
{
  guint count = lane->framer.fds.count;
  char name[16];

  if (count == 0)
    return TRUE;

  if (!header->is_reply || !vuc_command_reply_carries_fds (header->command))
    vuc_session_die_of_protocol_locked (session, "%s %s: %u descriptors came, allowed is none",
                                        vuc_command_name (header->command, name, sizeof name),
                                        header->is_reply ? "reply" : "command", count);
  else if (count > session->options.max_msg_fds)
    vuc_session_die_of_protocol_locked (session, "%s reply: %u descriptors came, allowed are %u",
                                        vuc_command_name (header->command, name, sizeof name),
                                        count, session->options.max_msg_fds);
  return session->up;
}

void
vuc_inbox_throw_away (VucLane *lane)
{
  struct iovec place = { NULL, lane->framer.left };

  vuc_framer_take (&lane->framer, &place, 1);
}

static gboolean
reply_size_is_right_locked (VucSession *session, const VucCall *call, gsize size)
{
  gsize max = call->reply_capacity + call->reply_data_capacity;
  char name[16];

  if (size >= call->reply_min && size <= max)
    return TRUE;

  if (call->reply_min == max)
    vuc_session_die_of_protocol_locked (session,
                                        "%s reply: payload %" G_GSIZE_FORMAT
                                        ", expected %" G_GSIZE_FORMAT,
                                        vuc_command_name (call->command, name, sizeof name), size,
                                        max);
  else
    vuc_session_die_of_protocol_locked (session,
                                        "%s reply: payload %" G_GSIZE_FORMAT
                                        ", expected %" G_GSIZE_FORMAT " to %" G_GSIZE_FORMAT,
                                        vuc_command_name (call->command, name, sizeof name), size,
                                        call->reply_min, max);
  return FALSE;
}

static void
begin_success_locked (VucSession *session, VucLane *lane, VucCall *call)
{
  gsize size = lane->framer.left;
  gsize head = MIN (size, call->reply_capacity);
  struct iovec places[] = { { call->reply, head }, { call->reply_data, size - head } };

  if (!reply_size_is_right_locked (session, call, size))
    return;

  call->reply_size = size;
  vuc_framer_take (&lane->framer, places, G_N_ELEMENTS (places));
}

static gboolean
is_answer_to_posted (const VucHeader *header)
{
  return header->is_reply && header->id == VUC_PENDING_POSTED;
}

/* Some servers answer what wants no reply: that is dropped, but it must be an answer to what was
 * posted, and one for each message at the most. */
static void
begin_answer_to_posted_locked (VucSession *session, VucLane *lane, const VucHeader *header)
{
  gsize size = lane->framer.left;
  gsize max;
  char name[16];

  if (session->n_answers_due == 0)
    {
      vuc_session_die_of_protocol_locked (session, "%s reply: message id %u is not pending",
                                          vuc_command_name (header->command, name, sizeof name),
                                          header->id);
      return;
    }
  max = session->poster->max_answer (header->command);
  if (max == VUC_NO_ANSWER)
    vuc_session_die_of_protocol_locked (session,
                                        "%s reply: message id %u is that of posted commands",
                                        vuc_command_name (header->command, name, sizeof name),
                                        header->id);
  else if (!header->is_error && size > max)
    vuc_session_die_of_protocol_locked (session,
                                        "%s reply: payload %" G_GSIZE_FORMAT
                                        ", expected %" G_GSIZE_FORMAT " at the most",
                                        vuc_command_name (header->command, name, sizeof name), size,
                                        max);
  if (!session->up)
    return;
  session->n_answers_due--;
  vuc_inbox_throw_away (lane);
}

static void
begin_reply_locked (VucSession *session, VucLane *lane, const VucHeader *header)
{
  VucPendingSlot *slot = vuc_pending_find (&session->pending, header->id);
  char came[16], asked[16];

  if (lane->is_twin)
    {
      vuc_session_die_of_protocol_locked (session,
                                          "%s reply on the twin socket, which is for commands",
                                          vuc_command_name (header->command, came, sizeof came));
      return;
    }
  if (is_answer_to_posted (header))
    {
      begin_answer_to_posted_locked (session, lane, header);
      return;
    }
  if (slot == NULL
      || (slot->state == VUC_PENDING_WAITING && slot->call->queued && !slot->call->sending))
    {
      vuc_session_die_of_protocol_locked (session, "%s reply: message id %u is not pending",
                                          vuc_command_name (header->command, came, sizeof came),
                                          header->id);
      return;
    }
  if (slot->command != header->command)
    {
      vuc_session_die_of_protocol_locked (session, "%s reply: message id %u is pending for %s",
                                          vuc_command_name (header->command, came, sizeof came),
                                          header->id,
                                          vuc_command_name (slot->command, asked, sizeof asked));
      return;
    }

  lane->current = slot->call;
  if (slot->call != NULL && !header->is_error)
    begin_success_locked (session, lane, slot->call);
  else
    vuc_inbox_throw_away (lane);
}

static void
begin_message_locked (VucSession *session, VucLane *lane)
{
  const VucHeader *header = &lane->framer.header;

  if (!fds_are_allowed_locked (session, lane, header))
    return;
  if (header->is_reply)
    begin_reply_locked (session, lane, header);
  else
    vuc_serving_begin_locked (session, lane);
}

/* The message in the framer, as far as its bytes were kept. */
static void
trace_message_locked (VucSession *session, VucLane *lane)
{
  const VucHeader *header = &lane->framer.header;
  VucCall *current = lane->current;
  const VucCall *call = header->is_error ? NULL : current;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 raw[VUC_HEADER_SIZE];

  vuc_header_encode (header, raw);
  g_byte_array_append (bytes, raw, sizeof raw);
  if (call != NULL)
    {
      gsize head = MIN (call->reply_size, call->reply_capacity);

      g_byte_array_append (bytes, call->reply, (guint) MIN (head, VUC_TRACE_SIZE - bytes->len));
      g_byte_array_append (bytes, call->reply_data,
                           (guint) MIN (call->reply_size - head, VUC_TRACE_SIZE - bytes->len));
    }

  /* Pinned as if its reply were still being received: it is complete, so its waiter must not give
   * it up because somebody looks at it for long. */
  if (current != NULL)
    current->receiving = TRUE;
  vuc_session_trace_locked (session, FALSE, bytes, lane->framer.fds.count);
  if (current != NULL)
    {
      current->receiving = FALSE;
      vuc_call_unpinned_locked (session, current);
    }
}

/* Nobody waited for this any more, but somebody will ask what became of it. */
static void
note_refusal_locked (VucSession *session, guint64 order)
{
  if (session->late_refusals == NULL)
    session->late_refusals = g_array_new (FALSE, FALSE, sizeof order);
  g_array_append_val (session->late_refusals, order);
}

static void
end_reply_locked (VucSession *session, VucLane *lane, const VucHeader *header)
{
  VucPendingSlot *slot;
  VucCall *call;
  char name[16];
  GError *error = NULL;

  if (is_answer_to_posted (header))
    return;
  slot = vuc_pending_find (&session->pending, header->id);
  call = slot->call;
  vuc_posting_note_reply_locked (session, slot->order);
  if (call == NULL && slot->is_followed && header->is_error)
    note_refusal_locked (session, slot->order);
  vuc_pending_remove (&session->pending, header->id);
  if (header->command == VUC_COMMAND_VERSION && !session->negotiated)
    session->held = TRUE;
  if (call == NULL)
    return;

  if (header->is_error)
    vuc_fail_errno (&error, VUC_ERROR_REMOTE, header->error_number, "the server refused %s",
                    vuc_command_name (header->command, name, sizeof name));
  else if (call->reply_fds != NULL)
    vuc_fd_set_move (call->reply_fds, &lane->framer.fds);
  vuc_call_complete_locked (session, call, error);
}

/* Closing may sleep: the kind of a descriptor is the server's choice. */
static void
close_fds_locked (VucSession *session, VucFdSet *fds)
{
  if (fds->count == 0)
    return;
  g_mutex_unlock (&session->lock);
  vuc_fd_set_clear (fds);
  g_mutex_lock (&session->lock);
}

static void
end_message_locked (VucSession *session, VucLane *lane)
{
  const VucHeader *header = &lane->framer.header;
  VucFdSet unclaimed;

  if (session->options.trace != NULL)
    trace_message_locked (session, lane);
  if (!session->up)
    return;

  lane->message_began = 0;
  if (header->is_reply)
    end_reply_locked (session, lane, header);
  else
    vuc_serving_end_locked (session, lane);
  if (!session->up)
    return;

  lane->current = NULL;
  vuc_fd_set_init (&unclaimed);
  vuc_fd_set_move (&unclaimed, &lane->framer.fds);
  vuc_framer_end (&lane->framer);
  close_fds_locked (session, &unclaimed);
}

/* A message that has begun must be complete in time, or the server is stuck in the middle of it. */
static void
note_unfinished (VucLane *lane)
{
  if (vuc_framer_is_idle (&lane->framer))
    lane->message_began = 0;
  else if (lane->message_began == 0)
    lane->message_began = g_get_monotonic_time ();
}

/* The same goes for an answer that it does not read. */
static gint64
message_deadline (const VucSession *session, const VucLane *lane)
{
  gint64 began;

  if (lane == NULL)
    return G_MAXINT64;
  began = vuc_serving_has_answer (lane) ? lane->answer_blocked : lane->message_began;
  return began != 0 ? began + session->options.timeout_ms * (gint64) 1000 : G_MAXINT64;
}

gint64
vuc_inbox_message_deadline_locked (const VucSession *session)
{
  return MIN (message_deadline (session, &session->lane),
              message_deadline (session, session->twin));
}

gboolean
vuc_inbox_end_unfinished_locked (VucSession *session)
{
  gint64 deadline = vuc_inbox_message_deadline_locked (session);

  if (deadline == G_MAXINT64 || g_get_monotonic_time () < deadline)
    return FALSE;
  if (vuc_serving_has_answer (&session->lane)
      || (session->twin != NULL && vuc_serving_has_answer (session->twin)))
    vuc_session_die_of_protocol_locked (
      session, "the server did not read the answer to its command for %u ms",
      session->options.timeout_ms);
  else
    vuc_session_die_of_protocol_locked (
      session, "a message from the server: begun, but not complete in %u ms",
      session->options.timeout_ms);
  return TRUE;
}

void
vuc_inbox_forget_locked (VucSession *session)
{
  session->lane.current = NULL;
  vuc_framer_forget_places (&session->lane.framer);
}

/* Which command a server did not survive shows in what it did not reply to. */
static void
name_what_was_due_locked (VucSession *session, GError *error)
{
  const VucCall *call = vuc_pending_get_next (&session->pending);
  char name[16];

  if (call != NULL)
    g_prefix_error (&error, "waiting for the reply to %s: ",
                    vuc_command_name (call->command, name, sizeof name));
}

gboolean
vuc_inbox_can_go_on_locked (const VucSession *session, const VucLane *lane)
{
  return lane != NULL && lane->held_back && !session->held && !vuc_serving_has_answer (lane);
}

VucInboxStatus
vuc_inbox_pump_locked (VucSession *session, VucLane *lane)
{
  while (session->up)
    {
      g_autoptr (GError) error = NULL;

      /* What is behind the VERSION reply is judged by what was agreed on. */
      lane->held_back = TRUE;
      if (session->held)
        return VUC_INBOX_FULL;

      if (vuc_serving_has_answer (lane))
        {
          if (lane->is_twin)
            vuc_outbox_flush_twin_locked (session, lane);
          else
            vuc_outbox_flush_answer_locked (session);
          if (vuc_serving_has_answer (lane))
            return VUC_INBOX_FULL;
          continue;
        }
      lane->held_back = FALSE;

      switch (vuc_framer_next (&lane->framer, &error))
        {
        case VUC_FRAMER_NEEDS_BYTES:
          note_unfinished (lane);
          return VUC_INBOX_EMPTY;
        case VUC_FRAMER_HEADER:
          begin_message_locked (session, lane);
          break;
        case VUC_FRAMER_TAKEN:
          if (lane->serving != VUC_SERVING_NOTHING && !vuc_serving_taken_locked (session, lane))
            break;
          end_message_locked (session, lane);
          return session->up ? VUC_INBOX_DONE : VUC_INBOX_DEAD;
        case VUC_FRAMER_BROKEN:
          name_what_was_due_locked (session, error);
          vuc_session_die_locked (session, g_steal_pointer (&error));
          break;
        }
    }
  return VUC_INBOX_DEAD;
}

static void
handle_receive_failure_locked (VucSession *session,
                               VucLane *lane,
                               VucIoStatus status,
                               GError *error)
{
  const char *connection = lane->is_twin ? "twin socket" : "connection";
  char name[16];

  if (status == VUC_IO_FAILED)
    vuc_session_die_locked (session, error);
  else if (lane->framer.in_message)
    vuc_session_die_of_protocol_locked (session,
                                        "the server closed the %s in the middle of a %s message",
                                        connection,
                                        vuc_command_name (lane->framer.header.command, name,
                                                          sizeof name));
  else if (!vuc_framer_is_idle (&lane->framer))
    vuc_session_die_of_protocol_locked (
      session, "the server closed the %s in the middle of a message header", connection);
  else
    {
      GError *cause = g_error_new (VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server closed the %s",
                                   connection);

      name_what_was_due_locked (session, cause);
      vuc_session_die_locked (session, cause);
    }
}

/* How far a receive may go: small messages are read ahead, but what may carry descriptors, or much
 * data, is received by itself, a header and then its body.  One reply alone cannot be mistaken, if no
 * answer to something posted can come before it. */
static gboolean
may_read_ahead (VucSession *session)
{
  const VucPending *pending = &session->pending;

  return pending->n_exact == 0
         || (pending->n_large == 0 && pending->n_waiting + pending->n_abandoned == 1
             && !vuc_session_has_unproven (session));
}

/* Few of many replies that may carry descriptors do: what has come without any is read ahead, too.  To
 * look costs a receive, so not before it is likely that there is more. */
static gsize
get_read_ahead_locked (VucSession *session, const VucLane *lane)
{
  guint8 scratch[VUC_FRAMER_AHEAD];

  if (may_read_ahead (session))
    return G_MAXSIZE;
  if (!lane->filled || session->pending.n_large > 0 || session->pending.n_exact < MANY_EXACT)
    return 0;
  return vuc_socket_peek_plain (lane->socket, scratch, sizeof scratch);
}

/* Without the lock, into the buffers of the call that is current. */
static VucIoStatus
receive_locked (VucSession *session,
                VucLane *lane,
                gboolean sleeps,
                VucFdSet *fds,
                gsize *received,
                gboolean *filled,
                GError **error)
{
  struct iovec iov[VUC_FRAMER_WANTS];
  VucCall *pinned = lane->current;
  VucIoStatus status;
  gsize wanted = 0;
  int n_iov;

  n_iov = vuc_framer_want (&lane->framer, get_read_ahead_locked (session, lane), iov);
  for (int i = 0; i < n_iov; i++)
    wanted += iov[i].iov_len;

  if (pinned != NULL)
    pinned->receiving = TRUE;
  lane->busy = lane->serving == VUC_SERVING_DATA;
  g_mutex_unlock (&session->lock);
  status = vuc_socket_receive (lane->socket, sleeps, iov, n_iov, fds, received, error);
  g_mutex_lock (&session->lock);
  if (pinned != NULL)
    {
      pinned->receiving = FALSE;
      vuc_call_unpinned_locked (session, pinned);
    }
  if (lane->busy)
    vuc_session_released_locked (session);
  lane->busy = FALSE;

  /* The kernel returns less than was asked for where there is no more, or after descriptors. */
  *filled = lane->filled = *received == wanted || fds->count > 0;
  return status;
}

VucInboxStatus
vuc_inbox_receive_locked (VucSession *session, VucLane *lane, gboolean sleeps)
{
  VucFdSet fds;
  g_autoptr (GError) error = NULL;
  VucInboxStatus status;
  VucIoStatus io_status;
  gsize received = 0;
  gboolean filled, had_ended;

  vuc_fd_set_init (&fds);

  /* More can only be asked for once everything that is there was dealt with. */
  status = vuc_inbox_pump_locked (session, lane);
  if (status != VUC_INBOX_EMPTY)
    return status;

  had_ended = session->send_ended;
  io_status = receive_locked (session, lane, sleeps, &fds, &received, &filled, &error);
  if (!session->up || io_status != VUC_IO_DONE)
    close_fds_locked (session, &fds);
  if (!session->up)
    return VUC_INBOX_DEAD;

  /* It reads no more, and as that was known before this receive, what it had to say was read. */
  if (io_status == VUC_IO_AGAIN && had_ended)
    io_status = VUC_IO_ENDED;
  if (io_status == VUC_IO_AGAIN)
    return VUC_INBOX_EMPTY;
  if (io_status != VUC_IO_DONE)
    {
      handle_receive_failure_locked (session, lane, io_status, g_steal_pointer (&error));
      return VUC_INBOX_DEAD;
    }

  vuc_framer_fed (&lane->framer, received, &fds);
  status = vuc_inbox_pump_locked (session, lane);
  return status == VUC_INBOX_EMPTY && filled ? VUC_INBOX_DONE : status;
}
