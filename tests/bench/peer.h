/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The server that both clients of a comparison talk to, each to a process of its own: the fewest
 * system calls that can answer, so that what is measured is the client.  Shares no code with the
 * library.
 */

#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <sys/types.h>

#include <glib.h>

/* What the peer's only region has: large enough for the largest read. */
#define PEER_REGION_SIZE (16u * 1024 * 1024)
#define PEER_NUM_REGIONS 9
#define PEER_NUM_IRQS    5

/* A write to this region, of an order, makes the peer do DMA; the write is answered when all of it
 * is done. */
#define PEER_DMA_REGION 1

typedef struct
{
  guint32 command; /* 11: DMA_READ; 12: DMA_WRITE */
  guint32 size;    /* of each, in bytes; 1 MiB at the most */
  guint32 count;   /* how many, one after the other */
  guint32 n_places;
  guint64 stride; /* from place to place, in bytes; each message goes to one of them, at random */
} PeerDmaOrder;

#define PEER_DMA_MAX_SIZE (1u << 20)

/* Regions that there are other ways to than messages, of a peer with PEER_WAYS. */
#define PEER_MAPPED_REGION     2 /* all of it is a file to be mapped */
#define PEER_KICKS_REGION      3 /* PEER_N_KICKS ioeventfds of 4 bytes, one behind the other */
#define PEER_ONE_KICK_REGION   4 /* one, at its start */
#define PEER_IOREGIONFD_REGION 5 /* an ioregionfd for all of it */

#define PEER_WAYS_SIZE (64u * 1024) /* of each */
#define PEER_N_KICKS   1000

/* What it does that a plain one does not. */
typedef enum
{
  PEER_PLAIN = 0,
  PEER_TWIN = 1 << 0,  /* has a twin socket, and does DMA there */
  PEER_WAYS = 1 << 1,  /* has those regions */
  PEER_MULTI = 1 << 2, /* says that it understands REGION_WRITE_MULTI */
  PEER_SPINS = 1 << 3  /* does not sleep while commands follow each other */
} PeerManner;

/* Forks a server on one end of a socket pair, on this CPU; returns the client's end. */
int peer_start (int cpu, PeerManner manner, pid_t *pid);

/* Forks a server of nothing but an ioregionfd; returns that. */
int peer_start_ioregionfd (int cpu, pid_t *pid);

/* Forks one server for n socket pairs, and sets fds to the client's ends. */
void peer_start_many (int cpu, int *fds, guint n, pid_t *pid);

/* Forks a server that listens on path and serves one connection after the other. */
void peer_start_listening (const char *path, int cpu, pid_t *pid);

/* Ends it, and waits until it is gone. */
void peer_stop (pid_t pid);

/* This process runs on that CPU only; -1: on any. */
void peer_pin (int cpu);

#endif /* BENCH_PEER_H */
