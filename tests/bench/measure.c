/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Takes the slices of a figure in turns, and prints its line.  Does not know what they do.  Main
 * thread.
 */

#include "bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Fewer where the figure does not count: a round trip across CPUs takes several times as long. */
#define N_SLICES          60
#define N_SLICES_REPORTED 10

const Placement one_cpu = { "one-cpu", 0 };
const Placement two_cpus = { "two-cpus", 1 };

static gint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static double
time_slice (Slice slice, Subject *subject, guint count)
{
  gint64 begin = now_ns ();

  slice (subject, count);
  return (double) (now_ns () - begin) / count;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static double
median (double *values, gsize n)
{
  qsort (values, n, sizeof *values, compare_doubles);
  return values[n / 2];
}

void
measure_skip (const Placement *placement, const char *name, const char *bound, const char *why)
{
  printf ("BENCH %s - %s skipped - - %s (%s)\n", name, bound, placement->name, why);
  fflush (stdout);
}

void
measure_report (const Placement *placement,
                const char *name,
                double ratio,
                const char *bound,
                gboolean ok,
                double library,
                double bare)
{
  /* What takes no nanosecond still has a figure. */
  int digits = MIN (library, bare) < 10 ? 2 : 0;

  printf ("BENCH %s %.3f %s %s %.*f %.*f %s\n", name, ratio, bound, ok ? "ok" : "short", digits,
          library, digits, bare, placement->name);
  fflush (stdout);
}

static void
format_bound (const Figure *figure, gboolean counts, char *text, gsize size)
{
  if (counts && figure->bound > 0)
    g_snprintf (text, size, "%s%.2f", figure->at_least ? ">=" : "<=", figure->bound);
  else
    g_strlcpy (text, "-", size);
}

void
measure (const Figure *figure, Subject *subject)
{
  gboolean counts = figure->across == (subject->placement == &two_cpus);
  guint n_slices = figure->n_slices > 0 ? figure->n_slices : counts ? N_SLICES : N_SLICES_REPORTED;
  double library[N_SLICES], bare[N_SLICES], ratios[N_SLICES];
  g_autofree char *hindrance = NULL;
  double ratio;
  gboolean ok;
  char bound[32];

  format_bound (figure, counts, bound, sizeof bound);
  if (figure->setting != NULL)
    hindrance = figure->setting->begin (subject);
  if (hindrance != NULL)
    {
      measure_skip (subject->placement, figure->name, bound, hindrance);
      return;
    }

  /* Caches, and the first of everything. */
  time_slice (figure->library, subject, figure->per_slice / 2 + 1);
  time_slice (figure->bare, subject, figure->per_slice / 2 + 1);

  for (guint i = 0; i < n_slices; i++)
    {
      library[i] = time_slice (figure->library, subject, figure->per_slice);
      bare[i] = time_slice (figure->bare, subject, figure->per_slice);
      ratios[i] = figure->at_least ? bare[i] / library[i] : library[i] / bare[i];
    }
  if (figure->setting != NULL)
    figure->setting->end (subject);

  ratio = median (ratios, n_slices);
  ok = !counts || figure->bound <= 0
       || (figure->at_least ? ratio >= figure->bound : ratio <= figure->bound);
  measure_report (subject->placement, figure->name, ratio, bound, ok, median (library, n_slices),
                  median (bare, n_slices));
}
