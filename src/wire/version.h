/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VERSION: the protocol version and the capability JSON, both ways.  Pure; any thread.
 */

#ifndef VUC_VERSION_CODEC_H
#define VUC_VERSION_CODEC_H

#include <glib.h>

#include "wire/protocol.h"

/* What one side says in VERSION.  Each limit is what that side can take. */
typedef struct
{
  guint16 major;
  guint16 minor;
  guint64 max_msg_fds;        /* descriptors; what is above VUC_LIMIT_MSG_FDS counts as that */
  guint64 max_data_xfer_size; /* bytes, not 0 */
  guint64 max_dma_maps;
  guint64 pgsizes;            /* bytes, or'ed together, not 0 */
  gboolean twin_socket;       /* proposed, or agreed to */
  guint twin_socket_fd_index; /* in a decoded agreement: an index below n_fds */
  gboolean write_multiple;
  gboolean sparse_mmap_fds;
  guint64 migration_pgsize;          /* bytes; 0: not named */
  guint64 migration_max_bitmap_size; /* bytes; 0: not named */
} VucVersion;

/* Our proposal as a payload: the fixed part, the JSON with every capability, its NUL. */
GByteArray *vuc_version_encode (const VucVersion *proposal);

/*
 * The reply's payload.  proposal is what we sent, n_fds how many descriptors came.  What the JSON
 * does not name has the protocol's default in *agreed; what can be on or off is on only if both
 * sides say so.  On FALSE *agreed is untouched; every error is fatal (VUC_ERROR_PROTOCOL).
 */
gboolean vuc_version_decode (const guint8 *payload,
                             gsize size,
                             const VucVersion *proposal,
                             guint n_fds,
                             VucVersion *agreed,
                             GError **error);

#endif /* VUC_VERSION_CODEC_H */
