/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the server says by itself while a call waits for its reply; and what a trace sees, and may
 * not do.
 */

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "base/limits.h"
#include "harness/harness.h"
#include "harness/script-server.h"
#include "session/session-private.h"
#include "unit/session-fixture.h"

/* --- Commands --- */

/* ENOTSUP is 95. */
#define REFUSED(id, command) "u16:" id " u16:" command " u32:16 u32:0x21 u32:95"

static const struct
{
  const char *name;
  const char *command;
  const char *answer; /* NULL: none is wanted */
} commands[] = {
  { "DMA_READ", "u16:77 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4", REFUSED ("77", "11") },
  { "DMA_WRITE", "u16:78 u16:12 u32:36 u32:0 u32:0 | u64:0 u64:4 de ad be ef",
    REFUSED ("78", "12") },
  { "no payload", "u16:0xffff u16:11 u32:16 u32:0 u32:0", REFUSED ("0xffff", "11") },
  { "a long payload", "u16:1 u16:12 u32:60016 u32:0 u32:0 | 55*60000", REFUSED ("1", "12") },
  { "an unknown one", "u16:5 u16:99 u32:20 u32:0 u32:0 | 00*4", REFUSED ("5", "99") },
  { "with the error bit, which is ignored", "u16:6 u16:11 u32:32 u32:0x20 u32:1 | 00*16",
    REFUSED ("6", "11") },
  { "that wants no reply", "u16:7 u16:12 u32:36 u32:0x10 u32:0 | 00*20", NULL },
};

static void
a_server_command_is_refused_while_a_call_waits (gconstpointer row)
{
  const __typeof__ (commands[0]) *command = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  VucSession *session;

  script_expect_command (server, 13, "");
  script_send (server, command->command);
  if (command->answer != NULL)
    script_expect (server, command->answer);
  script_reply (server, "");
  script_expect_command (server, 13, "");
  script_reply (server, "");
  session = session_open (script_server_start (server));

  reset_or_fail (session);
  reset_or_fail (session);
  vuc_session_free (session);
  script_server_finish (server);
}

static void
a_server_command_may_come_in_pieces_of_any_size (void)
{
  static const gsize sizes[] = { 1, 7, 16, 17 };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr(ScriptServer) server = script_server_new ();
      VucSession *session;

      harness_context ("pieces of %zu", sizes[i]);
      script_expect_command (server, 13, "");
      script_send (server, "u16:1 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4"
                           "u16:2 u16:12 u32:36 u32:0 u32:0 | u64:0 u64:4 de ad be ef"
                           "id u16:13 u32:16 u32:1 u32:0");
      script_in_pieces_of (server, sizes[i]);
      script_expect (server, REFUSED ("1", "11") REFUSED ("2", "12"));
      session = session_open (script_server_start (server));

      reset_or_fail (session);
      vuc_session_free (session);
      script_server_finish (server);
    }
}

/* It comes when nobody waits; whoever waits next answers it. */
static void
a_server_command_between_calls_is_answered_by_the_next_call (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  VucSession *session;

  script_expect_command (server, 13, "");
  script_send (server, "id u16:13 u32:16 u32:1 u32:0 | u16:9 u16:11 u32:32 u32:0 u32:0 | 00*16");
  script_may_end_early (server);
  script_expect_any (server);
  script_expect_any (server);
  script_reply (server, "");
  session = session_open (script_server_start (server));

  reset_or_fail (session);
  reset_or_fail (session);
  vuc_session_free (session);
  script_server_finish (server);
}

static void
a_server_command_before_negotiation_ends_the_session (void)
{
  const VucSessionOptions options = { .max_msg_fds = 1, .timeout_ms = LONG };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;

  script_expect_any (server);
  script_send (server, "u16:77 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4");
  script_expect_eof (server);
  session = session_open_raw (script_server_start (server), &options);

  ck_assert (!reset (session, LONG, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                "DMA_READ command from the server before negotiation");
  vuc_session_free (session);
  script_server_finish (server);
}

/* As long as the version and its JSON: 16 + 4 + 16384. */
static void
a_long_message_before_negotiation_ends_the_session (void)
{
  const VucSessionOptions options = { .max_msg_fds = 1, .timeout_ms = LONG };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucSession *session;

  script_expect_any (server);
  script_send (server, "id u16:13 u32:16405 u32:0x21 u32:1");
  script_expect_eof (server);
  session = session_open_raw (script_server_start (server), &options);

  ck_assert (!reset (session, LONG, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "size 16405, allowed are 16 to 16404");
  vuc_session_free (session);
  script_server_finish (server);
}

/* --- The trace --- */

typedef struct
{
  GString *log;
  VucSession *session;
  GError *error; /* of a call from inside */
  GError *second_error;
} Trace;

static void
log_message (gboolean sent, const guint8 *bytes, gsize size, guint n_fds, gpointer user_data)
{
  Trace *trace = user_data;

  g_string_append_printf (trace->log, "%s %zu bytes, %u fds:", sent ? "sent" : "received", size,
                          n_fds);
  for (gsize i = 2; i < MIN (size, 40); i++)
    g_string_append_printf (trace->log, " %02x", bytes[i]);
  g_string_append (trace->log, "\n");
}

/* The id, the first two bytes, is left out. */
static void
a_trace_sees_what_goes_and_comes (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  Trace trace = { .log = g_string_new (NULL) };
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Query query;

  script_expect_command (server, 6, NULL);
  script_send (server, "u16:1 u16:12 u32:20 u32:0x10 u32:0 | 01 02 03 04");
  script_reply_fds (server, "05*17", SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }));
  script_expect_command (server, 13, "");
  script_send (server, "id u16:13 u32:20 u32:0x21 u32:22 | 01 02 03 04");
  session = session_open_with_trace (script_server_start (server), log_message, &trace);

  query_init (&query, 6, LONG);
  memset (query.call.request, 7, 16);
  single_run (session, &query.single, &error);
  assert_no_error (error);
  ck_assert (!reset (session, LONG, NULL));

  ck_assert_str_eq (
    trace.log->str,
    "sent 32 bytes, 0 fds: 06 00 20 00 00 00 00 00 00 00 00 00 00 00"
    " 07 07 07 07 07 07 07 07 07 07 07 07 07 07 07 07\n"
    /* Payloads that go nowhere are not kept. */
    "received 16 bytes, 0 fds: 0c 00 14 00 00 00 10 00 00 00 00 00 00 00\n"
    "received 33 bytes, 1 fds: 06 00 21 00 00 00 01 00 00 00 00 00 00 00"
    " 05 05 05 05 05 05 05 05 05 05 05 05 05 05 05 05 05\n"
    "sent 16 bytes, 0 fds: 0d 00 10 00 00 00 00 00 00 00 00 00 00 00\n"
    "received 16 bytes, 0 fds: 0d 00 14 00 00 00 21 00 00 00 16 00 00 00\n");
  query_clear (&query);
  vuc_session_free (session);
  script_server_finish (server);
  g_string_free (trace.log, TRUE);
}

static void
log_size (gboolean sent, const guint8 *bytes G_GNUC_UNUSED, gsize size,
          guint n_fds G_GNUC_UNUSED, gpointer user_data)
{
  Trace *trace = user_data;

  g_string_append_printf (trace->log, "%s %zu\n", sent ? "sent" : "received", size);
}

static void
a_trace_sees_the_beginning_of_a_long_message (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree guint8 *data = g_malloc0 (10000);
  Trace trace = { .log = g_string_new (NULL) };
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Query query;

  script_expect_command (server, 9, NULL);
  script_reply (server, "00*10016");
  session = session_open_with_trace (script_server_start (server), log_size, &trace);

  query_init (&query, 9, LONG);
  query.call.request_data = data;
  query.call.request_data_size = 10000;
  query.call.reply_data = data;
  query.call.reply_data_capacity = 10000;
  single_run (session, &query.single, &error);
  assert_no_error (error);

  ck_assert_str_eq (trace.log->str, "sent 4096\nreceived 4096\n");
  query_clear (&query);
  vuc_session_free (session);
  script_server_finish (server);
  g_string_free (trace.log, TRUE);
}

/* Twice: having been refused once opens no door. */
static void
call_from_inside (gboolean sent G_GNUC_UNUSED, const guint8 *bytes G_GNUC_UNUSED,
                  gsize size G_GNUC_UNUSED, guint n_fds G_GNUC_UNUSED, gpointer user_data)
{
  Trace *trace = user_data;

  g_clear_error (&trace->error);
  g_clear_error (&trace->second_error);
  ck_assert (!reset (trace->session, LONG, &trace->error));
  ck_assert (!reset (trace->session, LONG, &trace->second_error));
}

static void
a_call_from_inside_the_trace_is_refused (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  Trace trace = { 0 };
  VucSession *session;

  script_expect_command (server, 13, "");
  script_reply (server, "");
  session = session_open_with_trace (script_server_start (server), call_from_inside, &trace);
  trace.session = session;

  reset_or_fail (session);
  assert_error (trace.error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "inside a callback");
  assert_error (trace.second_error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "inside a callback");

  g_error_free (trace.error);
  g_error_free (trace.second_error);
  vuc_session_free (session);
  script_server_finish (server);
}

static void
end_from_inside (gboolean sent, const guint8 *bytes G_GNUC_UNUSED, gsize size G_GNUC_UNUSED,
                 guint n_fds G_GNUC_UNUSED, gpointer user_data)
{
  Trace *trace = user_data;
  const GError cause = { VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "closed inside" };

  if (!sent)
    vuc_session_end (trace->session, &cause);
}

static void
the_session_may_be_ended_from_inside_the_trace (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  Trace trace = { 0 };
  VucSession *session;

  script_expect_command (server, 13, "");
  script_reply (server, "");
  session = session_open_with_trace (script_server_start (server), end_from_inside, &trace);
  trace.session = session;

  ck_assert (!reset (session, LONG, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "closed inside");
  vuc_session_free (session);
  script_server_finish (server);
}

/* --- Who answers --- */

typedef struct
{
  VucSession *session;
  gint asked; /* atomic: the server's command is here, on the reader's thread */
  gint sends; /* atomic: another thread is about to send */
  guint n_sent;
  gboolean ok; /* what became of that */
} Crossing;

/* Until the reader sleeps in poll, and does not look for what could be received. */
static void
wait_for_a_deaf_reader (VucSession *session)
{
  gboolean is_deaf = FALSE;

  while (!is_deaf)
    {
      g_mutex_lock (&session->lock);
      is_deaf = session->polling && !session->polls_input;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

static void
cross (gboolean sent, const guint8 *bytes, gsize size G_GNUC_UNUSED,
       guint n_fds G_GNUC_UNUSED, gpointer user_data)
{
  Crossing *crossing = user_data;

  if (sent && crossing->n_sent++ == 1)
    {
      g_atomic_int_set (&crossing->sends, 1);
      wait_for_a_deaf_reader (crossing->session);
    }
  if (!sent && bytes[2] == 11)
    {
      g_atomic_int_set (&crossing->asked, 1);
      while (!g_atomic_int_get (&crossing->sends))
        g_thread_yield ();
    }
}

static gpointer
reset_when_asked (gpointer data)
{
  Crossing *crossing = data;

  while (!g_atomic_int_get (&crossing->asked))
    g_thread_yield ();
  crossing->ok = reset (crossing->session, LONG, NULL);
  return NULL;
}

/* Nothing is read before the answer is out, which another thread sends; but what came along with the
 * command was received already, so nothing will come that makes the socket readable. */
static void
what_came_behind_a_command_is_read_when_another_thread_has_answered (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  Crossing crossing = { NULL };
  GThread *thread;

  script_expect_command (server, 13, "");
  script_send (server, "u16:9 u16:11 u32:32 u32:0 u32:0 | 00*16 | id u16:13 u32:16 u32:1 u32:0");
  script_expect_command (server, 13, "");
  script_expect (server, REFUSED ("9", "11"));
  script_expect_command (server, 13, "");
  script_reply_to (server, 1, "");
  script_reply (server, "");
  crossing.session = session_open_with_trace (script_server_start (server), cross, &crossing);

  thread = g_thread_new ("sender", reset_when_asked, &crossing);
  reset_or_fail (crossing.session);
  reset_or_fail (crossing.session);
  g_thread_join (thread);
  ck_assert (crossing.ok);
  vuc_session_free (crossing.session);
  script_server_finish (server);
}

/* --- A loop --- */

static const struct
{
  const char *name;
  gboolean has_twin;
} sockets[] = { { "the main socket", FALSE }, { "the twin", TRUE } };

/* However many are read when the loop is woken: one of them is the last, and the server waits. */
static void
a_loop_answers_all_commands_that_come_at_once (gconstpointer row)
{
  const __typeof__ (sockets[0]) *kind = row;
  const guint n = 2 * VUC_LIMIT_MESSAGES_PER_WAKEUP;
  g_autoptr(GBytes) command = hex ("u16:1 u16:11 u32:32 u32:0 u32:0 00*16");
  g_autoptr(GError) error = NULL;
  int ends[2], twin[2] = { -1, -1 };
  struct pollfd pollfd = { .events = POLLIN };
  guint8 answers[2 * VUC_LIMIT_MESSAGES_PER_WAKEUP * 16];
  VucSession *session;
  int server;

  make_pair (&ends[0], &ends[1]);
  if (kind->has_twin)
    make_pair (&twin[0], &twin[1]);
  server = kind->has_twin ? twin[0] : ends[0];
  session = session_open_raw (ends[1], &(VucSessionOptions){ .timeout_ms = LONG });
  vuc_session_set_negotiated (session, SESSION_MAX_SIZE, twin[1]);
  pollfd.fd = vuc_session_get_fd (session, &error);
  assert_no_error (error);

  for (guint i = 0; i < n; i++)
    ck_assert_int_eq (write (server, g_bytes_get_data (command, NULL), 32), 32);
  while (poll (&pollfd, 1, 0) > 0)
    vuc_session_process (session);

  ck_assert_int_eq (recv (server, answers, sizeof answers, MSG_DONTWAIT), sizeof answers);
  vuc_session_free (session);
  close (ends[0]);
  if (kind->has_twin)
    close (twin[0]);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_server_command_is_refused_while_a_call_waits, commands),
  HARNESS_CASE (a_server_command_may_come_in_pieces_of_any_size),
  HARNESS_CASE (a_server_command_between_calls_is_answered_by_the_next_call),
  HARNESS_CASE (a_server_command_before_negotiation_ends_the_session),
  HARNESS_CASE (a_long_message_before_negotiation_ends_the_session),
  HARNESS_CASE (a_trace_sees_what_goes_and_comes),
  HARNESS_CASE (a_trace_sees_the_beginning_of_a_long_message),
  HARNESS_CASE (a_call_from_inside_the_trace_is_refused),
  HARNESS_CASE (the_session_may_be_ended_from_inside_the_trace),
  HARNESS_CASE (what_came_behind_a_command_is_read_when_another_thread_has_answered),
  HARNESS_ROWS (a_loop_answers_all_commands_that_come_at_once, sockets),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session, server commands", cases);
}
