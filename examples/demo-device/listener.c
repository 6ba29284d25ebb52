/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The socket that clients connect to: names, and system calls.
 */

#include "listener.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One client waits while another is served; more have to retry. */
#define BACKLOG 1

static gboolean
is_abstract (const char *path)
{
  return path[0] == '@';
}

static int
fail (GError **error, const char *path, int saved_errno, const char *advice)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved_errno),
               "cannot listen on %s: %s%s", path, g_strerror (saved_errno), advice);
  return -1;
}

int
listener_open (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  socklen_t size = offsetof (struct sockaddr_un, sun_path) + strlen (path);
  int listener;

  /* A path ends with a NUL, an abstract name begins with one. */
  if (strlen (path) >= sizeof (address.sun_path))
    return fail (error, path, ENAMETOOLONG, "");
  memcpy (address.sun_path, path, strlen (path));
  if (is_abstract (path))
    address.sun_path[0] = '\0';
  else
    size++;

  listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0)
    return fail (error, path, errno, "");

  if (bind (listener, (struct sockaddr *) &address, size) < 0)
    {
      int saved_errno = errno;

      close (listener);
      return fail (error, path, saved_errno,
                   saved_errno == EADDRINUSE && !is_abstract (path)
                     ? " (if no server uses it any more, remove it)"
                     : "");
    }
  if (listen (listener, BACKLOG) < 0)
    {
      int saved_errno = errno;

      listener_close (listener, path);
      return fail (error, path, saved_errno, "");
    }
  return listener;
}

void
listener_close (int listener, const char *path)
{
  close (listener);
  if (!is_abstract (path))
    unlink (path);
}

int
listener_accept (int listener, GError **error)
{
  int client = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);

  /* The client may have gone again between our poll and now. */
  if (client < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "cannot accept a client: %s",
                 g_strerror (errno));
  return client;
}

gboolean
listener_is_connected_socket (int fd)
{
  struct sockaddr_un peer;
  socklen_t peer_size = sizeof (peer);
  int type;
  socklen_t type_size = sizeof (type);

  return getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM
         && getpeername (fd, (struct sockaddr *) &peer, &peer_size) == 0
         && peer.sun_family == AF_UNIX;
}
