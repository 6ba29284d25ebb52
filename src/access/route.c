/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The table of a region's ways, and looking things up in it: two binary searches, and a look at all
 * doorbells that begin at the same place.  Does not know how a way is travelled.  Any thread.
 */

#include "access/route.h"

#include <string.h>

/* --- Making one --- */

static int
compare_stretches (gconstpointer a, gconstpointer b)
{
  const VucStretch *left = a, *right = b;

  return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static int
compare_points (gconstpointer a, gconstpointer b)
{
  const VucPoint *left = a, *right = b;

  return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static guint64
end_of (const VucStretch *stretch)
{
  return stretch->offset + stretch->size;
}

/* The part of a stretch between two offsets. */
static VucStretch
cut (const VucStretch *stretch, guint64 from, guint64 to)
{
  VucStretch piece = *stretch;

  piece.offset = from;
  piece.size = to - from;
  if (piece.memory != NULL)
    piece.memory += from - stretch->offset;
  return piece;
}

/* Adds what of a stretch none of those before it has taken; kept is ascending, and stays so. */
static void
add_stretch (GArray *kept, const VucStretch *stretch)
{
  guint64 from = stretch->offset;
  guint i;

  for (i = 0; i < kept->len && from < end_of (stretch); i++)
    {
      VucStretch taken = g_array_index (kept, VucStretch, i);

      if (end_of (&taken) <= from)
        continue;
      if (taken.offset >= end_of (stretch))
        break;
      if (taken.offset > from)
        {
          VucStretch piece = cut (stretch, from, taken.offset);

          g_array_insert_val (kept, i++, piece);
        }
      from = end_of (&taken);
    }
  if (from < end_of (stretch))
    {
      VucStretch piece = cut (stretch, from, end_of (stretch));

      g_array_insert_val (kept, i, piece);
    }
}

/* Whether none overlaps another, which is what servers send: then sorting is all. */
static gboolean
are_disjoint (VucStretch *stretches, guint n)
{
  for (guint i = 1; i < n; i++)
    {
      if (end_of (&stretches[i - 1]) > stretches[i].offset)
        return FALSE;
    }
  return TRUE;
}

static VucStretch *
sort_stretches (VucStretch *stretches, guint *n)
{
  gsize size = *n * sizeof (VucStretch);
  g_autofree VucStretch *given = g_malloc (size);
  GArray *kept;

  memcpy (given, stretches, size);
  qsort (stretches, *n, sizeof (VucStretch), compare_stretches);
  if (are_disjoint (stretches, *n))
    return stretches;

  g_free (stretches);
  kept = g_array_new (FALSE, FALSE, sizeof (VucStretch));
  for (guint i = 0; i < *n; i++)
    add_stretch (kept, &given[i]);
  *n = kept->len;
  return (VucStretch *) g_array_free (kept, FALSE);
}

VucRoutes *
vuc_routes_new (VucStretch *stretches, guint n_stretches, VucPoint *points, guint n_points)
{
  VucRoutes *routes = g_new (VucRoutes, 1);

  routes->n_stretches = n_stretches;
  routes->stretches = n_stretches > 0 ? sort_stretches (stretches, &routes->n_stretches)
                                      : stretches;
  routes->n_points = n_points;
  routes->points = points;
  if (n_points > 0)
    qsort (points, n_points, sizeof (VucPoint), compare_points);
  return routes;
}

void
vuc_routes_free (VucRoutes *routes)
{
  if (routes == NULL)
    return;
  g_free (routes->stretches);
  g_free (routes->points);
  g_free (routes);
}

/* --- Looking things up --- */

static gboolean
is_width (gsize count)
{
  return count == 1 || count == 2 || count == 4 || count == 8;
}

/* As the device sees it: in the host's byte order. */
static guint64
value_of (gconstpointer data, gsize count)
{
  guint16 two;
  guint32 four;
  guint64 eight;

  switch (count)
    {
    case 1:
      return *(const guint8 *) data;
    case 2:
      memcpy (&two, data, sizeof two);
      return two;
    case 4:
      memcpy (&four, data, sizeof four);
      return four;
    default:
      memcpy (&eight, data, sizeof eight);
      return eight;
    }
}

static gboolean
is_allowed (VucWay way, VucAccessFlags flags)
{
  switch (way)
    {
    case VUC_WAY_MAPPED:
      return (flags & VUC_ACCESS_NO_MAPPED) == 0;
    case VUC_WAY_IOREGIONFD:
      return (flags & VUC_ACCESS_NO_IOREGIONFD) == 0;
    default:
      return (flags & VUC_ACCESS_NO_IOEVENTFD) == 0;
    }
}

static gboolean
is_meant (const VucPoint *point, gconstpointer data, gsize count, VucAccessFlags flags)
{
  if (!is_allowed (point->way, flags) || (point->size != 0 && point->size != count))
    return FALSE;
  if (point->way == VUC_WAY_IOREGIONFD)
    return vuc_ioregion_is_usable (point->ioregion);
  return data != NULL && (!point->has_datamatch || value_of (data, count) == point->datamatch);
}

static const VucPoint *
find_point (const VucRoutes *routes,
            guint64 offset,
            gconstpointer data,
            gsize count,
            VucAccessFlags flags)
{
  guint low = 0, high = routes->n_points;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (routes->points[middle].offset < offset)
        low = middle + 1;
      else
        high = middle;
    }
  for (; low < routes->n_points && routes->points[low].offset == offset; low++)
    {
      if (is_meant (&routes->points[low], data, count, flags))
        return &routes->points[low];
    }
  return NULL;
}

/* The index of the first stretch that ends behind the offset. */
static guint
find_stretch (const VucRoutes *routes, guint64 offset)
{
  guint low = 0, high = routes->n_stretches;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (end_of (&routes->stretches[middle]) <= offset)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static gboolean
is_open (const VucStretch *stretch, VucAccessFlags flags)
{
  return is_allowed (stretch->way, flags)
         && (stretch->way != VUC_WAY_IOREGIONFD || vuc_ioregion_is_usable (stretch->ioregion));
}

/* An ioregionfd takes 1, 2, 4 or 8 bytes at a time. */
static gsize
largest_width (gsize count)
{
  return count >= 8 ? 8 : count >= 4 ? 4 : count >= 2 ? 2 : 1;
}

static VucPart
part_of_stretch (const VucStretch *stretch, guint64 offset, gsize count)
{
  gsize most = (gsize) MIN (count, end_of (stretch) - offset);

  return (VucPart){ .way = stretch->way,
                    .count = stretch->way == VUC_WAY_IOREGIONFD ? largest_width (most) : most,
                    .stretch = stretch };
}

VucPart
vuc_routes_find (const VucRoutes *routes,
                 guint64 offset,
                 gconstpointer data,
                 gsize count,
                 VucAccessFlags flags)
{
  VucPart part = { .way = VUC_WAY_MESSAGE, .count = count };
  guint i = find_stretch (routes, offset);
  const VucStretch *here = NULL;

  if (i < routes->n_stretches && routes->stretches[i].offset <= offset
      && is_open (&routes->stretches[i], flags))
    here = &routes->stretches[i];
  if (here != NULL && here->way == VUC_WAY_MAPPED)
    return part_of_stretch (here, offset, count);

  if (routes->n_points > 0 && is_width (count))
    {
      part.point = find_point (routes, offset, data, count, flags);
      if (part.point != NULL)
        {
          part.way = part.point->way;
          return part;
        }
    }
  if (here != NULL)
    return part_of_stretch (here, offset, count);

  /* By message up to the next one that is open. */
  for (; i < routes->n_stretches && routes->stretches[i].offset < offset + count; i++)
    {
      if (routes->stretches[i].offset <= offset || !is_open (&routes->stretches[i], flags))
        continue;
      part.count = (gsize) (routes->stretches[i].offset - offset);
      break;
    }
  return part;
}
