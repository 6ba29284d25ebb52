/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What follows the fixed fields of some messages, for the printer.  Each takes a cursor over the
 * payload that stands behind those fields, all of which came.  Pure; any thread.
 */

#ifndef VUC_PRINT_LISTS_H
#define VUC_PRINT_LISTS_H

#include <glib.h>

#include "base/cursor.h"

/* ": 01 02 03", or nothing: bytes without a structure. */
void vuc_print_data (GString *line, VucCursor *cursor);

/* "; SPARSE_MMAP nr_areas 1 [offset 0x0, size 0x1000]; MSIX_MAPPABLE" of region info */
void vuc_print_capabilities (GString *line, VucCursor *cursor);

/* " [ioeventfd, offset 0x0, …] [ioregionfd, …]" of region IO FDs */
void vuc_print_io_fds (GString *line, VucCursor *cursor);

/* " [region 0, offset 0x8, count 4: 01 02 03 04]" of REGION_WRITE_MULTI */
void vuc_print_writes (GString *line, VucCursor *cursor);

#endif /* VUC_PRINT_LISTS_H */
