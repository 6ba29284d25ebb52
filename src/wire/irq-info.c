/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_IRQ_INFO (protocol, "Device, region and IRQ information"): how many interrupts an
 * index has, and what can be done with them.  Does not know which indexes a device has.  Pure; any
 * thread.
 */

#include "wire/irq-info.h"

#include <vfio-user-client/vuc-types.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"

#define REPLY       "DEVICE_GET_IRQ_INFO reply of index %u: "
#define KNOWN_FLAGS (VUC_IRQ_EVENTFD | VUC_IRQ_MASKABLE | VUC_IRQ_AUTOMASKED | VUC_IRQ_NORESIZE)

void
vuc_irq_info_encode (guint32 index, guint8 payload[VUC_IRQ_INFO_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_IRQ_INFO_SIZE);
  vuc_writer_put_u32 (&writer, VUC_IRQ_INFO_SIZE); /* argsz */
  vuc_writer_put_u32 (&writer, 0);                 /* flags */
  vuc_writer_put_u32 (&writer, index);
  vuc_writer_put_u32 (&writer, 0); /* count */
}

gboolean
vuc_irq_info_decode (const guint8 *payload,
                     gsize size,
                     guint32 index,
                     guint32 max_count,
                     VucIrqInfoReply *reply,
                     GError **error)
{
  VucCursor cursor;
  guint32 argsz, flags, echo, count;

  if (size != VUC_IRQ_INFO_SIZE)
    return vuc_fail_protocol (error, REPLY "payload %" G_GSIZE_FORMAT ", expected %u", index, size,
                              VUC_IRQ_INFO_SIZE);

  vuc_cursor_init (&cursor, payload, size);
  argsz = vuc_cursor_get_u32 (&cursor);
  flags = vuc_cursor_get_u32 (&cursor);
  echo = vuc_cursor_get_u32 (&cursor);
  count = vuc_cursor_get_u32 (&cursor);

  /* A larger argsz announces more than these 16 bytes, which are all we want: no reason to ask
   * again. */
  if (argsz < VUC_IRQ_INFO_SIZE || argsz > VUC_LIMIT_ARGSZ)
    return vuc_fail_protocol (error, REPLY "argsz %u, allowed are %u to %u", index, argsz,
                              VUC_IRQ_INFO_SIZE, VUC_LIMIT_ARGSZ);

  if (echo != index)
    return vuc_fail_protocol (error, REPLY "index %u, expected %u", index, echo, index);

  if (count > max_count)
    return vuc_fail_protocol (error, REPLY "count %u, allowed are 0 to %u", index, count,
                              max_count);

  *reply = (VucIrqInfoReply){ .flags = flags & KNOWN_FLAGS, .count = count };
  return TRUE;
}
