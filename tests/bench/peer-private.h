/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the files of the peer share.
 */

#ifndef BENCH_PEER_PRIVATE_H
#define BENCH_PEER_PRIVATE_H

#include <sys/uio.h>

#include "bench/peer.h"

typedef struct
{
  guint16 id;
  guint16 command;
  guint32 size;
  guint32 flags;
  guint32 error;
} PeerHeader;

/* Ends the process if the client is gone. */
void peer_send_all (int fd, struct iovec *iov, int n);

/* Asks for all of an order, waiting for each reply. */
void peer_dma_run (int fd, const PeerDmaOrder *order);

#endif /* BENCH_PEER_PRIVATE_H */
