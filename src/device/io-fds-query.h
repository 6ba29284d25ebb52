/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_IO_FDS, asked and checked: part of a task, of the one that asks for a region's
 * IO descriptors, or of one that reconnects and asks again.  Does not keep anything.
 */

#ifndef VUC_IO_FDS_QUERY_H
#define VUC_IO_FDS_QUERY_H

#include "device/shape.h"
#include "session/task.h"

typedef struct
{
  VucTask *task;
  guint32 index;
  guint64 region_size;
  gboolean port_io;

  VucCall call;
  guint32 argsz;   /* what was offered */
  guint8 *payload; /* of that size, while a call is under way */
  guint n_asked;
  VucFdSet fds;
  VucRegionIoFdsKept answer; /* the outcome */
} VucIoFdsQuery;

void vuc_io_fds_query_init (VucIoFdsQuery *query,
                            VucTask *task,
                            const VucRegion *region,
                            gboolean port_io);

/* Frees the answer, too, unless it was taken. */
void vuc_io_fds_query_clear (VucIoFdsQuery *query);

/* Asks; once more with a larger reply if need be.  Has ended well when answer.known is set: a
 * refusal is an answer, too. */
VucTaskStatus vuc_io_fds_query_step (VucIoFdsQuery *query, GError **error);

#endif /* VUC_IO_FDS_QUERY_H */
