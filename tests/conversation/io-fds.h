/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The payload of a DEVICE_GET_REGION_IO_FDS reply, as hex text:
 *
 *   IO_FDS (64, 0, 1) IO_FD_48 (0x10, 4, 0, 0, 1, 0, 0, 77)
 *
 * is one entry: a write of 77 as 4 bytes at 0x10 of region 0 kicks descriptor 0.  And how they are
 * asked for:
 *
 *   script_io_fds_question (server);
 *   script_reply_fds (server, IO_FDS (64, 0, 1) ..., fds);
 *   ...
 *   io_fds = get_io_fds (device, 0, 1);
 */

#ifndef CONVERSATION_IO_FDS_H
#define CONVERSATION_IO_FDS_H

#include <vfio-user-client/vfio-user-client.h>

#include "harness/script-server.h"

G_BEGIN_DECLS

#define IO_FDS(argsz, region, count) "u32:" #argsz " u32:0 u32:" #region " u32:" #count " | "

/* Type 0 is ioeventfd, 1 ioregionfd, 2 shadow ioeventfd. */
#define IO_FD_40(offset, size, fd, type, flags, at_32) \
  "u64:" #offset " u64:" #size " u32:" #fd " u32:" #type " u32:" #flags " u32:0 u64:" #at_32 " | "
#define IO_FD_48(offset, size, fd, type, flags, shadow_fd, at_32, datamatch) \
  "u64:" #offset " u64:" #size " u32:" #fd " u32:" #type " u32:" #flags " u32:" #shadow_fd \
  " u64:" #at_32 " u64:" #datamatch " | "

/* The script: the question for region 0, of which argsz is free. */
void script_io_fds_question (ScriptServer *server);

/* The entries of a region, of which there are n. */
const VucIoFd *get_io_fds (VucDevice *device, guint32 region, gsize n);

G_END_DECLS

#endif /* CONVERSATION_IO_FDS_H */
