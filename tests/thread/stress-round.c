/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A round: the device, its threads, and the ways in which it ends.  Does not know what the actors
 * do.  Runs on the thread of the case, but for the loops.
 */

#include "thread/stress-round.h"

#include <poll.h>

#include "thread/stress-op.h"
#include "thread/stress-watch.h"

#define TICK_US 50000

typedef struct
{
  Stress *stress;
  Actor actors[STRESS_MAX_ACTORS];
  guint n_actors;
  guint64 random;

  GThread *loops[STRESS_MAX_LOOPS];
  gint loops_end; /* atomic */
  StressWatch *watch;
} Round;

/* ---- Waiting ---- */

/* Until this time, or until somebody says that it is enough. */
static void
let_play (Round *round, gint64 end)
{
  Stress *stress = round->stress;

  stress_watch_phase (round->watch, NULL);
  g_mutex_lock (&stress->lock);
  while (!stress_stops (stress) && g_get_monotonic_time () < end)
    g_cond_wait_until (&stress->changed, &stress->lock, end);
  g_mutex_unlock (&stress->lock);
}

/* Where nobody runs a loop this thread does. */
static void
wait_until (Round *round, gboolean (*is_so) (Round *round), const char *what)
{
  Stress *stress = round->stress;
  VucDevice *device = g_atomic_pointer_get (&stress->device);

  stress_watch_phase (round->watch, what);
  g_mutex_lock (&stress->lock);
  while (!is_so (round))
    if (stress->scenario->n_loops > 0 || device == NULL)
      g_cond_wait_until (&stress->changed, &stress->lock, g_get_monotonic_time () + TICK_US);
    else
      {
        struct pollfd fd = { .events = POLLIN };

        g_mutex_unlock (&stress->lock);
        fd.fd = vuc_device_get_fd (device, NULL);
        poll (&fd, 1, TICK_US / 1000);
        vuc_device_process (device);
        g_mutex_lock (&stress->lock);
      }
  g_mutex_unlock (&stress->lock);
}

static gboolean
all_actors_left (Round *round)
{
  return round->stress->n_running == 0;
}

static gboolean
all_is_told (Round *round)
{
  Stress *stress = round->stress;
  const gint destroyed = g_atomic_int_get (&stress->destroyed);
  const gint told = g_atomic_int_get (&stress->told);

  return told == g_atomic_int_get (&stress->started) && told == destroyed;
}

static gboolean
all_losses_are_told (Round *round)
{
  return (guint64) g_atomic_int_get (&round->stress->lost)
         >= vuc_device_get_generation (round->stress->device);
}

static gboolean
is_connected (Round *round)
{
  return vuc_device_get_state (round->stress->device) == VUC_DEVICE_CONNECTED;
}

/* ---- Threads ---- */

typedef struct
{
  Round *round;
  GMainContext *context;
} Loop;

static gpointer
run_loop (gpointer data)
{
  g_autofree Loop *loop = data;

  while (!g_atomic_int_get (&loop->round->loops_end))
    g_main_context_iteration (loop->context, TRUE);
  return NULL;
}

static void
start_loops (Round *round)
{
  Stress *stress = round->stress;

  for (guint i = 0; i < stress->scenario->n_loops; i++)
    {
      Loop *loop = g_new (Loop, 1);

      stress->contexts[i] = g_main_context_new ();
      *loop = (Loop){ round, stress->contexts[i] };
      round->loops[i] = g_thread_new ("loop", run_loop, loop);
    }
}

static void
end_loops (Round *round)
{
  Stress *stress = round->stress;

  g_atomic_int_set (&round->loops_end, 1);
  for (guint i = 0; i < stress->scenario->n_loops; i++)
    g_main_context_wakeup (stress->contexts[i]);
  for (guint i = 0; i < stress->scenario->n_loops; i++)
    g_thread_join (round->loops[i]);

  /* A device that goes in one loop may have been in another's context. */
  for (guint i = 0; i < stress->scenario->n_loops; i++)
    g_clear_pointer (&stress->contexts[i], g_main_context_unref);
}

static gpointer
run_actor (gpointer data)
{
  Actor *actor = data;
  Stress *stress = actor->stress;

  actor_play (actor);
  g_mutex_lock (&stress->lock);
  stress->n_running--;
  g_cond_broadcast (&stress->changed);
  g_mutex_unlock (&stress->lock);
  return NULL;
}

/* Slots of different sizes: the first takes half of what an actor has. */
static void
make_slots (Actor *actor, guint n_actors)
{
  const StressMemory *memory = &actor->stress->memory;
  const gsize share = memory->size / n_actors;
  const gsize small = share / 2 / (ACTOR_SLOTS - 1);
  guint64 offset = memory->offset + actor->number * share;

  slot_init (&actor->slots[0], offset, share / 2);
  offset += share / 2;
  for (guint i = 1; i < ACTOR_SLOTS; i++, offset += small)
    slot_init (&actor->slots[i], offset, small);
}

static void
add_actor (Round *round, const Role *role)
{
  Actor *actor = &round->actors[round->n_actors];

  *actor = (Actor){
    .stress = round->stress, .role = role, .number = round->n_actors, .doing = "beginning"
  };
  actor->random = (guint64) stress_random (&round->random, G_MAXINT32) << 32
                  | stress_random (&round->random, G_MAXINT32);
  actor->device = vuc_device_ref (round->stress->device);
  round->n_actors++;
}

static void
start_actors (Round *round)
{
  Stress *stress = round->stress;

  for (const Cast *cast = stress->scenario->cast; cast->role != NULL; cast++)
    for (guint i = 0; i < cast->count; i++)
      add_actor (round, cast->role);
  g_mutex_lock (&stress->lock);
  stress->n_running = round->n_actors;
  g_mutex_unlock (&stress->lock);
  stress_watch_actors (round->watch, round->actors, round->n_actors);
  for (guint i = 0; i < round->n_actors; i++)
    {
      make_slots (&round->actors[i], round->n_actors);
      round->actors[i].thread = g_thread_new ("actor", run_actor, &round->actors[i]);
    }
}

static void
end_actors (Round *round)
{
  Stress *stress = round->stress;

  g_atomic_int_set (&stress->stop, 1);
  wait_until (round, all_actors_left, "the end of the actors");
  for (guint i = 0; i < round->n_actors; i++)
    g_thread_join (g_steal_pointer (&round->actors[i].thread));
  op_clear_board (stress);
}

/* ---- The beginning ---- */

#define CONNECT_ERRORS                                                                             \
  (LOSS_ERRORS | ERROR_BIT (VUC_ERROR_CONNECT) | ERROR_BIT (VUC_ERROR_TIMED_OUT)                   \
   | ERROR_BIT (VUC_ERROR_CANCELLED) | ERROR_BIT (VUC_ERROR_INVALID_ARGUMENT))

static gboolean
try_to_reconnect (Round *round, VucDevice *device)
{
  GError *error = NULL;

  vuc_device_reconnect (device, &error);
  return stress_judge (round->stress, "reconnecting at last", error, CONNECT_ERRORS);
}

/* Sometimes the first one is cancelled, or comes to nothing, and then the same device tries. */
static VucDevice *
connect_later (Round *round, VucConfig *config)
{
  Stress *stress = round->stress;
  VucOperation operation;
  GError *error = NULL;
  VucDevice *device = vuc_device_connect_async (stress_server_get_path (stress->server), config,
                                                &operation, NULL, NULL, NULL);

  if (stress_random (&round->random, 4) == 0)
    {
      g_usleep (stress_random (&round->random, 2000));
      vuc_device_cancel (device, operation);
    }
  vuc_device_wait (device, operation, &error);
  stress_judge (stress, "connecting", error, CONNECT_ERRORS);
  return device;
}

/* The server may still begin to listen, or be in the mood to hang up. */
static VucDevice *
connect_somehow (Round *round)
{
  Stress *stress = round->stress;
  g_autoptr(VucConfig) config = stress_make_config (stress, &round->random);
  VucDevice *device = NULL;

  stress_watch_phase (round->watch, "connecting");
  if (stress_random (&round->random, 3) == 0)
    device = connect_later (round, config);
  while (device == NULL || vuc_device_get_generation (device) == 0)
    {
      GError *error = NULL;

      g_usleep (500);
      if (device != NULL)
        {
          try_to_reconnect (round, device);
          continue;
        }
      device = vuc_device_connect (stress_server_get_path (stress->server), config, &error);
      stress_judge (stress, "connecting", error, CONNECT_ERRORS);
    }
  return device;
}

/* ---- The end ---- */

/* A device that can be lost must come back, whatever has happened to it. */
static void
expect_recovery (Round *round)
{
  Stress *stress = round->stress;
  guint32 word;

  if ((stress->scenario->expected & LOSS_ERRORS) == 0)
    return;
  stress_server_calm (stress->server);
  if (stress->scenario->flags & STRESS_AUTO_RECONNECT)
    wait_until (round, is_connected, "reconnecting by itself");
  stress_watch_phase (round->watch, "coming back after a loss");
  while (!vuc_device_region_read (stress->device, stress->memory.region, stress->memory.offset,
                                  &word, sizeof word, NULL))
    {
      g_usleep (500);
      try_to_reconnect (round, stress->device);
    }
}

static void
close_device (Round *round)
{
  Stress *stress = round->stress;

  stress_watch_phase (round->watch, "closing the device");
  g_atomic_int_set (&stress->may_lose, 1);
  vuc_device_close (stress->device);
}

static void
give_back_device (Round *round)
{
  VucDevice *device = round->stress->device;

  stress_watch_phase (round->watch, "giving the device back");
  g_atomic_int_set (&round->stress->may_lose, 1);
  g_atomic_pointer_set (&round->stress->device, NULL);
  vuc_device_unref (device);
}

/* Nothing goes on any more. */
static void
check_events (Round *round)
{
  Stress *stress = round->stress;
  const guint generation = (guint) vuc_device_get_generation (stress->device);
  const guint lost = (guint) g_atomic_int_get (&stress->lost);
  const guint reconnected = (guint) g_atomic_int_get (&stress->reconnected);

  if (lost > generation || reconnected >= generation)
    stress_fail (stress,
                 "the device was connected %u times, but the events were %u times lost and "
                 "%u times reconnected",
                 generation, lost, reconnected);
}

/* All is over before the device goes. */
static void
end_quietly (Round *round)
{
  end_actors (round);
  expect_recovery (round);
  wait_until (round, all_is_told, "the end of operations");
  close_device (round);
  wait_until (round, all_losses_are_told, "the event of the loss");
  check_events (round);
  give_back_device (round);
}

/* It is closed while the actors go on; one may connect it again, and that may reset it. */
static void
end_by_closing (Round *round)
{
  stress_memory_upset_begin (&round->stress->memory);
  close_device (round);
  let_play (round, g_get_monotonic_time () + stress_random (&round->random, 3000));
  end_actors (round);
  stress_memory_upset_end (&round->stress->memory);
  close_device (round);
  wait_until (round, all_is_told, "the end of operations of a closed device");
  check_events (round);
  give_back_device (round);
}

/* The last reference goes from any thread, with operations under way. */
static void
end_by_giving_back (Round *round)
{
  give_back_device (round);
  end_actors (round);
  wait_until (round, all_is_told, "the end of operations of a device that is gone");
}

static void (*const endings[]) (Round *) = { end_quietly, end_by_closing, end_by_giving_back };

static void
choose_ending (Round *round)
{
  guint which = stress_random (&round->random, G_N_ELEMENTS (endings));

  if (round->stress->scenario->flags & STRESS_ENDS_BUSY)
    which = G_N_ELEMENTS (endings) - 1;
  endings[which](round);
}

void
stress_play_round (Stress *stress, gint64 end)
{
  g_autofree Round *round = g_new0 (Round, 1);
  const guint longest_us = stress->scenario->flags & STRESS_ENDS_BUSY ? 30000 : 300000;

  round->stress = stress;
  round->random = stress->seed * 1000003 + stress->round;
  stress_random (&round->random, 1);
  g_atomic_int_set (&stress->stop, 0);
  g_atomic_int_set (&stress->may_lose, 0);
  g_atomic_int_set (&stress->lost, 0);
  g_atomic_int_set (&stress->reconnected, 0);

  round->watch = stress_watch_start (stress);
  start_loops (round);
  g_atomic_pointer_set (&stress->device, connect_somehow (round));
  if (stress->scenario->n_loops > 0)
    vuc_device_attach (stress->device, stress->contexts[0], NULL);
  start_actors (round);
  let_play (round,
            MIN (end, g_get_monotonic_time () + 1000 + stress_random (&round->random, longest_us)));
  choose_ending (round);
  stress_watch_phase (round->watch, "ending the loops");
  end_loops (round);
  stress_watch_end (round->watch);

  for (guint i = 0; i < round->n_actors; i++)
    for (guint k = 0; k < ACTOR_SLOTS; k++)
      slot_clear (&round->actors[i].slots[k]);
}
