/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Commands and responses of an ioregionfd (protocol, "Region IO FDs").  Does not know which of them
 * are outstanding.  Pure; any thread.
 *
 *   command     0  u8   0: read, 1: write
 *               1  u8   bits 0-3: exponent of the size, 0 to 3; bit 4: a response is wanted
 *               2       zeros
 *               8  u64  user_data
 *              16  u64  offset
 *              24  u64  data
 *
 *   response    0  u64  data
 *               8       padding, of which nothing is said
 */

#include "wire/ioregion.h"

#include "base/cursor.h"

#define READ  0
#define WRITE 1

#define WANTS_RESPONSE (1u << 4)

static guint8
size_exponent (guint size)
{
  return size == 8 ? 3 : size == 4 ? 2 : size == 2 ? 1 : 0;
}

/* The data field is an integer of the host's, as all of the protocol; the bytes of an access are what
 * the guest would have in memory. */
static guint64
load (gconstpointer data, guint size)
{
  union
  {
    guint8 u8;
    guint16 u16;
    guint32 u32;
    guint64 u64;
  } value = { .u64 = 0 };

  memcpy (&value, data, size);
  return size == 8 ? value.u64 : size == 4 ? value.u32 : size == 2 ? value.u16 : value.u8;
}

void
vuc_ioregion_command_encode (const VucIoregionCommand *command,
                             gconstpointer data,
                             guint8 bytes[VUC_IOREGION_COMMAND_SIZE])
{
  const guint8 head[8] = {
    command->is_write ? WRITE : READ,
    size_exponent (command->size)
      | (command->wants_response || !command->is_write ? WANTS_RESPONSE : 0),
  };
  VucWriter writer;

  vuc_writer_init (&writer, bytes, VUC_IOREGION_COMMAND_SIZE);
  vuc_writer_put_bytes (&writer, head, sizeof head);
  vuc_writer_put_u64 (&writer, command->user_data);
  vuc_writer_put_u64 (&writer, command->offset);
  vuc_writer_put_u64 (&writer, command->is_write ? load (data, command->size) : 0);
}

void
vuc_ioregion_response_decode (const guint8 bytes[VUC_IOREGION_RESPONSE_SIZE],
                              gpointer data,
                              guint size)
{
  VucCursor cursor;
  guint64 value;

  vuc_cursor_init (&cursor, bytes, VUC_IOREGION_RESPONSE_SIZE);
  value = vuc_cursor_get_u64 (&cursor);
  switch (size)
    {
    case 8:
      memcpy (data, &value, 8);
      break;
    case 4:
      memcpy (data, &(guint32){ (guint32) value }, 4);
      break;
    case 2:
      memcpy (data, &(guint16){ (guint16) value }, 2);
      break;
    default:
      memcpy (data, &(guint8){ (guint8) value }, 1);
      break;
    }
}
