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
#include "ioregions.h"
#include "ping.h"

typedef struct
{
  guint8 image[REGISTERS_SIZE]; /* what a read sees */
  GArray *io_fds;               /* of IoFd */
  Doorbells *doorbells;
  Ioregions *ioregions;
  guint32 n_message_reads; /* of what is theirs */
  guint32 n_message_writes;
  Ping *ping;
  Engine *engine;         /* the device's */
  Interrupts *interrupts; /* likewise */
} Registers;

/* Those that keep what is written, and do nothing. One of 64 bits can be written in halves, too. */
static const struct
{
  guint16 offset;
  guint16 size;
} plain_registers[] = {
  { REGISTER_SCRATCH_0, 4 },   { REGISTER_SCRATCH_1, 4 },        { REGISTER_PING_ADDRESS, 8 },
  { REGISTER_COPY_SOURCE, 8 }, { REGISTER_COPY_DESTINATION, 8 }, { REGISTER_COPY_LENGTH, 8 },
  { REGISTER_COPY_VECTOR, 4 },
};

static guint32
get (const Registers *self, gsize offset)
{
  guint32 value;

  memcpy (&value, self->image + offset, sizeof (value));
  return GUINT32_FROM_LE (value);
}

static guint64
get_wide (const Registers *self, gsize offset)
{
  return get (self, offset) | (guint64) get (self, offset + 4) << 32;
}

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
  IoregionCounts counts = ioregions_get_counts (self->ioregions);
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

  put (self, REGISTER_IOREGION_READS, counts.n_reads);
  put (self, REGISTER_IOREGION_WRITES, counts.n_writes);
  put (self, REGISTER_MESSAGE_READS, self->n_message_reads);
  put (self, REGISTER_MESSAGE_WRITES, self->n_message_writes);

  put (self, REGISTER_PING_DONE, ping_get_n_done (self->ping));
  put (self, REGISTER_PING_ERRNO, ping_get_errno (self->ping));
  memcpy (self->image + REGISTER_PING_DATA, ping_get_data (self->ping), PING_SIZE);

  put (self, REGISTER_COPY_STATUS, engine_get_status (self->engine));
  put (self, REGISTER_COPY_ERRNO, engine_get_errno (self->engine));
  put (self, REGISTER_COPY_DONE, engine_get_n_copied (self->engine));
  put (self, REGISTER_COPY_DONE + 4, engine_get_n_copied (self->engine) >> 32);
  put (self, REGISTER_COPY_MESSAGES, engine_get_n_messages (self->engine));
  put (self, REGISTER_MASKED, interrupts_get_n_masked (self->interrupts));
  put (self, REGISTER_UNMASKED, interrupts_get_n_unmasked (self->interrupts));
}

static int
on_read (gpointer state, guint64 offset, guint8 *data, gsize count)
{
  Registers *self = state;

  ioregions_poll (self->ioregions);
  if (offset < IOREGIONS_BASE + IOREGIONS_SIZE && offset + count > IOREGIONS_BASE)
    self->n_message_reads++;
  refresh (self);
  memcpy (data, self->image + offset, count);
  return 0;
}

static void
start_ping (Registers *self, CommandNumber number, guint32 count)
{
  ping_start (self->ping, number, get_wide (self, REGISTER_PING_ADDRESS), count);
}

static int
command_copy (Registers *self, guint32 command)
{
  const EngineCopy copy = {
    .source = get_wide (self, REGISTER_COPY_SOURCE),
    .destination = get_wide (self, REGISTER_COPY_DESTINATION),
    .length = get_wide (self, REGISTER_COPY_LENGTH),
    .vector = get (self, REGISTER_COPY_VECTOR),
    .by_message = command == COPY_START_BY_MESSAGE,
  };

  switch (command)
    {
    case COPY_STOP:
      engine_stop (self->engine, ECANCELED);
      return 0;
    case COPY_START:
    case COPY_START_BY_MESSAGE:
      return engine_start (self->engine, &copy);
    default:
      return EINVAL;
    }
}

/* Returns FALSE if there is no such register. */
static gboolean
write_plain (Registers *self, guint64 offset, const guint8 *data, gsize count)
{
  for (guint i = 0; i < G_N_ELEMENTS (plain_registers); i++)
    {
      guint64 inside = offset - plain_registers[i].offset;

      if (offset >= plain_registers[i].offset && inside < plain_registers[i].size
          && (count == plain_registers[i].size || count == sizeof (guint32)) && inside % count == 0)
        {
          memcpy (self->image + offset, data, count);
          return TRUE;
        }
    }
  return FALSE;
}

/* Returns FALSE if it is not inside the memories. */
static gboolean
write_memory (Registers *self, guint64 offset, const guint8 *data, gsize count)
{
  if (offset < IOREGIONS_BASE || offset + count > IOREGIONS_BASE + IOREGIONS_SIZE)
    return FALSE;
  memcpy (self->image + offset, data, count);
  self->n_message_writes++;
  return TRUE;
}

/* Returns 0 or an errno: EINVAL if there is no register at OFFSET that does something. */
static int
write_register (Registers *self, guint64 offset, guint32 value)
{
  switch (offset)
    {
    case REGISTER_PING_COUNT:
      put (self, offset, value);
      start_ping (self, COMMAND_DMA_READ, value);
      return 0;

    case REGISTER_PING_WRITE_COUNT:
      put (self, offset, value);
      start_ping (self, COMMAND_DMA_WRITE, value);
      return 0;

    case REGISTER_COPY_COMMAND:
      return command_copy (self, value);

    case REGISTER_FIRE:
      return interrupts_fire_msix (self->interrupts, value) ? 0 : EINVAL;

    case REGISTER_ERROR:
      if (value & ERROR_LATCHED)
        clear_error (self);
      return 0;

    default:
      return EINVAL;
    }
}

static int
on_write (gpointer state, guint64 offset, const guint8 *data, gsize count)
{
  Registers *self = state;
  guint32 value;
  int error = EINVAL;

  ioregions_poll (self->ioregions);
  if (doorbells_write (self->doorbells, offset, data, count)
      || write_plain (self, offset, data, count) || write_memory (self, offset, data, count))
    return 0;

  if (count == sizeof (value))
    {
      memcpy (&value, data, sizeof (value));
      error = write_register (self, offset, GUINT32_FROM_LE (value));
    }
  if (error != 0)
    latch_error (self, offset, count);
  return error;
}

static void
on_reset (gpointer state)
{
  Registers *self = state;

  ioregions_poll (self->ioregions); /* what came before the reset must not come after it */
  memset (self->image, 0, sizeof (self->image));
  memcpy (self->image + REGISTER_IDENTITY, "VUCD", 4);
  put (self, REGISTER_VERSION, REGISTER_MAP_VERSION);
  doorbells_reset (self->doorbells);
  ioregions_reset_counts (self->ioregions);
  self->n_message_reads = self->n_message_writes = 0;
  ping_reset (self->ping);
  engine_reset (self->engine);
  interrupts_reset (self->interrupts);
}

static void
on_client_left (gpointer state)
{
  Registers *self = state;

  ioregions_client_left (self->ioregions);
}

static void
on_free (gpointer state)
{
  Registers *self = state;

  doorbells_free (self->doorbells);
  ioregions_free (self->ioregions);
  g_array_unref (self->io_fds);
  ping_free (self->ping);
  g_free (self);
}

void
registers_init (Region *region,
                gboolean has_ioregionfds,
                ServerCommands *commands,
                Engine *engine,
                Interrupts *interrupts)
{
  Registers *self = g_new0 (Registers, 1);

  self->engine = engine;
  self->interrupts = interrupts;
  *region = (Region){
    .size = REGISTERS_SIZE,
    .flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
    .read = on_read,
    .write = on_write,
    .reset = on_reset,
    .client_left = on_client_left,
    .free = on_free,
    .state = self,
  };
  self->ping = ping_new (commands);
  self->doorbells = doorbells_new ();
  self->ioregions = ioregions_new (self->image + IOREGIONS_BASE,
                                   self->image + REGISTER_PING_ADDRESS, commands);

  self->io_fds = g_array_new (FALSE, FALSE, sizeof (IoFd));
  doorbells_list (self->doorbells, self->io_fds);
  if (has_ioregionfds)
    ioregions_list (self->ioregions, self->io_fds);
  region->io_fds = (const IoFd *) (gconstpointer) self->io_fds->data;
  region->n_io_fds = self->io_fds->len;
}
