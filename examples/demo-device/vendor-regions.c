/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The device-specific regions: one with a text about the device, and as many small ones as were
 * asked for, each holding its own index.
 */

#include "vendor-regions.h"

#include "config-space.h"
#include "masked-memory.h"

/* As VFIO_REGION_TYPE_PCI_VENDOR_TYPE, which shifts a signed 1 into the sign. */
#define TYPE_PCI_VENDOR (1u << 31)

#define ABOUT_REGION_SIZE 256
#define EXTRA_REGION_SIZE 16

static const char
  about[] = "vfio-user demo device\n"
            "\n"
            "This region is specific to the device: its meaning is told by the TYPE\n"
            "capability, PCI vendor 1234, subtype 1. It can be read, not written.\n";
G_STATIC_ASSERT (sizeof (about) <= ABOUT_REGION_SIZE);

static MaskedMemory *
init (Region *region, gsize size, guint32 subtype)
{
  MaskedMemory *memory = masked_memory_init (region, size);

  region->type = TYPE_PCI_VENDOR | DEMO_VENDOR_ID;
  region->subtype = subtype;
  return memory;
}

void
vendor_region_init (Region *region)
{
  MaskedMemory *memory = init (region, ABOUT_REGION_SIZE, VENDOR_REGION_SUBTYPE_ABOUT);

  for (gsize i = 0; i < sizeof (about); i++)
    masked_memory_define (memory, i, 1, about[i], 0);
}

void
vendor_extra_region_init (Region *region, guint index)
{
  MaskedMemory *memory = init (region, EXTRA_REGION_SIZE, VENDOR_REGION_SUBTYPE_EXTRA);

  for (gsize i = 0; i < EXTRA_REGION_SIZE; i += sizeof (guint32))
    masked_memory_define (memory, i, sizeof (guint32), index, 0);
}
