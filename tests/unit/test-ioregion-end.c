/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How a client of an ioregionfd ends, by the server's fault, and what follows; and sockets that are
 * full, or that the server plays with.
 */

#include "access/ioregion.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "session/session.h"
#include "unit/ioregion-fixture.h"

/* --- The end --- */

static void
assert_dead (Fixture *fixture, const char *text)
{
  g_autoptr(GError) error = NULL;
  guint32 value;

  ck_assert (!vuc_ioregion_is_usable (fixture->ioregion));
  ck_assert (!read_by (fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, text);
  g_clear_error (&error);
  ck_assert (!write_by (fixture, TRUE, in_ms (LONG), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, text);
}

static void
a_server_that_closes_is_noticed_and_renewed (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;
  int client;

  close (fixture.server);
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                "ioregionfd: read of 4 bytes at 0x4: the server closed its socket");
  assert_dead (&fixture, "the server closed its socket");

  make_pair (&fixture.server, &client);
  ck_assert (vuc_ioregion_renew (fixture.ioregion, client, NULL));
  close (client);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  expect_read (&fixture);
  finish (&fixture);
}

static void
it_may_close_in_the_middle_of_a_response (void)
{
  static const char *const responses[] = { "00*31", NULL };
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;
  Server server;

  start (&server, fixture.server, responses);
  ck_assert (!read_by (&fixture, in_ms (10), &value, &error));
  g_clear_error (&error);
  join (&server, READ_COMMAND);
  close (fixture.server);
  fixture.server = -1;
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server closed its socket");
  assert_dead (&fixture, "the server closed its socket");
  finish (&fixture);
}

static void
renewing_forgets_what_was_owed (void)
{
  Fixture fixture = begin ();
  guint32 value;
  int client;

  say (&fixture, "ff*5");
  ck_assert (!read_by (&fixture, in_ms (1), &value, NULL));
  close (fixture.server);
  make_pair (&fixture.server, &client);
  ck_assert (vuc_ioregion_renew (fixture.ioregion, client, NULL));
  close (client);

  expect_read (&fixture);
  finish (&fixture);
}

static void
what_cannot_be_renewed_is_dead (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;

  ck_assert (!vuc_ioregion_renew (fixture.ioregion, -1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_LIMIT, "duplicating an ioregionfd");
  assert_dead (&fixture, "the device was connected again");
  finish (&fixture);

  g_clear_error (&error);
  ck_assert_ptr_null (vuc_ioregion_new (-1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_LIMIT, "duplicating an ioregionfd");
}

/* --- What nobody asked for --- */

typedef struct
{
  const char *name;
  const char *response;
} Surplus;

static const Surplus surpluses[] = {
  { "a byte", "u64:1 00*24 ff" },
  { "a response", "u64:1 00*24 00*32" },
  { "much", "00*1000" },
};

static void
more_than_the_response_is_the_end (gconstpointer row)
{
  const char *const responses[] = { ((const Surplus *) row)->response, NULL };
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value = 0x55;
  Server server;

  start (&server, fixture.server, responses);
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server sent more than the response");
  ck_assert_uint_eq (value, 0x55);
  join (&server, READ_COMMAND);
  assert_dead (&fixture, "the server sent more than the response");
  finish (&fixture);
}

static void
more_than_is_owed_is_the_end (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  ck_assert (!read_by (&fixture, in_ms (1), &value, NULL));
  assert_came (fixture.server, READ_COMMAND);
  say (&fixture, "00*33");
  ck_assert (!write_by (&fixture, FALSE, in_ms (LONG), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server sent more than the response");
  assert_nothing_came (fixture.server);
  finish (&fixture);
}

static void
a_response_to_a_posted_write_is_the_end (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  assert_came (fixture.server, POSTED_COMMAND);
  say (&fixture, "00*32");
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                "the server sent a response that nobody asked for");
  assert_nothing_came (fixture.server);
  assert_dead (&fixture, "the server sent a response that nobody asked for");
  finish (&fixture);
}

/* --- Sockets that are full, or that the server plays with --- */

static void
a_full_socket_meets_the_deadline (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint8 buffer[COMMAND_SIZE * 64];
  gsize n_posted = 0, n_came = 0;

  while (write_by (&fixture, TRUE, in_ms (1), &error))
    n_posted++;
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT,
                "ioregionfd: write of 4 bytes at 0x4: the server did not take the command in time");
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));

  while (n_came < n_posted * COMMAND_SIZE)
    {
      gssize count = read (fixture.server, buffer, sizeof buffer);

      ck_assert_int_gt (count, 0);
      n_came += (gsize) count;
    }
  assert_nothing_came (fixture.server);
  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  assert_came (fixture.server, POSTED_COMMAND);
  finish (&fixture);
}

/* Both would wait for each other for ever. */
static void
a_full_socket_of_a_server_that_responds_to_posted_writes_is_the_end (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;

  while (write_by (&fixture, TRUE, in_ms (1), &error))
    continue;
  g_clear_error (&error);
  say (&fixture, "00*32");
  ck_assert (!write_by (&fixture, TRUE, in_ms (LONG), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                "the server sent a response that nobody asked for");
  finish (&fixture);
}

static const struct
{
  const char *name;
  gboolean blocks;
} modes[] = { { "that does not block", FALSE }, { "that blocks for ever", TRUE } };

static void
the_server_may_change_the_mode_of_the_socket (gconstpointer row)
{
  const __typeof__ (modes[0]) *mode = row;
  const struct timeval for_ever = { 0, 0 };
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  ck_assert_int_eq (fcntl (fixture.shared, F_SETFL, mode->blocks ? 0 : O_NONBLOCK), 0);
  ck_assert_int_eq (
    setsockopt (fixture.shared, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof for_ever), 0);

  ck_assert (!read_by (&fixture, in_ms (5), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "the server did not respond in time");
  assert_came (fixture.server, READ_COMMAND);
  say (&fixture, "00*32");
  expect_read (&fixture);

  g_clear_error (&error);
  while (write_by (&fixture, TRUE, in_ms (1), &error))
    continue;
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "the server did not take the command");
  finish (&fixture);
}

static void
nothing_is_asked_from_inside_a_callback (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  vuc_session_enter_callback ();
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "from inside a callback");
  g_clear_error (&error);
  ck_assert (!write_by (&fixture, TRUE, in_ms (LONG), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "from inside a callback");
  vuc_session_leave_callback ();
  assert_nothing_came (fixture.server);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  finish (&fixture);
}

/* Whoever made the socket may have told it to wait for its peer when it is closed. */
static void
closing_does_not_linger (void)
{
  const struct linger for_ever = { .l_onoff = 1, .l_linger = 3600 };
  struct linger after = { 0 };
  socklen_t size = sizeof after;
  int ours, theirs;
  VucIoregion *ioregion;

  make_pair (&theirs, &ours);
  ck_assert_int_eq (setsockopt (ours, SOL_SOCKET, SO_LINGER, &for_ever, sizeof for_ever), 0);
  ioregion = vuc_ioregion_new (ours, NULL);
  ck_assert_ptr_nonnull (ioregion);
  vuc_ioregion_unref (ioregion);
  ck_assert_int_eq (getsockopt (ours, SOL_SOCKET, SO_LINGER, &after, &size), 0);
  ck_assert_int_eq (after.l_onoff, 0);
  close (ours);
  close (theirs);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_server_that_closes_is_noticed_and_renewed),
  HARNESS_CASE (it_may_close_in_the_middle_of_a_response),
  HARNESS_CASE (renewing_forgets_what_was_owed),
  HARNESS_CASE (what_cannot_be_renewed_is_dead),
  HARNESS_CASE (closing_does_not_linger),
  HARNESS_ROWS (more_than_the_response_is_the_end, surpluses),
  HARNESS_CASE (more_than_is_owed_is_the_end),
  HARNESS_CASE (a_response_to_a_posted_write_is_the_end),
  HARNESS_CASE (a_full_socket_meets_the_deadline),
  HARNESS_CASE (a_full_socket_of_a_server_that_responds_to_posted_writes_is_the_end),
  HARNESS_ROWS (the_server_may_change_the_mode_of_the_socket, modes),
  HARNESS_CASE (nothing_is_asked_from_inside_a_callback),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "ioregion-end", cases);
}
