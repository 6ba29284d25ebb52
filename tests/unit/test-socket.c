/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One send and one receive, over socket pairs.  System calls that fail in odd ways are in
 * tests/fault.
 */

#include "transport/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "base/limits.h"
#include "harness/harness.h"

typedef struct
{
  int ours;
  int theirs;
} Pair;

static void
pair_open (Pair *pair)
{
  int ends[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  *pair = (Pair){ ends[0], ends[1] };
}

static void
pair_close (Pair *pair)
{
  if (pair->ours >= 0)
    close (pair->ours);
  if (pair->theirs >= 0)
    close (pair->theirs);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pair, pair_close)

static VucIoStatus
send_text (int socket, const char *text, const int *fds, guint n_fds, gsize *sent, GError **error)
{
  const struct iovec iov = { (char *) text, strlen (text) };

  return vuc_socket_send (socket, &iov, 1, fds, n_fds, sent, error);
}

/* One byte, with one descriptor n times. */
static void
send_descriptors (int socket, guint n)
{
  g_autofree int *fds = g_new (int, n);
  int null = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  gsize sent = 0;

  for (guint i = 0; i < n; i++)
    fds[i] = null;
  ck_assert_int_eq (send_text (socket, "x", fds, n, &sent, NULL), VUC_IO_DONE);
  ck_assert_uint_eq (sent, 1);
  close (null);
}

/* Into a buffer that nobody looks at. */
static VucIoStatus
receive (int socket, VucFdSet *fds, gsize *received, GError **error)
{
  static guint8 buffer[65536];
  struct iovec iov = { buffer, sizeof buffer };

  return vuc_socket_receive (socket, FALSE, &iov, 1, fds, received, error);
}

/* --- Bytes --- */

static void
bytes_go_from_several_places_to_several (void)
{
  g_auto(Pair) pair;
  char first[2], second[8] = { 0 };
  char text[] = "abcdef";
  const struct iovec from[] = { { text, 2 }, { NULL, 0 }, { text + 2, 4 } };
  struct iovec to[] = { { first, sizeof first }, { second, sizeof second } };
  gsize sent = 0, received = 0;
  VucFdSet fds;

  pair_open (&pair);
  vuc_fd_set_init (&fds);
  ck_assert_int_eq (vuc_socket_send (pair.ours, from, 3, NULL, 0, &sent, NULL), VUC_IO_DONE);
  ck_assert_int_eq (vuc_socket_receive (pair.theirs, FALSE, to, 2, &fds, &received, NULL), VUC_IO_DONE);

  ck_assert_uint_eq (sent, 6);
  ck_assert_uint_eq (received, 6);
  assert_same_bytes (first, 2, "ab", 2);
  assert_same_bytes (second, 4, "cdef", 4);
  ck_assert_uint_eq (fds.count, 0);
}

/* The socket itself is a blocking one: it may be shared with somebody who wants it so. */
static void
nothing_to_receive_is_no_reason_to_sleep (void)
{
  g_auto(Pair) pair;
  gsize received = 99;
  VucFdSet fds;

  pair_open (&pair);
  vuc_fd_set_init (&fds);

  ck_assert_int_eq (receive (pair.ours, &fds, &received, NULL), VUC_IO_AGAIN);
  ck_assert_uint_eq (received, 99);
}

static void
a_full_socket_is_no_reason_to_sleep (void)
{
  static const guint8 zeros[1 << 20];
  const struct iovec iov = { (void *) zeros, sizeof zeros };
  g_auto(Pair) pair;
  gsize sent = 0;

  pair_open (&pair);
  ck_assert_int_eq (vuc_socket_send (pair.ours, &iov, 1, NULL, 0, &sent, NULL), VUC_IO_DONE);
  ck_assert_uint_lt (sent, sizeof zeros);

  sent = 99;
  ck_assert_int_eq (vuc_socket_send (pair.ours, &iov, 1, NULL, 0, &sent, NULL), VUC_IO_AGAIN);
  ck_assert_uint_eq (sent, 99);
}

static gpointer
receive_a_mebibyte (gpointer data)
{
  const int *socket = data;
  static guint8 bytes[1 << 20];
  gsize received = 0;

  while (received < sizeof bytes)
    {
      gssize count = read (*socket, bytes, sizeof bytes);

      ck_assert_int_gt (count, 0);
      received += (gsize) count;
    }
  return NULL;
}

static void
a_patient_send_sleeps_until_there_is_room (void)
{
  static const guint8 zeros[1 << 20];
  const struct iovec iov = { (void *) zeros, sizeof zeros };
  g_auto(Pair) pair;
  GThread *thread;
  gsize sent = 0;

  pair_open (&pair);
  thread = g_thread_new ("peer", receive_a_mebibyte, &pair.theirs);
  ck_assert_int_eq (vuc_socket_send_patiently (pair.ours, &iov, 1, &sent, NULL), VUC_IO_DONE);
  ck_assert_uint_eq (sent, sizeof zeros);
  g_thread_join (thread);
}

static void
a_patient_send_does_not_sleep_for_ever (void)
{
  static const guint8 zeros[1 << 20];
  const struct iovec iov = { (void *) zeros, sizeof zeros };
  g_auto(Pair) pair;
  gsize sent = 0;

  pair_open (&pair);
  vuc_socket_set_patience (pair.ours, TRUE, G_USEC_PER_SEC);
  vuc_socket_set_send_patience (pair.ours, 10000);
  ck_assert_int_eq (vuc_socket_send_patiently (pair.ours, &iov, 1, &sent, NULL), VUC_IO_DONE);
  ck_assert_uint_lt (sent, sizeof zeros);
  ck_assert_int_eq (vuc_socket_send_patiently (pair.ours, &iov, 1, &sent, NULL), VUC_IO_AGAIN);
}

/* --- The end --- */

/* A SIGPIPE would be the end of this case. */
static void
a_peer_that_has_closed_is_the_end (void)
{
  g_auto(Pair) pair;
  g_autoptr(GError) error = NULL;
  gsize count = 0;
  VucFdSet fds;

  pair_open (&pair);
  vuc_fd_set_init (&fds);
  close (pair.theirs);
  pair.theirs = -1;

  ck_assert_int_eq (send_text (pair.ours, "x", NULL, 0, &count, &error), VUC_IO_ENDED);
  ck_assert_int_eq (receive (pair.ours, &fds, &count, &error), VUC_IO_ENDED);
  assert_no_error (error);
}

static void
what_the_peer_said_before_it_closed_is_received (void)
{
  g_auto(Pair) pair;
  gsize count = 0;
  VucFdSet fds;

  pair_open (&pair);
  vuc_fd_set_init (&fds);
  ck_assert_int_eq (write (pair.ours, "unread", 6), 6);
  ck_assert_int_eq (write (pair.theirs, "last", 4), 4);
  close (pair.theirs);
  pair.theirs = -1;

  ck_assert_int_eq (receive (pair.ours, &fds, &count, NULL), VUC_IO_DONE);
  ck_assert_uint_eq (count, 4);
  /* It did not read everything, which the kernel calls a reset. */
  ck_assert_int_eq (receive (pair.ours, &fds, &count, NULL), VUC_IO_ENDED);
  ck_assert_int_eq (receive (pair.ours, &fds, &count, NULL), VUC_IO_ENDED);
}

static void
a_socket_that_was_shut_is_the_end (void)
{
  g_auto(Pair) pair;
  gsize count = 0;
  VucFdSet fds;

  pair_open (&pair);
  vuc_fd_set_init (&fds);
  shutdown (pair.ours, SHUT_RDWR);

  ck_assert_int_eq (receive (pair.ours, &fds, &count, NULL), VUC_IO_ENDED);
  ck_assert_int_eq (send_text (pair.ours, "x", NULL, 0, &count, NULL), VUC_IO_ENDED);
}

static void
what_is_no_socket_fails (void)
{
  g_autoptr(GError) receive_error = NULL;
  g_autoptr(GError) send_error = NULL;
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  gsize count = 99;
  VucFdSet fds;

  vuc_fd_set_init (&fds);
  ck_assert_int_eq (receive (null, &fds, &count, &receive_error), VUC_IO_FAILED);
  assert_error (receive_error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "receiving from the server");
  ck_assert_int_eq (vuc_error_get_errno (receive_error), ENOTSOCK);

  ck_assert_int_eq (send_text (null, "x", NULL, 0, &count, &send_error), VUC_IO_FAILED);
  assert_error (send_error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "sending to the server");
  ck_assert_uint_eq (count, 99);
  close (null);
}

/* --- Descriptors --- */

static const struct
{
  const char *name;
  guint n;
  gboolean with_credentials;
} crowds[] = {
  { "one", 1, FALSE },
  { "three", 3, FALSE },
  { "as many as the kernel passes", VUC_LIMIT_MSG_FDS, FALSE },
  { "as many, and credentials", VUC_LIMIT_MSG_FDS, TRUE },
};

static void
descriptors_come_in_order_and_close_on_exec (gconstpointer row)
{
  const __typeof__ (crowds[0]) *crowd = row;
  int yes = 1;
  g_auto(Pair) pair;
  g_auto(VucFdSet) fds;
  gsize count = 0;
  guint n_cloexec = 0;

  pair_open (&pair);
  vuc_fd_set_init (&fds);
  if (crowd->with_credentials)
    ck_assert_int_eq (setsockopt (pair.theirs, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes), 0);
  send_descriptors (pair.ours, crowd->n);
  ck_assert_int_eq (receive (pair.theirs, &fds, &count, NULL), VUC_IO_DONE);

  ck_assert_uint_eq (count, 1);
  ck_assert_uint_eq (fds.count, crowd->n);
  for (guint i = 0; i < fds.count; i++)
    n_cloexec += (fcntl (vuc_fd_set_peek (&fds, i), F_GETFD) & FD_CLOEXEC) != 0;
  ck_assert_uint_eq (n_cloexec, crowd->n);
}

static void
each_descriptor_is_the_one_that_was_sent (void)
{
  g_auto(Pair) pair;
  g_auto(VucFdSet) fds;
  int null = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  int sent_fds[] = { -1, null };
  gsize count = 0;
  char byte;

  pair_open (&pair);
  vuc_fd_set_init (&fds);
  sent_fds[0] = pair.theirs;
  ck_assert_int_eq (send_text (pair.ours, "x", sent_fds, 2, &count, NULL), VUC_IO_DONE);
  ck_assert_int_eq (receive (pair.theirs, &fds, &count, NULL), VUC_IO_DONE);

  ck_assert_int_eq (write (pair.ours, "y", 1), 1);
  ck_assert_int_eq (read (vuc_fd_set_peek (&fds, 0), &byte, 1), 1);
  ck_assert_int_eq (read (vuc_fd_set_peek (&fds, 1), &byte, 1), 0);
  close (null);
}

static void
descriptors_come_with_the_first_byte (void)
{
  g_auto(Pair) pair;
  g_auto(VucFdSet) fds;
  int null = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  char bytes[2];
  struct iovec one = { bytes, 1 };
  gsize count = 0;

  pair_open (&pair);
  vuc_fd_set_init (&fds);
  ck_assert_int_eq (write (pair.ours, "before", 6), 6);
  ck_assert_int_eq (send_text (pair.ours, "xyz", &null, 1, &count, NULL), VUC_IO_DONE);

  for (guint i = 0; i < 6; i++)
    {
      ck_assert_int_eq (vuc_socket_receive (pair.theirs, FALSE, &one, 1, &fds, &count, NULL), VUC_IO_DONE);
      ck_assert_uint_eq (fds.count, 0);
    }
  ck_assert_int_eq (vuc_socket_receive (pair.theirs, FALSE, &one, 1, &fds, &count, NULL), VUC_IO_DONE);
  ck_assert_uint_eq (fds.count, 1);
  ck_assert_int_eq (bytes[0], 'x');
  close (null);
}

static void
more_descriptors_than_the_kernel_passes_are_a_mistake_of_ours (void)
{
  const guint too_many = VUC_LIMIT_MSG_FDS + 1;
  int fds[VUC_LIMIT_MSG_FDS + 1] = { 0 };
  g_auto(Pair) pair;
  gsize sent = 0;

  pair_open (&pair);
  g_test_expect_message ("libvfio-user-client", G_LOG_LEVEL_CRITICAL, "*n_fds <= VUC_LIMIT*");

  ck_assert_int_eq (send_text (pair.ours, "x", fds, too_many, &sent, NULL), VUC_IO_FAILED);
}

/* So that only a few more descriptors can be opened. */
static void
leave_room_for (guint n, struct rlimit *before)
{
  int next = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  struct rlimit limit;

  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, before), 0);
  limit = *before;
  limit.rlim_cur = (rlim_t) next + n;
  close (next);
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &limit), 0);
}

/* Those that did arrive are closed with the set: the harness would see a leak. */
static void
descriptors_that_were_lost_are_an_error (void)
{
  g_auto(Pair) pair;
  g_auto(VucFdSet) fds;
  g_autoptr(GError) error = NULL;
  struct rlimit before;
  VucIoStatus status;
  gsize count = 99;

  pair_open (&pair);
  vuc_fd_set_init (&fds);
  send_descriptors (pair.ours, 40);
  leave_room_for (10, &before);
  status = receive (pair.theirs, &fds, &count, &error);
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &before), 0);

  if (status == VUC_IO_DONE && fds.count == 40)
    harness_skip ("the limit of open descriptors has no effect here (valgrind)");
  ck_assert_int_eq (status, VUC_IO_FAILED);
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "descriptors of a message were lost");
  ck_assert_uint_lt (fds.count, 40);
  ck_assert_uint_eq (count, 99);
}

static void
a_look_takes_nothing_and_tells_of_descriptors (void)
{
  g_auto (Pair) pair;
  guint8 scratch[64];
  gsize sent;

  pair_open (&pair);
  ck_assert_uint_eq (vuc_socket_peek_plain (pair.ours, scratch, sizeof scratch), 0);

  ck_assert_int_eq (send_text (pair.theirs, "plain", NULL, 0, &sent, NULL), VUC_IO_DONE);
  ck_assert_int_eq (send_text (pair.theirs, "more", NULL, 0, &sent, NULL), VUC_IO_DONE);
  for (guint i = 0; i < 2; i++)
    ck_assert_uint_eq (vuc_socket_peek_plain (pair.ours, scratch, sizeof scratch), 9);
  ck_assert_uint_eq (vuc_socket_peek_plain (pair.ours, scratch, 3), 3);

  send_descriptors (pair.theirs, 2);
  ck_assert_uint_eq (vuc_socket_peek_plain (pair.ours, scratch, sizeof scratch), 0);

  close (pair.theirs);
  pair.theirs = -1;
  ck_assert_int_eq (recv (pair.ours, scratch, 9, 0), 9);
  ck_assert_uint_eq (vuc_socket_peek_plain (pair.ours, scratch, 1), 0);
  ck_assert_int_eq (recv (pair.ours, scratch, 9, 0), 1);
  ck_assert_uint_eq (vuc_socket_peek_plain (pair.ours, scratch, 1), 0);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (bytes_go_from_several_places_to_several),
  HARNESS_CASE (nothing_to_receive_is_no_reason_to_sleep),
  HARNESS_CASE (a_full_socket_is_no_reason_to_sleep),
  HARNESS_CASE (a_patient_send_sleeps_until_there_is_room),
  HARNESS_CASE (a_patient_send_does_not_sleep_for_ever),
  HARNESS_CASE (a_peer_that_has_closed_is_the_end),
  HARNESS_CASE (what_the_peer_said_before_it_closed_is_received),
  HARNESS_CASE (a_socket_that_was_shut_is_the_end),
  HARNESS_CASE (what_is_no_socket_fails),
  HARNESS_ROWS (descriptors_come_in_order_and_close_on_exec, crowds),
  HARNESS_CASE (each_descriptor_is_the_one_that_was_sent),
  HARNESS_CASE (descriptors_come_with_the_first_byte),
  HARNESS_CASE (more_descriptors_than_the_kernel_passes_are_a_mistake_of_ours),
  HARNESS_CASE (descriptors_that_were_lost_are_an_error),
  HARNESS_CASE (a_look_takes_nothing_and_tells_of_descriptors),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "socket", cases);
}
