/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Accesses that wait for their answer, and connecting: the library's way, and by hand.  Main
 * thread.
 */

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/figures.h"

void
read_4 (Subject *subject, guint count)
{
  while (count-- > 0)
    if (!vuc_device_region_read (subject->device, 0, 64, subject->buffer, 4, NULL))
      g_error ("a read failed");
}

void
bare_read_4 (Subject *subject, guint count)
{
  while (count-- > 0)
    bare_read (subject->bare, 64, subject->buffer, 4);
}

void
bare_read_4_minimal (Subject *subject, guint count)
{
  while (count-- > 0)
    bare_read_4_once (subject->bare, 64, subject->buffer);
}

void
write_4 (Subject *subject, guint count)
{
  while (count-- > 0)
    if (!vuc_device_region_write (subject->device, 0, 64, subject->buffer, 4, NULL))
      g_error ("a write failed");
}

void
bare_write_4 (Subject *subject, guint count)
{
  while (count-- > 0)
    bare_write (subject->bare, 64, subject->buffer, 4);
}

void
read_1m (Subject *subject, guint count)
{
  while (count-- > 0)
    if (!vuc_device_region_read (subject->device, 0, 0, subject->buffer, 1 << 20, NULL))
      g_error ("a read failed");
}

void
bare_read_1m (Subject *subject, guint count)
{
  while (count-- > 0)
    bare_read (subject->bare, 0, subject->buffer, 1 << 20);
}

/* --- Connecting --- */

void
connect_once (Subject *subject, guint count)
{
  while (count-- > 0)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VucDevice) device = vuc_device_connect (subject->path, NULL, &error);

      if (device == NULL)
        g_error ("%s", error->message);
    }
}

static void
bare_connect_once (Subject *subject, guint count, void (*converse) (int fd))
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_strlcpy (address.sun_path, subject->path, sizeof address.sun_path);
  while (count-- > 0)
    {
      int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

      if (connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
        g_error ("connecting: %s", g_strerror (errno));
      converse (fd);
      close (fd);
    }
}

void
bare_connect_once_pipelined (Subject *subject, guint count)
{
  bare_connect_once (subject, count, bare_connect_pipelined);
}

void
bare_connect_once_serial (Subject *subject, guint count)
{
  bare_connect_once (subject, count, bare_connect_serial);
}

/* --- The system calls alone --- */

/* As many bytes as the reply to a read of 4 bytes has.  What is sent is received by the same
 * thread, so there is neither a server nor another to switch to. */
#define LOOP_SIZE 36

typedef struct
{
  int fds[2];
  guint8 bytes[LOOP_SIZE];
} Loop;

static void
loop_open (Loop *loop)
{
  *loop = (Loop){ 0 };
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, loop->fds) < 0)
    g_error ("socketpair: %s", g_strerror (errno));
}

static void
loop_close (Loop *loop)
{
  close (loop->fds[0]);
  close (loop->fds[1]);
}

static void
loop_poll (const Loop *loop)
{
  struct pollfd poll_fd = { .fd = loop->fds[1], .events = POLLIN };
  struct timespec timeout = { .tv_sec = 5 };

  if (ppoll (&poll_fd, 1, &timeout, NULL) != 1)
    g_error ("what was sent does not come");
}

void
calls_in_pieces (Subject *subject G_GNUC_UNUSED, guint count)
{
  Loop loop;
  struct iovec out = { loop.bytes, LOOP_SIZE };
  struct iovec in[] = { { loop.bytes, LOOP_SIZE - 4 }, { loop.bytes + LOOP_SIZE - 4, 4 } };
  struct msghdr command = { .msg_iov = &out, .msg_iovlen = 1 };
  struct msghdr reply = { .msg_iov = in, .msg_iovlen = G_N_ELEMENTS (in) };

  loop_open (&loop);
  while (count-- > 0)
    {
      if (sendmsg (loop.fds[0], &command, MSG_NOSIGNAL) != LOOP_SIZE)
        g_error ("sendmsg: %s", g_strerror (errno));
      loop_poll (&loop);
      if (recvmsg (loop.fds[1], &reply, MSG_DONTWAIT) != LOOP_SIZE)
        g_error ("recvmsg: %s", g_strerror (errno));
    }
  loop_close (&loop);
}

void
calls_minimal (Subject *subject G_GNUC_UNUSED, guint count)
{
  Loop loop;

  loop_open (&loop);
  while (count-- > 0)
    {
      if (send (loop.fds[0], loop.bytes, LOOP_SIZE, MSG_NOSIGNAL) != LOOP_SIZE)
        g_error ("send: %s", g_strerror (errno));
      loop_poll (&loop);
      if (recv (loop.fds[1], loop.bytes, LOOP_SIZE, MSG_DONTWAIT) != LOOP_SIZE)
        g_error ("recv: %s", g_strerror (errno));
    }
  loop_close (&loop);
}
