/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The common main of all test programs.  A test file is functions and a table of them:
 *
 *   #include "harness/harness.h"
 *
 *   static void
 *   a_read_past_the_end_sticks (void)
 *   {
 *     g_autoptr(GError) error = NULL;
 *
 *     ck_assert (!thing_parse ("x", &error));
 *     assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "payload 1, expected 4");
 *   }
 *
 *   static const HarnessCase cases[] = {
 *     HARNESS_CASE (a_read_past_the_end_sticks),
 *     HARNESS_END
 *   };
 *
 *   int
 *   main (int argc, char **argv)
 *   {
 *     return harness_main (argc, argv, "thing", cases);
 *   }
 *
 * Each case is one line of TAP, named after its function ("a read past the end sticks").  It fails
 * on a failed assertion (Check's or those below), a signal, a GLib warning or critical, a
 * descriptor that is open afterwards and was not before (or the reverse), a child process left
 * behind, a sanitizer's finding, and when it has no end.  A critical that is wanted is announced
 * with g_test_expect_message (), and must then come.
 *
 * Check runs each case in a process of its own, or in one process with CK_FORK=no.  To run some:
 *
 *   tests/unit/test-thing "past the end"        those whose name contains this
 *   HARNESS_ONLY="past the end" make check      the same; other programs skip
 *   HARNESS_TIMEOUT=60                          seconds for each case (default 80)
 */

#ifndef HARNESS_H
#define HARNESS_H

#include <check.h>
#include <glib.h>
#include <stddef.h>

#include "hex.h"

G_BEGIN_DECLS

/* Filled by the macros below. */
typedef struct
{
  const char *name;
  void (*run) (void);
  void (*run_row) (gconstpointer row);
  const void *rows;
  gsize n_rows;
  gsize row_size;
  gsize row_name_offset;
} HarnessCase;

/* A case of one function, void function (void). */
#define HARNESS_CASE(function) { .name = #function, .run = (function) }

/*
 * A case for each row of an array, void function (gconstpointer row).  A row is a structure with a
 * member "name", a const char *, which says what is special about it.
 */
#define HARNESS_ROWS(function, table) \
  { \
    .name = #function, .run_row = (function), .rows = (table), \
    .n_rows = G_N_ELEMENTS (table), .row_size = sizeof ((table)[0]), \
    .row_name_offset = offsetof (__typeof__ ((table)[0]), name) \
  }

#define HARNESS_END { .name = NULL }

/* Runs the cases; returns what main returns.  Starts no thread; none may run when it is called. */
int harness_main (int argc, char **argv, const char *suite, const HarnessCase *cases);

/* Leaves the case, which counts as skipped.  Only in the case's own function: it returns. */
#define harness_skip(...) \
  do \
    { \
      harness_note_skip (__VA_ARGS__); \
      return; \
    } \
  while (0)

/* Fails the case.  Where an assertion of Check says it too, prefer that: it names the line. */
void harness_fail (const char *format, ...) G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN;

/*
 * What is shown only if this case fails.  The context is one line that says what is being tried
 * just now, and replaces the one before; notes pile up.  Both may be called in child processes.
 */
void harness_context (const char *format, ...) G_GNUC_PRINTF (1, 2);
void harness_note (const char *format, ...) G_GNUC_PRINTF (1, 2);
void harness_note_skip (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* A fresh folder for this case.  It goes with all that is in it when the case ends, however. */
const char *harness_temp_dir (void);

/* How many descriptors this process has open. */
guint harness_count_descriptors (void);

/*
 * Assertions that show what came and what was expected.
 *
 * assert_error: that @error has this domain and code, and a message that contains @text.
 * assert_bytes: that @size bytes at @got are what the hex text says (see hex.h; ?? is any byte).
 */
#define assert_no_error(error) \
  _harness_assert (harness_check_no_error (error))
#define assert_error(error, domain, code, text) \
  _harness_assert (harness_check_error ((error), (domain), (code), (text)))
#define assert_bytes(got, size, text) \
  _harness_assert (harness_check_bytes ((got), (size), (text)))
#define assert_same_bytes(got, got_size, expected, expected_size) \
  _harness_assert (hex_difference ((got), (got_size), (expected), (expected_size)))
#define assert_contains(text, part) \
  _harness_assert (harness_check_contains ((text), (part)))

/* What the assertions are made of: each returns NULL, or what is wrong. */
char *harness_check_no_error (const GError *error);
char *harness_check_error (const GError *error, GQuark domain, int code, const char *text);
char *harness_check_bytes (gconstpointer got, gsize size, const char *text);
char *harness_check_contains (const char *text, const char *part);

#define _harness_assert(check) \
  do \
    { \
      char *_harness_why = (check); \
      if (_harness_why != NULL) \
        ck_abort_msg ("%s", _harness_why); \
    } \
  while (0)

G_END_DECLS

#endif /* HARNESS_H */
