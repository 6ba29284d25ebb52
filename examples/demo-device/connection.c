/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The socket: finds the borders of messages in a stream of bytes, and keeps each descriptor with
 * the message that it came with.
 *
 * Does not know what the commands mean. Everything that comes is suspect: sizes are checked before
 * anything is allocated, and a descriptor always has an owner who closes it.
 */

#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef enum
{
  REPLY,
  COMMAND,
  N_OUTGOING
} Outgoing;

struct _Connection
{
  int socket;

  Message message; /* being received */
  GByteArray *in;  /* as long as what is expected: the header, then all */
  gsize received;

  Reply outgoing[N_OUTGOING]; /* each being filled in, or queued */
  Outgoing queue[N_OUTGOING]; /* those to be sent, the first first */
  guint n_queued;
  gsize sent; /* of the first */
};

/* Large enough for the descriptors that we said we can take. If more are sent the kernel drops the
   rest and says so. */
typedef union
{
  char bytes[CMSG_SPACE (MAX_MSG_FDS * sizeof (int))];
  struct cmsghdr align;
} ControlBuffer;

static void
expect_header (Connection *connection)
{
  g_byte_array_set_size (connection->in, sizeof (Header));
  connection->received = 0;
}

Connection *
connection_new (int socket)
{
  Connection *connection = g_new0 (Connection, 1);

  connection->socket = socket;
  connection->in = g_byte_array_new ();
  expect_header (connection);
  for (Outgoing i = 0; i < N_OUTGOING; i++)
    reply_init (&connection->outgoing[i]);
  return connection;
}

void
connection_free (Connection *connection)
{
  message_clear (&connection->message);
  for (Outgoing i = 0; i < N_OUTGOING; i++)
    reply_clear (&connection->outgoing[i]);
  g_byte_array_unref (connection->in);
  close (connection->socket);
  g_free (connection);
}

static ConnectionStatus
status_from_errno (const char *call, GError **error)
{
  if (errno == EAGAIN)
    return CONNECTION_AGAIN;
  if (errno == EPIPE || errno == ECONNRESET)
    return CONNECTION_CLOSED;
  g_set_error (error, PROTOCOL_ERROR, 0, "%s: %s", call, g_strerror (errno));
  return CONNECTION_BROKEN;
}

/* Moves the descriptors to the message that is being received, before anything is judged, so that
   they have an owner whatever happens next. */
static void
take_fds (Message *message, struct msghdr *received)
{
  for (struct cmsghdr *control = CMSG_FIRSTHDR (received); control != NULL;
       control = CMSG_NXTHDR (received, control))
    {
      gsize size = control->cmsg_len - CMSG_LEN (0);

      if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
        continue;
      g_assert (message->n_fds + size / sizeof (int) <= MAX_MSG_FDS); /* see ControlBuffer */
      memcpy (message->fds + message->n_fds, CMSG_DATA (control), size);
      message->n_fds += size / sizeof (int);
    }
}

static ConnectionStatus
receive_some (Connection *connection, GError **error)
{
  ControlBuffer control;
  struct iovec rest = {
    .iov_base = connection->in->data + connection->received,
    .iov_len = connection->in->len - connection->received,
  };
  struct msghdr header = {
    .msg_iov = &rest,
    .msg_iovlen = 1,
    .msg_control = control.bytes,
    .msg_controllen = sizeof (control.bytes),
  };
  gboolean is_first_byte = connection->received == 0;
  gssize size;

  /* MSG_DONTWAIT rather than O_NONBLOCK: the latter would be seen by whoever gave us the socket. */
  do
    size = recvmsg (connection->socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);

  if (size < 0)
    return status_from_errno ("recvmsg", error);
  if (size == 0)
    return CONNECTION_CLOSED;

  if (!is_first_byte && header.msg_controllen > 0)
    {
      Message stray = { .n_fds = 0 };

      take_fds (&stray, &header);
      message_clear (&stray);
      g_set_error_literal (error, PROTOCOL_ERROR, 0,
                           "descriptors came in the middle of a message, not with its first byte");
      return CONNECTION_BROKEN;
    }
  take_fds (&connection->message, &header);
  if (header.msg_flags & MSG_CTRUNC)
    {
      g_set_error (error, PROTOCOL_ERROR, 0, "more than %d descriptors came with a message",
                   MAX_MSG_FDS);
      return CONNECTION_BROKEN;
    }

  connection->received += size;
  return CONNECTION_DONE;
}

/* The header is complete: makes room for the rest. */
static gboolean
expect_payload (Connection *connection, GError **error)
{
  Header *header = &connection->message.header;

  memcpy (header, connection->in->data, sizeof (Header));
  if (header->size < sizeof (Header) || header->size > MAX_MESSAGE_SIZE)
    {
      g_set_error (error, PROTOCOL_ERROR, 0,
                   "message size %u (of command %u) is not between %zu and %zu", header->size,
                   header->command, sizeof (Header), MAX_MESSAGE_SIZE);
      return FALSE;
    }
  g_byte_array_set_size (connection->in, header->size);
  return TRUE;
}

/* Reads a header, then exactly what belongs to it. So no receive ever reaches into the next
   message, and descriptors cannot be attributed to the wrong one. */
ConnectionStatus
connection_receive (Connection *connection, Message *message, GError **error)
{
  if (connection->received == connection->in->len) /* the last call completed a message */
    expect_header (connection);

  while (connection->received < connection->in->len)
    {
      ConnectionStatus status = receive_some (connection, error);

      if (status != CONNECTION_DONE)
        return status;
      if (connection->received == sizeof (Header) && !expect_payload (connection, error))
        return CONNECTION_BROKEN;
    }

  *message = connection->message;
  message->payload = connection->in->data + sizeof (Header);
  message->payload_size = connection->in->len - sizeof (Header);
  connection->message.n_fds = 0; /* they are the caller's now */
  return CONNECTION_DONE;
}

static Reply *
begin (Connection *connection, Outgoing which)
{
  for (guint i = 0; i < connection->n_queued; i++)
    g_assert (connection->queue[i] != which);
  reply_reset (&connection->outgoing[which]);
  return &connection->outgoing[which];
}

static void
queue (Connection *connection, Outgoing which, Header header)
{
  GByteArray *bytes = connection->outgoing[which].bytes;

  header.size = bytes->len;
  memcpy (bytes->data, &header, sizeof (header));
  connection->queue[connection->n_queued++] = which;
}

Reply *
connection_begin_reply (Connection *connection)
{
  return begin (connection, REPLY);
}

void
connection_queue_reply (Connection *connection, const Header *command, int error)
{
  if (error != 0)
    reply_reset (&connection->outgoing[REPLY]);
  queue (connection, REPLY,
         (Header){
           .id = command->id,
           .command = command->command,
           .flags = HEADER_TYPE_REPLY | (error != 0 ? HEADER_ERROR : 0),
           .error = error,
         });
}

Reply *
connection_begin_command (Connection *connection)
{
  return begin (connection, COMMAND);
}

void
connection_queue_command (Connection *connection, guint16 id, CommandNumber command)
{
  queue (connection, COMMAND,
         (Header){ .id = id, .command = command, .flags = HEADER_TYPE_COMMAND });
}

/* The descriptors travel with the first byte, so only the first of several calls sends them. */
static gssize
send_some (Connection *connection)
{
  const Reply *reply = &connection->outgoing[connection->queue[0]];
  ControlBuffer control = { .bytes = { 0 } };
  struct iovec rest = {
    .iov_base = reply->bytes->data + connection->sent,
    .iov_len = reply->bytes->len - connection->sent,
  };
  struct msghdr header = { .msg_iov = &rest, .msg_iovlen = 1 };

  if (connection->sent == 0 && reply->n_fds > 0)
    {
      gsize size = reply->n_fds * sizeof (int);

      control.align = (struct cmsghdr){
        .cmsg_len = CMSG_LEN (size),
        .cmsg_level = SOL_SOCKET,
        .cmsg_type = SCM_RIGHTS,
      };
      memcpy (CMSG_DATA (&control.align), reply->fds, size);
      header.msg_control = control.bytes;
      header.msg_controllen = CMSG_SPACE (size);
    }
  return sendmsg (connection->socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The first of the queue has been sent. */
static void
unqueue (Connection *connection)
{
  connection->sent = 0;
  connection->n_queued--;
  memmove (connection->queue, connection->queue + 1,
           connection->n_queued * sizeof (connection->queue[0]));
}

ConnectionStatus
connection_flush (Connection *connection, GError **error)
{
  while (connection->n_queued > 0)
    {
      gssize size = send_some (connection);

      if (size < 0 && errno == EINTR)
        continue;
      if (size < 0)
        return status_from_errno ("sendmsg", error);
      connection->sent += size;
      if (connection->sent == connection->outgoing[connection->queue[0]].bytes->len)
        unqueue (connection);
    }
  return CONNECTION_DONE;
}
