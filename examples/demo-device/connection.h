/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Whole messages with their descriptors over one connected socket, without ever blocking.
 *
 * Messages are received one at a time, and what is queued must be on its way before the next one is
 * looked at. At most one reply to a command of the client's and one command of our own can be
 * queued. So the memory needed is bounded, and a client that does not read stalls itself only.
 */

#pragma once

#include "message.h"

typedef enum
{
  CONNECTION_DONE,   /* what was asked for happened */
  CONNECTION_AGAIN,  /* the socket is not ready: poll, then call again */
  CONNECTION_CLOSED, /* the client has left */
  CONNECTION_BROKEN, /* the client sent nonsense: the error says what */
} ConnectionStatus;

typedef struct _Connection Connection;

/* Takes the socket over. */
Connection *connection_new (int socket);
void connection_free (Connection *connection);

/* On CONNECTION_DONE the message is the caller's to clear. */
ConnectionStatus connection_receive (Connection *connection, Message *message, GError **error);

/* The reply to fill in before connection_queue_reply (); empty. */
Reply *connection_begin_reply (Connection *connection);

/* Completes the reply: as it was filled in if ERROR is 0, else with that errno and nothing else. */
void connection_queue_reply (Connection *connection, const Header *command, int error);

/* The same for a command of our own. The one before must have been sent: so it has once its reply
   is there. */
Reply *connection_begin_command (Connection *connection);
void connection_queue_command (Connection *connection, guint16 id, CommandNumber command);

/* Sends what is queued, in that order. CONNECTION_DONE also if there is nothing. */
ConnectionStatus connection_flush (Connection *connection, GError **error);
