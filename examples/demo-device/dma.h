/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client's memory: the windows that it opened with DMA_MAP, and the bytes behind those that came
 * with a descriptor.
 */

#pragma once

#include "message.h"

typedef struct _DmaTable DmaTable;

/* A table of at most MAX_WINDOWS. */
DmaTable *dma_table_new (guint max_windows);
void dma_table_free (DmaTable *table);

guint dma_table_get_max (const DmaTable *table);

/* Forgets all windows. */
void dma_table_clear (DmaTable *table);

/* Execute DMA_MAP and DMA_UNMAP; both return 0 or an errno. Once a window was unmapped nothing here
   touches its memory any more. */
int dma_map (DmaTable *table, Message *message);
int dma_unmap (DmaTable *table, Message *message);

/* A piece of the client's memory that is reached in one way: by a pointer, by a descriptor, or else
   by messages only. Valid until the table changes. */
typedef struct
{
  gsize size;
  guint8 *memory; /* NULL: not mapped */
  int fd;         /* -1: none, or not needed */
  guint64 offset; /* in fd */
} DmaRun;

/* Finds what is at ADDRESS, and how much of the SIZE bytes from there on is reached in the same way;
   BY_MESSAGE: all is. RIGHT is one of DMA_FLAG_READ and _WRITE. Returns 0, EFAULT (no window there)
   or EACCES (the window does not give that right). */
int dma_find (const DmaTable *table,
              guint64 address,
              gsize size,
              guint32 right,
              gboolean by_message,
              DmaRun *run);

/* Whether bytes can be moved at once, and doing so: all SIZE bytes, which the run has. Both return 0
   or an errno. */
gboolean dma_run_is_shared (const DmaRun *run);
int dma_run_read (const DmaRun *run, guint8 *data, gsize size);
int dma_run_write (const DmaRun *run, const guint8 *data, gsize size);
