/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The library's side of a comparison: a device, and the peer that it is connected to.  The other
 * side is in bare.h.  Whatever fails ends the program.
 *
 *   Client client;
 *
 *   client_open (&client, subject->placement->server_cpu, PEER_PLAIN, NULL);
 *   ... use client.device ...
 *   client_close (&client);
 */

#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <vfio-user-client/vfio-user-client.h>

#include "bench/peer.h"

typedef struct
{
  VucDevice *device;
  pid_t pid; /* the peer's */
} Client;

/* Starts a peer and connects to it. */
void client_open (Client *client, int cpu, PeerManner manner, VucConfig *config);
void client_close (Client *client);

/* Connects only.  Closes fd: the device has its own. */
VucDevice *client_connect (int fd, VucConfig *config);

#endif /* BENCH_CLIENT_H */
