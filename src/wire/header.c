/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The 16 bytes that begin every message: id, command, size, flags, error (protocol, "Header").
 * Does not know which ids are pending or what a command means.  Pure; any thread.
 */

#include "wire/header.h"

#include <errno.h>

#include "base/cursor.h"
#include "base/error.h"

#define MAX_ERRNO 4095

void
vuc_header_encode (const VucHeader *header, guint8 bytes[VUC_HEADER_SIZE])
{
  VucWriter writer;
  guint32 flags = header->is_reply ? VUC_HEADER_TYPE_REPLY : VUC_HEADER_TYPE_COMMAND;

  if (header->no_reply)
    flags |= VUC_HEADER_NO_REPLY;
  if (header->is_error)
    flags |= VUC_HEADER_ERROR;

  vuc_writer_init (&writer, bytes, VUC_HEADER_SIZE);
  vuc_writer_put_u16 (&writer, header->id);
  vuc_writer_put_u16 (&writer, header->command);
  vuc_writer_put_u32 (&writer, header->size);
  vuc_writer_put_u32 (&writer, flags);
  vuc_writer_put_u32 (&writer, header->is_error ? (guint32) header->error_number : 0);
}

gboolean
vuc_header_decode (const guint8 bytes[VUC_HEADER_SIZE],
                   guint32 max_size,
                   VucHeader *header,
                   GError **error)
{
  VucCursor cursor;
  guint16 id, command;
  guint32 size, flags, type, number;
  char name[16];

  vuc_cursor_init (&cursor, bytes, VUC_HEADER_SIZE);
  id = vuc_cursor_get_u16 (&cursor);
  command = vuc_cursor_get_u16 (&cursor);
  size = vuc_cursor_get_u32 (&cursor);
  flags = vuc_cursor_get_u32 (&cursor);
  number = vuc_cursor_get_u32 (&cursor);

  type = flags & VUC_HEADER_TYPE_MASK;
  if (type != VUC_HEADER_TYPE_COMMAND && type != VUC_HEADER_TYPE_REPLY)
    return vuc_fail_protocol (error,
                              "message header: type %u, allowed are 0 (command) and 1 (reply)",
                              type);

  if (size < VUC_HEADER_SIZE || size > max_size)
    return vuc_fail_protocol (error, "message header of %s: size %u, allowed are %u to %u",
                              vuc_command_name (command, name, sizeof name), size, VUC_HEADER_SIZE,
                              max_size);

  *header = (VucHeader){
    .id = id, .command = command, .size = size, .is_reply = type == VUC_HEADER_TYPE_REPLY
  };
  header->no_reply = !header->is_reply && (flags & VUC_HEADER_NO_REPLY) != 0;
  header->is_error = header->is_reply && (flags & VUC_HEADER_ERROR) != 0;
  if (header->is_error)
    header->error_number = number >= 1 && number <= MAX_ERRNO ? (int) number : EIO;
  return TRUE;
}
