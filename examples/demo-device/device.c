/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The device as a whole: which region is where, and the checks that all regions share.
 *
 * Does not know what any region does, nor how accesses come to it.
 */

#include "device.h"

#include <errno.h>
#include <linux/vfio.h>

#include "areas.h"
#include "config-space.h"
#include "msix-table.h"
#include "registers.h"
#include "vendor-regions.h"

#define VENDOR_REGION      VFIO_PCI_NUM_REGIONS /* the first index after those of PCI */
#define FIRST_EXTRA_REGION (VENDOR_REGION + 1)

typedef struct
{
  gsize bar2_size;
  guint msix_vectors;
} Shape;

static const Shape shapes[DEVICE_N_SHAPES] = {
  { AREAS_SIZE, MSIX_VECTORS },
  { 2 * AREAS_SIZE, MSIX_VECTORS },
  { AREAS_SIZE, MSIX_VECTORS - 1 },
};

/* The regions that are not here (BAR1, 3 and 5, ROM, VGA) have size 0. */
static void
init_regions (Device *device, const DeviceOptions *options)
{
  const Shape *shape = &shapes[options->shape];
  Region *regions = device->regions;

  registers_init (&regions[VFIO_PCI_BAR0_REGION_INDEX], !options->no_ioregionfds, device->commands,
                  device->engine, device->interrupts);
  areas_init (&regions[VFIO_PCI_BAR2_REGION_INDEX], shape->bar2_size);
  msix_table_init (&regions[VFIO_PCI_BAR4_REGION_INDEX], shape->msix_vectors);
  config_space_init (&regions[VFIO_PCI_CONFIG_REGION_INDEX], shape->bar2_size, shape->msix_vectors);
  vendor_region_init (&regions[VENDOR_REGION]);
  for (guint i = FIRST_EXTRA_REGION; i < device->n_regions; i++)
    vendor_extra_region_init (&regions[i], i);
}

Device *
device_new (const DeviceOptions *options)
{
  Device *device = g_new0 (Device, 1);

  device->commands = server_commands_new ();
  device->interrupts = interrupts_new (shapes[options->shape].msix_vectors);
  device->dma = dma_table_new (options->max_dma_maps);
  device->engine = engine_new (device->dma, device->commands, device->interrupts);
  device->n_regions = FIRST_EXTRA_REGION + options->n_extra_regions;
  device->regions = g_new0 (Region, device->n_regions);
  init_regions (device, options);
  device_reset (device);
  return device;
}

void
device_free (Device *device)
{
  for (guint i = 0; i < device->n_regions; i++)
    if (device->regions[i].free != NULL)
      device->regions[i].free (device->regions[i].state);
  g_free (device->regions);
  engine_free (device->engine);
  interrupts_free (device->interrupts);
  dma_table_free (device->dma);
  server_commands_free (device->commands);
  g_free (device);
}

/* The region if the whole access is inside it and of a kind that it allows, else NULL. */
static const Region *
find_region (Device *device, guint32 index, guint64 offset, guint32 count, guint32 needed_flag)
{
  const Region *region;

  if (index >= device->n_regions)
    return NULL;
  region = &device->regions[index];
  if (!(region->flags & needed_flag) || offset > region->size || count > region->size - offset)
    return NULL;
  return region;
}

int
device_region_read (Device *device, guint32 index, guint64 offset, guint8 *data, guint32 count)
{
  const Region *region = find_region (device, index, offset, count, VFIO_REGION_INFO_FLAG_READ);

  if (region == NULL)
    return EINVAL;
  if (count == 0)
    return 0;
  return region->read (region->state, offset, data, count);
}

int
device_region_write (Device *device,
                     guint32 index,
                     guint64 offset,
                     const guint8 *data,
                     guint32 count)
{
  const Region *region = find_region (device, index, offset, count, VFIO_REGION_INFO_FLAG_WRITE);

  if (region == NULL)
    return EINVAL;
  if (count == 0)
    return 0;
  return region->write (region->state, offset, data, count);
}

void
device_reset (Device *device)
{
  for (guint i = 0; i < device->n_regions; i++)
    if (device->regions[i].reset != NULL)
      device->regions[i].reset (device->regions[i].state);
}

void
device_client_left (Device *device)
{
  interrupts_clear (device->interrupts);
  engine_stop (device->engine, ENOTCONN);
  dma_table_clear (device->dma);
  for (guint i = 0; i < device->n_regions; i++)
    if (device->regions[i].client_left != NULL)
      device->regions[i].client_left (device->regions[i].state);
}
