/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DMA_MAP or DMA_UNMAP of many regions, pipelined: part of a task, as queries are.  Does not know
 * what becomes of a region: its user is told of each outcome.
 */

#ifndef VUC_DMA_BULK_H
#define VUC_DMA_BULK_H

#include "access/guest-region.h"
#include "session/task.h"

typedef struct _VucDmaBulk VucDmaBulk;

/* error: NULL if the server did it, else what became of this one; it stays the bulk's. */
typedef void (*VucDmaBulkDone) (VucGuestRegion *region, const GError *error, gpointer user_data);

struct _VucDmaBulk
{
  VucTask *task;
  guint16 command;
  GPtrArray *regions;
  VucDmaBulkDone done;
  gpointer user_data;

  guint first; /* of those under way */
  guint n;
  VucCall *calls; /* room for n, while they are */
  guint8 *replies;
};

/* regions: of VucGuestRegion; must stay. */
void vuc_dma_bulk_init (VucDmaBulk *bulk,
                        VucTask *task,
                        guint16 command,
                        GPtrArray *regions,
                        VucDmaBulkDone done,
                        gpointer user_data);
void vuc_dma_bulk_clear (VucDmaBulk *bulk);

/* What was submitted last is over: tells the outcomes, and submits the next.  FALSE when all are
 * over. */
gboolean vuc_dma_bulk_step (VucDmaBulk *bulk);

/* The task was ended early: tells the outcomes of those that are over all the same. */
void vuc_dma_bulk_end (VucDmaBulk *bulk);

/* Then: the call of a region whose outcome was not told yet, if it was asked. */
const VucCall *vuc_dma_bulk_find_call (const VucDmaBulk *bulk, const VucGuestRegion *region);

#endif /* VUC_DMA_BULK_H */
