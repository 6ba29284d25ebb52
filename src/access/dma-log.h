/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which pages the server has written by message.  Any thread; the log has a lock of its own, a leaf.
 */

#ifndef VUC_DMA_LOG_H
#define VUC_DMA_LOG_H

#include <glib.h>

typedef struct _VucDmaLog VucDmaLog;

VucDmaLog *vuc_dma_log_new (void);
void vuc_dma_log_free (VucDmaLog *log);

/* page_size: a power of two.  Nothing is recorded before this, nor after _stop. */
void vuc_dma_log_start (VucDmaLog *log, guint64 page_size);
void vuc_dma_log_stop (VucDmaLog *log);

/* count bytes at address were written; count is not 0, and the range does not wrap. */
void vuc_dma_log_mark (VucDmaLog *log, guint64 address, guint64 count);

/* As vuc_device_dma_log_take(). */
gboolean vuc_dma_log_take (VucDmaLog *log,
                           guint64 address,
                           guint64 size,
                           guint64 *bitmap,
                           gsize n_words,
                           GError **error);

#endif /* VUC_DMA_LOG_H */
