/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The payload of a DEVICE_GET_REGION_IO_FDS reply, as hex text:
 *
 *   IO_FDS (64, 0, 1) IO_FD_48 (0x10, 4, 0, 0, 1, 0, 0, 77)
 *
 * is one entry: a write of 77 as 4 bytes at 0x10 of region 0 kicks descriptor 0.
 */

#ifndef CONVERSATION_IO_FDS_H
#define CONVERSATION_IO_FDS_H

#define IO_FDS(argsz, region, count) "u32:" #argsz " u32:0 u32:" #region " u32:" #count " | "

/* Type 0 is ioeventfd, 1 ioregionfd, 2 shadow ioeventfd. */
#define IO_FD_40(offset, size, fd, type, flags, at_32) \
  "u64:" #offset " u64:" #size " u32:" #fd " u32:" #type " u32:" #flags " u32:0 u64:" #at_32 " | "
#define IO_FD_48(offset, size, fd, type, flags, shadow_fd, at_32, datamatch) \
  "u64:" #offset " u64:" #size " u32:" #fd " u32:" #type " u32:" #flags " u32:" #shadow_fd \
  " u64:" #at_32 " u64:" #datamatch " | "

#endif /* CONVERSATION_IO_FDS_H */
