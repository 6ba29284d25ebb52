/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Kicking an eventfd of the server's.  Does not know which write that stands for.  Any thread.
 *
 * The server has the same file.  It can fill the counter, and whether a write sleeps then is a flag
 * that it can change, too.  An eventfd that may block is polled first, which costs a second system
 * call.  What remains is a server that fills the counter between the two, or that changes the flag later
 * and then fills it: the kick sleeps until the counter is read.  eventfds take no RWF_NOWAIT for
 * writing, so nothing can be done about it here.
 */

#include "access/kick.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

gboolean
vuc_kick_may_block (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  return flags < 0 || (flags & O_NONBLOCK) == 0;
}

static gboolean
has_room (int fd)
{
  struct pollfd room = { .fd = fd, .events = POLLOUT };

  return poll (&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0;
}

void
vuc_kick (int fd, gboolean may_block)
{
  const guint64 one = 1;

  if (may_block && !has_room (fd))
    return;
  while (write (fd, &one, sizeof one) < 0 && errno == EINTR)
    continue;
}
