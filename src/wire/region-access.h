/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * REGION_READ and REGION_WRITE: the 16 bytes before the data, in requests and in replies.  Pure;
 * any thread.
 */

#ifndef VUC_REGION_ACCESS_H
#define VUC_REGION_ACCESS_H

#include <glib.h>

#include "wire/protocol.h"

typedef struct
{
  guint64 offset; /* within the region, in bytes */
  guint32 region;
  guint32 count; /* bytes of data */
} VucRegionAccess;

void vuc_region_access_encode (const VucRegionAccess *access,
                               guint8 payload[VUC_REGION_ACCESS_SIZE]);

/* command: REGION_READ or REGION_WRITE, for the message.  The reply must echo what was asked;
 * payload is its fixed part, size how much of that came.  Every error is fatal. */
gboolean vuc_region_access_decode (const guint8 *payload,
                                   gsize size,
                                   guint16 command,
                                   const VucRegionAccess *asked,
                                   GError **error);

#endif /* VUC_REGION_ACCESS_H */
