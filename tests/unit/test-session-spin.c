/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Polling before sleeping: a reader that polls does all that one that sleeps would.  Readers here poll for as long as it takes, so nothing depends on how fast anybody
 * is.  The library's system calls come to this program first, which counts those that may sleep.
 */

#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/script-server.h"
#include "harness/wrapped.h"
#include "session/session-private.h"
#include "unit/peer.h"
#include "unit/session-fixture.h"

/* For as long as it takes, in microseconds. */
#define FOR_EVER G_MAXINT32

/* --- Calls that may sleep --- */

static gint n_sleeps;

gssize
__wrap_recvmsg (int fd, struct msghdr *message, int flags)
{
  if ((flags & MSG_DONTWAIT) == 0)
    g_atomic_int_inc (&n_sleeps);
  return __real_recvmsg (fd, message, flags);
}

int
__wrap_ppoll (struct pollfd *fds,
              nfds_t n_fds,
              const struct timespec *timeout,
              const sigset_t *mask)
{
  g_atomic_int_inc (&n_sleeps);
  return __real_ppoll (fds, n_fds, timeout, mask);
}

/* --- Readers that poll --- */

static VucSession *
open_polling (int socket, int twin)
{
  VucSessionOptions options = { .max_msg_fds = SESSION_MAX_FDS,
                                .timeout_ms = LONG,
                                .max_operations = 10,
                                .max_queued_bytes = 4 * SESSION_MAX_SIZE,
                                .poll_us = FOR_EVER };
  VucSession *session = session_open_raw (socket, &options);

  vuc_session_set_negotiated (session, SESSION_MAX_SIZE, twin);
  session->spin.window_us = FOR_EVER;
  g_atomic_int_set (&n_sleeps, 0);
  return session;
}

/* Somebody polls, and n others sleep. */
static void
wait_for_a_spin (VucSession *session, guint n)
{
  gboolean there = FALSE;

  while (!there)
    {
      g_mutex_lock (&session->lock);
      there = session->spins && g_queue_get_length (&session->sleepers) == n;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

/* One DEVICE_RESET on a thread of its own. */
typedef struct
{
  VucSession *session;
  gint64 timeout_ms;
  Single single; /* of an operation */
  VucOperation number;
  GError *error;
  GThread *thread;
} Resetter;

static gpointer
reset_once (gpointer data)
{
  Resetter *resetter = data;

  (void) reset (resetter->session, resetter->timeout_ms, &resetter->error);
  return NULL;
}

static void
resetter_start (Resetter *resetter, VucSession *session, gint64 timeout_ms)
{
  *resetter = (Resetter){ .session = session, .timeout_ms = timeout_ms };
  resetter->thread = g_thread_new ("caller", reset_once, resetter);
}

static gboolean
has_one_processor (void)
{
  cpu_set_t set;

  return sched_getaffinity (0, sizeof set, &set) == 0 && CPU_COUNT (&set) == 1;
}

static void
replies_within_the_window_are_taken_without_sleeping (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  VucSession *session;

  if (has_one_processor ())
    harness_skip ("nobody polls on one processor");
  for (guint i = 0; i < 100; i++)
    {
      script_expect_command (server, 13, "");
      script_reply (server, "");
    }
  session = open_polling (script_server_start (server), -1);
  for (guint i = 0; i < 100; i++)
    reset_or_fail (session);
  ck_assert_int_eq (n_sleeps, 0);
  vuc_session_free (session);
  script_server_finish (server);
}

static void
nobody_polls_by_default (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  VucSession *session;

  for (guint i = 0; i < 100; i++)
    {
      script_expect_command (server, 13, "");
      script_reply (server, "");
    }
  session = session_open (script_server_start (server));
  g_atomic_int_set (&n_sleeps, 0);
  for (guint i = 0; i < 100; i++)
    reset_or_fail (session);
  ck_assert_int_ge (n_sleeps, 100);
  ck_assert_uint_eq (session->spin.window_us, 0);
  vuc_session_free (session);
  script_server_finish (server);
}

/* As it would be if the server was just a little slower than the window, again and again. */
static void
a_window_grows_in_use (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  VucSession *session;

  if (has_one_processor ())
    harness_skip ("nobody polls on one processor");
  script_expect_command (server, 13, "");
  script_reply (server, "");
  session = open_polling (script_server_start (server), -1);
  session->spin.window_us = 0;
  reset_or_fail (session);
  ck_assert_int_eq (n_sleeps, 1);
  ck_assert_uint_eq (session->spin.window_us, 10);
  vuc_session_free (session);
  script_server_finish (server);
}

static gpointer
reset_on_one_processor (gpointer data)
{
  Resetter *resetter = data;
  cpu_set_t set;
  int cpu = 0;

  if (sched_getaffinity (0, sizeof set, &set) == 0)
    while (!CPU_ISSET (cpu, &set))
      cpu++;
  CPU_ZERO (&set);
  CPU_SET (cpu, &set);
  if (sched_setaffinity (0, sizeof set, &set) == 0)
    (void) reset (resetter->session, LONG, &resetter->error);
  return NULL;
}

static void
a_thread_on_one_processor_never_polls (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  Resetter resetter = { 0 };

  script_expect_command (server, 13, "");
  script_reply (server, "");
  resetter.session = open_polling (script_server_start (server), -1);
  resetter.thread = g_thread_new ("caller", reset_on_one_processor, &resetter);
  g_thread_join (resetter.thread);
  assert_no_error (resetter.error);
  ck_assert_int_eq (n_sleeps, 1);
  ck_assert_uint_eq (resetter.session->spin.window_us, FOR_EVER);
  vuc_session_free (resetter.session);
  script_server_finish (server);
}

static void
a_reader_that_polls_keeps_its_deadline (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  VucSession *session;

  script_expect_command (server, 13, "");
  script_wait_forever (server);
  session = open_polling (script_server_start (server), -1);
  ck_assert (!reset (session, 30, &error));
  ck_assert_int_ge (g_get_monotonic_time () - start, 30 * 1000);
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT,
                "DEVICE_RESET: the server did not reply in time");
  vuc_session_free (session);
  script_server_finish (server);
}

static void
a_reader_that_polls_notices_that_the_session_ends (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  Resetter resetter;
  VucSession *session;

  if (has_one_processor ())
    harness_skip ("nobody polls on one processor");
  script_wait_forever (server);
  session = open_polling (script_server_start (server), -1);
  resetter_start (&resetter, session, G_MAXINT32);
  wait_for_a_spin (session, 0);
  vuc_session_end (session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "enough" });
  g_thread_join (resetter.thread);
  assert_error (resetter.error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "enough");
  g_error_free (resetter.error);
  vuc_session_free (session);
  script_server_finish (server);
}

static void
a_reader_that_polls_notices_that_the_server_is_gone (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (GError) error = NULL;
  VucSession *session;

  script_expect_command (server, 13, "");
  script_close (server);
  session = open_polling (script_server_start (server), -1);
  ck_assert (!reset (session, G_MAXINT32, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server closed the connection");
  vuc_session_free (session);
  script_server_finish (server);
}

/* --- Operations --- */

static void
free_single (gpointer single)
{
  single_clear (single);
}

static gpointer
wait_for_operation (gpointer data)
{
  Resetter *resetter = data;

  (void) vuc_task_wait (resetter->session, resetter->number, &resetter->error);
  return NULL;
}

/* The same as an operation, which can be cancelled. */
static void
resetter_start_operation (Resetter *resetter, VucSession *session)
{
  VucTask *task = &resetter->single.task;

  *resetter = (Resetter){ .session = session };
  single_init (&resetter->single, VUC_COMMAND_DEVICE_RESET, G_MAXINT64);
  task->session = session;
  task->step = single_step;
  task->free = free_single;
  resetter->number = vuc_task_start (task, NULL, NULL, NULL);
  resetter->thread = g_thread_new ("caller", wait_for_operation, resetter);
}

static void
resetter_cancel (Resetter *resetter)
{
  ck_assert (vuc_task_cancel (resetter->session, resetter->number));
  g_thread_join (resetter->thread);
  assert_error (resetter->error, VUC_ERROR, VUC_ERROR_CANCELLED, "DEVICE_RESET: cancelled");
  g_error_free (resetter->error);
}

static void
a_reader_that_polls_can_be_cancelled (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  VucSession *session;
  Resetter reader;

  if (has_one_processor ())
    harness_skip ("nobody polls on one processor");
  script_wait_forever (server);
  session = open_polling (script_server_start (server), -1);
  resetter_start_operation (&reader, session);
  wait_for_a_spin (session, 0);
  resetter_cancel (&reader);
  ck_assert_int_eq (n_sleeps, 0);
  vuc_session_free (session);
  script_server_finish (server);
}

/* --- The twin socket --- */

/* The reply comes only when the answer is out. */
static void
a_command_on_the_twin_is_answered_while_the_reader_polls (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (ScriptServer) twin = script_server_new ();
  Resetter resetter;
  VucSession *session;
  int socket;

  if (has_one_processor ())
    harness_skip ("nobody polls on one processor");
  script_expect_command (server, 13, "");
  script_wait_for_sign (server);
  script_reply (server, "");
  script_send (twin, "u16:7 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4");
  script_expect (twin, "u16:7 u16:11 u32:16 u32:0x21 u32:95");
  socket = script_server_start (server);
  session = open_polling (socket, script_server_start (twin));
  resetter_start (&resetter, session, G_MAXINT32);
  wait_until_answered (session);
  script_server_give_sign (server);
  g_thread_join (resetter.thread);
  assert_no_error (resetter.error);
  ck_assert_int_eq (n_sleeps, 0);
  vuc_session_free (session);
  script_server_finish (server);
  script_server_finish (twin);
}

/* --- Others --- */

/* The second first; then the first when told to. */
static void
answer_the_second_first (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage first, second;

  peer_receive (end, &first);
  peer_receive (end, &second);
  peer_reply (end, &second, NULL, 0);
  peer_wait_told (end);
  peer_reply (end, &first, NULL, 0);
}

static void
a_reader_that_polls_wakes_who_sleeps (void)
{
  Resetter reader, sleeper;
  VucSession *session;
  Peer peer;

  if (has_one_processor ())
    harness_skip ("nobody polls on one processor");
  peer_start (&peer, answer_the_second_first, NULL);
  session = open_polling (peer.socket, -1);
  resetter_start (&reader, session, G_MAXINT32);
  wait_for_a_spin (session, 0);
  resetter_start (&sleeper, session, G_MAXINT32);
  g_thread_join (sleeper.thread);
  assert_no_error (sleeper.error);
  wait_for_a_spin (session, 0);
  peer_tell (&peer, 0);
  g_thread_join (reader.thread);
  assert_no_error (reader.error);
  ck_assert_int_eq (n_sleeps, 0);
  vuc_session_free (session);
  peer_finish (&peer);
}

/* The second, when told to. */
static void
answer_the_second (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage first, second;

  peer_receive (end, &first);
  peer_receive (end, &second);
  peer_wait_told (end);
  peer_reply (end, &second, NULL, 0);
}

static void
a_reader_that_polls_hands_the_role_on (void)
{
  Resetter reader, sleeper;
  VucSession *session;
  Peer peer;

  if (has_one_processor ())
    harness_skip ("nobody polls on one processor");
  peer_start (&peer, answer_the_second, NULL);
  session = open_polling (peer.socket, -1);
  resetter_start_operation (&reader, session);
  wait_for_a_spin (session, 0);
  resetter_start (&sleeper, session, G_MAXINT32);
  wait_for_a_spin (session, 1);
  resetter_cancel (&reader);
  wait_for_a_spin (session, 0);
  peer_tell (&peer, 0);
  g_thread_join (sleeper.thread);
  assert_no_error (sleeper.error);
  ck_assert_int_eq (n_sleeps, 0);
  vuc_session_free (session);
  peer_finish (&peer);
}

/* More than any socket's buffer takes. */
#define MUCH (PEER_MAX_PAYLOAD - 64)

static void
read_when_told (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage first, second;

  peer_receive (end, &first);
  peer_wait_told (end);
  peer_receive (end, &second);
  peer_reply (end, &second, NULL, 0);
  peer_reply (end, &first, NULL, 0);
}

/* Nobody but the reader sends the rest. */
static void
a_reader_that_polls_stops_where_output_waits_for_room (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = g_malloc0 (MUCH);
  gboolean is_blocked = FALSE;
  VucSession *session;
  Resetter reader;
  Single single;
  Peer peer;

  if (has_one_processor ())
    harness_skip ("nobody polls on one processor");
  peer_start (&peer, read_when_told, NULL);
  session = open_polling (peer.socket, -1);
  resetter_start (&reader, session, G_MAXINT32);
  wait_for_a_spin (session, 0);

  single_init (&single, VUC_COMMAND_DEVICE_RESET, G_MAXINT64);
  single.call.request_data = data;
  single.call.request_data_size = MUCH;
  single_submit (session, &single);
  while (!is_blocked)
    {
      g_mutex_lock (&session->lock);
      is_blocked = session->polling && session->polls_room;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
  peer_tell (&peer, 0);
  g_thread_join (reader.thread);
  assert_no_error (reader.error);
  single_wait (&single, &error);
  assert_no_error (error);
  single_clear (&single);
  vuc_session_free (session);
  peer_finish (&peer);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (replies_within_the_window_are_taken_without_sleeping),
  HARNESS_CASE (nobody_polls_by_default),
  HARNESS_CASE (a_window_grows_in_use),
  HARNESS_CASE (a_thread_on_one_processor_never_polls),
  HARNESS_CASE (a_reader_that_polls_keeps_its_deadline),
  HARNESS_CASE (a_reader_that_polls_notices_that_the_session_ends),
  HARNESS_CASE (a_reader_that_polls_notices_that_the_server_is_gone),
  HARNESS_CASE (a_reader_that_polls_can_be_cancelled),
  HARNESS_CASE (a_command_on_the_twin_is_answered_while_the_reader_polls),
  HARNESS_CASE (a_reader_that_polls_wakes_who_sleeps),
  HARNESS_CASE (a_reader_that_polls_hands_the_role_on),
  HARNESS_CASE (a_reader_that_polls_stops_where_output_waits_for_room),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session, spin", cases);
}
