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

#define DEVICE_N_SHAPES 3

/* A shape other than 0 differs in one thing that a client has to notice. */
typedef struct
{
  guint n_extra_regions; /* small ones, beyond the ten that it always has */
  guint shape;           /* below DEVICE_N_SHAPES */
  guint max_dma_maps;
  gboolean no_ioregionfds;
} DeviceOptions;

Device *device_new (const DeviceOptions *options);
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

/* Forgets what the client lent (interrupt eventfds, DMA windows), so that a copy fails, and what it
   was lent (ioregionfds); the device's state stays. */
void device_client_left (Device *device);
