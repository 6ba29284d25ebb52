/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reads annotated hexadecimal text, and shows bytes and the difference between bytes.  It knows
 * nothing of messages; an "id" is only a hole of two bytes whose place is remembered.  No state:
 * any thread, any process.
 */

#include "hex.h"

#include "harness.h"

#include <errno.h>
#include <string.h>

#define BYTES_PER_LINE 16
#define LINES_SHOWN 32
#define NOWHERE G_MAXSIZE

/* ---- Reading ---- */

typedef struct
{
  const char *at;
  HexPattern *pattern;
  char *why;
} Scanner;

static gboolean
complain (Scanner *scanner, const char *what)
{
  scanner->why = g_strdup_printf ("hex text, at \"%.24s\": %s", scanner->at, what);

  return FALSE;
}

static void
append (Scanner *scanner, gconstpointer data, gsize size, guint8 mask)
{
  gsize start = scanner->pattern->mask->len;

  if (size == 0)
    return;
  g_byte_array_append (scanner->pattern->bytes, data, size);
  g_byte_array_set_size (scanner->pattern->mask, start + size);
  memset (scanner->pattern->mask->data + start, mask, size);
}

static void
skip_blanks (Scanner *scanner)
{
  while (*scanner->at != '\0')
    {
      if (*scanner->at == '#')
        scanner->at += strcspn (scanner->at, "\n");
      else if (g_ascii_isspace (*scanner->at) || *scanner->at == '|')
        scanner->at++;
      else
        return;
    }
}

static gboolean
read_number (Scanner *scanner, guint64 max, guint64 *number)
{
  int base = g_str_has_prefix (scanner->at, "0x") ? 16 : 10;
  const char *digits = scanner->at + (base == 16 ? 2 : 0);
  char *end;
  guint64 value;

  if (!g_ascii_isxdigit (*digits))
    return complain (scanner, "a number was expected");
  errno = 0;
  value = g_ascii_strtoull (digits, &end, base);
  if (errno != 0 || value > max)
    return complain (scanner, "the number is too large");

  scanner->at = end;
  *number = value;

  return TRUE;
}

static gboolean
read_bytes (Scanner *scanner)
{
  while (g_ascii_isxdigit (*scanner->at))
    {
      guint8 byte;

      if (!g_ascii_isxdigit (scanner->at[1]))
        return complain (scanner, "a byte has two digits");
      byte = g_ascii_xdigit_value (scanner->at[0]) << 4 | g_ascii_xdigit_value (scanner->at[1]);
      append (scanner, &byte, 1, 0xff);
      scanner->at += 2;
    }

  return TRUE;
}

static gboolean
read_quoted (Scanner *scanner)
{
  const char *start = scanner->at + 1;
  const char *end = strchr (start, *scanner->at);

  if (end == NULL)
    return complain (scanner, "the closing quote is missing");
  append (scanner, start, end - start, 0xff);
  scanner->at = end + 1;

  return TRUE;
}

static gboolean
read_any (Scanner *scanner)
{
  if (scanner->at[1] != '?')
    return complain (scanner, "any byte is ??");
  append (scanner, "", 1, 0);
  scanner->at += 2;

  return TRUE;
}

static gboolean
read_integer (Scanner *scanner)
{
  static const struct
  {
    const char *prefix;
    gsize size;
    guint64 max;
  } kinds[] = {
    { "u8:", 1, G_MAXUINT8 },
    { "u16:", 2, G_MAXUINT16 },
    { "u32:", 4, G_MAXUINT32 },
    { "u64:", 8, G_MAXUINT64 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      guint64 value;
      guint8 bytes[8];

      if (!g_str_has_prefix (scanner->at, kinds[i].prefix))
        continue;
      scanner->at += strlen (kinds[i].prefix);
      if (!read_number (scanner, kinds[i].max, &value))
        return FALSE;
      memcpy (bytes, &value, 8);
      append (scanner, G_BYTE_ORDER == G_BIG_ENDIAN ? bytes + 8 - kinds[i].size : bytes,
              kinds[i].size, 0xff);
      return TRUE;
    }

  return complain (scanner, "an integer is u8: u16: u32: or u64:");
}

static gboolean
read_id (Scanner *scanner)
{
  HexId id = { .offset = scanner->pattern->bytes->len, .back = 0 };

  if (scanner->at[1] != 'd')
    return complain (scanner, "a message id is id or id(n)");
  scanner->at += 2;
  if (*scanner->at == '(')
    {
      guint64 back;

      scanner->at++;
      if (!read_number (scanner, G_MAXUINT16, &back))
        return FALSE;
      if (*scanner->at != ')')
        return complain (scanner, "a closing parenthesis was expected");
      scanner->at++;
      id.back = back;
    }
  append (scanner, "\0", 2, 0);
  g_array_append_val (scanner->pattern->ids, id);

  return TRUE;
}

static gboolean
read_item (Scanner *scanner)
{
  if (g_ascii_isxdigit (*scanner->at))
    return read_bytes (scanner);

  switch (*scanner->at)
    {
    case '\'':
    case '"':
      return read_quoted (scanner);
    case '?':
      return read_any (scanner);
    case 'u':
      return read_integer (scanner);
    case 'i':
      return read_id (scanner);
    default:
      return complain (scanner, "not something that stands for bytes");
    }
}

/* The star after an item: the bytes from @start on are there once already. */
static gboolean
read_repetition (Scanner *scanner, gsize start, guint n_ids)
{
  HexPattern *pattern = scanner->pattern;
  gsize size = pattern->bytes->len - start;
  guint64 times;

  scanner->at++;
  if (!read_number (scanner, 1 << 24, &times))
    return FALSE;
  if (pattern->ids->len != n_ids)
    return complain (scanner, "a message id cannot be repeated");

  if (times == 0)
    {
      g_byte_array_set_size (pattern->bytes, start);
      g_byte_array_set_size (pattern->mask, start);
      return TRUE;
    }
  for (guint64 i = 1; i < times && size > 0; i++)
    {
      g_byte_array_set_size (pattern->bytes, start + size * (i + 1));
      g_byte_array_set_size (pattern->mask, start + size * (i + 1));
      memcpy (pattern->bytes->data + start + size * i, pattern->bytes->data + start, size);
      memcpy (pattern->mask->data + start + size * i, pattern->mask->data + start, size);
    }

  return TRUE;
}

static gboolean
read_text (Scanner *scanner)
{
  skip_blanks (scanner);
  while (*scanner->at != '\0')
    {
      gsize start = scanner->pattern->bytes->len;
      guint n_ids = scanner->pattern->ids->len;

      if (!read_item (scanner))
        return FALSE;
      if (*scanner->at == '*' && !read_repetition (scanner, start, n_ids))
        return FALSE;
      skip_blanks (scanner);
    }

  return TRUE;
}

HexPattern *
hex_pattern_new (const char *text, char **why)
{
  Scanner scanner = { .at = text, .pattern = g_new0 (HexPattern, 1) };

  scanner.pattern->bytes = g_byte_array_new ();
  scanner.pattern->mask = g_byte_array_new ();
  scanner.pattern->ids = g_array_new (FALSE, FALSE, sizeof (HexId));

  if (!read_text (&scanner))
    {
      *why = scanner.why;
      g_clear_pointer (&scanner.pattern, hex_pattern_free);
    }

  return scanner.pattern;
}

void
hex_pattern_free (HexPattern *pattern)
{
  if (pattern == NULL)
    return;

  g_byte_array_unref (pattern->bytes);
  g_byte_array_unref (pattern->mask);
  g_array_unref (pattern->ids);
  g_free (pattern);
}

GBytes *
hex (const char *text)
{
  g_autofree char *why = NULL;
  g_autoptr(HexPattern) pattern = hex_pattern_new (text, &why);

  if (pattern == NULL)
    harness_fail ("%s", why);
  for (guint i = 0; i < pattern->mask->len; i++)
    if (pattern->mask->data[i] == 0)
      harness_fail ("hex text \"%.24s\": ?? and id stand for no particular byte", text);

  return g_bytes_new (pattern->bytes->data, pattern->bytes->len);
}

/* ---- Showing ---- */

/*
 * Lines of what @data holds, ">" before the line with the byte @marked; a long dump is cut to the
 * lines around that byte.  Bytes whose @mask is 0 are shown as ??.
 */
static void
dump (GString *out, const guint8 *data, const guint8 *mask, gsize size, gsize marked)
{
  gsize marked_line = marked / BYTES_PER_LINE;
  gsize n_lines = (size + BYTES_PER_LINE - 1) / BYTES_PER_LINE;
  gsize first = 0;

  if (marked != NOWHERE && marked_line > LINES_SHOWN / 2)
    {
      first = marked_line - LINES_SHOWN / 2;
      g_string_append (out, "  ...\n");
    }
  for (gsize line = first; line < n_lines && line < first + LINES_SHOWN; line++)
    {
      gsize start = line * BYTES_PER_LINE;
      gsize end = MIN (start + BYTES_PER_LINE, size);

      g_string_append_printf (out, "%c %04" G_GSIZE_MODIFIER "x ",
                              line == marked_line ? '>' : ' ', start);
      for (gsize i = start; i < start + BYTES_PER_LINE; i++)
        {
          if (i % 8 == 0)
            g_string_append_c (out, ' ');
          if (i >= end)
            g_string_append (out, "   ");
          else if (mask != NULL && mask[i] == 0)
            g_string_append (out, "?? ");
          else
            g_string_append_printf (out, "%02x ", data[i]);
        }
      g_string_append (out, " |");
      for (gsize i = start; i < end; i++)
        g_string_append_c (out, g_ascii_isprint (data[i]) ? data[i] : '.');
      g_string_append (out, "|\n");
    }
  if (n_lines > first + LINES_SHOWN)
    g_string_append (out, "  ...\n");
}

char *
hex_dump (gconstpointer data, gsize size)
{
  GString *out = g_string_new (NULL);

  dump (out, data, NULL, size, NOWHERE);

  return g_string_free (out, FALSE);
}

static gboolean
fits (const guint8 *got, const guint8 *expected, const guint8 *mask, gsize i)
{
  return got[i] == expected[i] || (mask != NULL && mask[i] == 0);
}

static char *
difference (const guint8 *got, gsize got_size,
            const guint8 *expected, const guint8 *mask, gsize expected_size)
{
  gsize both = MIN (got_size, expected_size);
  gsize at = 0;
  GString *out;

  while (at < both && fits (got, expected, mask, at))
    at++;
  if (at == both && got_size == expected_size)
    return NULL;

  out = g_string_new (NULL);
  if (at < both)
    g_string_append_printf (out, "byte %" G_GSIZE_FORMAT " is %02x, expected %02x\n",
                            at, got[at], expected[at]);
  else
    g_string_append_printf (out, "%" G_GSIZE_FORMAT " bytes came, expected %" G_GSIZE_FORMAT "\n",
                            got_size, expected_size);
  g_string_append_printf (out, "got %" G_GSIZE_FORMAT " bytes\n", got_size);
  dump (out, got, NULL, got_size, at);
  g_string_append_printf (out, "expected %" G_GSIZE_FORMAT " bytes\n", expected_size);
  dump (out, expected, mask, expected_size, at);

  return g_string_free (out, FALSE);
}

char *
hex_difference (gconstpointer got, gsize got_size, gconstpointer expected, gsize expected_size)
{
  return difference (got, got_size, expected, NULL, expected_size);
}

char *
hex_pattern_difference (const HexPattern *pattern, gconstpointer got, gsize got_size)
{
  return difference (got, got_size, pattern->bytes->data, pattern->mask->data,
                     pattern->bytes->len);
}

gboolean
hex_pattern_fits_so_far (const HexPattern *pattern, gconstpointer got, gsize got_size)
{
  if (got_size > pattern->bytes->len)
    return FALSE;
  for (gsize i = 0; i < got_size; i++)
    if (!fits (got, pattern->bytes->data, pattern->mask->data, i))
      return FALSE;

  return TRUE;
}
