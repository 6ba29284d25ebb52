/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Steps: what an actor does at a time.  Each is named for what it is reported with when it hangs.
 *
 *   static void
 *   run_detach (Actor *actor)
 *   {
 *     vuc_device_detach (actor->device);
 *     dawdle (actor, 500);
 *   }
 *
 *   const Step step_detach = { "detaching", run_detach };
 *
 * All of this is for the actor's thread.
 */

#ifndef THREAD_STRESS_STEPS_H
#define THREAD_STRESS_STEPS_H

#include "thread/stress.h"

G_BEGIN_DECLS

/* A number from 0 to n - 1; and what another random sequence is made from. */
guint choose (Actor *actor, guint n);
guint64 fork_random (Actor *actor);

/* Lets time go by, which is part of the play. */
void dawdle (Actor *actor, guint most_us);

/* stress_judge(), of what the actor is doing. */
gboolean judge (Actor *actor, GError *error, guint also);

/* One of the actor's own that is free, taken; NULL if all have accesses under way. */
Slot *take_slot (Actor *actor);

/* stress-accesses.c */
extern const Step step_blocking_access;
extern const Step step_start_one;
extern const Step step_start_many;
extern const Step step_wait_own;
extern const Step step_wait_in_reverse;
extern const Step step_cancel_own;
extern const Step step_cancel_other;
extern const Step step_wait_other;
extern const Step step_misuse;

/* stress-steps.c */
extern const Step step_reset;
extern const Step step_reset_async;
extern const Step step_ask_io_fds;
extern const Step step_look;
extern const Step step_ask_load;
extern const Step step_attach;
extern const Step step_detach;
extern const Step step_process;
extern const Step step_reconnect;
extern const Step step_close_device;
extern const Step step_kill_server;
extern const Step step_ping;

G_END_DECLS

#endif /* THREAD_STRESS_STEPS_H */
