/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The script server, tested with a client that is a few system calls and follows the script: what
 * comes, what goes and in which pieces, descriptors, connections, round trips.
 */

#include "harness.h"

#include "client.h"
#include "script-server.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two DEVICE_RESET commands and their replies. */
#define RESET_7 "u16:7 u16:13 u32:16 u32:0 u32:0 "
#define RESET_8 "u16:8 u16:13 u32:16 u32:0 u32:0 "
#define REPLY_7 "u16:7 u16:13 u32:16 u32:1 u32:0 "
#define REPLY_8 "u16:8 u16:13 u32:16 u32:1 u32:0 "

/* ---- What comes ---- */

static void
a_script_that_is_followed_is_fine (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_expect (server, "id u16:13 u32:16 u32:0 u32:0");
  script_send (server, "id u16:13 u32:16 u32:1 u32:0");
  fd = script_server_start (server);

  client_say (fd, RESET_7);
  client_hear (fd, REPLY_7);
  close (fd);
  script_server_finish (server);
}

static void
an_empty_script_wants_the_client_to_hang_up (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd = script_server_start (server);

  close (fd);
  script_server_finish (server);
}

static void
commands_are_expected_by_number_and_payload (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_expect_command (server, 9, "u64:16 u32:7 u32:4");
  script_expect_command (server, 9, "??*8 u32:7 u32:4");
  script_expect_command (server, 13, NULL);
  script_expect_any (server);
  fd = script_server_start (server);

  client_say (fd, "u16:1 u16:9 u32:32 u32:0 u32:0 | u64:16 u32:7 u32:4");
  client_say (fd, "u16:2 u16:9 u32:32 u32:0 u32:0 | u64:99 u32:7 u32:4" RESET_7);
  client_say (fd, "u16:2 u16:99 u32:20 u32:1 u32:0 | u32:0");
  close (fd);
  script_server_finish (server);
}

static void
descriptors_are_counted (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  const int two[2] = { STDIN_FILENO, STDOUT_FILENO };
  int fd;

  script_expect (server, RESET_7);
  script_expect_fds (server, 2);
  script_expect_any (server);
  fd = script_server_start (server);
  client_say_with_fds (fd, RESET_7, two, 2);
  client_say_with_fds (fd, RESET_7, two, 1);
  close (fd);
  script_server_finish (server);
}

/* They are the client's own: what one side does to them the other sees. */
static void
descriptors_that_came_last_can_be_used (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  const int fds[2] = { eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK), eventfd (5, EFD_CLOEXEC) };
  eventfd_t count;
  int fd;

  script_expect (server, RESET_7);
  script_expect_fds (server, 2);
  script_expect (server, RESET_8);
  script_signal_fd (server, 0, 3);
  script_expect_signal (server, 1, 5);
  script_make_fd_blocking (server, 0);
  script_send (server, "00");
  fd = script_server_start (server);
  client_say_with_fds (fd, RESET_7, fds, 2);
  client_say (fd, RESET_8);
  client_hear (fd, "00");
  ck_assert_int_eq (fcntl (fds[0], F_GETFL) & O_NONBLOCK, 0);
  ck_assert_int_eq (eventfd_read (fds[0], &count), 0);
  ck_assert_uint_eq (count, 3);
  close (fds[0]);
  close (fds[1]);
  close (fd);
  script_server_finish (server);
}

static void
silence_and_the_end_can_be_expected (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_expect_silence (server, 5);
  script_send (server, "00");
  script_expect_eof (server);
  script_send (server, "01");
  script_close (server);
  fd = script_server_start (server);
  client_hear (fd, "00");
  shutdown (fd, SHUT_WR);
  client_hear (fd, "01");
  client_hear_end (fd);
  close (fd);
  script_server_finish (server);
}

static void
the_client_may_end_early_if_it_was_said_so (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_may_end_early (server);
  script_expect_any (server);
  script_flood (server, 1000, "00*1000");
  fd = script_server_start (server);
  client_say (fd, RESET_7);
  close (fd);
  script_server_finish (server);
}

/* ---- What goes ---- */

static void
replies_have_the_id_and_command_of_what_came (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_expect_command (server, 9, NULL);
  script_reply (server, "u64:0 u32:7 u32:2 | aa bb");
  script_expect_any (server);
  script_expect (server, "id u16:13 u32:16 u32:0 u32:0");
  script_reply_to (server, 1, "");
  script_reply_error (server, 22);
  script_send (server, "id(2) id(1) id");
  fd = script_server_start (server);

  client_say (fd, "u16:5 u16:9 u32:32 u32:0 u32:0 | u64:0 u32:7 u32:2");
  client_hear (fd, "u16:5 u16:9 u32:34 u32:1 u32:0 | u64:0 u32:7 u32:2 | aa bb");
  client_say (fd, RESET_7 RESET_8);
  client_hear (fd, REPLY_7);
  client_hear (fd, "u16:8 u16:13 u32:16 u32:0x21 u32:22");
  client_hear (fd, "u16:5 u16:7 u16:8");
  close (fd);
  script_server_finish (server);
}

/* Its own commands: what the client sends is a reply then, and no command to be remembered. */
static void
a_server_command_is_a_send_and_an_expect (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_expect_command (server, 13, "");
  script_send (server, "u16:0x7001 u16:11 u32:32 u32:0 u32:0 | u64:0x1000 u64:4");
  script_expect (server, "u16:0x7001 u16:11 u32:36 u32:1 u32:0 | u64:0x1000 u64:4 'data'");
  script_send (server, "u16:0x7002 u16:11 u32:32 u32:0 u32:0 | u64:0x1000 u64:4");
  script_expect_any (server);
  script_reply (server, "");
  fd = script_server_start (server);

  client_say (fd, RESET_7);
  client_hear (fd, "u16:0x7001 u16:11 u32:32 u32:0 u32:0 | u64:0x1000 u64:4");
  client_say (fd, "u16:0x7001 u16:11 u32:36 u32:1 u32:0 | u64:0x1000 u64:4 'data'");
  client_hear (fd, "u16:0x7002 u16:11 u32:32 u32:0 u32:0 | u64:0x1000 u64:4");
  client_say (fd, "u16:0x7002 u16:11 u32:16 u32:0x21 u32:14");
  client_hear (fd, REPLY_7);
  close (fd);
  script_server_finish (server);
}

static void
pieces_are_read_one_by_one (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  char data[64];
  int fd;

  script_send (server, "'whole'");
  script_send (server, "'head''body'");
  script_split_at (server, 4);
  script_send (server, "'abc'");
  script_in_pieces_of (server, 1);
  fd = script_server_start (server);

  /* The first piece of one step may come with the step before; the others never do. */
  client_hear (fd, "'whole''head'");
  ck_assert_uint_ge (client_hear_some (fd, data, 4), 4);
  ck_assert_mem_eq (data, "body", 4);
  client_hear (fd, "'a'");
  ck_assert_uint_eq (client_hear_some (fd, data, sizeof (data)), 1);
  ck_assert_uint_eq (client_hear_some (fd, data, sizeof (data)), 1);
  close (fd);
  script_server_finish (server);
}

static void
a_flood_is_many_times_the_same (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_expect_any (server);
  script_flood (server, 1000, "id u16:13 u32:16 u32:1 u32:0");
  fd = script_server_start (server);

  client_say (fd, RESET_7);
  for (int i = 0; i < 1000; i++)
    client_hear (fd, REPLY_7);
  close (fd);
  script_server_finish (server);
}

static void
a_delay_comes_between (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  gint64 start;
  int fd;

  script_send (server, "01");
  script_delay_ms (server, 20);
  script_send (server, "02");
  start = g_get_monotonic_time ();
  fd = script_server_start (server);
  client_hear (fd, "01");
  client_hear (fd, "02");
  ck_assert_int_ge (g_get_monotonic_time () - start, 20000);
  close (fd);
  script_server_finish (server);
}

static void
what_is_held_back_goes_when_the_test_gives_a_sign (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_expect (server, RESET_7);
  script_wait_for_sign (server);
  script_send (server, REPLY_7);
  script_send (server, REPLY_8);
  script_hold_back_after (server, 5);
  fd = script_server_start (server);

  client_say (fd, RESET_7);
  ck_assert_int_eq (poll (&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20), 0);
  script_server_give_sign (server);
  client_hear (fd, REPLY_7 "08 00 0d 00 10");
  ck_assert_int_eq (poll (&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20), 0);
  script_server_give_sign (server);
  client_hear (fd, "00 00 00 u32:1 u32:0");
  close (fd);
  script_server_finish (server);
}

typedef struct
{
  const char *name;
  ScriptFdKind kind;
  const char *link;  /* what /proc/self/fd says that it is, in part */
  guint32 file_type; /* S_IFMT; 0: not looked at */
  gssize size;
  int seals; /* -1: has none, or not looked at */
} FdRow;

static const FdRow fd_rows[] = {
  { "memfd", SCRIPT_FD_MEMFD, "memfd:script-server", S_IFREG, 8192, 0 },
  { "sealed memfd", SCRIPT_FD_SEALED_MEMFD, "memfd:", S_IFREG, 8192, F_SEAL_SHRINK },
  { "memfd that cannot be sealed", SCRIPT_FD_NO_SEAL_MEMFD, "memfd:", S_IFREG, 8192, F_SEAL_SEAL },
  { "memfd of huge pages", SCRIPT_FD_HUGE_MEMFD, "memfd:", S_IFREG, 0x200000, 0 },
  { "file", SCRIPT_FD_FILE, "/tmp/harness-", S_IFREG, 8192, -1 },
  { "eventfd", SCRIPT_FD_EVENTFD, "[eventfd]", 0, 0, -1 },
  { "socket", SCRIPT_FD_SOCKET, "socket:", S_IFSOCK, 0, -1 },
  { "pipe", SCRIPT_FD_PIPE, "pipe:", S_IFIFO, 0, -1 },
  { "/dev/null", SCRIPT_FD_DEV_NULL, "/dev/null", S_IFCHR, 0, -1 },
};

static gboolean
has_huge_memfds (void)
{
  int fd = memfd_create ("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

static void
a_descriptor_is_what_was_asked_for (gconstpointer data)
{
  const FdRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree char *path = NULL;
  g_autofree char *link = NULL;
  struct stat status;
  int fd;
  int got;

  if (row->kind == SCRIPT_FD_HUGE_MEMFD && !has_huge_memfds ())
    harness_skip ("memfd_create makes no file of huge pages");
  script_send_fds (server, "00 01", SCRIPT_FDS ({ row->kind, (guint64) MAX (row->size, 8192) }));
  fd = script_server_start (server);
  ck_assert_uint_eq (client_hear_with_fds (fd, "00 01", &got, 1), 1);

  path = g_strdup_printf ("/proc/self/fd/%d", got);
  link = g_file_read_link (path, NULL);
  assert_contains (link, row->link);
  ck_assert_int_eq (fstat (got, &status), 0);
  if (row->file_type != 0)
    ck_assert_uint_eq (status.st_mode & S_IFMT, row->file_type);
  if (row->file_type == S_IFREG)
    ck_assert_int_eq (status.st_size, row->size);
  if (row->seals >= 0)
    ck_assert_int_eq (fcntl (got, F_GET_SEALS), row->seals);

  close (got);
  close (fd);
  script_server_finish (server);
}

static void
files_hold_their_own_offsets (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  const guint64 *words;
  int fd;
  int got;

  script_send_fds (server, "00", SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 2 << 20 }));
  fd = script_server_start (server);
  ck_assert_uint_eq (client_hear_with_fds (fd, "00", &got, 1), 1);

  words = mmap (NULL, 2 << 20, PROT_READ, MAP_SHARED, got, 0);
  ck_assert (words != MAP_FAILED);
  ck_assert_uint_eq (words[1], 8);
  ck_assert_uint_eq (words[0x1238 / 8], 0x1238);
  ck_assert_uint_eq (words[(1 << 20) / 8], 0);
  munmap ((void *) words, 2 << 20);

  close (got);
  close (fd);
  script_server_finish (server);
}

static void
several_descriptors_come_with_a_reply (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int got[4];
  int fd;

  script_expect_any (server);
  script_reply_fds (server, "", SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_PIPE, 0 },
                                            { SCRIPT_FD_MEMFD, 4096 }));
  fd = script_server_start (server);
  client_say (fd, RESET_7);
  ck_assert_uint_eq (client_hear_with_fds (fd, REPLY_7, got, 4), 3);
  for (int i = 0; i < 3; i++)
    close (got[i]);
  close (fd);
  script_server_finish (server);
}

/* ---- Connections ---- */

static void
a_listening_server_can_be_connected_to_twice (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  const char *path;
  int fd;

  script_send (server, "01");
  script_close (server);
  script_accept (server);
  script_send (server, "02");
  path = script_server_listen (server);

  fd = client_connect (path);
  client_hear (fd, "01");
  client_hear_end (fd);
  close (fd);
  fd = client_connect (path);
  client_hear (fd, "02");
  close (fd);
  script_server_finish (server);
}

static void
a_server_that_waits_for_ever_can_be_finished (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_send (server, "00");
  script_wait_forever (server);
  fd = script_server_start (server);
  client_hear (fd, "00");
  script_server_finish (server);
  client_hear_end (fd);
  close (fd);
}

static void
one_direction_can_be_shut_down (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_shutdown_write (server);
  script_expect (server, "01");
  fd = script_server_start (server);
  client_hear_end (fd);
  client_say (fd, "01");
  close (fd);
  script_server_finish (server);
}

static void
the_other_end_of_a_socket_that_was_sent_can_be_used (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int twin;
  int fd;

  script_send_fds (server, "00", SCRIPT_FDS ({ SCRIPT_FD_SOCKET, 0 }));
  script_use_socket (server);
  script_send (server, "'on the twin'");
  script_expect (server, "'answer'");
  script_use_connection (server);
  script_send (server, "'on the main'");
  fd = script_server_start (server);

  ck_assert_uint_eq (client_hear_with_fds (fd, "00", &twin, 1), 1);
  client_hear (twin, "'on the twin'");
  client_say (twin, "'answer'");
  client_hear (fd, "'on the main'");
  close (twin);
  close (fd);
  script_server_finish (server);
}

static void
a_server_holds_no_client_of_another_open (void)
{
  g_autoptr(ScriptServer) first = script_server_new ();
  g_autoptr(ScriptServer) second = script_server_new ();
  int first_fd = script_server_start (first);
  int second_fd = script_server_start (second);

  close (first_fd);
  script_server_finish (first);
  close (second_fd);
  script_server_finish (second);
}

static void
a_server_that_is_not_finished_goes_with_its_handle (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd = script_server_start (server);

  client_say (fd, "00");
  close (fd);
}

/* ---- Round trips ---- */

static void
round_trips_are_counted (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  int fd;

  script_count_round_trips (server);
  for (int i = 0; i < 5; i++)
    {
      script_expect_command (server, 13, "");
      script_reply (server, "");
    }
  fd = script_server_start (server);

  client_say (fd, RESET_7);
  client_hear (fd, REPLY_7);
  client_say (fd, RESET_7);
  client_say (fd, RESET_8 RESET_7);
  client_hear (fd, REPLY_7 REPLY_8 REPLY_7);
  client_say (fd, RESET_8);
  client_hear (fd, REPLY_8);
  close (fd);
  script_server_finish (server);
  ck_assert_uint_eq (script_server_get_round_trips (server), 3);
}

/* It sends the second command late, but does not wait for anything meanwhile. */
static void
a_client_that_is_busy_is_not_waiting (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  gint64 end;
  int fd;

  script_count_round_trips (server);
  for (int i = 0; i < 2; i++)
    {
      script_expect_command (server, 13, "");
      script_reply (server, "");
    }
  fd = script_server_start (server);

  client_say (fd, RESET_7);
  end = g_get_monotonic_time () + 60000;
  while (g_get_monotonic_time () < end)
    continue;
  client_say (fd, RESET_8);
  client_hear (fd, REPLY_7 REPLY_8);
  close (fd);
  script_server_finish (server);
  ck_assert_uint_eq (script_server_get_round_trips (server), 1);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_script_that_is_followed_is_fine),
  HARNESS_CASE (an_empty_script_wants_the_client_to_hang_up),
  HARNESS_CASE (commands_are_expected_by_number_and_payload),
  HARNESS_CASE (descriptors_are_counted),
  HARNESS_CASE (descriptors_that_came_last_can_be_used),
  HARNESS_CASE (silence_and_the_end_can_be_expected),
  HARNESS_CASE (the_client_may_end_early_if_it_was_said_so),
  HARNESS_CASE (replies_have_the_id_and_command_of_what_came),
  HARNESS_CASE (a_server_command_is_a_send_and_an_expect),
  HARNESS_CASE (pieces_are_read_one_by_one),
  HARNESS_CASE (a_flood_is_many_times_the_same),
  HARNESS_CASE (a_delay_comes_between),
  HARNESS_CASE (what_is_held_back_goes_when_the_test_gives_a_sign),
  HARNESS_ROWS (a_descriptor_is_what_was_asked_for, fd_rows),
  HARNESS_CASE (files_hold_their_own_offsets),
  HARNESS_CASE (several_descriptors_come_with_a_reply),
  HARNESS_CASE (a_listening_server_can_be_connected_to_twice),
  HARNESS_CASE (a_server_that_waits_for_ever_can_be_finished),
  HARNESS_CASE (one_direction_can_be_shut_down),
  HARNESS_CASE (the_other_end_of_a_socket_that_was_sent_can_be_used),
  HARNESS_CASE (a_server_holds_no_client_of_another_open),
  HARNESS_CASE (a_server_that_is_not_finished_goes_with_its_handle),
  HARNESS_CASE (round_trips_are_counted),
  HARNESS_CASE (a_client_that_is_busy_is_not_waiting),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "script-server", cases);
}
