/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * BAR4: the MSI-X table, of whose entries address, data and the mask bit can be written, and the
 * pending bits, which only the device writes.
 *
 * A hypervisor keeps its own table and programs its interrupt controller from that; so nothing here
 * depends on the contents.
 */

#include "msix-table.h"

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "interrupts.h"
#include "masked-memory.h"

void
msix_table_init (Region *region, guint n_vectors)
{
  MaskedMemory *memory = masked_memory_init (region, MSIX_TABLE_REGION_SIZE);

  G_STATIC_ASSERT (MSIX_TABLE_OFFSET + MSIX_VECTORS * PCI_MSIX_ENTRY_SIZE <= MSIX_PBA_OFFSET);

  region->flags |= VFIO_REGION_INFO_FLAG_WRITE;
  for (guint i = 0; i < n_vectors; i++)
    {
      gsize entry = MSIX_TABLE_OFFSET + i * PCI_MSIX_ENTRY_SIZE;

      masked_memory_define (memory, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 4, 0, 0xfffffffc);
      masked_memory_define (memory, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 4, 0, 0xffffffff);
      masked_memory_define (memory, entry + PCI_MSIX_ENTRY_DATA, 4, 0, 0xffffffff);
      masked_memory_define (memory, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4,
                            PCI_MSIX_ENTRY_CTRL_MASKBIT, PCI_MSIX_ENTRY_CTRL_MASKBIT);
    }
}
