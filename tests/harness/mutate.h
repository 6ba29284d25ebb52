/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Deterministic damage to a good message, for tests of decoders.  Each damaged copy lies in a heap
 * block of exactly its size, so that a sanitizer sees a read of one byte too many; if the case
 * fails, even by a crash, its report says which damage it was.
 *
 *   static void
 *   decode (const guint8 *data, gsize size, gpointer user_data)
 *   {
 *     g_autoptr(GError) error = NULL;
 *     Header header;
 *
 *     if (!header_decode (data, size, &header, &error))
 *       assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "header");
 *   }
 *
 *   static void
 *   no_damage_crashes_the_decoder (void)
 *   {
 *     g_autoptr(GBytes) good = hex ("u16:1 u16:13 u32:16 u32:0 u32:0");
 *
 *     mutate_truncations (good, decode, NULL);
 *     mutate_bit_flips (good, decode, NULL);
 *     mutate_random (good, 10000, decode, NULL);
 *   }
 */

#ifndef HARNESS_MUTATE_H
#define HARNESS_MUTATE_H

#include <glib.h>

G_BEGIN_DECLS

typedef void (*MutateFunc) (const guint8 *data, gsize size, gpointer user_data);

/* Every shorter length, from 0 to one byte less than all. */
void mutate_truncations (GBytes *good, MutateFunc func, gpointer user_data);

/* Every change of one bit. */
void mutate_bit_flips (GBytes *good, MutateFunc func, gpointer user_data);

/*
 * @count copies, each with a few random edits: flipped bits, integers at the limits of their type,
 * pieces removed, doubled or overwritten by another piece.  The same copies in each run.  What
 * fails is said with its seed; HARNESS_SEED=that runs this one only.
 */
void mutate_random (GBytes *good, guint count, MutateFunc func, gpointer user_data);

/* The generator behind it (splitmix64), for tests that need numbers that look random. */
guint64 mutate_next_number (guint64 *state);

G_END_DECLS

#endif /* HARNESS_MUTATE_H */
