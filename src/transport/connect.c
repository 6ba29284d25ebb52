/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How a connected socket comes about: by a path, or from a descriptor that somebody else has
 * connected.  Does not know what is spoken on it.  Any thread.
 *
 * A server's backlog may be full: many listen for one client only.  A non-blocking connect then
 * fails at once with EAGAIN, and no poll tells when to try again, so the connect blocks, bounded by
 * SO_SNDTIMEO.
 */

#include "transport/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
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
set_send_timeout (int socket, gint64 us)
{
  struct timeval timeout = { .tv_sec = us / G_USEC_PER_SEC, .tv_usec = us % G_USEC_PER_SEC };

  (void) setsockopt (socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
}

/* connect(2) until the deadline; 0 or an errno.  A connect of a UNIX socket that was interrupted
 * has not begun, so it is simply called again. */
static int
connect_until (int socket, const struct sockaddr_un *address, socklen_t size, gint64 deadline)
{
  for (;;)
    {
      gint64 left = deadline - g_get_monotonic_time ();

      if (left <= 0)
        return EAGAIN;
      set_send_timeout (socket, left);
      if (connect (socket, (const struct sockaddr *) address, size) == 0)
        return 0;
      if (errno != EINTR)
        return errno;
    }
}

static void
set_connect_error (GError **error, const char *path, int number)
{
  struct stat status;

  if (number == EAGAIN)
    vuc_fail (error, VUC_ERROR_TIMED_OUT,
              "connecting to '%s': the server did not accept in time; it may have another client",
              path);
  else if (number == ECONNREFUSED && path[0] != '@' && stat (path, &status) == 0
           && !S_ISSOCK (status.st_mode))
    vuc_fail_errno (error, VUC_ERROR_CONNECT, ENOTSOCK, "connecting to '%s'", path);
  else
    vuc_fail_errno (error, VUC_ERROR_CONNECT, number, "connecting to '%s'", path);
}

int
vuc_connect_path (const char *path, gint64 deadline, GError **error)
{
  struct sockaddr_un address;
  socklen_t size = 0;
  int fd, number;

  if (!fill_address (path, &address, &size, error))
    return -1;

  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    {
      vuc_fail_errno (error, VUC_ERROR_CONNECT, errno, "creating a socket");
      return -1;
    }

  number = connect_until (fd, &address, size, deadline);
  if (number != 0)
    {
      close (fd);
      set_connect_error (error, path, number);
      return -1;
    }
  return fd;
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

gboolean
vuc_connect_get_peer (int socket, struct ucred *credentials, GError **error)
{
  socklen_t size = sizeof *credentials;

  if (getsockopt (socket, SOL_SOCKET, SO_PEERCRED, credentials, &size) < 0)
    return vuc_fail_errno (error, VUC_ERROR_CONNECT, errno, "asking who the server is");
  return TRUE;
}
