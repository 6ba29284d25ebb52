/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Memory that a service names in several places, and that is revoked while a command is served from
 * it: when that has returned nobody touches it, wherever the command was.  The memory is made
 * inaccessible then, so that a touch ends the test.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/script-server.h"
#include "session/session-private.h"
#include "unit/peer.h"
#include "unit/session-fixture.h"

#define MEMORY_SIZE (512 * 1024)
#define MAX_PLACES  300
#define SHORT_MS    200

/*
 * Serves commands 11 (sends memory) and 12 (receives it): u64 address, u64 count, then data.  The
 * range is said in pieces, and each piece is read or written from its end of the memory: the first
 * from the last, so that an order that is mixed up shows.
 */
typedef struct
{
  guint8 *memory;
  gsize piece;
  gboolean is_revoked; /* nothing is found any more */
  struct iovec places[MAX_PLACES];
  guint n_places;
  guint n_begun, n_ended;
  gint n_released; /* atomic */
} Memory;

static gsize
fixed_size (guint16 command)
{
  return command == 11 || command == 12 ? 16 : 0;
}

static void
begin (VucServed *served, gpointer data)
{
  Memory *memory = data;
  guint64 count;

  memory->n_begun++;
  memcpy (&count, served->fixed + 8, 8);
  if (memory->is_revoked)
    {
      served->error = EFAULT;
      return;
    }
  memory->n_places = 0;
  for (gsize done = 0; done < count; done += memory->piece)
    {
      gsize size = MIN (memory->piece, count - done);

      memory->places[memory->n_places++]
        = (struct iovec){ memory->memory + MEMORY_SIZE - done - size, size };
    }
  if (served->header.command == 12)
    {
      served->places = memory->places;
      served->n_places = memory->n_places;
    }
}

static void
end (VucServed *served, gpointer data)
{
  Memory *memory = data;

  memory->n_ended++;
  memcpy (served->reply, served->fixed, 16);
  served->reply_size = 16;
  if (served->header.command == 11)
    {
      served->reply_data = memory->places;
      served->n_reply_data = memory->n_places;
    }
}

static void
release (VucServed *served G_GNUC_UNUSED, gpointer data)
{
  g_atomic_int_inc (&((Memory *) data)->n_released);
}

static gboolean
uses (const VucServed *served G_GNUC_UNUSED, gconstpointer what)
{
  return what != NULL;
}

static const VucService service = { fixed_size, begin, end, release, uses };

static void
memory_init (Memory *memory, gsize piece)
{
  *memory = (Memory){ .piece = piece };
  memory->memory
    = mmap (NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (gsize i = 0; i < MEMORY_SIZE; i++)
    memory->memory[i] = (guint8) (i * 7);
}

static VucSession *
open_served (int socket, int twin, guint timeout_ms, Memory *memory)
{
  VucSessionOptions options = { .max_msg_fds = SESSION_MAX_FDS,
                                .timeout_ms = timeout_ms,
                                .service = &service,
                                .service_data = memory };
  VucSession *session = session_open_raw (socket, &options);

  vuc_session_set_negotiated (session, 1024 * 1024, twin);
  return session;
}

static void
close_served (VucSession *session, Memory *memory)
{
  vuc_session_free (session);
  ck_assert_int_eq (memory->n_released, (int) memory->n_begun);
  munmap (memory->memory, MEMORY_SIZE);
}

/* From now on whoever touches it is found out. */
static void
revoke_memory (VucSession *session, Memory *memory)
{
  memory->is_revoked = TRUE;
  vuc_session_revoke (session, memory);
  ck_assert_int_eq (mprotect (memory->memory, MEMORY_SIZE, PROT_NONE), 0);
}

typedef struct
{
  VucSession *session;
  GThread *thread;
  GError *error;
} Reset;

static gpointer
reset_on_a_thread (gpointer data)
{
  Reset *it = data;

  reset (it->session, LONG, &it->error);
  return NULL;
}

static void
reset_begin (Reset *it, VucSession *session)
{
  *it = (Reset){ .session = session };
  it->thread = g_thread_new ("reset", reset_on_a_thread, it);
}

static void
reset_end (Reset *it)
{
  g_thread_join (it->thread);
  assert_no_error (it->error);
}

/* --- Several places --- */

typedef struct
{
  const char *name;
  gsize piece;
  guint64 count;
} PlacesRow;

static const PlacesRow places[] = {
  { "one", 4096, 4096 },
  { "two", 4096, 4097 },
  { "three", 1, 3 },
  { "many", 7, 2000 },
  { "very many", 16, 16 * MAX_PLACES },
  { "large ones", 64 * 1024, 500 * 1024 },
};

static guint8
expected_at (const PlacesRow *row, gsize i)
{
  gsize begin = i / row->piece * row->piece;
  gsize size = MIN (row->piece, row->count - begin);

  return (guint8) ((MEMORY_SIZE - begin - size + (i - begin)) * 7);
}

/* Asks for data, and sends it back with every bit turned over. */
static void
turn_over (PeerEnd *end, gconstpointer data)
{
  static PeerMessage answer;
  const PlacesRow *row = data;
  PeerMessage command;
  g_autoptr (GByteArray) read = g_byte_array_new ();
  g_autoptr (GByteArray) write = g_byte_array_new ();
  guint64 what[2] = { 0, row->count };

  peer_receive (end, &command);
  peer_append (read, 1, 11, 0, what, sizeof what);
  peer_send (end, read->data, read->len);
  peer_receive (end, &answer);
  if (answer.size != 16 + row->count)
    peer_fail ("an answer of %" G_GSIZE_FORMAT " bytes", answer.size);
  for (gsize i = 0; i < row->count; i++)
    {
      if (answer.payload[16 + i] != expected_at (row, i))
        peer_fail ("byte %" G_GSIZE_FORMAT " is wrong", i);
      answer.payload[16 + i] ^= 0xff;
    }
  peer_append (write, 2, 12, 0, answer.payload, answer.size);
  peer_send (end, write->data, write->len);
  peer_receive (end, &answer);
  if (answer.id != 2 || answer.flags != 1 || answer.size != 16)
    peer_fail ("the answer to the write is wrong");
  peer_reply (end, &command, NULL, 0);
}

static void
data_is_sent_from_and_received_into_several_places (gconstpointer data)
{
  const PlacesRow *row = data;
  Memory memory;
  Peer peer;
  VucSession *session;

  memory_init (&memory, row->piece);
  peer_start (&peer, turn_over, row);
  session = open_served (peer.socket, -1, LONG, &memory);
  reset_or_fail (session);
  for (gsize i = 0; i < row->count; i++)
    {
      gsize begin = i / row->piece * row->piece;
      gsize size = MIN (row->piece, row->count - begin);
      guint8 byte = memory.memory[MEMORY_SIZE - begin - size + (i - begin)];

      ck_assert_uint_eq (byte, (guint8) ~expected_at (row, i));
    }
  for (gsize i = 0; i < MEMORY_SIZE - row->count; i++)
    ck_assert_uint_eq (memory.memory[i], (guint8) (i * 7));
  ck_assert_uint_eq (memory.n_ended, 2);
  close_served (session, &memory);
  peer_finish (&peer);
}

/* --- Revoked while data comes --- */

#define HALF "ab*5000"

typedef struct
{
  const char *name;
  gsize piece;
  gboolean on_twin;
  gsize first; /* bytes that came when it is revoked, header included */
} DataRow;

static const DataRow data_rows[] = {
  { "before the first byte", 4096, FALSE, 32 },
  { "in the middle", 4096, FALSE, 6000 },
  { "in the last place", 4096, FALSE, 32 + 9000 },
  { "with many places", 40, FALSE, 2000 },
  { "before the last byte", MEMORY_SIZE, FALSE, 32 + 9999 },
  { "on the twin", 1000, TRUE, 2000 },
};

/* The command has begun, and all that was sent of it is in. */
static void
wait_for_data (VucSession *session, gsize left)
{
  gboolean there = FALSE;

  while (!there)
    {
      VucLane *lane;

      g_mutex_lock (&session->lock);
      lane = session->twin != NULL ? session->twin : &session->lane;
      there = lane->serving == VUC_SERVING_DATA && lane->framer.left == left && session->polling;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

static void
wait_until_released (VucSession *session, Memory *memory, gint n)
{
  gboolean done = FALSE;

  while (!done)
    {
      g_mutex_lock (&session->lock);
      done = g_atomic_int_get (&memory->n_released) == n && session->polling;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

static void
memory_is_left_alone_when_it_is_revoked_while_data_comes (gconstpointer data)
{
  const DataRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (ScriptServer) twin = script_server_new ();
  ScriptServer *speaker = row->on_twin ? twin : server;
  int socket, twin_socket = -1;
  VucSession *session;
  Memory memory;
  Reset it;

  memory_init (&memory, row->piece);
  script_expect_command (server, 13, "");
  script_send (speaker, "u16:7 u16:12 u32:10032 u32:0 u32:0 | u64:0 u64:10000 |" HALF HALF);
  script_hold_back_after (speaker, row->first);
  script_expect (speaker, "u16:7 u16:12 u32:16 u32:0x21 u32:14");
  /* The next one is served as ever. */
  script_send (speaker, "u16:8 u16:12 u32:36 u32:0 u32:0 | u64:0 u64:4 'abcd'");
  script_expect (speaker, "u16:8 u16:12 u32:16 u32:0x21 u32:14");
  if (row->on_twin)
    script_wait_for_sign (server);
  script_send (server, "id u16:13 u32:16 u32:1 u32:0");
  socket = script_server_start (server);
  if (row->on_twin)
    twin_socket = script_server_start (twin);

  session = open_served (socket, twin_socket, LONG, &memory);
  reset_begin (&it, session);
  wait_for_data (session, 10032 - row->first);
  revoke_memory (session, &memory);
  script_server_give_sign (speaker);
  if (row->on_twin)
    {
      wait_until_released (session, &memory, 2);
      script_server_give_sign (server);
    }
  reset_end (&it);
  ck_assert_uint_eq (memory.n_ended, 0);
  close_served (session, &memory);
  script_server_finish (server);
  if (row->on_twin)
    script_server_finish (twin);
}

/* --- Revoked while an answer is half sent --- */

typedef struct
{
  const char *name;
  gsize piece;
} AnswerRow;

static const AnswerRow answer_rows[] = {
  { "in one piece", MEMORY_SIZE },
  { "in many pieces", 4000 },
};

static void
ask_and_read_later (PeerEnd *end, gconstpointer data)
{
  static PeerMessage message;
  const AnswerRow *row = data;
  const PlacesRow places_row = { .piece = row->piece, .count = MEMORY_SIZE };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint64 what[2] = { 0, MEMORY_SIZE };
  PeerMessage command;

  peer_receive (end, &command);
  peer_append (bytes, 1, 11, 0, what, sizeof what);
  peer_append (bytes, 2, 11, 0, what, sizeof what);
  peer_send (end, bytes->data, bytes->len);
  peer_wait_told (end);
  peer_receive (end, &message);
  if (message.id != 1 || message.flags != 1 || message.size != 16 + MEMORY_SIZE)
    peer_fail ("the answer is wrong");
  for (gsize i = 0; i < MEMORY_SIZE; i++)
    {
      if (message.payload[16 + i] != expected_at (&places_row, i))
        peer_fail ("byte %" G_GSIZE_FORMAT " is wrong", i);
    }
  peer_receive (end, &message);
  if (message.id != 2 || message.flags != 0x21 || message.size != 0)
    peer_fail ("the second answer is wrong");
  peer_reply (end, &command, NULL, 0);
}

static void
wait_until_blocked (VucSession *session)
{
  gboolean is_full = FALSE;

  while (!is_full)
    {
      g_mutex_lock (&session->lock);
      is_full = session->polling && session->lane.blocked && vuc_serving_has_answer (&session->lane);
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

static void
an_answer_that_is_half_sent_is_sent_to_its_end_without_the_memory (gconstpointer row)
{
  Memory memory;
  Peer peer;
  Reset it;

  memory_init (&memory, ((const AnswerRow *) row)->piece);
  peer_start (&peer, ask_and_read_later, row);
  it.session = open_served (peer.socket, -1, LONG, &memory);
  reset_begin (&it, it.session);
  wait_until_blocked (it.session);
  vuc_session_revoke (it.session, NULL); /* something else: no reason to copy */
  ck_assert_ptr_null (it.session->lane.answer_copy);
  revoke_memory (it.session, &memory);
  vuc_session_revoke (it.session, &memory); /* again does no harm */
  peer_tell (&peer, 0);
  reset_end (&it);
  close_served (it.session, &memory);
  peer_finish (&peer);
}

static void
nothing_to_revoke_is_no_matter (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  VucSession *session;
  Memory memory;

  memory_init (&memory, 16);
  script_expect_command (server, 13, "");
  script_reply (server, "");
  session = open_served (script_server_start (server), -1, LONG, &memory);
  vuc_session_revoke (session, &memory);
  reset_or_fail (session);
  revoke_memory (session, &memory);
  close_served (session, &memory);
  script_server_finish (server);
}

/* --- An answer that the server does not read --- */

static void
ask_and_never_read (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint64 what[2] = { 0, MEMORY_SIZE };
  PeerMessage command;

  peer_receive (end, &command);
  peer_append (bytes, 1, 11, 0, what, sizeof what);
  peer_send (end, bytes->data, bytes->len);
  peer_wait_told (end);
}

typedef struct
{
  const char *name;
  gboolean in_loop;
} WaitRow;

static const WaitRow waits[] = {
  { "while somebody waits", FALSE },
  { "in a loop", TRUE },
};

static void
a_server_that_does_not_read_an_answer_is_given_up (gconstpointer data)
{
  const WaitRow *row = data;
  g_autoptr (GError) error = NULL;
  gboolean connecting;
  Memory memory;
  Peer peer;
  VucSession *session;
  Single single;

  memory_init (&memory, MEMORY_SIZE);
  peer_start (&peer, ask_and_never_read, NULL);
  session = open_served (peer.socket, -1, SHORT_MS, &memory);
  single_init (&single, VUC_COMMAND_DEVICE_RESET, G_MAXINT64);
  single_submit (session, &single);
  if (row->in_loop)
    {
      ck_assert_int_ge (vuc_session_get_fd (session, NULL), 0);
      while (vuc_session_get_state (session, &connecting) == VUC_SESSION_CONNECTED)
        vuc_session_process (session);
    }
  ck_assert (!single_wait (&single, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                "the server did not read the answer to its command for 200 ms");
  single_clear (&single);
  close_served (session, &memory);
  peer_tell (&peer, 0);
  peer_finish (&peer);
}

/* --- One command at a time, and a socket that is full --- */

#define N_SIZES 32

/* Replies to the first command without having read it, then reads both. */
static void
reply_unread (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  PeerMessage message = { .id = 0, .command = VUC_COMMAND_REGION_WRITE };
  guint n = 1;

  if (peer_wait_told (end) == 1)
    {
      peer_reply (end, &message, NULL, 0);
      n = 2;
      peer_wait_told (end);
    }
  for (guint i = 0; i < n; i++)
    peer_receive (end, &message);
  peer_reply (end, &message, NULL, 0);
}

/* Whether the socket took no byte of a second command, which was sent in the end. */
static gboolean
try_size (gsize size)
{
  static const guint8 data[64 * 1024];
  const int small = 1;
  g_autoptr (GError) error = NULL;
  gboolean is_whole, was_full = FALSE;
  VucSession *session;
  Single first, second;
  Peer peer;

  peer_start (&peer, reply_unread, NULL);
  ck_assert_int_eq (setsockopt (peer.socket, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  session = session_open (peer.socket);
  vuc_session_set_serial (session, TRUE);
  single_init (&first, VUC_COMMAND_REGION_WRITE, LONG);
  first.call.request_data = data;
  first.call.request_data_size = size;
  single_init (&second, VUC_COMMAND_DEVICE_RESET, LONG);
  single_submit (session, &first);
  is_whole = !first.call.queued;
  peer_tell (&peer, is_whole ? 1 : 2);
  single_wait (&first, &error);
  assert_no_error (error);
  if (is_whole)
    {
      single_submit (session, &second);
      was_full = second.call.queued && !second.call.was_sent;
      peer_tell (&peer, 0);
      single_wait (&second, &error);
    }
  assert_no_error (error);
  single_clear (&first);
  single_clear (&second);
  vuc_session_free (session);
  peer_finish (&peer);
  return was_full;
}

static void
a_command_of_which_a_full_socket_took_nothing_is_sent_later (void)
{
  guint n_full = 0;

  for (guint i = 0; i < N_SIZES; i++)
    n_full += try_size (256 * (i + 1));
  ck_assert_uint_gt (n_full, 0);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (data_is_sent_from_and_received_into_several_places, places),
  HARNESS_ROWS (memory_is_left_alone_when_it_is_revoked_while_data_comes, data_rows),
  HARNESS_ROWS (an_answer_that_is_half_sent_is_sent_to_its_end_without_the_memory, answer_rows),
  HARNESS_CASE (nothing_to_revoke_is_no_matter),
  HARNESS_ROWS (a_server_that_does_not_read_an_answer_is_given_up, waits),
  HARNESS_CASE (a_command_of_which_a_full_socket_took_nothing_is_sent_later),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session, revoke", cases);
}
