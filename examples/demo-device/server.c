/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client's commands: which there are, how large their payload is, who executes them, and what is
 * said about all the others. And the sockets that they and ours travel on: one, or two if the client
 * wants a twin.
 *
 * Each command is checked against its row of the table below before its handler sees it. Does not
 * know what is inside the device, or how bytes get on and off a socket.
 */

#include "server.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "negotiation.h"
#include "queries.h"
#include "region-access.h"

/* So that a client that sends without a pause cannot keep us from noticing a signal. */
#define MESSAGES_PER_WAKEUP 64

/* More than a socket can hold that nobody writes to any more. */
#define LAST_MESSAGES 4096

/* Commands that come behind one that cannot be answered yet. Well-behaved clients send fewer. */
#define MAX_HELD 64

/* What a handler returns if the answer has to wait. */
#define ANSWER_LATER (-1)

typedef struct
{
  Server *server;
  Connection *connection; /* NULL: there is none */
  int socket;             /* the connection's, to poll */
  guint watch;            /* 0: not polled */
  GIOCondition watched;
} Channel;

struct _Server
{
  Device *device;
  Channel main;
  Channel twin;     /* of our commands; without it they use the main one */
  int twin_to_send; /* the client's end, until it has been sent; -1: none */
  guint pause;      /* a timer; 0: the main channel is served */
  guint n_commands; /* that were executed */

  gboolean is_late; /* the reply to this one is filled in, but not to be sent yet */
  Header late;
  GQueue held; /* of Message: what came on the main socket behind it */

  gboolean negotiated;
  gboolean write_multiple; /* that was agreed on */
  guint32 client_max_msg_fds;
  GError *fatal; /* why the client is thrown out once its reply is sent */

  const ServerOptions *options;
  ServerDoneFunc done;
  gpointer user_data;
};

/* A handler returns 0, with the reply's payload filled in, or ANSWER_LATER, the same, or an errno. */
typedef int (*CommandHandler) (Server *server, Message *message, Reply *reply);

/* The same for an access to a region. */
typedef int (*CommandAccess) (Device *device, const Message *message, Reply *reply);

/* The same for what only asks something about the device. */
typedef int (*CommandQuery) (const Device *device, const guint8 *payload, Reply *reply);

typedef struct
{
  const char *name;
  gsize min_payload;
  gsize max_payload;
  guint max_fds;
  CommandHandler handle; /* one of these */
  CommandAccess access;
  CommandQuery query;
} Command;

/* Where our commands go out. */
static Channel *
carrier (Server *server)
{
  return server->twin.connection != NULL ? &server->twin : &server->main;
}

static gboolean on_channel_ready (int fd, GIOCondition condition, gpointer user_data);

/* CONDITION 0: do not poll at all, not even for a hang-up. */
static void
watch (Channel *channel, GIOCondition condition)
{
  if (condition == channel->watched)
    return;
  if (channel->watch != 0)
    g_source_remove (channel->watch);
  channel->watched = condition;
  channel->watch = condition == 0
                     ? 0
                     : g_unix_fd_add (channel->socket, condition, on_channel_ready, channel);
}

static void
open_channel (Server *server, Channel *channel, int socket)
{
  *channel = (Channel){
    .server = server,
    .connection = connection_new (socket),
    .socket = socket,
  };
  watch (channel, G_IO_IN);
}

static void
close_channel (Channel *channel)
{
  if (channel->connection == NULL)
    return;
  watch (channel, 0);
  g_clear_pointer (&channel->connection, connection_free);
}

/* If that fails there is no twin, which any client must cope with. */
static void
open_twin (Server *server)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return;
  open_channel (server, &server->twin, ends[0]);
  server->twin_to_send = ends[1];
}

/* Once it was sent only the client must have it: else we would not notice that it closes it. */
static void
close_twin_to_send (Server *server)
{
  if (server->twin_to_send >= 0)
    close (server->twin_to_send);
  server->twin_to_send = -1;
}

/* The device wants something from its client. Perhaps we are just serving that channel: then it is
   sent, and polled for the right condition, before this watch comes to anything. */
static void
on_command_queued (gpointer user_data)
{
  Channel *channel = carrier (user_data);

  if (channel->watch != 0)
    watch (channel, G_IO_IN | G_IO_OUT);
}

static int
on_version (Server *server, Message *message, Reply *reply)
{
  Proposal proposal;

  if (server->negotiated
      || !negotiation_parse (message->payload, message->payload_size, &proposal, &server->fatal))
    return EINVAL;

  if (proposal.twin_socket && proposal.max_msg_fds > 0 && !server->options->no_twin_socket)
    open_twin (server);
  if (server->options->no_write_multiple)
    proposal.write_multiple = FALSE;
  negotiation_answer (&proposal, dma_table_get_max (server->device->dma), server->twin_to_send,
                      reply);

  server->negotiated = TRUE;
  server->write_multiple = proposal.write_multiple;
  server->client_max_msg_fds = proposal.max_msg_fds;
  server_commands_attach (server->device->commands, carrier (server)->connection,
                          MIN (proposal.max_data_xfer_size, MAX_DATA_XFER_SIZE), on_command_queued,
                          server);
  return 0;
}

static int
on_device_set_irqs (Server *server, Message *message, Reply *reply G_GNUC_UNUSED)
{
  return interrupts_set (server->device->interrupts, message);
}

static int
on_dma_map (Server *server, Message *message, Reply *reply G_GNUC_UNUSED)
{
  return dma_map (server->device->dma, message);
}

/* The late reply may go. */
static void
on_window_unused (gpointer user_data)
{
  Server *server = user_data;

  server->is_late = FALSE;
  server->n_commands++;
  if (!(server->late.flags & HEADER_NO_REPLY))
    connection_queue_reply (server->main.connection, &server->late, 0);
  watch (&server->main, G_IO_IN | G_IO_OUT);
}

/* The reply says that we let go of the memory. Our own commands for it may still be on their way, so
   it has to wait for their replies. */
static int
on_dma_unmap (Server *server, Message *message, Reply *reply)
{
  int error = dma_unmap (server->device->dma, message);
  DmaUnmap unmap;

  if (error != 0)
    return error;

  memcpy (&unmap, message->payload, sizeof (unmap));
  reply_append (reply, &unmap, sizeof (unmap));
  return server_commands_await (server->device->commands, unmap.address, unmap.size,
                                on_window_unused, server)
           ? ANSWER_LATER
           : 0;
}

static gboolean
on_pause_over (gpointer user_data)
{
  Server *server = user_data;

  server->pause = 0;
  watch (&server->main, G_IO_IN | G_IO_OUT);
  return G_SOURCE_REMOVE;
}

/* A real device may have to wait for what it began; its server then serves nothing else. */
static int
on_device_reset (Server *server, Message *message G_GNUC_UNUSED, Reply *reply G_GNUC_UNUSED)
{
  device_reset (server->device);
  if (server->options->reset_delay > 0)
    server->pause = g_timeout_add (server->options->reset_delay, on_pause_over, server);
  return 0;
}

/* Understood, but this device has no features. VFIO says so with ENOTTY. */
static int
on_device_feature (Server *server G_GNUC_UNUSED,
                   Message *message G_GNUC_UNUSED,
                   Reply *reply G_GNUC_UNUSED)
{
  return ENOTTY;
}

#define EXACTLY(size) .min_payload = (size), .max_payload = (size)

static const Command commands[] = {
  [COMMAND_VERSION] = {
    "VERSION", sizeof (Version), sizeof (Version) + MAX_VERSION_JSON,
    .handle = on_version,
  },
  [COMMAND_DMA_MAP] = {
    "DMA_MAP", EXACTLY (sizeof (DmaMap)), .max_fds = 1,
    .handle = on_dma_map,
  },
  [COMMAND_DMA_UNMAP] = {
    "DMA_UNMAP", EXACTLY (sizeof (DmaUnmap)),
    .handle = on_dma_unmap,
  },
  [COMMAND_DEVICE_GET_INFO] = {
    "DEVICE_GET_INFO", EXACTLY (sizeof (DeviceInfo)),
    .query = query_device_info,
  },
  [COMMAND_DEVICE_GET_REGION_INFO] = {
    "DEVICE_GET_REGION_INFO", EXACTLY (sizeof (struct vfio_region_info)),
    .query = query_region_info,
  },
  [COMMAND_DEVICE_GET_REGION_IO_FDS] = {
    "DEVICE_GET_REGION_IO_FDS", EXACTLY (sizeof (RegionIoFds)),
    .query = query_region_io_fds,
  },
  [COMMAND_DEVICE_GET_IRQ_INFO] = {
    "DEVICE_GET_IRQ_INFO", EXACTLY (sizeof (struct vfio_irq_info)),
    .query = query_irq_info,
  },
  [COMMAND_DEVICE_SET_IRQS] = {
    "DEVICE_SET_IRQS", sizeof (struct vfio_irq_set),
    sizeof (struct vfio_irq_set) + MAX_VECTORS, .max_fds = MAX_VECTORS,
    .handle = on_device_set_irqs,
  },
  [COMMAND_REGION_READ] = {
    "REGION_READ", EXACTLY (sizeof (RegionAccess)),
    .access = region_read,
  },
  [COMMAND_REGION_WRITE] = {
    "REGION_WRITE", sizeof (RegionAccess), sizeof (RegionAccess) + MAX_DATA_XFER_SIZE,
    .access = region_write,
  },
  [COMMAND_REGION_WRITE_MULTI] = {
    "REGION_WRITE_MULTI", sizeof (WriteMulti), MAX_MESSAGE_SIZE,
    .access = region_write_multi,
  },
  [COMMAND_DEVICE_RESET] = {
    "DEVICE_RESET", EXACTLY (0),
    .handle = on_device_reset,
  },
  [COMMAND_DEVICE_FEATURE] = {
    "DEVICE_FEATURE", 0, MAX_MESSAGE_SIZE,
    .handle = on_device_feature,
  },
};

static const Command unknown_command = { .name = "unknown command" };

static const Command *
find_command (guint16 number)
{
  if (number >= G_N_ELEMENTS (commands) || commands[number].name == NULL)
    return &unknown_command;
  return &commands[number];
}

/* Returns 0 or an errno. */
static int
execute (Server *server, const Command *command, Message *message, Reply *reply)
{
  int error;

  if (!server->negotiated && command->handle != on_version)
    {
      g_set_error (&server->fatal, PROTOCOL_ERROR, 0, "%s (command %u) came before VERSION",
                   command->name, message->header.command);
      return EINVAL;
    }
  if (command == &unknown_command
      || (command->access == region_write_multi && !server->write_multiple))
    return ENOTSUP;
  if (message->payload_size < command->min_payload || message->payload_size > command->max_payload
      || message->n_fds > command->max_fds)
    return EINVAL;

  if (command->query != NULL)
    error = command->query (server->device, message->payload, reply);
  else if (command->access != NULL)
    error = command->access (server->device, message, reply);
  else
    error = command->handle (server, message, reply);
  if (error == 0 && reply->n_fds > server->client_max_msg_fds)
    return EMFILE;
  return error;
}

static void
log_command (const Command *command, const Message *message, int error)
{
  g_printerr ("demo-device: %s (command %u, id %u), %zu bytes, %u descriptors: %s\n", command->name,
              message->header.command, message->header.id, message->payload_size, message->n_fds,
              error == ANSWER_LATER ? "later"
              : error == 0          ? "done"
                                    : g_strerror (error));
}

static void
log_reply (const Message *message)
{
  g_printerr ("demo-device: a reply (command %u, id %u), %zu bytes: %s\n", message->header.command,
              message->header.id, message->payload_size,
              message->header.flags & HEADER_ERROR ? g_strerror (message->header.error) : "done");
}

static gboolean
wants_reply (const Server *server, const Command *command, const Message *message)
{
  gboolean is_write = command->access == region_write || command->access == region_write_multi;

  return !(message->header.flags & HEADER_NO_REPLY)
         || (is_write && server->options->reply_to_posted);
}

static void
handle_command (Server *server, Message *message)
{
  const Header *header = &message->header;
  const Command *command = find_command (header->command);
  Connection *connection = server->main.connection;
  int result = execute (server, command, message, connection_begin_reply (connection));

  if (server->options->verbose)
    log_command (command, message, result);
  if (result == ANSWER_LATER)
    {
      server->is_late = TRUE;
      server->late = *header;
      return;
    }
  server->n_commands++;
  if (wants_reply (server, command, message))
    connection_queue_reply (connection, header, result);
}

static gboolean
fail_of_haste (GError **error)
{
  g_set_error (error, PROTOCOL_ERROR, 0,
               "more than %d commands came behind a DMA_UNMAP whose window is still in use",
               MAX_HELD);
  return FALSE;
}

/* Without a twin socket a command may come where a reply is expected: it was on its way when ours
   was sent. It is executed; the reply will come. */
static gboolean
handle_message (Channel *channel, Message *message, GError **error)
{
  Server *server = channel->server;
  guint32 type = message->header.flags & HEADER_TYPE_MASK;

  if (type == HEADER_TYPE_REPLY && channel == carrier (server))
    {
      if (server->options->verbose)
        log_reply (message);
      return server_commands_handle_reply (server->device->commands, message, error);
    }

  if (type == HEADER_TYPE_COMMAND && channel == &server->main)
    {
      if (!server->is_late)
        handle_command (server, message);
      else
        g_queue_push_tail (&server->held, message_hold (message));
      return server->held.length <= MAX_HELD || fail_of_haste (error);
    }

  g_set_error (error, PROTOCOL_ERROR, 0,
               "a message of type %u (command %u, flags 0x%x) came on the %s socket", type,
               message->header.command, message->header.flags,
               channel == &server->main ? "main" : "twin");
  return FALSE;
}

/* Whether there are commands that can be executed now, without receiving any. */
static gboolean
has_held (const Channel *channel)
{
  const Server *server = channel->server;

  return channel == &server->main && !server->is_late && server->held.length > 0;
}

static ConnectionStatus
receive_and_handle (Channel *channel, GError **error)
{
  g_auto (Message) message = { .n_fds = 0 };
  ConnectionStatus status;

  if (has_held (channel))
    {
      Message *held = g_queue_pop_head (&channel->server->held);

      handle_command (channel->server, held);
      message_drop (held);
      return CONNECTION_DONE;
    }

  status = connection_receive (channel->connection, &message, error);

  if (status == CONNECTION_DONE && !handle_message (channel, &message, error))
    return CONNECTION_BROKEN;
  return status;
}

/* All replies have been sent. Returns FALSE if that is the end. */
static gboolean
after_replies (Server *server, ConnectionStatus *status, GError **error)
{
  close_twin_to_send (server);
  if (server->fatal != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&server->fatal));
      *status = CONNECTION_BROKEN;
      return FALSE;
    }
  *status = CONNECTION_CLOSED;
  return server->n_commands == 0 || server->n_commands != (guint) server->options->drop_after;
}

/* Whether the main channel can be served. While a reply is late this is only to find out what makes
   it go, and so not if that comes on the twin. */
static gboolean
can_go_on (const Server *server)
{
  return server->pause == 0 && !(server->is_late && server->twin.connection != NULL);
}

/* What is queued must be gone before the next message is received. Returns anything but
   CONNECTION_DONE; after CONNECTION_AGAIN the socket is to be polled for *WAIT_FOR. */
static ConnectionStatus
serve (Channel *channel, guint max_messages, GIOCondition *wait_for, GError **error)
{
  Server *server = channel->server;

  for (guint n_handled = 0;; n_handled++)
    {
      ConnectionStatus status;

      *wait_for = 0;
      if (channel == &server->main && !can_go_on (server))
        return CONNECTION_AGAIN;

      *wait_for = G_IO_OUT;
      status = connection_flush (channel->connection, error);
      if (status != CONNECTION_DONE)
        return status;

      if (channel == &server->main && !after_replies (server, &status, error))
        return status;

      *wait_for = has_held (channel) ? G_IO_OUT : G_IO_IN;
      if (n_handled == max_messages)
        return CONNECTION_AGAIN;
      status = receive_and_handle (channel, error);
      if (status != CONNECTION_DONE)
        return status;
    }
}

static gboolean
on_channel_ready (int fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
  Channel *channel = user_data;
  Server *server = channel->server;
  g_autoptr (GError) error = NULL;
  GIOCondition wait_for;
  ConnectionStatus status = serve (channel, MESSAGES_PER_WAKEUP, &wait_for, &error);

  if (status == CONNECTION_AGAIN)
    {
      watch (channel, wait_for);
      return G_SOURCE_CONTINUE; /* it may be another source by now, then this one has gone */
    }

  /* Who leaves closes both sockets; its last posted writes may still be in the other one. */
  if (status == CONNECTION_CLOSED && channel == &server->twin)
    serve (&server->main, LAST_MESSAGES, &wait_for, &error);
  server->done (error, server->user_data);
  return G_SOURCE_CONTINUE; /* the same */
}

Server *
server_new (Device *device,
            int socket,
            const ServerOptions *options,
            ServerDoneFunc done,
            gpointer user_data)
{
  Server *server = g_new0 (Server, 1);

  server->device = device;
  server->twin_to_send = -1;
  g_queue_init (&server->held);
  server->options = options;
  server->done = done;
  server->user_data = user_data;
  open_channel (server, &server->main, socket);
  return server;
}

void
server_free (Server *server)
{
  server_commands_detach (server->device->commands);
  if (server->pause != 0)
    g_source_remove (server->pause);
  close_channel (&server->main);
  close_channel (&server->twin);
  close_twin_to_send (server);
  while (!g_queue_is_empty (&server->held))
    message_drop (g_queue_pop_head (&server->held));
  g_clear_error (&server->fatal);
  g_free (server);
}
