/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Commands and replies in memory.
 *
 * Knows who owns which descriptor. Does not know sockets, or what the commands mean.
 */

#include "message.h"

#include <string.h>
#include <unistd.h>

G_DEFINE_QUARK (demo - device - protocol - error, protocol_error)

int
message_steal_fd (Message *message, guint index)
{
  int fd = message->fds[index];

  message->fds[index] = -1;
  return fd;
}

void
message_clear (Message *message)
{
  for (guint i = 0; i < message->n_fds; i++)
    if (message->fds[i] >= 0)
      close (message->fds[i]);
  message->n_fds = 0;
}

Message *
message_hold (Message *message)
{
  Message *held = g_new (Message, 1);
  guint8 *payload = g_malloc (message->payload_size);

  *held = *message;
  if (message->payload_size > 0)
    memcpy (payload, message->payload, message->payload_size);
  held->payload = payload;
  message->n_fds = 0;
  return held;
}

void
message_drop (Message *held)
{
  message_clear (held);
  g_free ((guint8 *) held->payload);
  g_free (held);
}

void
reply_init (Reply *reply)
{
  reply->bytes = g_byte_array_new ();
  reply_reset (reply);
}

void
reply_clear (Reply *reply)
{
  g_clear_pointer (&reply->bytes, g_byte_array_unref);
}

void
reply_reset (Reply *reply)
{
  g_byte_array_set_size (reply->bytes, sizeof (Header));
  reply->n_fds = 0;
}

void
reply_append (Reply *reply, gconstpointer data, gsize size)
{
  g_byte_array_append (reply->bytes, data, size);
}

guint8 *
reply_extend (Reply *reply, gsize size)
{
  guint old_size = reply->bytes->len;

  g_byte_array_set_size (reply->bytes, old_size + size);
  memset (reply->bytes->data + old_size, 0, size);
  return reply->bytes->data + old_size;
}

guint32
reply_add_fd (Reply *reply, int fd)
{
  guint i;

  for (i = 0; i < reply->n_fds; i++)
    if (reply->fds[i] == fd)
      return i;

  g_assert (i < G_N_ELEMENTS (reply->fds)); /* depends on our own tables only */
  reply->fds[reply->n_fds++] = fd;
  return i;
}
