/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client that one would write by hand.  It checks nothing but that something came: a server
 * that lies would have its way with it.
 */

#include "bench/bare.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "bench/peer.h"

#define TIMEOUT_S 5

typedef struct
{
  guint16 id;
  guint16 command;
  guint32 size;
  guint32 flags;
  guint32 error;
} Header;

typedef struct
{
  Header header;
  guint64 offset;
  guint32 region;
  guint32 count;
} Access;

static guint16 next_id;

static void
wait_for_input (int fd)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
  struct timespec timeout = { .tv_sec = TIMEOUT_S };

  if (ppoll (&poll_fd, 1, &timeout, NULL) != 1)
    g_error ("the peer does not answer");
}

static void
send_or_die (int fd, struct iovec *iov, gsize n)
{
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = n };

  if (sendmsg (fd, &message, MSG_NOSIGNAL) < 0)
    g_error ("send: %s", g_strerror (errno));
}

/* Until all of iov is there. */
static void
receive_all (int fd, struct iovec *iov, gsize n)
{
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = n };

  while (message.msg_iovlen > 0)
    {
      gssize count;

      wait_for_input (fd);
      count = recvmsg (fd, &message, MSG_DONTWAIT);
      if (count <= 0)
        g_error ("recv: %s", count < 0 ? g_strerror (errno) : "the peer is gone");
      while (message.msg_iovlen > 0 && (gsize) count >= message.msg_iov->iov_len)
        {
          count -= (gssize) message.msg_iov->iov_len;
          message.msg_iov++;
          message.msg_iovlen--;
        }
      if (message.msg_iovlen > 0)
        {
          message.msg_iov->iov_base = (guint8 *) message.msg_iov->iov_base + count;
          message.msg_iov->iov_len -= (gsize) count;
        }
    }
}

void
bare_read (int fd, guint64 offset, void *data, guint32 count)
{
  Access request = { .header = { .id = next_id++, .command = 9, .size = sizeof request },
                     .offset = offset,
                     .region = 0,
                     .count = count };
  Access reply;
  struct iovec out = { &request, sizeof request };
  struct iovec in[] = { { &reply, sizeof reply }, { data, count } };

  send_or_die (fd, &out, 1);
  receive_all (fd, in, G_N_ELEMENTS (in));
  if (reply.header.id != request.header.id || (reply.header.flags & 0x20) != 0)
    g_error ("the peer refused a read");
}

void
bare_write (int fd, guint64 offset, const void *data, guint32 count)
{
  Access request = {
    .header = { .id = next_id++, .command = 10, .size = (guint32) sizeof request + count },
    .offset = offset,
    .region = 0,
    .count = count
  };
  Access reply;
  struct iovec out[] = { { &request, sizeof request }, { (void *) data, count } };
  struct iovec in = { &reply, sizeof reply };

  send_or_die (fd, out, G_N_ELEMENTS (out));
  receive_all (fd, &in, 1);
  if (reply.header.id != request.header.id || (reply.header.flags & 0x20) != 0)
    g_error ("the peer refused a write");
}

static gsize
put_query (guint8 *bytes, guint16 command, guint32 index, const void *payload, gsize size)
{
  Header header = { .id = next_id++, .command = command, .size = (guint32) (sizeof header + size) };

  memcpy (bytes, &header, sizeof header);
  memcpy (bytes + sizeof header, payload, size);
  if (command == 5 || command == 7)
    memcpy (bytes + sizeof header + 8, &index, sizeof index);
  return header.size;
}

/* Sends what was put together, and reads replies of this many bytes. */
static void
exchange (int fd, guint8 *bytes, gsize size, gsize reply_size)
{
  guint8 reply[4096];
  struct iovec out = { bytes, size };
  struct iovec in = { reply, reply_size };

  send_or_die (fd, &out, 1);
  receive_all (fd, &in, 1);
}

static const char
  version[] = "\0\0\2\0{\"capabilities\":{\"max_msg_fds\":253,\"max_data_xfer_size\":1048576,"
              "\"max_dma_maps\":65535,\"pgsizes\":4096,\"sparse_mmap_fds\":true,"
              "\"migration\":{\"pgsize\":4096}}}";

/* Header, fixed part, and JSON of the peer's answer. */
#define VERSION_REPLY_SIZE (16 + 4 + sizeof "{\"capabilities\":{\"max_data_xfer_size\":1048576}}")

static void
bare_connect (int fd, gboolean pipelined)
{
  const guint32 info[4] = { 16 };
  const guint32 region[8] = { 1024 };
  guint8 bytes[4096];
  gsize size;
  gsize expected = 0;

  size = put_query (bytes, 1, 0, version, sizeof version);
  exchange (fd, bytes, size, VERSION_REPLY_SIZE);
  size = put_query (bytes, 4, 0, info, sizeof info);
  exchange (fd, bytes, size, 32);

  size = 0;
  for (guint i = 0; i < PEER_NUM_REGIONS + PEER_NUM_IRQS; i++)
    {
      gboolean is_region = i < PEER_NUM_REGIONS;

      size += is_region ? put_query (bytes + size, 5, i, region, sizeof region)
                        : put_query (bytes + size, 7, i - PEER_NUM_REGIONS, info, sizeof info);
      expected += is_region ? 48 : 32;
      if (pipelined && i + 1 < PEER_NUM_REGIONS + PEER_NUM_IRQS)
        continue;
      exchange (fd, bytes, size, expected);
      size = expected = 0;
    }
}

void
bare_connect_pipelined (int fd)
{
  bare_connect (fd, TRUE);
}

void
bare_connect_serial (int fd)
{
  bare_connect (fd, FALSE);
}
