/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Guest memory, as tests of DMA need it: a memfd that this process sees, and what a script server
 * hears and says of it.
 *
 *   DmaMemory ram;
 *   VucDmaRegion region;
 *
 *   dma_memory_init (&ram, 65536);
 *   region = dma_memory_region (&ram, 0x100000, VUC_DMA_READ);
 *   ...
 *   dma_memory_clear (&ram);
 */

#ifndef CONVERSATION_DMA_MEMORY_H
#define CONVERSATION_DMA_MEMORY_H

#include <vfio-user-client/vfio-user-client.h>

#include "harness/script-server.h"

G_BEGIN_DECLS

#define DMA_BOTH (VUC_DMA_READ | VUC_DMA_WRITE)

/* Message numbers. */
#define DMA_MAP   2
#define DMA_UNMAP 3

typedef struct
{
  int fd; /* a memfd that can be sealed */
  guint8 *bytes;
  gsize size;
} DmaMemory;

/* Byte i is i * 7; size is a multiple of 256. */
void dma_memory_init (DmaMemory *memory, gsize size);
void dma_memory_clear (DmaMemory *memory);

/* All of it, by message; and by descriptor. */
VucDmaRegion dma_memory_region (const DmaMemory *memory, guint64 iova, guint32 flags);
VucDmaRegion dma_memory_shared (const DmaMemory *memory, guint64 iova, guint32 flags);

/* Which must succeed. */
void dma_map_or_fail (VucDevice *device, const VucDmaRegion *region);
void dma_unmap_or_fail (VucDevice *device, const VucDmaRegion *region);

/* The script: the command, without descriptor, and the reply. */
void script_dma_map (ScriptServer *server, guint64 iova, guint64 size, guint32 flags);
void script_dma_unmap (ScriptServer *server, guint64 iova, guint64 size);

/* The command alone. */
void script_expect_dma_map (ScriptServer *server, guint64 iova, guint64 size, guint32 flags);
void script_expect_dma_unmap (ScriptServer *server, guint64 iova, guint64 size);

G_END_DECLS

#endif /* CONVERSATION_DMA_MEMORY_H */
