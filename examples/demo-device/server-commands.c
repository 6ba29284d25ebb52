/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Sends the device's commands to the client, and finds out which of them a reply answers.
 *
 * Ids are the device's own: that the client uses the same for its commands does not matter. Does
 * not know why the device wants the bytes, nor on which socket it asks for them.
 */

#include "server-commands.h"

#include <errno.h>
#include <string.h>

/* So that what waits is bounded, whoever gives commands. */
#define MAX_COMMANDS 16

/* The largest errno that Linux has; a client that says more, or nothing, means EIO. */
#define MAX_ERRNO 4095

typedef struct
{
  guint16 id; /* once it was sent */
  CommandNumber number;
  DmaAccess access;
  guint8 *data; /* access.count bytes for DMA_WRITE, else NULL */
  ServerCommandDone done;
  gpointer user_data;
} Command;

struct _ServerCommands
{
  GQueue queue;       /* of Command; the first is on its way if... */
  gboolean in_flight; /* ...this is set */
  guint16 next_id;

  const Command *awaited; /* in the queue; NULL: none */
  ServerCommandsUnused unused;
  gpointer unused_data;

  Connection *connection; /* NULL: no client */
  gsize max_count;
  ServerCommandsWake wake;
  gpointer wake_data;
};

ServerCommands *
server_commands_new (void)
{
  ServerCommands *commands = g_new0 (ServerCommands, 1);

  g_queue_init (&commands->queue);
  return commands;
}

void
server_commands_free (ServerCommands *commands)
{
  server_commands_detach (commands);
  g_free (commands);
}

void
server_commands_attach (ServerCommands *commands,
                        Connection *connection,
                        gsize max_count,
                        ServerCommandsWake wake,
                        gpointer user_data)
{
  g_assert (commands->connection == NULL && g_queue_is_empty (&commands->queue));
  commands->connection = connection;
  commands->max_count = max_count;
  commands->wake = wake;
  commands->wake_data = user_data;
  commands->next_id = 1;
}

static gboolean
touches (const Command *command, guint64 address, guint64 size)
{
  const DmaAccess *access = &command->access;

  return access->address < address + size && address < access->address + access->count;
}

/* They end in the order in which they were given, so the last one tells of all. */
gboolean
server_commands_await (ServerCommands *commands,
                       guint64 address,
                       guint64 size,
                       ServerCommandsUnused func,
                       gpointer user_data)
{
  g_assert (commands->awaited == NULL);
  for (GList *link = commands->queue.tail; link != NULL; link = link->prev)
    if (touches (link->data, address, size))
      {
        commands->awaited = link->data;
        commands->unused = func;
        commands->unused_data = user_data;
        return TRUE;
      }
  return FALSE;
}

/* Takes the first command out, and says how it ended. */
static void
complete (ServerCommands *commands, int error, const guint8 *data)
{
  Command *command = g_queue_pop_head (&commands->queue);
  gboolean is_awaited = command == commands->awaited;

  commands->in_flight = FALSE;
  command->done (error, data, command->user_data);
  if (is_awaited)
    {
      commands->awaited = NULL;
      commands->unused (commands->unused_data);
    }
  g_free (command->data);
  g_free (command);
}

/* Without a connection no more are accepted, so this ends. */
void
server_commands_detach (ServerCommands *commands)
{
  commands->connection = NULL;
  commands->max_count = 0;
  while (!g_queue_is_empty (&commands->queue))
    complete (commands, SERVER_COMMAND_LOST, NULL);
}

static void
send_next (ServerCommands *commands)
{
  Command *command = g_queue_peek_head (&commands->queue);
  Reply *message;

  if (command == NULL || commands->in_flight)
    return;

  command->id = commands->next_id++;
  commands->in_flight = TRUE;
  message = connection_begin_command (commands->connection);
  reply_append (message, &command->access, sizeof (command->access));
  if (command->data != NULL)
    reply_append (message, command->data, command->access.count);
  connection_queue_command (commands->connection, command->id, command->number);
  commands->wake (commands->wake_data);
}

gsize
server_commands_get_max_count (const ServerCommands *commands)
{
  return commands->max_count;
}

/* DATA is command->access.count bytes, or NULL. */
static int
give (ServerCommands *commands, const Command *command, const guint8 *data)
{
  const DmaAccess *access = &command->access;
  Command *mine;

  if (commands->connection == NULL)
    return ENOTCONN;
  if (access->count == 0 || access->address > G_MAXUINT64 - access->count)
    return EINVAL;
  if (access->count > commands->max_count)
    return EMSGSIZE;
  if (g_queue_get_length (&commands->queue) == MAX_COMMANDS)
    return ENOBUFS;

  mine = g_new (Command, 1);
  *mine = *command;
  if (data != NULL)
    {
      mine->data = g_malloc (access->count);
      memcpy (mine->data, data, access->count);
    }
  g_queue_push_tail (&commands->queue, mine);
  send_next (commands);
  return 0;
}

int
server_commands_dma_read (ServerCommands *commands,
                          guint64 address,
                          gsize count,
                          ServerCommandDone done,
                          gpointer user_data)
{
  const Command command = {
    .number = COMMAND_DMA_READ,
    .access = { .address = address, .count = count },
    .done = done,
    .user_data = user_data,
  };

  return give (commands, &command, NULL);
}

int
server_commands_dma_write (ServerCommands *commands,
                           guint64 address,
                           const guint8 *data,
                           gsize count,
                           ServerCommandDone done,
                           gpointer user_data)
{
  const Command command = {
    .number = COMMAND_DMA_WRITE,
    .access = { .address = address, .count = count },
    .done = done,
    .user_data = user_data,
  };

  return give (commands, &command, data);
}

/* A success repeats the address and the count; data follows if it was asked for. What an error reply
   has besides its header is not looked at. */
static gboolean
is_well_formed (const Command *command, const Message *reply)
{
  gsize data_size = command->number == COMMAND_DMA_READ ? command->access.count : 0;

  return (reply->header.flags & HEADER_ERROR)
         || (reply->payload_size == sizeof (command->access) + data_size
             && memcmp (reply->payload, &command->access, sizeof (command->access)) == 0);
}

static int
get_error (const Header *header)
{
  if (!(header->flags & HEADER_ERROR))
    return 0;
  return header->error >= 1 && header->error <= MAX_ERRNO ? (int) header->error : EIO;
}

gboolean
server_commands_handle_reply (ServerCommands *commands, const Message *reply, GError **error)
{
  const Header *header = &reply->header;
  const Command *command = commands->in_flight ? g_queue_peek_head (&commands->queue) : NULL;

  if (command == NULL || header->id != command->id || header->command != command->number)
    g_set_error (error, PROTOCOL_ERROR, 0,
                 "a reply (command %u, id %u) to what nobody asked for came", header->command,
                 header->id);
  else if (reply->n_fds > 0 || !is_well_formed (command, reply))
    g_set_error (error, PROTOCOL_ERROR, 0,
                 "the reply to command %u at 0x%" G_GINT64_MODIFIER "x (%" G_GUINT64_FORMAT
                 " bytes) has %zu bytes and %u descriptors, or repeats something else",
                 command->number, command->access.address, command->access.count,
                 reply->payload_size, reply->n_fds);
  else
    {
      gboolean has_data = command->number == COMMAND_DMA_READ && !(header->flags & HEADER_ERROR);

      complete (commands, get_error (header),
                has_data ? reply->payload + sizeof (command->access) : NULL);
      send_next (commands);
      return TRUE;
    }
  return FALSE;
}
