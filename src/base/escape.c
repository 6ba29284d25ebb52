/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A peer's bytes in a line that a person reads.  Only ASCII passes as it is: other characters can
 * hide text, or turn it round.  Knows nothing of vfio-user.  Any thread.
 */

#include "base/escape.h"

static void
append_rest (GString *line, gsize rest)
{
  if (rest > 0)
    g_string_append_printf (line, "… (+%" G_GSIZE_FORMAT " %s)", rest,
                            rest == 1 ? "byte" : "bytes");
}

void
vuc_escape_append (GString *line, const void *bytes, gsize size, gsize max_length)
{
  const guint8 *next = bytes;
  gsize start = line->len;
  gsize i;

  for (i = 0; i < size && line->len - start < max_length; i++)
    {
      if (next[i] == '\\')
        g_string_append (line, "\\\\");
      else if (g_ascii_isprint ((char) next[i]))
        g_string_append_c (line, (char) next[i]);
      else
        g_string_append_printf (line, "\\x%02x", next[i]);
    }

  append_rest (line, size - i);
}

void
vuc_escape_append_hex (GString *line, const void *bytes, gsize size, gsize max_bytes)
{
  const guint8 *next = bytes;
  gsize shown = MIN (size, max_bytes);

  for (gsize i = 0; i < shown; i++)
    g_string_append_printf (line, i == 0 ? "%02x" : " %02x", next[i]);

  append_rest (line, size - shown);
}
