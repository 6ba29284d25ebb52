/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Waiting for a descriptor with a timeout that need not be exact.  Does not know what is waited for.
 * One thread at a time.
 *
 * A timeout of poll is a timer that the kernel starts and stops again, each time, which is a tenth of
 * what a whole round trip to another process takes.  So here poll has none, but a second descriptor:
 * a timer that is set once for many waits, far enough ahead, and is only moved when it would end the
 * next one too soon.  When nobody waits it fires once, and nobody hears it.
 */

#include "access/coarse-timer.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

void
vuc_coarse_timer_init (VucCoarseTimer *timer)
{
  timer->fd = -1;
  timer->at = 0;
}

void
vuc_coarse_timer_clear (VucCoarseTimer *timer)
{
  if (timer->fd >= 0)
    close (timer->fd);
}

/* Setting it forgets that it has fired.  FALSE if there is none. */
static gboolean
set (VucCoarseTimer *timer, gint64 at)
{
  struct itimerspec when = { .it_value = { .tv_sec = at / G_USEC_PER_SEC,
                                           .tv_nsec = at % G_USEC_PER_SEC * 1000 } };

  if (timer->fd < 0)
    timer->fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (timer->fd < 0 || timerfd_settime (timer->fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
    return FALSE;
  timer->at = at;
  return TRUE;
}

static gboolean
poll_with_timeout (int fd, short events, gint64 us)
{
  const struct timespec timeout = { .tv_sec = us / G_USEC_PER_SEC,
                                    .tv_nsec = us % G_USEC_PER_SEC * 1000 };
  struct pollfd ready = { .fd = fd, .events = events };

  return ppoll (&ready, 1, &timeout, NULL) > 0;
}

gboolean
vuc_coarse_timer_poll (VucCoarseTimer *timer, int fd, short events, gint64 now, gint64 us)
{
  struct pollfd ready[] = { { .fd = fd, .events = events }, { .events = POLLIN } };

  if (timer->at < now + us && !set (timer, now + 2 * us))
    return poll_with_timeout (fd, events, us);
  ready[1].fd = timer->fd;
  return ppoll (ready, G_N_ELEMENTS (ready), NULL, NULL) > 0 && ready[0].revents != 0;
}
