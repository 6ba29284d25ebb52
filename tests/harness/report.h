/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What a case says besides pass and fail.  It lies in memory that is shared with the processes that
 * the case runs in and starts, so that it survives them.  Private to the harness: tests use
 * harness_note () and its like, harness_main () does what follows.
 *
 *   report_init ();
 *   for (;;)
 *     {
 *       report_clear ();
 *       run_the_case_in_a_child_process ();
 *       if (failed)
 *         print (report_get_notes ());
 *       report_remove_temp_dir ();
 *     }
 */

#ifndef HARNESS_REPORT_H
#define HARNESS_REPORT_H

#include <glib.h>

G_BEGIN_DECLS

void report_init (void);
void report_clear (void);

/* Said at the very end of a case: it has not left by exit (), say. */
void report_set_finished (void);
gboolean report_is_finished (void);

/* NULL where there is none. */
const char *report_get_skip (void);
const char *report_get_context (void);
const char *report_get_notes (void);

void report_remove_temp_dir (void);

G_END_DECLS

#endif /* HARNESS_REPORT_H */
