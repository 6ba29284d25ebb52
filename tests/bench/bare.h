/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client that one would write by hand for a trusted server: the same bytes, and of system calls
 * one send, one ppoll with a timeout and one recv for each access, nothing else.  It is what the
 * library is measured against.
 */

#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <glib.h>

#include "bench/peer.h"

/* The whole connect sequence, everything pipelined that can be. */
void bare_connect_pipelined (int fd);

/* The same, one question at a time. */
void bare_connect_serial (int fd);

void bare_read (int fd, guint64 offset, void *data, guint32 count);
void bare_write (int fd, guint64 offset, const void *data, guint32 count);

/* Not waited for: a read that follows proves that it was executed. */
void bare_post (int fd, guint64 offset, const void *data, guint32 count);

/* A read of 4 bytes with the fewest instructions: one structure is sent, one is received. */
void bare_read_4_once (int fd, guint64 offset, guint32 *value);

/* So many reads of 4 bytes, of which depth are in flight: what came with one receive is answered
 * with the next commands, all in one send. */
void bare_read_4_pipelined (int fd, guint64 offset, guint depth, guint count);

/* Writes an order for DMA, and answers what the peer asks for until that write is answered: from
 * memory of so many bytes at address 0.  on: where the peer asks, fd or a twin socket. */
void bare_serve_dma (int fd, int on, const PeerDmaOrder *order, guint8 *memory, gsize size);

/* Connects to a peer that has a twin socket; returns that. */
int bare_connect_with_twin (int fd);

#endif /* BENCH_BARE_H */
