/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The parts of BAR0 that a client can also reach by ioregionfds: three small memories, side by side,
 * two of which share a descriptor. Commands of 32 bytes come on its socket, and responses go back.
 */

#pragma once

#include "region.h"
#include "server-commands.h"

/* Where they are in BAR0, and how large. */
#define IOREGION_A     0x900
#define IOREGION_B     0x940 /* the same descriptor as A */
#define IOREGION_C     0x980 /* writes are posted */
#define IOREGION_SIZE  0x40
#define IOREGIONS_BASE IOREGION_A
#define IOREGIONS_SIZE 0xc0

/* What the client repeats in each command, so that it is known which one is meant. */
#define IOREGION_A_USER_DATA 0xaaaaaaaa0000000au
#define IOREGION_B_USER_DATA 0xbbbbbbbb0000000bu
#define IOREGION_C_USER_DATA 0xcccccccc0000000cu

/* In A: reading the last 8 bytes by ioregionfd reads the client's memory first, and gives that. */
#define IOREGION_A_DMA 0x38

typedef struct
{
  guint32 n_reads; /* by ioregionfd */
  guint32 n_writes;
} IoregionCounts;

typedef struct _Ioregions Ioregions;

/* MEMORY is theirs, IOREGIONS_SIZE bytes; PING_ADDRESS, little-endian, where the client's memory is
   read. */
Ioregions *ioregions_new (guint8 *memory, const guint8 *ping_address, ServerCommands *commands);
void ioregions_free (Ioregions *ioregions);

/* Lists them behind the IO FDs that are there. The descriptors change when a client has left. */
void ioregions_list (Ioregions *ioregions, GArray *io_fds);

/* The client's ends are of no use any more: the next one gets new ones. */
void ioregions_client_left (Ioregions *ioregions);

/* Executes the commands that have come. So what is read by message afterwards is as if they had been
   messages, too. */
void ioregions_poll (Ioregions *ioregions);

/* As of the last time; since the last reset. */
IoregionCounts ioregions_get_counts (const Ioregions *ioregions);
void ioregions_reset_counts (Ioregions *ioregions);
