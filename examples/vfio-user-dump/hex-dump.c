/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Bytes as lines of 16, with a * for lines that repeat the one before, fed piece by piece so that a
 * dump may be larger than memory. Lines begin at multiples of 16, wherever the dump does. Does not
 * know where the bytes come from; leaves errors of the output to its owner. One thread at a time.
 */

#include "hex-dump.h"

#include <string.h>

static void
clear_line (HexDump *dump)
{
  for (guint i = 0; i < HEX_DUMP_LINE; i++)
    dump->cells[i] = HEX_DUMP_BLANK;
}

void
hex_dump_begin (HexDump *dump, FILE *out, guint64 offset, guint64 end)
{
  *dump = (HexDump){ .out = out, .offset = offset, .digits = end > G_MAXUINT32 ? 16 : 8 };
  clear_line (dump);
}

static char
hex_digit (guint value)
{
  return "0123456789abcdef"[value & 0xf];
}

static void
print_line (HexDump *dump, guint64 offset)
{
  /* "xx " per cell, one more space before each half, then the characters between bars. */
  char hex[HEX_DUMP_LINE * 3 + 2];
  char characters[HEX_DUMP_LINE];
  char *p = hex;
  gsize n_characters = 0;

  for (guint i = 0; i < HEX_DUMP_LINE; i++)
    {
      guint16 cell = dump->cells[i];

      if (i % (HEX_DUMP_LINE / 2) == 0)
        *p++ = ' ';

      switch (cell)
        {
        case HEX_DUMP_BLANK:
          *p++ = ' ';
          *p++ = ' ';
          characters[i] = ' ';
          break;

        case HEX_DUMP_UNREADABLE:
          *p++ = '?';
          *p++ = '?';
          characters[i] = '?';
          break;

        default:
          *p++ = hex_digit (cell >> 4);
          *p++ = hex_digit (cell);
          characters[i] = g_ascii_isprint ((char) cell) ? (char) cell : '.';
        }
      *p++ = ' ';

      if (cell != HEX_DUMP_BLANK)
        n_characters = i + 1;
    }

  fprintf (dump->out, "%0*" G_GINT64_MODIFIER "x %.*s |%.*s|\n", dump->digits, offset,
           (int) (p - hex), hex, (int) n_characters, characters);
}

static void
end_line (HexDump *dump, guint64 offset)
{
  gboolean same = dump->have_last
                  && memcmp (dump->cells, dump->last_cells, sizeof dump->cells) == 0;

  if (same && !dump->folding)
    fputs ("*\n", dump->out);
  if (!same)
    print_line (dump, offset);

  dump->folding = same;
  dump->have_last = TRUE;
  memcpy (dump->last_cells, dump->cells, sizeof dump->cells);
  clear_line (dump);
}

void
hex_dump_add (HexDump *dump, const guint8 *data, const guint8 *readable, gsize count)
{
  for (gsize i = 0; i < count; i++)
    {
      dump->cells[dump->offset % HEX_DUMP_LINE] = readable[i] ? data[i] : HEX_DUMP_UNREADABLE;
      dump->offset++;
      if (dump->offset % HEX_DUMP_LINE == 0)
        end_line (dump, dump->offset - HEX_DUMP_LINE);
    }
}

void
hex_dump_end (HexDump *dump)
{
  if (dump->offset % HEX_DUMP_LINE != 0)
    end_line (dump, dump->offset - dump->offset % HEX_DUMP_LINE);

  fprintf (dump->out, "%0*" G_GINT64_MODIFIER "x\n", dump->digits, dump->offset);
}
