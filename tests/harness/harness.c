/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Runs the cases of a test program with Check, one at a time, looks at what each leaves behind, and
 * writes TAP.  Check's own TAP is not used: it knows no skipping, and a message of several lines
 * breaks it.  It does not know what is tested.  harness_main () runs on the only thread.
 */

#include "harness.h"

#include "descriptors.h"
#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ten times what the longest takes with a sanitizer on an idle machine: only for what has no end. */
#define DEFAULT_TIMEOUT_SECONDS 80.0

/* What the test function that is given to Check runs: Check hands it nothing but a number. */
static const HarnessCase *current_case;
static gsize current_row;
static gboolean in_own_process; /* whether Check forks for it */

void
harness_fail (const char *format, ...)
{
  g_autofree char *why = NULL;
  va_list args;

  va_start (args, format);
  why = g_strdup_vprintf (format, args);
  va_end (args);

  ck_abort_msg ("%s", why);
}

/* ---- What a case leaves behind ---- */

static char *
describe_end (const siginfo_t *info)
{
  if (info->si_pid == 0)
    return g_strdup ("is still running");
  if (info->si_code == CLD_EXITED)
    return g_strdup_printf ("exited with status %d and was not waited for", info->si_status);

  return g_strdup_printf ("was killed by signal %d and was not waited for", info->si_status);
}

/* Ends and reaps the processes that this one started and did not wait for; says what they were. */
static char *
reap_left_children (void)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/children", getpid ());
  g_autofree char *pids = NULL;
  siginfo_t info = { 0 };
  char *what;

  if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
    return NULL;
  what = describe_end (&info);

  if (g_file_get_contents (path, &pids, NULL, NULL))
    {
      g_auto(GStrv) list = g_strsplit (g_strchomp (pids), " ", -1);

      for (char **pid = list; *pid != NULL; pid++)
        if (**pid != '\0')
          kill (atoi (*pid), SIGKILL);
      while (waitpid (-1, NULL, 0) > 0)
        continue;
    }

  return what;
}

static void
check_nothing_is_left (const GPtrArray *before)
{
  g_autofree char *child = reap_left_children ();
  g_autoptr(GPtrArray) after = descriptors_list ();
  g_autofree char *difference = descriptors_difference (before, after);

  if (child != NULL)
    ck_abort_msg ("a child process was left behind: it %s", child);
  if (difference != NULL)
    ck_abort_msg ("%s", difference);
}

/* ---- Warnings and time ---- */

/*
 * What GLib says, of a failed g_assert () for example: standard output is for TAP only.  Without a
 * process of its own for the case, nobody is left to print the notes if that is the end.
 */
static void
note_printed (const char *text)
{
  harness_note ("%s", text);
  if (!in_own_process)
    fputs (text, stderr);
}

static GLogWriterOutput
note_message (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  g_autofree char *text = NULL;

  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) == 0)
    return g_log_writer_default (level, fields, n_fields, data);

  text = g_log_writer_format_fields (level, fields, n_fields, FALSE);
  note_printed (text);

  return G_LOG_WRITER_HANDLED;
}

static double
get_timeout (void)
{
  const char *text = g_getenv ("HARNESS_TIMEOUT");

  return text != NULL ? g_ascii_strtod (text, NULL) : DEFAULT_TIMEOUT_SECONDS;
}

static void
on_alarm (int number G_GNUC_UNUSED)
{
  static const char message[] = "Bail out! the last case has no end: timeout expired\n";
  ssize_t written = write (STDOUT_FILENO, message, sizeof (message) - 1);

  _exit (written > 0 ? 1 : 2);
}

/* For a case without a process of its own: Check has no timeout then (its handler kills us all). */
static void
set_alarm (double seconds)
{
  struct itimerval timer = { 0 };

  signal (SIGALRM, on_alarm);
  timer.it_value.tv_sec = (time_t) seconds;
  timer.it_value.tv_usec = (suseconds_t) ((seconds - (time_t) seconds) * 1e6);
  setitimer (ITIMER_REAL, &timer, NULL);
}

/* ---- Running ---- */

START_TEST (run_current_case)
{
  g_autoptr(GPtrArray) before = NULL;

  if (!in_own_process)
    set_alarm (get_timeout ());

  /* The default main context keeps an eventfd from its first use on: that is no leak of a test. */
  g_main_context_default ();

  before = descriptors_list ();
  if (current_case->run != NULL)
    current_case->run ();
  else
    current_case->run_row ((const char *) current_case->rows
                           + current_row * current_case->row_size);
  g_test_assert_expected_messages ();
  check_nothing_is_left (before);
  report_set_finished ();
}
END_TEST

/* ---- TAP ---- */

/* "a_read_fails: row" as "a read fails: row"; a # would begin a directive. */
static char *
make_title (const HarnessCase *test_case, gsize row)
{
  g_autofree char *name = g_strdelimit (g_strdup (test_case->name), "_", ' ');
  const char *row_name;

  if (test_case->run_row == NULL)
    return g_steal_pointer (&name);

  memcpy (&row_name,
          (const char *) test_case->rows + row * test_case->row_size + test_case->row_name_offset,
          sizeof (row_name));

  return g_strdelimit (g_strconcat (name, ": ", row_name, NULL), "#\n", ' ');
}

static void
print_diagnostics (const char *prefix, const char *text)
{
  g_auto(GStrv) lines = NULL;

  if (text == NULL)
    return;
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (**line != '\0')
      {
        printf ("# %s%s\n", prefix, *line);
        prefix = "";
      }
}

/*
 * With the place; where no assertion failed (a signal, no end) it is that of the last one that
 * held, and of no use if that is here.
 */
static char *
describe_failure (TestResult *result)
{
  if (tr_rtype (result) == CK_PASS)
    return g_strdup ("the case ended the process by itself");
  if (strcmp (tr_lfile (result), __FILE__) == 0)
    return g_strdup (tr_msg (result));

  return g_strdup_printf ("%s:%d: %s", tr_lfile (result), tr_lno (result), tr_msg (result));
}

static gboolean
print_result (guint number, const char *title, TestResult *result)
{
  gboolean passed = tr_rtype (result) == CK_PASS && report_is_finished ();
  const char *skip = report_get_skip ();

  if (passed && skip != NULL)
    printf ("ok %u - %s # SKIP %s\n", number, title, skip);
  else if (passed)
    printf ("ok %u - %s\n", number, title);
  else
    {
      g_autofree char *failure = describe_failure (result);

      printf ("not ok %u - %s\n", number, title);
      print_diagnostics ("", failure);
      print_diagnostics ("while: ", report_get_context ());
      print_diagnostics ("", report_get_notes ());
    }
  fflush (stdout);

  return passed;
}

/* ---- Running all of them ---- */

/* A runner for each case, so that its line is out before the next one begins. */
static gboolean
run_case (const char *suite_name, guint number, const char *title)
{
  Suite *suite = suite_create (suite_name);
  TCase *tcase = tcase_create (title);
  SRunner *runner = srunner_create (suite);
  TestResult **results;
  gboolean passed;

  tcase_set_timeout (tcase, get_timeout ());
  tcase_add_test (tcase, run_current_case);
  suite_add_tcase (suite, tcase);

  report_clear ();
  in_own_process = srunner_fork_status (runner) == CK_FORK;
  srunner_run (runner, NULL, NULL, CK_SILENT);
  set_alarm (0);

  results = srunner_results (runner);
  passed = print_result (number, title, results[0]);
  free (results);
  srunner_free (runner);

  /* A case that failed in this process may have left what would disturb the next. */
  g_free (reap_left_children ());
  report_remove_temp_dir ();

  return passed;
}

typedef struct
{
  const HarnessCase *test_case;
  gsize row;
  char *title;
} Chosen;

static void
clear_chosen (gpointer data)
{
  Chosen *chosen = data;

  g_free (chosen->title);
}

/* All rows of all cases whose title contains @only. */
static GArray *
choose_cases (const HarnessCase *cases, const char *only)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (Chosen));

  g_array_set_clear_func (list, clear_chosen);
  for (const HarnessCase *test_case = cases; test_case->name != NULL; test_case++)
    for (gsize row = 0; row < (test_case->run_row != NULL ? test_case->n_rows : 1); row++)
      {
        Chosen chosen = { test_case, row, make_title (test_case, row) };

        if (strstr (chosen.title, only) != NULL)
          g_array_append_val (list, chosen);
        else
          clear_chosen (&chosen);
      }

  return list;
}

/* Somebody who chose by environment chose among many programs. */
static int
say_nothing_is_chosen (const char *suite, const char *only, gboolean by_argument)
{
  if (by_argument)
    printf ("Bail out! %s has no case with \"%s\" in its name\n", suite, only);
  else
    printf ("1..0 # SKIP no case has \"%s\" in its name\n", only);

  return by_argument ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
harness_main (int argc, char **argv, const char *suite, const HarnessCase *cases)
{
  const char *only = argc > 1 ? argv[1] : g_getenv ("HARNESS_ONLY");
  g_autoptr(GArray) list = choose_cases (cases, only != NULL ? only : "");
  guint n_failed = 0;

  g_log_set_writer_func (note_message, NULL, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  g_set_print_handler (note_printed);
  g_set_printerr_handler (note_printed);
  report_init ();

  if (list->len == 0)
    return say_nothing_is_chosen (suite, only, argc > 1);

  printf ("# %s\n1..%u\n", suite, list->len);
  fflush (stdout);
  for (guint i = 0; i < list->len; i++)
    {
      const Chosen *chosen = &g_array_index (list, Chosen, i);

      current_case = chosen->test_case;
      current_row = chosen->row;
      if (!run_case (suite, i + 1, chosen->title))
        n_failed++;
    }

  return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
