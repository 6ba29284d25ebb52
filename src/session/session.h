/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One connection: commands go out, replies come back to those who wait for them, and whatever else
 * the server sends is dealt with.  Any thread may call any function; there is no thread of our own:
 * whoever waits, reads.  session.c explains how.
 *
 * Locks: each session has one mutex.  Nothing is called with it held that takes another lock,
 * sleeps, or is the user's.
 */

#ifndef VUC_SESSION_H
#define VUC_SESSION_H

#include <glib.h>

#include "session/call.h"

typedef struct _VucSession VucSession;

/* Sees each message: its first bytes, at most VUC_TRACE_SIZE of them.  No lock is held. */
typedef void (*VucSessionTrace) (gboolean sent,
                                 const guint8 *bytes,
                                 gsize size,
                                 guint n_fds,
                                 gpointer user_data);

#define VUC_TRACE_SIZE 4096

typedef struct
{
  guint max_msg_fds;     /* the most descriptors that the server may send in one message */
  guint timeout_ms;      /* in which a message that has begun must be complete */
  VucSessionTrace trace; /* or NULL */
  gpointer trace_data;
} VucSessionOptions;

/* socket: connected; it belongs to the session from now on, even if this fails. */
VucSession *vuc_session_new (int socket, const VucSessionOptions *options, GError **error);

/* No call may be under way. */
void vuc_session_free (VucSession *session);

/* The version is agreed on: the server may send commands, and messages of up to max_message bytes,
 * header included. */
void vuc_session_set_negotiated (VucSession *session, guint32 max_message);

/* Ends the session with a cause that every waiter and every later call gets.  Only the first cause
 * counts. */
void vuc_session_end (VucSession *session, const GError *cause);

/* Sends n commands, in order, as far as the socket takes them; the rest goes while somebody waits.
 * Each of them must be waited for.  Never fails: what goes wrong is the outcome of the calls. */
void vuc_session_submit (VucSession *session, VucCall *const *calls, gsize n);

/* Waits until the call is complete, at most until its deadline.  Hands out a copy of its error. */
gboolean vuc_session_wait (VucSession *session, VucCall *call, GError **error);

/* Both, for one. */
gboolean vuc_session_call (VucSession *session, VucCall *call, GError **error);

#endif /* VUC_SESSION_H */
