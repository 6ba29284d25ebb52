/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reads as much of a region as can be read.
 */

#ifndef READER_H
#define READER_H

#include <vfio-user-client/vfio-user-client.h>

#define READER_BLOCK (64 * 1024)

typedef struct
{
  VucDevice *device;
  const VucRegionInfo *region;
  VucMapping *mapping; /* NULL: ask the server for everything */
  guint width;         /* of each access, in bytes; 0: whole blocks */

  guint64 refused;    /* bytes that the server would not read */
  char *last_refusal; /* why it refused the last time */
} Reader;

void reader_init (Reader *reader, VucDevice *device, guint32 region, guint width);
void reader_clear (Reader *reader);

/* From now on reads directly what can be mapped. FALSE if that is not possible; nothing that can
   be mapped is not an error. */
gboolean reader_map (Reader *reader, GError **error);

/* Reads COUNT bytes from OFFSET on. READABLE becomes 0 for those that the server refused, whose
   DATA is all ones. Returns how many were dealt with: fewer than COUNT, with an error, if it makes
   no sense to ask on. */
gsize reader_read (Reader *reader,
                   guint64 offset,
                   guint8 *data,
                   guint8 *readable,
                   gsize count,
                   GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reader, reader_clear)

#endif /* READER_H */
