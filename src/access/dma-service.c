/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The answers to DMA_READ and DMA_WRITE.  A command is checked as a whole before a byte is touched:
 * only ranges that are mapped for this device, adjacent ones may be crossed, each with the right that
 * is needed.  Then data goes straight from guest memory into the socket, or the other way; where one
 * of the regions is served by callback it goes through memory of our own.
 *
 * Does not know how commands travel.  Called by the thread that reads, one command at a time.
 */

#include "access/dma-service.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "session/session.h"
#include "wire/dma.h"

/* More regions than this for one command: the smallest pages of the largest one, and one more. */
#define MAX_REGIONS (VUC_LIMIT_DATA_XFER / 4096 + 2)

/* What most commands need. */
#define FEW_REGIONS 4

/* One command: from begin to release. */
typedef struct
{
  VucDmaAccess access;
  guint n_regions;
  VucGuestRegion **regions;
  struct iovec *pieces; /* one for each region, or the bounce memory */
  guint8 *bounce;       /* count bytes, if a region is served by callback; else NULL */
  gboolean writes;      /* some of its bytes may be in guest memory, and that was not recorded */
  VucGuestRegion *few_regions[FEW_REGIONS];
  struct iovec few_pieces[FEW_REGIONS];
} Serving;

static gsize
fixed_size (guint16 command)
{
  return command == VUC_COMMAND_DMA_READ || command == VUC_COMMAND_DMA_WRITE ? VUC_DMA_ACCESS_SIZE
                                                                             : 0;
}

static void
serving_free (Serving *serving)
{
  for (guint i = 0; i < serving->n_regions; i++)
    vuc_guest_region_unref (serving->regions[i]);
  if (serving->regions != serving->few_regions)
    {
      g_free (serving->regions);
      g_free (serving->pieces);
    }
  g_free (serving->bounce);
  g_free (serving);
}

/* The part of the command's range that lies in its i-th region. */
static void
get_part (const Serving *serving, guint i, guint64 *address, gsize *count)
{
  const VucGuestRegion *region = serving->regions[i];
  guint64 begin = MAX (serving->access.address, region->iova);
  guint64 end = MIN (serving->access.address + serving->access.count, region->iova + region->size);

  *address = begin;
  *count = (gsize) (end - begin);
}

/* Returns 0 or an errno. */
static int
find_regions (VucDmaMemory *memory, Serving *serving, guint32 right)
{
  const VucDmaAccess *access = &serving->access;
  int error;

  serving->regions = serving->few_regions;
  serving->pieces = serving->few_pieces;
  if (access->count == 0)
    return 0;
  error = vuc_guest_table_find (memory->table, access->address, access->count, right,
                                serving->regions, FEW_REGIONS, &serving->n_regions);
  if (error != E2BIG)
    return error;

  serving->regions = g_new (VucGuestRegion *, MAX_REGIONS);
  serving->pieces = g_new (struct iovec, MAX_REGIONS);
  return vuc_guest_table_find (memory->table, access->address, access->count, right,
                               serving->regions, MAX_REGIONS, &serving->n_regions);
}

/* Looks at all of them, before a byte is touched.  Returns 0 or an errno. */
static int
find_memory (Serving *serving)
{
  gboolean bounces = FALSE;

  for (guint i = 0; i < serving->n_regions; i++)
    {
      VucGuestRegion *region = serving->regions[i];
      guint8 *memory;
      guint64 address;
      gsize count;

      if (vuc_guest_region_has_ops (region))
        {
          bounces = TRUE;
          continue;
        }
      memory = vuc_guest_region_get_memory (region);
      if (memory == NULL)
        return EIO;
      get_part (serving, i, &address, &count);
      serving->pieces[i] = (struct iovec){ memory + (address - region->iova), count };
    }
  if (!bounces)
    return 0;
  /* Zeros: a function that fills in less than it was asked for must not show the server our heap. */
  serving->bounce = g_try_malloc0 (serving->access.count);
  serving->pieces[0] = (struct iovec){ serving->bounce, serving->access.count };
  return serving->bounce != NULL ? 0 : ENOMEM;
}

static guint
n_pieces (const Serving *serving)
{
  return serving->bounce != NULL ? 1 : serving->n_regions;
}

static void
begin (VucServed *served, gpointer service_data)
{
  VucDmaMemory *memory = service_data;
  gboolean reads = served->header.command == VUC_COMMAND_DMA_READ;
  Serving *serving = g_new (Serving, 1);

  serving->n_regions = 0;
  serving->bounce = NULL;
  serving->writes = FALSE;
  serving->regions = serving->few_regions;
  served->user_data = serving;
  served->error = vuc_dma_access_decode (served->fixed, sizeof served->fixed, served->data_size,
                                         served->header.command, VUC_LIMIT_DATA_XFER,
                                         &serving->access);
  if (served->error == 0)
    served->error = find_regions (memory, serving, reads ? VUC_DMA_READ : VUC_DMA_WRITE);
  if (served->error == 0)
    served->error = find_memory (serving);
  if (served->error != 0 || reads)
    return;
  served->places = serving->pieces;
  served->n_places = n_pieces (serving);
  serving->writes = serving->access.count > 0;

  /* Once here, and once when it is over: the connection may end in between, and somebody may take the
   * record. */
  if (serving->writes)
    vuc_dma_log_mark (memory->log, serving->access.address, serving->access.count);
}

/* However much of it was written: a command may end in the middle. */
static void
record (VucDmaMemory *memory, Serving *serving)
{
  if (serving->writes)
    vuc_dma_log_mark (memory->log, serving->access.address, serving->access.count);
  serving->writes = FALSE;
}

/* Returns 0 or an errno. */
static int
call_back (const Serving *serving, gboolean reads)
{
  guint8 *data = serving->bounce;
  int error = 0;

  for (guint i = 0; i < serving->n_regions && error == 0; i++)
    {
      VucGuestRegion *region = serving->regions[i];
      guint8 *memory = NULL;
      guint64 address;
      gsize count;

      get_part (serving, i, &address, &count);
      if (!vuc_guest_region_has_ops (region))
        memory = vuc_guest_region_get_memory (region);
      if (memory != NULL && reads)
        memcpy (data, memory + (address - region->iova), count);
      else if (memory != NULL)
        memcpy (memory + (address - region->iova), data, count);
      else if (!vuc_guest_region_has_ops (region))
        error = EIO;
      else if (reads)
        error = region->ops.read (address, data, count, region->user_data);
      else
        error = region->ops.write (address, data, count, region->user_data);
      data += count;
    }
  return error;
}

static void
end (VucServed *served, gpointer service_data)
{
  VucDmaMemory *memory = service_data;
  Serving *serving = served->user_data;
  gboolean reads = served->header.command == VUC_COMMAND_DMA_READ;

  if (serving->bounce != NULL)
    {
      vuc_session_enter_callback ();
      served->error = call_back (serving, reads);
      vuc_session_leave_callback ();
    }
  record (memory, serving);
  if (served->error != 0)
    {
      /* What a function of the caller's says may be no errno at all. */
      if (served->error < 0 || served->error > 4095)
        served->error = EIO;
      return;
    }

  vuc_dma_access_encode (&serving->access, served->reply);
  served->reply_size = VUC_DMA_ACCESS_SIZE;
  if (reads)
    {
      served->reply_data = serving->pieces;
      served->n_reply_data = n_pieces (serving);
    }
}

static void
release (VucServed *served, gpointer service_data)
{
  record (service_data, served->user_data);
  serving_free (served->user_data);
}

static gboolean
uses (const VucServed *served, gconstpointer what)
{
  const Serving *serving = served->user_data;

  for (guint i = 0; i < serving->n_regions; i++)
    {
      if (serving->regions[i] == what)
        return TRUE;
    }
  return FALSE;
}

const VucService vuc_dma_service = { fixed_size, begin, end, release, uses };
