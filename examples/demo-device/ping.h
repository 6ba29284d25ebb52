/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The least that a device can do to its client's memory: 8 bytes at one address, read or written
 * again and again. The registers say where, and show what came of it.
 */

#pragma once

#include "server-commands.h"

#define PING_SIZE 8

typedef struct _Ping Ping;

Ping *ping_new (ServerCommands *commands);
void ping_free (Ping *ping);

/* Nothing is counted or remembered any more. */
void ping_reset (Ping *ping);

/* Sends COUNT commands, DMA_READ or DMA_WRITE, one after the other. What still was to be sent of
   the last start is forgotten, and a reply to that no longer counts. What is written is what was
   read last. */
void ping_start (Ping *ping, CommandNumber number, guint64 address, guint32 count);

/* Since the last start. */
guint32 ping_get_n_done (const Ping *ping);

/* Of the last reply: 0 or the client's errno; or why no more could be sent. */
guint32 ping_get_errno (const Ping *ping);

/* What was last read; PING_SIZE bytes. */
const guint8 *ping_get_data (const Ping *ping);
