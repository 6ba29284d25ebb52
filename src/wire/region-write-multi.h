/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * REGION_WRITE_MULTI: many small writes in one message, only where write_multiple was negotiated.
 * A count, then that many entries.  Pure; any thread.
 */

#ifndef VUC_REGION_WRITE_MULTI_H
#define VUC_REGION_WRITE_MULTI_H

#include <glib.h>

#include "wire/protocol.h"
#include "wire/region-access.h"

/* The payload's fixed part, before count entries. */
void vuc_region_write_multi_encode (guint64 count, guint8 payload[VUC_REGION_WRITE_MULTI_SIZE]);

/* access->count: 1 to VUC_REGION_WRITE_MULTI_DATA bytes of data; the rest of the entry is zeroed. */
void vuc_region_write_multi_encode_entry (const VucRegionAccess *access,
                                          gconstpointer data,
                                          guint8 entry[VUC_REGION_WRITE_MULTI_ENTRY]);

#endif /* VUC_REGION_WRITE_MULTI_H */
