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
 * must be multiples of the host's page size, or of that of the file's huge pages; the file must be as
 * large as what is mapped, and unable to shrink; with allow_unsealed the last is the caller's trust.
 *
 * Returns: the memory, to be given to munmap(2), or NULL with error set (VUC_ERROR_REJECTED).
 */
gpointer vuc_mapped_area_map (int fd,
                              guint64 fd_offset,
                              guint64 size,
                              int protection,
                              gboolean allow_unsealed,
                              GError **error);

/*
 * Two steps to put an area in the place of another: the first can fail because of what the server
 * sent, and then leaves that alone.  (An mmap(2) over it that fails may leave a hole.)  The second
 * replaces what is mapped at to, atomically, whatever that consists of, and waits for nobody; it only
 * fails where the kernel has no memory, or no more mappings.
 */
gpointer vuc_mapped_area_map_to_move (int fd,
                                      guint64 fd_offset,
                                      guint64 size,
                                      int protection,
                                      gboolean allow_unsealed,
                                      GError **error);
gboolean vuc_mapped_area_move (gpointer memory, gsize size, gpointer to, GError **error);

/*
 * Maps the pages that hold size bytes of fd from fd_offset on, readable and writable, with the same
 * demands on the file, of which there need be no more than those bytes.  at: NULL, or what an earlier
 * call has returned for the same offset and size: in the place of that.
 *
 * Returns: where the first of these bytes is, to be given to the next function, or NULL with error
 * set.
 */
gpointer vuc_mapped_area_map_around (int fd,
                                     guint64 fd_offset,
                                     guint64 size,
                                     gboolean allow_unsealed,
                                     gpointer at,
                                     GError **error);
void vuc_mapped_area_unmap_around (gpointer memory, guint64 size);

#endif /* VUC_MAPPED_AREA_H */
