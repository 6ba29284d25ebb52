/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Several threads that call at the same time: each gets its own reply, nobody waits for nothing,
 * and everybody hears of the end.
 */

#include <string.h>
#include <sys/socket.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/script-server.h"
#include "session/session-private.h"
#include "unit/peer.h"
#include "unit/session-fixture.h"

#define N_THREADS 6

/* --- Everybody gets the right reply --- */

/* How the server answers N_THREADS commands, once all of them are there. */
typedef struct
{
  const char *name;
  gboolean backwards;
  gsize piece;  /* bytes per send; 0: each reply by itself */
  guint rounds; /* how often */
} Manner;

static const Manner manners[] = {
  { "in order", FALSE, 0, 200 },
  { "backwards", TRUE, 0, 200 },
  { "all at once", FALSE, G_MAXSIZE, 200 },
  { "all at once, backwards", TRUE, G_MAXSIZE, 200 },
  { "in halves of a reply", TRUE, 20, 50 },
  { "byte by byte", TRUE, 1, 5 },
};

/* The reply's data is the request's first half, twice as much. */
static void
append_reply (GByteArray *bytes, const PeerMessage *message)
{
  guint8 payload[24];
  guint64 number;

  memcpy (&number, message->payload, sizeof number);
  number *= 2;
  memcpy (payload, message->payload, 16);
  memcpy (payload + 16, &number, sizeof number);
  peer_append (bytes, message->id, message->command, 1, payload, sizeof payload);
}

static void
answer_all_together (PeerEnd *end, gconstpointer data)
{
  static PeerMessage messages[N_THREADS];
  const Manner *manner = data;

  for (guint round = 0; round < manner->rounds; round++)
    {
      g_autoptr(GByteArray) bytes = g_byte_array_new ();
      gsize piece = manner->piece > 0 ? manner->piece : 40;

      for (guint i = 0; i < N_THREADS; i++)
        peer_receive (end, &messages[i]);
      for (guint i = 0; i < N_THREADS; i++)
        append_reply (bytes, &messages[manner->backwards ? N_THREADS - 1 - i : i]);
      for (gsize done = 0; done < bytes->len; done += MIN (piece, bytes->len - done))
        peer_send (end, bytes->data + done, MIN (piece, bytes->len - done));
    }
}

typedef struct
{
  VucSession *session;
  const Manner *manner;
  guint number;
  guint n_right;
} Caller;

static gpointer
call_again_and_again (gpointer data)
{
  Caller *caller = data;

  for (guint i = 0; i < caller->manner->rounds; i++)
    {
      guint64 sent = caller->number * 1000 + i, came;
      Query query;

      query_init (&query, VUC_COMMAND_REGION_READ, LONG);
      memcpy (query.call.request, &sent, sizeof sent);
      if (single_run (caller->session, &query.single, NULL) && query.call.reply_size == 24)
        {
          memcpy (&came, query.data, sizeof came);
          caller->n_right += came == 2 * sent && memcmp (query.head, &sent, sizeof sent) == 0;
        }
      query_clear (&query);
    }
  return NULL;
}

static void
each_thread_gets_its_own_replies (gconstpointer row)
{
  const Manner *manner = row;
  Caller callers[N_THREADS];
  GThread *threads[N_THREADS];
  VucSession *session;
  Peer peer;

  peer_start (&peer, answer_all_together, manner);
  session = session_open (peer.socket);

  for (guint i = 0; i < N_THREADS; i++)
    {
      callers[i] = (Caller){ .session = session, .manner = manner, .number = i };
      threads[i] = g_thread_new ("caller", call_again_and_again, &callers[i]);
    }
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < N_THREADS; i++)
    ck_assert_uint_eq (callers[i].n_right, manner->rounds);

  vuc_session_free (session);
  peer_finish (&peer);
}

/* --- The reader role --- */

/* One DEVICE_RESET on a thread of its own. */
typedef struct
{
  VucSession *session;
  gint64 timeout_ms;
  gboolean ok;
  GError *error;
  GThread *thread;
} Resetter;

static gpointer
reset_once (gpointer data)
{
  Resetter *resetter = data;

  resetter->ok = reset (resetter->session, resetter->timeout_ms, &resetter->error);
  return NULL;
}

static void
resetter_start (Resetter *resetter, VucSession *session, gint64 timeout_ms)
{
  *resetter = (Resetter){ .session = session, .timeout_ms = timeout_ms };
  resetter->thread = g_thread_new ("caller", reset_once, resetter);
}

/* Answers all but the first, and that only when told to. */
static void
answer_all_but_the_first (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage first, others[N_THREADS];

  peer_receive (end, &first);
  for (guint i = 0; i < N_THREADS; i++)
    peer_receive (end, &others[i]);
  peer_wait_told (end);
  for (guint i = 0; i < N_THREADS; i++)
    peer_reply (end, &others[i], NULL, 0);
  peer_receive_rest (end);
}

/* Until somebody reads, or has given up already: then there is no role to hand on, which is as good. */
static void
wait_for_reader (VucSession *session)
{
  gboolean there = FALSE;

  while (!there)
    {
      g_mutex_lock (&session->lock);
      there = session->polling || session->receiving || session->pending.n_abandoned > 0;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

/* If it were not, the others would sleep until their own deadline, LONG. */
static void
a_reader_whose_deadline_has_passed_hands_the_role_on (void)
{
  Resetter reader, others[N_THREADS];
  VucSession *session;
  gint64 start;
  Peer peer;

  peer_start (&peer, answer_all_but_the_first, NULL);
  session = session_open (peer.socket);

  resetter_start (&reader, session, 100);
  wait_for_reader (session);
  for (guint i = 0; i < N_THREADS; i++)
    resetter_start (&others[i], session, LONG);
  g_thread_join (reader.thread);
  assert_error (reader.error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_RESET");
  g_error_free (reader.error);

  start = g_get_monotonic_time ();
  peer_tell (&peer, 0);
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (others[i].thread);
      assert_no_error (others[i].error);
    }
  ck_assert_int_lt (g_get_monotonic_time () - start, LONG / 2 * 1000);

  vuc_session_free (session);
  peer_finish (&peer);
}

/* Replies to the first, and to the others when told to. */
static void
answer_the_first_first (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage messages[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    peer_receive (end, &messages[i]);
  for (guint i = 0; i < N_THREADS; i++)
    {
      peer_wait_told (end);
      peer_reply (end, &messages[i], NULL, 0);
    }
}

static void
a_reader_that_has_its_reply_hands_the_role_on (void)
{
  Resetter callers[N_THREADS];
  VucSession *session;
  gint64 start = g_get_monotonic_time ();
  Peer peer;

  peer_start (&peer, answer_the_first_first, NULL);
  session = session_open (peer.socket);
  for (guint i = 0; i < N_THREADS; i++)
    {
      resetter_start (&callers[i], session, LONG);
      wait_for_sleepers (session, i);
    }

  /* The first is the reader; then whoever took the role, in any order. */
  for (guint i = 0; i < N_THREADS; i++)
    {
      peer_tell (&peer, 0);
      g_thread_join (callers[i].thread);
      assert_no_error (callers[i].error);
    }
  ck_assert_int_lt (g_get_monotonic_time () - start, LONG / 2 * 1000);
  vuc_session_free (session);
  peer_finish (&peer);
}

/* Each deadline is kept, whoever reads. */
static void
sleepers_with_shorter_deadlines_leave_before_the_reader (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  Resetter reader, others[N_THREADS];
  VucSession *session;
  gint64 start = g_get_monotonic_time ();

  script_wait_forever (server);
  session = session_open (script_server_start (server));
  resetter_start (&reader, session, LONG);
  wait_for_sleepers (session, 0);
  for (guint i = 0; i < N_THREADS; i++)
    resetter_start (&others[i], session, 10 * i);

  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (others[i].thread);
      assert_error (others[i].error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_RESET");
      g_error_free (others[i].error);
    }
  ck_assert_int_lt (g_get_monotonic_time () - start, LONG / 2 * 1000);

  vuc_session_end (session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "enough" });
  g_thread_join (reader.thread);
  assert_error (reader.error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "enough");
  g_error_free (reader.error);
  vuc_session_free (session);
  script_server_finish (server);
}

/* --- The end --- */

static void
break_when_told (PeerEnd *end, gconstpointer data)
{
  static PeerMessage message;

  for (guint i = 0; i < N_THREADS; i++)
    peer_receive (end, &message);
  peer_wait_told (end);
  if (data != NULL)
    peer_send (end, data, strlen (data));
}

static const struct
{
  const char *name;
  const char *last_words;
  VucError code;
  const char *why;
} deaths[] = {
  { "the server hangs up", NULL, VUC_ERROR_DISCONNECTED, "the server closed the connection" },
  { "the server breaks the protocol", "sixteen bytes ab", VUC_ERROR_PROTOCOL, "header" },
};

static void
everybody_hears_of_the_end_and_of_the_same_cause (gconstpointer row)
{
  const __typeof__ (deaths[0]) *death = row;
  Resetter callers[N_THREADS];
  g_autoptr(GError) later = NULL;
  VucSession *session;
  gint64 start = g_get_monotonic_time ();
  Peer peer;

  peer_start (&peer, break_when_told, death->last_words);
  session = session_open (peer.socket);
  for (guint i = 0; i < N_THREADS; i++)
    resetter_start (&callers[i], session, LONG);
  wait_for_sleepers (session, N_THREADS - 1);
  peer_tell (&peer, 0);

  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (callers[i].thread);
  ck_assert_int_lt (g_get_monotonic_time () - start, LONG / 2 * 1000);
  ck_assert (!reset (session, LONG, &later));
  assert_error (later, VUC_ERROR, death->code, death->why);
  for (guint i = 0; i < N_THREADS; i++)
    {
      ck_assert (!callers[i].ok);
      ck_assert_str_eq (callers[i].error->message, later->message);
      g_error_free (callers[i].error);
    }
  vuc_session_free (session);
  peer_finish (&peer);
}

static void
ending_the_session_wakes_everybody (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  Resetter callers[N_THREADS];
  VucSession *session;

  script_wait_forever (server);
  session = session_open (script_server_start (server));
  for (guint i = 0; i < N_THREADS; i++)
    resetter_start (&callers[i], session, G_MAXINT32);
  wait_for_sleepers (session, N_THREADS - 1);

  vuc_session_end (session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "first" });
  vuc_session_end (session, &(GError){ VUC_ERROR, VUC_ERROR_PROTOCOL, (char *) "second" });
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (callers[i].thread);
      assert_error (callers[i].error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "first");
      g_error_free (callers[i].error);
    }
  vuc_session_free (session);
  script_server_finish (server);
}

static void
answer_everything (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  guint8 header[PEER_HEADER_SIZE];

  /* As a reply, the header alone is right for a command without payload. */
  while (recv (end->socket, header, sizeof header, MSG_WAITALL) == sizeof header)
    {
      header[8] = 1;
      peer_send (end, header, sizeof header);
    }
}

static gpointer
reset_until_the_end (gpointer data)
{
  Resetter *resetter = data;

  while (reset (resetter->session, LONG, &resetter->error))
    continue;
  return NULL;
}

/* At whatever they are. */
static void
a_session_may_be_ended_under_load (void)
{
  for (guint round = 0; round < 20; round++)
    {
      Resetter callers[N_THREADS];
      VucSession *session;
      Peer peer;

      peer_start (&peer, answer_everything, NULL);
      session = session_open (peer.socket);
      for (guint i = 0; i < N_THREADS; i++)
        {
          callers[i] = (Resetter){ .session = session };
          callers[i].thread = g_thread_new ("caller", reset_until_the_end, &callers[i]);
        }
      g_usleep (round * 100);
      vuc_session_end (session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "enough" });
      for (guint i = 0; i < N_THREADS; i++)
        {
          g_thread_join (callers[i].thread);
          assert_error (callers[i].error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "enough");
          g_error_free (callers[i].error);
        }
      vuc_session_free (session);
      peer_finish (&peer);
    }
}

/* --- A slow trace --- */

/* The deadline of the second waiter: the time that its reply has to come in. */
#define SLEEPER_MS 1000

/* The second reply is held back until after its waiter's deadline, which began before it came. */
static void
look_slowly (gboolean sent, const guint8 *bytes G_GNUC_UNUSED, gsize size G_GNUC_UNUSED,
             guint n_fds G_GNUC_UNUSED, gpointer user_data)
{
  guint *n_received = user_data;

  if (!sent && ++*n_received == 1)
    g_usleep ((SLEEPER_MS + 50) * 1000);
}

static void
answer_the_second_first (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage first, second;

  peer_receive (end, &first);
  peer_receive (end, &second);
  peer_reply (end, &second, NULL, 0);
  peer_reply (end, &first, NULL, 0);
}

/* The reply is there in time; that somebody looks at it meanwhile is not the server's fault. */
static void
a_slow_trace_does_not_end_the_session (void)
{
  guint n_received = 0;
  Resetter reader, sleeper;
  VucSession *session;
  Peer peer;

  peer_start (&peer, answer_the_second_first, NULL);
  session = session_open_with_trace (peer.socket, look_slowly, &n_received);
  resetter_start (&reader, session, LONG);
  wait_for_sleepers (session, 0);
  resetter_start (&sleeper, session, SLEEPER_MS);

  g_thread_join (reader.thread);
  g_thread_join (sleeper.thread);
  assert_no_error (reader.error);
  assert_no_error (sleeper.error);
  vuc_session_free (session);
  peer_finish (&peer);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (each_thread_gets_its_own_replies, manners),
  HARNESS_CASE (a_reader_whose_deadline_has_passed_hands_the_role_on),
  HARNESS_CASE (a_reader_that_has_its_reply_hands_the_role_on),
  HARNESS_CASE (sleepers_with_shorter_deadlines_leave_before_the_reader),
  HARNESS_ROWS (everybody_hears_of_the_end_and_of_the_same_cause, deaths),
  HARNESS_CASE (ending_the_session_wakes_everybody),
  HARNESS_CASE (a_session_may_be_ended_under_load),
  HARNESS_CASE (a_slow_trace_does_not_end_the_session),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session, threads", cases);
}
