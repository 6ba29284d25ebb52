/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Polling before sleeping, for servers that answer sooner than a thread can be put to sleep and
 * woken.  Does not know what comes.  By the holder of the reader role, with the lock held; it is off
 * during each receive.
 *
 * How long it pays is learned, as KVM does for its halted processors.  Where a reply came soon after
 * the reader had gone to sleep the window doubles, where it came later than the longest window would
 * have lasted the window is halved, down to nothing.  One thing is different here: the server may
 * have to share our processor.  Then it answers as soon as we sleep, whenever that is, so every window
 * seems to have been just too short.  So a row of windows in which nothing came, long enough to have
 * grown from the shortest to the longest, ends polling for a while, and each such row for longer.
 *
 * A reader that polls needs no waking.  The lock is free most of the time, for those who send,
 * cancel, revoke, or begin to wait; and after each try everything is looked at again that could have
 * woken the reader from a sleep:
 *
 *   its task ended or due, the connection dead    it stops
 *   output blocked, an answer in the way          it stops: only a poll knows when there is room
 *   the server hung up, or reads no more          the receive says so, as ever
 *   what was held back may be looked at           the receive begins with that
 *   the twin socket                               it is tried, too, at each TWIN_EVERYth time
 *   its deadline                                  it stops then
 *
 * The deadline of a message that has begun is looked at when the window is over, so it may pass by
 * that much.
 */

#include "session/spin.h"

#include <sched.h>

#include "session/session-private.h"

/* The first window, in microseconds: about what it takes to wake a thread on another processor. */
#define SHORTEST_US 10

/* More than it takes to double the shortest window up to VUC_LIMIT_POLL_US. */
#define MAX_MISSES 10

/* How many waits do not poll then. */
#define PAUSE_MIN 64
#define PAUSE_MAX 4096

/* Replies come on the main socket; what comes on the twin is needed for them now and then. */
#define TWIN_EVERY 4

/* How many windows a thread polls for between two looks at where it may run. */
#define WINDOWS_PER_LOOK 64

/* --- What pays --- */

static void
begin_pause (VucSpin *spin)
{
  spin->window_us = spin->misses = 0;
  spin->pause = MAX (spin->next_pause, PAUSE_MIN);
  spin->next_pause = MIN (2 * spin->pause, PAUSE_MAX);
}

void
vuc_spin_note (VucSpin *spin, guint max_us, gint64 waited_us, gboolean hit)
{
  guint shortest = MIN (SHORTEST_US, max_us);

  if (hit)
    {
      spin->misses = spin->next_pause = 0;
      return;
    }
  if (spin->pause > 0)
    {
      spin->pause--;
      return;
    }
  if (spin->window_us > 0 && ++spin->misses == MAX_MISSES)
    begin_pause (spin);
  else if (waited_us < max_us)
    spin->window_us = spin->window_us > 0 ? MIN (2 * spin->window_us, max_us) : shortest;
  else
    spin->window_us = spin->window_us / 2 >= shortest ? spin->window_us / 2 : 0;
}

/* --- Where it may run --- */

/* What this thread knows of itself: one more than the windows until it looks again, or less than
 * zero if it may run on one processor only. */
static GPrivate next_look;

static gboolean
may_run_on_one_only (void)
{
  cpu_set_t set;

  /* A machine may have more processors than the set: then it has enough. */
  return sched_getaffinity (0, sizeof set, &set) == 0 && CPU_COUNT (&set) == 1;
}

/* A window without another processor for the server only keeps it from answering.  A system call
 * costs about as much as a receive in vain, so it is asked once in WINDOWS_PER_LOOK windows. */
static gboolean
is_alone (void)
{
  int left = GPOINTER_TO_INT (g_private_get (&next_look));
  gboolean alone = left < 0;

  left = ABS (left);
  if (left <= 1)
    {
      alone = may_run_on_one_only ();
      left = WINDOWS_PER_LOOK + 1;
    }
  left--;
  g_private_set (&next_look, GINT_TO_POINTER (alone ? -left : left));
  return alone;
}

/* --- Polling --- */

static void
pause_processor (void)
{
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause ();
#elif defined __aarch64__ || defined __arm__
  __asm__ volatile("yield");
#endif
}

/* Whether a receive is all that the reader could do. */
static gboolean
needs_no_poll_locked (const VucSession *session)
{
  const VucLane *twin = session->twin;

  return !session->held && !session->lane.blocked && !vuc_serving_has_answer (&session->lane)
         && (twin == NULL || !vuc_serving_has_answer (twin));
}

static gboolean
try_to_take_locked (VucSession *session, guint n)
{
  if (n % TWIN_EVERY == TWIN_EVERY - 1 && session->twin != NULL)
    {
      session->twin->ready = TRUE;
      if (vuc_session_take_one_locked (session, session->twin, FALSE))
        return TRUE;
    }
  session->lane.ready = TRUE;
  return vuc_session_take_one_locked (session, &session->lane, FALSE);
}

/* Until something was dealt with, or there is another reason to stop. */
static gboolean
poll_sockets_locked (VucSession *session, const VucTask *task, gint64 until)
{
  gboolean came = FALSE;

  session->spins = TRUE;
  for (guint n = 0; vuc_session_must_read_locked (session, task) && needs_no_poll_locked (session);
       n++)
    {
      came = try_to_take_locked (session, n);
      if (came || g_get_monotonic_time () >= until)
        break;
      pause_processor ();
    }
  session->spins = FALSE;
  return came;
}

gboolean
vuc_spin_locked (VucSession *session, const VucTask *task, gint64 *began)
{
  gint64 until;

  if (is_alone () || !needs_no_poll_locked (session))
    return FALSE;
  *began = g_get_monotonic_time ();
  if (session->spin.window_us == 0)
    return FALSE;

  until = MIN (*began + session->spin.window_us, task->deadline);
  if (!poll_sockets_locked (session, task, until))
    return !vuc_session_must_read_locked (session, task);
  vuc_spin_note (&session->spin, session->options.poll_us, 0, TRUE);
  return TRUE;
}

void
vuc_spin_note_sleep_locked (VucSession *session, gint64 began)
{
  vuc_spin_note (&session->spin, session->options.poll_us, g_get_monotonic_time () - began, FALSE);
}
