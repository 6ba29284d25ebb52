/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How a connected socket comes about: by a path, or from a descriptor that somebody else has
 * connected.  Does not know what is spoken on it.  Any thread.
 *
 * A server's backlog may be full: many listen for one client only.  A connect that does not block
 * then fails at once with EAGAIN, and no poll tells when to try again: the caller does so after a
 * while.
 */

#include "transport/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

static gboolean
fill_address (const char *path, struct sockaddr_un *address, socklen_t *size, GError **error)
{
  gsize length = strlen (path);
  gboolean abstract = path[0] == '@';

  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };

  /* A path has its NUL in the address; an abstract name has a NUL in front and none behind. */
  if (length == 0 || length > sizeof address->sun_path - (abstract ? 0 : 1))
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "socket path '%.200s': it has %" G_GSIZE_FORMAT " bytes, allowed are 1 to %zu",
                     path, length, sizeof address->sun_path - (abstract ? 0 : 1));

  memcpy (address->sun_path, path, length);
  if (abstract)
    address->sun_path[0] = '\0';
  *size = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + length + (abstract ? 0 : 1));
  return TRUE;
}

static void
set_connect_error (GError **error, const char *path, int number)
{
  struct stat status;

  if (number == ECONNREFUSED && path[0] != '@' && stat (path, &status) == 0
           && !S_ISSOCK (status.st_mode))
    vuc_fail_errno (error, VUC_ERROR_CONNECT, ENOTSOCK, "connecting to '%s'", path);
  else
    vuc_fail_errno (error, VUC_ERROR_CONNECT, number, "connecting to '%s'", path);
}

VucConnectStatus
vuc_connect_path (const char *path, int *connected, GError **error)
{
  struct sockaddr_un address;
  socklen_t size = 0;
  int fd, number = 0;

  if (!fill_address (path, &address, &size, error))
    return VUC_CONNECT_FAILED;

  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    {
      vuc_fail_errno (error, VUC_ERROR_CONNECT, errno, "creating a socket");
      return VUC_CONNECT_FAILED;
    }

  /* A connect of a UNIX socket that was interrupted has not begun. */
  if (connect (fd, (const struct sockaddr *) &address, size) < 0)
    number = errno;
  if (number == 0)
    {
      *connected = fd;
      return VUC_CONNECT_DONE;
    }

  close (fd);
  if (number == EAGAIN || number == EINTR)
    return VUC_CONNECT_AGAIN;
  set_connect_error (error, path, number);
  return VUC_CONNECT_FAILED;
}

int
vuc_connect_adopt (int fd, GError **error)
{
  int domain = 0, type = 0;
  socklen_t domain_size = sizeof domain, type_size = sizeof type;
  struct sockaddr_un peer;
  socklen_t peer_size = sizeof peer;
  int copy;

  if (getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) < 0
      || getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0
      || getpeername (fd, (struct sockaddr *) &peer, &peer_size) < 0)
    {
      vuc_fail_errno (error, VUC_ERROR_CONNECT, errno, "descriptor %d is not a connected socket",
                      fd);
      return -1;
    }
  if (domain != AF_UNIX || type != SOCK_STREAM)
    {
      vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "descriptor %d is not a UNIX stream socket", fd);
      return -1;
    }

  copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0)
    vuc_fail_errno (error, VUC_ERROR_CONNECT, errno, "duplicating descriptor %d", fd);
  return copy;
}
