/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which kinds of descriptors pass for what: a table of everything that a server could send.
 */

#include "access/io-fd-kind.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "harness/harness.h"

#define FILE_SIZE 8192

/* --- The makers: each returns the descriptor, and what has to be closed with it or -1 --- */

static int
make_eventfd (int *other G_GNUC_UNUSED)
{
  return eventfd (0, EFD_CLOEXEC);
}

static int
make_semaphore (int *other G_GNUC_UNUSED)
{
  return eventfd (3, EFD_CLOEXEC | EFD_SEMAPHORE | EFD_NONBLOCK);
}

static int
make_duplicate_of_eventfd (int *other)
{
  *other = eventfd (0, EFD_CLOEXEC);
  return fcntl (*other, F_DUPFD_CLOEXEC, 0);
}

static int
make_timerfd (int *other G_GNUC_UNUSED)
{
  return timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC);
}

static int
make_signalfd (int *other G_GNUC_UNUSED)
{
  sigset_t none;

  sigemptyset (&none);
  return signalfd (-1, &none, SFD_CLOEXEC);
}

static int
make_epoll (int *other G_GNUC_UNUSED)
{
  return epoll_create1 (EPOLL_CLOEXEC);
}

static int
make_pipe (int *other)
{
  int ends[2];

  ck_assert_int_eq (pipe2 (ends, O_CLOEXEC), 0);
  *other = ends[0];
  return ends[1];
}

static int
make_pair (int type, int *other)
{
  int ends[2];

  ck_assert_int_eq (socketpair (AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
  *other = ends[0];
  return ends[1];
}

static int
make_stream_socket (int *other)
{
  return make_pair (SOCK_STREAM, other);
}

static int
make_datagram_socket (int *other)
{
  return make_pair (SOCK_DGRAM, other);
}

static int
make_seqpacket_socket (int *other)
{
  return make_pair (SOCK_SEQPACKET, other);
}

static int
make_unconnected_socket (int *other G_GNUC_UNUSED)
{
  return socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int
make_unconnected_tcp_socket (int *other G_GNUC_UNUSED)
{
  return socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int
make_memfd (int *other G_GNUC_UNUSED)
{
  int fd = memfd_create ("memory", MFD_CLOEXEC);

  ck_assert_int_eq (ftruncate (fd, FILE_SIZE), 0);
  return fd;
}

static int
make_regular_file (int *other G_GNUC_UNUSED)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "file", NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  ck_assert_int_eq (ftruncate (fd, FILE_SIZE), 0);
  return fd;
}

/* Its name is what an eventfd's looks like. */
static int
make_file_that_claims_to_be_an_eventfd (int *other G_GNUC_UNUSED)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "anon_inode:[eventfd]", NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  ck_assert_int_eq (ftruncate (fd, FILE_SIZE), 0);
  return fd;
}

static int
make_folder (int *other G_GNUC_UNUSED)
{
  return open (harness_temp_dir (), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
make_dev_null (int *other G_GNUC_UNUSED)
{
  return open ("/dev/null", O_RDWR | O_CLOEXEC);
}

static int
make_dev_zero (int *other G_GNUC_UNUSED)
{
  return open ("/dev/zero", O_RDWR | O_CLOEXEC);
}

static int
make_nothing (int *other G_GNUC_UNUSED)
{
  return -1;
}

/* --- What each is --- */

typedef enum
{
  NONE,
  EVENTFD,
  STREAM_SOCKET,
  REGULAR_FILE
} Kind;

static const struct
{
  const char *name;
  int (*make) (int *other);
  Kind kind;
} kinds[] = {
  { "eventfd", make_eventfd, EVENTFD },
  { "eventfd as semaphore", make_semaphore, EVENTFD },
  { "duplicate of an eventfd", make_duplicate_of_eventfd, EVENTFD },
  { "stream socket", make_stream_socket, STREAM_SOCKET },
  { "memfd", make_memfd, REGULAR_FILE },
  { "regular file", make_regular_file, REGULAR_FILE },
  { "file named like an eventfd", make_file_that_claims_to_be_an_eventfd, REGULAR_FILE },
  { "timerfd", make_timerfd, NONE },
  { "signalfd", make_signalfd, NONE },
  { "epoll", make_epoll, NONE },
  { "pipe", make_pipe, NONE },
  { "datagram socket", make_datagram_socket, NONE },
  { "seqpacket socket", make_seqpacket_socket, NONE },
  { "unconnected socket", make_unconnected_socket, NONE },
  { "unconnected TCP socket", make_unconnected_tcp_socket, NONE },
  { "folder", make_folder, NONE },
  { "/dev/null", make_dev_null, NONE },
  { "/dev/zero", make_dev_zero, NONE },
  { "nothing", make_nothing, NONE },
};

static void
a_descriptor_is_what_it_is (gconstpointer row)
{
  const __typeof__ (kinds[0]) *expected = row;
  int other = -1;
  int fd = expected->make (&other);

  ck_assert_int_eq (vuc_io_fd_is_eventfd (fd), expected->kind == EVENTFD);
  ck_assert_int_eq (vuc_io_fd_is_stream_socket (fd), expected->kind == STREAM_SOCKET);
  ck_assert_int_eq (vuc_io_fd_is_file_with (fd, 0, 1), expected->kind == REGULAR_FILE);

  if (fd >= 0)
    close (fd);
  if (other >= 0)
    close (other);
}

static const struct
{
  const char *name;
  guint64 offset;
  guint64 size;
  gboolean fits;
} ranges[] = {
  { "all of it", 0, FILE_SIZE, TRUE },
  { "its last byte", FILE_SIZE - 1, 1, TRUE },
  { "nothing at its end", FILE_SIZE, 0, TRUE },
  { "one byte too many", 0, FILE_SIZE + 1, FALSE },
  { "one byte behind it", FILE_SIZE, 1, FALSE },
  { "half behind it", FILE_SIZE - 4, 8, FALSE },
  { "a sum that wraps", G_MAXUINT64 - 3, 8, FALSE },
  { "a size that wraps", 8, G_MAXUINT64, FALSE },
};

static void
a_file_has_the_bytes_that_it_has (gconstpointer row)
{
  const __typeof__ (ranges[0]) *range = row;
  int fd = make_memfd (NULL);

  ck_assert_int_eq (vuc_io_fd_is_file_with (fd, range->offset, range->size), range->fits);
  close (fd);
}

/* The server may close its end at any time, also before we look. */
static void
a_socket_stays_one_when_its_peer_has_gone (void)
{
  int other = -1;
  int fd = make_stream_socket (&other);

  close (other);
  ck_assert (vuc_io_fd_is_stream_socket (fd));
  close (fd);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_descriptor_is_what_it_is, kinds),
  HARNESS_ROWS (a_file_has_the_bytes_that_it_has, ranges),
  HARNESS_CASE (a_socket_stays_one_when_its_peer_has_gone),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "io-fd-kind", cases);
}
