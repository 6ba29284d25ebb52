/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * From errors to what one can do about them, as one line each: tables of advice by errno and by
 * error code. The library's own message says what happened. Prints nothing. Any thread.
 */

#include "advice.h"

#include <errno.h>
#include <sys/stat.h>

#include <glib/gstdio.h>
#include <vfio-user-client/vfio-user-client.h>

static const struct
{
  int number;
  const char *advice;
} connect_advice[] = {
  { ENOENT, "there is no such socket; check the path, or start the server first" },
  { ECONNREFUSED, "nobody listens on this socket; start the server first" },
  { EACCES,
    "no permission to use this socket; ask its owner for write access, or become that user" },
  { EPERM,
    "no permission to use this socket; ask its owner for write access, or become that user" },
  { ENOTDIR, "a part of this path is no folder; check the path" },
  { EPROTOTYPE,
    "this socket is not a stream socket; name the one where a vfio-user server listens" },
  { EAGAIN, "the server's queue is full; it is busy with another client, try again later" },
};

static const struct
{
  VucError code;
  const char *advice;
} code_advice[] = {
  { VUC_ERROR_PROTOCOL, "this is likely to be a bug in the server, --verbose shows what it sent" },
  { VUC_ERROR_REJECTED, "this is likely to be a bug in the server, --verbose shows what it sent" },
  { VUC_ERROR_REMOTE, "the server's own log may say why" },
  { VUC_ERROR_TIMED_OUT, "the server hangs or needs longer, which --timeout would allow" },
  { VUC_ERROR_DISCONNECTED, "look whether the server still runs, and into its log" },
};

static const char *
advice_for_code (const GError *error)
{
  for (guint i = 0; error->domain == VUC_ERROR && i < G_N_ELEMENTS (code_advice); i++)
    {
      if (error->code == (int) code_advice[i].code)
        return code_advice[i].advice;
    }

  return NULL;
}

static char *
line (const char *subject, const char *what, const char *advice)
{
  return g_strdup_printf ("%s: %s%s%s", subject, what, advice != NULL ? "; " : "",
                          advice != NULL ? advice : "");
}

char *
advice_on_connecting (const char *path, const GError *error)
{
  int number = vuc_error_get_errno (error);
  GStatBuf status;

  /* Connecting to a file says the same as connecting to a socket that nobody serves. */
  if (*path != '@' && g_stat (path, &status) == 0 && !S_ISSOCK (status.st_mode))
    return line (path, "this is not a socket", "name the UNIX socket where the server listens");

  if (g_error_matches (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT))
    return g_strdup_printf ("%s; reach it by a shorter path, a symbolic link for example",
                            error->message);

  /* At this point it is as likely that something else listens there. */
  if (g_error_matches (error, VUC_ERROR, VUC_ERROR_PROTOCOL))
    return line (path, error->message, "this is no vfio-user server of version 0, or it has a bug");

  /* The usual reason has another name for a client that only sees silence. */
  if (g_error_matches (error, VUC_ERROR, VUC_ERROR_TIMED_OUT))
    return line (path, error->message,
                 "most servers take one client at a time: see whether there is another, or try a "
                 "longer --timeout");

  if (g_error_matches (error, VUC_ERROR, VUC_ERROR_CONNECT))
    {
      for (guint i = 0; i < G_N_ELEMENTS (connect_advice); i++)
        {
          if (number == connect_advice[i].number)
            return g_strdup_printf ("%s: %s (%s)", path, connect_advice[i].advice,
                                    g_strerror (number));
        }
    }

  return line (path, error->message, advice_for_code (error));
}

char *
advice_on (const char *activity, const GError *error)
{
  return line (activity, error->message, advice_for_code (error));
}
