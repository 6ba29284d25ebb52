/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Who waits for what.  A session lives as long as its device; connections come and go under it.
 * Commands go out, replies come back to those who wait for them, and whatever else the server sends
 * is dealt with.  Any thread may call any function; there is no thread of our own: whoever waits,
 * reads.  session.c explains how.
 *
 * Locks: each session has one mutex.  Nothing is called with it held that takes another lock,
 * sleeps, or is the user's; with one exception, the function died: it takes leaf locks, under which
 * nothing of a session is called, and does not wait for anybody.
 */

#ifndef VUC_SESSION_H
#define VUC_SESSION_H

#include <sys/socket.h>

#include <glib.h>
#include <vfio-user-client/vuc-types.h>

#include "session/service.h"

typedef struct _VucSession VucSession;
typedef struct _VucTask VucTask;

/* Sees each message: its first bytes, at most VUC_TRACE_SIZE of them.  No lock is held. */
typedef void (*VucSessionTrace) (gboolean sent,
                                 const guint8 *bytes,
                                 gsize size,
                                 guint n_fds,
                                 gpointer user_data);

#define VUC_TRACE_SIZE 4096

typedef struct
{
  VucDevice *device;      /* what callbacks are told; the session does not look into it */
  guint max_msg_fds;      /* the most descriptors that the server may send in one message */
  guint timeout_ms;       /* in which a message that has begun must be complete */
  guint poll_us;          /* how long a waiter polls before it sleeps, at the most */
  guint max_operations;   /* asynchronous ones at a time */
  gsize max_queued_bytes; /* of commands that wait to be sent */
  VucSessionTrace trace;  /* or NULL */
  gpointer trace_data;
  VucCallback lost;          /* told of the end of each connection that others could use; or NULL */
  VucCallback reconnected;   /* told of the beginning of each but the first; or NULL */
  void (*died) (gpointer user_data); /* called when any connection ends, before anybody can know:
                                      * with the lock held, see above; or NULL */
  gpointer died_data;
  const VucService *service; /* of server commands; NULL: none is known */
  gpointer service_data;
} VucSessionOptions;

/* Not connected yet. */
VucSession *vuc_session_new (const VucSessionOptions *options);

/* No call may be under way, no operation be undelivered, nothing be watched. */
void vuc_session_free (VucSession *session);

/* --- Connections (link.c) --- */

typedef enum
{
  VUC_SESSION_NEW,       /* was never connected */
  VUC_SESSION_CONNECTED, /* can be used by everybody */
  VUC_SESSION_LOST
} VucSessionState;

/* *connecting: whether a task is making a connection. */
VucSessionState vuc_session_get_state (VucSession *session, gboolean *connecting);

/* This task makes the connection from now on; FALSE with error if there is one, or another task is
 * at it.  Ends with vuc_session_connected() or vuc_session_connect_failed(). */
gboolean vuc_session_begin_connecting (VucSession *session, VucTask *task, GError **error);

/* The connection's socket, which belongs to the session from now on, even if this fails: when it
 * was closed meanwhile.  is_shared: somebody has a duplicate of it. */
gboolean vuc_session_open (VucSession *session, int socket, gboolean is_shared, GError **error);

/* The version is agreed on: the server may send commands, on twin if that is not -1 (then it belongs
 * to the session), and messages of up to max_message bytes, header included. */
void vuc_session_set_negotiated (VucSession *session, guint32 max_message, int twin);

/* Everybody may use the connection; FALSE with error if it has ended already, then nobody ever
 * could. */
gboolean vuc_session_connected (VucSession *session, GError **error);

/* The task gives up, for this reason. */
void vuc_session_connect_failed (VucSession *session, const GError *cause);

/* The connection, or the attempt to make one, ends, with a cause that every waiter and every later
 * call gets.  Only the first cause counts. */
void vuc_session_end (VucSession *session, const GError *cause);

/* The same, because of what the server sent over the connection that this task uses. */
void vuc_session_end_by (VucTask *task, const GError *cause);

/* How many connections there were that everybody could use. */
guint64 vuc_session_get_generation (VucSession *session);

/* Who is, or was, at the other end of the last connection that everybody could use; nobody (pid 0, ids
 * of -1) before the first one.  Returns how many there were. */
guint64 vuc_session_get_peer (VucSession *session, struct ucred *credentials);

/* With message DMA and without a twin socket servers take the next message for the reply to their
 * command: one command of ours at a time. */
void vuc_session_set_serial (VucSession *session, gboolean serial);

/* What the service is asked whether it uses it is not touched any more when this returns: the rest of
 * what comes goes nowhere, the rest of an answer is copied.  New commands must not find it already. */
void vuc_session_revoke (VucSession *session, gconstpointer what);

/* What became of a call, is_followed, that was sent and that nobody waits for any more. */
typedef enum
{
  VUC_LATE_REPLY_DUE,
  VUC_LATE_REPLY_CAME, /* or never will, with that connection */
  VUC_LATE_REPLY_REFUSED
} VucLateReply;

VucLateReply vuc_session_get_late_reply (VucSession *session,
                                         guint64 link_number,
                                         guint16 id,
                                         guint64 order);

/* Whether something that was posted, or begun without waiting, may not be executed yet (posting.h).
 * Takes no lock: a thread sees what it has begun itself. */
gboolean vuc_session_has_unproven (VucSession *session);

/* Whether this connection, of which commands know the number (VucTask), still works. */
gboolean vuc_session_is_up (VucSession *session, guint64 link_number);

/* Which connection everybody may use: another number for each; 0 if there is none.  Takes no lock: what
 * was done between two calls that return the same was done while it was up. */
gint vuc_session_get_usable_link (VucSession *session);

/* FALSE, with the error of what needs a connection that has gone: the cause, or, if there is another one
 * by now, that. */
gboolean vuc_session_explain_loss (VucSession *session, GError **error);

/* --- The loop (watch.c, loop.c) --- */

/* The epoll descriptor, made by the first call, for a loop that will look after it; -1 with error
 * set. */
int vuc_session_get_fd (VucSession *session, GError **error);

/* The same, for who looks at it just now only. */
int vuc_session_peek_fd (VucSession *session, GError **error);

/* No loop looks after it any more. */
void vuc_session_leave_unattended (VucSession *session);

/* Does what there is to do, without waiting, and delivers. */
void vuc_session_process (VucSession *session);

/* The same without delivering, by who waits for something that is not a reply: what is to be
 * delivered stays queued, and the loop is woken for it.  Whether anything came of it; if not, the
 * descriptor may stay readable until somebody delivers, and should be left alone for a while. */
gboolean vuc_session_serve (VucSession *session);

/* Delivers what is complete already, on this thread; the second also what comes to it by that. */
void vuc_session_deliver (VucSession *session);
void vuc_session_deliver_all (VucSession *session);

/* --- Descriptors of others (watched.c) --- */

typedef struct _VucWatched VucWatched;

typedef void (*VucWatchedFunc) (VucDevice *device, gpointer user_data);

/* From now on func is called whenever fd is readable: where and how callbacks are delivered, in
 * order with them, never on two threads at a time.  destroy is called when it will not be called
 * any more; fd must stay open until then.  NULL with VUC_ERROR_LIMIT: destroy is not called. */
VucWatched *vuc_session_watch (VucSession *session,
                               int fd,
                               VucWatchedFunc func,
                               gpointer user_data,
                               GDestroyNotify destroy,
                               GError **error);

/* func is not called any more; it may be running, on this thread or on another. */
void vuc_session_unwatch (VucWatched *watched);

/* --- The end --- */

/* Ends everything and delivers all of it, on this thread; no other may use the session. */
void vuc_session_shut_down (VucSession *session, const GError *cause);

/* How much is under way. */
void vuc_session_get_load (VucSession *session, guint *operations, gsize *queued_bytes);

/* --- Callbacks of the user's that no lock is held for, but in which nothing may wait --- */

void vuc_session_enter_callback (void);
void vuc_session_leave_callback (void);

/* Whether this thread is inside one. */
gboolean vuc_session_is_inside_callback (void);

#endif /* VUC_SESSION_H */
