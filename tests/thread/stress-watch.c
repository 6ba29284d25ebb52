/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The watch.  Knows what threads say of themselves, not what they wait for.  It must not call the
 * library, which may be what hangs.
 */

#include "thread/stress-watch.h"

#include "conversation/connect.h"

#define HANG_US (20 * G_USEC_PER_SEC)
#define HANG_UNDER_VALGRIND_US (100 * G_USEC_PER_SEC)
#define TICK_US 100000

typedef struct
{
  gint progress;
  gint64 since;
} Seen;

/* All but the thread is guarded by the lock of the stress. */
struct _StressWatch
{
  Stress *stress;
  GThread *thread;
  gint64 patience_us;
  gboolean ends;

  const char *phase;
  gint64 phase_begin;

  Actor *actors;
  guint n_actors;
  Seen seen[STRESS_MAX_ACTORS];
};

static void G_GNUC_NORETURN
report_hang_locked (StressWatch *watch, const char *what)
{
  g_autoptr(GString) text = g_string_new (NULL);
  Stress *stress = watch->stress;

  for (guint i = 0; i < watch->n_actors; i++)
    g_string_append_printf (text, "\n  actor %u: %s, %d steps done", i,
                            (const char *) g_atomic_pointer_get (&watch->actors[i].doing),
                            g_atomic_int_get (&watch->actors[i].progress));
  g_error ("%s: %s: hangs (HARNESS_SEED=%" G_GUINT64_FORMAT ", round %u); %d operations started, "
           "%d told, %d destroyed%s\n  failure: %s",
           stress->scenario->name, what, stress->seed, stress->round,
           g_atomic_int_get (&stress->started), g_atomic_int_get (&stress->told),
           g_atomic_int_get (&stress->destroyed), text->str,
           stress->why != NULL ? stress->why : "none before");
}

static void
look_after_actors_locked (StressWatch *watch)
{
  const gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < watch->n_actors; i++)
    {
      const gint progress = g_atomic_int_get (&watch->actors[i].progress);
      Seen *seen = &watch->seen[i];

      if (seen->since == 0 || progress != seen->progress)
        *seen = (Seen){ progress, now };
      else if (now - seen->since > watch->patience_us)
        report_hang_locked (watch, "an actor");
    }
}

static gpointer
run_watch (gpointer data)
{
  StressWatch *watch = data;
  Stress *stress = watch->stress;

  g_mutex_lock (&stress->lock);
  while (!watch->ends)
    {
      g_cond_wait_until (&stress->changed, &stress->lock, g_get_monotonic_time () + TICK_US);
      if (watch->phase != NULL && g_get_monotonic_time () - watch->phase_begin > watch->patience_us)
        report_hang_locked (watch, watch->phase);
      if (stress->n_running > 0)
        look_after_actors_locked (watch);
    }
  g_mutex_unlock (&stress->lock);
  return NULL;
}

StressWatch *
stress_watch_start (Stress *stress)
{
  StressWatch *watch = g_new0 (StressWatch, 1);

  watch->stress = stress;
  watch->patience_us = runs_under_valgrind () ? HANG_UNDER_VALGRIND_US : HANG_US;
  watch->thread = g_thread_new ("watch", run_watch, watch);
  return watch;
}

void
stress_watch_end (StressWatch *watch)
{
  g_mutex_lock (&watch->stress->lock);
  watch->ends = TRUE;
  g_cond_broadcast (&watch->stress->changed);
  g_mutex_unlock (&watch->stress->lock);
  g_thread_join (watch->thread);
  g_free (watch);
}

void
stress_watch_phase (StressWatch *watch, const char *phase)
{
  g_mutex_lock (&watch->stress->lock);
  watch->phase = phase;
  watch->phase_begin = g_get_monotonic_time ();
  g_mutex_unlock (&watch->stress->lock);
}

void
stress_watch_actors (StressWatch *watch, Actor *actors, guint n_actors)
{
  g_mutex_lock (&watch->stress->lock);
  watch->actors = actors;
  watch->n_actors = n_actors;
  g_mutex_unlock (&watch->stress->lock);
}
