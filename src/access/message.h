/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An access to a region that travels as messages: a task.  Any thread.
 */

#ifndef VUC_MESSAGE_H
#define VUC_MESSAGE_H

#include <glib.h>

#include "session/task.h"
#include "wire/region-access.h"

typedef struct
{
  VucTask task;
  VucRegionAccess access; /* the part that is under way */
  guint8 *data;           /* of that part */
  gsize left;             /* bytes, that part included */
  gsize chunk;
  guint8 reply[VUC_REGION_ACCESS_SIZE];
  VucCall call;
} VucTransfer;

/*
 * command: REGION_READ or REGION_WRITE, of messages of at most chunk bytes of data.  The range was
 * checked: it lies inside the region.  Only a read touches data.
 */
void vuc_transfer_init (VucTransfer *transfer,
                        VucSession *session,
                        guint16 command,
                        guint32 region,
                        guint64 offset,
                        void *data,
                        gsize count,
                        gsize chunk,
                        gint64 deadline);

/* Frees what an operation that was ended before its last step has left. */
void vuc_transfer_clear (gpointer transfer);

#endif /* VUC_MESSAGE_H */
