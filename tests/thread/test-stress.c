/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Many threads on one device: calls, operations, main loops, cancelling, deadlines, commands of the
 * server, closing and reconnecting, all at once.  Here are the scenarios; stress.h says how one is
 * played.  Knows what the library promises, not how it keeps it.
 *
 * THREAD_SECONDS says how long each scenario lasts, HARNESS_SEED which one of all the same.  With
 * THREAD_SOCKET they are played against the server that listens there, as far as it will do; its
 * memory is THREAD_SIZE bytes at THREAD_OFFSET of region THREAD_REGION.
 */

#include <stdio.h>

#include "harness/harness.h"
#include "thread/mischief.h"
#include "thread/stress-round.h"
#include "thread/stress.h"

#define DEFAULT_SECONDS 0.4
#define DEFAULT_SEED 20260
#define GRACE_SECONDS 60 /* for the end of a round: the hang of a thread is found before */

static const Scenario scenarios[] = {
  { .name = "blocking calls", .cast = { { &role_blocking, 6 }, { &role_asker, 1 } } },
  { .name = "a main loop",
    .n_loops = 1,
    .cast = { { &role_mixed, 4 }, { &role_starting, 2 }, { &role_asker, 1 } } },
  { .name = "processed by hand",
    .cast = { { &role_mixed, 2 }, { &role_starting, 2 }, { &role_processor, 2 } } },
  { .name = "cancelled",
    .flags = STRESS_SPLIT_WRITES,
    .n_loops = 1,
    .cast = { { &role_mixed, 3 }, { &role_waiting, 2 }, { &role_canceller, 2 } } },
  { .name = "attached here and there",
    .n_loops = 3,
    .cast = { { &role_mixed, 3 },
              { &role_starting, 2 },
              { &role_mover, 2 },
              { &role_processor, 1 } } },
  { .name = "at the limits, traced",
    .flags = STRESS_SMALL_LIMITS | STRESS_TRACE,
    .n_loops = 1,
    .expected = ERROR_BIT (VUC_ERROR_LIMIT),
    .cast = { { &role_mixed, 4 }, { &role_starting, 2 }, { &role_canceller, 1 } } },
  { .name = "reset",
    .n_loops = 1,
    .cast = { { &role_mixed, 4 }, { &role_resetter, 2 }, { &role_canceller, 1 } } },
  { .name = "closed and reconnected",
    .n_loops = 2,
    .expected = LOSS_ERRORS,
    .cast = { { &role_mixed, 3 },
              { &role_starting, 1 },
              { &role_interrupter, 1 },
              { &role_asker, 1 },
              { &role_canceller, 1 },
              { &role_mover, 1 } } },
  { .name = "given back while busy, with a loop",
    .flags = STRESS_ENDS_BUSY,
    .n_loops = 2,
    .cast = { { &role_starting, 4 }, { &role_mixed, 2 }, { &role_mover, 1 } } },
  { .name = "given back while busy, without",
    .flags = STRESS_ENDS_BUSY,
    .cast = { { &role_starting, 4 }, { &role_waiting, 2 } } },
  { .name = "the server dies",
    .flags = STRESS_AUTO_RECONNECT | STRESS_OWN_SERVER,
    .n_loops = 1,
    .expected = LOSS_ERRORS,
    .cast = { { &role_mixed, 3 },
              { &role_starting, 1 },
              { &role_killer, 1 },
              { &role_asker, 1 },
              { &role_reconnecter, 1 } } },
  { .name = "pinged",
    .flags = STRESS_OWN_SERVER,
    .n_loops = 1,
    .cast = { { &role_mixed, 3 }, { &role_starting, 1 }, { &role_pinger, 1 } } },
  { .name = "pinged on the main socket",
    .flags = STRESS_OWN_SERVER | STRESS_NO_TWIN,
    .n_loops = 1,
    .cast = { { &role_mixed, 2 }, { &role_waiting, 1 }, { &role_pinger, 1 } } },
  { .name = "replies in pieces, commands of the server",
    .server = STRESS_SERVER_MISCHIEF,
    .mischief = MISCHIEF_SPLIT | MISCHIEF_COMMANDS,
    .n_loops = 1,
    .cast = { { &role_mixed, 4 }, { &role_resetter, 1 }, { &role_canceller, 1 } } },
  { .name = "commands of the server on the main socket",
    .server = STRESS_SERVER_MISCHIEF,
    .mischief = MISCHIEF_SPLIT | MISCHIEF_COMMANDS,
    .flags = STRESS_NO_TWIN | STRESS_TRACE,
    .cast = { { &role_mixed, 3 }, { &role_starting, 1 }, { &role_processor, 1 } } },
  /* One that was begun when the deadline came ends the connection, and on a busy machine it may. */
  { .name = "late replies",
    .server = STRESS_SERVER_MISCHIEF,
    .mischief = MISCHIEF_LATE | MISCHIEF_COMMANDS,
    .timeout_ms = 40,
    .n_loops = 1,
    .expected = ERROR_BIT (VUC_ERROR_TIMED_OUT) | LOSS_ERRORS,
    .cast = { { &role_mixed, 4 },
              { &role_waiting, 1 },
              { &role_canceller, 1 },
              { &role_reconnecter, 1 } } },
  { .name = "a server that hangs up",
    .server = STRESS_SERVER_MISCHIEF,
    .mischief = MISCHIEF_HANG_UP | MISCHIEF_SPLIT | MISCHIEF_COMMANDS | MISCHIEF_LATE,
    .n_loops = 2,
    .expected = LOSS_ERRORS,
    .cast = { { &role_mixed, 3 },
              { &role_starting, 1 },
              { &role_reconnecter, 2 },
              { &role_canceller, 1 },
              { &role_mover, 1 },
              { &role_resetter, 1 } } },
};

/* ---- Settings ---- */

static double
get_seconds (void)
{
  const char *text = g_getenv ("THREAD_SECONDS");

  return text != NULL ? g_ascii_strtod (text, NULL) : DEFAULT_SECONDS;
}

static guint64
get_number (const char *name, guint64 otherwise)
{
  const char *text = g_getenv (name);

  return text != NULL ? g_ascii_strtoull (text, NULL, 0) : otherwise;
}

static StressServer *
start_server (const Scenario *scenario, guint64 seed)
{
  if (g_getenv ("THREAD_SOCKET") != NULL)
    return stress_server_start (STRESS_SERVER_EXTERNAL, 0, seed);
  return stress_server_start (scenario->server, scenario->mischief, seed);
}

/* ---- A scenario ---- */

/* For who runs it at length and wants to know what was done; else the test is silent. */
static void
print_figures (const Stress *stress)
{
  g_autoptr(GString) text = g_string_new (NULL);

  if (g_getenv ("THREAD_SECONDS") == NULL)
    return;
  g_string_append_printf (text, "# %s: %u rounds, %d operations, %d successes",
                          stress->scenario->name, stress->round, stress->started, stress->n_ok);
  for (guint i = 0; i < G_N_ELEMENTS (stress->n_errors); i++)
    if (stress->n_errors[i] > 0)
      g_string_append_printf (text, ", %d × error %u", stress->n_errors[i], i);
  printf ("%s\n", text->str);
  fflush (stdout);
}

static void
everything_ends_once (gconstpointer row)
{
  const Scenario *scenario = row;
  const guint64 seed = get_number ("HARNESS_SEED", DEFAULT_SEED);
  const gint64 end = g_get_monotonic_time () + (gint64) (get_seconds () * G_USEC_PER_SEC);
  g_autofree Stress *stress = g_new0 (Stress, 1);
  g_autofree char *why = NULL;

  if (g_getenv ("THREAD_SOCKET") != NULL
      && (scenario->server != STRESS_SERVER_DEMO || (scenario->flags & STRESS_OWN_SERVER)))
    harness_skip ("not with the server of THREAD_SOCKET");

  stress->scenario = scenario;
  stress->seed = seed;
  stress->server = start_server (scenario, seed);
  g_mutex_init (&stress->lock);
  g_cond_init (&stress->changed);
  stress_memory_init (&stress->memory, (guint32) get_number ("THREAD_REGION", VUC_PCI_BAR2_REGION),
                      get_number ("THREAD_OFFSET", 0), get_number ("THREAD_SIZE", 65536));

  do
    {
      harness_context ("HARNESS_SEED=%" G_GUINT64_FORMAT ", round %u", seed, stress->round);
      stress_play_round (stress, end);
      stress->round++;
    }
  while (stress->why == NULL && g_get_monotonic_time () < end);

  if (stress->started != stress->told || stress->started != stress->destroyed)
    stress_fail (stress, "%d operations were started, %d told and %d destroyed", stress->started,
                 stress->told, stress->destroyed);
  why = stress_memory_clear (&stress->memory);
  if (why != NULL)
    stress_fail (stress, "%s", why);
  print_figures (stress);

  g_mutex_clear (&stress->lock);
  g_cond_clear (&stress->changed);
  if (stress->why != NULL)
    harness_note ("%s", stress->why);
  stress_server_stop (stress->server);
  if (stress->why != NULL)
    harness_fail ("%s", stress->why);
}

static const HarnessCase cases[] = { HARNESS_ROWS (everything_ends_once, scenarios), HARNESS_END };

int
main (int argc, char **argv)
{
  g_autofree char *timeout = g_strdup_printf ("%.0f", get_seconds () + GRACE_SECONDS);

  g_setenv ("HARNESS_TIMEOUT", timeout, g_getenv ("THREAD_SECONDS") != NULL);
  return harness_main (argc, argv, "stress", cases);
}
