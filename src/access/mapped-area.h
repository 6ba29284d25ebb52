/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Mapping a file that the server gave.  Any thread.
 */

#ifndef VUC_MAPPED_AREA_H
#define VUC_MAPPED_AREA_H

#include <glib.h>

/*
 * Maps size bytes of fd from fd_offset on, shared, with the protection of mmap(2).  Offset and size
 * must be multiples of the host's page size, the file as large as what is mapped, and unable to
 * shrink; with allow_unsealed the last is the caller's trust.
 *
 * Returns: the memory, to be given to munmap(2), or NULL with error set (VUC_ERROR_REJECTED).
 */
gpointer vuc_mapped_area_map (int fd,
                              guint64 fd_offset,
                              guint64 size,
                              int protection,
                              gboolean allow_unsealed,
                              GError **error);

#endif /* VUC_MAPPED_AREA_H */
