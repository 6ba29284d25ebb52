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

/* A success reply of so many bytes, with descriptors. */
void peer_reply_with_fds (int fd,
                          const PeerHeader *command,
                          const void *payload,
                          gsize size,
                          const int *fds,
                          guint n_fds);

/* DEVICE_GET_REGION_INFO.  FALSE: it is an ordinary region, and nothing was sent. */
gboolean peer_ways_answer_region_info (int fd, const PeerHeader *command, const guint8 *payload);

/* DEVICE_GET_REGION_IO_FDS. */
void peer_ways_answer_io_fds (int fd, const PeerHeader *command, const guint8 *payload);

/* Answers 32-byte commands until the client is gone. */
void peer_serve_ioregionfd (int fd);

/* As fork(): the child ends with this process, and stays on that CPU; -1: on the same as this. */
pid_t peer_fork (int cpu);

/* Asks for all of an order, waiting for each reply. */
void peer_dma_run (int fd, const PeerDmaOrder *order);

#endif /* BENCH_PEER_PRIVATE_H */
