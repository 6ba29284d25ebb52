/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reading all information about a device while connecting (protocol, "Device, region and IRQ
 * information").  Runs as part of the connecting task, on any thread, never on two at a time.
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
  guint8 *reply; /* argsz bytes, among the replies, while the query is under way */
  VucFdSet fds;
  VucCall call;
} Query;

static void
query_add (GArray *queries, guint16 command, guint32 index, guint32 argsz)
{
  Query *query;

  g_array_set_size (queries, queries->len + 1);
  query = &g_array_index (queries, Query, queries->len - 1);
  query->command = command;
  query->index = index;
  query->argsz = argsz;
  query->reply = NULL;
  vuc_fd_set_init (&query->fds);
  vuc_call_init (&query->call, command);
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
}

static void
query_clear (gpointer data)
{
  Query *query = data;

  vuc_call_clear (&query->call);
  vuc_fd_set_clear (&query->fds);
}

/* Room for n, which are not moved then: calls are linked while they are under way. */
static GArray *
queries_new (guint n)
{
  GArray *queries = g_array_sized_new (FALSE, FALSE, sizeof (Query), n);

  g_array_set_clear_func (queries, query_clear);
  return queries;
}

static void
keep_region (VucShape *shape, Query *query, const VucRegionInfoReply *reply)
{
  VucRegion *region = &shape->regions[query->index];

  region->info.flags = reply->flags;
  region->info.caps = reply->caps;
  region->info.size = reply->size;
  region->info.type = reply->type;
  region->info.subtype = reply->subtype;
  region->info.unmappable = reply->unmappable;
  if (reply->n_areas == 0)
    return; /* the descriptors are closed with the query */

  region->fds = vuc_shape_steal_fds (&query->fds, &region->n_fds);
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

static gboolean
handle_region (VucQueries *queries, Query *query, GError **error)
{
  g_auto (VucRegionInfoReply) reply = { 0 };

  if (!vuc_region_info_decode (query->reply, query->call.reply_size, query->index, query->argsz,
                               queries->shape->info.sparse_mmap_fds, query->fds.count, &reply,
                               error))
    return FALSE;

  if (reply.complete)
    {
      keep_region (queries->shape, query, &reply);
      return TRUE;
    }
  if (queries->again == NULL)
    return vuc_fail_protocol (error,
                              "DEVICE_GET_REGION_INFO reply of region %u: argsz grew from %u to %u",
                              query->index, query->argsz, reply.argsz);

  query_add (queries->again, query->command, query->index, reply.argsz);
  return TRUE;
}

static gboolean
handle_irq (VucQueries *queries, Query *query, GError **error)
{
  VucIrqInfo *irq = &queries->shape->irqs[query->index];
  VucIrqInfoReply reply;

  if (!vuc_irq_info_decode (query->reply, query->call.reply_size, query->index,
                            queries->settings->max_irq_count, &reply, error))
    return FALSE;

  irq->flags = reply.flags;
  irq->count = reply.count;
  return TRUE;
}

static gboolean
use_answer (VucQueries *queries, Query *query, GError **error)
{
  gboolean is_region = query->command == VUC_COMMAND_DEVICE_GET_REGION_INFO;
  const GError *failure = query->call.error;

  if (failure == NULL)
    return is_region ? handle_region (queries, query, error) : handle_irq (queries, query, error);

  if (!g_error_matches (failure, VUC_ERROR, VUC_ERROR_REMOTE))
    {
      g_propagate_error (error, g_error_copy (failure));
      return FALSE;
    }
  if (is_region)
    queries->shape->regions[query->index].info.remote_errno = vuc_error_get_errno (failure);
  else
    queries->shape->irqs[query->index].remote_errno = vuc_error_get_errno (failure);
  return TRUE;
}

static gboolean
use_answers (VucQueries *queries, GError **error)
{
  for (guint i = 0; i < queries->n; i++)
    {
      Query *query = &g_array_index (queries->queries, Query, queries->first + i);

      if (!use_answer (queries, query, error))
        return FALSE;
    }
  g_clear_pointer (&queries->replies, g_free);
  queries->first += queries->n;
  queries->n = 0;
  return TRUE;
}

/* As many as may be under way at a time; *memory: what their replies need. */
static guint
count_next (const VucQueries *queries, gsize *memory)
{
  guint n = 0;

  *memory = 0;
  while (queries->first + n < queries->queries->len && n < MAX_BATCH)
    {
      gsize argsz = g_array_index (queries->queries, Query, queries->first + n).argsz;

      if (n > 0 && *memory + argsz > VUC_LIMIT_RETRY_MEMORY)
        break;
      *memory += argsz;
      n++;
    }
  return n;
}

static gboolean
submit_more (VucQueries *queries, GError **error)
{
  g_autofree VucCall **calls = NULL;
  gsize memory, used = 0;

  queries->n = count_next (queries, &memory);
  queries->replies = g_try_malloc (memory);
  if (queries->replies == NULL)
    return vuc_fail (error, VUC_ERROR_LIMIT, "no memory for replies of %" G_GSIZE_FORMAT " bytes",
                     memory);

  calls = g_new (VucCall *, queries->n);
  for (guint i = 0; i < queries->n; i++)
    {
      Query *query = &g_array_index (queries->queries, Query, queries->first + i);

      query->reply = queries->replies + used;
      query->call.reply = query->reply;
      query->call.reply_capacity = query->argsz;
      query->call.queue_link.data = query->call.task_link.data = &query->call;
      used += query->argsz;
      calls[i] = &query->call;
    }
  vuc_task_submit (queries->task, calls, queries->n);
  return TRUE;
}

void
vuc_queries_init (VucQueries *queries, VucTask *task, const VucSettings *settings, VucShape *shape)
{
  GArray *all = queries_new (shape->info.num_regions + shape->info.num_irqs);

  for (guint32 i = 0; i < shape->info.num_regions; i++)
    query_add (all, VUC_COMMAND_DEVICE_GET_REGION_INFO, i, FIRST_ARGSZ);
  for (guint32 i = 0; i < shape->info.num_irqs; i++)
    query_add (all, VUC_COMMAND_DEVICE_GET_IRQ_INFO, i, VUC_IRQ_INFO_SIZE);

  *queries = (VucQueries){
    .task = task, .settings = settings, .shape = shape, .queries = all, .again = queries_new (0)
  };
}

void
vuc_queries_clear (VucQueries *queries)
{
  g_clear_pointer (&queries->queries, g_array_unref);
  g_clear_pointer (&queries->again, g_array_unref);
  g_clear_pointer (&queries->replies, g_free);
}

VucTaskStatus
vuc_queries_step (VucQueries *queries, GError **error)
{
  if (!use_answers (queries, error))
    return VUC_TASK_ENDS;

  if (queries->first == queries->queries->len && queries->again != NULL)
    {
      g_array_unref (queries->queries);
      queries->queries = g_steal_pointer (&queries->again);
      queries->first = 0;
    }
  if (queries->first == queries->queries->len || !submit_more (queries, error))
    return VUC_TASK_ENDS;
  return VUC_TASK_GOES_ON;
}
