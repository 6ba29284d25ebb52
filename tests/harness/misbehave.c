/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A test program whose cases do what the harness has to report: test-harness.c runs it, one case
 * at a time, and reads what it says.  By itself it fails, as it should.
 */

#include "harness.h"

#include "mutate.h"
#include "script-server.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void
all_is_well (void)
{
  ck_assert_int_eq (1, 1);
}

static void
leaks_a_descriptor (void)
{
  ck_assert_int_ge (eventfd (0, EFD_CLOEXEC), 0);
}

static void
closes_a_descriptor_that_is_not_its_own (void)
{
  close (STDIN_FILENO);
}

static void
replaces_a_descriptor (void)
{
  int fd = open ("/dev/zero", O_RDONLY | O_CLOEXEC);

  dup2 (fd, STDIN_FILENO);
  close (fd);
}

static void
hangs (void)
{
  for (;;)
    pause ();
}

static void
is_critical (void)
{
  g_critical ("something is very wrong");
}

static void
warns (void)
{
  g_warning ("something is a little wrong");
}

static void
misses_an_expected_critical (void)
{
  g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, "*never said*");
}

static void
aborts_in_GLib (void)
{
  g_assert_cmpint (1, ==, 2);
}

static void
crashes (void)
{
  harness_context ("about to crash");
  raise (SIGSEGV);
}

static void
fails_an_assertion (void)
{
  harness_note ("first note");
  harness_note ("second note");
  ck_assert_int_eq (40 + 2, 43);
}

static void
expects_other_bytes (void)
{
  assert_bytes ("\x01\x02\x03", 3, "01 02 04");
}

static void
leaves_a_running_child (void)
{
  if (fork () == 0)
    for (;;)
      pause ();
}

static void
leaves_a_dead_child (void)
{
  siginfo_t info;
  int pid = fork ();

  if (pid == 0)
    _exit (3);
  waitid (P_PID, pid, &info, WEXITED | WNOWAIT);
}

static void
leaves_a_file (void)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "folder", "file", NULL);
  g_autofree char *folder = g_path_get_dirname (path);

  ck_assert_int_eq (g_mkdir (folder, 0700), 0);
  ck_assert (g_file_set_contents (path, "text", -1, NULL));
  harness_note ("folder %s", harness_temp_dir ());
  ck_abort_msg ("on purpose");
}

static void
is_skipped (void)
{
  harness_skip ("the moon is not full");
}

static void
exits (void)
{
  exit (0);
}

static void
refuse_zeros (const guint8 *data, gsize size, gpointer user_data G_GNUC_UNUSED)
{
  for (gsize i = 0; i < size; i++)
    ck_assert_int_ne (data[i], 0);
}

static void
fails_at_a_mutation (void)
{
  g_autoptr(GBytes) good = hex ("ff 80 ff");

  mutate_bit_flips (good, refuse_zeros, NULL);
}

static volatile guint8 sink;

/* Reads one byte too many of the copy of a certain size. */
static void
read_too_much (const guint8 *data, gsize size, gpointer user_data)
{
  if (size == GPOINTER_TO_SIZE (user_data))
    sink = data[size];
}

static void
reads_past_a_mutation (void)
{
  g_autoptr(GBytes) good = hex ("00*8");

  mutate_truncations (good, read_too_much, GSIZE_TO_POINTER (3));
}

static void
reads_an_empty_mutation (void)
{
  g_autoptr(GBytes) good = hex ("00*8");

  mutate_truncations (good, read_too_much, GSIZE_TO_POINTER (0));
}

static void
has_a_mistake_in_its_hex (void)
{
  g_bytes_unref (hex ("00 0"));
}

static void
does_not_follow_the_script (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  char byte;
  int fd;

  script_send (server, "00");
  script_expect (server, "01 02");
  fd = script_server_start (server);
  ck_assert_int_eq (read (fd, &byte, 1), 1);
  ck_assert_int_eq (write (fd, "\x01\x03", 2), 2);
  close (fd);
  script_server_finish (server);
}

static void
fails_because_of_its_server (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  char byte;
  int fd;

  script_expect_command (server, 13, NULL);
  fd = script_server_start (server);
  ck_assert_int_eq (write (fd, "\1\0\7\0\20\0\0\0\0\0\0\0\0\0\0\0", 16), 16);
  ck_assert_int_eq (read (fd, &byte, 1), 1);
}

static void
fails_before_its_server_is_done (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();

  script_wait_forever (server);
  script_server_start (server);
  ck_abort_msg ("on purpose");
}

typedef struct
{
  const char *name;
  int number;
} Row;

static void
a_row_is_even (gconstpointer data)
{
  const Row *row = data;

  ck_assert_int_eq (row->number % 2, 0);
}

static const Row rows[] = {
  { "two", 2 },
  { "three # SKIP", 3 },
  { "four", 4 },
};

static const HarnessCase cases[] = {
  HARNESS_CASE (all_is_well),
  HARNESS_CASE (leaks_a_descriptor),
  HARNESS_CASE (closes_a_descriptor_that_is_not_its_own),
  HARNESS_CASE (replaces_a_descriptor),
  HARNESS_CASE (hangs),
  HARNESS_CASE (is_critical),
  HARNESS_CASE (warns),
  HARNESS_CASE (misses_an_expected_critical),
  HARNESS_CASE (aborts_in_GLib),
  HARNESS_CASE (crashes),
  HARNESS_CASE (fails_an_assertion),
  HARNESS_CASE (expects_other_bytes),
  HARNESS_CASE (leaves_a_running_child),
  HARNESS_CASE (leaves_a_dead_child),
  HARNESS_CASE (leaves_a_file),
  HARNESS_CASE (is_skipped),
  HARNESS_CASE (exits),
  HARNESS_CASE (fails_at_a_mutation),
  HARNESS_CASE (reads_past_a_mutation),
  HARNESS_CASE (reads_an_empty_mutation),
  HARNESS_CASE (has_a_mistake_in_its_hex),
  HARNESS_CASE (does_not_follow_the_script),
  HARNESS_CASE (fails_because_of_its_server),
  HARNESS_CASE (fails_before_its_server_is_done),
  HARNESS_ROWS (a_row_is_even, rows),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "misbehave", cases);
}
