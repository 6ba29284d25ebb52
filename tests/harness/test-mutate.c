/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* Mutations: that all of them are made, each once, and the same ones again. */

#include "harness.h"

#include "mutate.h"

/* What a mutator has made, one after the other. */
static void
collect (const guint8 *data, gsize size, gpointer user_data)
{
  g_ptr_array_add (user_data, g_bytes_new (data, size));
}

static GPtrArray *
new_list (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
}

static void
all_shorter_lengths_are_made (void)
{
  g_autoptr(GBytes) good = hex ("0a 0b 0c");
  g_autoptr(GPtrArray) made = new_list ();

  mutate_truncations (good, collect, made);

  ck_assert_uint_eq (made->len, 3);
  for (guint i = 0; i < made->len; i++)
    {
      ck_assert_uint_eq (g_bytes_get_size (made->pdata[i]), i);
      assert_same_bytes (g_bytes_get_data (made->pdata[i], NULL), i, "\x0a\x0b\x0c", i);
    }
}

static void
all_bits_are_flipped (void)
{
  g_autoptr(GBytes) good = hex ("00 ff 5a");
  g_autoptr(GPtrArray) made = new_list ();

  mutate_bit_flips (good, collect, made);

  ck_assert_uint_eq (made->len, 24);
  for (guint i = 0; i < made->len; i++)
    {
      guint8 expected[3] = { 0x00, 0xff, 0x5a };

      expected[i / 8] ^= 1 << i % 8;
      assert_same_bytes (g_bytes_get_data (made->pdata[i], NULL),
                         g_bytes_get_size (made->pdata[i]), expected, 3);
    }
}

static void
random_damage_is_the_same_each_time (void)
{
  g_autoptr(GBytes) good = hex ("'a message of thirty-two bytes...'");
  g_autoptr(GPtrArray) first = new_list ();
  g_autoptr(GPtrArray) second = new_list ();
  guint n_damaged = 0;

  mutate_random (good, 1000, collect, first);
  mutate_random (good, 1000, collect, second);

  ck_assert_uint_eq (first->len, 1000);
  ck_assert_uint_eq (second->len, 1000);
  for (guint i = 0; i < first->len; i++)
    {
      ck_assert (g_bytes_equal (first->pdata[i], second->pdata[i]));
      n_damaged += !g_bytes_equal (first->pdata[i], good);
    }
  ck_assert_uint_gt (n_damaged, 950);
}

static void
random_damage_grows_and_shrinks (void)
{
  g_autoptr(GBytes) good = hex ("00*64");
  g_autoptr(GPtrArray) made = new_list ();
  guint n_shorter = 0;
  guint n_longer = 0;

  mutate_random (good, 1000, collect, made);
  for (guint i = 0; i < made->len; i++)
    {
      n_shorter += g_bytes_get_size (made->pdata[i]) < 64;
      n_longer += g_bytes_get_size (made->pdata[i]) > 64;
    }

  ck_assert_uint_gt (n_shorter, 100);
  ck_assert_uint_gt (n_longer, 100);
}

static void
one_seed_can_be_run_alone (void)
{
  g_autoptr(GBytes) good = hex ("00*64");
  g_autoptr(GPtrArray) all = new_list ();
  g_autoptr(GPtrArray) one = new_list ();

  mutate_random (good, 20, collect, all);
  g_setenv ("HARNESS_SEED", "17", TRUE);
  mutate_random (good, 20, collect, one);
  g_unsetenv ("HARNESS_SEED");

  ck_assert_uint_eq (one->len, 1);
  ck_assert (g_bytes_equal (one->pdata[0], all->pdata[17]));
}

static void
nothing_can_be_mutated (void)
{
  g_autoptr(GBytes) nothing = hex ("");
  g_autoptr(GPtrArray) made = new_list ();

  mutate_truncations (nothing, collect, made);
  mutate_bit_flips (nothing, collect, made);
  ck_assert_uint_eq (made->len, 0);
  mutate_random (nothing, 100, collect, made);
  ck_assert_uint_eq (made->len, 100);
}

static void
the_generator_is_splitmix64 (void)
{
  guint64 state = 0;

  ck_assert (mutate_next_number (&state) == G_GUINT64_CONSTANT (0xe220a8397b1dcdaf));
  ck_assert (mutate_next_number (&state) == G_GUINT64_CONSTANT (0x6e789e6aa1b965f4));
}

static const HarnessCase cases[] = {
  HARNESS_CASE (all_shorter_lengths_are_made),
  HARNESS_CASE (all_bits_are_flipped),
  HARNESS_CASE (random_damage_is_the_same_each_time),
  HARNESS_CASE (random_damage_grows_and_shrinks),
  HARNESS_CASE (one_seed_can_be_run_alone),
  HARNESS_CASE (nothing_can_be_mutated),
  HARNESS_CASE (the_generator_is_splitmix64),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "mutate", cases);
}
