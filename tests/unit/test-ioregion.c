/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client of an ioregionfd, against literal bytes: what is sent, what is made of what comes, and
 * what is owed.  How it waits: test-ioregion-waiting.c; how it ends: test-ioregion-end.c.
 *
 * The server is this thread, as long as it can say beforehand what is wanted, or a thread.  The library's
 * system calls are counted: this program is linked with --wrap for each of them.
 */

#include "access/ioregion.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/wrapped.h"
#include "unit/ioregion-fixture.h"

/* --- Counting --- */

static int n_sends, n_receives, n_polls; /* atomic */

gssize
__wrap_send (int fd, const void *data, gsize size, int flags)
{
  g_atomic_int_inc (&n_sends);
  return __real_send (fd, data, size, flags);
}

gssize
__wrap_recv (int fd, void *data, gsize size, int flags)
{
  g_atomic_int_inc (&n_receives);
  return __real_recv (fd, data, size, flags);
}

int
__wrap_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout,
              const sigset_t *mask)
{
  g_atomic_int_inc (&n_polls);
  return __real_ppoll (fds, n_fds, timeout, mask);
}

/* --- Accesses --- */

typedef struct
{
  const char *name;
  guint size;
  const char *read;    /* the command */
  const char *written; /* likewise, of 0xfedcba9876543210 */
  const char *data;    /* what 8 bytes 0xee become by reading 0x8899aabbccddeeff */
} Width;

static const Width widths[] = {
  { "1 byte", 1, "00 10 00*6 u64:0x1122334455667788 u64:0x21 00*8",
    "01 10 00*6 u64:0x1122334455667788 u64:0x21 u64:0x10", "ff ee*7" },
  { "2 bytes", 2, "00 11 00*6 u64:0x1122334455667788 u64:0x21 00*8",
    "01 11 00*6 u64:0x1122334455667788 u64:0x21 u64:0x3210", "u16:0xeeff ee*6" },
  { "4 bytes", 4, "00 12 00*6 u64:0x1122334455667788 u64:0x21 00*8",
    "01 12 00*6 u64:0x1122334455667788 u64:0x21 u64:0x76543210", "u32:0xccddeeff ee*4" },
  { "8 bytes", 8, "00 13 00*6 u64:0x1122334455667788 u64:0x21 00*8",
    "01 13 00*6 u64:0x1122334455667788 u64:0x21 u64:0xfedcba9876543210",
    "u64:0x8899aabbccddeeff" },
};

static void
a_read_is_a_command_and_its_response (gconstpointer row)
{
  static const char *const responses[] = { "u64:0x8899aabbccddeeff 77*24", NULL };
  const Width *width = row;
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint8 data[8];
  Server server;

  memset (data, 0xee, sizeof data);
  start (&server, fixture.server, responses);
  ck_assert (vuc_ioregion_read (fixture.ioregion, fixture.session, 0, 0x1122334455667788, 0x21, data,
                                width->size, in_ms (LONG), &error));
  assert_no_error (error);
  assert_bytes (data, sizeof data, width->data);
  join (&server, width->read);
  finish (&fixture);
}

static void
a_write_is_a_command_and_its_response (gconstpointer row)
{
  static const char *const responses[] = { "ff*32", NULL };
  const Width *width = row;
  const guint64 data = 0xfedcba9876543210;
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  Server server;

  start (&server, fixture.server, responses);
  ck_assert (vuc_ioregion_write (fixture.ioregion, fixture.session, 0, 0x1122334455667788, 0x21, &data,
                                 width->size, FALSE, in_ms (LONG), &error));
  assert_no_error (error);
  join (&server, width->written);
  finish (&fixture);
}

static void
a_posted_write_is_one_send_and_has_no_response (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;

  n_sends = n_receives = n_polls = 0;
  for (int i = 1; i <= 3; i++)
    {
      ck_assert (write_by (&fixture, TRUE, in_ms (LONG), &error));
      assert_no_error (error);
      ck_assert_int_eq (n_sends, i);
      ck_assert_int_eq (n_receives + n_polls, 0);
    }
  assert_came (fixture.server, POSTED_COMMAND POSTED_COMMAND POSTED_COMMAND);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  finish (&fixture);
}

/* A very fast server has responded before it is looked. */
static void
a_read_is_three_system_calls (void)
{
  Fixture fixture = begin ();
  guint32 value = 0;

  n_sends = n_receives = n_polls = 0;
  for (int i = 1; i <= 3; i++)
    {
      say (&fixture, "u64:5 00*24");
      ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
      ck_assert_uint_eq (value, 5);
      ck_assert_int_eq (n_sends, i);
      ck_assert_int_eq (n_polls, i);
      ck_assert_int_eq (n_receives, i);
    }
  finish (&fixture);
}

static void
a_read_after_posted_writes_has_its_own_response (void)
{
  static const char *const responses[] = { "", "", "u64:9 00*24", NULL };
  Fixture fixture = begin ();
  guint32 value = 0;
  Server server;

  start (&server, fixture.server, responses);
  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 9);
  g_thread_join (server.thread);
  assert_bytes (server.commands->data, server.commands->len,
                POSTED_COMMAND POSTED_COMMAND READ_COMMAND);
  g_byte_array_unref (server.commands);
  finish (&fixture);
}

static void
a_response_may_come_byte_by_byte (void)
{
  static const char *const responses[] = { "u64:0x8899aabb 00*24", "u64:0xccddeeff 00*24", NULL };
  Fixture fixture = begin ();
  guint32 value = 0;
  Server server;

  start_in_single_bytes (&server, fixture.server, responses);
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 0x8899aabb);
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 0xccddeeff);
  join (&server, READ_COMMAND READ_COMMAND);
  finish (&fixture);
}

/* --- What is owed --- */

static void
a_late_response_is_swallowed_by_the_next_access (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value = 0x55;

  ck_assert (!read_by (&fixture, in_ms (1), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT,
                "ioregionfd: read of 4 bytes at 0x4: the server did not respond in time");
  ck_assert_uint_eq (value, 0x55);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  assert_came (fixture.server, READ_COMMAND);
  say (&fixture, "u64:1 00*24");

  expect_read (&fixture);
  finish (&fixture);
}

static void
nothing_is_sent_while_a_response_is_owed (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  ck_assert (!read_by (&fixture, in_ms (1), &value, NULL));
  assert_came (fixture.server, READ_COMMAND);
  ck_assert (!write_by (&fixture, FALSE, in_ms (1), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT,
                "ioregionfd: write of 4 bytes at 0x4: the response to the access before is overdue");
  assert_nothing_came (fixture.server);
  g_clear_error (&error);
  ck_assert (!write_by (&fixture, TRUE, in_ms (1), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "overdue");
  assert_nothing_came (fixture.server);

  say (&fixture, "00*32");
  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  assert_came (fixture.server, POSTED_COMMAND);
  finish (&fixture);
}

static void
a_response_may_be_split_anywhere_by_a_deadline (void)
{
  for (gsize split = 1; split < 32; split++)
    {
      static const char *const responses[] = { "u64:0x8899aabb 00*24", NULL };
      guint8 late[32] = { 0xff };
      Fixture fixture = begin ();
      guint32 value;
      Server server;

      harness_context ("%zu bytes in time", split);
      ck_assert_int_eq (write (fixture.server, late, split), (gssize) split);
      ck_assert (!read_by (&fixture, in_ms (1), &value, NULL));
      assert_came (fixture.server, READ_COMMAND);
      ck_assert_int_eq (write (fixture.server, late + split, 32 - split), (gssize) (32 - split));

      start (&server, fixture.server, responses);
      ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
      ck_assert_uint_eq (value, 0x8899aabb);
      join (&server, READ_COMMAND);
      finish (&fixture);
    }
}

static void
a_deadline_that_has_passed_takes_what_is_there (void)
{
  Fixture fixture = begin ();
  guint32 value;

  say (&fixture, "u64:3 00*24");
  ck_assert (read_by (&fixture, 1, &value, NULL));
  ck_assert_uint_eq (value, 3);
  finish (&fixture);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_read_is_a_command_and_its_response, widths),
  HARNESS_ROWS (a_write_is_a_command_and_its_response, widths),
  HARNESS_CASE (a_posted_write_is_one_send_and_has_no_response),
  HARNESS_CASE (a_read_is_three_system_calls),
  HARNESS_CASE (a_read_after_posted_writes_has_its_own_response),
  HARNESS_CASE (a_response_may_come_byte_by_byte),
  HARNESS_CASE (a_late_response_is_swallowed_by_the_next_access),
  HARNESS_CASE (nothing_is_sent_while_a_response_is_owed),
  HARNESS_CASE (a_response_may_be_split_anywhere_by_a_deadline),
  HARNESS_CASE (a_deadline_that_has_passed_takes_what_is_there),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "ioregion", cases);
}
