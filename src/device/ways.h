/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which ways there are to each region: found when it is accessed for the first time, and when its IO
 * descriptors have become known.  Any thread.
 */

#ifndef VUC_WAYS_H
#define VUC_WAYS_H

#include <vfio-user-client/vfio-user-client.h>

#include "access/route.h"

typedef struct _VucRegion VucRegion;

/* Memory in which the writes to some doorbells are stored. */
typedef struct
{
  int fd; /* the device's: its number stays */
  guint64 fd_offset;
  guint64 size;
  guint8 *memory; /* where fd_offset is mapped; NULL: it could not be */
} VucShadow;

/* Of one region. */
typedef struct
{
  VucRoutes *routes; /* atomic; NULL: nobody has looked for ways yet */

  /* Under the device's lock for ways. */
  GSList *retired;     /* routes that somebody may still be looking at */
  VucMapping *mapping; /* or NULL */
  guint n_ioregions;
  VucIoregion **ioregions; /* by the index of the descriptor; NULL where it is none */
  guint n_shadows;
  VucShadow *shadows;
} VucWays;

/* Lets go of everything. */
void vuc_ways_clear (VucWays *ways);

/* Constant; valid as long as the device. */
const VucRoutes *vuc_ways_get (VucDevice *device, VucRegion *region);

/* The region's IO descriptors are known now. */
void vuc_ways_note_io_fds (VucDevice *device, VucRegion *region);

/* After the descriptors were renewed: the same ways, to the new server. */
gboolean vuc_ways_renew (VucDevice *device, GError **error);

#endif /* VUC_WAYS_H */
