/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A server that is a function, for what a script cannot say: replies in another order, an answer to
 * whatever came, not reading until it is told to.  It runs in a process of its own.
 *
 *   static void
 *   answer_one (PeerEnd *end, gconstpointer data)
 *   {
 *     PeerMessage message;
 *
 *     peer_receive (end, &message);
 *     peer_reply (end, &message, NULL, 0);
 *   }
 *
 *   static void
 *   a_command_is_answered (void)
 *   {
 *     Peer peer;
 *
 *     peer_start (&peer, answer_one, NULL);
 *     use (peer.socket);
 *     peer_finish (&peer);
 *   }
 *
 * It is forked where it is started, so start it before any thread.
 */

#ifndef TEST_PEER_H
#define TEST_PEER_H

#include <glib.h>

#define PEER_MAX_PAYLOAD (1024 * 1024 + 64)
#define PEER_HEADER_SIZE 16

/* The test's side. */
typedef struct
{
  int socket; /* the client's end; whoever takes it closes it */
  int pid;
  int told; /* a pipe */
} Peer;

/* The server's side. */
typedef struct
{
  int socket;
  int told;
} PeerEnd;

typedef struct
{
  guint16 id;
  guint16 command;
  guint32 flags;
  gsize size; /* of the payload */
  guint8 payload[PEER_MAX_PAYLOAD];
} PeerMessage;

typedef void (*PeerServe) (PeerEnd *end, gconstpointer data);

void peer_start (Peer *peer, PeerServe serve, gconstpointer data);

/* Makes peer_wait_told() return number. */
void peer_tell (Peer *peer, guint16 number);

/* Waits for the end of the function.  Fails the test if something went wrong in it. */
void peer_finish (Peer *peer);

/* ---- In the function: whatever fails ends the process ---- */

guint16 peer_wait_told (PeerEnd *end);

/* The next message, whole. */
void peer_receive (PeerEnd *end, PeerMessage *message);

/* Until the client hangs up. */
void peer_receive_rest (PeerEnd *end);

/* FALSE if the client has hung up. */
gboolean peer_send (PeerEnd *end, gconstpointer bytes, gsize size);

/* Appends a header and what follows it. */
void peer_append (GByteArray *bytes, guint16 id, guint16 command, guint32 flags,
                  gconstpointer payload, gsize size);

/* A success reply. */
void peer_reply (PeerEnd *end, const PeerMessage *message, gconstpointer payload, gsize size);

void peer_fail (const char *format, ...) G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN;

#endif /* TEST_PEER_H */
