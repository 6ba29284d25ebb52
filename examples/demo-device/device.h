/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The device: its regions, its interrupts, and what it knows of its client's memory.
 */

#pragma once

#include "engine.h"
#include "region.h"

typedef struct
{
  Region *regions;
  guint n_regions;
  Interrupts *interrupts;
  DmaTable *dma;
  ServerCommands *commands;
  Engine *engine;
} Device;

/* Beyond the ten regions that it always has, the device gets N_EXTRA_REGIONS small ones. SHAPE is
   below DEVICE_N_SHAPES; each other than 0 differs in one thing that a client has to notice. */
#define DEVICE_N_SHAPES 3
Device *device_new (guint n_extra_regions, guint shape, guint max_dma_maps);
void device_free (Device *device);

/* Both return 0 or an errno; DATA is COUNT bytes. */
int device_region_read (Device *device, guint32 index, guint64 offset, guint8 *data, guint32 count);
int device_region_write (Device *device,
                         guint32 index,
                         guint64 offset,
                         const guint8 *data,
                         guint32 count);

/* Registers and memory are as at power-on again; interrupt eventfds and DMA windows stay. */
void device_reset (Device *device);

/* Forgets what the client lent (interrupt eventfds, DMA windows), so that a copy fails; the device's
   state stays. */
void device_client_left (Device *device);
