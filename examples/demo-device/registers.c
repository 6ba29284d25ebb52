/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * BAR0: registers.
 *
 * Reading never has a side effect, so reads may have any size and alignment, and what is not there
 * reads as zero. A write must be a whole register that can be written (or half of one that has 64
 * bits), or hit a doorbell. Any other is refused, and also latched: a posted write has no reply that
 * could say so.
 */

#include "registers.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "doorbells.h"
#include "ping.h"

typedef struct
{
  guint8 image[REGISTERS_SIZE]; /* what a read sees */
  Doorbells *doorbells;
  Ping *ping;
} Registers;

static void
put (Registers *self, gsize offset, guint32 value)
{
  guint32 little_endian = GUINT32_TO_LE (value);

  memcpy (self->image + offset, &little_endian, sizeof (little_endian));
}

static void
clear_error (Registers *self)
{
  put (self, REGISTER_ERROR, 0);
  put (self, REGISTER_ERROR_OFFSET, 0);
  put (self, REGISTER_ERROR_SIZE, 0);
}

static void
latch_error (Registers *self, guint64 offset, gsize size)
{
  put (self, REGISTER_ERROR, ERROR_LATCHED);
  put (self, REGISTER_ERROR_OFFSET, offset);
  put (self, REGISTER_ERROR_SIZE, size);
}

/* Brings those registers up to date whose value is known elsewhere. */
static void
refresh (Registers *self)
{
  guint32 total = 0;

  doorbells_poll (self->doorbells);
  for (Kicks i = 0; i < N_KICKS; i++)
    {
      guint32 kicks = doorbells_get_kicks (self->doorbells, i);

      put (self, REGISTER_KICKS + i * sizeof (kicks), kicks);
      total += kicks;
    }
  put (self, REGISTER_KICKS_TOTAL, total);
  put (self, REGISTER_KICKS_BY_MESSAGE, doorbells_get_kicks_by_message (self->doorbells));
  put (self, REGISTER_SHADOW_VALUE, doorbells_get_shadow_value (self->doorbells));

  put (self, REGISTER_PING_DONE, ping_get_n_done (self->ping));
  put (self, REGISTER_PING_ERRNO, ping_get_errno (self->ping));
  memcpy (self->image + REGISTER_PING_DATA, ping_get_data (self->ping), PING_SIZE);
}

static int
on_read (gpointer state, guint64 offset, guint8 *data, gsize count)
{
  Registers *self = state;

  refresh (self);
  memcpy (data, self->image + offset, count);
  return 0;
}

static void
start_ping (Registers *self, CommandNumber number, guint32 count)
{
  guint64 address;

  memcpy (&address, self->image + REGISTER_PING_ADDRESS, sizeof (address));
  ping_start (self->ping, number, GUINT64_FROM_LE (address), count);
}

/* Returns FALSE if there is no register at OFFSET that can be written. */
static gboolean
write_register (Registers *self, guint64 offset, guint32 value)
{
  switch (offset)
    {
    case REGISTER_SCRATCH_0:
    case REGISTER_SCRATCH_1:
    case REGISTER_PING_ADDRESS:
    case REGISTER_PING_ADDRESS + sizeof (value):
      put (self, offset, value);
      return TRUE;

    case REGISTER_PING_COUNT:
      put (self, offset, value);
      start_ping (self, COMMAND_DMA_READ, value);
      return TRUE;

    case REGISTER_PING_WRITE_COUNT:
      put (self, offset, value);
      start_ping (self, COMMAND_DMA_WRITE, value);
      return TRUE;

    case REGISTER_ERROR:
      if (value & ERROR_LATCHED)
        clear_error (self);
      return TRUE;

    default:
      return FALSE;
    }
}

static int
on_write (gpointer state, guint64 offset, const guint8 *data, gsize count)
{
  Registers *self = state;
  guint32 value;

  if (doorbells_write (self->doorbells, offset, data, count))
    return 0;

  if (offset == REGISTER_PING_ADDRESS && count == sizeof (guint64))
    {
      memcpy (self->image + offset, data, count);
      return 0;
    }
  if (count == sizeof (value))
    {
      memcpy (&value, data, sizeof (value));
      if (write_register (self, offset, GUINT32_FROM_LE (value)))
        return 0;
    }
  latch_error (self, offset, count);
  return EINVAL;
}

static void
on_reset (gpointer state)
{
  Registers *self = state;

  memset (self->image, 0, sizeof (self->image));
  memcpy (self->image + REGISTER_IDENTITY, "VUCD", 4);
  put (self, REGISTER_VERSION, REGISTER_MAP_VERSION);
  doorbells_reset (self->doorbells);
  ping_reset (self->ping);
}

static void
on_free (gpointer state)
{
  Registers *self = state;

  doorbells_free (self->doorbells);
  ping_free (self->ping);
  g_free (self);
}

void
registers_init (Region *region, ServerCommands *commands)
{
  Registers *self = g_new0 (Registers, 1);

  *region = (Region){
    .size = REGISTERS_SIZE,
    .flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
    .read = on_read,
    .write = on_write,
    .reset = on_reset,
    .free = on_free,
    .state = self,
  };
  self->doorbells = doorbells_new (region);
  self->ping = ping_new (commands);
}
