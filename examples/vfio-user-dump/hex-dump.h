/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Bytes as lines for a person, as `hexdump -C` prints them.
 */

#ifndef HEX_DUMP_H
#define HEX_DUMP_H

#include <stdio.h>

#include <glib.h>

#define HEX_DUMP_LINE 16

/* A cell of a line is a byte, or one of these. */
enum
{
  HEX_DUMP_UNREADABLE = 0x100, /* shown as ?? */
  HEX_DUMP_BLANK               /* not part of the dump */
};

typedef struct
{
  FILE *out;
  int digits;                        /* of the offsets */
  guint64 offset;                    /* of the next byte */
  guint16 cells[HEX_DUMP_LINE];      /* the line that is being filled */
  guint16 last_cells[HEX_DUMP_LINE]; /* the line printed last */
  gboolean have_last;
  gboolean folding; /* a * stands for lines like the last one */
} HexDump;

/* A dump of the bytes from OFFSET up to END, which need not be multiples of a line's length. */
void hex_dump_begin (HexDump *dump, FILE *out, guint64 offset, guint64 end);

/* The next COUNT bytes; those whose READABLE is 0 have no value. */
void hex_dump_add (HexDump *dump, const guint8 *data, const guint8 *readable, gsize count);

/* Prints what is left, and the offset after it. */
void hex_dump_end (HexDump *dump);

#endif /* HEX_DUMP_H */
