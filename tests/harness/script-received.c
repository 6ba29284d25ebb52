/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Steps that use the descriptors that came last, as they are: the client's own, not copies.  The
 * play_ functions run in the server's process, the others in the test's.
 */

#include "script-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* -1 after a failure. */
static int
get_received (ScriptPlayer *player, guint i)
{
  if (i < player->received->len)
    return g_array_index (player->received, int, i);
  script_player_fail (player, "%u descriptors came last: there is no number %u",
                      player->received->len, i);
  return -1;
}

static gboolean
play_signal (ScriptPlayer *player, const ScriptStep *step)
{
  int fd = get_received (player, (guint) step->n_fds);

  if (fd < 0 || !script_player_flush (player))
    return FALSE;
  if (write (fd, &step->number, sizeof (step->number)) != sizeof (step->number))
    return script_player_fail (player, "write: %s", g_strerror (errno));

  return TRUE;
}

void
script_signal_fd (ScriptServer *server, guint i, guint64 count)
{
  ScriptStep *step = script_server_add (server, play_signal, "signal descriptor %u", i);

  step->n_fds = (int) i;
  step->number = count;
}

static gboolean
play_take (ScriptPlayer *player, const ScriptStep *step)
{
  int fd = get_received (player, (guint) step->n_fds);
  guint64 count = 0;

  if (fd < 0 || !script_player_flush (player))
    return FALSE;
  if (!script_player_wait (fd, player->server->deadline_ms)
      || read (fd, &count, sizeof (count)) != sizeof (count) || count != step->number)
    return script_player_fail (player, "%" G_GUINT64_FORMAT " was counted, expected %"
                               G_GUINT64_FORMAT, count, step->number);

  return TRUE;
}

void
script_expect_signal (ScriptServer *server, guint i, guint64 count)
{
  ScriptStep *step = script_server_add (server, play_take, "read descriptor %u", i);

  step->n_fds = (int) i;
  step->number = count;
}

static gboolean
play_block (ScriptPlayer *player, const ScriptStep *step)
{
  int fd = get_received (player, (guint) step->n_fds);
  int flags = fd >= 0 ? fcntl (fd, F_GETFL) : -1;

  if (flags < 0 || fcntl (fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
    return script_player_fail (player, "F_SETFL: %s", g_strerror (errno));

  return TRUE;
}

void
script_make_fd_blocking (ScriptServer *server, guint i)
{
  script_server_add (server, play_block, "make descriptor %u blocking", i)->n_fds = (int) i;
}
