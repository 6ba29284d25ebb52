/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How long a reader polls before it sleeps: what is learned from each wait.
 */

#include "harness/harness.h"
#include "session/spin.h"

#define MAX_US 1000

/* A wait after which something came: so long in microseconds, or HIT. */
#define HIT (-1)

static void
note (VucSpin *spin, gint64 waited_us)
{
  vuc_spin_note (spin, MAX_US, waited_us, waited_us == HIT);
}

static const struct
{
  const char *name;
  guint window_us;
  gint64 waited_us;
  guint then_us;
} windows[] = {
  { "the first that could pay is short", 0, 50, 10 },
  { "a server that takes longer than the longest is not polled for", 0, MAX_US, 0 },
  { "a hit leaves the window alone", 40, HIT, 40 },
  { "what came soon after it doubles it", 40, 60, 80 },
  { "what came just before the longest doubles it, too", 40, MAX_US - 1, 80 },
  { "what took longer than the longest halves it", 40, MAX_US, 20 },
  { "it never gets longer than the longest", 640, 700, MAX_US },
  { "nor does that", MAX_US, MAX_US - 1, MAX_US },
  { "less than the first is nothing", 10, 5000, 0 },
};

static void
a_window_changes_with_what_came (gconstpointer row)
{
  const __typeof__ (windows[0]) *window = row;
  VucSpin spin = { .window_us = window->window_us };

  note (&spin, window->waited_us);
  ck_assert_uint_eq (spin.window_us, window->then_us);
}

static void
a_longest_window_below_the_first_is_the_first (void)
{
  VucSpin spin = { 0 };

  vuc_spin_note (&spin, 3, 2, FALSE);
  ck_assert_uint_eq (spin.window_us, 3);
  vuc_spin_note (&spin, 3, 2, FALSE);
  ck_assert_uint_eq (spin.window_us, 3);
  vuc_spin_note (&spin, 3, 3, FALSE);
  ck_assert_uint_eq (spin.window_us, 0);
}

static void
a_window_grows_from_nothing_to_the_longest (void)
{
  VucSpin spin = { 0 };

  for (guint i = 0; i < 8; i++)
    note (&spin, MAX_US - 1);
  ck_assert_uint_eq (spin.window_us, MAX_US);
  for (guint i = 0; i < 100; i++)
    note (&spin, HIT);
  ck_assert_uint_eq (spin.window_us, MAX_US);
}

/* A server that has our processor only once we sleep: it answers just after each window. */
static guint
count_polls (VucSpin *spin, guint n_waits)
{
  guint n = 0;

  for (guint i = 0; i < n_waits; i++)
    {
      n += spin->window_us > 0;
      note (spin, MIN (spin->window_us + 10, MAX_US));
    }
  return n;
}

static void
windows_that_never_pay_become_rare (void)
{
  VucSpin spin = { 0 };

  /* One to begin with, ten in vain, and 64 without. */
  ck_assert_uint_eq (count_polls (&spin, 1 + 10 + 64), 10);
  ck_assert_uint_eq (spin.window_us, 0);
  ck_assert_uint_eq (count_polls (&spin, 1 + 10 + 128), 10);
  count_polls (&spin, 100000);
  ck_assert_uint_le (count_polls (&spin, 3 * (1 + 10 + 4096)), 3 * 10);
}

static void
a_hit_forgives_the_misses_before (void)
{
  VucSpin spin = { 0 };

  count_polls (&spin, 1 + 10 + 64 + 1 + 9);
  note (&spin, HIT);
  ck_assert_uint_eq (count_polls (&spin, 9), 9);
  ck_assert_uint_gt (spin.window_us, 0);

  /* And the pause is the shortest again. */
  note (&spin, 20);
  ck_assert_uint_eq (spin.window_us, 0);
  ck_assert_uint_eq (count_polls (&spin, 64 + 1), 0);
  ck_assert_uint_gt (spin.window_us, 0);
}

static const HarnessCase cases[] = { HARNESS_ROWS (a_window_changes_with_what_came, windows),
                                     HARNESS_CASE (a_longest_window_below_the_first_is_the_first),
                                     HARNESS_CASE (a_window_grows_from_nothing_to_the_longest),
                                     HARNESS_CASE (windows_that_never_pay_become_rare),
                                     HARNESS_CASE (a_hit_forgives_the_misses_before),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "spin", cases);
}
