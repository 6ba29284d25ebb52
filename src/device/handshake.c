/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VERSION: what we propose, and what comes of it (protocol, "Negotiation").  Runs once, on the
 * thread that connects.
 */

#include <unistd.h>

#include "base/limits.h"
#include "device/device-private.h"
#include "wire/version.h"

static void
fill_proposal (const VucSettings *settings, VucVersion *proposal)
{
  guint64 page_size = (guint64) sysconf (_SC_PAGESIZE);

  *proposal = (VucVersion){
    .major = VUC_VERSION_MAJOR,
    .minor = VUC_VERSION_MINOR,
    .max_msg_fds = settings->max_msg_fds,
    .max_data_xfer_size = VUC_LIMIT_DATA_XFER,
    .max_dma_maps = VUC_DEFAULT_MAX_DMA_MAPS,
    .pgsizes = page_size,
    .sparse_mmap_fds = TRUE,
    /* Some servers refuse any value but their own page size, which is the host's. */
    .migration_pgsize = page_size,
  };
}

static void
keep_agreement (VucDeviceInfo *info, const VucVersion *agreed)
{
  info->version_major = agreed->major;
  info->version_minor = agreed->minor;
  info->max_msg_fds = (guint32) agreed->max_msg_fds;
  info->max_dma_maps = (guint32) MIN (agreed->max_dma_maps, G_MAXUINT32);
  info->max_data_xfer_size = agreed->max_data_xfer_size;
  info->pgsizes = agreed->pgsizes;
  info->migration_pgsize = agreed->migration_pgsize;
  info->migration_max_bitmap_size = agreed->migration_max_bitmap_size;
  info->write_multiple = agreed->write_multiple;
  info->twin_socket = agreed->twin_socket;
  info->sparse_mmap_fds = agreed->sparse_mmap_fds;
}

/* The largest message that can come now: an information reply, or data of a read or a DMA_WRITE. */
static guint32
max_message (const VucVersion *agreed)
{
  guint64 data = MAX (MIN (agreed->max_data_xfer_size, VUC_LIMIT_READ_SIZE), VUC_LIMIT_DATA_XFER);

  return VUC_HEADER_SIZE + (guint32) MAX (VUC_LIMIT_ARGSZ, VUC_REGION_ACCESS_SIZE + data);
}

gboolean
vuc_handshake (VucDevice *device, gint64 deadline, GError **error)
{
  const gsize capacity = VUC_VERSION_FIXED_SIZE + VUC_LIMIT_JSON_SIZE;
  g_autofree guint8 *reply = g_malloc (capacity);
  g_autoptr (GByteArray) payload = NULL;
  g_autoptr (GError) local_error = NULL;
  g_auto (VucFdSet) fds;
  VucVersion proposal, agreed;
  VucCall call;
  gboolean ok;

  vuc_fd_set_init (&fds);
  fill_proposal (&device->settings, &proposal);
  payload = vuc_version_encode (&proposal);

  vuc_call_init (&call, VUC_COMMAND_VERSION, deadline);
  call.request_data = payload->data;
  call.request_data_size = payload->len;
  call.reply = reply;
  call.reply_capacity = capacity;
  call.reply_min = VUC_VERSION_FIXED_SIZE;
  call.reply_fds = &fds;

  ok = vuc_session_call (device->session, &call, &local_error)
       && vuc_version_decode (reply, call.reply_size, &proposal, fds.count, &agreed, &local_error);
  vuc_call_clear (&call);
  if (!ok)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  keep_agreement (&device->info, &agreed);
  vuc_session_set_negotiated (device->session, max_message (&agreed));
  return TRUE;
}
