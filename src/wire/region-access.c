/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * REGION_READ and REGION_WRITE (protocol, "Region access"): the 16 bytes before the data.  Does not
 * know where the data is, nor whether all of it came.  On the path of every access, so nothing is
 * allocated unless it fails.  Pure; any thread.
 */

#include "wire/region-access.h"

#include "base/cursor.h"
#include "base/error.h"

void
vuc_region_access_encode (const VucRegionAccess *access, guint8 payload[VUC_REGION_ACCESS_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_REGION_ACCESS_SIZE);
  vuc_writer_put_u64 (&writer, access->offset);
  vuc_writer_put_u32 (&writer, access->region);
  vuc_writer_put_u32 (&writer, access->count);
}

gboolean
vuc_region_access_decode (const guint8 *payload,
                          gsize size,
                          guint16 command,
                          const VucRegionAccess *asked,
                          GError **error)
{
  VucCursor cursor;
  VucRegionAccess echo;
  char name[16];

  if (size != VUC_REGION_ACCESS_SIZE)
    {
      guint64 data = command == VUC_COMMAND_REGION_READ ? asked->count : 0;

      /* The common server library answers an access of nothing with a bare header. */
      if (size == 0 && asked->count == 0)
        return TRUE;

      return vuc_fail_protocol (error,
                                "%s reply: payload %" G_GSIZE_FORMAT
                                ", expected %" G_GUINT64_FORMAT,
                                vuc_command_name (command, name, sizeof name), size,
                                VUC_REGION_ACCESS_SIZE + data);
    }

  vuc_cursor_init (&cursor, payload, size);
  echo.offset = vuc_cursor_get_u64 (&cursor);
  echo.region = vuc_cursor_get_u32 (&cursor);
  echo.count = vuc_cursor_get_u32 (&cursor);

  if (echo.offset != asked->offset || echo.region != asked->region || echo.count != asked->count)
    return vuc_fail_protocol (error,
                              "%s reply: region %u, offset 0x%" G_GINT64_MODIFIER "x, count %u; "
                              "expected region %u, offset 0x%" G_GINT64_MODIFIER "x, count %u",
                              vuc_command_name (command, name, sizeof name), echo.region,
                              echo.offset, echo.count, asked->region, asked->offset, asked->count);
  return TRUE;
}
