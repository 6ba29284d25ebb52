/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Ranges of bytes, {start, length}, that a peer named.  Nothing here can overflow: a range that
 * would end above 2^64 is no range, and is inside nothing.  Knows nothing of vfio-user.  Any
 * thread.
 */

#ifndef VUC_RANGE_H
#define VUC_RANGE_H

#include <glib.h>

/* Whether start + length can be said in 64 bits. */
static inline gboolean
vuc_range_is_valid (guint64 start, guint64 length)
{
  return start <= G_MAXUINT64 - length;
}

/* Whether {start, length} lies wholly inside {outer_start, outer_length}. */
static inline gboolean
vuc_range_is_inside (guint64 start, guint64 length, guint64 outer_start, guint64 outer_length)
{
  return vuc_range_is_valid (start, length) && vuc_range_is_valid (outer_start, outer_length)
         && start >= outer_start && start + length <= outer_start + outer_length;
}

/* Whether two valid ranges share a byte; an empty one shares none. */
static inline gboolean
vuc_range_overlaps (guint64 a_start, guint64 a_length, guint64 b_start, guint64 b_length)
{
  return a_length > 0 && b_length > 0 && a_start < b_start + b_length
         && b_start < a_start + a_length;
}

#endif /* VUC_RANGE_H */
