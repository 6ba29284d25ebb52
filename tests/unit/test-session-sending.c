/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A server that reads late, slowly or never: what waits to be sent, what was sent in part, and what
 * may not come before it was sent.
 */

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/wrapped.h"
#include "session/session-private.h"
#include "unit/peer.h"
#include "unit/session-fixture.h"

#define SHORT 50
#define FAR 10000

#define N_WRITES 150
#define WRITE_SIZE 8000  /* so that they do not all fit into a socket */
#define LARGE_SIZE (1024 * 1024)

/* A command with data, whose reply has nothing. */
typedef struct
{
  Single single;
  guint8 *data;
} Write;

static void
write_init (Write *write, gsize size, guint8 fill, gint64 timeout_ms)
{
  single_init (&write->single, VUC_COMMAND_REGION_WRITE, timeout_ms);
  write->data = g_malloc (size);
  memset (write->data, fill, size);
  write->single.call.request_data = write->data;
  write->single.call.request_data_size = size;
}

static void
write_clear (Write *write)
{
  single_clear (&write->single);
  g_free (write->data);
}

/* More than the socket takes. */
static Write *
submit_writes (VucSession *session, gint64 timeout_ms)
{
  Write *writes = g_new0 (Write, N_WRITES);

  for (guint i = 0; i < N_WRITES; i++)
    {
      write_init (&writes[i], WRITE_SIZE, (guint8) i, timeout_ms);
      single_submit (session, &writes[i].single);
    }
  ck_assert (session->lane.blocked);
  return writes;
}

static void
clear_writes (Write *writes)
{
  for (guint i = 0; i < N_WRITES; i++)
    write_clear (&writes[i]);
  g_free (writes);
}

/* --- A server that reads nothing --- */

static void
wait_for_the_end (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  peer_wait_told (end);
}

/* How much of the first message is in the socket decides whether the session survives that. */
static void
commands_that_nobody_reads_time_out (void)
{
  gint64 start = g_get_monotonic_time ();
  VucSession *session;
  Write *writes;
  Peer peer;

  peer_start (&peer, wait_for_the_end, NULL);
  session = session_open (peer.socket);
  writes = submit_writes (session, SHORT);

  for (guint i = 0; i < N_WRITES; i++)
    {
      g_autoptr(GError) error = NULL;

      ck_assert (!single_wait (&writes[i].single, &error));
      ck_assert (error->code == VUC_ERROR_TIMED_OUT || error->code == VUC_ERROR_PROTOCOL);
      assert_contains (error->message, "in time");
    }
  ck_assert_int_lt (g_get_monotonic_time () - start, FAR * 1000);

  clear_writes (writes);
  vuc_session_free (session);
  peer_tell (&peer, 0);
  peer_finish (&peer);
}

/* It will never answer what it does not read, so nobody waits for that, even without a deadline. */
static void
a_server_that_shuts_its_ears_is_lost (void)
{
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Single single;
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  ck_assert_int_eq (shutdown (fds[1], SHUT_RD), 0);
  session = session_open (fds[0]);
  single_init (&single, VUC_COMMAND_DEVICE_RESET, G_MAXINT64);

  ck_assert (!single_run (session, &single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "closed the connection");

  single_clear (&single);
  vuc_session_free (session);
  close (fds[1]);
}

/* --- A server that reads all the time --- */

#define N_AT_ONCE 3000

static void
answer_all (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage message;

  for (guint i = 0; i < N_AT_ONCE; i++)
    {
      peer_receive (end, &message);
      peer_reply (end, &message, NULL, 0);
    }
}

/* More than one thread's share of sending: the rest goes while it waits. */
static void
very_many_commands_at_once_are_all_answered (void)
{
  g_autofree VucCall *calls = g_new (VucCall, N_AT_ONCE);
  g_autofree VucCall **pointers = g_new (VucCall *, N_AT_ONCE);
  g_autoptr(GError) error = NULL;
  Single all;
  VucSession *session;
  Peer peer;

  for (guint i = 0; i < N_AT_ONCE; i++)
    {
      vuc_call_init (&calls[i], VUC_COMMAND_DEVICE_RESET);
      pointers[i] = &calls[i];
    }
  peer_start (&peer, answer_all, NULL);
  session = session_open (peer.socket);
  single_init (&all, VUC_COMMAND_DEVICE_RESET, LONG);
  all.task.session = session;
  vuc_task_submit (&all.task, pointers, N_AT_ONCE);
  ck_assert (session->lane.blocked);

  ck_assert (single_wait (&all, &error));
  for (guint i = 0; i < N_AT_ONCE; i++)
    {
      assert_no_error (calls[i].error);
      ck_assert (calls[i].done);
    }
  ck_assert (!session->lane.blocked);

  single_clear (&all);
  vuc_session_free (session);
  peer_finish (&peer);
}

/* Reads when it is told to, and answers. */
static void
answer_late (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage message;

  peer_wait_told (end);
  do
    {
      peer_receive (end, &message);
      peer_reply (end, &message, NULL, 0);
    }
  while (message.command != VUC_COMMAND_DEVICE_RESET);
}

static void
a_command_that_was_not_sent_in_time_is_never_sent (void)
{
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Write *writes;
  Peer peer;
  Query query;
  guint16 id;

  peer_start (&peer, answer_late, NULL);
  session = session_open (peer.socket);
  writes = submit_writes (session, LONG);

  /* Behind them, so it has not begun. */
  query_init (&query, VUC_COMMAND_REGION_READ, SHORT);
  ck_assert (!single_run (session, &query.single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT,
                "REGION_READ: the server did not take the command in time");
  id = query.call.id;
  query_clear (&query);
  ck_assert_ptr_null (vuc_pending_find (&session->pending, id));
  ck_assert_uint_eq (session->pending.n_abandoned, 0);

  /* The stream is in order: the server reads whole messages, none of them that one, whose reply
   * would be too short. */
  peer_tell (&peer, 0);
  for (guint i = 0; i < N_WRITES; i++)
    {
      g_clear_error (&error);
      single_wait (&writes[i].single, &error);
      assert_no_error (error);
    }
  reset_or_fail (session);

  clear_writes (writes);
  vuc_session_free (session);
  peer_finish (&peer);
}

static void
a_command_that_was_sent_in_part_ends_the_session_when_it_times_out (void)
{
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Write large;
  Peer peer;

  peer_start (&peer, wait_for_the_end, NULL);
  session = session_open (peer.socket);
  write_init (&large, LARGE_SIZE, 1, SHORT);

  ck_assert (!single_run (session, &large.single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                "REGION_WRITE command: the server did not read it in time");
  ck_assert (!reset (session, LONG, NULL));

  write_clear (&large);
  vuc_session_free (session);
  peer_tell (&peer, 0);
  peer_finish (&peer);
}

/* --- A server that reads late --- */

/* Asks something while a large message is on its way, and looks where the answer is. */
static void
ask_in_between (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage large, message;
  g_autoptr(GByteArray) question = g_byte_array_new ();

  peer_wait_told (end);
  peer_append (question, 4711, 11, 0, "sixteen bytes...", 16);
  peer_send (end, question->data, question->len);
  peer_wait_told (end);

  peer_receive (end, &large);
  for (gsize i = 0; i < large.size; i++)
    if (large.payload[i] != 0x5a)
      peer_fail ("byte %zu of the message is wrong", i);
  for (guint i = 0; i < 2; i++)
    {
      peer_receive (end, &message);
      if (message.id == 4711 && message.flags == 0x21)
        continue;
      if (message.command != VUC_COMMAND_DEVICE_RESET)
        peer_fail ("command %u came", message.command);
      peer_reply (end, &message, NULL, 0);
    }
  peer_reply (end, &large, NULL, 0);
}

static gpointer
reset_on_a_thread (gpointer session)
{
  g_autoptr(GError) error = NULL;

  reset (session, LONG, &error);
  return g_steal_pointer (&error);
}

static void
nothing_gets_into_the_middle_of_a_message (void)
{
  g_autoptr(GError) error = NULL;
  VucSession *session;
  GThread *thread;
  Write large;
  Peer peer;

  peer_start (&peer, ask_in_between, NULL);
  session = session_open (peer.socket);
  write_init (&large, LARGE_SIZE, 0x5a, LONG);
  single_submit (session, &large.single);
  ck_assert_uint_gt (session->head_sent, 0);

  thread = g_thread_new ("caller", reset_on_a_thread, session);
  wait_for_sleepers (session, 0);
  peer_tell (&peer, 0);
  peer_tell (&peer, 0);

  single_wait (&large.single, &error);
  assert_no_error (error);
  ck_assert_ptr_null (g_thread_join (thread));
  write_clear (&large);
  vuc_session_free (session);
  peer_finish (&peer);
}

/* --- Replies to what was not sent --- */

static void
reply_to_what_was_told (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(GByteArray) reply = g_byte_array_new ();

  peer_append (reply, peer_wait_told (end), VUC_COMMAND_REGION_WRITE, 1, NULL, 0);
  peer_send (end, reply->data, reply->len);
  peer_wait_told (end);
}

static void
a_reply_before_its_command_was_sent_ends_the_session (void)
{
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Write *writes;
  Peer peer;

  peer_start (&peer, reply_to_what_was_told, NULL);
  session = session_open (peer.socket);
  writes = submit_writes (session, LONG);

  peer_tell (&peer, writes[N_WRITES - 1].single.call.id);
  ck_assert (!single_wait (&writes[0].single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "is not pending");

  for (guint i = 1; i < N_WRITES; i++)
    single_wait (&writes[i].single, NULL);
  clear_writes (writes);
  vuc_session_free (session);
  peer_tell (&peer, 0);
  peer_finish (&peer);
}

static void
a_reply_to_half_a_command_ends_the_session (void)
{
  g_autoptr(GError) error = NULL;
  VucSession *session;
  Write large;
  Peer peer;

  peer_start (&peer, reply_to_what_was_told, NULL);
  session = session_open (peer.socket);
  write_init (&large, LARGE_SIZE, 1, LONG);
  single_submit (session, &large.single);
  ck_assert_uint_gt (session->head_sent, 0);

  peer_tell (&peer, large.single.call.id);
  ck_assert (!single_wait (&large.single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "is not pending");

  write_clear (&large);
  vuc_session_free (session);
  peer_tell (&peer, 0);
  peer_finish (&peer);
}

/* A send that takes only the header, and is not over before the reply has been read. */
typedef struct
{
  VucSession *session;
  Peer *peer;
  const VucCall *call;
} SlowSend;

static GPrivate slow_send; /* what the thread's next one is */

static void
wait_until_done (VucSession *session, const VucCall *call)
{
  gboolean is_done = FALSE;

  while (!is_done)
    {
      g_mutex_lock (&session->lock);
      is_done = call->done;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

gssize
__wrap_sendmsg (int fd, const struct msghdr *message, int flags)
{
  const SlowSend *slow = g_private_get (&slow_send);
  struct msghdr begin = *message;
  struct iovec head;
  gssize count;

  if (slow == NULL)
    return __real_sendmsg (fd, message, flags);

  g_private_set (&slow_send, NULL);
  head = (struct iovec){ message->msg_iov[0].iov_base, VUC_HEADER_SIZE };
  begin.msg_iov = &head;
  begin.msg_iovlen = 1;
  count = __real_sendmsg (fd, &begin, flags);
  peer_tell (slow->peer, slow->call->id);
  wait_until_done (slow->session, slow->call);
  return count;
}

static void
a_reply_while_its_command_is_being_sent_ends_the_session (void)
{
  g_autoptr(GError) error = NULL;
  VucSession *session;
  GThread *reader;
  SlowSend slow;
  Write write;
  Peer peer;

  peer_start (&peer, reply_to_what_was_told, NULL);
  session = session_open (peer.socket);
  reader = g_thread_new ("reader", reset_on_a_thread, session);
  wait_for_sleepers (session, 0);
  write_init (&write, WRITE_SIZE, 1, LONG);
  slow = (SlowSend){ session, &peer, &write.single.call };
  g_private_set (&slow_send, &slow);
  single_submit (session, &write.single);

  error = g_thread_join (reader);
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "came before its command was sent");
  single_wait (&write.single, NULL); /* it has its reply; nothing is left of it in the queue */
  ck_assert_ptr_null (session->outbox.head);

  write_clear (&write);
  vuc_session_free (session);
  peer_tell (&peer, 0);
  peer_finish (&peer);
}

/* --- A callback, while others have something to send --- */

typedef struct
{
  VucSession *session;
  Peer *peer;
  GError *errors[2];
  guint depth;
  guint max_depth;
} Trace;

/* Inside the first message that comes: once there is room in the socket, two calls. */
static void
call_when_there_is_room (gboolean sent, const guint8 *bytes G_GNUC_UNUSED,
                         gsize size G_GNUC_UNUSED, guint n_fds G_GNUC_UNUSED, gpointer user_data)
{
  Trace *trace = user_data;
  struct pollfd room = { .fd = trace->session->lane.socket, .events = POLLOUT };

  trace->depth++;
  trace->max_depth = MAX (trace->max_depth, trace->depth);
  if (!sent && trace->errors[0] == NULL)
    {
      peer_tell (trace->peer, 0);
      poll (&room, 1, -1);
      for (guint i = 0; i < 2; i++)
        reset (trace->session, SHORT, &trace->errors[i]);
    }
  trace->depth--;
}

static void
say_something_then_answer (PeerEnd *end, gconstpointer data)
{
  g_autoptr(GByteArray) command = g_byte_array_new ();

  peer_wait_told (end);
  peer_append (command, 1, 12, 0x10, NULL, 0);
  peer_send (end, command->data, command->len);
  answer_late (end, data);
}

/* What others had to send is not sent from inside the callback, which would be called once more. */
static void
a_callback_is_not_entered_twice_by_one_thread (void)
{
  g_autoptr(GError) error = NULL;
  Trace trace = { 0 };
  Write *writes;
  Peer peer;

  peer_start (&peer, say_something_then_answer, NULL);
  trace.session = session_open_with_trace (peer.socket, call_when_there_is_room, &trace);
  trace.peer = &peer;
  writes = submit_writes (trace.session, LONG);
  peer_tell (&peer, 0);

  for (guint i = 0; i < N_WRITES; i++)
    {
      single_wait (&writes[i].single, &error);
      assert_no_error (error);
    }
  for (guint i = 0; i < 2; i++)
    {
      assert_error (trace.errors[i], VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "inside a callback");
      g_error_free (trace.errors[i]);
    }
  ck_assert_uint_eq (trace.max_depth, 1);
  trace.errors[0] = &(GError){ 0 };
  reset_or_fail (trace.session);

  clear_writes (writes);
  vuc_session_free (trace.session);
  peer_finish (&peer);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (commands_that_nobody_reads_time_out),
  HARNESS_CASE (a_server_that_shuts_its_ears_is_lost),
  HARNESS_CASE (very_many_commands_at_once_are_all_answered),
  HARNESS_CASE (a_command_that_was_not_sent_in_time_is_never_sent),
  HARNESS_CASE (a_command_that_was_sent_in_part_ends_the_session_when_it_times_out),
  HARNESS_CASE (nothing_gets_into_the_middle_of_a_message),
  HARNESS_CASE (a_reply_before_its_command_was_sent_ends_the_session),
  HARNESS_CASE (a_reply_to_half_a_command_ends_the_session),
  HARNESS_CASE (a_reply_while_its_command_is_being_sent_ends_the_session),
  HARNESS_CASE (a_callback_is_not_entered_twice_by_one_thread),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session, sending", cases);
}
