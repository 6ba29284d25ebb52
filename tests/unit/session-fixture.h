/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the tests of a session have in common: a session on a socket, and two commands.
 *
 *   VucSession *session = session_open (script_server_start (server));
 *
 *   reset_or_fail (session);
 *   vuc_session_free (session);
 */

#ifndef TEST_SESSION_FIXTURE_H
#define TEST_SESSION_FIXTURE_H

#include "session/task.h"

/* For what must not time out, in milliseconds. */
#define LONG 20000

#define SESSION_MAX_FDS 3
#define SESSION_MAX_SIZE 65536

/* So many milliseconds from now, as a deadline. */
gint64 in_ms (gint64 ms);

/* A socket of each end. */
void make_pair (int *server, int *client);

/* All of it; FALSE if the other end has hung up before. */
gboolean read_all (int fd, gpointer data, gsize size);

/* Negotiated.  The first takes LONG for a message that has begun. */
VucSession *session_open (int socket);
VucSession *session_open_with_timeout (int socket, guint timeout_ms);
VucSession *session_open_with_trace (int socket, VucSessionTrace trace, gpointer data);

/* Connected, not negotiated. */
VucSession *session_open_raw (int socket, const VucSessionOptions *options);

/* A command by itself, and the task that it is part of. */
typedef struct
{
  VucTask task;
  VucCall call;
} Single;

void single_init (Single *single, guint16 command, gint64 timeout_ms);
void single_clear (Single *single);

/* In one go, as a blocking operation. */
gboolean single_run (VucSession *session, Single *single, GError **error);

/* The step of a task that does it as an operation would. */
VucTaskStatus single_step (VucTask *task, GError **error);

/* In two steps: submitted at first; then waited for. */
void single_submit (VucSession *session, Single *single);
gboolean single_wait (Single *single, GError **error);

/* Starts a task that ends at once: only its outcome is still to be told. */
void start_task (VucSession *session, VucCallback callback, gpointer user_data);

/* A callback: counts in a guint. */
void count_outcome (VucDevice *device, VucOperation operation, const GError *error, gpointer n);

/* Whether the descriptor for a loop, which the first call makes, says that there is something to
 * do. */
gboolean has_work (VucSession *session);

/* DEVICE_RESET: no payload either way. */
gboolean reset (VucSession *session, gint64 timeout_ms, GError **error);
void reset_or_fail (VucSession *session);

/* A command with 16 bytes whose reply has 4 to 16 bytes, then up to 8 of data, and descriptors.
 * What was not received is 0xee. */
typedef struct
{
  union
  {
    Single single;
    struct
    {
      VucTask task;
      VucCall call;
    };
  };
  guint8 head[16];
  guint8 data[8];
  VucFdSet fds;
} Query;

void query_init (Query *query, guint16 command, gint64 timeout_ms);
void query_clear (Query *query);

/* Waits, in the state of a session whose lock is not held, until n callers sleep besides the one
 * that polls. */
void wait_for_sleepers (VucSession *session, guint n);

/* Waits until the first command that came on the twin socket was answered. */
void wait_until_answered (VucSession *session);

#endif /* TEST_SESSION_FIXTURE_H */
