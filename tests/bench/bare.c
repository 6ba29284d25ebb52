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

void
bare_post (int fd, guint64 offset, const void *data, guint32 count)
{
  Access request = { .header = { .id = next_id++,
                                 .command = 10,
                                 .size = (guint32) sizeof request + count,
                                 .flags = 0x10 },
                     .offset = offset,
                     .region = 0,
                     .count = count };
  struct iovec out[] = { { &request, sizeof request }, { (void *) data, count } };

  send_or_die (fd, out, G_N_ELEMENTS (out));
}

/* --- Reads of 4 bytes only --- */

typedef struct
{
  Access access;
  guint32 value;
} Reply4;

G_STATIC_ASSERT (sizeof (Access) == 32);
G_STATIC_ASSERT (G_STRUCT_OFFSET (Reply4, value) == sizeof (Access));

/* On the wire: without the padding at its end. */
#define REPLY_4_SIZE (sizeof (Access) + 4)

static void
fill_read_4 (Access *request, guint64 offset)
{
  *request = (Access){ .header = { .id = next_id++, .command = 9, .size = sizeof *request },
                       .offset = offset,
                       .region = 0,
                       .count = 4 };
}

void
bare_read_4_once (int fd, guint64 offset, guint32 *value)
{
  Access request;
  Reply4 reply;
  gsize filled = 0;

  fill_read_4 (&request, offset);
  if (send (fd, &request, sizeof request, MSG_NOSIGNAL) != sizeof request)
    g_error ("send: %s", g_strerror (errno));
  while (filled < REPLY_4_SIZE)
    {
      gssize count;

      wait_for_input (fd);
      count = recv (fd, (guint8 *) &reply + filled, REPLY_4_SIZE - filled, MSG_DONTWAIT);
      if (count <= 0)
        g_error ("recv: %s", count < 0 ? g_strerror (errno) : "the peer is gone");
      filled += (gsize) count;
    }
  if (reply.access.header.id != request.header.id || (reply.access.header.flags & 0x20) != 0)
    g_error ("the peer refused a read");
  *value = reply.value;
}

#define MAX_DEPTH 64

/* Sends n more reads.  There is room for all of them, as their predecessors were answered. */
static void
send_reads (int fd, guint64 offset, guint n)
{
  Access requests[MAX_DEPTH];
  gsize size = n * sizeof requests[0];

  for (guint i = 0; i < n; i++)
    fill_read_4 (&requests[i], offset);
  if (n > 0 && send (fd, requests, size, MSG_NOSIGNAL) != (gssize) size)
    g_error ("send: %s", g_strerror (errno));
}

/* Takes what is complete off the front; returns how many. */
static guint
take_replies (guint8 *bytes, gsize *filled, guint32 *values, guint16 *expected_id)
{
  guint n = 0;

  for (; *filled - n * REPLY_4_SIZE >= REPLY_4_SIZE; n++)
    {
      Reply4 reply;

      memcpy (&reply, bytes + n * REPLY_4_SIZE, REPLY_4_SIZE);
      if (reply.access.header.id != (*expected_id)++ || (reply.access.header.flags & 0x20) != 0)
        g_error ("the peer refused a read");
      values[n] = reply.value;
    }
  *filled -= n * REPLY_4_SIZE;
  memmove (bytes, bytes + n * REPLY_4_SIZE, *filled);
  return n;
}

void
bare_read_4_pipelined (int fd, guint64 offset, guint depth, guint count)
{
  guint8 bytes[MAX_DEPTH * REPLY_4_SIZE];
  guint32 values[MAX_DEPTH];
  guint16 expected_id = next_id;
  guint under_way = MIN (depth, count);
  gsize filled = 0;

  send_reads (fd, offset, under_way);
  for (guint left = count - under_way; under_way > 0;)
    {
      gssize received;
      guint n, more;

      wait_for_input (fd);
      received = recv (fd, bytes + filled, sizeof bytes - filled, MSG_DONTWAIT);
      if (received <= 0)
        g_error ("recv: %s", received < 0 ? g_strerror (errno) : "the peer is gone");
      filled += (gsize) received;
      n = take_replies (bytes, &filled, values, &expected_id);
      more = MIN (n, left);
      send_reads (fd, offset, more);
      left -= more;
      under_way -= n - more;
    }
}

/* --- Answering DMA --- */

typedef struct
{
  Header header;
  guint64 address;
  guint64 count;
} DmaAccess;

G_STATIC_ASSERT (sizeof (DmaAccess) == sizeof (Access));

/* One command, whose head is there. */
static void
answer_dma (int on, const DmaAccess *command, guint8 *memory, gsize size)
{
  gboolean reads = command->header.command == 11;
  DmaAccess head = *command;
  struct iovec iov[] = { { &head, sizeof head }, { memory + command->address, command->count } };

  if (command->address > size || command->count > size - command->address)
    g_error ("the peer asked for what is not there");
  if (!reads)
    receive_all (on, &(struct iovec){ memory + command->address, command->count }, 1);
  head.header.flags = 1;
  head.header.size = (guint32) (sizeof head + (reads ? command->count : 0));
  send_or_die (on, iov, reads ? 2 : 1);
}

/* Which of the two has something. */
static int
wait_for_either (int fd, int twin)
{
  struct pollfd poll_fds[] = { { .fd = fd, .events = POLLIN }, { .fd = twin, .events = POLLIN } };
  struct timespec timeout = { .tv_sec = TIMEOUT_S };

  if (ppoll (poll_fds, G_N_ELEMENTS (poll_fds), &timeout, NULL) < 1)
    g_error ("the peer does not answer");
  return poll_fds[0].revents != 0 ? fd : twin;
}

void
bare_serve_dma (int fd, int on, const PeerDmaOrder *order, guint8 *memory, gsize size)
{
  Access request = { .header = { .id = next_id++,
                                 .command = 10,
                                 .size = (guint32) (sizeof request + sizeof *order) },
                     .region = PEER_DMA_REGION,
                     .count = sizeof *order };
  struct iovec out[] = { { &request, sizeof request }, { (void *) order, sizeof *order } };

  send_or_die (fd, out, G_N_ELEMENTS (out));
  for (;;)
    {
      int from = on != fd ? wait_for_either (fd, on) : fd;
      DmaAccess head;
      struct iovec in = { &head, sizeof head };

      receive_all (from, &in, 1);
      if (head.header.command == 10)
        break;
      answer_dma (from, &head, memory, size);
    }
}

/* --- Connecting --- */

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

int
bare_connect_with_twin (int fd)
{
  guint8 bytes[4096];
  union
  {
    struct cmsghdr align;
    guint8 bytes[CMSG_SPACE (sizeof (int))];
  } control;
  struct iovec out = { bytes, put_query (bytes, 1, 0, version, sizeof version) };
  struct iovec in = { bytes, sizeof bytes };
  struct msghdr reply = {
    .msg_iov = &in, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  int twin;

  send_or_die (fd, &out, 1);
  wait_for_input (fd);
  if (recvmsg (fd, &reply, MSG_CMSG_CLOEXEC) <= 0 || CMSG_FIRSTHDR (&reply) == NULL)
    g_error ("no twin socket came");
  memcpy (&twin, CMSG_DATA (CMSG_FIRSTHDR (&reply)), sizeof twin);
  return twin;
}

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
