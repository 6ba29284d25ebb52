/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What goes to standard error: failures, the messages that --verbose shows, the progress of a long
 * dump.
 */

#ifndef TERMINAL_H
#define TERMINAL_H

#include <vfio-user-client/vfio-user-client.h>

/* One line, "vfio-user-dump: TEXT", made safe for a terminal. */
void terminal_complain (const char *text);

/* A VucMessageFunc: one line with the time since the first message. */
void terminal_show_message (const VucMessageEvent *event, gpointer user_data);

/* The progress line of one dump; all zeroes shows nothing. */
typedef struct
{
  char *name;    /* of what is read; NULL: show nothing */
  guint64 total; /* bytes */
  gboolean shown;
  gint64 next; /* when to draw it again if it is shown, monotonic microseconds */
} Progress;

/* Shows something only if standard error is a terminal and TOTAL is above 1 MiB. */
void progress_begin (Progress *progress, const char *name, guint64 total);

/* Draws the line: a few times a second, or at once where it was wiped. */
void progress_show (Progress *progress, guint64 done);

/* Wipes the line, before anything else is written to the same terminal. */
void progress_hide (Progress *progress);

void progress_end (Progress *progress);

#endif /* TERMINAL_H */
