/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The layouts of DMA (protocol, "DMA").  Does not know what is mapped, nor where the data of an
 * access is.  DMA_READ and DMA_WRITE are on the path of every access of the device, and what is
 * wrong with them is the server's to hear: so that is an errno and no error of ours.  Pure; any
 * thread.
 */

#include "wire/dma.h"

#include <errno.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/range.h"

void
vuc_dma_map_encode (const VucDmaMap *map, guint8 payload[VUC_DMA_MAP_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_DMA_MAP_SIZE);
  vuc_writer_put_u32 (&writer, VUC_DMA_MAP_SIZE); /* argsz */
  vuc_writer_put_u32 (&writer, map->flags);
  vuc_writer_put_u64 (&writer, map->offset);
  vuc_writer_put_u64 (&writer, map->address);
  vuc_writer_put_u64 (&writer, map->size);
}

/* No flags: servers do not agree on what they mean. */
void
vuc_dma_unmap_encode (const VucDmaUnmap *unmap, guint8 payload[VUC_DMA_UNMAP_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_DMA_UNMAP_SIZE);
  vuc_writer_put_u32 (&writer, VUC_DMA_UNMAP_SIZE); /* argsz */
  vuc_writer_put_u32 (&writer, 0);
  vuc_writer_put_u64 (&writer, unmap->address);
  vuc_writer_put_u64 (&writer, unmap->size);
}

gboolean
vuc_dma_unmap_decode (const guint8 *payload, gsize size, const VucDmaUnmap *asked, GError **error)
{
  VucCursor cursor;
  VucDmaUnmap echo;

  /* The common server library says no more than that it is done. */
  if (size == 0)
    return TRUE;
  if (size != VUC_DMA_UNMAP_SIZE)
    return vuc_fail_protocol (error,
                              "DMA_UNMAP reply: payload %" G_GSIZE_FORMAT ", expected %d or 0",
                              size, VUC_DMA_UNMAP_SIZE);

  /* argsz and flags say nothing that we want to know. */
  vuc_cursor_init (&cursor, payload, size);
  vuc_cursor_skip (&cursor, 2 * sizeof (guint32));
  echo.address = vuc_cursor_get_u64 (&cursor);
  echo.size = vuc_cursor_get_u64 (&cursor);

  if (echo.address != asked->address || echo.size != asked->size)
    return vuc_fail_protocol (error,
                              "DMA_UNMAP reply: address 0x%" G_GINT64_MODIFIER
                              "x, size 0x%" G_GINT64_MODIFIER
                              "x; expected address 0x%" G_GINT64_MODIFIER
                              "x, size 0x%" G_GINT64_MODIFIER "x",
                              echo.address, echo.size, asked->address, asked->size);
  return TRUE;
}

int
vuc_dma_access_decode (const guint8 *payload,
                       gsize size,
                       gsize data_size,
                       guint16 command,
                       guint64 max_count,
                       VucDmaAccess *access)
{
  VucCursor cursor;
  VucDmaAccess came;

  vuc_cursor_init (&cursor, payload, size);
  came.address = vuc_cursor_get_u64 (&cursor);
  came.count = vuc_cursor_get_u64 (&cursor);

  if (!vuc_cursor_ok (&cursor) || vuc_cursor_left (&cursor) != 0 || came.count > max_count
      || !vuc_range_is_valid (came.address, came.count)
      || data_size != (command == VUC_COMMAND_DMA_WRITE ? came.count : 0))
    return EINVAL;

  *access = came;
  return 0;
}

/* All of the count's 8 bytes in the reply to DMA_WRITE, too: servers expect them. */
void
vuc_dma_access_encode (const VucDmaAccess *access, guint8 payload[VUC_DMA_ACCESS_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_DMA_ACCESS_SIZE);
  vuc_writer_put_u64 (&writer, access->address);
  vuc_writer_put_u64 (&writer, access->count);
}
