/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_INFO.  Pure; any thread.
 */

#ifndef VUC_DEVICE_INFO_H
#define VUC_DEVICE_INFO_H

#include <glib.h>

#include "wire/protocol.h"

typedef struct
{
  guint32 flags; /* VucDeviceFlags, known bits only */
  guint32 num_regions;
  guint32 num_irqs;
} VucDeviceInfoReply;

void vuc_device_info_encode (guint8 payload[VUC_DEVICE_INFO_SIZE]);

/* max_regions, max_irqs: what the caller allows.  Every error is fatal. */
gboolean vuc_device_info_decode (const guint8 *payload,
                                 gsize size,
                                 guint32 max_regions,
                                 guint32 max_irqs,
                                 VucDeviceInfoReply *reply,
                                 GError **error);

#endif /* VUC_DEVICE_INFO_H */
