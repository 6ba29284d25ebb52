/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What goes to standard error. Much of it tells what a server said, so all of it is made printable
 * here. Does not know what the program does. Main thread; messages are shown from whichever thread
 * sends or receives them, and this program has one.
 */

#include "terminal.h"

#include <stdio.h>
#include <unistd.h>

#include "names.h"

#define PROGRESS_MIN_BYTES   (1024 * 1024)
#define PROGRESS_INTERVAL_US (G_USEC_PER_SEC / 10)
#define WIPE_LINE            "\r\033[K"

void
terminal_complain (const char *text)
{
  g_autofree char *safe = printable (text);

  fprintf (stderr, "vfio-user-dump: %s\n", safe);
}

void
terminal_show_message (const VucMessageEvent *event, gpointer user_data)
{
  gint64 *start = user_data;
  g_autofree char *text = printable (event->text);

  if (*start == 0)
    *start = event->time_us;

  fprintf (stderr, "%10.6f %s %s\n", (double) (event->time_us - *start) / G_USEC_PER_SEC,
           event->direction == VUC_MESSAGE_SENT ? "->" : "<-", text);
}

void
progress_begin (Progress *progress, const char *name, guint64 total)
{
  *progress = (Progress){ .total = total };
  if (total > PROGRESS_MIN_BYTES && isatty (STDERR_FILENO))
    progress->name = printable (name);
}

void
progress_show (Progress *progress, guint64 done)
{
  gint64 now;

  if (progress->name == NULL)
    return;

  now = g_get_monotonic_time ();
  if (progress->shown && now < progress->next)
    return;

  fprintf (stderr,
           WIPE_LINE "reading %s: %.0f%%, %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " KiB",
           progress->name, 100.0 * (double) done / (double) progress->total, done / 1024,
           progress->total / 1024);
  fflush (stderr);
  progress->shown = TRUE;
  progress->next = now + PROGRESS_INTERVAL_US;
}

void
progress_hide (Progress *progress)
{
  if (!progress->shown)
    return;

  fputs (WIPE_LINE, stderr);
  fflush (stderr);
  progress->shown = FALSE;
}

void
progress_end (Progress *progress)
{
  progress_hide (progress);
  g_clear_pointer (&progress->name, g_free);
}
