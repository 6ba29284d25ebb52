/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How a connected socket comes about, and why one does not.
 */

#include "transport/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/descriptors.h"
#include "harness/harness.h"

static char *
temp_path (const char *name)
{
  return g_build_filename (harness_temp_dir (), name, NULL);
}

/* name: a path, or '@' and an abstract name. */
static int
listen_at (const char *name, int backlog)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  gsize length = strlen (name);

  memcpy (address.sun_path, name, length);
  if (name[0] == '@')
    address.sun_path[0] = '\0';
  else
    length++;
  ck_assert_int_eq (bind (fd, (struct sockaddr *) &address,
                          (socklen_t) (offsetof (struct sockaddr_un, sun_path) + length)),
                    0);
  ck_assert_int_eq (listen (fd, backlog), 0);
  return fd;
}

/* -1 if that fails, or has to be tried again. */
static int
connect_to (const char *path, VucConnectStatus expected, GError **error)
{
  int fd = -1;

  ck_assert_int_eq (vuc_connect_path (path, &fd, error), expected);
  return fd;
}

static void
connect_fails (const char *path, VucError code, const char *why, int number)
{
  g_autoptr(GError) error = NULL;

  ck_assert_int_eq (connect_to (path, VUC_CONNECT_FAILED, &error), -1);
  assert_error (error, VUC_ERROR, code, why);
  ck_assert_int_eq (vuc_error_get_errno (error), number);
}

static void
connect_works (const char *path)
{
  g_autoptr(GError) error = NULL;
  int listener = listen_at (path, 0);
  int fd = connect_to (path, VUC_CONNECT_DONE, &error);
  int server = accept (listener, NULL, NULL);
  char byte = 0;

  assert_no_error (error);
  ck_assert_int_ne (fcntl (fd, F_GETFD) & FD_CLOEXEC, 0);
  ck_assert_int_eq (write (fd, "x", 1), 1);
  ck_assert_int_eq (read (server, &byte, 1), 1);
  ck_assert_int_eq (byte, 'x');
  close (fd);
  close (server);
  close (listener);
}

/* --- Paths --- */

static void
a_server_is_reached_by_its_path (void)
{
  g_autofree char *path = temp_path ("socket");

  connect_works (path);
}

static void
a_server_is_reached_by_its_abstract_name (void)
{
  g_autofree char *name = g_strdup_printf ("@vuc-test-connect-%d", getpid ());

  connect_works (name);
}

/* 108 bytes fit into an address, for a path with its NUL.  A relative one is as long as we like. */
static void
a_path_may_have_107_bytes (void)
{
  g_autofree char *folder = g_get_current_dir ();
  g_autofree char *longest = g_strnfill (107, 'p');
  g_autofree char *too_long = g_strnfill (108, 'p');

  ck_assert_int_eq (chdir (harness_temp_dir ()), 0);
  connect_works (longest);
  connect_fails (too_long, VUC_ERROR_INVALID_ARGUMENT, "it has 108 bytes, allowed are 1 to 107", 0);
  ck_assert_int_eq (chdir (folder), 0);
}

static void
an_abstract_name_may_have_108_bytes_with_its_sign (void)
{
  g_autofree char *start = g_strdup_printf ("@vuc-test-connect-%d-", getpid ());
  g_autofree char *fill = g_strnfill (109 - strlen (start), 'n');
  g_autofree char *too_long = g_strconcat (start, fill, NULL);
  g_autofree char *longest = g_strndup (too_long, 108);

  connect_works (longest);
  connect_fails (too_long, VUC_ERROR_INVALID_ARGUMENT, "it has 109 bytes, allowed are 1 to 108", 0);
}

static void
an_empty_path_is_a_mistake_of_the_caller (void)
{
  connect_fails ("", VUC_ERROR_INVALID_ARGUMENT, "it has 0 bytes", 0);
}

/* --- Nobody there --- */

static void
a_path_that_does_not_exist_is_said (void)
{
  g_autofree char *path = temp_path ("missing");

  connect_fails (path, VUC_ERROR_CONNECT, "missing'", ENOENT);
}

static void
an_abstract_name_that_nobody_has_is_said (void)
{
  connect_fails ("@vuc-test-nobody-has-this-name", VUC_ERROR_CONNECT, "'@vuc-test", ECONNREFUSED);
}

static void
a_server_that_has_gone_is_said (void)
{
  g_autofree char *path = temp_path ("socket");

  close (listen_at (path, 0));
  connect_fails (path, VUC_ERROR_CONNECT, "connecting to", ECONNREFUSED);
}

static void
a_file_that_is_no_socket_is_said (void)
{
  g_autofree char *path = temp_path ("file");

  close (open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  connect_fails (path, VUC_ERROR_CONNECT, "connecting to", ENOTSOCK);
}

static void
a_folder_is_no_socket_either (void)
{
  connect_fails (harness_temp_dir (), VUC_ERROR_CONNECT, "connecting to", ENOTSOCK);
}

static void
a_socket_that_we_may_not_write_to_is_said (void)
{
  g_autofree char *path = temp_path ("socket");
  int listener;

  if (geteuid () == 0)
    harness_skip ("root may write to every socket");

  listener = listen_at (path, 0);
  ck_assert_int_eq (chmod (path, 0), 0);
  connect_fails (path, VUC_ERROR_CONNECT, "connecting to", EACCES);
  close (listener);
}

static void
a_datagram_server_is_said (void)
{
  g_autofree char *path = temp_path ("socket");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int server = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  ck_assert_int_eq (bind (server, (struct sockaddr *) &address, sizeof address), 0);
  connect_fails (path, VUC_ERROR_CONNECT, "connecting to", EPROTOTYPE);
  close (server);
}

/* --- Nobody accepts --- */

/* A server whose backlog is full: it serves its only client, say. */
static void
a_full_backlog_is_to_be_tried_again (void)
{
  g_autofree char *path = temp_path ("socket");
  g_autoptr(GError) error = NULL;
  int listener = listen_at (path, 0);
  int client = connect_to (path, VUC_CONNECT_DONE, &error);
  guint before = harness_count_descriptors ();
  int server, second;

  for (guint i = 0; i < 3; i++)
    ck_assert_int_eq (connect_to (path, VUC_CONNECT_AGAIN, &error), -1);
  assert_no_error (error);
  ck_assert_uint_eq (harness_count_descriptors (), before);

  server = accept (listener, NULL, NULL);
  second = connect_to (path, VUC_CONNECT_DONE, &error);
  ck_assert_int_ge (second, 0);
  close (second);
  close (server);
  close (client);
  close (listener);
}

/* --- Adopting --- */

static void
a_connected_socket_is_duplicated (void)
{
  g_autoptr(GError) error = NULL;
  int ends[2];
  int copy;
  char byte = 0;

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM, 0, ends), 0);
  copy = vuc_connect_adopt (ends[0], &error);
  assert_no_error (error);
  ck_assert_int_ne (copy, ends[0]);
  ck_assert_int_ne (fcntl (copy, F_GETFD) & FD_CLOEXEC, 0);

  close (ends[0]);
  ck_assert_int_eq (write (ends[1], "x", 1), 1);
  ck_assert_int_eq (read (copy, &byte, 1), 1);
  close (copy);
  close (ends[1]);
}

static void
adopt_fails (int fd, VucError code, const char *why, int number)
{
  g_autoptr(GError) error = NULL;

  ck_assert_int_eq (vuc_connect_adopt (fd, &error), -1);
  assert_error (error, VUC_ERROR, code, why);
  ck_assert_int_eq (vuc_error_get_errno (error), number);
}

static void
what_is_no_socket_is_not_adopted (void)
{
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);

  adopt_fails (null, VUC_ERROR_CONNECT, "is not a connected socket", ENOTSOCK);
  adopt_fails (-1, VUC_ERROR_CONNECT, "descriptor -1 is not", EBADF);
  close (null);
}

static void
an_unconnected_socket_is_not_adopted (void)
{
  g_autofree char *path = temp_path ("socket");
  int fresh = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int listener = listen_at (path, 0);

  adopt_fails (fresh, VUC_ERROR_CONNECT, "is not a connected socket", ENOTCONN);
  adopt_fails (listener, VUC_ERROR_CONNECT, "is not a connected socket", ENOTCONN);
  close (fresh);
  close (listener);
}

static const struct
{
  const char *name;
  int type;
} types[] = {
  { "datagram", SOCK_DGRAM },
  { "seqpacket", SOCK_SEQPACKET },
};

static void
another_type_of_socket_is_not_adopted (gconstpointer row)
{
  const __typeof__ (types[0]) *type = row;
  int ends[2];

  ck_assert_int_eq (socketpair (AF_UNIX, type->type | SOCK_CLOEXEC, 0, ends), 0);
  adopt_fails (ends[0], VUC_ERROR_INVALID_ARGUMENT, "is not a UNIX stream socket", 0);
  close (ends[0]);
  close (ends[1]);
}

/* It could not carry descriptors. */
static void
a_tcp_connection_is_not_adopted (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (listener < 0 || bind (listener, (struct sockaddr *) &address, size) != 0
      || listen (listener, 1) != 0
      || getsockname (listener, (struct sockaddr *) &address, &size) != 0
      || connect (fd, (struct sockaddr *) &address, size) != 0)
    harness_note_skip ("no TCP over the loopback here: %s", g_strerror (errno));
  else
    adopt_fails (fd, VUC_ERROR_INVALID_ARGUMENT, "is not a UNIX stream socket", 0);

  if (fd >= 0)
    close (fd);
  if (listener >= 0)
    close (listener);
}

/* --- No descriptor left --- */

static void
a_client_without_a_descriptor_left_is_told_so (void)
{
  g_autofree char *path = temp_path ("server");
  int listener = listen_at (path, 1);
  int ends[2];
  struct rlimit before;

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  before = descriptors_use_up ();
  connect_fails (path, VUC_ERROR_CONNECT, "creating a socket", EMFILE);
  adopt_fails (ends[0], VUC_ERROR_CONNECT, "duplicating descriptor", EMFILE);
  descriptors_allow (&before);
  close (ends[0]);
  close (ends[1]);
  close (listener);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_server_is_reached_by_its_path),
  HARNESS_CASE (a_server_is_reached_by_its_abstract_name),
  HARNESS_CASE (a_path_may_have_107_bytes),
  HARNESS_CASE (an_abstract_name_may_have_108_bytes_with_its_sign),
  HARNESS_CASE (an_empty_path_is_a_mistake_of_the_caller),
  HARNESS_CASE (a_path_that_does_not_exist_is_said),
  HARNESS_CASE (an_abstract_name_that_nobody_has_is_said),
  HARNESS_CASE (a_server_that_has_gone_is_said),
  HARNESS_CASE (a_file_that_is_no_socket_is_said),
  HARNESS_CASE (a_folder_is_no_socket_either),
  HARNESS_CASE (a_socket_that_we_may_not_write_to_is_said),
  HARNESS_CASE (a_datagram_server_is_said),
  HARNESS_CASE (a_full_backlog_is_to_be_tried_again),
  HARNESS_CASE (a_connected_socket_is_duplicated),
  HARNESS_CASE (what_is_no_socket_is_not_adopted),
  HARNESS_CASE (an_unconnected_socket_is_not_adopted),
  HARNESS_ROWS (another_type_of_socket_is_not_adopted, types),
  HARNESS_CASE (a_tcp_connection_is_not_adopted),
  HARNESS_CASE (a_client_without_a_descriptor_left_is_told_so),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "connect", cases);
}
