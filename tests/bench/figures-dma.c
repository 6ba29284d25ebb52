/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DMA by message.  The peer drives: a write of an order makes it ask for data so many times, and is
 * answered when it has all; what waits for that answer is what serves.  Main thread.
 */

#include <unistd.h>

#include "bench/bare.h"
#include "bench/client.h"
#include "bench/figures.h"

#define READ  11
#define WRITE 12

/* All regions lie in the same memory, so that it is in the same caches. */
#define MEMORY_SIZE (1u << 20)
#define PAGE_SIZE   4096u

/* Neither is next to another, so that each must be found by itself. */
#define MANY_REGIONS 65535u
#define MANY_STRIDE  (2 * PAGE_SIZE)

/* A device, or a bare client, with memory. */
typedef struct
{
  Client client; /* without a device: the bare one, which has: */
  int fd;
  int on; /* where it is asked */
} End;

typedef struct
{
  End library;
  End bare; /* or the library with many regions */
  guint8 *memory;
} Dma;

/* --- Settings --- */

static PeerManner
get_manner (gboolean has_twin)
{
  return has_twin ? PEER_TWIN : PEER_PLAIN;
}

static void
map_or_die (VucDevice *device, const VucDmaRegion *regions, gsize n_regions)
{
  g_autoptr (GError) error = NULL;

  if (!vuc_device_dma_map_many (device, regions, n_regions, &error))
    g_error ("%s", error->message);
}

static void
open_client (End *end, const Subject *subject, gboolean has_twin)
{
  g_autoptr (VucConfig) config = vuc_config_new ();

  /* Tens of thousands of regions, one at a time, may take long. */
  vuc_config_set_timeout_ms (config, 60 * 1000);
  client_open (&end->client, subject->placement->server_cpu, get_manner (has_twin), config);
}

static void
begin_library (End *end, const Dma *dma, const Subject *subject, gboolean has_twin)
{
  const VucDmaRegion region = {
    .size = MEMORY_SIZE, .flags = VUC_DMA_READ | VUC_DMA_WRITE, .fd = -1, .vaddr = dma->memory
  };

  open_client (end, subject, has_twin);
  map_or_die (end->client.device, &region, 1);
}

static void
begin_many (End *end, const Dma *dma, const Subject *subject)
{
  g_autofree VucDmaRegion *regions = g_new0 (VucDmaRegion, MANY_REGIONS);

  for (guint i = 0; i < MANY_REGIONS; i++)
    regions[i] = (VucDmaRegion){ .iova = i * (guint64) MANY_STRIDE,
                                 .size = PAGE_SIZE,
                                 .flags = VUC_DMA_READ | VUC_DMA_WRITE,
                                 .fd = -1,
                                 .vaddr = dma->memory + i % (MEMORY_SIZE / PAGE_SIZE) * PAGE_SIZE };
  open_client (end, subject, FALSE);
  map_or_die (end->client.device, regions, MANY_REGIONS);
}

static void
begin_bare (End *end, const Subject *subject, gboolean has_twin)
{
  end->fd = peer_start (subject->placement->server_cpu, get_manner (has_twin), &end->client.pid);
  end->on = end->fd;
  if (has_twin)
    end->on = bare_connect_with_twin (end->fd);
  else
    bare_connect_pipelined (end->fd);
}

static Dma *
dma_new (Subject *subject)
{
  Dma *dma = g_new0 (Dma, 1);

  dma->memory = g_malloc0 (MEMORY_SIZE);
  subject->own = dma;
  return dma;
}

static char *
begin_both (Subject *subject, gboolean has_twin)
{
  Dma *dma = dma_new (subject);

  begin_library (&dma->library, dma, subject, has_twin);
  begin_bare (&dma->bare, subject, has_twin);
  return NULL;
}

static char *
memory_begin (Subject *subject)
{
  return begin_both (subject, FALSE);
}

static char *
twin_memory_begin (Subject *subject)
{
  return begin_both (subject, TRUE);
}

static char *
many_regions_begin (Subject *subject)
{
  Dma *dma = dma_new (subject);

  begin_many (&dma->library, dma, subject);
  begin_library (&dma->bare, dma, subject, FALSE);
  return NULL;
}

static void
end_end (End *end)
{
  if (end->client.device != NULL)
    {
      client_close (&end->client);
      return;
    }
  if (end->on != end->fd)
    close (end->on);
  close (end->fd);
  peer_stop (end->client.pid);
}

static void
memory_end (Subject *subject)
{
  Dma *dma = subject->own;

  end_end (&dma->library);
  end_end (&dma->bare);
  g_free (dma->memory);
  g_free (dma);
}

const Setting with_memory = { memory_begin, memory_end };
const Setting with_twin_memory = { twin_memory_begin, memory_end };
const Setting with_many_regions = { many_regions_begin, memory_end };

/* --- Slices --- */

static void
let_peer_ask (const Dma *dma, const End *end, const PeerDmaOrder *order)
{
  g_autoptr (GError) error = NULL;

  if (end->client.device == NULL)
    bare_serve_dma (end->fd, end->on, order, dma->memory, MEMORY_SIZE);
  else if (!vuc_device_region_write (end->client.device, PEER_DMA_REGION, 0, order, sizeof *order,
                                     &error))
    g_error ("%s", error->message);
}

/* All over the memory, as far as there is more than one place. */
static PeerDmaOrder
order_of (guint32 command, guint32 size, guint count)
{
  return (PeerDmaOrder){
    .command = command, .size = size, .count = count, .n_places = MEMORY_SIZE / size, .stride = size
  };
}

static void
run (Subject *subject, guint32 command, guint32 size, guint count, gboolean is_bare)
{
  const Dma *dma = subject->own;
  PeerDmaOrder order = order_of (command, size, count);

  let_peer_ask (dma, is_bare ? &dma->bare : &dma->library, &order);
}

static void
run_many (Subject *subject, guint32 command, guint count)
{
  const Dma *dma = subject->own;
  PeerDmaOrder order = order_of (command, PAGE_SIZE, count);

  order.n_places = MANY_REGIONS;
  order.stride = MANY_STRIDE;
  let_peer_ask (dma, &dma->library, &order);
}

void
dma_read_4k (Subject *subject, guint count)
{
  run (subject, READ, PAGE_SIZE, count, FALSE);
}

void
bare_dma_read_4k (Subject *subject, guint count)
{
  run (subject, READ, PAGE_SIZE, count, TRUE);
}

void
dma_write_4k (Subject *subject, guint count)
{
  run (subject, WRITE, PAGE_SIZE, count, FALSE);
}

void
bare_dma_write_4k (Subject *subject, guint count)
{
  run (subject, WRITE, PAGE_SIZE, count, TRUE);
}

void
dma_read_1m (Subject *subject, guint count)
{
  run (subject, READ, MEMORY_SIZE, count, FALSE);
}

void
bare_dma_read_1m (Subject *subject, guint count)
{
  run (subject, READ, MEMORY_SIZE, count, TRUE);
}

void
dma_write_1m (Subject *subject, guint count)
{
  run (subject, WRITE, MEMORY_SIZE, count, FALSE);
}

void
bare_dma_write_1m (Subject *subject, guint count)
{
  run (subject, WRITE, MEMORY_SIZE, count, TRUE);
}

void
many_dma_read_4k (Subject *subject, guint count)
{
  run_many (subject, READ, count);
}

void
many_dma_write_4k (Subject *subject, guint count)
{
  run_many (subject, WRITE, count);
}
