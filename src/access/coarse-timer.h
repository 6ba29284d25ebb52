/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Waiting for a descriptor with a timeout that need not be exact, again and again, for little.  One
 * thread at a time.
 */

#ifndef VUC_COARSE_TIMER_H
#define VUC_COARSE_TIMER_H

#include <glib.h>

typedef struct
{
  int fd;    /* a timerfd; -1: not made yet */
  gint64 at; /* g_get_monotonic_time() at which it fires, or has; 0: it was never set */
} VucCoarseTimer;

void vuc_coarse_timer_init (VucCoarseTimer *timer);
void vuc_coarse_timer_clear (VucCoarseTimer *timer);

/* now: g_get_monotonic_time().  Polls fd for these events until it is ready, a signal has come, or between us and twice as many
 * microseconds have passed.  Returns whether fd is ready. */
gboolean vuc_coarse_timer_poll (VucCoarseTimer *timer, int fd, short events, gint64 now, gint64 us);

#endif /* VUC_COARSE_TIMER_H */
