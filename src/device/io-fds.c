/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Region IO descriptors: asked for on demand, checked, kept.  Does not know how to use them.  Any
 * thread: two may ask at the same time, then the first answer is kept.
 */

#include "access/io-fd-kind.h"
#include "base/error.h"
#include "base/limits.h"
#include "device/device-private.h"
#include "wire/region-io-fds.h"

/* Room for 63 entries of the larger layout: most devices need one question. */
#define FIRST_ARGSZ (VUC_REGION_IO_FDS_SIZE + 63 * 48)

/* A store of unknown width is taken for the widest. */
#define WIDEST_STORE 8

void
vuc_region_io_fds_kept_clear (VucRegionIoFdsKept *kept)
{
  vuc_device_close_fds (kept->fds, kept->n_fds);
  g_free (kept->entries);
  *kept = (VucRegionIoFdsKept){ 0 };
}

static gboolean
check_kinds (guint32 index,
             guint entry,
             const VucRegionIoFd *io_fd,
             const VucFdSet *fds,
             GError **error)
{
  int fd = io_fd->fd_index >= 0 ? vuc_fd_set_peek (fds, (guint) io_fd->fd_index) : -1;

  if (io_fd->type == VUC_IO_FD_IOREGIONFD)
    {
      if (!vuc_io_fd_is_stream_socket (fd))
        return vuc_fail_rejected (
          error,
          "DEVICE_GET_REGION_IO_FDS reply of region %u: entry %u: descriptor %d is not a connected "
          "stream socket",
          index, entry, io_fd->fd_index);
      return TRUE;
    }

  if (fd >= 0 && !vuc_io_fd_is_eventfd (fd))
    return vuc_fail_rejected (
      error, "DEVICE_GET_REGION_IO_FDS reply of region %u: entry %u: descriptor %d is no eventfd",
      index, entry, io_fd->fd_index);

  if (io_fd->type == VUC_IO_FD_SHADOW_IOEVENTFD
      && !vuc_io_fd_is_file_with (vuc_fd_set_peek (fds, (guint) io_fd->shadow_fd_index),
                                  io_fd->shadow_offset,
                                  io_fd->size != 0 ? io_fd->size : WIDEST_STORE))
    return vuc_fail_rejected (
      error,
      "DEVICE_GET_REGION_IO_FDS reply of region %u: entry %u: descriptor %d is no file that holds "
      "the shadow at 0x%" G_GINT64_MODIFIER "x",
      index, entry, io_fd->shadow_fd_index, io_fd->shadow_offset);
  return TRUE;
}

static VucIoFd
make_entry (const VucRegionIoFd *from, const int *fds)
{
  return (VucIoFd){
    .type = (VucIoFdType) from->type,
    .flags = from->flags,
    .offset = from->offset,
    .size = from->size,
    .fd = from->fd_index >= 0 ? fds[from->fd_index] : -1,
    .datamatch = from->datamatch,
    .user_data = from->user_data,
    .shadow_fd = from->shadow_fd_index >= 0 ? fds[from->shadow_fd_index] : -1,
    .shadow_offset = from->shadow_offset,
  };
}

static gboolean
keep (VucRegionIoFdsKept *kept,
      guint32 index,
      const VucRegionIoFdsReply *reply,
      VucFdSet *fds,
      GError **error)
{
  for (guint i = 0; i < reply->n_entries; i++)
    {
      if (!check_kinds (index, i, &reply->entries[i], fds, error))
        return FALSE;
    }

  kept->known = TRUE;
  if (reply->n_entries == 0)
    return TRUE;
  kept->fds = vuc_device_steal_fds (fds, &kept->n_fds);
  kept->entries = g_new (VucIoFd, reply->n_entries);
  kept->n_entries = reply->n_entries;
  for (guint i = 0; i < reply->n_entries; i++)
    kept->entries[i] = make_entry (&reply->entries[i], kept->fds);
  return TRUE;
}

/* One question.  *argsz is what to offer; if that was too little it becomes what is needed, and
 * nothing is kept. */
static gboolean
ask (VucDevice *device,
     const VucRegion *region,
     gboolean port_io,
     guint32 *argsz,
     gint64 deadline,
     VucRegionIoFdsKept *kept,
     GError **error)
{
  guint32 index = region->info.index;
  g_autofree guint8 *payload = g_try_malloc (*argsz);
  g_auto (VucRegionIoFdsReply) reply = { 0 };
  g_auto (VucFdSet) fds;
  VucCall call;
  gboolean ok;

  vuc_fd_set_init (&fds);
  if (payload == NULL)
    return vuc_fail (error, VUC_ERROR_LIMIT, "no memory for a reply of %u bytes", *argsz);

  vuc_call_init (&call, VUC_COMMAND_DEVICE_GET_REGION_IO_FDS, deadline);
  vuc_region_io_fds_encode (index, *argsz, call.request);
  call.request_size = VUC_REGION_IO_FDS_SIZE;
  call.reply = payload;
  call.reply_capacity = *argsz;
  call.reply_min = VUC_REGION_IO_FDS_SIZE;
  call.reply_fds = &fds;

  ok = vuc_session_call (device->session, &call, error);
  if (ok)
    {
      VucRegionIoFdsQuery query = { .index = index,
                                    .argsz = *argsz,
                                    .region_size = region->info.size,
                                    .port_io = port_io,
                                    .n_fds = fds.count };

      ok = vuc_region_io_fds_decode (payload, call.reply_size, &query, &reply, error)
           && (!reply.complete || keep (kept, index, &reply, &fds, error));
      if (ok && !reply.complete)
        *argsz = reply.argsz;
    }
  vuc_call_clear (&call);
  return ok;
}

/* Asks, and once more with a larger reply if need be. */
static gboolean
ask_fully (VucDevice *device,
           const VucRegion *region,
           gboolean port_io,
           VucRegionIoFdsKept *kept,
           GError **error)
{
  gint64 deadline = vuc_device_deadline (device);
  guint32 argsz = FIRST_ARGSZ;
  guint32 offered;

  if (!ask (device, region, port_io, &argsz, deadline, kept, error))
    return FALSE;
  if (kept->known)
    return TRUE;

  offered = argsz;
  if (!ask (device, region, port_io, &argsz, deadline, kept, error))
    return FALSE;
  if (!kept->known)
    return vuc_fail_protocol (
      error, "DEVICE_GET_REGION_IO_FDS reply of region %u: argsz grew from %u to %u",
      region->info.index, offered, argsz);
  return TRUE;
}

/* A refusal is an answer: there are none. */
static gboolean
ask_for_answer (VucDevice *device,
                const VucRegion *region,
                gboolean port_io,
                VucRegionIoFdsKept *kept,
                GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (ask_fully (device, region, port_io, kept, &local_error))
    return TRUE;

  if (g_error_matches (local_error, VUC_ERROR, VUC_ERROR_REMOTE))
    {
      kept->known = TRUE;
      kept->remote_errno = vuc_error_get_errno (local_error);
      return TRUE;
    }
  vuc_device_note_error (device, local_error);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

gboolean
vuc_device_get_region_io_fds (VucDevice *device,
                              guint32 index,
                              const VucIoFd **io_fds,
                              gsize *n_io_fds,
                              GError **error)
{
  VucRegionIoFdsKept answer = { 0 };
  g_autoptr (VucDevice) in_use = NULL;
  VucRegion *region;
  gboolean known, port_io;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (io_fds != NULL && n_io_fds != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  region = vuc_device_find_region (device, index, error);
  if (region == NULL)
    return FALSE;

  g_mutex_lock (&device->io_fds_lock);
  known = region->io_fds.known;
  port_io = region->port_io;
  g_mutex_unlock (&device->io_fds_lock);

  if (!known)
    {
      if (!ask_for_answer (device, region, port_io, &answer, error))
        return FALSE;

      g_mutex_lock (&device->io_fds_lock);
      if (!region->io_fds.known)
        {
          region->io_fds = answer;
          answer = (VucRegionIoFdsKept){ 0 };
        }
      g_mutex_unlock (&device->io_fds_lock);
      vuc_region_io_fds_kept_clear (&answer);
    }

  *io_fds = region->io_fds.entries;
  *n_io_fds = region->io_fds.n_entries;
  return TRUE;
}

int
vuc_device_get_region_io_fds_errno (VucDevice *device, guint32 index)
{
  int number;

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (index < device->info.num_regions, 0);

  g_mutex_lock (&device->io_fds_lock);
  number = device->regions[index].io_fds.remote_errno;
  g_mutex_unlock (&device->io_fds_lock);
  return number;
}
