/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The commands that the device sends to its client: DMA_READ and DMA_WRITE, for memory that it
 * cannot map, or does not want to.
 *
 *   static void
 *   on_descriptor (int error, const guint8 *data, gpointer engine)
 *   {
 *     if (error == 0)
 *       ...                      (data is what was at the address)
 *   }
 *
 *   error = server_commands_dma_read (commands, address, 16, on_descriptor, engine);
 *
 * They belong to the device, and outlive its clients. They travel one at a time, in the order in
 * which they were given; a few more wait. Nothing blocks: the answer comes from the main loop.
 */

#pragma once

#include "connection.h"

typedef struct _ServerCommands ServerCommands;

/* How a command ended: ERROR is 0, or the errno that the client answered, or SERVER_COMMAND_LOST:
   the client has left, and will not answer. DATA is what a DMA_READ brought, valid during the call;
   NULL for all else. Called once for each command that was accepted; may give more commands. */
typedef void (*ServerCommandDone) (int error, const guint8 *data, gpointer user_data);

#define SERVER_COMMAND_LOST (-1)

ServerCommands *server_commands_new (void);
void server_commands_free (ServerCommands *commands);

/* The most bytes that one command can move; 0 if there is no client. */
gsize server_commands_get_max_count (const ServerCommands *commands);

/* Both return 0, or why the command is not accepted: ENOTCONN (no client), EINVAL (nothing to move,
   or the addresses wrap), EMSGSIZE (more than the client takes at once), ENOBUFS (too many wait).
   DATA is copied. */
int server_commands_dma_read (ServerCommands *commands,
                              guint64 address,
                              gsize count,
                              ServerCommandDone done,
                              gpointer user_data);
int server_commands_dma_write (ServerCommands *commands,
                               guint64 address,
                               const guint8 *data,
                               gsize count,
                               ServerCommandDone done,
                               gpointer user_data);

/* For the server. Calls FUNC when all commands that were given before, and that touch the SIZE bytes
   from ADDRESS on, have ended. Returns FALSE, and will not call, if there are none. There can be one
   such wait at a time. */
typedef void (*ServerCommandsUnused) (gpointer user_data);

gboolean server_commands_await (ServerCommands *commands,
                                guint64 address,
                                guint64 size,
                                ServerCommandsUnused func,
                                gpointer user_data);

/* The same. There is a client; the commands go out on CONNECTION, which must outlive this
   client's stay. WAKE is told when there is something to flush there. */
typedef void (*ServerCommandsWake) (gpointer user_data);

void server_commands_attach (ServerCommands *commands,
                             Connection *connection,
                             gsize max_count,
                             ServerCommandsWake wake,
                             gpointer user_data);

/* The client has left; all that was not answered is lost. Does nothing if there was none. */
void server_commands_detach (ServerCommands *commands);

/* A reply came on that connection. Returns FALSE if it answers nothing that was asked. */
gboolean server_commands_handle_reply (ServerCommands *commands,
                                       const Message *reply,
                                       GError **error);
