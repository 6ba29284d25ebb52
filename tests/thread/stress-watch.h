/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Sees to it that nobody hangs.  A thread of its own, as the others may.
 *
 *   StressWatch *watch = stress_watch_start (stress);
 *
 *   stress_watch_phase (watch, "connecting");
 *   connect ();
 *   stress_watch_actors (watch, actors, n_actors);
 *   stress_watch_phase (watch, NULL);
 *   let_them_play ();
 *   stress_watch_end (watch);
 *
 * Ends the process where a phase is too long, or an actor has done nothing for too long; says what
 * each of them was doing.
 */

#ifndef THREAD_STRESS_WATCH_H
#define THREAD_STRESS_WATCH_H

#include "thread/stress.h"

G_BEGIN_DECLS

typedef struct _StressWatch StressWatch;

StressWatch *stress_watch_start (Stress *stress);
void stress_watch_end (StressWatch *watch);

/* What the thread of the case waits for from now on; NULL: for time to go by. */
void stress_watch_phase (StressWatch *watch, const char *phase);

/* From now on, as long as stress->n_running is not 0. */
void stress_watch_actors (StressWatch *watch, Actor *actors, guint n_actors);

G_END_DECLS

#endif /* THREAD_STRESS_WATCH_H */
