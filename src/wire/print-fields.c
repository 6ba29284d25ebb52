/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Structures as text, for the printer.  Does not know which structures there are.  Pure; any
 * thread.
 */

#include "wire/print-fields.h"

#include "base/cursor.h"

static guint64
get_value (VucCursor *cursor, const VucPrintField *field)
{
  vuc_cursor_seek (cursor, field->offset);
  switch (field->width)
    {
    case 2:
      return vuc_cursor_get_u16 (cursor);
    case 4:
      return vuc_cursor_get_u32 (cursor);
    default:
      return vuc_cursor_get_u64 (cursor);
    }
}

/* "0x5 (READ|MMAP)" */
static void
append_bits (GString *line, const char *const *names, guint64 value)
{
  gboolean any = FALSE;

  g_string_append_printf (line, "0x%" G_GINT64_MODIFIER "x", value);
  for (guint bit = 0; names[bit] != NULL; bit++)
    {
      if ((value >> bit & 1) == 0)
        continue;
      g_string_append_printf (line, "%s%s", any ? "|" : " (", names[bit]);
      any = TRUE;
    }
  if (any)
    g_string_append_c (line, ')');
}

static const char *
name_of_value (const char *const *names, guint64 value)
{
  for (guint i = 0; names[i] != NULL; i++)
    {
      if (i == value)
        return names[i];
    }
  return NULL;
}

static void
append_field (GString *line, const VucPrintField *field, guint64 value)
{
  const char *kind = field->format == VUC_PRINT_KIND ? name_of_value (field->names, value) : NULL;

  if (kind != NULL)
    {
      g_string_append (line, kind);
      return;
    }

  g_string_append_printf (line, "%s ", field->name);
  switch (field->format)
    {
    case VUC_PRINT_HEX:
      g_string_append_printf (line, "0x%" G_GINT64_MODIFIER "x", value);
      break;
    case VUC_PRINT_BITS:
      append_bits (line, field->names, value);
      break;
    case VUC_PRINT_FD_INDEX:
      if (value == G_MAXUINT32)
        g_string_append (line, "none");
      else
        g_string_append_printf (line, "%" G_GUINT64_FORMAT, value);
      break;
    case VUC_PRINT_DECIMAL:
    case VUC_PRINT_KIND:
      g_string_append_printf (line, "%" G_GUINT64_FORMAT, value);
      break;
    }
}

void
vuc_print_fields (GString *line, const VucPrintField *fields, const guint8 *bytes, gsize size)
{
  const char *separator = "";

  for (const VucPrintField *field = fields; field->name != NULL; field++)
    {
      VucCursor cursor;
      guint64 value;

      vuc_cursor_init (&cursor, bytes, size);
      value = get_value (&cursor, field);
      if (!vuc_cursor_ok (&cursor))
        continue;

      g_string_append (line, separator);
      append_field (line, field, value);
      separator = ", ";
    }
}
