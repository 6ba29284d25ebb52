/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A message as it came from the client, and what we answer while it is being put together.
 */

#pragma once

#include "protocol.h"

/* The client broke the rules of the protocol, so that the connection has to be closed. */
#define PROTOCOL_ERROR (protocol_error_quark ())
GQuark protocol_error_quark (void);

typedef struct
{
  Header header;
  const guint8 *payload; /* the connection's, valid until its next receive */
  gsize payload_size;
  int fds[MAX_MSG_FDS]; /* -1 where stolen */
  guint n_fds;
} Message;

/* Passes the ownership of a descriptor to the caller. */
int message_steal_fd (Message *message, guint index);

/* Closes the descriptors that nobody stole. */
void message_clear (Message *message);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Message, message_clear)

/* A message that has to wait: takes over what the other one has, and keeps its payload. */
Message *message_hold (Message *message);
void message_drop (Message *held);

/* A command of our own is put together in the same way. */
typedef struct
{
  GByteArray *bytes;    /* room for the header, then the payload */
  int fds[MAX_MSG_FDS]; /* borrowed, until it has been sent */
  guint n_fds;
} Reply;

void reply_init (Reply *reply);
void reply_clear (Reply *reply);

/* Takes back all that was added. */
void reply_reset (Reply *reply);

void reply_append (Reply *reply, gconstpointer data, gsize size);

/* Adds SIZE bytes of zeros; the caller fills them in before it adds anything else. */
guint8 *reply_extend (Reply *reply, gsize size);

/* Returns the index of the descriptor in the message. One that is added twice is sent once. */
guint32 reply_add_fd (Reply *reply, int fd);
