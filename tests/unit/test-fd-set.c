/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Who closes descriptors.  The harness counts those that are open when a case ends; here it is told
 * apart which ones.
 */

#include "base/fd-set.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

static int
open_one (void)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  ck_assert_int_ge (fd, 0);
  return fd;
}

static gboolean
is_open (int fd)
{
  return fcntl (fd, F_GETFD) >= 0;
}

static void
add_or_fail (VucFdSet *set, guint count)
{
  for (guint i = 0; i < count; i++)
    ck_assert (vuc_fd_set_add (set, open_one ()));
}

static void
a_new_set_is_empty (void)
{
  g_auto(VucFdSet) set;

  vuc_fd_set_init (&set);

  ck_assert_uint_eq (set.count, 0);
  ck_assert_int_eq (vuc_fd_set_peek (&set, 0), -1);
  ck_assert_int_eq (vuc_fd_set_steal (&set, 0), -1);
}

static void
what_is_left_is_closed (void)
{
  int first = open_one ();
  int second = open_one ();
  VucFdSet set;

  vuc_fd_set_init (&set);
  ck_assert (vuc_fd_set_add (&set, first));
  ck_assert (vuc_fd_set_add (&set, second));

  vuc_fd_set_clear (&set);

  ck_assert (!is_open (first));
  ck_assert (!is_open (second));
  ck_assert_uint_eq (set.count, 0);
}

static void
clearing_twice_closes_once (void)
{
  int fd = open_one ();
  VucFdSet set;

  vuc_fd_set_init (&set);
  ck_assert (vuc_fd_set_add (&set, fd));
  vuc_fd_set_clear (&set);

  /* Whoever opens next gets the same number. */
  ck_assert_int_eq (open_one (), fd);
  vuc_fd_set_clear (&set);
  ck_assert (is_open (fd));
  close (fd);
}

static void
a_set_that_goes_out_of_scope_closes (void)
{
  int fd = open_one ();

  {
    g_auto(VucFdSet) set;

    vuc_fd_set_init (&set);
    ck_assert (vuc_fd_set_add (&set, fd));
  }

  ck_assert (!is_open (fd));
}

static void
peeking_leaves_the_descriptor_with_the_set (void)
{
  int fd = open_one ();
  g_auto(VucFdSet) set;

  vuc_fd_set_init (&set);
  ck_assert (vuc_fd_set_add (&set, fd));

  ck_assert_int_eq (vuc_fd_set_peek (&set, 0), fd);
  ck_assert_int_eq (vuc_fd_set_peek (&set, 0), fd);
  ck_assert_int_eq (vuc_fd_set_peek (&set, 1), -1);
  ck_assert_int_eq (vuc_fd_set_peek (&set, G_MAXUINT), -1);
}

static void
what_is_stolen_stays_open_and_keeps_its_index (void)
{
  int first = open_one ();
  int second = open_one ();
  VucFdSet set;

  vuc_fd_set_init (&set);
  ck_assert (vuc_fd_set_add (&set, first));
  ck_assert (vuc_fd_set_add (&set, second));

  ck_assert_int_eq (vuc_fd_set_steal (&set, 0), first);
  ck_assert_int_eq (vuc_fd_set_steal (&set, 0), -1);
  ck_assert_int_eq (vuc_fd_set_peek (&set, 0), -1);
  ck_assert_int_eq (vuc_fd_set_peek (&set, 1), second);
  ck_assert_uint_eq (set.count, 2);
  vuc_fd_set_clear (&set);

  ck_assert (is_open (first));
  ck_assert (!is_open (second));
  close (first);
}

/* The number 0 is a descriptor like any other. */
static void
descriptor_0_is_not_none (void)
{
  VucFdSet set;
  int saved = fcntl (0, F_DUPFD_CLOEXEC, 3);

  close (0);
  ck_assert_int_eq (open_one (), 0);
  vuc_fd_set_init (&set);
  ck_assert (vuc_fd_set_add (&set, 0));

  ck_assert_int_eq (vuc_fd_set_peek (&set, 0), 0);
  vuc_fd_set_clear (&set);

  ck_assert (!is_open (0));
  if (saved >= 0)
    {
      ck_assert_int_eq (dup2 (saved, 0), 0);
      close (saved);
    }
}

static void
one_more_than_the_kernel_sends_is_closed (void)
{
  g_auto(VucFdSet) set;
  int fd;

  vuc_fd_set_init (&set);
  add_or_fail (&set, VUC_LIMIT_MSG_FDS);
  fd = open_one ();

  ck_assert (!vuc_fd_set_add (&set, fd));

  ck_assert (!is_open (fd));
  ck_assert_uint_eq (set.count, 253);
}

static void
a_move_keeps_the_order (void)
{
  int fds[] = { open_one (), open_one (), open_one () };
  g_auto(VucFdSet) set;
  g_auto(VucFdSet) from;

  vuc_fd_set_init (&set);
  vuc_fd_set_init (&from);
  ck_assert (vuc_fd_set_add (&set, fds[0]));
  ck_assert (vuc_fd_set_add (&from, fds[1]));
  ck_assert (vuc_fd_set_add (&from, fds[2]));

  ck_assert (vuc_fd_set_move (&set, &from));

  ck_assert_uint_eq (from.count, 0);
  ck_assert_uint_eq (set.count, 3);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    ck_assert_int_eq (vuc_fd_set_peek (&set, i), fds[i]);
}

static void
a_move_of_nothing_changes_nothing (void)
{
  g_auto(VucFdSet) set;
  g_auto(VucFdSet) from;

  vuc_fd_set_init (&set);
  vuc_fd_set_init (&from);
  add_or_fail (&set, 1);

  ck_assert (vuc_fd_set_move (&set, &from));

  ck_assert_uint_eq (set.count, 1);
}

static void
what_does_not_fit_in_a_move_is_closed (void)
{
  int last = -1;
  g_auto(VucFdSet) set;
  g_auto(VucFdSet) from;

  vuc_fd_set_init (&set);
  vuc_fd_set_init (&from);
  add_or_fail (&set, VUC_LIMIT_MSG_FDS - 1);
  add_or_fail (&from, 1);
  last = open_one ();
  ck_assert (vuc_fd_set_add (&from, last));

  ck_assert (!vuc_fd_set_move (&set, &from));

  ck_assert_uint_eq (set.count, VUC_LIMIT_MSG_FDS);
  ck_assert_uint_eq (from.count, 0);
  ck_assert (!is_open (last));
}

/* A server can give a socket that waits in close() until its peer has read all; it may not. */
static void
closing_a_socket_does_not_linger (void)
{
  const struct linger long_linger = { .l_onoff = 1, .l_linger = 60 };
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t size = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM, 0);
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  gint64 start;
  int peer;
  VucFdSet set;
  static char bytes[65536];

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  ck_assert_int_eq (bind (listener, (struct sockaddr *) &address, sizeof address), 0);
  ck_assert_int_eq (listen (listener, 1), 0);
  ck_assert_int_eq (getsockname (listener, (struct sockaddr *) &address, &size), 0);
  ck_assert_int_eq (connect (fd, (struct sockaddr *) &address, sizeof address), 0);
  peer = accept (listener, NULL, NULL);
  ck_assert_int_eq (setsockopt (fd, SOL_SOCKET, SO_LINGER, &long_linger, sizeof long_linger), 0);
  while (send (fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
    ;

  vuc_fd_set_init (&set);
  ck_assert (vuc_fd_set_add (&set, fd));
  start = g_get_monotonic_time ();
  vuc_fd_set_clear (&set);
  ck_assert_int_lt (g_get_monotonic_time () - start, 10 * G_USEC_PER_SEC);

  close (peer);
  close (listener);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_new_set_is_empty),
  HARNESS_CASE (what_is_left_is_closed),
  HARNESS_CASE (clearing_twice_closes_once),
  HARNESS_CASE (a_set_that_goes_out_of_scope_closes),
  HARNESS_CASE (peeking_leaves_the_descriptor_with_the_set),
  HARNESS_CASE (what_is_stolen_stays_open_and_keeps_its_index),
  HARNESS_CASE (descriptor_0_is_not_none),
  HARNESS_CASE (one_more_than_the_kernel_sends_is_closed),
  HARNESS_CASE (a_move_keeps_the_order),
  HARNESS_CASE (a_move_of_nothing_changes_nothing),
  HARNESS_CASE (what_does_not_fit_in_a_move_is_closed),
  HARNESS_CASE (closing_a_socket_does_not_linger),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "fd-set", cases);
}
