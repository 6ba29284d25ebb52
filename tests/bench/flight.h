/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Asynchronous reads of 4 bytes that follow each other: each place of a flight has one read under
 * way, and the callback of one starts the next.  Who calls the callbacks is the caller's business.
 * One thread.
 */

#ifndef BENCH_FLIGHT_H
#define BENCH_FLIGHT_H

#include <vfio-user-client/vfio-user-client.h>

typedef struct _Flight Flight;

/* The places take turns with the devices, which must live longer. */
Flight *flight_new (VucDevice *const *devices, guint n_devices, guint n_places);

/* Nothing may be under way. */
void flight_free (Flight *flight);

/* Begins with one read for each place, and goes on until so many are done. */
void flight_start (Flight *flight, guint count);

/* Starts what was put off because the device was at its limit. */
void flight_go_on (Flight *flight);

/* How many reads are complete since the start, and how many of them have failed. */
guint flight_get_done (const Flight *flight);
guint flight_get_failed (const Flight *flight);

/* Why the first one failed; NULL if none has. */
const char *flight_get_failure (const Flight *flight);

#endif /* BENCH_FLIGHT_H */
