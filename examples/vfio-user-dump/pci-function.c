/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Decodes the header of a configuration space: identity, command and status, BARs. Pure functions;
 * does not know where the bytes come from, nor how they are shown. Any thread.
 */

#include "pci.h"

/* Registers of the header. The PCI Local Bus Specification, 6.1. */
enum
{
  PCI_VENDOR = 0x00,
  PCI_DEVICE = 0x02,
  PCI_COMMAND = 0x04,
  PCI_STATUS = 0x06,
  PCI_REVISION = 0x08,
  PCI_CLASS = 0x08, /* in the upper three bytes */
  PCI_CACHE_LINE = 0x0c,
  PCI_LATENCY = 0x0d,
  PCI_HEADER_TYPE = 0x0e,
  PCI_BAR0 = 0x10,
  PCI_SUBSYSTEM_VENDOR = 0x2c,
  PCI_SUBSYSTEM_DEVICE = 0x2e,
  PCI_ROM = 0x30,
  PCI_BRIDGE_ROM = 0x38,
  PCI_INTERRUPT_LINE = 0x3c,
  PCI_INTERRUPT_PIN = 0x3d
};

/* What a header of each type has; other types have nothing that we know. */
static const struct
{
  guint n_bars;
  guint rom;
  gboolean has_subsystem;
} header_types[] = {
  [0] = { 6, PCI_ROM, TRUE },         /* device */
  [1] = { 2, PCI_BRIDGE_ROM, FALSE }, /* PCI bridge */
};

static guint64
get (const PciSpace *space, gsize offset, gsize size)
{
  guint64 value = 0;

  for (gsize i = 0; i < size; i++)
    {
      gboolean inside = offset < space->size && i < space->size - offset;
      guint64 byte = inside ? space->data[offset + i] : 0xff;

      value |= byte << (8 * i);
    }

  return value;
}

guint8
pci_get8 (const PciSpace *space, gsize offset)
{
  return (guint8) get (space, offset, 1);
}

guint16
pci_get16 (const PciSpace *space, gsize offset)
{
  return (guint16) get (space, offset, 2);
}

guint32
pci_get32 (const PciSpace *space, gsize offset)
{
  return (guint32) get (space, offset, 4);
}

guint64
pci_get64 (const PciSpace *space, gsize offset)
{
  return get (space, offset, 8);
}

/* Bit 0 tells port IO from memory; of memory, bits 1 and 2 the width and bit 3 whether it can be
   prefetched. A 64-bit address takes the next register too. */
static void
decode_bars (PciFunction *function, const PciSpace *space)
{
  static const guint memory_bits[] = { 32, 20, 64, 32 };

  for (guint i = 0; i < function->n_bars; i++)
    {
      guint32 value = pci_get32 (space, PCI_BAR0 + 4 * i);
      PciBar *bar = &function->bars[i];

      if (value & 1)
        {
          *bar = (PciBar){ .kind = PCI_BAR_PORT_IO, .address = value & ~3u, .bits = 32 };
          continue;
        }

      *bar = (PciBar){
        .kind = PCI_BAR_MEMORY,
        .address = value & ~0xfu,
        .bits = memory_bits[value >> 1 & 3],
        .prefetchable = (value & 8) != 0,
      };
      if (bar->bits == 64 && i + 1 < function->n_bars)
        {
          i++;
          bar->address |= (guint64) pci_get32 (space, PCI_BAR0 + 4 * i) << 32;
          function->bars[i] = (PciBar){ .kind = PCI_BAR_UPPER_HALF };
        }
    }
}

PciFunction *
pci_function_new (const PciSpace *space)
{
  PciFunction *function;
  guint8 header_type;

  if (space->size < PCI_HEADER_SIZE)
    return NULL;

  header_type = pci_get8 (space, PCI_HEADER_TYPE);

  function = g_new0 (PciFunction, 1);
  function->vendor = pci_get16 (space, PCI_VENDOR);
  function->device = pci_get16 (space, PCI_DEVICE);
  function->command = pci_get16 (space, PCI_COMMAND);
  function->status = pci_get16 (space, PCI_STATUS);
  function->class_code = pci_get32 (space, PCI_CLASS) >> 8;
  function->revision = pci_get8 (space, PCI_REVISION);
  function->cache_line = pci_get8 (space, PCI_CACHE_LINE);
  function->latency = pci_get8 (space, PCI_LATENCY);
  function->header_type = header_type & 0x7f;
  function->multi_function = (header_type & 0x80) != 0;
  function->interrupt_line = pci_get8 (space, PCI_INTERRUPT_LINE);
  function->interrupt_pin = pci_get8 (space, PCI_INTERRUPT_PIN);

  if (function->header_type < G_N_ELEMENTS (header_types))
    {
      guint rom = header_types[function->header_type].rom;

      function->n_bars = header_types[function->header_type].n_bars;
      function->has_subsystem = header_types[function->header_type].has_subsystem;
      function->has_rom = pci_get32 (space, rom) != 0;
      function->rom = pci_get32 (space, rom);
    }
  if (function->has_subsystem)
    {
      function->subsystem_vendor = pci_get16 (space, PCI_SUBSYSTEM_VENDOR);
      function->subsystem_device = pci_get16 (space, PCI_SUBSYSTEM_DEVICE);
    }
  decode_bars (function, space);
  pci_find_capabilities (function, space);
  return function;
}

void
pci_function_free (PciFunction *function)
{
  g_ptr_array_unref (function->capabilities);
  g_free (function->list_error);
  g_free (function);
}
