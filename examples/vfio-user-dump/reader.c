/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reads as much of a region as can be read: mapped areas directly, the rest by message, and where a
 * server refuses a block, register by register. Does not know what is done with the bytes. Main
 * thread.
 */

#include "reader.h"

#include <string.h>

#include <vfio-user-client/vfio-user-client.h>

/* Registers are 4 bytes wide as a rule; memory is the same at any width, and quickest at 8. */
#define REGISTER_WIDTH 4
#define MAPPED_WIDTH   8

void
reader_init (Reader *reader, VucDevice *device, guint32 region, guint width)
{
  *reader = (Reader){
    .device = device,
    .region = vuc_device_get_region_info (device, region),
    .width = width,
  };
}

void
reader_clear (Reader *reader)
{
  g_clear_pointer (&reader->mapping, vuc_mapping_unref);
  g_clear_pointer (&reader->last_refusal, g_free);
}

gboolean
reader_map (Reader *reader, GError **error)
{
  if (reader->region->n_areas == 0)
    return TRUE;

  reader->mapping = vuc_device_map_region (reader->device, reader->region->index, error);
  return reader->mapping != NULL;
}

/* How many bytes the next access has: WIDTH, or less where OFFSET is not a multiple of it or fewer
   are LEFT; always a power of two that OFFSET is a multiple of, as a CPU would do it. */
static gsize
access_size (guint64 offset, gsize left, gsize width)
{
  while (offset % width != 0 || width > left)
    width /= 2;

  return width;
}

/* The server may write to what is mapped at any time: each value is loaded once, as wide as SIZE
   says, and then is ours. */
static void
load (guint8 *data, gconstpointer pointer, gsize size)
{
  union
  {
    guint8 u8;
    guint16 u16;
    guint32 u32;
    guint64 u64;
  } value;

  switch (size)
    {
    case 1:
      value.u8 = *(const volatile guint8 *) pointer;
      break;

    case 2:
      value.u16 = *(const volatile guint16 *) pointer;
      break;

    case 4:
      value.u32 = *(const volatile guint32 *) pointer;
      break;

    default:
      value.u64 = *(const volatile guint64 *) pointer;
    }

  memcpy (data, &value, size);
}

static void
read_mapped (const Reader *reader, guint64 offset, const guint8 *pointer, guint8 *data, gsize count)
{
  gsize width = reader->width != 0 ? reader->width : MAPPED_WIDTH;

  for (gsize done = 0; done < count;)
    {
      gsize size = access_size (offset + done, count - done, width);

      load (data + done, pointer + done, size);
      done += size;
    }
}

/* One message. A refusal is no failure: the bytes are then not READABLE. */
static gboolean
read_once (Reader *reader,
           guint64 offset,
           guint8 *data,
           gsize count,
           gboolean *readable,
           GError **error)
{
  g_autoptr (GError) local_error = NULL;

  *readable = vuc_device_region_read (reader->device, reader->region->index, offset, data, count,
                                      &local_error);
  if (*readable)
    return TRUE;

  if (g_error_matches (local_error, VUC_ERROR, VUC_ERROR_REMOTE))
    {
      g_free (reader->last_refusal);
      reader->last_refusal = g_strdup (local_error->message);
      return TRUE;
    }

  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gsize
read_by_width (Reader *reader,
               guint64 offset,
               guint8 *data,
               guint8 *readable,
               gsize count,
               gsize width,
               GError **error)
{
  gsize done = 0;

  while (done < count)
    {
      gsize size = access_size (offset + done, count - done, width);
      gboolean good;

      if (!read_once (reader, offset + done, data + done, size, &good, error))
        break;

      memset (readable + done, good, size);
      if (!good)
        {
          memset (data + done, 0xff, size);
          reader->refused += size;
        }
      done += size;
    }

  return done;
}

/* A block that was refused is tried again in smaller ones, so that one bad register does not make a
 * message of each of its neighbours. */
static const gsize smaller_blocks[] = { 4096, 256, 16 };

static gsize
read_block (Reader *reader,
            guint64 offset,
            guint8 *data,
            guint8 *readable,
            gsize count,
            guint level,
            GError **error)
{
  gsize done = 0;
  gboolean good;

  if (!read_once (reader, offset, data, count, &good, error))
    return 0;
  if (good)
    {
      memset (readable, TRUE, count);
      return count;
    }

  while (level < G_N_ELEMENTS (smaller_blocks) && smaller_blocks[level] >= count)
    level++;
  if (level == G_N_ELEMENTS (smaller_blocks))
    return read_by_width (reader, offset, data, readable, count, REGISTER_WIDTH, error);

  while (done < count)
    {
      gsize block = smaller_blocks[level];
      gsize size = (gsize) MIN (count - done, block - (offset + done) % block);
      gsize got = read_block (reader, offset + done, data + done, readable + done, size, level + 1,
                              error);

      done += got;
      if (got < size)
        break;
    }
  return done;
}

static gsize
read_by_message (Reader *reader,
                 guint64 offset,
                 guint8 *data,
                 guint8 *readable,
                 gsize count,
                 GError **error)
{
  if (reader->width != 0)
    return read_by_width (reader, offset, data, readable, count, reader->width, error);
  return read_block (reader, offset, data, readable, count, 0, error);
}

/* Of the COUNT bytes from OFFSET on, how many are all inside one mapped area, or all outside. */
static gsize
same_area (const Reader *reader, guint64 offset, gsize count, gboolean *mapped)
{
  *mapped = FALSE;
  if (reader->mapping == NULL)
    return count;

  for (guint i = 0; i < reader->region->n_areas; i++)
    {
      const VucRegionArea *area = &reader->region->areas[i];

      if (offset < area->offset)
        return MIN (count, area->offset - offset);
      if (offset - area->offset < area->size)
        {
          *mapped = TRUE;
          return MIN (count, area->size - (offset - area->offset));
        }
    }

  return count;
}

gsize
reader_read (Reader *reader,
             guint64 offset,
             guint8 *data,
             guint8 *readable,
             gsize count,
             GError **error)
{
  gsize done = 0;

  while (done < count)
    {
      gboolean mapped;
      gsize run = same_area (reader, offset + done, count - done, &mapped);
      gsize got = run;
      const guint8 *pointer = mapped ? vuc_mapping_get_pointer (reader->mapping, offset + done, run)
                                     : NULL;

      if (pointer != NULL)
        {
          read_mapped (reader, offset + done, pointer, data + done, run);
          memset (readable + done, TRUE, run);
        }
      else
        got = read_by_message (reader, offset + done, data + done, readable + done, run, error);

      done += got;
      if (got < run)
        break;
    }

  return done;
}
