/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is measured: slices of so many operations, in pairs.  bench.c has the table that says which
 * go together; each group is in a file of its own.
 */

#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include "bench/measure.h"

/* figures-access.c: one access after the other, and connecting. */
void read_4 (Subject *subject, guint count);
void bare_read_4 (Subject *subject, guint count);
void bare_read_4_minimal (Subject *subject, guint count);
void write_4 (Subject *subject, guint count);
void bare_write_4 (Subject *subject, guint count);
void read_1m (Subject *subject, guint count);
void bare_read_1m (Subject *subject, guint count);
void connect_once (Subject *subject, guint count);
void bare_connect_once_pipelined (Subject *subject, guint count);
void bare_connect_once_serial (Subject *subject, guint count);

/* figures-access.c: no server, only the system calls of an access on a socket that is ready. */
void calls_in_pieces (Subject *subject, guint count);
void calls_minimal (Subject *subject, guint count);

/* figures-threads.c: the device attached to the main loop of another thread. */
extern const Setting while_attached;

/* figures-threads.c: several threads at once. */
extern const Setting with_threads;
void threads_read_4 (Subject *subject, guint count);

/* figures-async.c: many reads in flight. */
extern const Setting in_context; /* 32 in flight, on a main context */
extern const Setting in_process; /* 32 in flight, on a loop of our own */
extern const Setting at_limit;   /* as many as the device takes, on a main context */
void flight_read_4 (Subject *subject, guint count);
void bare_flight_read_4 (Subject *subject, guint count);

/* figures-loop.c: many devices on one main loop. */
extern const Setting with_devices;
void devices_read_4 (Subject *subject, guint count);
void few_devices_read_4 (Subject *subject, guint count);

/* figures-dma.c: the server reads and writes memory by message while a write waits. */
extern const Setting with_memory;      /* one region of 1 MiB */
extern const Setting with_twin_memory; /* the same, by a twin socket */
extern const Setting with_many_regions;
void dma_read_4k (Subject *subject, guint count);
void bare_dma_read_4k (Subject *subject, guint count);
void dma_write_4k (Subject *subject, guint count);
void bare_dma_write_4k (Subject *subject, guint count);
void dma_read_1m (Subject *subject, guint count);
void bare_dma_read_1m (Subject *subject, guint count);
void dma_write_1m (Subject *subject, guint count);
void bare_dma_write_1m (Subject *subject, guint count);
void many_dma_read_4k (Subject *subject, guint count);
void many_dma_write_4k (Subject *subject, guint count);

/* figures-ways.c: a device with other ways than messages. */
extern const Setting with_ways;
void mapped_read_4 (Subject *subject, guint count);
void message_read_4 (Subject *subject, guint count);
void mapped_load (Subject *subject, guint count);
void plain_load (Subject *subject, guint count);
void kick_4 (Subject *subject, guint count);
void bare_kick (Subject *subject, guint count);
void ioregionfd_read_4 (Subject *subject, guint count);
void bare_ioregionfd_read_4 (Subject *subject, guint count);
void route_among_many (Subject *subject, guint count);
void route_to_one (Subject *subject, guint count);

/* figures-posted.c: writes that nobody waits for, then a flush. */
extern const Setting with_posting;
void post_4 (Subject *subject, guint count);
void bare_post_4 (Subject *subject, guint count);
void post_4_together (Subject *subject, guint count); /* many in a message */

/* figures-polling.c: a device that polls, and a peer that does; the other sleeps, as its peer. */
extern const Setting with_polling;
void polling_read_4 (Subject *subject, guint count);
void sleeping_read_4 (Subject *subject, guint count);

/* figures-loop.c: prints what an idle device takes of the heap. */
void report_heap_per_device (const Placement *placement);

#endif /* BENCH_FIGURES_H */
