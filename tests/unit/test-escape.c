/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A peer's bytes in a line for people: nothing but printable ASCII, and not too much of it.
 */

#include "base/escape.h"

#include <string.h>

#include "harness/harness.h"

typedef struct
{
  const char *name;
  const char *bytes; /* as hex.h has them */
  gsize max_length;
  const char *text;
} Row;

static const Row texts[] = {
  { "nothing", "", 10, "" },
  { "printable text", "'a \"b\"~'", 10, "a \"b\"~" },
  { "a line feed, a NUL, an escape", "0a 00 1b", 20, "\\x0a\\x00\\x1b" },
  { "a backslash", "'\\x00'", 20, "\\\\x00" },
  { "DEL and above", "7f 80 ff", 20, "\\x7f\\x80\\xff" },
  { "letters that turn text round", "e2 80 ae", 20, "\\xe2\\x80\\xae" },
  { "exactly as long as allowed", "'abcd'", 4, "abcd" },
  { "one byte longer", "'abcde'", 4, "abcd… (+1 byte)" },
  { "much longer", "'x'*1000", 4, "xxxx… (+996 bytes)" },
  { "an escape is never cut", "'abc' 0a 0a", 4, "abc\\x0a… (+1 byte)" },
  { "no room at all", "'abc'", 0, "… (+3 bytes)" },
};

static void
text_is_printable_and_bounded (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(GBytes) bytes = hex (row->bytes);
  g_autoptr(GString) line = g_string_new ("before ");
  gsize size;
  const void *start = g_bytes_get_data (bytes, &size);

  vuc_escape_append (line, start, size, row->max_length);

  ck_assert_str_eq (line->str + strlen ("before "), row->text);
}

static const Row dumps[] = {
  { "nothing", "", 10, "" },
  { "one byte", "0a", 10, "0a" },
  { "several bytes", "00 7f ff", 10, "00 7f ff" },
  { "exactly as many as allowed", "01 02", 2, "01 02" },
  { "one more", "01 02 03", 2, "01 02… (+1 byte)" },
  { "many more", "01*100", 2, "01 01… (+98 bytes)" },
};

static void
hex_is_bounded (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(GBytes) bytes = hex (row->bytes);
  g_autoptr(GString) line = g_string_new ("before ");
  gsize size;
  const void *start = g_bytes_get_data (bytes, &size);

  vuc_escape_append_hex (line, start, size, row->max_length);

  ck_assert_str_eq (line->str + strlen ("before "), row->text);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (text_is_printable_and_bounded, texts),
  HARNESS_ROWS (hex_is_bounded, dumps),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "escape", cases);
}
