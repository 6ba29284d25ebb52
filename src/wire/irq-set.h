/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_SET_IRQS: the 20 bytes before the booleans.  The reply has no payload.  Pure; any thread.
 */

#ifndef VUC_IRQ_SET_H
#define VUC_IRQ_SET_H

#include <glib.h>

#include "wire/protocol.h"

typedef struct
{
  guint32 flags; /* VFIO_IRQ_SET_* */
  guint32 index;
  guint32 start;
  guint32 count;
  guint32 n_booleans; /* that follow, a byte each; far from overflowing a message */
} VucIrqSet;

void vuc_irq_set_encode (const VucIrqSet *set, guint8 payload[VUC_IRQ_SET_SIZE]);

#endif /* VUC_IRQ_SET_H */
