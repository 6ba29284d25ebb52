/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_IRQ_H
#define VUC_IRQ_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/**
 * VucIrqInfo:
 * @index: the interrupt index
 * @flags: #VucIrqFlags
 * @count: how many interrupts (sub-indexes) it has; 0 if the device does not have this index
 * @remote_errno: 0, or with what errno the server refused to describe the index, which is then
 *   taken for empty
 *
 * One interrupt index (DEVICE_GET_IRQ_INFO).  More members may be added at the end.  Since 0.1.
 */
typedef struct
{
  guint32 index;
  guint32 flags;
  guint32 count;
  int remote_errno;
} VucIrqInfo;

/**
 * vuc_device_get_irq_info:
 * @irq: an interrupt index
 *
 * Returns: (transfer none) (nullable): what is known of the interrupt index, valid as long as
 * @device; %NULL if the device has no such index.  Asks the server nothing.  Any thread.
 * Since 0.1.
 */
VUC_API const VucIrqInfo *vuc_device_get_irq_info (VucDevice *device, guint32 irq);

G_END_DECLS

#endif /* VUC_IRQ_H */
