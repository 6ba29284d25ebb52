/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One round of a scenario: connect, let the actors play, end it in a random way.
 *
 *   stress_play_round (stress, end);
 *   if (stress->why != NULL)
 *     puts (stress->why);
 */

#ifndef THREAD_STRESS_ROUND_H
#define THREAD_STRESS_ROUND_H

#include "thread/stress.h"

G_BEGIN_DECLS

/*
 * Until @end (monotonic time) at most, or shorter.  Ends the process where a thread hangs, and says
 * what each of them was doing.
 */
void stress_play_round (Stress *stress, gint64 end);

G_END_DECLS

#endif /* THREAD_STRESS_ROUND_H */
