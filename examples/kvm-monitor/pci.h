/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The PCI bus with the one device on it.
 */

#ifndef PCI_H
#define PCI_H

#include "device.h"

typedef struct _Pci Pci;

Pci *pci_new (Vm *vm, Device *device, gboolean use_irqfd, GError **error);
void pci_free (Pci *pci);

/* vCPU threads, several at once.  Return whether the port, or the address, is the bus's. */
gboolean pci_port_read (Pci *pci, guint16 port, gpointer data, guint size);
gboolean pci_port_write (Pci *pci, guint16 port, gconstpointer data, guint size);
gboolean pci_memory_read (Pci *pci, guint64 address, gpointer data, guint size);
gboolean pci_memory_write (Pci *pci, guint64 address, gconstpointer data, guint size);

/* Main thread: tells a device that has come back, and has forgotten, what the guest had set. */
void pci_restore (Pci *pci);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pci, pci_free)

#endif /* PCI_H */
