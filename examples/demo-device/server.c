/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The commands: which there are, how large their payload is, who executes them, and what is said
 * about all the others.
 *
 * Each command is checked against its row of the table below before its handler sees it. Does not
 * know what is inside the device, or how bytes get on and off the socket.
 */

#include "server.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>

#include "connection.h"
#include "negotiation.h"
#include "queries.h"

/* So that a client that sends without a pause cannot keep us from noticing a signal. */
#define MESSAGES_PER_WAKEUP 64

struct _Server
{
  Device *device;
  Connection *connection;
  int socket; /* the connection's, to poll */
  guint watch;
  GIOCondition watched;

  gboolean negotiated;
  guint32 client_max_msg_fds;
  GError *fatal; /* why the client is thrown out once its reply is sent */

  gboolean verbose;
  ServerDoneFunc done;
  gpointer user_data;
};

/* A handler returns 0, with the reply's payload filled in, or an errno. */
typedef int (*CommandHandler) (Server *server, Message *message, Reply *reply);

typedef struct
{
  const char *name;
  gsize min_payload;
  gsize max_payload;
  guint max_fds;
  CommandHandler handle;
} Command;

static int
on_version (Server *server, Message *message, Reply *reply)
{
  if (server->negotiated)
    return EINVAL;

  server->negotiated = negotiate (message->payload, message->payload_size,
                                  &server->client_max_msg_fds, reply, &server->fatal);
  return server->negotiated ? 0 : EINVAL;
}

static int
on_device_get_info (Server *server, Message *message, Reply *reply)
{
  return query_device_info (server->device, message->payload, reply);
}

static int
on_device_get_region_info (Server *server, Message *message, Reply *reply)
{
  return query_region_info (server->device, message->payload, reply);
}

static int
on_device_get_region_io_fds (Server *server, Message *message, Reply *reply)
{
  return query_region_io_fds (server->device, message->payload, reply);
}

static int
on_device_get_irq_info (Server *server, Message *message, Reply *reply)
{
  return query_irq_info (server->device, message->payload, reply);
}

static int
on_device_set_irqs (Server *server, Message *message, Reply *reply G_GNUC_UNUSED)
{
  return interrupts_set (server->device->interrupts, message);
}

static int
on_region_read (Server *server, Message *message, Reply *reply)
{
  RegionAccess access;

  memcpy (&access, message->payload, sizeof (access));
  if (access.count > MAX_DATA_XFER_SIZE)
    return EINVAL;

  reply_append (reply, &access, sizeof (access));
  return device_region_read (server->device, access.region, access.offset,
                             reply_extend (reply, access.count), access.count);
}

static int
on_region_write (Server *server, Message *message, Reply *reply)
{
  RegionAccess access;

  memcpy (&access, message->payload, sizeof (access));
  if (access.count != message->payload_size - sizeof (access))
    return EINVAL;

  reply_append (reply, &access, sizeof (access));
  return device_region_write (server->device, access.region, access.offset,
                              message->payload + sizeof (access), access.count);
}

static int
on_dma_map (Server *server, Message *message, Reply *reply G_GNUC_UNUSED)
{
  return dma_map (server->device->dma, message);
}

static int
on_dma_unmap (Server *server, Message *message, Reply *reply)
{
  reply_append (reply, message->payload, message->payload_size);
  return dma_unmap (server->device->dma, message);
}

static int
on_device_reset (Server *server, Message *message G_GNUC_UNUSED, Reply *reply G_GNUC_UNUSED)
{
  device_reset (server->device);
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
    .handle = on_device_get_info,
  },
  [COMMAND_DEVICE_GET_REGION_INFO] = {
    "DEVICE_GET_REGION_INFO", EXACTLY (sizeof (struct vfio_region_info)),
    .handle = on_device_get_region_info,
  },
  [COMMAND_DEVICE_GET_REGION_IO_FDS] = {
    "DEVICE_GET_REGION_IO_FDS", EXACTLY (sizeof (RegionIoFds)),
    .handle = on_device_get_region_io_fds,
  },
  [COMMAND_DEVICE_GET_IRQ_INFO] = {
    "DEVICE_GET_IRQ_INFO", EXACTLY (sizeof (struct vfio_irq_info)),
    .handle = on_device_get_irq_info,
  },
  [COMMAND_DEVICE_SET_IRQS] = {
    "DEVICE_SET_IRQS", sizeof (struct vfio_irq_set),
    sizeof (struct vfio_irq_set) + MAX_VECTORS, .max_fds = MAX_VECTORS,
    .handle = on_device_set_irqs,
  },
  [COMMAND_REGION_READ] = {
    "REGION_READ", EXACTLY (sizeof (RegionAccess)),
    .handle = on_region_read,
  },
  [COMMAND_REGION_WRITE] = {
    "REGION_WRITE", sizeof (RegionAccess), sizeof (RegionAccess) + MAX_DATA_XFER_SIZE,
    .handle = on_region_write,
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
  if (number >= G_N_ELEMENTS (commands) || commands[number].handle == NULL)
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
  if (command->handle == NULL)
    return ENOTSUP;
  if (message->payload_size < command->min_payload || message->payload_size > command->max_payload
      || message->n_fds > command->max_fds)
    return EINVAL;

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
              error == 0 ? "done" : g_strerror (error));
}

static gboolean
handle_message (Server *server, Message *message, GError **error)
{
  const Header *header = &message->header;
  const Command *command = find_command (header->command);
  int result;

  /* We send no commands yet, so there is nothing that could be replied to. */
  if ((header->flags & HEADER_TYPE_MASK) != HEADER_TYPE_COMMAND)
    {
      g_set_error (error, PROTOCOL_ERROR, 0, "a message of type %u (flags 0x%x) is not a command",
                   header->flags & HEADER_TYPE_MASK, header->flags);
      return FALSE;
    }

  result = execute (server, command, message, connection_begin_reply (server->connection));
  if (server->verbose)
    log_command (command, message, result);
  if (!(header->flags & HEADER_NO_REPLY))
    connection_queue_reply (server->connection, header, result);
  return TRUE;
}

static ConnectionStatus
receive_and_handle (Server *server, GError **error)
{
  g_auto (Message) message = { .n_fds = 0 };
  ConnectionStatus status = connection_receive (server->connection, &message, error);

  if (status == CONNECTION_DONE && !handle_message (server, &message, error))
    return CONNECTION_BROKEN;
  return status;
}

/* A reply must be gone before the next command is received. Returns anything but CONNECTION_DONE;
   after CONNECTION_AGAIN the socket is to be polled for *WAIT_FOR. */
static ConnectionStatus
serve (Server *server, GIOCondition *wait_for, GError **error)
{
  for (guint n_handled = 0;; n_handled++)
    {
      ConnectionStatus status;

      *wait_for = G_IO_OUT;
      status = connection_flush (server->connection, error);
      if (status != CONNECTION_DONE)
        return status;

      if (server->fatal != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&server->fatal));
          return CONNECTION_BROKEN;
        }

      *wait_for = G_IO_IN;
      if (n_handled == MESSAGES_PER_WAKEUP)
        return CONNECTION_AGAIN;
      status = receive_and_handle (server, error);
      if (status != CONNECTION_DONE)
        return status;
    }
}

static gboolean on_socket_ready (int fd, GIOCondition condition, gpointer user_data);

static void
watch_socket (Server *server, GIOCondition condition)
{
  server->watched = condition;
  server->watch = g_unix_fd_add (server->socket, condition, on_socket_ready, server);
}

static gboolean
on_socket_ready (int fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
  Server *server = user_data;
  g_autoptr (GError) error = NULL;
  GIOCondition wait_for;

  if (serve (server, &wait_for, &error) != CONNECTION_AGAIN)
    {
      server->watch = 0;
      server->done (error, server->user_data);
      return G_SOURCE_REMOVE;
    }
  if (wait_for == server->watched)
    return G_SOURCE_CONTINUE;

  watch_socket (server, wait_for);
  return G_SOURCE_REMOVE;
}

Server *
server_new (Device *device, int socket, gboolean verbose, ServerDoneFunc done, gpointer user_data)
{
  Server *server = g_new0 (Server, 1);

  server->device = device;
  server->connection = connection_new (socket);
  server->socket = socket;
  server->verbose = verbose;
  server->done = done;
  server->user_data = user_data;
  watch_socket (server, G_IO_IN);
  return server;
}

void
server_free (Server *server)
{
  if (server->watch != 0)
    g_source_remove (server->watch);
  connection_free (server->connection);
  g_clear_error (&server->fatal);
  g_free (server);
}
