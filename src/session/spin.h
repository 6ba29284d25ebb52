/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How long a reader polls before it sleeps: the memory of what paid off, a pure state machine.
 */

#ifndef VUC_SPIN_H
#define VUC_SPIN_H

#include <glib.h>

typedef struct
{
  guint window_us;  /* how long to poll; 0: not at all */
  guint misses;     /* windows in a row in which nothing came */
  guint pause;      /* waits that are still to come without polling */
  guint next_pause; /* how many the next pause has; 0: the fewest */
} VucSpin;

/* After a wait of so many microseconds: whether what came did so while it polled.  max_us: the
 * longest window. */
void vuc_spin_note (VucSpin *spin, guint max_us, gint64 waited_us, gboolean hit);

#endif /* VUC_SPIN_H */
