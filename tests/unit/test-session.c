/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One thread that calls, and a server that follows a script: what each kind of reply does to the
 * call and to the session.  The others: test-session-server-commands.c, test-session-deadlines.c,
 * test-session-sending.c (full sockets), test-session-threads.c.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/script-server.h"
#include "session/session-private.h"
#include "unit/session-fixture.h"

/* A command whose reply has 4 to 16 bytes, and up to 8 of data: see Query. */
#define READ VUC_COMMAND_REGION_READ
#define RESET VUC_COMMAND_DEVICE_RESET

/* --- Replies --- */

static void
a_command_is_its_header_and_its_payload (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Single single;
  VucCall *call = &single.call;

  script_expect (server, "id u16:10 u32:37 u32:0 u32:0 | 01 02 03 04 05 06 07 08*2 09*7 | 'data!'");
  script_reply (server, "");
  session = session_open (script_server_start (server));

  single_init (&single, VUC_COMMAND_REGION_WRITE, LONG);
  memcpy (call->request, "\1\2\3\4\5\6\7\10\10\11\11\11\11\11\11\11", 16);
  call->request_size = 16;
  call->request_data = "data!";
  call->request_data_size = 5;
  single_run (session, &single, &error);
  single_clear (&single);
  assert_no_error (error);

  vuc_session_free (session);
  script_server_finish (server);
}

static const struct
{
  const char *name;
  const char *payload;
  gsize size;
} good_replies[] = {
  { "the shortest", "01 02 03 04", 4 },
  { "all of the fixed part", "01 02 03 04 05*12", 16 },
  { "with a byte of data", "01 02 03 04 05*12 06", 17 },
  { "the longest", "01 02 03 04 05*12 06*8", 24 },
};

static void
a_reply_fills_the_buffers_as_far_as_it_goes (gconstpointer row)
{
  const __typeof__ (good_replies[0]) *reply = row;
  g_autoptr(GBytes) expected = hex (reply->payload);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  guint8 both[24];
  Query query;

  script_expect_command (server, READ, NULL);
  script_reply (server, reply->payload);
  session = session_open (script_server_start (server));

  query_init (&query, READ, LONG);
  single_run (session, &query.single, &error);
  assert_no_error (error);
  ck_assert_uint_eq (query.call.reply_size, reply->size);
  memcpy (both, query.head, 16);
  memcpy (both + 16, query.data, 8);
  assert_same_bytes (both, reply->size, g_bytes_get_data (expected, NULL), reply->size);
  for (gsize i = reply->size; i < sizeof both; i++)
    ck_assert_uint_eq (both[i], 0xee);
  query_clear (&query);

  vuc_session_free (session);
  script_server_finish (server);
}

static const struct
{
  const char *name;
  const char *bytes;
  int number;
} error_replies[] = {
  { "EINVAL", "id u16:9 u32:16 u32:0x21 u32:22", EINVAL },
  { "no errno", "id u16:9 u32:16 u32:0x21 u32:0", EIO },
  { "no errno that exists", "id u16:9 u32:16 u32:0x21 u32:5000", EIO },
  { "a payload", "id u16:9 u32:32 u32:0x21 u32:5 | 00*16", EIO },
  { "a long payload", "id u16:9 u32:10016 u32:0x21 u32:5 | 00*10000", EIO },
  { "a payload like a header", "id u16:9 u32:32 u32:0x21 u32:5 | id u16:9 u32:16 u32:1 u32:0",
    EIO },
};

static void
an_error_reply_fails_the_call_only (gconstpointer row)
{
  const __typeof__ (error_replies[0]) *reply = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Query query;

  script_expect_command (server, READ, NULL);
  script_send (server, reply->bytes);
  script_expect_command (server, RESET, "");
  script_reply (server, "");
  session = session_open (script_server_start (server));

  query_init (&query, READ, LONG);
  ck_assert (!single_run (session, &query.single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "the server refused REGION_READ");
  ck_assert_int_eq (vuc_error_get_errno (error), reply->number);
  ck_assert_uint_eq (query.head[0], 0xee);
  query_clear (&query);

  reset_or_fail (session);
  vuc_session_free (session);
  script_server_finish (server);
}

static const struct
{
  const char *name;
  const char *bytes;
  const char *why;
} bad_messages[] = {
  { "too short", "id u16:9 u32:19 u32:1 u32:0 | 00*3",
    "REGION_READ reply: payload 3, expected 4 to 24" },
  { "too long", "id u16:9 u32:41 u32:1 u32:0 | 00*25",
    "REGION_READ reply: payload 25, expected 4 to 24" },
  { "an id that nobody has", "u16:60000 u16:9 u32:20 u32:1 u32:0 | 00*4",
    "REGION_READ reply: message id 60000 is not pending" },
  { "another command", "id u16:13 u32:16 u32:1 u32:0", "is pending for REGION_READ" },
  { "another command, refused", "id u16:13 u32:16 u32:0x21 u32:22", "is pending for REGION_READ" },
  { "no message type", "id u16:9 u32:20 u32:2 u32:0 | 00*4", "type 2, allowed are 0" },
  { "a size below the header's", "id u16:9 u32:15 u32:1 u32:0", "size 15, allowed are 16" },
  { "a size above what was agreed on", "id u16:9 u32:65537 u32:1 u32:0",
    "allowed are 16 to 65536" },
  { "answered twice", "id u16:9 u32:20 u32:1 u32:0 | 00*4 | id u16:9 u32:20 u32:1 u32:0 | 00*4",
    "is not pending" },
};

static void
a_bad_message_ends_the_session (gconstpointer row)
{
  const __typeof__ (bad_messages[0]) *message = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Query query;

  script_may_end_early (server);
  script_expect_command (server, READ, NULL);
  script_send (server, message->bytes);
  script_expect_eof (server);
  session = session_open (script_server_start (server));

  query_init (&query, READ, LONG);
  /* The bad one may come behind a good one. */
  if (!single_run (session, &query.single, &error))
    assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, message->why);
  query_clear (&query);

  /* Every later call says the same. */
  for (guint i = 0; i < 2; i++)
    {
      g_clear_error (&error);
      ck_assert (!reset (session, LONG, &error));
      assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, message->why);
    }
  vuc_session_free (session);
  script_server_finish (server);
}

/* --- Descriptors --- */

static void
descriptors_of_a_reply_are_handed_out (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Query query;

  script_expect_command (server, VUC_COMMAND_DEVICE_GET_REGION_IO_FDS, NULL);
  script_reply_fds (server, "00*16", SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_PIPE, 0 }));
  session = session_open (script_server_start (server));

  query_init (&query, VUC_COMMAND_DEVICE_GET_REGION_IO_FDS, LONG);
  single_run (session, &query.single, &error);
  assert_no_error (error);
  ck_assert_uint_eq (query.fds.count, 2);
  query_clear (&query);

  vuc_session_free (session);
  script_server_finish (server);
}

#define EVENTFD { SCRIPT_FD_EVENTFD, 0 }

static const ScriptFd one_fd[] = { EVENTFD, { SCRIPT_FD_END, 0 } };
static const ScriptFd too_many_fds[] = { EVENTFD, EVENTFD, EVENTFD, EVENTFD, { SCRIPT_FD_END, 0 } };

static const struct
{
  const char *name;
  const char *bytes;
  const ScriptFd *fds;
  const char *why;
} bad_descriptors[] = {
  { "more than allowed", "id u16:6 u32:32 u32:1 u32:0 | 00*16", too_many_fds,
    "DEVICE_GET_REGION_IO_FDS reply: 4 descriptors came, allowed are 3" },
  { "with a command", "u16:1 u16:11 u32:32 u32:0 u32:0 | 00*16", one_fd,
    "DMA_READ command: 1 descriptors came, allowed is none" },
  { "with a reply that has none", "id u16:13 u32:16 u32:1 u32:0", one_fd,
    "DEVICE_RESET reply: 1 descriptors came, allowed is none" },
};

static void
descriptors_that_do_not_belong_end_the_session (gconstpointer row)
{
  const __typeof__ (bad_descriptors[0]) *bad = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Query query;

  script_may_end_early (server);
  script_expect_any (server);
  script_send_fds (server, bad->bytes, bad->fds);
  script_expect_eof (server);
  session = session_open (script_server_start (server));

  query_init (&query, VUC_COMMAND_DEVICE_GET_REGION_IO_FDS, LONG);
  ck_assert (!single_run (session, &query.single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, bad->why);
  ck_assert_uint_eq (query.fds.count, 0);
  query_clear (&query);

  vuc_session_free (session);
  script_server_finish (server);
}

/* --- The end --- */

static const struct
{
  const char *name;
  const char *bytes; /* what the server says last */
  VucError code;
  const char *why;
} ends[] = {
  { "between messages", NULL, VUC_ERROR_DISCONNECTED, "the server closed the connection" },
  { "in a header", "id u16:9", VUC_ERROR_PROTOCOL, "in the middle of a message header" },
  { "in a payload", "id u16:9 u32:32 u32:1 u32:0 | 00*15", VUC_ERROR_PROTOCOL,
    "in the middle of a REGION_READ message" },
};

static void
a_server_that_hangs_up_ends_the_session (gconstpointer row)
{
  const __typeof__ (ends[0]) *end = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Query query;

  script_expect_command (server, READ, NULL);
  if (end->bytes != NULL)
    script_send (server, end->bytes);
  script_close (server);
  session = session_open (script_server_start (server));

  query_init (&query, READ, LONG);
  ck_assert (!single_run (session, &query.single, &error));
  assert_error (error, VUC_ERROR, end->code, end->why);
  query_clear (&query);
  vuc_session_free (session);
  script_server_finish (server);
}

/* Sending fails then, but the reason is there to be query. */
static void
what_a_server_said_before_it_hung_up_is_still_read (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Single both[2];

  script_expect_command (server, RESET, "");
  script_expect_command (server, RESET, "");
  script_send (server, "id(1) u16:13 u32:16 u32:1 u32:0");
  script_close (server);
  session = session_open (script_server_start (server));

  for (guint i = 0; i < 2; i++)
    {
      single_init (&both[i], RESET, LONG);
      single_submit (session, &both[i]);
    }
  single_wait (&both[0], &error);
  assert_no_error (error);
  ck_assert (!single_wait (&both[1], &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server closed the connection");

  for (guint i = 0; i < 2; i++)
    single_clear (&both[i]);
  vuc_session_free (session);
  script_server_finish (server);
}

typedef struct
{
  VucSession *session;
  guint n;
  gboolean is_up; /* when it was told */
  gboolean is_locked;
} Deaths;

static void
note_death (gpointer data)
{
  Deaths *deaths = data;

  deaths->n++;
  deaths->is_up = deaths->session->up;
  deaths->is_locked = !g_mutex_trylock (&deaths->session->lock);
}

/* Each connection of it, whether somebody else had it yet or not, before a call can fail of it. */
static void
a_death_is_told_once_with_the_lock_held (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  Deaths deaths = { .n = 0 };
  VucTask connector;
  int pair[2];

  script_expect_command (server, RESET, "");
  script_close (server);
  deaths.session = session_open_raw (script_server_start (server),
                                     &(VucSessionOptions){ .max_msg_fds = SESSION_MAX_FDS,
                                                           .timeout_ms = LONG,
                                                           .died = note_death,
                                                           .died_data = &deaths });
  ck_assert_uint_eq (deaths.n, 0);
  ck_assert (!reset (deaths.session, LONG, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server closed the connection");
  ck_assert_uint_eq (deaths.n, 1);
  ck_assert (!deaths.is_up);
  ck_assert (deaths.is_locked);
  vuc_session_end (deaths.session, error);
  ck_assert_uint_eq (deaths.n, 1);

  /* An attempt that opens a socket has a connection that can end. */
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  vuc_task_init (&connector, deaths.session, NULL, G_MAXINT64);
  ck_assert (vuc_session_begin_connecting (deaths.session, &connector, NULL));
  vuc_session_connect_failed (deaths.session, error);
  ck_assert_uint_eq (deaths.n, 1);
  ck_assert (vuc_session_begin_connecting (deaths.session, &connector, NULL));
  ck_assert (vuc_session_open (deaths.session, pair[0], FALSE, NULL));
  vuc_session_connect_failed (deaths.session, error);
  ck_assert_uint_eq (deaths.n, 2);
  vuc_session_free (deaths.session);
  close (pair[1]);
  script_server_finish (server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_command_is_its_header_and_its_payload),
  HARNESS_ROWS (a_reply_fills_the_buffers_as_far_as_it_goes, good_replies),
  HARNESS_ROWS (an_error_reply_fails_the_call_only, error_replies),
  HARNESS_ROWS (a_bad_message_ends_the_session, bad_messages),
  HARNESS_CASE (descriptors_of_a_reply_are_handed_out),
  HARNESS_ROWS (descriptors_that_do_not_belong_end_the_session, bad_descriptors),
  HARNESS_ROWS (a_server_that_hangs_up_ends_the_session, ends),
  HARNESS_CASE (what_a_server_said_before_it_hung_up_is_still_read),
  HARNESS_CASE (a_death_is_told_once_with_the_lock_held),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session", cases);
}
