/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Roles, which are sets of steps, and how an actor plays one.  Does not know what a step does.
 * Each actor is a thread of its own; all of this runs there.
 */

#include "thread/stress-op.h"
#include "thread/stress-steps.h"

/* ---- Roles ---- */

const Role role_blocking = { { &step_blocking_access } };
const Role role_starting = {
  { &step_start_one, &step_start_one, &step_start_many, &step_ask_load },
};
const Role role_waiting = { { &step_wait_own, &step_wait_in_reverse, &step_cancel_own } };
const Role role_mixed = {
  { &step_blocking_access, &step_blocking_access, &step_start_one, &step_start_many, &step_wait_own,
    &step_wait_in_reverse },
};
const Role role_canceller = {
  { &step_cancel_other, &step_cancel_other, &step_cancel_own, &step_wait_other, &step_misuse },
};
const Role role_resetter = { { &step_reset, &step_reset_async } };
const Role role_asker = { { &step_look, &step_ask_load, &step_ask_io_fds } };
const Role role_mover = { { &step_attach, &step_attach, &step_detach } };
const Role role_processor = { { &step_process } };
const Role role_interrupter = {
  { &step_close_device, &step_reconnect, &step_reconnect, &step_reconnect },
};
const Role role_reconnecter = { { &step_reconnect } };
const Role role_pinger = { { &step_ping } };
const Role role_killer = { { &step_kill_server } };

/* ---- The end ---- */

/* Who moved the device about leaves it attached: its operations are to be told somewhere. */
static void
tidy_up (Actor *actor)
{
  if (actor->role == &role_mover)
    step_attach.run (actor);
}

/* Now and then the reference goes with an operation, to its callback. */
static void
give_back_device (Actor *actor)
{
  Slot *slot = actor->stress->scenario->n_loops > 0 && actor->role == &role_starting
                 ? take_slot (actor)
                 : NULL;

  if (slot != NULL)
    {
      Op *op = op_new (actor->stress, OP_ACCESS, slot, fork_random (actor));

      op_give (op, actor->device);
      op_start (op, actor->device, TRUE);
      op_unref (op);
    }
  else
    vuc_device_unref (actor->device);
}

/* ---- Playing ---- */

static GPrivate current;

Actor *
actor_get_current (void)
{
  return g_private_get (&current);
}

void
actor_play (Actor *actor)
{
  guint n_steps = 0;

  g_private_set (&current, actor);
  while (actor->role->steps[n_steps] != NULL)
    n_steps++;
  while (!stress_stops (actor->stress))
    {
      const Step *step = actor->role->steps[choose (actor, n_steps)];

      g_atomic_pointer_set (&actor->doing, step->doing);
      step->run (actor);
      g_atomic_int_inc (&actor->progress);
    }
  tidy_up (actor);
  g_private_set (&current, NULL);
  g_atomic_pointer_set (&actor->doing, "giving the device back");
  give_back_device (actor);
}
