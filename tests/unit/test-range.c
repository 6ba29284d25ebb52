/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Ranges, above all at both ends of 64 bits.
 */

#include "base/range.h"

#include "harness/harness.h"

#define TOP G_MAXUINT64

static void
a_range_ends_below_2_to_the_64 (void)
{
  ck_assert (vuc_range_is_valid (0, 0));
  ck_assert (vuc_range_is_valid (0, TOP));
  ck_assert (vuc_range_is_valid (TOP, 0));
  ck_assert (vuc_range_is_valid (TOP - 1, 1));

  ck_assert (!vuc_range_is_valid (TOP, 1));
  ck_assert (!vuc_range_is_valid (1, TOP));
  ck_assert (!vuc_range_is_valid (TOP, TOP));
}

typedef struct
{
  const char *name;
  guint64 start, length;
  guint64 outer_start, outer_length;
  gboolean inside;
} Inside;

static const Inside insides[] = {
  { "the same", 4, 8, 4, 8, TRUE },
  { "the first byte", 4, 1, 4, 8, TRUE },
  { "the last byte", 11, 1, 4, 8, TRUE },
  { "one byte before", 3, 1, 4, 8, FALSE },
  { "one byte after", 12, 1, 4, 8, FALSE },
  { "begins before", 3, 2, 4, 8, FALSE },
  { "ends after", 11, 2, 4, 8, FALSE },
  { "more than all", 0, 16, 4, 8, FALSE },
  { "empty, at the start", 4, 0, 4, 8, TRUE },
  { "empty, at the end", 12, 0, 4, 8, TRUE },
  { "empty, before", 3, 0, 4, 8, FALSE },
  { "empty, after", 13, 0, 4, 8, FALSE },
  { "nothing in nothing", 0, 0, 0, 0, TRUE },
  { "a byte in nothing", 0, 1, 0, 0, FALSE },
  { "at the top", TOP - 8, 8, TOP - 16, 16, TRUE },
  { "wraps into it", TOP, 9, 4, 8, FALSE },
  { "in one that wraps", 4, 4, TOP, 16, FALSE },
  { "all there is", 0, TOP, 0, TOP, TRUE },
};

static void
inside_is_wholly_inside (gconstpointer row)
{
  const Inside *r = row;

  ck_assert_int_eq (vuc_range_is_inside (r->start, r->length, r->outer_start, r->outer_length),
                    r->inside);
}

typedef struct
{
  const char *name;
  guint64 a_start, a_length;
  guint64 b_start, b_length;
  gboolean overlap;
} Overlap;

static const Overlap overlaps[] = {
  { "the same", 4, 8, 4, 8, TRUE },
  { "one inside the other", 4, 8, 6, 1, TRUE },
  { "share one byte", 4, 8, 11, 8, TRUE },
  { "touch", 4, 8, 12, 8, FALSE },
  { "apart", 4, 8, 100, 8, FALSE },
  { "an empty one inside", 4, 8, 6, 0, FALSE },
  { "both empty at the same place", 4, 0, 4, 0, FALSE },
  { "share the last byte that there is", TOP - 8, 8, TOP - 1, 1, TRUE },
  { "touch at the top", TOP - 8, 4, TOP - 4, 4, FALSE },
  { "all and its last byte", 0, TOP, TOP - 1, 1, TRUE },
};

static void
to_overlap_is_to_share_a_byte (gconstpointer row)
{
  const Overlap *r = row;

  ck_assert_int_eq (vuc_range_overlaps (r->a_start, r->a_length, r->b_start, r->b_length),
                    r->overlap);
  ck_assert_int_eq (vuc_range_overlaps (r->b_start, r->b_length, r->a_start, r->a_length),
                    r->overlap);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_range_ends_below_2_to_the_64),
  HARNESS_ROWS (inside_is_wholly_inside, insides),
  HARNESS_ROWS (to_overlap_is_to_share_a_byte, overlaps),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "range", cases);
}
