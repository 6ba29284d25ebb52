/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Waiting with a timeout that need not be exact: that it is never too short, and ends; and that what
 * is ready is found, whatever has become of the timer meanwhile.
 */

#include "access/coarse-timer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness/harness.h"

#define SHORT_US 2000

typedef struct
{
  VucCoarseTimer timer;
  int fd;
} Fixture;

static Fixture
begin (void)
{
  Fixture fixture = { .fd = eventfd (0, EFD_CLOEXEC) };

  vuc_coarse_timer_init (&fixture.timer);
  return fixture;
}

static void
end (Fixture *fixture)
{
  vuc_coarse_timer_clear (&fixture->timer);
  close (fixture->fd);
}

/* Returns whether it was ready; else so long was waited. */
static gboolean
is_ready (Fixture *fixture)
{
  gint64 now = g_get_monotonic_time ();
  gboolean ready = vuc_coarse_timer_poll (&fixture->timer, fixture->fd, POLLIN, now, SHORT_US);

  if (!ready)
    ck_assert_int_ge (g_get_monotonic_time () - now, SHORT_US);
  return ready;
}

static void
nothing_ready_ends_after_the_time (void)
{
  Fixture fixture = begin ();

  for (guint i = 0; i < 20; i++)
    ck_assert (!is_ready (&fixture));
  end (&fixture);
}

static void
what_is_ready_is_found (void)
{
  Fixture fixture = begin ();
  eventfd_t count;

  for (guint i = 0; i < 20; i++)
    {
      ck_assert_int_eq (eventfd_write (fixture.fd, 1), 0);
      ck_assert (is_ready (&fixture));
      ck_assert_int_eq (eventfd_read (fixture.fd, &count), 0);
    }
  end (&fixture);
}

/* It has fired while nobody waited. */
static void
an_old_timer_is_set_anew (void)
{
  Fixture fixture = begin ();

  ck_assert (!is_ready (&fixture));
  while (g_get_monotonic_time () <= fixture.timer.at + SHORT_US)
    g_usleep (SHORT_US);
  ck_assert (!is_ready (&fixture));
  end (&fixture);
}

static void
what_is_ready_is_found_although_the_time_is_over (void)
{
  Fixture fixture = begin ();

  ck_assert (!is_ready (&fixture));
  ck_assert_int_eq (eventfd_write (fixture.fd, 1), 0);
  while (g_get_monotonic_time () <= fixture.timer.at)
    g_usleep (SHORT_US);
  ck_assert (is_ready (&fixture));
  end (&fixture);
}

/* Many waits set it now and then. */
static void
waits_in_a_row_share_a_timer (void)
{
  Fixture fixture = begin ();
  guint n_set = 0;
  gint64 at = 0;

  ck_assert_int_eq (eventfd_write (fixture.fd, 1), 0);
  for (guint i = 0; i < 1000; i++)
    {
      ck_assert (vuc_coarse_timer_poll (&fixture.timer, fixture.fd, POLLIN, 1000 + i, 10000));
      n_set += fixture.timer.at != at;
      at = fixture.timer.at;
    }
  ck_assert_uint_eq (n_set, 1);
  end (&fixture);
}

static const HarnessCase cases[]
  = { HARNESS_CASE (nothing_ready_ends_after_the_time), HARNESS_CASE (what_is_ready_is_found),
      HARNESS_CASE (an_old_timer_is_set_anew),
      HARNESS_CASE (what_is_ready_is_found_although_the_time_is_over),
      HARNESS_CASE (waits_in_a_row_share_a_timer), HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "coarse-timer", cases);
}
