/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What every region is to the rest of the device: a row of properties and four functions.
 *
 * A part of the device (config-space.c, registers.c, ...) fills in its region when the device is
 * made. Accesses have been checked against the region's size and flags before read and write see
 * them, and are never empty.
 */

#pragma once

#include <glib.h>

/* Part of a region that the client may map. */
typedef struct
{
  guint64 offset; /* in the region */
  guint64 size;
} Area;

/* A place in a region that the client need not send a message for. */
typedef struct
{
  guint64 offset; /* in the region */
  guint64 size;   /* of the access; 0: any */
  guint32 type;   /* IO_FD_TYPE_... */
  guint32 flags;
  guint64 datamatch;
  int fd;
  int shadow_fd; /* IO_FD_TYPE_SHADOW only */
  guint64 shadow_offset;
  guint64 user_data; /* IO_FD_TYPE_IOREGIONFD only */
} IoFd;

typedef struct
{
  guint64 size;  /* 0: there is no such region */
  guint32 flags; /* VFIO_REGION_INFO_FLAG_READ, _WRITE */

  const Area *areas; /* mappable from memory_fd, */
  guint n_areas;
  int memory_fd;
  guint64 memory_offset; /* where the region begins */

  guint32 type; /* of a device-specific region; 0: none */
  guint32 subtype;

  const IoFd *io_fds;
  guint n_io_fds;

  /* All get `state`. read and write return 0 or an errno. NULL: nothing to do. */
  int (*read) (gpointer state, guint64 offset, guint8 *data, gsize count);
  int (*write) (gpointer state, guint64 offset, const guint8 *data, gsize count);
  void (*reset) (gpointer state);
  void (*client_left) (gpointer state);
  void (*free) (gpointer state);
  gpointer state;
} Region;
