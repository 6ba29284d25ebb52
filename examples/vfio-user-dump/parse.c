/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What people write on a command line: numbers, durations, names of regions. Pure functions; does
 * not know which option a text belongs to, nor what the device has. Any thread.
 */

#include "parse.h"

#include <math.h>
#include <string.h>

#include <vfio-user-client/vfio-user-client.h>

#include "names.h"

#define WHAT_A_NUMBER_IS "write a decimal number or 0x..., with K, M or G for KiB, MiB, GiB"

gboolean
usage_error (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, text);
  return FALSE;
}

/* The digits at the beginning of TEXT, and where they end. */
static gboolean
parse_digits (const char *text, guint64 *number, const char **end)
{
  gboolean hex = g_ascii_strncasecmp (text, "0x", 2) == 0;
  const char *digits = hex ? text + 2 : text;
  guint64 value = 0;
  const char *p;

  for (p = digits; hex ? g_ascii_isxdigit (*p) : g_ascii_isdigit (*p); p++)
    {
      if (!g_uint64_checked_mul (&value, value, hex ? 16 : 10)
          || !g_uint64_checked_add (&value, value, (guint64) g_ascii_xdigit_value (*p)))
        return FALSE;
    }

  *number = value;
  *end = p;
  return p > digits;
}

gboolean
parse_number (const char *text, guint64 *number, GError **error)
{
  static const struct
  {
    const char *suffix;
    guint64 factor;
  } suffixes[] = {
    { "", 1 },
    { "K", G_GUINT64_CONSTANT (1) << 10 },
    { "M", G_GUINT64_CONSTANT (1) << 20 },
    { "G", G_GUINT64_CONSTANT (1) << 30 },
  };
  const char *suffix;
  guint64 value;

  if (!parse_digits (text, &value, &suffix))
    return usage_error (error, "\"%s\" is not a number below 2^64: " WHAT_A_NUMBER_IS, text);

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      if (g_ascii_strcasecmp (suffix, suffixes[i].suffix) != 0)
        continue;
      if (!g_uint64_checked_mul (&value, value, suffixes[i].factor))
        return usage_error (error, "\"%s\" is more than 64 bits can hold", text);
      *number = value;
      return TRUE;
    }

  return usage_error (error, "\"%s\" is not a number: " WHAT_A_NUMBER_IS, text);
}

gboolean
parse_seconds (const char *text, guint *milliseconds, GError **error)
{
  /* The library counts in whole milliseconds and wants at least one. */
  const double shortest = 0.001;
  const double longest = VUC_TIMEOUT_MAX_MS / 1000.0;
  char *end;
  double seconds = g_ascii_strtod (text, &end);

  if (end == text || *end != '\0' || isnan (seconds))
    return usage_error (error, "\"%s\" is not a number of seconds: write for example 0.5", text);
  if (seconds < shortest || seconds > longest)
    return usage_error (error, "\"%s\" is not between 0.001 seconds and %.0f, one day", text,
                        longest);

  *milliseconds = (guint) (seconds * 1000.0 + 0.5);
  return TRUE;
}

gboolean
parse_region (const char *text, RegionChoice *choice, GError **error)
{
  guint64 number;

  if (g_ascii_strcasecmp (text, "all") == 0)
    {
      *choice = (RegionChoice){ .kind = REGION_CHOICE_ALL };
      return TRUE;
    }

  for (guint32 i = 0; i < VUC_PCI_NUM_REGIONS; i++)
    {
      if (g_ascii_strcasecmp (text, name_of_pci_region (i)) == 0)
        {
          *choice = (RegionChoice){ .kind = REGION_CHOICE_NAME, .index = i };
          return TRUE;
        }
    }

  if (!parse_number (text, &number, NULL) || number > G_MAXUINT32)
    return usage_error (
      error, "\"%s\" is no region: write a number, bar0 to bar5, rom, config, vga or all", text);

  *choice = (RegionChoice){ .kind = REGION_CHOICE_NUMBER, .index = (guint32) number };
  return TRUE;
}

gboolean
parse_width (const char *text, guint *width, GError **error)
{
  if (strlen (text) != 1 || strchr ("1248", *text) == NULL)
    return usage_error (error, "\"%s\" is no width of an access: write 1, 2, 4 or 8", text);

  *width = (guint) (*text - '0');
  return TRUE;
}
