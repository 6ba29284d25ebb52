/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The server's process: runs the steps of a script one after the other, until one fails, and keeps
 * what they have in common: connections, commands that came, the verdict.  It does not know what
 * the steps do.  It has one thread, and ends with _exit: nothing that the test's process registered
 * for its own end may run twice.
 */

#include "script-private.h"

#include "harness.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Failing ---- */

gboolean
script_player_fail (ScriptPlayer *player, const char *format, ...)
{
  ScriptVerdict *verdict = player->server->verdict;
  g_autofree char *why = NULL;
  va_list args;

  if (player->is_over)
    return FALSE;
  player->is_over = TRUE;

  va_start (args, format);
  why = g_strdup_vprintf (format, args);
  va_end (args);

  g_snprintf (verdict->why, sizeof (verdict->why), "step %u (%s): %s",
              player->step_number, player->step->what, why);
  harness_note ("script server, %s", verdict->why);

  return FALSE;
}

gboolean
script_player_hung_up (ScriptPlayer *player, const char *when)
{
  player->is_over = player->is_over || player->may_end_early;

  return script_player_fail (player, "the client hung up %s", when);
}

void
script_player_say_done (ScriptPlayer *player)
{
  if (write (player->progress, "", 1) != 1)
    script_player_fail (player, "write: %s", g_strerror (errno));
}

/* ---- Connections ---- */

int
script_player_get_socket (ScriptPlayer *player)
{
  if (player->on_socket)
    {
      if (player->socket < 0)
        script_player_fail (player, "no socket was sent yet");
      return player->socket;
    }

  if (player->connection < 0 && player->listener >= 0)
    {
      if (script_player_wait (player->listener, player->server->deadline_ms))
        player->connection = accept4 (player->listener, NULL, NULL, SOCK_CLOEXEC);
      else
        script_player_fail (player, "no client connected");
    }
  else if (player->connection < 0)
    script_player_fail (player, "the script has closed the connection");

  return player->connection;
}

void
script_player_close (ScriptPlayer *player)
{
  int *fd = player->on_socket ? &player->socket : &player->connection;

  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

/* ---- What came ---- */

void
script_player_remember (ScriptPlayer *player, guint16 id, guint16 command)
{
  ScriptCommand came = { id, command };

  g_array_append_val (player->commands, came);
}

const ScriptCommand *
script_player_get_command (ScriptPlayer *player, guint back)
{
  if (back >= player->commands->len)
    {
      script_player_fail (player, "%u commands came so far: none is %u before the last",
                          player->commands->len, back);
      return NULL;
    }

  return &g_array_index (player->commands, ScriptCommand, player->commands->len - 1 - back);
}

/* ---- The process ---- */

void
script_player_run (const ScriptServer *server, int connection, int listener, int progress)
{
  ScriptPlayer player = {
    .server = server,
    .listener = listener,
    .connection = connection,
    .socket = -1,
    .progress = progress,
    .message = g_byte_array_new (),
    .received = g_array_new (FALSE, FALSE, sizeof (int)),
    .commands = g_array_new (FALSE, FALSE, sizeof (ScriptCommand)),
    .held = g_queue_new (),
  };
  char what[] = "after the last step";
  const ScriptStep end = { .what = what };
  gboolean follows = TRUE;

  for (guint i = 0; i < server->steps->len && follows; i++)
    {
      player.step = server->steps->pdata[i];
      player.step_number = i + 1;
      follows = player.step->play (&player, player.step);
    }

  /* What a script does not close, the client has to. */
  player.on_socket = FALSE;
  player.step = &end;
  player.step_number++;
  if (follows && script_player_flush (&player) && player.connection >= 0)
    script_player_expect_end (&player);

  /* The exit status is not for us to choose: valgrind has its own for what a fork leaves behind. */
  server->verdict->is_final = TRUE;
  _exit (0);
}
