/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Any message as one readable line, for tests, traces and --verbose.  Pure; any thread.
 */

#ifndef VUC_PRINT_H
#define VUC_PRINT_H

#include <glib.h>

/*
 * bytes: the message from its header on, size of them, which may be fewer than the header says:
 * what is missing is said, not guessed.  n_fds: descriptors that belong to it.  Never fails: what
 * cannot be decoded is shown in hex.  The line has no line feed, no control characters, and a
 * bounded length.
 *
 *   "command 7: REGION_READ region 7, offset 0x10, count 4"
 *   "reply 7: REGION_READ region 7, offset 0x10, count 4: 01 02 03 04"
 *   "reply 8: DEVICE_GET_REGION_IO_FDS error: Invalid argument (errno 22)"
 */
char *vuc_print_message (const guint8 *bytes, gsize size, guint n_fds);

#endif /* VUC_PRINT_H */
