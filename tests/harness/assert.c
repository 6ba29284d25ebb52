/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the assertions of harness.h are made of: each looks at something and returns NULL, or a text
 * that says what came and what was expected.  Any thread.
 */

#include "harness.h"

#include <string.h>

char *
harness_check_no_error (const GError *error)
{
  if (error == NULL)
    return NULL;

  return g_strdup_printf ("unexpected error: %s, code %d: \"%s\"",
                          g_quark_to_string (error->domain), error->code, error->message);
}

char *
harness_check_error (const GError *error, GQuark domain, int code, const char *text)
{
  if (error == NULL)
    return g_strdup_printf ("there is no error, expected %s, code %d: \"...%s...\"",
                            g_quark_to_string (domain), code, text);
  if (error->domain == domain && error->code == code && strstr (error->message, text) != NULL)
    return NULL;

  return g_strdup_printf ("another error\n"
                          "got %s, code %d: \"%s\"\n"
                          "expected %s, code %d: \"...%s...\"",
                          g_quark_to_string (error->domain), error->code, error->message,
                          g_quark_to_string (domain), code, text);
}

char *
harness_check_bytes (gconstpointer got, gsize size, const char *text)
{
  char *why = NULL;
  g_autoptr(HexPattern) pattern = hex_pattern_new (text, &why);

  return pattern != NULL ? hex_pattern_difference (pattern, got, size) : why;
}

char *
harness_check_contains (const char *text, const char *part)
{
  if (text != NULL && strstr (text, part) != NULL)
    return NULL;

  return g_strdup_printf ("\"%s\" is not in the text\n%s", part, text != NULL ? text : "(NULL)");
}
