/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Runs vfio-user-dump.  Knows where it lies in the build tree and that it complains in lines of its
 * own, not what it prints.  Called on the thread that runs the case.
 */

#include "conversation/dump-program.h"

#include "harness/demo.h"
#include "harness/harness.h"

#include <string.h>
#include <sys/wait.h>

#define PROGRAM "examples/vfio-user-dump/vfio-user-dump"

void
dump_clear (Dump *dump)
{
  g_free (dump->out);
  g_free (dump->err);
}

/* Built in the same tree as this test, at some depth above it. */
static char *
find_program (void)
{
  g_autofree char *folder = g_file_read_link ("/proc/self/exe", NULL);
  const char *named = g_getenv ("VFIO_USER_DUMP");

  if (named != NULL)
    return g_strdup (named);

  while (folder != NULL && strlen (folder) > 1)
    {
      g_autofree char *parent = g_path_get_dirname (folder);
      g_autofree char *program = g_build_filename (parent, PROGRAM, NULL);

      if (g_file_test (program, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&program);
      g_free (folder);
      folder = g_steal_pointer (&parent);
    }

  harness_fail ("there is no " PROGRAM " in the folders above this test");
}

Dump
run_dump_argv (const char **argv)
{
  Dump dump = { 0 };
  g_autofree char *program = find_program ();
  g_autofree char *demo = demo_device_find ();
  g_autoptr (GError) error = NULL;
  g_auto (GStrv)
    environment = g_environ_setenv (g_get_environ (), "VFIO_USER_DEMO_DEVICE", demo, TRUE);
  int wait_status;

  argv[0] = program;
  g_spawn_sync (NULL, (char **) argv, environment, G_SPAWN_DEFAULT, NULL, NULL, &dump.out,
                &dump.err, &wait_status, &error);
  assert_no_error (error);
  harness_note ("it said:\n%s%s", dump.out, dump.err);

  ck_assert_msg (WIFEXITED (wait_status), "it ended with wait status %d", wait_status);
  dump.status = WEXITSTATUS (wait_status);
  return dump;
}

Dump
run_dump (const char *first, ...)
{
  const char *argv[DUMP_MAX_ARGS] = { NULL };
  guint n = 1;
  va_list args;

  va_start (args, first);
  for (const char *arg = first; arg != NULL && n + 1 < DUMP_MAX_ARGS;
       arg = va_arg (args, const char *))
    argv[n++] = arg;
  va_end (args);

  return run_dump_argv (argv);
}

void
assert_success (const Dump *dump)
{
  ck_assert_int_eq (dump->status, 0);
  ck_assert_str_eq (dump->err, "");
}

void
assert_one_line (const Dump *dump, int status, const char *text)
{
  ck_assert_int_eq (dump->status, status);
  assert_contains (dump->err, text);
  ck_assert_msg (g_str_has_prefix (dump->err, "vfio-user-dump: "), "whose line is this?");
  ck_assert_msg (strchr (dump->err, '\n') == dump->err + strlen (dump->err) - 1, "not one line");
}
