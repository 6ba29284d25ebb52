/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What a caller describes as guest memory, checked.
 */

#ifndef VUC_DMA_REGION_H
#define VUC_DMA_REGION_H

#include "access/guest-region.h"
#include "device/device-private.h"

/* A region of what the caller described, or NULL with an error.  files: the shared files that the
 * call has come upon so far, by a gint64 key that is this function's. */
VucGuestRegion *vuc_dma_region_check (VucDevice *device,
                                      const VucDmaRegion *description,
                                      GHashTable *files,
                                      GError **error);

#endif /* VUC_DMA_REGION_H */
