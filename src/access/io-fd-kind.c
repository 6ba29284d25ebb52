/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Whether a descriptor that the server gave is what it claims to be.  Does not know the protocol.
 * Any thread.
 */

#include "access/io-fd-kind.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/range.h"

gboolean
vuc_io_fd_is_eventfd (int fd)
{
  static const char name[] = "anon_inode:[eventfd]";
  char path[64], target[sizeof name];
  gssize length;

  g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  length = readlink (path, target, sizeof target);
  return length == sizeof name - 1 && memcmp (target, name, sizeof name - 1) == 0;
}

gboolean
vuc_io_fd_is_stream_socket (int fd)
{
  int type = 0;
  socklen_t type_size = sizeof type;
  struct sockaddr_storage peer;
  socklen_t peer_size = sizeof peer;

  return getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM
         && getpeername (fd, (struct sockaddr *) &peer, &peer_size) == 0;
}

gboolean
vuc_io_fd_is_file_with (int fd, guint64 offset, guint64 size)
{
  struct stat status;

  return fstat (fd, &status) == 0 && S_ISREG (status.st_mode)
         && vuc_range_is_inside (offset, size, 0, (guint64) status.st_size);
}
