/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_INFO (protocol, "Device, region and IRQ information"): what kind of device it is, and
 * how many region and interrupt indexes it has.  Does not know what a PCI device must have.  Pure;
 * any thread.
 */

#include "wire/device-info.h"

#include <vfio-user-client/vuc-types.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"

#define REPLY       "DEVICE_GET_INFO reply: "
#define KNOWN_FLAGS (VUC_DEVICE_RESET | VUC_DEVICE_PCI)

void
vuc_device_info_encode (guint8 payload[VUC_DEVICE_INFO_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_DEVICE_INFO_SIZE);
  vuc_writer_put_u32 (&writer, VUC_DEVICE_INFO_SIZE); /* argsz */
  vuc_writer_put_u32 (&writer, 0);                    /* flags */
  vuc_writer_put_u32 (&writer, 0);                    /* num_regions */
  vuc_writer_put_u32 (&writer, 0);                    /* num_irqs */
}

gboolean
vuc_device_info_decode (const guint8 *payload,
                        gsize size,
                        guint32 max_regions,
                        guint32 max_irqs,
                        VucDeviceInfoReply *reply,
                        GError **error)
{
  VucCursor cursor;
  guint32 argsz, flags, num_regions, num_irqs;

  if (size != VUC_DEVICE_INFO_SIZE)
    return vuc_fail_protocol (error, REPLY "payload %" G_GSIZE_FORMAT ", expected %u", size,
                              VUC_DEVICE_INFO_SIZE);

  vuc_cursor_init (&cursor, payload, size);
  argsz = vuc_cursor_get_u32 (&cursor);
  flags = vuc_cursor_get_u32 (&cursor);
  num_regions = vuc_cursor_get_u32 (&cursor);
  num_irqs = vuc_cursor_get_u32 (&cursor);

  /* A larger argsz announces more than these 16 bytes, which are all we want: no reason to ask
   * again. */
  if (argsz < VUC_DEVICE_INFO_SIZE || argsz > VUC_LIMIT_ARGSZ)
    return vuc_fail_protocol (error, REPLY "argsz %u, allowed are %u to %u", argsz,
                              VUC_DEVICE_INFO_SIZE, VUC_LIMIT_ARGSZ);

  if (num_regions > max_regions)
    return vuc_fail_protocol (error, REPLY "num_regions %u, allowed are 0 to %u", num_regions,
                              max_regions);

  if (num_irqs > max_irqs)
    return vuc_fail_protocol (error, REPLY "num_irqs %u, allowed are 0 to %u", num_irqs, max_irqs);

  *reply = (VucDeviceInfoReply){ .flags = flags & KNOWN_FLAGS,
                                 .num_regions = num_regions,
                                 .num_irqs = num_irqs };
  return TRUE;
}
