/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DMA by message: one command after the other, each to a place that nobody can guess, with as few
 * instructions as there can be.  Looks at nothing of a reply but whether it is an error.  In the
 * peer's process.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/peer-private.h"

typedef struct
{
  PeerHeader header;
  guint64 address;
  guint64 count;
} Access;

G_STATIC_ASSERT (sizeof (Access) == 32);

/* Both directions: the command, or the reply, and its data. */
static guint8 message[sizeof (Access) + PEER_DMA_MAX_SIZE];

static guint32
next_place (guint32 n_places)
{
  static guint32 state = 2463534242u;

  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return (guint32) (((guint64) state * n_places) >> 32);
}

static void
receive_all (int fd, gsize size)
{
  gsize filled = 0;

  while (filled < size)
    {
      gssize count = recv (fd, message + filled, size - filled, 0);

      if (count < 0 && errno == EINTR)
        continue;
      if (count <= 0)
        _exit (0);
      filled += (gsize) count;

      /* An error reply is shorter, and nothing else would come. */
      if (filled >= sizeof (PeerHeader) && (((PeerHeader *) message)->flags & 0x20) != 0)
        _exit (1);
    }
}

void
peer_dma_run (int fd, const PeerDmaOrder *order)
{
  gboolean reads = order->command == 11;

  for (guint32 i = 0; i < order->count; i++)
    {
      gsize data = reads ? 0 : order->size;
      Access access = { .header = { .id = (guint16) i,
                                    .command = (guint16) order->command,
                                    .size = (guint32) (sizeof access + data) },
                        .address = next_place (order->n_places) * order->stride,
                        .count = order->size };
      struct iovec iov[] = { { &access, sizeof access }, { message + sizeof access, data } };

      peer_send_all (fd, iov, G_N_ELEMENTS (iov));
      receive_all (fd, sizeof access + (reads ? order->size : 0));
    }
}
