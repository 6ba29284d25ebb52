/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Damages copies of a message and hands them to a function.  It does not know what the bytes mean,
 * which is why integers of every size are written at every place.  No state between calls; any
 * thread, but only one at a time has its context reported.
 */

#include "mutate.h"

#include "harness.h"

#include <string.h>

#define MAX_EDITS 6
#define MAX_GROWTH 4096 /* bytes of a copy above which no piece is doubled any more */

/* Hands on a copy that ends where its block ends; so do 0 bytes, behind a block of one. */
static void
try_copy (gconstpointer data, gsize size, MutateFunc func, gpointer user_data)
{
  guint8 *block = g_malloc (MAX (size, 1));

  if (size > 0)
    memcpy (block, data, size);
  func (size > 0 ? block : block + 1, size, user_data);
  g_free (block);
}

static GByteArray *
copy_of (GBytes *good)
{
  GByteArray *bytes = g_byte_array_new ();
  gsize size;
  gconstpointer data = g_bytes_get_data (good, &size);

  if (size > 0)
    g_byte_array_append (bytes, data, size);

  return bytes;
}

void
mutate_truncations (GBytes *good, MutateFunc func, gpointer user_data)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (good, &size);

  for (gsize shorter = 0; shorter < size; shorter++)
    {
      harness_context ("truncated to %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " bytes",
                       shorter, size);
      try_copy (data, shorter, func, user_data);
    }
  harness_context ("%s", "");
}

void
mutate_bit_flips (GBytes *good, MutateFunc func, gpointer user_data)
{
  g_autoptr(GByteArray) bytes = copy_of (good);

  for (guint i = 0; i < bytes->len; i++)
    for (guint bit = 0; bit < 8; bit++)
      {
        bytes->data[i] ^= 1 << bit;
        harness_context ("bit %u of byte %u changed to %d", bit, i, bytes->data[i] >> bit & 1);
        try_copy (bytes->data, bytes->len, func, user_data);
        bytes->data[i] ^= 1 << bit;
      }
  harness_context ("%s", "");
}

/* ---- Random ---- */

guint64
mutate_next_number (guint64 *state)
{
  guint64 number = *state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  number = (number ^ number >> 30) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  number = (number ^ number >> 27) * G_GUINT64_CONSTANT (0x94d049bb133111eb);

  return number ^ number >> 31;
}

/* 0 to @end - 1; 0 if there is nothing to choose from. */
static guint
choose (guint64 *state, guint end)
{
  guint64 number = mutate_next_number (state);

  return end > 0 ? number % end : 0;
}

typedef struct
{
  guint start;
  guint size;
} Piece;

static Piece
choose_piece (guint64 *state, const GByteArray *bytes)
{
  guint start = choose (state, bytes->len);
  guint size = choose (state, MIN (bytes->len - start, 64) + 1);

  return (Piece) { start, size };
}

static void
flip_a_bit (GByteArray *bytes, guint64 *state)
{
  if (bytes->len > 0)
    bytes->data[choose (state, bytes->len)] ^= 1 << choose (state, 8);
}

/* Where sizes, counts and offsets go wrong: around 0 and the limits of each integer type. */
static void
write_an_integer (GByteArray *bytes, guint64 *state)
{
  static const guint64 limits[] = {
    0, G_MAXINT8, G_MAXUINT8, G_MAXINT16, G_MAXUINT16, G_MAXINT32, G_MAXUINT32, G_MAXINT64,
    G_MAXUINT64, 16, 32, 4096, 1 << 20
  };
  guint size = 1u << choose (state, 4);
  guint64 value = limits[choose (state, G_N_ELEMENTS (limits))] + choose (state, 3) - 1;

  if (bytes->len >= size)
    {
      guint at = choose (state, bytes->len - size + 1);

      /* The lower half: what a big-endian host has at the end. */
      if (G_BYTE_ORDER == G_BIG_ENDIAN)
        value <<= 64 - 8 * size;
      memcpy (bytes->data + at, &value, size);
    }
}

static void
remove_a_piece (GByteArray *bytes, guint64 *state)
{
  Piece piece = choose_piece (state, bytes);

  if (piece.size > 0)
    g_byte_array_remove_range (bytes, piece.start, piece.size);
}

static void
double_a_piece (GByteArray *bytes, guint64 *state)
{
  Piece piece = choose_piece (state, bytes);
  guint old_size = bytes->len;

  if (piece.size == 0 || old_size > MAX_GROWTH)
    return;
  g_byte_array_set_size (bytes, old_size + piece.size);
  memmove (bytes->data + piece.start + piece.size, bytes->data + piece.start,
           old_size - piece.start);
}

static void
overwrite_a_piece (GByteArray *bytes, guint64 *state)
{
  Piece piece = choose_piece (state, bytes);

  if (piece.size > 0)
    memmove (bytes->data + choose (state, bytes->len - piece.size + 1),
             bytes->data + piece.start, piece.size);
}

static void
mutate_once (GBytes *good, guint64 seed, MutateFunc func, gpointer user_data)
{
  static void (*const edits[]) (GByteArray *, guint64 *) = {
    flip_a_bit, write_an_integer, remove_a_piece, double_a_piece, overwrite_a_piece
  };
  g_autoptr(GByteArray) bytes = copy_of (good);
  guint64 state = seed;
  guint n_edits = 1 + choose (&state, MAX_EDITS);

  for (guint i = 0; i < n_edits; i++)
    edits[choose (&state, G_N_ELEMENTS (edits))] (bytes, &state);

  harness_context ("random damage, HARNESS_SEED=%" G_GUINT64_FORMAT, seed);
  try_copy (bytes->data, bytes->len, func, user_data);
}

void
mutate_random (GBytes *good, guint count, MutateFunc func, gpointer user_data)
{
  const char *seed = g_getenv ("HARNESS_SEED");

  if (seed != NULL)
    mutate_once (good, g_ascii_strtoull (seed, NULL, 0), func, user_data);
  for (guint i = 0; i < count && seed == NULL; i++)
    mutate_once (good, i, func, user_data);
  harness_context ("%s", "");
}
