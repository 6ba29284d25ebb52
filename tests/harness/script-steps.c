/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The steps of a script: for each, what the server's process does, and the function by which a test
 * writes it down.  They know the message header; payloads are the test's business.  The play_
 * functions run in the server's process, the others in the test's.
 */

#include "script-private.h"

#include "harness.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *
script_command_name (guint16 command)
{
  static const char *const names[] = {
    [1] = "VERSION",
    [2] = "DMA_MAP",
    [3] = "DMA_UNMAP",
    [4] = "DEVICE_GET_INFO",
    [5] = "DEVICE_GET_REGION_INFO",
    [6] = "DEVICE_GET_REGION_IO_FDS",
    [7] = "DEVICE_GET_IRQ_INFO",
    [8] = "DEVICE_SET_IRQS",
    [9] = "REGION_READ",
    [10] = "REGION_WRITE",
    [11] = "DMA_READ",
    [12] = "DMA_WRITE",
    [13] = "DEVICE_RESET",
    [15] = "REGION_WRITE_MULTI",
    [16] = "DEVICE_FEATURE",
    [17] = "MIG_DATA_READ",
    [18] = "MIG_DATA_WRITE",
  };

  return command < G_N_ELEMENTS (names) && names[command] != NULL ? names[command] : "a command";
}

/* ---- What comes ---- */

static gboolean
check_fds (ScriptPlayer *player, const ScriptStep *step)
{
  if (step->n_fds >= 0 && player->n_fds != (guint) step->n_fds)
    return script_player_fail (player, "%u descriptors came, expected %d",
                               player->n_fds, step->n_fds);

  return TRUE;
}

static gboolean
play_expect (ScriptPlayer *player, const ScriptStep *step)
{
  const HexPattern *text = step->text;
  GByteArray *message = player->message;

  g_byte_array_set_size (message, 0);
  player->n_fds = 0;
  while (message->len < text->bytes->len
         && hex_pattern_fits_so_far (text, message->data, message->len))
    {
      gssize n = script_player_receive (player, text->bytes->len - message->len);
      g_autofree char *difference = NULL;

      if (n > 0)
        continue;
      if (n == 0 && (message->len == 0 || player->may_end_early))
        return script_player_hung_up (player, "instead");
      difference = hex_pattern_difference (text, message->data, message->len);
      if (n == 0)
        return script_player_fail (player, "the client hung up\n%s", difference);
      return script_player_fail (player, "nothing more came within %u ms\n%s",
                                 player->server->deadline_ms, difference);
    }

  if (!hex_pattern_fits_so_far (text, message->data, message->len))
    {
      g_autofree char *difference = hex_pattern_difference (text, message->data, message->len);

      return script_player_fail (player, "%s", difference);
    }
  for (guint i = 0; i < text->ids->len; i++)
    {
      gsize offset = g_array_index (text->ids, HexId, i).offset;
      ScriptCommand came = { 0 };

      memcpy (&came, message->data + offset, MIN (sizeof (came), message->len - offset));
      script_player_remember (player, came.id, came.command);
    }

  return check_fds (player, step);
}

void
script_expect (ScriptServer *server, const char *text)
{
  script_server_add (server, play_expect, "expect bytes")->text = script_parse_expected (text);
}

static gboolean
play_expect_command (ScriptPlayer *player, const ScriptStep *step)
{
  ScriptHeader header;
  gboolean is_reply;
  g_autofree char *difference = NULL;

  if (!script_player_read_message (player, &header))
    return FALSE;

  is_reply = (header.flags & SCRIPT_TYPE_MASK) == SCRIPT_REPLY;
  if (is_reply || header.command != step->number)
    {
      g_autofree char *came = hex_dump (player->message->data, player->message->len);

      return script_player_fail (player, "%s %u (%s) came, expected command %d\n%s",
                                 is_reply ? "a reply to" : "command", header.command,
                                 script_command_name (header.command), (int) step->number, came);
    }
  if (step->text != NULL)
    difference = hex_pattern_difference (step->text, player->message->data + sizeof (header),
                                         player->message->len - sizeof (header));
  if (difference != NULL)
    return script_player_fail (player, "another payload: %s", difference);

  return check_fds (player, step);
}

void
script_expect_command (ScriptServer *server, guint16 command, const char *payload)
{
  ScriptStep *step = script_server_add (server, play_expect_command, "expect %s",
                                        script_command_name (command));

  step->number = command;
  step->text = payload != NULL ? script_parse_expected (payload) : NULL;
}

static gboolean
play_expect_any (ScriptPlayer *player, const ScriptStep *step)
{
  ScriptHeader header;

  return script_player_read_message (player, &header) && check_fds (player, step);
}

void
script_expect_any (ScriptServer *server)
{
  script_server_add (server, play_expect_any, "expect a message")->n_fds = -1;
}

static gboolean
play_expect_silence (ScriptPlayer *player, const ScriptStep *step)
{
  int fd = script_player_get_socket (player);

  if (fd < 0 || !script_player_flush (player))
    return FALSE;
  if (script_player_wait (fd, step->number))
    return script_player_fail (player, "the client sent something, or hung up");

  return TRUE;
}

void
script_expect_silence (ScriptServer *server, guint ms)
{
  script_server_add (server, play_expect_silence, "expect silence")->number = ms;
}

static gboolean
play_expect_eof (ScriptPlayer *player, const ScriptStep *step G_GNUC_UNUSED)
{
  return script_player_expect_end (player);
}

void
script_expect_eof (ScriptServer *server)
{
  script_server_add (server, play_expect_eof, "expect the end");
}

void
script_expect_fds (ScriptServer *server, guint n)
{
  script_server_last (server)->n_fds = n;
}

/* ---- What goes ---- */

static void
add_fds (ScriptStep *step, const ScriptFd *fds)
{
  gsize n_fds = 1;

  while (fds[n_fds - 1].kind != SCRIPT_FD_END)
    n_fds++;
  step->own_fds = g_new (ScriptFd, n_fds);
  memcpy (step->own_fds, fds, n_fds * sizeof (*fds));
  step->manner.fds = step->own_fds;
}

static gboolean
play_send (ScriptPlayer *player, const ScriptStep *step)
{
  for (guint64 i = 0; i < step->number; i++)
    if (!script_player_send_text (player, &step->manner, step->text))
      return FALSE;

  return TRUE;
}

void
script_send (ScriptServer *server, const char *text)
{
  ScriptStep *step = script_server_add (server, play_send, "send");

  step->text = script_parse_sent (text);
  step->number = 1;
}

void
script_send_fds (ScriptServer *server, const char *text, const ScriptFd *fds)
{
  script_send (server, text);
  add_fds (script_server_last (server), fds);
}

void
script_flood (ScriptServer *server, guint count, const char *text)
{
  ScriptStep *step = script_server_add (server, play_send, "flood");

  step->text = script_parse_sent (text);
  step->number = count;
}

static gboolean
play_reply (ScriptPlayer *player, const ScriptStep *step)
{
  const ScriptCommand *command = script_player_get_command (player, step->number);

  return command != NULL
         && script_player_reply (player, &step->manner, command,
                                 step->text->bytes->data, step->text->bytes->len);
}

void
script_reply_to (ScriptServer *server, guint back, const char *payload)
{
  ScriptStep *step = script_server_add (server, play_reply, "reply");

  step->text = script_parse_sent (payload);
  step->number = back;
  if (step->text->ids->len > 0)
    harness_fail ("\"%.24s\": the id is in the header, not in the payload", payload);
}

void
script_reply (ScriptServer *server, const char *payload)
{
  script_reply_to (server, 0, payload);
}

void
script_reply_fds (ScriptServer *server, const char *payload, const ScriptFd *fds)
{
  script_reply (server, payload);
  add_fds (script_server_last (server), fds);
}

static gboolean
play_reply_error (ScriptPlayer *player, const ScriptStep *step)
{
  const ScriptCommand *command = script_player_get_command (player, 0);

  return command != NULL
         && script_player_reply_error (player, &step->manner, command, step->number);
}

void
script_reply_error (ScriptServer *server, guint32 error)
{
  script_server_add (server, play_reply_error, "reply with an error")->number = error;
}

void
script_split_at (ScriptServer *server, gsize first)
{
  script_server_last (server)->manner.first_piece = first;
}

void
script_in_pieces_of (ScriptServer *server, gsize size)
{
  script_server_last (server)->manner.first_piece = size;
  script_server_last (server)->manner.other_pieces = size;
}

void
script_hold_back_after (ScriptServer *server, gsize first)
{
  script_server_last (server)->manner.first_piece = first;
  script_server_last (server)->manner.held_back = TRUE;
}

/* ---- Connections ---- */

static gboolean
play_delay (ScriptPlayer *player, const ScriptStep *step)
{
  if (!script_player_flush (player))
    return FALSE;
  g_usleep (step->number * 1000);

  return TRUE;
}

void
script_delay_ms (ScriptServer *server, guint ms)
{
  script_server_add (server, play_delay, "delay")->number = ms;
}

static gboolean
play_wait_for_sign (ScriptPlayer *player, const ScriptStep *step G_GNUC_UNUSED)
{
  return script_player_flush (player) && script_player_wait_for_sign (player);
}

void
script_wait_for_sign (ScriptServer *server)
{
  script_server_add (server, play_wait_for_sign, "wait for a sign");
}

static gboolean
play_shutdown_write (ScriptPlayer *player, const ScriptStep *step G_GNUC_UNUSED)
{
  int fd = script_player_get_socket (player);

  return fd >= 0 && script_player_flush (player) && shutdown (fd, SHUT_WR) == 0;
}

void
script_shutdown_write (ScriptServer *server)
{
  script_server_add (server, play_shutdown_write, "shut down the writing side");
}

static gboolean
play_close (ScriptPlayer *player, const ScriptStep *step G_GNUC_UNUSED)
{
  if (script_player_get_socket (player) < 0 || !script_player_flush (player))
    return FALSE;
  script_player_close (player);

  return TRUE;
}

void
script_close (ScriptServer *server)
{
  script_server_add (server, play_close, "close");
}

static gboolean
play_accept (ScriptPlayer *player, const ScriptStep *step G_GNUC_UNUSED)
{
  return script_player_get_socket (player) >= 0;
}

void
script_accept (ScriptServer *server)
{
  script_server_add (server, play_accept, "accept");
}

static gboolean
play_use (ScriptPlayer *player, const ScriptStep *step)
{
  player->on_socket = step->number;

  return script_player_flush (player);
}

void
script_use_socket (ScriptServer *server)
{
  script_server_add (server, play_use, "use the other socket")->number = TRUE;
}

void
script_use_connection (ScriptServer *server)
{
  script_server_add (server, play_use, "use the connection")->number = FALSE;
}

static gboolean
play_wait_forever (ScriptPlayer *player, const ScriptStep *step G_GNUC_UNUSED)
{
  if (!script_player_flush (player))
    return FALSE;
  script_player_say_done (player);
  for (;;)
    pause ();
}

void
script_wait_forever (ScriptServer *server)
{
  script_server_add (server, play_wait_forever, "wait for ever");
}

static gboolean
play_may_end_early (ScriptPlayer *player, const ScriptStep *step G_GNUC_UNUSED)
{
  player->may_end_early = TRUE;

  return TRUE;
}

void
script_may_end_early (ScriptServer *server)
{
  script_server_add (server, play_may_end_early, "the client may end early");
}

static gboolean
play_count_round_trips (ScriptPlayer *player, const ScriptStep *step G_GNUC_UNUSED)
{
  player->counts_round_trips = TRUE;

  return TRUE;
}

void
script_count_round_trips (ScriptServer *server)
{
  script_server_add (server, play_count_round_trips, "count round trips");
}
