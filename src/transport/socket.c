/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One send, one receive.  Neither sleeps unless it is asked to: MSG_DONTWAIT does for one call what
 * O_NONBLOCK would do for all of them.  Does not know what the bytes mean.  Any thread.
 */

#include "transport/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

/* An adopted socket may have SO_PASSCRED set: leave room, or its credentials would push descriptors
 * out. */
#define CONTROL_SIZE                                                                               \
  (CMSG_SPACE (VUC_LIMIT_MSG_FDS * sizeof (int)) + CMSG_SPACE (sizeof (struct ucred)))

typedef union
{
  struct cmsghdr align;
  char bytes[CONTROL_SIZE];
} Control;

static gboolean
peer_is_gone (int number)
{
  return number == EPIPE || number == ECONNRESET || number == ENOTCONN || number == ESHUTDOWN;
}

static VucIoStatus
io_failed (int number, const char *what, GError **error)
{
  if (number == EAGAIN || number == EWOULDBLOCK)
    return VUC_IO_AGAIN;
  if (peer_is_gone (number))
    return VUC_IO_ENDED;

  vuc_fail_errno (error, VUC_ERROR_DISCONNECTED, number, "%s the server failed", what);
  return VUC_IO_FAILED;
}

static void
attach_fds (struct msghdr *message, Control *control, const int *fds, guint n_fds)
{
  struct cmsghdr *header;

  message->msg_control = control->bytes;
  message->msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
  memset (control->bytes, 0, message->msg_controllen);

  header = CMSG_FIRSTHDR (message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
  memcpy (CMSG_DATA (header), fds, n_fds * sizeof (int));
}

VucIoStatus
vuc_socket_send (int socket,
                 const struct iovec *iov,
                 int n_iov,
                 const int *fds,
                 guint n_fds,
                 gsize *sent,
                 GError **error)
{
  struct msghdr message = { .msg_iov = (struct iovec *) iov, .msg_iovlen = (gsize) n_iov };
  Control control;
  gssize count;

  g_return_val_if_fail (n_fds <= VUC_LIMIT_MSG_FDS, VUC_IO_FAILED);

  if (n_fds > 0)
    attach_fds (&message, &control, fds, n_fds);

  /* What is in one piece, as most commands are, takes the kernel a tenth less by a plain send. */
  do
    if (n_iov == 1 && n_fds == 0)
      count = send (socket, iov->iov_base, iov->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    else
      count = sendmsg (socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (count < 0 && errno == EINTR);

  if (count < 0)
    return io_failed (errno, "sending to", error);

  *sent = (gsize) count;
  return VUC_IO_DONE;
}

VucIoStatus
vuc_socket_send_patiently (int socket,
                           const struct iovec *iov,
                           int n_iov,
                           gsize *sent,
                           GError **error)
{
  struct msghdr message = { .msg_iov = (struct iovec *) iov, .msg_iovlen = (gsize) n_iov };
  gssize count = sendmsg (socket, &message, MSG_NOSIGNAL);

  if (count < 0)
    return io_failed (errno == EINTR ? EAGAIN : errno, "sending to", error);

  *sent = (gsize) count;
  return VUC_IO_DONE;
}

/* Every descriptor of the control data goes into the set, so that none is lost whatever follows. */
static void
collect_fds (struct msghdr *message, VucFdSet *fds)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL;
       header = CMSG_NXTHDR (message, header))
    {
      gsize count = (header->cmsg_len - CMSG_LEN (0)) / sizeof (int);

      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        continue;

      for (gsize i = 0; i < count; i++)
        {
          int fd;

          memcpy (&fd, CMSG_DATA (header) + i * sizeof fd, sizeof fd);
          vuc_fd_set_add (fds, fd);
        }
    }
}

VucIoStatus
vuc_socket_receive (int socket,
                    gboolean sleeps,
                    struct iovec *iov,
                    int n_iov,
                    VucFdSet *fds,
                    gsize *received,
                    GError **error)
{
  Control control;
  struct msghdr message = { .msg_iov = iov,
                            .msg_iovlen = (gsize) n_iov,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes };
  gssize count;

  do
    count = recvmsg (socket, &message, (sleeps ? 0 : MSG_DONTWAIT) | MSG_CMSG_CLOEXEC);
  while (count < 0 && errno == EINTR && !sleeps);

  if (count < 0)
    return io_failed (errno == EINTR ? EAGAIN : errno, "receiving from", error);

  collect_fds (&message, fds);
  if ((message.msg_flags & MSG_CTRUNC) != 0)
    {
      vuc_fail_protocol (error,
                         "descriptors of a message were lost: the server sent more than %d, "
                         "or this process has too many open",
                         VUC_LIMIT_MSG_FDS);
      return VUC_IO_FAILED;
    }
  if (count == 0)
    return VUC_IO_ENDED;

  *received = (gsize) count;
  return VUC_IO_DONE;
}

/* Without room for descriptors the kernel says only that there are some; even if they are behind what
 * was asked for, which is no harm. */
gsize
vuc_socket_peek_plain (int socket, gpointer scratch, gsize max)
{
  struct iovec iov = { scratch, max };
  struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
  gssize count = recvmsg (socket, &message, MSG_PEEK | MSG_DONTWAIT);

  return count > 0 && (message.msg_flags & MSG_CTRUNC) == 0 ? (gsize) count : 0;
}

static void
set_timeout (int socket, int option, gint64 us)
{
  struct timeval timeout = { .tv_sec = us / G_USEC_PER_SEC, .tv_usec = us % G_USEC_PER_SEC };

  (void) setsockopt (socket, SOL_SOCKET, option, &timeout, sizeof timeout);
}

void
vuc_socket_set_send_patience (int socket, gint64 us)
{
  set_timeout (socket, SO_SNDTIMEO, us);
}

void
vuc_socket_set_patience (int socket, gboolean is_foreign, gint64 us)
{
  int flags = is_foreign ? fcntl (socket, F_GETFL) : O_NONBLOCK; /* as vuc_connect_path() makes it */

  set_timeout (socket, SO_RCVTIMEO, us);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0)
    (void) fcntl (socket, F_SETFL, flags & ~O_NONBLOCK);
}
