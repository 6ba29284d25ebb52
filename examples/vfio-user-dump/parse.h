/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What people write on a command line: numbers, durations, names of regions; and what they are told
 * if it is something else.
 */

#ifndef PARSE_H
#define PARSE_H

#include <glib.h>

typedef enum
{
  REGION_CHOICE_DEFAULT, /* nothing was said */
  REGION_CHOICE_ALL,
  REGION_CHOICE_NUMBER,
  REGION_CHOICE_NAME /* as a number, but the device must be a PCI device */
} RegionChoiceKind;

typedef struct
{
  RegionChoiceKind kind;
  guint32 index;
} RegionChoice;

/* Sets a G_OPTION_ERROR: what the user asked for cannot be. Always FALSE. */
gboolean usage_error (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Decimal or 0x, with K, M or G for KiB, MiB, GiB. Like all here, sets nothing but the error if
   TEXT is something else; the error says what is wrong with it and what may be written. */
gboolean parse_number (const char *text, guint64 *number, GError **error);

/* Seconds, fractions allowed; in milliseconds, as the library wants them. */
gboolean parse_seconds (const char *text, guint *milliseconds, GError **error);

/* A number, "bar0" to "bar5", "rom", "config", "vga" or "all". */
gboolean parse_region (const char *text, RegionChoice *choice, GError **error);

/* The width of an access: 1, 2, 4 or 8 bytes. */
gboolean parse_width (const char *text, guint *width, GError **error);

#endif /* PARSE_H */
