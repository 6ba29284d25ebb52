/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The record of pages that were written: what is in it, what taking it does, and what it refuses.
 */

#include <string.h>

#include <vfio-user-client/vuc-error.h>

#include "access/dma-log.h"
#include "harness/harness.h"

#define PAGE 4096

static void
take (VucDmaLog *log, guint64 address, guint64 size, guint64 *bitmap, gsize n_words)
{
  g_autoptr (GError) error = NULL;

  vuc_dma_log_take (log, address, size, bitmap, n_words, &error);
  assert_no_error (error);
}

static void
expect_refused (VucDmaLog *log, guint64 address, guint64 size, gsize n_words, const char *text)
{
  g_autoptr (GError) error = NULL;
  guint64 bitmap = 0;

  ck_assert (!vuc_dma_log_take (log, address, size, &bitmap, n_words, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, text);
}

typedef struct
{
  const char *name;
  guint64 page_size;
  guint64 address, count;
  guint64 expected; /* of the 64 pages from page 0x100000 on */
} Row;

#define BASE G_GUINT64_CONSTANT (0x100000000)

static const Row rows[] = {
  { "a byte", PAGE, BASE, 1, 1 },
  { "the last byte of a page", PAGE, BASE + PAGE - 1, 1, 1 },
  { "over a border", PAGE, BASE + PAGE - 1, 2, 3 },
  { "a whole page", PAGE, BASE + PAGE, PAGE, 2 },
  { "from below", PAGE, BASE - PAGE, PAGE + 1, 1 },
  { "to above", PAGE, BASE + 63 * PAGE, 10 * PAGE, G_GUINT64_CONSTANT (1) << 63 },
  { "all", PAGE, BASE, 64 * PAGE, G_MAXUINT64 },
  { "beside", PAGE, BASE + 64 * PAGE, 1, 0 },
  { "large pages", 2 * 1024 * 1024, BASE, 4 * 1024 * 1024, 3 },
};

static void
pages_that_were_written_are_recorded_until_they_are_taken (gconstpointer data)
{
  const Row *row = data;
  VucDmaLog *log = vuc_dma_log_new ();
  guint64 bitmap = 0, again = 0;

  vuc_dma_log_start (log, row->page_size);
  vuc_dma_log_mark (log, row->address, row->count);
  take (log, BASE, 64 * row->page_size, &bitmap, 1);
  ck_assert_uint_eq (bitmap, row->expected);
  take (log, BASE, 64 * row->page_size, &again, 1);
  ck_assert_uint_eq (again, 0);
  vuc_dma_log_free (log);
}

static void
nothing_is_recorded_before_it_starts_and_after_it_stops (void)
{
  VucDmaLog *log = vuc_dma_log_new ();
  guint64 bitmap = 0;

  vuc_dma_log_mark (log, 0, PAGE);
  expect_refused (log, 0, PAGE, 1, "not being recorded");
  vuc_dma_log_start (log, PAGE);
  take (log, 0, PAGE, &bitmap, 1);
  ck_assert_uint_eq (bitmap, 0);
  vuc_dma_log_mark (log, 0, PAGE);
  vuc_dma_log_start (log, PAGE);
  take (log, 0, PAGE, &bitmap, 1);
  ck_assert_uint_eq (bitmap, 0);
  vuc_dma_log_mark (log, 0, PAGE);
  vuc_dma_log_stop (log);
  vuc_dma_log_mark (log, 0, PAGE);
  expect_refused (log, 0, PAGE, 1, "not being recorded");
  vuc_dma_log_start (log, PAGE);
  take (log, 0, PAGE, &bitmap, 1);
  ck_assert_uint_eq (bitmap, 0);
  vuc_dma_log_free (log);
}

/* So that several can be merged; and beyond the range nothing is touched. */
static void
other_bits_of_the_bitmap_stay (void)
{
  VucDmaLog *log = vuc_dma_log_new ();
  guint64 bitmap[3] = { 0x80, 0, 0x5a };

  vuc_dma_log_start (log, PAGE);
  vuc_dma_log_mark (log, 0, 80 * PAGE);
  take (log, 0, 70 * PAGE, bitmap, 3);
  ck_assert_uint_eq (bitmap[0], G_MAXUINT64);
  ck_assert_uint_eq (bitmap[1], 0x3f);
  ck_assert_uint_eq (bitmap[2], 0x5a);
  memset (bitmap, 0, sizeof bitmap);
  bitmap[0] = 0x80;
  take (log, 60 * PAGE, 40 * PAGE, bitmap, 1);
  ck_assert_uint_eq (bitmap[0], 0x80 | G_GUINT64_CONSTANT (0x3ff) << 10);
  vuc_dma_log_free (log);
}

static void
both_ends_of_the_addresses_can_be_recorded (void)
{
  const guint64 last = G_MAXUINT64 - (PAGE - 1);
  VucDmaLog *log = vuc_dma_log_new ();
  guint64 bitmap = 0;

  vuc_dma_log_start (log, PAGE);
  vuc_dma_log_mark (log, 0, 1);
  vuc_dma_log_mark (log, last, PAGE - 1);
  vuc_dma_log_mark (log, last - PAGE, PAGE);
  take (log, 0, PAGE, &bitmap, 1);
  ck_assert_uint_eq (bitmap, 1);
  bitmap = 0;
  take (log, last - PAGE, PAGE, &bitmap, 1);
  ck_assert_uint_eq (bitmap, 1);
  vuc_dma_log_free (log);
}

static void
a_range_that_makes_no_sense_is_refused (void)
{
  VucDmaLog *log = vuc_dma_log_new ();

  vuc_dma_log_start (log, 2 * PAGE);
  expect_refused (log, PAGE, 2 * PAGE, 1, "must be multiples of the page size, 0x2000");
  expect_refused (log, 0, PAGE, 1, "must be multiples");
  expect_refused (log, 0, 0, 1, "the size not 0");
  expect_refused (log, G_MAXUINT64 - (2 * PAGE - 1), 4 * PAGE, 1, "must be multiples");
  expect_refused (log, 0, 65 * 2 * PAGE, 1, "a bitmap of 1 words is too small, the range needs 2");
  expect_refused (log, 0, 2 * PAGE, 0, "a bitmap of 0 words is too small");
  expect_refused (log, 0, G_MAXUINT64 - (2 * PAGE - 1), 1, "is too small");
  vuc_dma_log_free (log);
}

/* --- Against a model --- */

#define N_PAGES (3 * 4096)

static void
it_agrees_with_a_model (void)
{
  static guint8 model[N_PAGES];
  static guint64 bitmap[N_PAGES / 64];
  GRand *random = g_rand_new_with_seed (1);
  VucDmaLog *log = vuc_dma_log_new ();

  vuc_dma_log_start (log, PAGE);
  for (guint step = 0; step < 2000; step++)
    {
      guint first = (guint) g_rand_int_range (random, 0, N_PAGES);
      guint count = (guint) g_rand_int_range (random, 1, MIN (300, N_PAGES - first + 1));

      if (step % 10 != 0)
        {
          vuc_dma_log_mark (log, first * PAGE + 17, count * PAGE - 17);
          memset (model + first, 1, count);
          continue;
        }
      memset (bitmap, 0, sizeof bitmap);
      take (log, first * PAGE, count * PAGE, bitmap, G_N_ELEMENTS (bitmap));
      for (guint i = 0; i < count; i++)
        ck_assert_uint_eq (bitmap[i / 64] >> i % 64 & 1, model[first + i]);
      memset (model + first, 0, count);
    }
  g_rand_free (random);
  vuc_dma_log_free (log);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (pages_that_were_written_are_recorded_until_they_are_taken, rows),
  HARNESS_CASE (nothing_is_recorded_before_it_starts_and_after_it_stops),
  HARNESS_CASE (other_bits_of_the_bitmap_stay),
  HARNESS_CASE (both_ends_of_the_addresses_can_be_recorded),
  HARNESS_CASE (a_range_that_makes_no_sense_is_refused),
  HARNESS_CASE (it_agrees_with_a_model),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "dma-log", cases);
}
