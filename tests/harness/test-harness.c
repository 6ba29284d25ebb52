/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The harness, tested from outside: runs misbehave, a test program whose cases do what has to be
 * reported, and reads what it says and how it ends.
 */

#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  char *output;
  int status; /* as exit gave it; -1: killed */
} Run;

static void
run_free (Run *run)
{
  g_free (run->output);
  g_free (run);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Run, run_free)

/*
 * With its argument (or NULL) and what its environment says.  The timeout is short only where a
 * hang is wanted: the machine may be busy.
 */
static Run *
run_with (const char *argument, const char *only, const char *fork, const char *timeout)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = g_path_get_dirname (self);
  g_autofree char *program = g_build_filename (folder, "misbehave", NULL);
  char *arguments[] = { program, (char *) argument, NULL };
  g_auto(GStrv) environment = g_get_environ ();
  const char *options = g_environ_getenv (environment, "ASAN_OPTIONS");
  g_autofree char *no_leaks = NULL;
  g_autoptr(GError) error = NULL;
  Run *run = g_new0 (Run, 1);
  int status;

  /* Check leaves a case that fails by longjmp if it did not fork: what the case held leaks. */
  no_leaks = g_strconcat (options != NULL ? options : "", ":detect_leaks=0", NULL);
  environment = g_environ_setenv (environment, "ASAN_OPTIONS", no_leaks, TRUE);
  environment = g_environ_setenv (environment, "CK_FORK", fork, TRUE);
  environment = g_environ_setenv (environment, "HARNESS_TIMEOUT", timeout, TRUE);
  environment = g_environ_setenv (environment, "HARNESS_ONLY", only, TRUE);
  g_spawn_sync (NULL, arguments, environment, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                &run->output, NULL, &status, &error);
  assert_no_error (error);
  run->status = WIFEXITED (status) ? WEXITSTATUS (status) : -1;
  harness_note ("%s", run->output);

  return run;
}

static Run *
run_misbehave (const char *only, const char *fork)
{
  return run_with (only, "", fork, g_strcmp0 (only, "hangs") == 0 ? "0.2" : "20");
}

typedef struct
{
  const char *name;
  const char *result; /* the first word of its line */
  const char *says;   /* somewhere in the output; NULL: nothing particular */
} Row;

/* What can be told in one process as well. */
static const Row rows[] = {
  { "all is well", "ok", NULL },
  { "is skipped", "ok", "is skipped # SKIP the moon is not full\n" },
  { "leaks a descriptor", "not ok", "was left open: anon_inode:[eventfd]\n" },
  { "closes a descriptor that", "not ok", "# descriptor 0 was closed by the test: /dev/null\n" },
  { "replaces a descriptor", "not ok", "# descriptor 0 was replaced: /dev/null by /dev/zero\n" },
  { "fails an assertion", "not ok", "Assertion '40 + 2 == 43' failed" },
  { "fails an assertion", "not ok", "\n# first note\n# second note\n" },
  { "expects other bytes", "not ok", "# > 0000  01 02 03  " },
  { "leaves a running child", "not ok", "left behind: it is still running\n" },
  { "leaves a dead child", "not ok", "left behind: it exited with status 3" },
  { "fails at a mutation", "not ok", "\n# while: bit 7 of byte 1 changed to 0\n" },
  { "has a mistake in its hex", "not ok", "a byte has two digits" },
  { "does not follow the script", "not ok", "step 2 (expect bytes): byte 1 is 03, expected 02\n" },
  { "fails because of its server", "not ok", "step 1 (expect DEVICE_RESET): command 7" },
  { "fails before its server is done", "not ok", "on purpose\n" },
};

/* What ends the process that the case runs in. */
static const Row deadly_rows[] = {
  { "hangs", "not ok", "# Test timeout expired\n" },
  { "is critical", "not ok", "CRITICAL **" },
  { "is critical", "not ok", "something is very wrong\n" },
  { "warns", "not ok", "something is a little wrong\n" },
  { "misses an expected critical", "not ok", "Did not see expected message" },
  { "aborts in GLib", "not ok", "assertion failed (1 == 2)" },
  { "crashes", "not ok", "\n# while: about to crash\n" },
  { "exits", "not ok", "# the case ended the process by itself\n" },
};

/* What only AddressSanitizer sees. */
static const Row sanitizer_rows[] = {
  { "reads past a mutation", "not ok", "\n# while: truncated to 3 of 8 bytes\n" },
  { "reads an empty mutation", "not ok", "\n# while: truncated to 0 of 8 bytes\n" },
};

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined (__SANITIZE_ADDRESS__) || __has_feature (address_sanitizer)
#define HAS_SANITIZER TRUE
#else
#define HAS_SANITIZER FALSE
#endif

static void
check_report (const Row *row, const Run *run)
{
  g_autofree char *line = g_strdup_printf ("\n%s 1 - %s", row->result, row->name);

  assert_contains (run->output, "# misbehave\n1..");
  assert_contains (run->output, line);
  if (row->says != NULL)
    assert_contains (run->output, row->says);
  ck_assert_int_eq (run->status, strcmp (row->result, "ok") == 0 ? 0 : 1);
}

static void
what_a_case_does_is_reported (gconstpointer row)
{
  g_autoptr(Run) run = run_misbehave (((const Row *) row)->name, "yes");

  check_report (row, run);
}

static void
a_read_past_the_end_is_reported (gconstpointer row)
{
  g_autoptr(Run) run = NULL;

  if (!HAS_SANITIZER)
    harness_skip ("not compiled with AddressSanitizer");
  run = run_misbehave (((const Row *) row)->name, "yes");
  check_report (row, run);
}

static void
what_a_case_does_is_reported_in_one_process (gconstpointer row)
{
  g_autoptr(Run) run = run_misbehave (((const Row *) row)->name, "no");

  check_report (row, run);
}

static void
what_kills_one_process_is_no_success (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(Run) run = run_misbehave (row->name, "no");

  /* "exits" ends with status 0: what a TAP driver then misses is the result of a planned case. */
  ck_assert (strstr (run->output, "ok 1 - ") == NULL);
}

static void
a_hang_in_one_process_is_said (void)
{
  g_autoptr(Run) run = run_misbehave ("hangs", "no");

  assert_contains (run->output, "Bail out! the last case has no end: timeout expired\n");
  ck_assert_int_eq (run->status, 1);
}

static gboolean
is_diagnostic (const char *line)
{
  return line[0] == '#' && line[1] == ' ';
}

static void
a_whole_run_is_clean_tap (void)
{
  g_autoptr(Run) run = run_with (NULL, "", "yes", "0.5");
  g_auto(GStrv) lines = g_strsplit (g_strchomp (run->output), "\n", -1);
  guint n_planned = 0;
  guint n_results = 0;

  for (char **line = lines; *line != NULL; line++)
    {
      const char *result = g_str_has_prefix (*line, "not ") ? *line + 4 : *line;
      guint number;

      if (is_diagnostic (*line))
        continue;
      if (n_planned == 0)
        {
          ck_assert_int_eq (sscanf (*line, "1..%u", &n_planned), 1);
          continue;
        }
      ck_assert_msg (sscanf (result, "ok %u - ", &number) == 1, "no TAP: %s", *line);
      ck_assert_uint_eq (number, ++n_results);
    }
  ck_assert_uint_gt (n_planned, 20);
  ck_assert_uint_eq (n_results, n_planned);
  ck_assert_int_eq (run->status, 1);
}

static void
each_row_of_a_table_is_a_case (void)
{
  g_autoptr(Run) run = run_misbehave ("a row is even", "yes");

  assert_contains (run->output, "\n1..3\n");
  assert_contains (run->output, "\nok 1 - a row is even: two\n");
  assert_contains (run->output, "\nnot ok 2 - a row is even: three   SKIP\n");
  assert_contains (run->output, "\nok 3 - a row is even: four\n");
}

static void
the_environment_chooses_cases_too (void)
{
  g_autoptr(Run) run = run_with (NULL, "is well", "yes", "20");

  assert_contains (run->output, "\n1..1\nok 1 - all is well\n");
}

static void
a_name_that_no_case_has_is_an_error (void)
{
  g_autoptr(Run) run = run_misbehave ("no such case", "yes");

  assert_contains (run->output, "Bail out! misbehave has no case with \"no such case\"");
  ck_assert_int_eq (run->status, 1);
}

static void
a_name_that_only_other_programs_know_skips_this_one (void)
{
  g_autoptr(Run) run = run_with (NULL, "no such case", "yes", "20");

  assert_contains (run->output, "1..0 # SKIP no case has \"no such case\" in its name\n");
  ck_assert_int_eq (run->status, 0);
}

static void
the_temporary_folder_goes_even_if_the_case_fails (void)
{
  g_autoptr(Run) run = run_misbehave ("leaves a file", "yes");
  const char *folder = strstr (run->output, "# folder ");
  g_autofree char *path = NULL;

  ck_assert_ptr_nonnull (folder);
  folder += strlen ("# folder ");
  path = g_strndup (folder, strcspn (folder, "\n"));
  ck_assert (g_str_has_prefix (path, "/tmp/"));
  ck_assert (!g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
an_expected_critical_is_none (void)
{
  g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, "*very wrong*");
  g_critical ("something is very wrong");
}

static void
descriptors_are_counted (void)
{
  guint before = harness_count_descriptors ();
  int fd = dup (STDIN_FILENO);

  ck_assert_uint_eq (harness_count_descriptors (), before + 1);
  close (fd);
  ck_assert_uint_eq (harness_count_descriptors (), before);
}

static void
errors_are_compared_by_domain_code_and_text (void)
{
  g_autoptr(GError) error = g_error_new (G_FILE_ERROR, G_FILE_ERROR_NOENT, "no %s here", "file");
  g_autofree char *none = harness_check_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "no file");
  g_autofree char *text = harness_check_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "dragon");
  g_autofree char *code = harness_check_error (error, G_FILE_ERROR, G_FILE_ERROR_IO, "no file");
  g_autofree char *missing = harness_check_error (NULL, G_FILE_ERROR, G_FILE_ERROR_IO, "no file");
  g_autofree char *unexpected = harness_check_no_error (error);

  ck_assert_ptr_null (none);
  assert_contains (text, "got g-file-error-quark, code 4: \"no file here\"");
  assert_contains (text, "\"...dragon...\"");
  ck_assert_ptr_nonnull (code);
  assert_contains (missing, "there is no error, expected g-file-error-quark");
  assert_contains (unexpected, "unexpected error: g-file-error-quark, code 4: \"no file here\"");
  assert_no_error (NULL);
  assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "file here");
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (what_a_case_does_is_reported, rows),
  HARNESS_ROWS (what_a_case_does_is_reported, deadly_rows),
  HARNESS_ROWS (a_read_past_the_end_is_reported, sanitizer_rows),
  HARNESS_ROWS (what_a_case_does_is_reported_in_one_process, rows),
  HARNESS_ROWS (what_kills_one_process_is_no_success, deadly_rows),
  HARNESS_CASE (a_hang_in_one_process_is_said),
  HARNESS_CASE (a_whole_run_is_clean_tap),
  HARNESS_CASE (each_row_of_a_table_is_a_case),
  HARNESS_CASE (the_environment_chooses_cases_too),
  HARNESS_CASE (a_name_that_no_case_has_is_an_error),
  HARNESS_CASE (a_name_that_only_other_programs_know_skips_this_one),
  HARNESS_CASE (the_temporary_folder_goes_even_if_the_case_fails),
  HARNESS_CASE (an_expected_critical_is_none),
  HARNESS_CASE (descriptors_are_counted),
  HARNESS_CASE (errors_are_compared_by_domain_code_and_text),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "harness", cases);
}
