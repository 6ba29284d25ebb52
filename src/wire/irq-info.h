/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_IRQ_INFO.  Pure; any thread.
 */

#ifndef VUC_IRQ_INFO_H
#define VUC_IRQ_INFO_H

#include <glib.h>

#include "wire/protocol.h"

typedef struct
{
  guint32 flags; /* VucIrqFlags, known bits only */
  guint32 count;
} VucIrqInfoReply;

void vuc_irq_info_encode (guint32 index, guint8 payload[VUC_IRQ_INFO_SIZE]);

/* index: what was asked for; max_count: what the caller allows.  Every error is fatal. */
gboolean vuc_irq_info_decode (const guint8 *payload,
                              gsize size,
                              guint32 index,
                              guint32 max_count,
                              VucIrqInfoReply *reply,
                              GError **error);

#endif /* VUC_IRQ_INFO_H */
