/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What a message that came means: a reply to somebody, to nobody any more, or to nothing; or a
 * command of the server.  Does not know how waiting works.
 *
 * Called by the holder of the reader role, with the lock held; only the receive itself is done
 * without.  Meanwhile the call whose buffers it fills is pinned (session->receiving): it may be
 * completed, but its waiter does not return before the pin is gone.
 */

#include "session/session-private.h"

#include <errno.h>

#include "base/error.h"
#include "transport/socket.h"

static gboolean
fds_are_allowed_locked (VucSession *session, const VucHeader *header)
{
  guint count = session->framer.fds.count;
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
  return session->cause == NULL;
}

/* The rest of the message goes nowhere. */
static void
throw_away_locked (VucSession *session)
{
  struct iovec place = { NULL, session->framer.left };

  vuc_framer_take (&session->framer, &place, 1);
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
begin_success_locked (VucSession *session, VucCall *call)
{
  gsize size = session->framer.left;
  gsize head = MIN (size, call->reply_capacity);
  struct iovec places[] = { { call->reply, head }, { call->reply_data, size - head } };

  if (!reply_size_is_right_locked (session, call, size))
    return;

  call->reply_size = size;
  vuc_framer_take (&session->framer, places, G_N_ELEMENTS (places));
}

static void
begin_reply_locked (VucSession *session, const VucHeader *header)
{
  VucPendingSlot *slot = vuc_pending_find (&session->pending, header->id);
  char came[16], asked[16];

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

  session->current = slot->call;
  if (slot->call != NULL && !header->is_error)
    begin_success_locked (session, slot->call);
  else
    throw_away_locked (session);
}

static void
begin_command_locked (VucSession *session, const VucHeader *header)
{
  char name[16];

  if (!session->negotiated)
    vuc_session_die_of_protocol_locked (session, "%s command from the server before negotiation",
                                        vuc_command_name (header->command, name, sizeof name));
  else
    throw_away_locked (session);
}

static void
begin_message_locked (VucSession *session)
{
  const VucHeader *header = &session->framer.header;

  if (!fds_are_allowed_locked (session, header))
    return;
  if (header->is_reply)
    begin_reply_locked (session, header);
  else
    begin_command_locked (session, header);
}

/* The message in the framer, as far as its bytes were kept. */
static void
trace_message_locked (VucSession *session)
{
  const VucHeader *header = &session->framer.header;
  VucCall *current = session->current;
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
  session->receiving = current;
  vuc_session_trace_locked (session, FALSE, bytes, session->framer.fds.count);
  session->receiving = NULL;
  if (current != NULL)
    vuc_session_wake_waiter_locked (current);
}

static void
end_reply_locked (VucSession *session, const VucHeader *header)
{
  VucPendingSlot *slot = vuc_pending_find (&session->pending, header->id);
  VucCall *call = slot->call;
  char name[16];
  GError *error = NULL;

  vuc_pending_remove (&session->pending, header->id);
  if (header->command == VUC_COMMAND_VERSION && !session->negotiated)
    session->held = TRUE;
  if (call == NULL)
    return;

  if (header->is_error)
    vuc_fail_errno (&error, VUC_ERROR_REMOTE, header->error_number, "the server refused %s",
                    vuc_command_name (header->command, name, sizeof name));
  else if (call->reply_fds != NULL)
    vuc_fd_set_move (call->reply_fds, &session->framer.fds);
  vuc_session_complete_locked (call, error);
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
end_message_locked (VucSession *session)
{
  const VucHeader *header = &session->framer.header;
  VucFdSet unclaimed;

  if (session->options.trace != NULL)
    trace_message_locked (session);
  if (session->cause != NULL)
    return;

  if (header->is_reply)
    end_reply_locked (session, header);
  else if (!header->no_reply)
    vuc_outbox_answer_locked (session, header, ENOTSUP);

  session->current = NULL;
  session->message_began = 0;
  vuc_fd_set_init (&unclaimed);
  vuc_fd_set_move (&unclaimed, &session->framer.fds);
  vuc_framer_end (&session->framer);
  close_fds_locked (session, &unclaimed);
}

/* A message that has begun must be complete in time, or the server is stuck in the middle of it. */
static void
note_unfinished_locked (VucSession *session)
{
  if (vuc_framer_is_idle (&session->framer))
    session->message_began = 0;
  else if (session->message_began == 0)
    session->message_began = g_get_monotonic_time ();
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

VucInboxStatus
vuc_inbox_pump_locked (VucSession *session, gint64 deadline)
{
  while (session->cause == NULL)
    {
      g_autoptr (GError) error = NULL;

      /* What is behind the VERSION reply is judged by what was agreed on. */
      if (session->held)
        return VUC_INBOX_DONE;

      if (session->answer_left > 0)
        {
          vuc_outbox_flush_locked (session);
          if (session->answer_left > 0)
            return VUC_INBOX_FULL;
          continue;
        }

      switch (vuc_framer_next (&session->framer, &error))
        {
        case VUC_FRAMER_NEEDS_BYTES:
          note_unfinished_locked (session);
          return VUC_INBOX_EMPTY;
        case VUC_FRAMER_HEADER:
          begin_message_locked (session);
          break;
        case VUC_FRAMER_TAKEN:
          end_message_locked (session);
          if (g_get_monotonic_time () >= deadline)
            return VUC_INBOX_DONE;
          break;
        case VUC_FRAMER_BROKEN:
          name_what_was_due_locked (session, error);
          vuc_session_die_locked (session, g_steal_pointer (&error));
          break;
        }
    }
  return VUC_INBOX_DEAD;
}

static void
handle_receive_failure_locked (VucSession *session, VucIoStatus status, GError *error)
{
  char name[16];

  if (status == VUC_IO_FAILED)
    vuc_session_die_locked (session, error);
  else if (session->framer.in_message)
    vuc_session_die_of_protocol_locked (
      session, "the server closed the connection in the middle of a %s message",
      vuc_command_name (session->framer.header.command, name, sizeof name));
  else if (!vuc_framer_is_idle (&session->framer))
    vuc_session_die_of_protocol_locked (
      session, "the server closed the connection in the middle of a message header");
  else
    {
      GError *cause = g_error_new_literal (VUC_ERROR, VUC_ERROR_DISCONNECTED,
                                           "the server closed the connection");

      name_what_was_due_locked (session, cause);
      vuc_session_die_locked (session, cause);
    }
}

VucInboxStatus
vuc_inbox_receive_locked (VucSession *session, gint64 deadline)
{
  struct iovec iov[VUC_FRAMER_WANTS];
  g_auto (VucFdSet) fds;
  g_autoptr (GError) error = NULL;
  VucCall *pinned;
  VucInboxStatus status;
  VucIoStatus io_status;
  gsize received = 0, wanted = 0;
  gboolean had_fds, had_ended;
  int n_iov;

  vuc_fd_set_init (&fds);

  /* More can only be asked for once everything that is there was dealt with. */
  status = vuc_inbox_pump_locked (session, deadline);
  if (status != VUC_INBOX_EMPTY)
    return status;

  n_iov = vuc_framer_want (&session->framer, session->pending.n_exact == 0, iov);
  for (int i = 0; i < n_iov; i++)
    wanted += iov[i].iov_len;
  pinned = session->receiving = session->current;
  had_ended = session->send_ended;
  g_mutex_unlock (&session->lock);
  io_status = vuc_socket_receive (session->socket, iov, n_iov, &fds, &received, &error);
  g_mutex_lock (&session->lock);
  session->receiving = NULL;
  if (pinned != NULL)
    vuc_session_wake_waiter_locked (pinned);

  if (session->cause != NULL)
    return VUC_INBOX_DEAD;

  /* It reads no more, and as that was known before this receive, what it had to say was read. */
  if (io_status == VUC_IO_AGAIN && had_ended)
    io_status = VUC_IO_ENDED;
  if (io_status == VUC_IO_AGAIN)
    return VUC_INBOX_EMPTY;
  if (io_status != VUC_IO_DONE)
    {
      handle_receive_failure_locked (session, io_status, g_steal_pointer (&error));
      return VUC_INBOX_DEAD;
    }

  had_fds = fds.count > 0;
  vuc_framer_fed (&session->framer, received, &fds);
  status = vuc_inbox_pump_locked (session, deadline);

  /* The kernel returns less than was asked for where there is no more, or after descriptors. */
  if (status == VUC_INBOX_EMPTY && (received == wanted || had_fds))
    return VUC_INBOX_DONE;
  return status;
}
