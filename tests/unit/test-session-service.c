/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Commands of the server that somebody serves: where their data goes, what is answered, and that
 * each one is released once, whatever happens to it.
 */

#include <errno.h>
#include <string.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/script-server.h"
#include "session/session-private.h"
#include "unit/peer.h"
#include "unit/session-fixture.h"

#define MEMORY_SIZE (512 * 1024)

/* Serves commands 11 (sends memory) and 12 (receives it): u64 address, u64 count, then data. */
typedef struct
{
  guint8 memory[MEMORY_SIZE];
  guint n_begun;
  guint n_ended;
  guint n_released;
  struct iovec place;
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
  guint64 address, count;

  memory->n_begun++;
  memcpy (&address, served->fixed, 8);
  memcpy (&count, served->fixed + 8, 8);
  if (address >= MEMORY_SIZE || count > MEMORY_SIZE - address)
    served->error = EFAULT;
  else if (served->header.command == 12)
    {
      memory->place = (struct iovec){ memory->memory + address, count };
      served->places = &memory->place;
      served->n_places = 1;
    }
}

static void
end (VucServed *served, gpointer data)
{
  Memory *memory = data;
  guint64 address, count;

  memory->n_ended++;
  memcpy (&address, served->fixed, 8);
  memcpy (&count, served->fixed + 8, 8);
  memcpy (served->reply, served->fixed, 16);
  served->reply_size = 16;
  if (served->header.command == 11)
    {
      memory->place = (struct iovec){ memory->memory + address, count };
      served->reply_data = &memory->place;
      served->n_reply_data = 1;
    }
}

static void
release (VucServed *served G_GNUC_UNUSED, gpointer data)
{
  ((Memory *) data)->n_released++;
}

static gboolean
uses (const VucServed *served G_GNUC_UNUSED, gconstpointer what G_GNUC_UNUSED)
{
  return TRUE;
}

static const VucService service = { fixed_size, begin, end, release, uses };

static VucSession *
open_served (int socket, int twin, Memory **memory)
{
  VucSessionOptions options = { .max_msg_fds = SESSION_MAX_FDS, .timeout_ms = LONG };
  VucSession *session;

  *memory = g_new0 (Memory, 1);
  for (gsize i = 0; i < MEMORY_SIZE; i++)
    (*memory)->memory[i] = (guint8) (i * 7);
  options.service = &service;
  options.service_data = *memory;
  session = session_open_raw (socket, &options);
  vuc_session_set_negotiated (session, 1024 * 1024, twin);
  return session;
}

static void
close_served (VucSession *session, Memory *memory, guint n_commands)
{
  vuc_session_free (session);
  ck_assert_uint_eq (memory->n_begun, n_commands);
  ck_assert_uint_eq (memory->n_released, n_commands);
  g_free (memory);
}

/* --- One command, while a reset waits --- */

typedef struct
{
  const char *name;
  const char *command; /* what the server sends */
  const char *answer;  /* what comes back; NULL: nothing */
  guint n_begun;
} Row;

static const Row rows[] = {
  { "data is sent from where it is", "u16:7 u16:11 u32:32 u32:0 u32:0 | u64:2 u64:4",
    "u16:7 u16:11 u32:36 u32:1 u32:0 | u64:2 u64:4 | 0e 15 1c 23", 1 },
  { "data is received to where it belongs",
    "u16:7 u16:12 u32:36 u32:0 u32:0 | u64:2 u64:4 | 'abcd'",
    "u16:7 u16:12 u32:32 u32:1 u32:0 | u64:2 u64:4", 1 },
  { "nothing of nothing", "u16:7 u16:11 u32:32 u32:0 u32:0 | u64:2 u64:0",
    "u16:7 u16:11 u32:32 u32:1 u32:0 | u64:2 u64:0", 1 },
  { "a command that wants no answer", "u16:7 u16:12 u32:36 u32:0x10 u32:0 | u64:2 u64:4 | 'abcd'",
    NULL, 1 },
  { "a refused command", "u16:7 u16:11 u32:32 u32:0 u32:0 | u64:0x1000000 u64:4",
    "u16:7 u16:11 u32:16 u32:0x21 u32:14", 1 },
  { "the data of a refused command goes nowhere",
    "u16:7 u16:12 u32:36 u32:0 u32:0 | u64:0x1000000 u64:4 | 'abcd'",
    "u16:7 u16:12 u32:16 u32:0x21 u32:14", 1 },
  { "a command that is too short", "u16:7 u16:11 u32:31 u32:0 u32:0 | 00*15",
    "u16:7 u16:11 u32:16 u32:0x21 u32:22", 0 },
  { "a command that nobody knows", "u16:7 u16:40 u32:20 u32:0 u32:0 | 'what'",
    "u16:7 u16:40 u32:16 u32:0x21 u32:95", 0 },
};

static void
run_row (const Row *row, gsize split)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  Memory *memory;
  VucSession *session;

  script_expect_command (server, 13, "");
  script_send (server, row->command);
  if (split > 0)
    script_in_pieces_of (server, split);
  if (row->answer != NULL)
    script_expect (server, row->answer);
  script_send (server, "id u16:13 u32:16 u32:1 u32:0");
  session = open_served (script_server_start (server), -1, &memory);
  reset_or_fail (session);
  if (strstr (row->name, "where it belongs") != NULL)
    ck_assert (memcmp (memory->memory + 2, "abcd", 4) == 0);
  close_served (session, memory, row->n_begun);
  script_server_finish (server);
}

static void
a_command_is_served_while_somebody_waits (gconstpointer row)
{
  run_row (row, 0);
}

static void
a_command_in_single_bytes_is_served_as_well (gconstpointer row)
{
  run_row (row, 1);
}

/* --- Answers that the server does not read --- */

#define N_UNREAD 4

/* Asks for much, several times, and reads only when it is told to. */
static void
ask_for_much (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  static PeerMessage message;
  guint64 what[2] = { 0, MEMORY_SIZE };
  PeerMessage reset_command;

  peer_receive (end, &reset_command);
  for (guint16 i = 0; i < N_UNREAD; i++)
    {
      g_autoptr (GByteArray) command = g_byte_array_new ();

      peer_append (command, i, 11, 0, what, sizeof what);
      peer_send (end, command->data, command->len);
    }
  peer_wait_told (end);
  for (guint16 i = 0; i < N_UNREAD; i++)
    {
      peer_receive (end, &message);
      if (message.id != i || message.size != 16 + MEMORY_SIZE
          || message.payload[16 + 1000] != (guint8) (1000 * 7))
        peer_fail ("answer %u is wrong", i);
    }
  peer_reply (end, &reset_command, NULL, 0);
}

typedef struct
{
  VucSession *session;
  gint64 timeout_ms;
  GError *error;
} Reset;

static gpointer
reset_on_a_thread (gpointer data)
{
  Reset *it = data;

  reset (it->session, it->timeout_ms, &it->error);
  return NULL;
}

static void
answers_that_nobody_reads_stop_the_reading_of_commands (void)
{
  Peer peer;
  Memory *memory;
  Reset it = { .timeout_ms = LONG };
  GThread *thread;
  gboolean is_full = FALSE;

  peer_start (&peer, ask_for_much, NULL);
  it.session = open_served (peer.socket, -1, &memory);
  thread = g_thread_new ("reset", reset_on_a_thread, &it);
  while (!is_full)
    {
      g_mutex_lock (&it.session->lock);
      is_full = it.session->polling && it.session->lane.blocked;
      if (is_full)
        {
          ck_assert_uint_eq (memory->n_begun, 1);
          ck_assert_uint_eq (memory->n_released, 0);
        }
      g_mutex_unlock (&it.session->lock);
      g_thread_yield ();
    }

  peer_tell (&peer, 0);
  g_thread_join (thread);
  assert_no_error (it.error);
  close_served (it.session, memory, N_UNREAD);
  peer_finish (&peer);
}

static void
wait_for_the_end (PeerEnd *end, gconstpointer data G_GNUC_UNUSED)
{
  guint64 what[2] = { 0, MEMORY_SIZE };
  g_autoptr (GByteArray) command = g_byte_array_new ();
  PeerMessage message;

  peer_receive (end, &message);
  peer_append (command, 1, 11, 0, what, sizeof what);
  peer_send (end, command->data, command->len);
  peer_wait_told (end);
}

static void
an_answer_that_is_never_read_is_released_when_the_session_goes (void)
{
  Peer peer;
  Memory *memory;
  VucSession *session;

  peer_start (&peer, wait_for_the_end, NULL);
  session = open_served (peer.socket, -1, &memory);
  /* A deadline that has passed: the command is sent, and nobody waits. */
  ck_assert (!reset (session, -1, NULL));
  ck_assert_int_ge (vuc_session_get_fd (session, NULL), 0);
  while (!session->lane.blocked)
    vuc_session_process (session);
  ck_assert_uint_eq (memory->n_released, 0);
  close_served (session, memory, 1);
  peer_tell (&peer, 0);
  peer_finish (&peer);
}

/* --- The twin socket --- */

static void
a_command_on_the_twin_is_answered_on_the_twin (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (ScriptServer) twin = script_server_new ();
  Reset it = { .timeout_ms = LONG };
  GThread *thread;
  Memory *memory;
  int socket;

  script_send (twin, "u16:7 u16:11 u32:32 u32:0 u32:0 | u64:2 u64:4");
  script_expect (twin, "u16:7 u16:11 u32:36 u32:1 u32:0 | u64:2 u64:4 | 0e 15 1c 23");
  script_expect_command (server, 13, "");
  script_wait_for_sign (server);
  script_reply (server, "");
  socket = script_server_start (server);
  it.session = open_served (socket, script_server_start (twin), &memory);
  thread = g_thread_new ("reset", reset_on_a_thread, &it);
  wait_until_answered (it.session);
  script_server_give_sign (server);
  g_thread_join (thread);
  assert_no_error (it.error);
  close_served (it.session, memory, 1);
  script_server_finish (server);
  script_server_finish (twin);
}

/* --- One command at a time --- */

static void
a_serial_session_has_one_command_under_way (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (GError) error = NULL;
  VucSession *session;
  Single singles[3];

  for (guint i = 0; i < G_N_ELEMENTS (singles); i++)
    {
      script_expect_command (server, 13, "");
      script_expect_silence (server, 20);
      script_reply (server, "");
    }
  session = session_open (script_server_start (server));
  vuc_session_set_serial (session, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (singles); i++)
    {
      single_init (&singles[i], VUC_COMMAND_DEVICE_RESET, LONG);
      single_submit (session, &singles[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (singles); i++)
    {
      ck_assert (single_wait (&singles[i], &error));
      single_clear (&singles[i]);
    }
  vuc_session_free (session);
  script_server_finish (server);
}

/* Whoever gave up: the server is still at it, and would take the next command for something else. */
static void
a_command_that_timed_out_keeps_the_place_of_a_serial_session (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (GError) error = NULL;
  VucSession *session;

  script_expect_command (server, 13, "");
  script_wait_for_sign (server);
  script_expect_silence (server, 100);
  script_reply (server, "");
  script_expect_command (server, 13, "");
  script_reply (server, "");
  session = session_open (script_server_start (server));
  vuc_session_set_serial (session, TRUE);
  ck_assert (!reset (session, 20, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "did not reply in time");
  script_server_give_sign (server);
  reset_or_fail (session);
  vuc_session_free (session);
  script_server_finish (server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_command_is_served_while_somebody_waits, rows),
  HARNESS_ROWS (a_command_in_single_bytes_is_served_as_well, rows),
  HARNESS_CASE (answers_that_nobody_reads_stop_the_reading_of_commands),
  HARNESS_CASE (an_answer_that_is_never_read_is_released_when_the_session_goes),
  HARNESS_CASE (a_command_on_the_twin_is_answered_on_the_twin),
  HARNESS_CASE (a_serial_session_has_one_command_under_way),
  HARNESS_CASE (a_command_that_timed_out_keeps_the_place_of_a_serial_session),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session, service", cases);
}
