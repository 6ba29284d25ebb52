/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is known of the interrupts.  Any thread.
 */

#include "device/device-private.h"

const VucIrqInfo *
vuc_device_get_irq_info (VucDevice *device, guint32 irq)
{
  g_return_val_if_fail (device != NULL, NULL);

  if (!g_atomic_int_get (&device->is_known) || irq >= device->shape.info.num_irqs)
    return NULL;
  return &device->shape.irqs[irq];
}
