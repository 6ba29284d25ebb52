/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* Annotated hexadecimal text: what it stands for, what is refused, how bytes are shown. */

#include "harness.h"

#include <string.h>

typedef struct
{
  const char *name;
  const char *text;
  const char *bytes;
  gsize size;
} Row;

static const Row good_rows[] = {
  { "nothing", "", "", 0 },
  { "only a comment", " # 00 11\n", "", 0 },
  { "bytes together", "0011ff", "\x00\x11\xff", 3 },
  { "bytes apart, in both cases", "aA Bb\n\tcC", "\xaa\xbb\xcc", 3 },
  { "separators and comments", "01 | 02 # three: 03\n| 04", "\x01\x02\x04", 3 },
  { "a comment right after a byte", "01# 02\n03", "\x01\x03", 2 },
  { "single quotes", "'{\"a\": 1}' 00", "{\"a\": 1}", 9 },
  { "double quotes", "\"it's #1 | 2\"", "it's #1 | 2", 11 },
  { "an empty text", "''", "", 0 },
  { "a repeated byte", "00*3 ff", "\x00\x00\x00\xff", 4 },
  { "a repeated run", "0102*2", "\x01\x02\x01\x02", 4 },
  { "a repeated text", "'ab'*2", "abab", 4 },
  { "nothing repeated", "''*3", "", 0 },
  { "repeated once", "07*1", "\x07", 1 },
  { "repeated not at all", "01 07*0 02", "\x01\x02", 2 },
  { "a hexadecimal count", "07*0x3", "\x07\x07\x07", 3 },
  { "u8", "u8:255", "\xff", 1 },
};

static void
a_text_stands_for_bytes (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(GBytes) bytes = hex (row->text);

  assert_same_bytes (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                     row->bytes, row->size);
}

static void
integers_are_in_the_order_of_the_host (void)
{
  const guint16 two = 0x1234;
  const guint32 four = 4096;
  const guint64 eight = G_MAXUINT64;
  const guint32 many[3] = { 7, 7, 7 };

  assert_bytes (&two, sizeof (two), "u16:0x1234");
  assert_bytes (&four, sizeof (four), "u32:4096");
  assert_bytes (&eight, sizeof (eight), "u64:0xffffffffffffffff");
  assert_bytes (&eight, sizeof (eight), "u64:18446744073709551615");
  assert_bytes (many, sizeof (many), "u32:7*3");
}

static const Row bad_rows[] = {
  { "half a byte", "00 1", "at \"1\": a byte has two digits", 0 },
  { "no digit", "0g", "at \"0g\": a byte has two digits", 0 },
  { "an open quote", "'abc", "the closing quote is missing", 0 },
  { "an unknown word", "u24:1", "at \"u24:1\": an integer is u8: u16: u32: or u64:", 0 },
  { "an unknown sign", "00 , 01", "at \", 01\": not something that stands for bytes", 0 },
  { "u16 too large", "u16:65536", "the number is too large", 0 },
  { "u64 too large", "u64:18446744073709551616", "the number is too large", 0 },
  { "a negative number", "u32:-1", "at \"-1\": a number was expected", 0 },
  { "no number", "u32: 1", "a number was expected", 0 },
  { "no count", "00*", "a number was expected", 0 },
  { "a count too large", "00*16777217", "the number is too large", 0 },
  { "a star alone", "*3", "not something that stands for bytes", 0 },
  { "one question mark", "?", "any byte is ??", 0 },
  { "a word that begins like id", "in", "a message id is id or id(n)", 0 },
  { "an open parenthesis", "id(1", "a closing parenthesis was expected", 0 },
  { "a repeated id", "id*2", "a message id cannot be repeated", 0 },
};

static void
a_mistake_is_named (gconstpointer data)
{
  const Row *row = data;
  g_autofree char *why = NULL;
  g_autoptr(HexPattern) pattern = hex_pattern_new (row->text, &why);

  ck_assert_ptr_null (pattern);
  assert_contains (why, row->bytes);
}

static void
open_bytes_fit_everything (void)
{
  assert_bytes ("\x01\x99\x03", 3, "01 ?? 03");
  assert_bytes ("\x01\x99\x98\x03", 4, "01 ??*2 03");
}

static void
ids_are_open_and_remembered (void)
{
  g_autofree char *why = NULL;
  g_autoptr(HexPattern) pattern = hex_pattern_new ("id u16:5 id(3)", &why);

  ck_assert_ptr_nonnull (pattern);
  ck_assert_uint_eq (pattern->bytes->len, 6);
  ck_assert_uint_eq (pattern->ids->len, 2);
  ck_assert_uint_eq (g_array_index (pattern->ids, HexId, 0).offset, 0);
  ck_assert_uint_eq (g_array_index (pattern->ids, HexId, 0).back, 0);
  ck_assert_uint_eq (g_array_index (pattern->ids, HexId, 1).offset, 4);
  ck_assert_uint_eq (g_array_index (pattern->ids, HexId, 1).back, 3);
  assert_bytes (pattern->mask->data, 6, "00 00 ff ff 00 00");
}

static void
a_beginning_fits_so_far (void)
{
  g_autofree char *why = NULL;
  g_autoptr(HexPattern) pattern = hex_pattern_new ("01 ?? 03", &why);

  ck_assert (hex_pattern_fits_so_far (pattern, "", 0));
  ck_assert (hex_pattern_fits_so_far (pattern, "\x01\x55", 2));
  ck_assert (hex_pattern_fits_so_far (pattern, "\x01\x55\x03", 3));
  ck_assert (!hex_pattern_fits_so_far (pattern, "\x02", 1));
  ck_assert (!hex_pattern_fits_so_far (pattern, "\x01\x55\x04", 3));
  ck_assert (!hex_pattern_fits_so_far (pattern, "\x01\x55\x03\x04", 4));
}

static void
a_dump_has_offset_bytes_and_characters (void)
{
  g_autofree char *nothing = hex_dump (NULL, 0);
  g_autofree char *dump = hex_dump ("0123456789abcdef\x00\x7f<", 19);

  ck_assert_str_eq (nothing, "");
  ck_assert_str_eq (dump,
                    "  0000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
                    "  0010  00 7f 3c                                          |..<|\n");
}

static void
the_first_difference_is_pointed_at (void)
{
  g_autofree char *difference = hex_difference ("0123456789abcdefgh", 18,
                                                "0123456789abcdefgH", 18);

  ck_assert_ptr_nonnull (difference);
  ck_assert (g_str_has_prefix (difference, "byte 17 is 68, expected 48\ngot 18 bytes\n  0000"));
  assert_contains (difference, "\n> 0010  67 68 ");
  assert_contains (difference, "\n> 0010  67 48 ");
}

static void
a_difference_in_length_is_one (void)
{
  g_autofree char *shorter = hex_difference ("ab", 2, "abc", 3);
  g_autofree char *longer = harness_check_bytes ("abc", 3, "'ab'");
  g_autofree char *none = hex_difference ("ab", 2, "ab", 2);

  assert_contains (shorter, "2 bytes came, expected 3\n");
  assert_contains (longer, "3 bytes came, expected 2\n");
  ck_assert_ptr_null (none);
}

static void
a_long_dump_is_cut_to_what_matters (void)
{
  g_autofree char *got = g_strnfill (100000, 'x');
  g_autofree char *expected = g_strnfill (100000, 'x');
  g_autofree char *difference = NULL;

  got[70000] = 'y';
  difference = hex_difference (got, 100000, expected, 100000);
  assert_contains (difference, "byte 70000 is 79, expected 78\n");
  assert_contains (difference, "> 11170  79 78 78");
  assert_contains (difference, "  ...\n");
  ck_assert_uint_lt (strlen (difference), 8000);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_text_stands_for_bytes, good_rows),
  HARNESS_CASE (integers_are_in_the_order_of_the_host),
  HARNESS_ROWS (a_mistake_is_named, bad_rows),
  HARNESS_CASE (open_bytes_fit_everything),
  HARNESS_CASE (ids_are_open_and_remembered),
  HARNESS_CASE (a_beginning_fits_so_far),
  HARNESS_CASE (a_dump_has_offset_bytes_and_characters),
  HARNESS_CASE (the_first_difference_is_pointed_at),
  HARNESS_CASE (a_difference_in_length_is_one),
  HARNESS_CASE (a_long_dump_is_cut_to_what_matters),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "hex", cases);
}
