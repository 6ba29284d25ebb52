/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The answers to DMA_READ and DMA_WRITE: the service (session/service.h) of a device's guest memory.
 */

#ifndef VUC_DMA_SERVICE_H
#define VUC_DMA_SERVICE_H

#include "access/dma-log.h"
#include "access/guest-table.h"
#include "session/service.h"

/* What the service works on: its service_data. */
typedef struct
{
  VucGuestTable *table;
  VucDmaLog *log;
} VucDmaMemory;

/* What it can be asked to be revoked is a VucGuestRegion. */
extern const VucService vuc_dma_service;

#endif /* VUC_DMA_SERVICE_H */
