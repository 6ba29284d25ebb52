/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What travels on the socket of an ioregionfd: commands and responses of 32 bytes each, which are
 * no vfio-user messages.  Pure; any thread.
 */

#ifndef VUC_WIRE_IOREGION_H
#define VUC_WIRE_IOREGION_H

#include <glib.h>

#define VUC_IOREGION_COMMAND_SIZE  32
#define VUC_IOREGION_RESPONSE_SIZE 32

/* The most that one access can move, in bytes. */
#define VUC_IOREGION_MAX_WIDTH 8

typedef struct
{
  gboolean is_write;
  gboolean wants_response; /* a read always does */
  guint size;              /* 1, 2, 4 or 8 bytes */
  guint64 user_data;       /* of the sub-region, as the server gave it */
  guint64 offset;          /* within the sub-region, in bytes */
} VucIoregionCommand;

/* data: size bytes of a write; not looked at for a read. */
void vuc_ioregion_command_encode (const VucIoregionCommand *command,
                                  gconstpointer data,
                                  guint8 bytes[VUC_IOREGION_COMMAND_SIZE]);

/* The size bytes of what was read, 1, 2, 4 or 8.  There is nothing in a response that could be wrong. */
void vuc_ioregion_response_decode (const guint8 bytes[VUC_IOREGION_RESPONSE_SIZE],
                                   gpointer data,
                                   guint size);

#endif /* VUC_WIRE_IOREGION_H */
