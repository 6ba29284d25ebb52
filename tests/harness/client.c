/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The least that a client can be, for tests of servers.  It knows no messages, and waits without a
 * deadline: the case has one.  Called on the thread that runs the case.
 */

#include "client.h"

#include "harness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MAX_FDS 253

typedef union
{
  struct cmsghdr header;
  char bytes[CMSG_SPACE (MAX_FDS * sizeof (int))];
} Control;

static int
new_socket (const char *path, struct sockaddr_un *address)
{
  address->sun_family = AF_UNIX;
  if (g_strlcpy (address->sun_path, path, sizeof (address->sun_path)) >= sizeof (address->sun_path))
    harness_fail ("%s is too long for a socket", path);

  return socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int
client_connect (const char *path)
{
  struct sockaddr_un address = { 0 };
  int fd = new_socket (path, &address);

  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof (address)) != 0)
    harness_fail ("connecting to %s: %s", path, g_strerror (errno));

  return fd;
}

int
client_listen (const char *path)
{
  struct sockaddr_un address = { 0 };
  int fd = new_socket (path, &address);

  if (fd < 0 || bind (fd, (struct sockaddr *) &address, sizeof (address)) != 0
      || listen (fd, 0) != 0)
    harness_fail ("listening on %s: %s", path, g_strerror (errno));

  return fd;
}

void
client_say_with_fds (int fd, const char *text, const int *fds, gsize n_fds)
{
  g_autoptr(GBytes) bytes = hex (text);
  Control control = { .bytes = { 0 } };
  struct iovec vector;
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

  vector.iov_base = (gpointer) g_bytes_get_data (bytes, &vector.iov_len);
  if (n_fds > 0)
    {
      message.msg_control = &control;
      message.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
      control.header.cmsg_level = SOL_SOCKET;
      control.header.cmsg_type = SCM_RIGHTS;
      control.header.cmsg_len = CMSG_LEN (n_fds * sizeof (int));
      memcpy (CMSG_DATA (&control.header), fds, n_fds * sizeof (int));
    }
  if (sendmsg (fd, &message, MSG_NOSIGNAL) != (gssize) vector.iov_len)
    harness_fail ("the client cannot say \"%.24s\": %s", text, g_strerror (errno));
}

void
client_say (int fd, const char *text)
{
  client_say_with_fds (fd, text, NULL, 0);
}

/* Appends the descriptors of a message to @fds, which has room for @max, @n of it used. */
static gsize
take_fds (struct msghdr *message, int *fds, gsize n, gsize max)
{
  struct cmsghdr *control = CMSG_FIRSTHDR (message);
  gsize size;

  if (control == NULL)
    return n;

  size = control->cmsg_len - CMSG_LEN (0);
  if (n + size / sizeof (int) > max)
    harness_fail ("%" G_GSIZE_FORMAT " descriptors came, room is for %" G_GSIZE_FORMAT,
                  n + size / sizeof (int), max);
  memcpy (fds + n, CMSG_DATA (control), size);

  return n + size / sizeof (int);
}

gsize
client_hear_with_fds (int fd, const char *text, int *fds, gsize max)
{
  g_autofree char *why = NULL;
  g_autofree char *difference = NULL;
  g_autofree guint8 *data = NULL;
  g_autoptr(HexPattern) pattern = hex_pattern_new (text, &why);
  gsize size = 0;
  gsize n_fds = 0;

  if (pattern == NULL)
    harness_fail ("%s", why);

  data = g_malloc (pattern->bytes->len);
  while (size < pattern->bytes->len)
    {
      Control control;
      struct iovec vector = { .iov_base = data + size, .iov_len = pattern->bytes->len - size };
      struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof (control)
      };
      gssize n = recvmsg (fd, &message, MSG_CMSG_CLOEXEC);

      if (n <= 0)
        break;
      size += n;
      n_fds = take_fds (&message, fds, n_fds, max);
    }
  difference = hex_pattern_difference (pattern, data, size);
  if (difference != NULL)
    harness_fail ("the client hears: %s", difference);

  return n_fds;
}

void
client_hear (int fd, const char *text)
{
  client_hear_with_fds (fd, text, NULL, 0);
}

gsize
client_hear_some (int fd, gpointer data, gsize max)
{
  gssize n = recv (fd, data, max, 0);

  if (n < 0)
    harness_fail ("recv: %s", g_strerror (errno));

  return n;
}

/* A server that closes with unread data resets the connection: that is an end too. */
void
client_hear_end (int fd)
{
  char ignored[4096];

  while (recv (fd, ignored, sizeof (ignored), 0) > 0)
    continue;
}
