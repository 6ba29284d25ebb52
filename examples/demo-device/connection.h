/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Whole messages with their descriptors over one connected socket, without ever blocking.
 *
 * Commands are received one at a time, and a reply must be on its way before the next command is
 * looked at: so the memory needed is bounded, and a client that does not read its replies stalls
 * itself only.
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

/* Sends what is queued. CONNECTION_DONE also if there is nothing. */
ConnectionStatus connection_flush (Connection *connection, GError **error);
