/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_SET_IRQS (protocol, "DEVICE_SET_IRQS"): what is to be done with a range of interrupts.
 * argsz counts the booleans, and not the descriptors, which are no part of the payload.  Does not
 * know which interrupts there are.  Pure; any thread.
 */

#include "wire/irq-set.h"

#include "base/cursor.h"

void
vuc_irq_set_encode (const VucIrqSet *set, guint8 payload[VUC_IRQ_SET_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_IRQ_SET_SIZE);
  vuc_writer_put_u32 (&writer, VUC_IRQ_SET_SIZE + set->n_booleans); /* argsz */
  vuc_writer_put_u32 (&writer, set->flags);
  vuc_writer_put_u32 (&writer, set->index);
  vuc_writer_put_u32 (&writer, set->start);
  vuc_writer_put_u32 (&writer, set->count);
}
