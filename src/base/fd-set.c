/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Descriptors that came with a message, and who closes them.  Knows nothing of vfio-user.  Any
 * thread.
 */

#include "base/fd-set.h"

#include <sys/socket.h>
#include <unistd.h>

void
vuc_fd_set_init (VucFdSet *set)
{
  set->count = 0;
}

/* Closing a socket may wait for its peer, as long as whoever made it has told it to linger. */
void
vuc_fd_forget_linger (int fd)
{
  const struct linger no_linger = { .l_onoff = 0 };

  (void) setsockopt (fd, SOL_SOCKET, SO_LINGER, &no_linger, sizeof no_linger);
}

void
vuc_fd_close_received (int fd)
{
  vuc_fd_forget_linger (fd);
  close (fd);
}

void
vuc_fd_set_clear (VucFdSet *set)
{
  for (guint i = 0; i < set->count; i++)
    {
      if (set->fds[i] >= 0)
        vuc_fd_close_received (set->fds[i]);
    }
  set->count = 0;
}

gboolean
vuc_fd_set_add (VucFdSet *set, int fd)
{
  if (set->count == G_N_ELEMENTS (set->fds))
    {
      vuc_fd_close_received (fd);
      return FALSE;
    }

  set->fds[set->count++] = fd;
  return TRUE;
}

gboolean
vuc_fd_set_move (VucFdSet *set, VucFdSet *from)
{
  gboolean fits = TRUE;

  for (guint i = 0; i < from->count; i++)
    fits = vuc_fd_set_add (set, from->fds[i]) && fits;
  from->count = 0;
  return fits;
}

int
vuc_fd_set_peek (const VucFdSet *set, guint index)
{
  return index < set->count ? set->fds[index] : -1;
}

int
vuc_fd_set_steal (VucFdSet *set, guint index)
{
  int fd = vuc_fd_set_peek (set, index);

  if (fd >= 0)
    set->fds[index] = -1;
  return fd;
}
