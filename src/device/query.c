/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reading all information about a device while connecting (protocol, "Device, region and IRQ
 * information").  Runs once, on the thread that connects.
 *
 * The number of round trips does not depend on the number of regions: DEVICE_GET_INFO is one; all
 * regions and interrupts are asked for at once, in one more; those regions whose reply needs more
 * room than we offered are asked again, all at once, in a last one.  Only a device with more
 * indexes than commands may be pending, or replies that want more memory than we lend at a time,
 * take more.  Every server that is known executes pipelined commands in order, so there is no other
 * way here.
 *
 * A server may refuse single indexes: those are empty, and remember the errno.
 */

#include "device/query.h"

#include "base/error.h"
#include "base/limits.h"
#include "wire/device-info.h"
#include "wire/irq-info.h"
#include "wire/region-info.h"

/* Room for 60 sparse areas: no device that we know needs a second question. */
#define FIRST_ARGSZ 1024

/* Queries under way at the same time, below VUC_LIMIT_PENDING. */
#define MAX_BATCH 2048

typedef struct
{
  guint16 command;
  guint32 index;
  guint32 argsz; /* the largest reply payload that is taken, in bytes */
  guint8 *reply; /* argsz bytes, while the query is under way */
  VucFdSet fds;
  VucCall call;
} Query;

static Query *
query_new (guint16 command, guint32 index, guint32 argsz, gint64 deadline)
{
  Query *query = g_new (Query, 1);

  query->command = command;
  query->index = index;
  query->argsz = argsz;
  query->reply = NULL;
  vuc_fd_set_init (&query->fds);
  vuc_call_init (&query->call, command, deadline);
  if (command == VUC_COMMAND_DEVICE_GET_REGION_INFO)
    {
      vuc_region_info_encode (index, argsz, query->call.request);
      query->call.request_size = VUC_REGION_INFO_SIZE;
      query->call.reply_min = VUC_REGION_INFO_SIZE;
      query->call.reply_fds = &query->fds;
    }
  else
    {
      vuc_irq_info_encode (index, query->call.request);
      query->call.request_size = VUC_IRQ_INFO_SIZE;
      query->call.reply_min = VUC_IRQ_INFO_SIZE;
    }
  return query;
}

static void
query_free (gpointer data)
{
  Query *query = data;

  vuc_call_clear (&query->call);
  vuc_fd_set_clear (&query->fds);
  g_free (query->reply);
  g_free (query);
}

static void
keep_region (VucDevice *device, Query *query, const VucRegionInfoReply *reply)
{
  VucRegion *region = &device->regions[query->index];

  region->info.flags = reply->flags;
  region->info.caps = reply->caps;
  region->info.size = reply->size;
  region->info.type = reply->type;
  region->info.subtype = reply->subtype;
  region->info.unmappable = reply->unmappable;
  if (reply->n_areas == 0)
    return; /* the descriptors are closed with the query */

  region->fds = vuc_device_steal_fds (&query->fds, &region->n_fds);
  region->areas = g_new (VucRegionArea, reply->n_areas);
  for (guint i = 0; i < reply->n_areas; i++)
    {
      const VucRegionInfoArea *area = &reply->areas[i];

      region->areas[i] = (VucRegionArea){ .offset = area->offset,
                                          .size = area->size,
                                          .fd = region->fds[area->fd_index],
                                          .fd_offset = area->fd_offset };
    }
  region->info.areas = region->areas;
  region->info.n_areas = reply->n_areas;
}

/* again: where to note that this region wants a larger reply; NULL if it may not ask again. */
static gboolean
handle_region (VucDevice *device, Query *query, GPtrArray *again, GError **error)
{
  g_auto (VucRegionInfoReply) reply = { 0 };

  if (!vuc_region_info_decode (query->reply, query->call.reply_size, query->index, query->argsz,
                               device->info.sparse_mmap_fds, query->fds.count, &reply, error))
    return FALSE;

  if (reply.complete)
    {
      keep_region (device, query, &reply);
      return TRUE;
    }
  if (again == NULL)
    return vuc_fail_protocol (error,
                              "DEVICE_GET_REGION_INFO reply of region %u: argsz grew from %u to %u",
                              query->index, query->argsz, reply.argsz);

  g_ptr_array_add (again,
                   query_new (query->command, query->index, reply.argsz, query->call.deadline));
  return TRUE;
}

static gboolean
handle_irq (VucDevice *device, Query *query, GError **error)
{
  VucIrqInfoReply reply;

  if (!vuc_irq_info_decode (query->reply, query->call.reply_size, query->index,
                            device->settings.max_irq_count, &reply, error))
    return FALSE;

  device->irqs[query->index].flags = reply.flags;
  device->irqs[query->index].count = reply.count;
  return TRUE;
}

static gboolean
finish_query (VucDevice *device, Query *query, GPtrArray *again, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  gboolean is_region = query->command == VUC_COMMAND_DEVICE_GET_REGION_INFO;
  int *remote_errno = is_region ? &device->regions[query->index].info.remote_errno
                                : &device->irqs[query->index].remote_errno;

  if (vuc_session_wait (device->session, &query->call, &local_error))
    return is_region ? handle_region (device, query, again, error)
                     : handle_irq (device, query, error);

  if (g_error_matches (local_error, VUC_ERROR, VUC_ERROR_REMOTE))
    {
      *remote_errno = vuc_error_get_errno (local_error);
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gboolean
lend_reply_memory (Query *query, GError **error)
{
  query->reply = g_try_malloc (query->argsz);
  if (query->reply == NULL)
    return vuc_fail (error, VUC_ERROR_LIMIT, "no memory for a reply of %u bytes", query->argsz);

  query->call.reply = query->reply;
  query->call.reply_capacity = query->argsz;
  return TRUE;
}

/* Asks n queries at once and waits for all of them, whatever becomes of the first. */
static gboolean
run_batch (VucDevice *device, Query **queries, gsize n, GPtrArray *again, GError **error)
{
  g_autofree VucCall **calls = g_new (VucCall *, n);
  g_autoptr (GError) first_error = NULL;

  for (gsize i = 0; i < n; i++)
    {
      if (!lend_reply_memory (queries[i], error))
        return FALSE;
      calls[i] = &queries[i]->call;
    }

  vuc_session_submit (device->session, calls, n);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GError) local_error = NULL;

      if (!finish_query (device, queries[i], again, &local_error) && first_error == NULL)
        {
          /* The others need not be waited for any longer. */
          first_error = g_steal_pointer (&local_error);
          vuc_session_end (device->session, first_error);
        }
      g_clear_pointer (&queries[i]->reply, g_free);
    }

  if (first_error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&first_error));
  return FALSE;
}

static gboolean
run_queries (VucDevice *device, GPtrArray *queries, GPtrArray *again, GError **error)
{
  for (guint first = 0; first < queries->len;)
    {
      gsize memory = 0;
      guint n = 0;

      while (first + n < queries->len && n < MAX_BATCH)
        {
          const Query *query = queries->pdata[first + n];

          if (n > 0 && memory + query->argsz > VUC_LIMIT_RETRY_MEMORY)
            break;
          memory += query->argsz;
          n++;
        }
      if (!run_batch (device, (Query **) queries->pdata + first, n, again, error))
        return FALSE;
      first += n;
    }
  return TRUE;
}

static gboolean
query_device_info (VucDevice *device, gint64 deadline, GError **error)
{
  guint8 payload[VUC_DEVICE_INFO_SIZE];
  VucDeviceInfoReply reply;
  VucCall call;
  gboolean ok;

  vuc_call_init (&call, VUC_COMMAND_DEVICE_GET_INFO, deadline);
  vuc_device_info_encode (call.request);
  call.request_size = VUC_DEVICE_INFO_SIZE;
  call.reply = payload;
  call.reply_capacity = sizeof payload;
  call.reply_min = sizeof payload;

  ok = vuc_session_call (device->session, &call, error)
       && vuc_device_info_decode (payload, call.reply_size, device->settings.max_regions,
                                  device->settings.max_irqs, &reply, error);
  vuc_call_clear (&call);
  if (!ok)
    return FALSE;

  device->info.flags = reply.flags;
  device->info.num_regions = reply.num_regions;
  device->info.num_irqs = reply.num_irqs;
  device->regions = g_new0 (VucRegion, reply.num_regions);
  device->irqs = g_new0 (VucIrqInfo, reply.num_irqs);
  for (guint32 i = 0; i < reply.num_regions; i++)
    device->regions[i].info.index = i;
  for (guint32 i = 0; i < reply.num_irqs; i++)
    device->irqs[i].index = i;
  return TRUE;
}

gboolean
vuc_query_all (VucDevice *device, gint64 deadline, GError **error)
{
  g_autoptr (GPtrArray) queries = g_ptr_array_new_with_free_func (query_free);
  g_autoptr (GPtrArray) again = g_ptr_array_new_with_free_func (query_free);

  if (!query_device_info (device, deadline, error))
    return FALSE;

  for (guint32 i = 0; i < device->info.num_regions; i++)
    g_ptr_array_add (queries,
                     query_new (VUC_COMMAND_DEVICE_GET_REGION_INFO, i, FIRST_ARGSZ, deadline));
  for (guint32 i = 0; i < device->info.num_irqs; i++)
    g_ptr_array_add (queries,
                     query_new (VUC_COMMAND_DEVICE_GET_IRQ_INFO, i, VUC_IRQ_INFO_SIZE, deadline));

  return run_queries (device, queries, again, error) && run_queries (device, again, NULL, error);
}
