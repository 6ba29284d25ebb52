/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Kicks of eventfds: that they add one, that a full one is no trouble, whether it may block or not.
 */

#include "access/kick.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness/harness.h"

typedef struct
{
  const char *name;
  int flags;
  gboolean may_block;
} Row;

static const Row rows[] = {
  { "non-blocking", EFD_NONBLOCK, FALSE },
  { "blocking", 0, TRUE },
};

static void
a_kick_adds_one (gconstpointer data)
{
  const Row *row = data;
  int fd = eventfd (0, row->flags | EFD_CLOEXEC);
  eventfd_t count;

  ck_assert_int_eq (vuc_kick_may_block (fd), row->may_block);
  vuc_kick (fd, row->may_block);
  vuc_kick (fd, row->may_block);
  ck_assert_int_eq (eventfd_read (fd, &count), 0);
  ck_assert_uint_eq (count, 2);
  close (fd);
}

static void
a_full_one_counts_as_kicked (gconstpointer data)
{
  const Row *row = data;
  int fd = eventfd (0, row->flags | EFD_CLOEXEC);
  eventfd_t count;

  ck_assert_int_eq (eventfd_write (fd, G_MAXUINT64 - 1), 0);
  vuc_kick (fd, row->may_block);
  ck_assert_int_eq (eventfd_read (fd, &count), 0);
  ck_assert_uint_eq (count, G_MAXUINT64 - 1);

  vuc_kick (fd, row->may_block);
  ck_assert_int_eq (eventfd_read (fd, &count), 0);
  ck_assert_uint_eq (count, 1);
  close (fd);
}

static void
one_that_cannot_be_asked_may_block (void)
{
  ck_assert (vuc_kick_may_block (-1));
}

static const HarnessCase cases[] = { HARNESS_ROWS (a_kick_adds_one, rows),
                                     HARNESS_ROWS (a_full_one_counts_as_kicked, rows),
                                     HARNESS_CASE (one_that_cannot_be_asked_may_block),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "kick", cases);
}
