/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_IO_FDS: the question, and whether each descriptor of the answer is what it
 * claims to be.  Does not know how they are used.  As part of a task: on any thread, never on two at
 * a time.
 */

#include "device/io-fds-query.h"

#include "access/io-fd-kind.h"
#include "base/error.h"
#include "base/limits.h"
#include "wire/region-io-fds.h"

/* Room for 63 entries of the larger layout: most devices need one question. */
#define FIRST_ARGSZ (VUC_REGION_IO_FDS_SIZE + 63 * 48)

/* A store of unknown width is taken for the widest. */
#define WIDEST_STORE 8

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
  kept->fds = vuc_shape_steal_fds (fds, &kept->n_fds);
  kept->entries = g_new (VucIoFd, reply->n_entries);
  kept->n_entries = reply->n_entries;
  for (guint i = 0; i < reply->n_entries; i++)
    kept->entries[i] = make_entry (&reply->entries[i], kept->fds);
  return TRUE;
}

void
vuc_io_fds_query_init (VucIoFdsQuery *query,
                       VucTask *task,
                       const VucRegion *region,
                       gboolean port_io)
{
  query->task = task;
  query->index = region->info.index;
  query->region_size = region->info.size;
  query->port_io = port_io;
  query->argsz = FIRST_ARGSZ;
  query->payload = NULL;
  query->n_asked = 0;
  query->answer = (VucRegionIoFdsKept){ 0 };
  vuc_fd_set_init (&query->fds);
  vuc_call_init (&query->call, VUC_COMMAND_DEVICE_GET_REGION_IO_FDS);
}

void
vuc_io_fds_query_clear (VucIoFdsQuery *query)
{
  vuc_call_clear (&query->call);
  vuc_fd_set_clear (&query->fds);
  g_clear_pointer (&query->payload, g_free);
  vuc_region_io_fds_kept_clear (&query->answer);
}

static VucTaskStatus
ask (VucIoFdsQuery *query, GError **error)
{
  VucCall *call = &query->call;

  query->payload = g_try_malloc (query->argsz);
  if (query->payload == NULL)
    {
      vuc_fail (error, VUC_ERROR_LIMIT, "no memory for a reply of %u bytes", query->argsz);
      return VUC_TASK_ENDS;
    }

  vuc_call_init (call, VUC_COMMAND_DEVICE_GET_REGION_IO_FDS);
  vuc_region_io_fds_encode (query->index, query->argsz, call->request);
  call->request_size = VUC_REGION_IO_FDS_SIZE;
  call->reply = query->payload;
  call->reply_capacity = query->argsz;
  call->reply_min = VUC_REGION_IO_FDS_SIZE;
  call->reply_fds = &query->fds;
  query->n_asked++;
  vuc_task_submit (query->task, &call, 1);
  return VUC_TASK_GOES_ON;
}

/* Keeps the answer, or says in *argsz what a whole one needs. */
static gboolean
use_answer (VucIoFdsQuery *query, guint32 *argsz, GError **error)
{
  g_auto (VucRegionIoFdsReply) reply = { 0 };
  VucRegionIoFdsQuery asked = { .index = query->index,
                                .argsz = query->argsz,
                                .region_size = query->region_size,
                                .port_io = query->port_io,
                                .n_fds = query->fds.count };

  if (!vuc_region_io_fds_decode (query->payload, query->call.reply_size, &asked, &reply, error))
    return FALSE;
  if (reply.complete)
    return keep (&query->answer, query->index, &reply, &query->fds, error);
  if (query->n_asked > 1)
    return vuc_fail_protocol (
      error, "DEVICE_GET_REGION_IO_FDS reply of region %u: argsz grew from %u to %u", query->index,
      query->argsz, reply.argsz);
  *argsz = reply.argsz;
  return TRUE;
}

VucTaskStatus
vuc_io_fds_query_step (VucIoFdsQuery *query, GError **error)
{
  GError *failure = query->call.error;
  guint32 argsz = query->argsz;

  if (query->n_asked == 0)
    return ask (query, error);

  /* A refusal is an answer: there are none. */
  if (g_error_matches (failure, VUC_ERROR, VUC_ERROR_REMOTE))
    {
      query->answer.known = TRUE;
      query->answer.remote_errno = vuc_error_get_errno (failure);
      return VUC_TASK_ENDS;
    }
  if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&query->call.error));
      return VUC_TASK_ENDS;
    }
  if (!use_answer (query, &argsz, error) || query->answer.known)
    return VUC_TASK_ENDS;

  g_clear_pointer (&query->payload, g_free);
  vuc_fd_set_clear (&query->fds);
  query->argsz = argsz;
  return ask (query, error);
}
