/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes: a device that posts, what that looks like on the wire, and what shows that they were
 * executed.
 */

#ifndef CONVERSATION_POSTING_H
#define CONVERSATION_POSTING_H

#include <vfio-user-client/vfio-user-client.h>

#include "harness/script-server.h"

G_BEGIN_DECLS

#define SCRATCH 0x008 /* a register of the demo device, in BAR0 */

/* A posted write to region 0 has the no-reply bit, and the id that no other message has. */
#define POSTED_WRITE(offset, data)                                                                 \
  "u16:0xffff u16:10 u32:36 u32:0x10 u32:0 | u64:" #offset " u32:0 u32:4 | " data

/* The command that a fence is, and what is answered to it. */
#define FENCE      "u32:16 u32:0 u32:0 u32:0"
#define FENCE_DONE "u32:16 u32:3 u32:9 u32:2"

/* Connects to the script, with posted writes on; which must succeed. */
VucDevice *connect_posting (ScriptServer *server);

/* Each must succeed. */
void flush (VucDevice *device);
void set_posting (VucDevice *device, guint32 region, VucPosting posting);

G_END_DECLS

#endif /* CONVERSATION_POSTING_H */
