/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client's memory: the windows that it opened with DMA_MAP.
 */

#pragma once

#include "message.h"

typedef struct _DmaTable DmaTable;

DmaTable *dma_table_new (void);
void dma_table_free (DmaTable *table);

/* Forgets all windows. */
void dma_table_clear (DmaTable *table);

/* Execute DMA_MAP and DMA_UNMAP; both return 0 or an errno. */
int dma_map (DmaTable *table, Message *message);
int dma_unmap (DmaTable *table, Message *message);
