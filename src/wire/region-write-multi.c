/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * REGION_WRITE_MULTI (protocol, "Region access").  Does not know whether it was negotiated, nor what
 * the regions are.  Pure; any thread.
 */

#include "wire/region-write-multi.h"

#include "base/cursor.h"

void
vuc_region_write_multi_encode (guint64 count, guint8 payload[VUC_REGION_WRITE_MULTI_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_REGION_WRITE_MULTI_SIZE);
  vuc_writer_put_u64 (&writer, count);
}

void
vuc_region_write_multi_encode_entry (const VucRegionAccess *access,
                                     gconstpointer data,
                                     guint8 entry[VUC_REGION_WRITE_MULTI_ENTRY])
{
  static const guint8 zeros[VUC_REGION_WRITE_MULTI_DATA];
  gsize count = MIN (access->count, VUC_REGION_WRITE_MULTI_DATA);
  VucWriter writer;

  vuc_writer_init (&writer, entry, VUC_REGION_WRITE_MULTI_ENTRY);
  vuc_writer_put_u64 (&writer, access->offset);
  vuc_writer_put_u32 (&writer, access->region);
  vuc_writer_put_u32 (&writer, access->count);
  vuc_writer_put_bytes (&writer, data, count);
  vuc_writer_put_bytes (&writer, zeros, sizeof zeros - count);
}
