/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The record of pages that were written: a hash table of chunks, so that it costs memory only where
 * something was written.  Does not know what is mapped where.  Any thread.
 */

#include "access/dma-log.h"

#include "base/error.h"
#include "base/range.h"

#define WORD_BITS   64
#define CHUNK_WORDS 64
#define CHUNK_PAGES (CHUNK_WORDS * WORD_BITS)

typedef struct
{
  gint64 index; /* the key: the first page divided by CHUNK_PAGES */
  guint64 words[CHUNK_WORDS];
} Chunk;

struct _VucDmaLog
{
  gint active; /* atomic: so that nobody takes the lock for nothing */
  GMutex lock; /* a leaf; guards what follows */
  guint64 page_size;
  GHashTable *chunks; /* of Chunk, as a set; NULL: nothing is recorded */
};

VucDmaLog *
vuc_dma_log_new (void)
{
  VucDmaLog *log = g_new0 (VucDmaLog, 1);

  g_mutex_init (&log->lock);
  return log;
}

void
vuc_dma_log_free (VucDmaLog *log)
{
  g_clear_pointer (&log->chunks, g_hash_table_unref);
  g_mutex_clear (&log->lock);
  g_free (log);
}

void
vuc_dma_log_start (VucDmaLog *log, guint64 page_size)
{
  g_mutex_lock (&log->lock);
  g_clear_pointer (&log->chunks, g_hash_table_unref);
  log->chunks = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  log->page_size = page_size;
  g_atomic_int_set (&log->active, TRUE);
  g_mutex_unlock (&log->lock);
}

void
vuc_dma_log_stop (VucDmaLog *log)
{
  g_mutex_lock (&log->lock);
  g_atomic_int_set (&log->active, FALSE);
  g_clear_pointer (&log->chunks, g_hash_table_unref);
  log->page_size = 0;
  g_mutex_unlock (&log->lock);
}

static Chunk *
get_chunk_locked (VucDmaLog *log, guint64 page, gboolean make)
{
  gint64 index = (gint64) (page / CHUNK_PAGES);
  Chunk *chunk = g_hash_table_lookup (log->chunks, &index);

  if (chunk == NULL && make)
    {
      chunk = g_new0 (Chunk, 1);
      chunk->index = index;
      g_hash_table_add (log->chunks, chunk);
    }
  return chunk;
}

void
vuc_dma_log_mark (VucDmaLog *log, guint64 address, guint64 count)
{
  if (!g_atomic_int_get (&log->active))
    return;

  g_mutex_lock (&log->lock);
  if (log->page_size != 0)
    {
      guint64 last = (address + (count - 1)) / log->page_size;

      for (guint64 page = address / log->page_size; page <= last; page++)
        {
          Chunk *chunk = get_chunk_locked (log, page, TRUE);
          guint64 bit = page % CHUNK_PAGES;

          chunk->words[bit / WORD_BITS] |= G_GUINT64_CONSTANT (1) << bit % WORD_BITS;
        }
    }
  g_mutex_unlock (&log->lock);
}

static gboolean
check_range_locked (const VucDmaLog *log,
                    guint64 address,
                    guint64 size,
                    gsize n_words,
                    GError **error)
{
  guint64 n_needed;

  if (log->page_size == 0)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "DMA is not being recorded");
  if (size == 0 || !vuc_range_is_valid (address, size) || address % log->page_size != 0
      || size % log->page_size != 0)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "range 0x%" G_GINT64_MODIFIER "x, size 0x%" G_GINT64_MODIFIER
                     "x: both must be multiples of the page size, 0x%" G_GINT64_MODIFIER
                     "x, and the size not 0",
                     address, size, log->page_size);
  n_needed = (size / log->page_size - 1) / WORD_BITS + 1;
  if (n_words < n_needed)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "a bitmap of %" G_GSIZE_FORMAT
                     " words is too small, the range needs %" G_GUINT64_FORMAT,
                     n_words, n_needed);
  return TRUE;
}

gboolean
vuc_dma_log_take (VucDmaLog *log,
                  guint64 address,
                  guint64 size,
                  guint64 *bitmap,
                  gsize n_words,
                  GError **error)
{
  gboolean ok;

  g_mutex_lock (&log->lock);
  ok = check_range_locked (log, address, size, n_words, error);
  for (guint64 page = 0; ok && page < size / log->page_size;)
    {
      guint64 absolute = address / log->page_size + page;
      Chunk *chunk = get_chunk_locked (log, absolute, FALSE);
      guint64 bit = absolute % CHUNK_PAGES;
      guint64 mask = G_GUINT64_CONSTANT (1) << bit % WORD_BITS;

      /* Where nothing was written a whole chunk is passed over. */
      if (chunk == NULL)
        {
          page += CHUNK_PAGES - bit;
          continue;
        }
      if ((chunk->words[bit / WORD_BITS] & mask) != 0)
        bitmap[page / WORD_BITS] |= G_GUINT64_CONSTANT (1) << page % WORD_BITS;
      chunk->words[bit / WORD_BITS] &= ~mask;
      page++;
    }
  g_mutex_unlock (&log->lock);
  return ok;
}
