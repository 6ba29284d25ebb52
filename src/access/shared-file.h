/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A file of the caller's that is shared with the server: a duplicate of its descriptor that lets the
 * server do no more than it may.  Regions of one file share one duplicate.  Any thread.
 */

#ifndef VUC_SHARED_FILE_H
#define VUC_SHARED_FILE_H

#include <sys/types.h>

#include <glib.h>

typedef struct
{
  gint ref_count; /* atomic */
  int fd;
  dev_t device; /* which file it is */
  ino_t inode;
  gboolean writable;
  guint n_regions; /* of the table that knows it; under the table's lock */
} VucSharedFile;

/*
 * fd stays the caller's.  writable: the server may write it, so fd must be open for reading and
 * writing; else what is shared cannot be written.  It is sealed against shrinking.  unsafe: where one
 * or the other cannot be, it is shared all the same.
 *
 * Returns: a new file, or NULL with VUC_ERROR_NOT_SUPPORTED or _INVALID_ARGUMENT.
 */
VucSharedFile *vuc_shared_file_new (int fd, gboolean writable, gboolean unsafe, GError **error);

VucSharedFile *vuc_shared_file_ref (VucSharedFile *file);
void vuc_shared_file_unref (VucSharedFile *file);

/* Whether size bytes at offset are inside it; always for what has no size. */
gboolean vuc_shared_file_holds (const VucSharedFile *file, guint64 offset, guint64 size);

/* Whether both stand for the same file with the same rights. */
gboolean vuc_shared_file_equal (gconstpointer a, gconstpointer b);
guint vuc_shared_file_hash (gconstpointer file);

#endif /* VUC_SHARED_FILE_H */
