/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Calls that time out, replies that come late, messages that stay unfinished, and servers that
 * never stop talking.
 */

#include <poll.h>
#include <string.h>

#include <vfio-user-client/vuc-error.h>

#include "base/limits.h"
#include "harness/harness.h"
#include "harness/script-server.h"
#include "session/session-private.h"
#include "unit/peer.h"
#include "unit/session-fixture.h"

/* What must time out does so after this, in milliseconds; what is far from it is a failure. */
#define SHORT 30
#define FAR 10000

static void
assert_over_in_time (gint64 start)
{
  ck_assert_int_lt (g_get_monotonic_time () - start, FAR * 1000);
}

/* --- Late replies --- */

static void
a_server_that_is_silent_costs_the_deadline (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  VucSession *session;

  script_expect_command (server, 13, "");
  script_wait_forever (server);
  session = session_open (script_server_start (server));

  ck_assert (!reset (session, SHORT, &error));
  ck_assert_int_ge (g_get_monotonic_time () - start, SHORT * 1000);
  assert_over_in_time (start);
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT,
                "DEVICE_RESET: the server did not reply in time");
  vuc_session_free (session);
  script_server_finish (server);
}

static const ScriptFd two_fds[] = {
  { SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_MEMFD, 4096 }, { SCRIPT_FD_END, 0 }
};

static const struct
{
  const char *name;
  const char *bytes; /* sent after the second command */
  const ScriptFd *fds;
  gsize in_pieces_of;
} late_replies[] = {
  { "as wanted", "id(1) u16:6 u32:32 u32:1 u32:0 | 00*16", NULL, 0 },
  { "refused", "id(1) u16:6 u32:16 u32:0x21 u32:22", NULL, 0 },
  { "refused, with a payload", "id(1) u16:6 u32:32 u32:0x21 u32:22 | 00*16", NULL, 0 },
  { "too long", "id(1) u16:6 u32:30016 u32:1 u32:0 | 00*30000", NULL, 0 },
  { "too short", "id(1) u16:6 u32:17 u32:1 u32:0 | 00", NULL, 0 },
  { "with descriptors", "id(1) u16:6 u32:32 u32:1 u32:0 | 00*16", two_fds, 0 },
  { "byte by byte", "id(1) u16:6 u32:32 u32:1 u32:0 | 00*16", NULL, 1 },
};

static void
a_late_reply_is_swallowed (gconstpointer row)
{
  const __typeof__ (late_replies[0]) *late = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Query query;

  script_expect_command (server, 6, NULL);
  script_expect_command (server, 13, "");
  if (late->fds != NULL)
    script_send_fds (server, late->bytes, late->fds);
  else
    script_send (server, late->bytes);
  if (late->in_pieces_of > 0)
    script_in_pieces_of (server, late->in_pieces_of);
  script_reply (server, "");
  script_expect_command (server, 13, "");
  script_reply (server, "");
  session = session_open (script_server_start (server));

  query_init (&query, 6, SHORT);
  ck_assert (!single_run (session, &query.single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_GET_REGION_IO_FDS");
  ck_assert_uint_eq (session->pending.n_abandoned, 1);

  reset_or_fail (session);
  ck_assert_uint_eq (session->pending.n_abandoned, 0);
  ck_assert_uint_eq (query.head[0], 0xee);
  ck_assert_uint_eq (query.fds.count, 0);
  reset_or_fail (session);

  query_clear (&query);
  vuc_session_free (session);
  script_server_finish (server);
}

/* Answers the first command only when it was told to, all others at once; says whether one of them
 * had the first one's id. */
static void
keep_the_first_waiting (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage first, message;

  peer_receive (end, &first);
  for (guint i = 0; i < 300; i++)
    {
      peer_receive (end, &message);
      if (message.id == first.id)
        peer_fail ("id %u was used again", first.id);
      peer_reply (end, &message, NULL, 0);
    }
  peer_reply (end, &first, NULL, 0);
  for (guint i = 0; i < 300; i++)
    {
      peer_receive (end, &message);
      peer_reply (end, &message, NULL, 0);
    }
}

static void
an_id_whose_reply_is_due_is_not_used_again (void)
{
  VucSession *session;
  Peer peer;

  peer_start (&peer, keep_the_first_waiting, NULL);
  session = session_open (peer.socket);

  ck_assert (!reset (session, 1, NULL));
  for (guint i = 0; i < 600; i++)
    reset_or_fail (session);

  ck_assert_uint_eq (session->pending.n_abandoned, 0);
  vuc_session_free (session);
  peer_finish (&peer);
}

static void
a_server_that_owes_too_many_replies_is_given_up (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  VucSession *session;

  script_wait_forever (server);
  session = session_open (script_server_start (server));

  /* A deadline that has passed: the command is sent, and nobody waits. */
  for (guint i = 0; i <= VUC_LIMIT_ABANDONED; i++)
    {
      g_autoptr(GError) error = NULL;

      harness_context ("call %u", i);
      ck_assert (!reset (session, -1, &error));
      assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "did not reply in time");
      ck_assert_int_eq (session->down != NULL, i == VUC_LIMIT_ABANDONED);
    }
  assert_error (session->down, VUC_ERROR, VUC_ERROR_PROTOCOL,
                "257 replies are overdue, allowed are 256");
  ck_assert (!reset (session, LONG, NULL));
  vuc_session_free (session);
  script_server_finish (server);
}

/* --- Unfinished messages --- */

static const struct
{
  const char *name;
  const char *bytes;
} beginnings[] = {
  { "one byte", "01" },
  { "half a header", "id u16:6 u32:32" },
  { "a server command without its payload", "u16:1 u16:11 u32:32 u32:0 u32:0" },
};

/* The first bytes of a message. */
static void
process_until_it_has_begun (VucSession *session)
{
  ck_assert_int_ge (vuc_session_get_fd (session, NULL), 0);
  while (vuc_framer_is_idle (&session->lane.framer))
    vuc_session_process (session);
}

/* The call has much more time. */
static void
a_message_that_stays_unfinished_ends_the_session (gconstpointer row)
{
  const __typeof__ (beginnings[0]) *beginning = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  VucSession *session;

  script_expect_command (server, 13, "");
  script_send (server, beginning->bytes);
  script_expect_eof (server);
  session = session_open_with_timeout (script_server_start (server), SHORT);

  ck_assert (!reset (session, LONG, &error));
  assert_over_in_time (start);
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "begun, but not complete in 30 ms");
  vuc_session_free (session);
  script_server_finish (server);
}

/* It has begun before its deadline, however long that takes. */
static void
a_reply_that_stays_unfinished_until_its_deadline_ends_the_session (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Query query;

  script_expect_command (server, 9, NULL);
  script_send (server, "id u16:9 u32:32 u32:1 u32:0 | 00*15");
  script_expect_eof (server);
  session = session_open (script_server_start (server));

  query_init (&query, 9, LONG);
  single_submit (session, &query.single);
  process_until_it_has_begun (session);
  vuc_task_set_deadline (&query.single.task, in_ms (SHORT));
  ck_assert (!single_wait (&query.single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                "REGION_READ reply: begun, but not complete in time");
  query_clear (&query);
  vuc_session_free (session);
  script_server_finish (server);
}

/* Half of a late reply, and the other half as soon as it was told. */
static void
reply_late_in_halves (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage message;
  g_autoptr(GByteArray) reply = g_byte_array_new ();

  peer_receive (end, &message);
  peer_append (reply, message.id, message.command, 1, NULL, 0);
  peer_send (end, reply->data, 8);
  peer_wait_told (end);
  peer_send (end, reply->data + 8, reply->len - 8);
  peer_receive (end, &message);
  peer_reply (end, &message, NULL, 0);
}

/* The rest came at once, but nobody looked: that is not the server's fault. */
static void
a_message_that_was_finished_while_nobody_read_is_no_offence (void)
{
  struct pollfd rest = { .events = POLLIN };
  VucSession *session;
  Peer peer;

  peer_start (&peer, reply_late_in_halves, NULL);
  session = session_open_with_timeout (peer.socket, SHORT);

  /* A deadline that has passed: the command is sent, and nobody waits. */
  ck_assert (!reset (session, -1, NULL));
  process_until_it_has_begun (session);
  peer_tell (&peer, 0);
  rest.fd = peer.socket;
  ck_assert_int_eq (poll (&rest, 1, LONG), 1);
  g_usleep (2 * SHORT * 1000);

  reset_or_fail (session);
  vuc_session_free (session);
  peer_finish (&peer);
}

/* --- Servers that never stop talking --- */

typedef struct
{
  const char *name;
  guint32 flags;
  gsize payload;
} Chatter;

static const Chatter chatters[] = {
  { "commands that want no reply", 0x10, 0 },
  { "commands with a payload", 0x10, 20000 },
  { "commands that want an answer, which it does not read", 0, 0 },
};

static void
chatter (PeerEnd *end, gconstpointer data)
{
  const Chatter *how = data;
  g_autofree guint8 *payload = g_malloc0 (how->payload + 1);
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  for (guint i = 0; i < 100; i++)
    peer_append (bytes, (guint16) i, 12, how->flags, payload, how->payload);
  while (peer_send (end, bytes->data, bytes->len))
    continue;
}

static void
a_chatty_server_cannot_hold_a_call_beyond_its_deadline (gconstpointer row)
{
  g_autoptr(GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  VucSession *session;
  Peer peer;

  peer_start (&peer, chatter, row);
  session = session_open (peer.socket);

  ck_assert (!reset (session, SHORT, &error));
  assert_over_in_time (start);
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_RESET");

  /* Nor the next one, which finds what the first has left behind. */
  g_clear_error (&error);
  ck_assert (!reset (session, SHORT, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_RESET");
  vuc_session_free (session);
  peer_finish (&peer);
}

static gpointer
wait_long (gpointer session)
{
  reset (session, G_MAXINT32, NULL);
  return NULL;
}

/* One reads, with time; the other sleeps, and has less. */
static void
a_chatty_server_cannot_hold_one_who_sleeps (gconstpointer row)
{
  g_autoptr(GError) error = NULL;
  gboolean reading = FALSE;
  VucSession *session;
  GThread *thread;
  gint64 start;
  Peer peer;

  peer_start (&peer, chatter, row);
  session = session_open (peer.socket);
  thread = g_thread_new ("reader", wait_long, session);
  while (!reading)
    {
      g_mutex_lock (&session->lock);
      reading = session->has_reader;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }

  start = g_get_monotonic_time ();
  ck_assert (!reset (session, SHORT, &error));
  assert_over_in_time (start);
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_RESET");

  vuc_session_end (session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "enough" });
  g_thread_join (thread);
  vuc_session_free (session);
  peer_finish (&peer);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_server_that_is_silent_costs_the_deadline),
  HARNESS_ROWS (a_late_reply_is_swallowed, late_replies),
  HARNESS_CASE (an_id_whose_reply_is_due_is_not_used_again),
  HARNESS_CASE (a_server_that_owes_too_many_replies_is_given_up),
  HARNESS_ROWS (a_message_that_stays_unfinished_ends_the_session, beginnings),
  HARNESS_CASE (a_reply_that_stays_unfinished_until_its_deadline_ends_the_session),
  HARNESS_CASE (a_message_that_was_finished_while_nobody_read_is_no_offence),
  HARNESS_ROWS (a_chatty_server_cannot_hold_a_call_beyond_its_deadline, chatters),
  HARNESS_ROWS (a_chatty_server_cannot_hold_one_who_sleeps, chatters),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session, deadlines", cases);
}
