/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * REGION_WRITE_MULTI (protocol, "Region access").  Does not know whether it was negotiated, nor what
 * the regions are.  Pure; any thread.
 */

#include "wire/region-write-multi.h"

#include "base/cursor.h"
#include "base/error.h"

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

gboolean
vuc_region_write_multi_decode (const guint8 *payload,
                               gsize size,
                               guint64 sent,
                               guint64 *done,
                               GError **error)
{
  VucCursor cursor;
  guint64 count;

  if (size != VUC_REGION_WRITE_MULTI_SIZE)
    return vuc_fail_protocol (error,
                              "REGION_WRITE_MULTI reply: payload %" G_GSIZE_FORMAT ", expected %d",
                              size, VUC_REGION_WRITE_MULTI_SIZE);

  vuc_cursor_init (&cursor, payload, size);
  count = vuc_cursor_get_u64 (&cursor);
  if (count > sent)
    return vuc_fail_protocol (error,
                              "REGION_WRITE_MULTI reply: wr_cnt %" G_GUINT64_FORMAT
                              ", sent were %" G_GUINT64_FORMAT,
                              count, sent);
  *done = count;
  return TRUE;
}
