/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client's memory: a table of windows, sorted by address.
 *
 * A descriptor is mapped with the window's rights as soon as it comes, and closed: so what cannot be
 * is refused in the reply to DMA_MAP. It is kept if the client wants file IO instead, or if there are
 * too many mappings already. Files must be regular ones (a memfd is), as large as the window; a
 * client that shrinks one afterwards and has it accessed kills the device.
 *
 * Does not know why memory is accessed, nor how messages travel.
 */

#include "dma.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A process may have 65,530 mappings, if nobody has changed that, and needs some for other things.
   What is left of 65,535 windows is below the usual limit of descriptors. */
#define MAX_MAPPED 49152

#define RIGHTS (DMA_FLAG_READ | DMA_FLAG_WRITE)

typedef struct
{
  DmaTable *table;
  guint64 address;
  guint64 size;   /* address + size does not overflow */
  guint32 flags;  /* DMA_FLAG_... */
  guint8 *memory; /* NULL: not mapped */
  int fd;         /* -1: mapped, or reachable by messages only */
  guint64 offset; /* in fd */
} Window;

struct _DmaTable
{
  GSequence *windows; /* of Window, sorted by address; none overlaps another */
  guint max_windows;
  guint n_mapped;
};

static gboolean
is_page_aligned (guint64 value)
{
  return value % PAGE_SIZE_4K == 0;
}

static gboolean
is_valid (const DmaMap *map, gboolean has_fd)
{
  guint32 how = map->flags & (DMA_FLAG_MMAP | DMA_FLAG_FILE_IO);

  return map->argsz >= sizeof (*map) && (map->flags & RIGHTS) != 0
         && (map->flags & ~(RIGHTS | how)) == 0 && map->size > 0 && is_page_aligned (map->size)
         && is_page_aligned (map->address) && map->address <= G_MAXUINT64 - map->size
         && (has_fd ? how != (DMA_FLAG_MMAP | DMA_FLAG_FILE_IO) && is_page_aligned (map->offset)
                        && map->offset <= G_MAXINT64 && map->size <= G_MAXINT64 - map->offset
                    : how == 0);
}

static int
compare_windows (gconstpointer a, gconstpointer b, gpointer user_data G_GNUC_UNUSED)
{
  guint64 a_address = ((const Window *) a)->address;
  guint64 b_address = ((const Window *) b)->address;

  return a_address < b_address ? -1 : a_address > b_address;
}

/* The first window behind ADDRESS: where one that begins there would be put. */
static GSequenceIter *
find_next (const DmaTable *table, guint64 address)
{
  Window key = { .address = address };

  return g_sequence_search (table->windows, &key, compare_windows, NULL);
}

/* The window that begins at or before ADDRESS, the last such; NULL if there is none. */
static Window *
get_previous (GSequenceIter *next)
{
  return g_sequence_iter_is_begin (next) ? NULL : g_sequence_get (g_sequence_iter_prev (next));
}

static Window *
get_next (GSequenceIter *next)
{
  return g_sequence_iter_is_end (next) ? NULL : g_sequence_get (next);
}

static void
free_window (gpointer data)
{
  Window *window = data;

  if (window->memory != NULL)
    {
      munmap (window->memory, window->size);
      window->table->n_mapped--;
    }
  if (window->fd >= 0)
    close (window->fd);
  g_free (window);
}

/* Whether the descriptor allows what the window does. mmap () would tell, pread () too late. */
static gboolean
has_rights (int fd, guint32 flags)
{
  int mode = fcntl (fd, F_GETFL) & O_ACCMODE;

  return (!(flags & DMA_FLAG_READ) || mode != O_WRONLY)
         && (!(flags & DMA_FLAG_WRITE) || mode != O_RDONLY);
}

/* Returns 0, with the window's memory or else its descriptor set, or an errno. FD stays the
   caller's until it is in the window. */
static int
open_window (Window *window, int fd)
{
  int protection = (window->flags & DMA_FLAG_READ ? PROT_READ : 0)
                   | (window->flags & DMA_FLAG_WRITE ? PROT_WRITE : 0);
  struct stat status;
  gpointer memory;

  if (fstat (fd, &status) < 0)
    return errno;
  if (!S_ISREG (status.st_mode) || (guint64) status.st_size < window->offset + window->size)
    return EINVAL;
  if (!has_rights (fd, window->flags))
    return EACCES;

  if ((window->flags & DMA_FLAG_FILE_IO) || window->table->n_mapped == MAX_MAPPED)
    {
      window->fd = fd;
      return 0;
    }
  memory = mmap (NULL, window->size, protection, MAP_SHARED | MAP_NORESERVE, fd, window->offset);
  if (memory == MAP_FAILED)
    return errno;
  window->memory = memory;
  window->table->n_mapped++;
  close (fd);
  return 0;
}

int
dma_map (DmaTable *table, Message *message)
{
  gboolean has_fd = message->n_fds > 0;
  GSequenceIter *next;
  Window *window;
  DmaMap map;
  int error = 0;

  memcpy (&map, message->payload, sizeof (map));
  if (!is_valid (&map, has_fd))
    return EINVAL;

  next = find_next (table, map.address);
  window = get_previous (next);
  if (window != NULL && window->address + window->size > map.address)
    return EEXIST;
  window = get_next (next);
  if (window != NULL && window->address < map.address + map.size)
    return EEXIST;
  if ((guint) g_sequence_get_length (table->windows) >= table->max_windows)
    return ENOSPC;

  window = g_new (Window, 1);
  *window = (Window){
    .table = table,
    .address = map.address,
    .size = map.size,
    .flags = map.flags,
    .fd = -1,
    .offset = map.offset,
  };
  if (has_fd)
    error = open_window (window, message->fds[0]);
  if (error != 0)
    {
      free_window (window);
      return error;
    }
  if (has_fd)
    message_steal_fd (message, 0);
  g_sequence_insert_before (next, window);
  return 0;
}

/* A window goes as it came: no part of one, and not several at once. */
int
dma_unmap (DmaTable *table, Message *message)
{
  GSequenceIter *next;
  Window *window;
  DmaUnmap unmap;

  memcpy (&unmap, message->payload, sizeof (unmap));
  if (unmap.argsz < sizeof (unmap) || unmap.flags != 0)
    return EINVAL;

  next = find_next (table, unmap.address);
  window = get_previous (next);
  if (window == NULL || window->address != unmap.address || window->size != unmap.size)
    return ENOENT;

  g_sequence_remove (g_sequence_iter_prev (next));
  return 0;
}

static gboolean
is_by_message (const Window *window)
{
  return window->memory == NULL && window->fd < 0;
}

/* A message may reach over the border between two windows. Returns how much of SIZE bytes, of which
   WINDOW has the first GOT, can go with it. */
static gsize
extend (const Window *window,
        GSequenceIter *next,
        gsize got,
        gsize size,
        guint32 right,
        gboolean any_kind)
{
  const Window *follower;

  while (got < size && (follower = get_next (next)) != NULL
         && follower->address == window->address + window->size && (follower->flags & right)
         && (any_kind || is_by_message (follower)))
    {
      got += MIN (size - got, follower->size);
      window = follower;
      next = g_sequence_iter_next (next);
    }
  return got;
}

int
dma_find (const DmaTable *table,
          guint64 address,
          gsize size,
          guint32 right,
          gboolean by_message,
          DmaRun *run)
{
  GSequenceIter *next = find_next (table, address);
  const Window *window = get_previous (next);
  guint64 inside;

  if (window == NULL || address - window->address >= window->size)
    return EFAULT;
  if (!(window->flags & right))
    return EACCES;

  inside = address - window->address;
  *run = (DmaRun){ .size = MIN (size, window->size - inside), .fd = -1 };
  if (by_message || is_by_message (window))
    run->size = extend (window, next, run->size, size, right, by_message);
  else if (window->memory != NULL)
    run->memory = window->memory + inside;
  else
    {
      run->fd = window->fd;
      run->offset = window->offset + inside;
    }
  return 0;
}

gboolean
dma_run_is_shared (const DmaRun *run)
{
  return run->memory != NULL || run->fd >= 0;
}

/* What pread () and pwrite () have in common. */
static int
move_by_file (const DmaRun *run, guint8 *to, const guint8 *from, gsize size)
{
  for (gsize done = 0; done < size;)
    {
      gssize n = to != NULL ? pread (run->fd, to + done, size - done, run->offset + done)
                            : pwrite (run->fd, from + done, size - done, run->offset + done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return n < 0 ? errno : EIO; /* the file was shortened */
      done += n;
    }
  return 0;
}

int
dma_run_read (const DmaRun *run, guint8 *data, gsize size)
{
  if (run->memory == NULL)
    return move_by_file (run, data, NULL, size);
  memcpy (data, run->memory, size);
  return 0;
}

int
dma_run_write (const DmaRun *run, const guint8 *data, gsize size)
{
  if (run->memory == NULL)
    return move_by_file (run, NULL, data, size);
  memcpy (run->memory, data, size);
  return 0;
}

DmaTable *
dma_table_new (guint max_windows)
{
  DmaTable *table = g_new0 (DmaTable, 1);

  table->windows = g_sequence_new (free_window);
  table->max_windows = max_windows;
  return table;
}

guint
dma_table_get_max (const DmaTable *table)
{
  return table->max_windows;
}

void
dma_table_clear (DmaTable *table)
{
  g_sequence_remove_range (g_sequence_get_begin_iter (table->windows),
                           g_sequence_get_end_iter (table->windows));
}

void
dma_table_free (DmaTable *table)
{
  g_sequence_free (table->windows);
  g_free (table);
}
