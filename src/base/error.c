/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The error domain, and the errno that travels in an error.  GLib before 2.68 cannot carry private
 * data in a GError, so the errno is the end of the message, where a person wants it anyway.  Knows
 * nothing of vfio-user.  Any thread.
 */

#include "base/error.h"

#include <string.h>

#define ERRNO_PREFIX "(errno "

/* clang-format off */
G_DEFINE_QUARK (vuc-error-quark, vuc_error)
/* clang-format on */

int
vuc_error_get_errno (const GError *error)
{
  const char *tail;
  char *end;
  guint64 number;

  if (error == NULL || error->message == NULL)
    return 0;

  tail = g_strrstr (error->message, ERRNO_PREFIX);
  if (tail == NULL)
    return 0;

  number = g_ascii_strtoull (tail + strlen (ERRNO_PREFIX), &end, 10);
  return strcmp (end, ")") == 0 && number <= 4095 ? (int) number : 0;
}

static void G_GNUC_PRINTF (4, 0)
  set_error_valist (GError **error, VucError code, int number, const char *format, va_list args)
{
  g_autofree char *text = NULL;

  if (error == NULL)
    return;
  g_return_if_fail (*error == NULL);
  if (number == 0)
    {
      *error = g_error_new_valist (VUC_ERROR, code, format, args);
      return;
    }
  text = g_strdup_vprintf (format, args);
  g_set_error (error, VUC_ERROR, code, "%s: %s " ERRNO_PREFIX "%d)", text, g_strerror (number),
               number);
}

gboolean
vuc_fail_protocol (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  set_error_valist (error, VUC_ERROR_PROTOCOL, 0, format, args);
  va_end (args);
  return FALSE;
}

gboolean
vuc_fail_rejected (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  set_error_valist (error, VUC_ERROR_REJECTED, 0, format, args);
  va_end (args);
  return FALSE;
}

gboolean
vuc_fail (GError **error, VucError code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  set_error_valist (error, code, 0, format, args);
  va_end (args);
  return FALSE;
}

gboolean
vuc_fail_errno (GError **error, VucError code, int number, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  set_error_valist (error, code, number, format, args);
  va_end (args);
  return FALSE;
}
