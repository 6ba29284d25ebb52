/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A region of plain bytes, of which only some bits can be written.
 *
 * Accesses may have any size and alignment. Does not know what the bytes mean.
 */

#include "masked-memory.h"

#include <linux/vfio.h>
#include <string.h>

struct _MaskedMemory
{
  gsize size; /* of each of these */
  guint8 *value;
  guint8 *initial;  /* after a reset */
  guint8 *writable; /* bits */
};

static int
on_read (gpointer state, guint64 offset, guint8 *data, gsize count)
{
  const MaskedMemory *memory = state;

  memcpy (data, memory->value + offset, count);
  return 0;
}

/* As in hardware, writing a read-only bit is no error: it does nothing. */
static int
on_write (gpointer state, guint64 offset, const guint8 *data, gsize count)
{
  MaskedMemory *memory = state;

  for (gsize i = 0; i < count; i++)
    {
      guint8 writable = memory->writable[offset + i];
      guint8 *value = &memory->value[offset + i];

      *value = (*value & ~writable) | (data[i] & writable);
    }
  return 0;
}

static void
on_reset (gpointer state)
{
  MaskedMemory *memory = state;

  memcpy (memory->value, memory->initial, memory->size);
}

static void
on_free (gpointer state)
{
  MaskedMemory *memory = state;

  g_free (memory->value);
  g_free (memory->initial);
  g_free (memory->writable);
  g_free (memory);
}

MaskedMemory *
masked_memory_init (Region *region, gsize size)
{
  MaskedMemory *memory = g_new0 (MaskedMemory, 1);

  memory->size = size;
  memory->value = g_malloc0 (size);
  memory->initial = g_malloc0 (size);
  memory->writable = g_malloc0 (size);

  *region = (Region){
    .size = size,
    .flags = VFIO_REGION_INFO_FLAG_READ,
    .read = on_read,
    .write = on_write,
    .reset = on_reset,
    .free = on_free,
    .state = memory,
  };
  return memory;
}

void
masked_memory_define (MaskedMemory *memory,
                      gsize offset,
                      gsize width,
                      guint32 value,
                      guint32 writable_bits)
{
  g_assert (width <= sizeof (value) && offset + width <= memory->size);

  for (gsize i = 0; i < width; i++)
    {
      memory->initial[offset + i] = value >> (8 * i);
      memory->writable[offset + i] = writable_bits >> (8 * i);
    }
}
