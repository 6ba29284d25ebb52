/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DMA_MAP and DMA_UNMAP, many at a time (protocol, "DMA").  Does not know the table of regions.  As
 * part of a task: on any thread, never on two at a time.
 */

#include "device/dma-bulk.h"

#include "base/error.h"
#include "wire/dma.h"

/* Calls under way at a time: enough that no round trip shows. */
#define WINDOW 256

void
vuc_dma_bulk_init (VucDmaBulk *bulk,
                   VucTask *task,
                   guint16 command,
                   GPtrArray *regions,
                   VucDmaBulkDone done,
                   gpointer user_data)
{
  guint room = MIN (regions->len, WINDOW);

  *bulk = (VucDmaBulk){
    .task = task, .command = command, .regions = regions, .done = done, .user_data = user_data
  };
  bulk->calls = g_new (VucCall, room);
  bulk->replies = g_malloc (room * VUC_DMA_UNMAP_SIZE);
}

void
vuc_dma_bulk_clear (VucDmaBulk *bulk)
{
  for (guint i = 0; i < bulk->n; i++)
    vuc_call_clear (&bulk->calls[i]);
  g_clear_pointer (&bulk->calls, g_free);
  g_clear_pointer (&bulk->replies, g_free);
  bulk->n = 0;
}

static void
fill_map (const VucGuestRegion *region, VucCall *call)
{
  VucDmaMap map = { .address = region->iova, .size = region->size };

  if ((region->flags & VUC_DMA_READ) != 0)
    map.flags |= VUC_DMA_MAP_READ;
  if ((region->flags & VUC_DMA_WRITE) != 0)
    map.flags |= VUC_DMA_MAP_WRITE;
  if (region->file != NULL)
    {
      map.offset = region->file_offset;
      /* A descriptor alone means mapping, to servers of every age. */
      if ((region->flags & VUC_DMA_FILE_IO) != 0)
        map.flags |= VUC_DMA_MAP_FILE_IO;
      call->request_fds = &region->file->fd;
      call->n_request_fds = 1;
    }
  vuc_dma_map_encode (&map, call->request);
  call->request_size = VUC_DMA_MAP_SIZE;
}

/* Servers are known that answer with a bare header. */
static void
fill_unmap (const VucGuestRegion *region, VucCall *call, guint8 *reply)
{
  VucDmaUnmap unmap = { .address = region->iova, .size = region->size };

  vuc_dma_unmap_encode (&unmap, call->request);
  call->request_size = VUC_DMA_UNMAP_SIZE;
  call->reply = reply;
  call->reply_capacity = VUC_DMA_UNMAP_SIZE;
  call->reply_min = 0;
  call->is_followed = TRUE;
}

static void
submit_next (VucDmaBulk *bulk)
{
  VucCall *calls[WINDOW];

  bulk->n = MIN (bulk->regions->len - bulk->first, WINDOW);
  for (guint i = 0; i < bulk->n; i++)
    {
      const VucGuestRegion *region = bulk->regions->pdata[bulk->first + i];
      VucCall *call = calls[i] = &bulk->calls[i];

      vuc_call_init (call, bulk->command);
      if (bulk->command == VUC_COMMAND_DMA_MAP)
        fill_map (region, call);
      else
        fill_unmap (region, call, bulk->replies + i * VUC_DMA_UNMAP_SIZE);
    }
  vuc_task_submit (bulk->task, calls, bulk->n);
}

/* A reply for something else ends the connection. */
static void
check_reply (VucDmaBulk *bulk, const VucGuestRegion *region, VucCall *call)
{
  VucDmaUnmap asked = { .address = region->iova, .size = region->size };

  if (call->error != NULL || bulk->command != VUC_COMMAND_DMA_UNMAP
      || vuc_dma_unmap_decode (call->reply, call->reply_size, &asked, &call->error))
    return;
  vuc_session_end_by (bulk->task, call->error);
}

static void
tell (VucDmaBulk *bulk, guint i)
{
  VucGuestRegion *region = bulk->regions->pdata[bulk->first + i];

  check_reply (bulk, region, &bulk->calls[i]);
  bulk->done (region, bulk->calls[i].error, bulk->user_data);
}

void
vuc_dma_bulk_end (VucDmaBulk *bulk)
{
  for (guint i = 0; i < bulk->n; i++)
    {
      if (bulk->calls[i].done)
        tell (bulk, i);
    }
}

gboolean
vuc_dma_bulk_step (VucDmaBulk *bulk)
{
  for (guint i = 0; i < bulk->n; i++)
    {
      tell (bulk, i);
      vuc_call_clear (&bulk->calls[i]);
    }
  bulk->first += bulk->n;
  bulk->n = 0;
  if (bulk->first == bulk->regions->len)
    return FALSE;
  submit_next (bulk);
  return TRUE;
}

const VucCall *
vuc_dma_bulk_find_call (const VucDmaBulk *bulk, const VucGuestRegion *region)
{
  for (guint i = 0; i < bulk->n; i++)
    {
      if (bulk->regions->pdata[bulk->first + i] == region)
        return &bulk->calls[i];
    }
  return NULL;
}
