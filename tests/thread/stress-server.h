/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The server of a scenario: it listens on a path and serves one client after the other.  It is
 * looked after by a process of its own, the keeper, which can kill it and start another on the same
 * path: so nothing has to be forked while threads run.
 *
 *   StressServer *server = stress_server_start (STRESS_SERVER_DEMO, 0, seed);
 *
 *   use (stress_server_get_path (server));
 *   stress_server_kill (server);
 *   use_another (stress_server_get_path (server));
 *   stress_server_stop (server);
 */

#ifndef THREAD_STRESS_SERVER_H
#define THREAD_STRESS_SERVER_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  STRESS_SERVER_DEMO,     /* the demo device */
  STRESS_SERVER_MISCHIEF, /* see mischief.h */
  STRESS_SERVER_EXTERNAL  /* one that runs already, on the path that THREAD_SOCKET names */
} StressServerKind;

typedef struct _StressServer StressServer;

/* Starts no thread, but none may run: it forks. */
StressServer *stress_server_start (StressServerKind kind, guint mischief, guint64 seed);

const char *stress_server_get_path (StressServer *server);

/* Kills it, and has another started.  When it returns the first one is dead; the next may not
 * listen yet.  Any thread. */
void stress_server_kill (StressServer *server);

/* From now on, no more hanging up.  Any thread. */
void stress_server_calm (StressServer *server);

/* Ends it; fails the test if it was not content.  Frees @server. */
void stress_server_stop (StressServer *server);

G_END_DECLS

#endif /* THREAD_STRESS_SERVER_H */
