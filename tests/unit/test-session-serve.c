/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Serving a session without delivering: what it does, what it leaves, and that the loop hears of that.
 */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"
#include "session/session-private.h"
#include "unit/session-fixture.h"

typedef struct
{
  VucSession *session;
  int server; /* the server's end */
  guint n_told;
  gboolean starts_a_task; /* when a command is served */
  gboolean was_woken;     /* by that, when it had ended */
} Fixture;

/* --- A service, of commands without data --- */

static gsize
fixed_size (guint16 command G_GNUC_UNUSED)
{
  return 16;
}

static void
begin_command (VucServed *served G_GNUC_UNUSED, gpointer data)
{
  Fixture *fixture = data;

  if (!fixture->starts_a_task)
    return;
  start_task (fixture->session, count_outcome, &fixture->n_told);
  fixture->was_woken = has_work (fixture->session);
}

static void
end_command (VucServed *served, gpointer data G_GNUC_UNUSED)
{
  memcpy (served->reply, served->fixed, 16);
  served->reply_size = 16;
}

static void
release_command (VucServed *served G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
}

static gboolean
uses (const VucServed *served G_GNUC_UNUSED, gconstpointer what G_GNUC_UNUSED)
{
  return FALSE;
}

static const VucService service = { fixed_size, begin_command, end_command, release_command, uses };

#define COMMAND "u16:7 u16:12 u32:32 u32:0 u32:0 | u64:0x1000 u64:0"
#define ANSWER  "u16:7 u16:12 u32:32 u32:1 u32:0 | u64:0x1000 u64:0"

static void
begin (Fixture *fixture)
{
  int client;

  memset (fixture, 0, sizeof *fixture);
  make_pair (&fixture->server, &client);
  fixture->session = session_open_raw (client, &(VucSessionOptions){ .timeout_ms = LONG,
                                                                     .service = &service,
                                                                     .service_data = fixture });
  vuc_session_set_negotiated (fixture->session, SESSION_MAX_SIZE, -1);
}

static void
finish (Fixture *fixture)
{
  vuc_session_free (fixture->session);
  close (fixture->server);
}

static void
say_command (Fixture *fixture)
{
  g_autoptr(GBytes) command = hex (COMMAND);

  ck_assert_int_eq (write (fixture->server, g_bytes_get_data (command, NULL), 32), 32);
}

static void
assert_answered (Fixture *fixture)
{
  guint8 answer[64];
  gssize size = recv (fixture->server, answer, sizeof answer, MSG_DONTWAIT);

  ck_assert_int_gt (size, 0);
  assert_bytes (answer, (gsize) size, ANSWER);
}

/* --- The cases --- */

static void
it_says_whether_anything_came (void)
{
  Fixture fixture;

  begin (&fixture);
  ck_assert (!vuc_session_serve (fixture.session));
  say_command (&fixture);
  ck_assert (vuc_session_serve (fixture.session));
  assert_answered (&fixture);
  ck_assert (!vuc_session_serve (fixture.session));

  /* The same with a descriptor for a loop. */
  ck_assert (!has_work (fixture.session));
  say_command (&fixture);
  ck_assert (has_work (fixture.session));
  ck_assert (vuc_session_serve (fixture.session));
  assert_answered (&fixture);
  ck_assert (!has_work (fixture.session));
  finish (&fixture);
}

static void
it_leaves_no_work_but_what_is_to_be_told (void)
{
  Fixture fixture;

  begin (&fixture);
  ck_assert (!has_work (fixture.session));
  ck_assert (!vuc_session_serve (fixture.session));
  ck_assert (!has_work (fixture.session));

  start_task (fixture.session, count_outcome, &fixture.n_told);
  ck_assert (has_work (fixture.session));
  for (int i = 0; i < 3; i++)
    {
      ck_assert (!vuc_session_serve (fixture.session));
      ck_assert (has_work (fixture.session));
    }
  ck_assert_uint_eq (fixture.n_told, 0);
  vuc_session_process (fixture.session);
  ck_assert_uint_eq (fixture.n_told, 1);
  ck_assert (!has_work (fixture.session));
  ck_assert (!vuc_session_serve (fixture.session));
  ck_assert (!has_work (fixture.session));
  finish (&fixture);
}

/* Who serves may be long at it, and does not deliver. */
static void
the_loop_hears_of_what_ends_meanwhile_at_once (void)
{
  Fixture fixture;

  begin (&fixture);
  fixture.starts_a_task = TRUE;
  ck_assert (!has_work (fixture.session));
  say_command (&fixture);
  ck_assert (vuc_session_serve (fixture.session));
  assert_answered (&fixture);
  ck_assert (fixture.was_woken);
  ck_assert_uint_eq (fixture.n_told, 0);
  ck_assert (has_work (fixture.session));
  vuc_session_process (fixture.session);
  ck_assert_uint_eq (fixture.n_told, 1);
  finish (&fixture);
}

static void
it_does_nothing_inside_a_callback (void)
{
  Fixture fixture;

  begin (&fixture);
  say_command (&fixture);
  vuc_session_enter_callback ();
  ck_assert (!vuc_session_serve (fixture.session));
  vuc_session_leave_callback ();
  ck_assert (vuc_session_serve (fixture.session));
  assert_answered (&fixture);
  finish (&fixture);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (it_says_whether_anything_came),
  HARNESS_CASE (it_leaves_no_work_but_what_is_to_be_told),
  HARNESS_CASE (the_loop_hears_of_what_ends_meanwhile_at_once),
  HARNESS_CASE (it_does_nothing_inside_a_callback),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session, serve", cases);
}
