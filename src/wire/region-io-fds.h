/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_IO_FDS.  Pure; any thread.  What only the kernel can tell (that a descriptor is
 * an eventfd, that shadow memory lies inside its file) is checked where the descriptors are.
 */

#ifndef VUC_REGION_IO_FDS_H
#define VUC_REGION_IO_FDS_H

#include <glib.h>

#include "wire/protocol.h"

typedef struct
{
  guint32 type;  /* VucIoFdType */
  guint32 flags; /* VucIoFdFlags: translated from the bits of that type */
  guint64 offset;
  guint64 size;
  int fd_index;          /* below the number of descriptors that came; -1: a shadow entry that only
                           stores */
  int shadow_fd_index;   /* likewise; -1 for other types */
  guint64 datamatch;     /* 0 without VUC_IO_FD_DATAMATCH */
  guint64 user_data;     /* ioregionfd */
  guint64 shadow_offset; /* shadow ioeventfd */
} VucRegionIoFd;

typedef struct
{
  guint32 argsz;     /* what a full reply needs, in bytes */
  gboolean complete; /* FALSE: argsz is more than was asked for; nothing else is known, ask again */
  guint n_entries;
  VucRegionIoFd *entries; /* in the order of the message, those without a descriptor that need one
                             left out; freed by _clear */
} VucRegionIoFdsReply;

/* What the caller knows of the question and of the region. */
typedef struct
{
  guint32 index;       /* of the region that was asked for */
  guint32 argsz;       /* the largest reply payload that was asked for */
  guint64 region_size; /* bytes */
  gboolean port_io;    /* the caller says that the region is port IO */
  guint n_fds;         /* how many descriptors came */
} VucRegionIoFdsQuery;

/* argsz: the largest reply payload that is taken, VUC_REGION_IO_FDS_SIZE to VUC_LIMIT_ARGSZ. */
void vuc_region_io_fds_encode (guint32 index,
                               guint32 argsz,
                               guint8 payload[VUC_REGION_IO_FDS_SIZE]);

/*
 * Fills *reply, to be given back to vuc_region_io_fds_reply_clear().  On FALSE *reply is untouched;
 * the error is fatal (VUC_ERROR_PROTOCOL: the index does not echo, the payload's size is
 * impossible) or refuses the whole answer (VUC_ERROR_REJECTED; for lack of memory VUC_ERROR_LIMIT).
 */
gboolean vuc_region_io_fds_decode (const guint8 *payload,
                                   gsize size,
                                   const VucRegionIoFdsQuery *query,
                                   VucRegionIoFdsReply *reply,
                                   GError **error);

void vuc_region_io_fds_reply_clear (VucRegionIoFdsReply *reply);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VucRegionIoFdsReply, vuc_region_io_fds_reply_clear)

#endif /* VUC_REGION_IO_FDS_H */
