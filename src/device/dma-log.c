/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which pages the server has written by message, as callers see it.  Any thread.
 */

#include "base/error.h"
#include "device/device-private.h"

#define SMALLEST_PAGE 4096

gboolean
vuc_device_dma_log_start (VucDevice *device, guint64 page_size, GError **error)
{
  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (page_size < SMALLEST_PAGE || (page_size & (page_size - 1)) != 0)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "page size %" G_GUINT64_FORMAT ": allowed are powers of two from %d on",
                     page_size, SMALLEST_PAGE);
  vuc_dma_log_start (device->memory.log, page_size);
  return TRUE;
}

void
vuc_device_dma_log_stop (VucDevice *device)
{
  g_return_if_fail (device != NULL);

  vuc_dma_log_stop (device->memory.log);
}

gboolean
vuc_device_dma_log_take (VucDevice *device,
                         guint64 iova,
                         guint64 size,
                         guint64 *bitmap,
                         gsize n_words,
                         GError **error)
{
  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (bitmap != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_dma_log_take (device->memory.log, iova, size, bitmap, n_words, error);
}
