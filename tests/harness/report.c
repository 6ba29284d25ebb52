/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Keeps what a case wants to have said of it (reason of a skip, context, notes) and its temporary
 * folder, in shared memory.  It does not know what becomes of it.  Written by the process that runs
 * the case and by its children, at any time and by any thread; read by harness_main () when the
 * case is over.
 */

#include "report.h"

#include "harness.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct
{
  gboolean finished;
  char skip[256];
  char context[512];
  char temp_dir[256];
  gint notes_end; /* atomic; may be past the end: what did not fit is lost */
  char notes[256 * 1024];
} Report;

static Report *report;

void
report_init (void)
{
  report = mmap (NULL, sizeof (Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (report == MAP_FAILED)
    g_error ("shared memory for the report: %s", g_strerror (errno));
}

/* Most cases leave no notes: what was not written is not cleared, nor touched. */
void
report_clear (void)
{
  gint end = g_atomic_int_get (&report->notes_end);

  memset (report->notes, 0, MIN ((gsize) end, sizeof (report->notes)));
  g_atomic_int_set (&report->notes_end, 0);
  report->finished = FALSE;
  report->skip[0] = '\0';
  report->context[0] = '\0';
  report->temp_dir[0] = '\0';
}

void
harness_note_skip (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_vsnprintf (report->skip, sizeof (report->skip), format, args);
  va_end (args);
}

void
harness_context (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_vsnprintf (report->context, sizeof (report->context), format, args);
  va_end (args);
}

void
harness_note (const char *format, ...)
{
  g_autofree char *text = NULL;
  gsize size;
  gsize start;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  /* Whoever moves the end owns what lies between; the last byte stays zero. */
  size = strlen (text);
  start = g_atomic_int_add (&report->notes_end, size + 1);
  if (start + size + 1 >= sizeof (report->notes))
    return;
  memcpy (report->notes + start, text, size);
  report->notes[start + size] = '\n';
}

void
report_set_finished (void)
{
  report->finished = TRUE;
}

gboolean
report_is_finished (void)
{
  return report->finished;
}

static const char *
non_empty (const char *text)
{
  return text[0] != '\0' ? text : NULL;
}

const char *
report_get_skip (void)
{
  return non_empty (report->skip);
}

const char *
report_get_context (void)
{
  return non_empty (report->context);
}

const char *
report_get_notes (void)
{
  return non_empty (report->notes);
}

const char *
harness_temp_dir (void)
{
  if (report->temp_dir[0] == '\0')
    {
      char path[sizeof (report->temp_dir)];

      /* Not below TMPDIR, which may be too long for the address of a socket. */
      g_strlcpy (path, "/tmp/harness-XXXXXX", sizeof (path));
      if (g_mkdtemp (path) == NULL)
        harness_fail ("%s: %s", path, g_strerror (errno));
      g_strlcpy (report->temp_dir, path, sizeof (report->temp_dir));
    }

  return report->temp_dir;
}

static int
remove_one (const char *path,
            const struct stat *status G_GNUC_UNUSED,
            int kind G_GNUC_UNUSED,
            struct FTW *where G_GNUC_UNUSED)
{
  return remove (path);
}

void
report_remove_temp_dir (void)
{
  if (report->temp_dir[0] != '\0')
    nftw (report->temp_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
