/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DMA_MAP and DMA_UNMAP, which we send, and DMA_READ and DMA_WRITE, which the server sends.  Pure;
 * any thread.
 */

#ifndef VUC_WIRE_DMA_H
#define VUC_WIRE_DMA_H

#include <glib.h>

#include "wire/protocol.h"

typedef struct
{
  guint64 address; /* as the device sees it */
  guint64 size;    /* in bytes */
  guint64 offset;  /* in the descriptor that goes along; 0 without one */
  guint32 flags;   /* VUC_DMA_MAP_... */
} VucDmaMap;

void vuc_dma_map_encode (const VucDmaMap *map, guint8 payload[VUC_DMA_MAP_SIZE]);

typedef struct
{
  guint64 address;
  guint64 size; /* those of one mapping, exactly */
} VucDmaUnmap;

void vuc_dma_unmap_encode (const VucDmaUnmap *unmap, guint8 payload[VUC_DMA_UNMAP_SIZE]);

/* The reply must repeat what was asked, or be a bare header (size 0).  Every error is fatal. */
gboolean vuc_dma_unmap_decode (const guint8 *payload,
                               gsize size,
                               const VucDmaUnmap *asked,
                               GError **error);

/* What DMA_READ and DMA_WRITE, and the answers to them, have before the data. */
typedef struct
{
  guint64 address;
  guint64 count; /* bytes of data */
} VucDmaAccess;

/* command: DMA_READ or DMA_WRITE.  payload is the fixed part, size how much of that came, data_size
 * the bytes behind it, which need not be there yet.  Returns 0 with *access filled in (the addresses
 * do not wrap, the count is at most max_count), or the errno to answer, with *access as it was. */
int vuc_dma_access_decode (const guint8 *payload,
                           gsize size,
                           gsize data_size,
                           guint16 command,
                           guint64 max_count,
                           VucDmaAccess *access);

void vuc_dma_access_encode (const VucDmaAccess *access, guint8 payload[VUC_DMA_ACCESS_SIZE]);

#endif /* VUC_WIRE_DMA_H */
