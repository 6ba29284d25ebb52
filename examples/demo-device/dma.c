/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client's memory: a table of windows, each with the descriptor that came with it, if any.
 *
 * Only keeps the books. Nothing is mapped or moved.
 */

#include "dma.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  guint64 address;
  guint64 size;   /* address + size does not overflow */
  guint32 flags;  /* DMA_FLAG_... */
  int fd;         /* -1: reachable by messages only */
  guint64 offset; /* in fd */
} Window;

struct _DmaTable
{
  Window windows[MAX_DMA_MAPS]; /* in no particular order */
  guint n_windows;
};

static gboolean
is_page_aligned (guint64 value)
{
  return value % PAGE_SIZE_4K == 0;
}

static gboolean
is_valid (const DmaMap *map, gboolean has_fd)
{
  return map->argsz >= sizeof (*map) && map->flags != 0
         && (map->flags & ~(DMA_FLAG_READ | DMA_FLAG_WRITE)) == 0 && map->size > 0
         && is_page_aligned (map->size) && is_page_aligned (map->address)
         && map->address <= G_MAXUINT64 - map->size
         && (!has_fd
             || (is_page_aligned (map->offset) && map->offset <= G_MAXINT64
                 && map->size <= G_MAXINT64 - map->offset));
}

static gboolean
overlaps (const Window *window, const DmaMap *map)
{
  return window->address < map->address + map->size
         && map->address < window->address + window->size;
}

int
dma_map (DmaTable *table, Message *message)
{
  gboolean has_fd = message->n_fds > 0;
  DmaMap map;

  memcpy (&map, message->payload, sizeof (map));
  if (!is_valid (&map, has_fd))
    return EINVAL;

  for (guint i = 0; i < table->n_windows; i++)
    if (overlaps (&table->windows[i], &map))
      return EEXIST;

  if (table->n_windows == MAX_DMA_MAPS)
    return ENOSPC;

  table->windows[table->n_windows++] = (Window){
    .address = map.address,
    .size = map.size,
    .flags = map.flags,
    .fd = has_fd ? message_steal_fd (message, 0) : -1,
    .offset = map.offset,
  };
  return 0;
}

static void
remove_window (DmaTable *table, guint index)
{
  if (table->windows[index].fd >= 0)
    close (table->windows[index].fd);
  table->windows[index] = table->windows[--table->n_windows];
}

/* A window goes as it came: no part of one, and not several at once. */
int
dma_unmap (DmaTable *table, Message *message)
{
  DmaUnmap unmap;

  memcpy (&unmap, message->payload, sizeof (unmap));
  if (unmap.argsz < sizeof (unmap) || unmap.flags != 0)
    return EINVAL;

  for (guint i = 0; i < table->n_windows; i++)
    if (table->windows[i].address == unmap.address && table->windows[i].size == unmap.size)
      {
        remove_window (table, i);
        return 0;
      }
  return ENOENT;
}

DmaTable *
dma_table_new (void)
{
  return g_new0 (DmaTable, 1);
}

void
dma_table_clear (DmaTable *table)
{
  while (table->n_windows > 0)
    remove_window (table, table->n_windows - 1);
}

void
dma_table_free (DmaTable *table)
{
  dma_table_clear (table);
  g_free (table);
}
