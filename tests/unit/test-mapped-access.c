/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Loads and stores in shared memory: the right bytes at every width and alignment, nothing beside
 * them, and no tearing of what is aligned.
 */

#include "access/mapped-access.h"

#include <string.h>

#include "harness/harness.h"

#define SIZE 64
#define MOST 40

static void
every_length_at_every_alignment_is_copied (void)
{
  for (gsize offset = 0; offset < 16; offset++)
    for (gsize count = 0; count <= MOST; count++)
      {
        guint8 memory[SIZE] __attribute__ ((aligned (16)));
        guint8 expected[SIZE], data[MOST], back[MOST + 1];

        harness_context ("%" G_GSIZE_FORMAT " bytes at %" G_GSIZE_FORMAT, count, offset);
        memset (memory, 0xee, sizeof memory);
        memset (expected, 0xee, sizeof expected);
        memset (back, 0xdd, sizeof back);
        for (gsize i = 0; i < count; i++)
          expected[offset + i] = data[i] = (guint8) (i + 1);

        vuc_mapped_store (memory + offset, data, count);
        ck_assert_mem_eq (memory, expected, SIZE);
        vuc_mapped_load (memory + offset, back, count);
        ck_assert_mem_eq (back, data, count);
        ck_assert_uint_eq (back[count], 0xdd);
      }
}

/* ---- Tearing: one thread stores a pattern of equal bytes, the other must see equal bytes. ---- */

#define N_STORES 200000

static guint64 shared;
static gint stop;

static gpointer
keep_storing (gpointer data)
{
  gsize width = GPOINTER_TO_SIZE (data);

  for (guint i = 0; i < N_STORES; i++)
    {
      guint8 bytes[8];

      memset (bytes, (int) (i & 0xff), sizeof bytes);
      vuc_mapped_store ((guint8 *) &shared, bytes, width);
    }
  g_atomic_int_set (&stop, TRUE);
  return NULL;
}

typedef struct
{
  const char *name;
  gsize width;
} Width;

static const Width widths[] = { { "2", 2 }, { "4", 4 }, { "8", 8 } };

static void
what_is_aligned_does_not_tear (gconstpointer row)
{
  gsize width = ((const Width *) row)->width;
  GThread *thread;
  guint n_loads = 0;

  if (width > sizeof (gpointer))
    harness_skip ("this host loads %u bytes at once", (guint) sizeof (gpointer));
  shared = 0; /* what a narrower row has left has bytes that differ */
  g_atomic_int_set (&stop, FALSE);
  thread = g_thread_new ("stores", keep_storing, GSIZE_TO_POINTER (width));
  do
    {
      guint8 bytes[8];

      vuc_mapped_load ((const guint8 *) &shared, bytes, width);
      for (gsize i = 1; i < width; i++)
        ck_assert_uint_eq (bytes[i], bytes[0]);
      n_loads++;
    }
  while (!g_atomic_int_get (&stop));
  g_thread_join (thread);
  ck_assert_uint_gt (n_loads, 0);
}

static const HarnessCase cases[] = { HARNESS_CASE (every_length_at_every_alignment_is_copied),
                                     HARNESS_ROWS (what_is_aligned_does_not_tear, widths),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "mapped-access", cases);
}
