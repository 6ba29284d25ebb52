/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Pings the client's memory. One command at a time: the next is given when the reply is there.
 *
 * Does not know how commands travel, or which memory the client has: where there is none the client
 * answers an error, which is a result like another.
 */

#include "ping.h"

#include <string.h>

struct _Ping
{
  ServerCommands *commands;

  /* What was asked for. */
  CommandNumber number;
  guint64 address;
  guint32 n_to_send;

  gboolean in_flight;
  gboolean stale; /* what is in flight belongs to an earlier start */

  /* What came of it. */
  guint32 n_done;
  guint32 error;
  guint8 data[PING_SIZE];
};

static void on_pong (int error, const guint8 *data, gpointer user_data);

static void
send_next (Ping *ping)
{
  int error;

  if (ping->in_flight || ping->n_to_send == 0)
    return;

  error = ping->number == COMMAND_DMA_READ
            ? server_commands_dma_read (ping->commands, ping->address, PING_SIZE, on_pong, ping)
            : server_commands_dma_write (ping->commands, ping->address, ping->data, PING_SIZE,
                                         on_pong, ping);
  if (error != 0)
    {
      ping->error = error;
      ping->n_to_send = 0;
      return;
    }
  ping->in_flight = TRUE;
  ping->n_to_send--;
}

static void
on_pong (int error, const guint8 *data, gpointer user_data)
{
  Ping *ping = user_data;
  gboolean counts = !ping->stale;

  ping->in_flight = ping->stale = FALSE;
  if (error == SERVER_COMMAND_LOST)
    {
      ping->n_to_send = 0;
      return;
    }
  if (counts)
    {
      ping->n_done++;
      ping->error = error;
      if (data != NULL)
        memcpy (ping->data, data, PING_SIZE);
    }
  send_next (ping);
}

void
ping_start (Ping *ping, CommandNumber number, guint64 address, guint32 count)
{
  ping->number = number;
  ping->address = address;
  ping->n_to_send = count;
  ping->n_done = 0;
  ping->stale = ping->in_flight;
  send_next (ping);
}

void
ping_reset (Ping *ping)
{
  ping_start (ping, COMMAND_DMA_READ, 0, 0);
  ping->error = 0;
  memset (ping->data, 0, sizeof (ping->data));
}

guint32
ping_get_n_done (const Ping *ping)
{
  return ping->n_done;
}

guint32
ping_get_errno (const Ping *ping)
{
  return ping->error;
}

const guint8 *
ping_get_data (const Ping *ping)
{
  return ping->data;
}

Ping *
ping_new (ServerCommands *commands)
{
  Ping *ping = g_new0 (Ping, 1);

  ping->commands = commands;
  return ping;
}

/* Nothing is in flight: the client has left. */
void
ping_free (Ping *ping)
{
  g_free (ping);
}
