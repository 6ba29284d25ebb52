/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The device's interrupts: from eventfds into the machine's controllers.
 */

#ifndef IRQ_H
#define IRQ_H

#include "device.h"

typedef struct _Irq Irq;

/* Where MSI-X is, as the device's capability says. */
typedef struct
{
  guint n_vectors; /* 0: nowhere */
  guint table_bar;
  guint32 table_offset;
  guint pending_bar;
  guint32 pending_offset;
} MsixPlace;

/* In bytes. */
guint irq_get_table_size (const MsixPlace *place);
guint irq_get_pending_size (const MsixPlace *place);

/* HAS_PIN: whether there is an INTx.  Without USE_IRQFD interrupts pass through the main loop. */
Irq *irq_new (Vm *vm,
              Device *device,
              const MsixPlace *msix,
              gboolean has_pin,
              gboolean use_irqfd,
              GError **error);
void irq_free (Irq *irq);

/* vCPU threads, several at once: */

/* Return whether the access is to the MSI-X table or its pending bits, and so was done. */
gboolean irq_read (Irq *irq, guint bar, guint64 offset, gpointer data, guint size);
gboolean irq_write (Irq *irq, guint bar, guint64 offset, gconstpointer data, guint size);
/* The guest accesses the device otherwise: it is being looked after. */
void irq_device_accessed (Irq *irq);
/* The guest has written MSI-X's control, or INTx's disable bit. */
void irq_set_msix (Irq *irq, gboolean enabled, gboolean masked);
void irq_set_intx (Irq *irq, gboolean enabled);

/* Main thread: the device is connected again. */
void irq_restore (Irq *irq);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Irq, irq_free)

#endif /* IRQ_H */
