/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The PCI configuration space: 256 bytes, described by a table of fields with the bits that can be
 * written.
 *
 * That table is all there is to it: sizing a BAR (write all ones, read the mask back) works because
 * the address bits below the BAR's size cannot be written. Nothing acts on what is written: where
 * the BARs are, and what the MSI-X enable bit means, is the client's business.
 */

#include "config-space.h"

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "interrupts.h"
#include "masked-memory.h"
#include "msix-table.h"
#include "registers.h"

#define CONFIG_SPACE_SIZE             256
#define CLASS_SYSTEM_PERIPHERAL_OTHER 0x0880
#define REVISION                      1
#define INTERRUPT_PIN_A               1

/* Where the capabilities are. */
#define PM   0x40
#define MSI  0x50
#define MSIX 0x70
G_STATIC_ASSERT (PM + PCI_PM_SIZEOF <= MSI);
G_STATIC_ASSERT (MSI + PCI_MSI_PENDING_64 + 4 <= MSIX);
G_STATIC_ASSERT (MSIX + PCI_CAP_MSIX_SIZEOF <= CONFIG_SPACE_SIZE);

#define COMMAND_BITS                                                                               \
  (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR                 \
   | PCI_COMMAND_INTX_DISABLE)
#define MSI_4_VECTORS (2 << 1)
G_STATIC_ASSERT (MSI_VECTORS == 4);

static const struct
{
  guint8 offset;
  guint8 width;
  guint32 value;
  guint32 writable_bits;
} fields[] = {
  { PCI_VENDOR_ID, 2, DEMO_VENDOR_ID, 0 },
  { PCI_DEVICE_ID, 2, DEMO_DEVICE_ID, 0 },
  { PCI_COMMAND, 2, 0, COMMAND_BITS },
  { PCI_STATUS, 2, PCI_STATUS_CAP_LIST, 0 },
  { PCI_REVISION_ID, 1, REVISION, 0 },
  { PCI_CLASS_DEVICE, 2, CLASS_SYSTEM_PERIPHERAL_OTHER, 0 },
  { PCI_CACHE_LINE_SIZE, 1, 0, 0xff },
  { PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_NORMAL, 0 },
  { PCI_BASE_ADDRESS_0, 4, PCI_BASE_ADDRESS_MEM_TYPE_32, ~(REGISTERS_SIZE - 1u) },
  { PCI_BASE_ADDRESS_3, 4, 0, 0xffffffff }, /* the upper half of BAR2 */
  { PCI_BASE_ADDRESS_4, 4, PCI_BASE_ADDRESS_MEM_TYPE_32, ~(MSIX_TABLE_REGION_SIZE - 1u) },
  { PCI_SUBSYSTEM_VENDOR_ID, 2, DEMO_VENDOR_ID, 0 },
  { PCI_SUBSYSTEM_ID, 2, DEMO_SUBSYSTEM_ID, 0 },
  { PCI_CAPABILITY_LIST, 1, PM, 0 },
  { PCI_INTERRUPT_LINE, 1, 0, 0xff },
  { PCI_INTERRUPT_PIN, 1, INTERRUPT_PIN_A, 0 },

  { PM + PCI_CAP_LIST_ID, 1, PCI_CAP_ID_PM, 0 },
  { PM + PCI_CAP_LIST_NEXT, 1, MSI, 0 },
  { PM + PCI_PM_PMC, 2, 3, 0 }, /* version 3; D0 and D3hot only, no PME */
  { PM + PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET, PCI_PM_CTRL_STATE_MASK },

  { MSI + PCI_CAP_LIST_ID, 1, PCI_CAP_ID_MSI, 0 },
  { MSI + PCI_CAP_LIST_NEXT, 1, MSIX, 0 },
  { MSI + PCI_MSI_FLAGS, 2, MSI_4_VECTORS | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT,
    PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE },
  { MSI + PCI_MSI_ADDRESS_LO, 4, 0, 0xfffffffc },
  { MSI + PCI_MSI_ADDRESS_HI, 4, 0, 0xffffffff },
  { MSI + PCI_MSI_DATA_64, 2, 0, 0xffff },
  { MSI + PCI_MSI_MASK_64, 4, 0, (1u << MSI_VECTORS) - 1 },
  { MSI + PCI_MSI_PENDING_64, 4, 0, 0 },

  { MSIX + PCI_CAP_LIST_ID, 1, PCI_CAP_ID_MSIX, 0 },
  { MSIX + PCI_CAP_LIST_NEXT, 1, 0, 0 },
  { MSIX + PCI_MSIX_TABLE, 4, MSIX_TABLE_OFFSET | VFIO_PCI_BAR4_REGION_INDEX, 0 },
  { MSIX + PCI_MSIX_PBA, 4, MSIX_PBA_OFFSET | VFIO_PCI_BAR4_REGION_INDEX, 0 },
};

void
config_space_init (Region *region, gsize bar2_size, guint msix_vectors)
{
  MaskedMemory *memory = masked_memory_init (region, CONFIG_SPACE_SIZE);

  region->flags |= VFIO_REGION_INFO_FLAG_WRITE;
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    masked_memory_define (memory, fields[i].offset, fields[i].width, fields[i].value,
                          fields[i].writable_bits);

  masked_memory_define (memory, PCI_BASE_ADDRESS_2, 4,
                        PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
                        ~(bar2_size - 1));
  masked_memory_define (memory, MSIX + PCI_MSIX_FLAGS, 2, msix_vectors - 1,
                        PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
}
