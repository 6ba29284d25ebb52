/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which way an access to a region travels: a table that says where in the region which way begins.
 * It never changes once it is made, so any number of threads look things up without a lock.
 */

#ifndef VUC_ROUTE_H
#define VUC_ROUTE_H

#include <glib.h>
#include <vfio-user-client/vuc-types.h>

#include "access/ioregion.h"

/* A stretch of the region, all of which goes one way, in both directions. */
typedef struct
{
  VucWay way; /* VUC_WAY_MAPPED or VUC_WAY_IOREGIONFD */
  guint64 offset;
  guint64 size; /* not 0 */

  guint8 *memory; /* mapped */

  VucIoregion *ioregion; /* ioregionfd */
  guint64 user_data;
  gboolean posted;
  guint64 origin; /* where the sub-region begins: the ioregionfd counts from there */
} VucStretch;

/* A place of which exactly one access is meant. */
typedef struct
{
  VucWay way;     /* VUC_WAY_IOEVENTFD, VUC_WAY_SHADOW (writes only) or VUC_WAY_IOREGIONFD */
  guint64 offset; /* where the access begins */
  guint64 size;   /* how many bytes it has; 0: 1, 2, 4 or 8 */

  gboolean has_datamatch;
  guint64 datamatch; /* what it writes */
  int fd;            /* to kick; -1: nothing */
  gint may_block;    /* atomic: whether a kick of that may sleep */
  guint8 *shadow;    /* what is written goes there first; or NULL */

  VucIoregion *ioregion; /* ioregionfd */
  guint64 user_data;
} VucPoint;

typedef struct
{
  guint n_stretches;
  VucStretch *stretches; /* ascending, not overlapping */
  guint n_points;
  VucPoint *points; /* ascending by offset */
} VucRoutes;

/* Takes both arrays (of g_malloc()), in any order.  Where stretches overlap the one that stands first
 * is cut least. */
VucRoutes *vuc_routes_new (VucStretch *stretches,
                           guint n_stretches,
                           VucPoint *points,
                           guint n_points);
void vuc_routes_free (VucRoutes *routes);

/* The first part of an access: count bytes that go one way. */
typedef struct
{
  VucWay way;
  gsize count;
  const VucStretch *stretch; /* or NULL */
  const VucPoint *point;     /* or NULL */
} VucPart;

/*
 * data: what is written; NULL: it is a read.  count is not 0.  What no other way takes is for
 * VUC_WAY_MESSAGE, up to where another one begins.
 */
VucPart vuc_routes_find (const VucRoutes *routes,
                         guint64 offset,
                         gconstpointer data,
                         gsize count,
                         VucAccessFlags flags);

#endif /* VUC_ROUTE_H */
