/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which ways there are to each region.  Does not know how they are travelled.  Any thread.
 *
 * The routes that accesses look at are never changed, as no access takes a lock for them: new ones
 * take their place, and the old ones stay until the device goes.  There are few: those of before the
 * IO descriptors were known, and those of after.  Connecting again makes no new ones:
 * descriptors keep their numbers, memory its addresses, and an ioregionfd is told of its new socket.
 *
 * Nothing here is an error of an access: what cannot be used is not offered, and messages are left.
 */

#include "device/ways.h"

#include "access/kick.h"
#include "access/mapped-area.h"
#include "base/error.h"
#include "base/limits.h"
#include "device/device-private.h"
#include "device/mapping.h"

static VucRoutes no_routes;

void
vuc_ways_clear (VucWays *ways)
{
  if (ways->routes != &no_routes)
    vuc_routes_free (ways->routes);
  g_slist_free_full (ways->retired, (GDestroyNotify) vuc_routes_free);
  g_clear_pointer (&ways->mapping, vuc_mapping_unref);
  for (guint i = 0; i < ways->n_ioregions; i++)
    g_clear_pointer (&ways->ioregions[i], vuc_ioregion_unref);
  g_free (ways->ioregions);
  for (guint i = 0; i < ways->n_shadows; i++)
    vuc_mapped_area_unmap_around (ways->shadows[i].memory, ways->shadows[i].size);
  g_free (ways->shadows);
  *ways = (VucWays){ NULL };
}

/* --- What IO descriptors there are --- */

static guint
index_of_fd (const VucRegionIoFdsKept *kept, int fd)
{
  guint i = 0;

  while (kept->fds[i] != fd)
    i++;
  return i;
}

/* One for each descriptor, as accesses to what shares it take turns. */
static void
open_ioregion (VucWays *ways, const VucRegionIoFdsKept *kept, const VucIoFd *io_fd)
{
  guint i = index_of_fd (kept, io_fd->fd);

  if (ways->ioregions[i] == NULL)
    ways->ioregions[i] = vuc_ioregion_new (io_fd->fd, NULL);
}

static void
map_shadow (VucDevice *device, VucShadow *shadow, const VucIoFd *io_fd)
{
  shadow->fd = io_fd->shadow_fd;
  shadow->fd_offset = io_fd->shadow_offset;
  shadow->size = io_fd->size != 0 ? io_fd->size : sizeof (guint64);
  if (device->n_shadows == VUC_LIMIT_SHADOWS)
    return;
  shadow->memory = vuc_mapped_area_map_around (shadow->fd, shadow->fd_offset, shadow->size,
                                               device->settings.allow_unsealed_files, NULL, NULL);
  device->n_shadows += shadow->memory != NULL;
}

static void
open_io_fds (VucDevice *device, VucWays *ways, const VucRegionIoFdsKept *kept)
{
  if (ways->ioregions != NULL || kept->n_entries == 0)
    return;

  ways->n_ioregions = kept->n_fds;
  ways->ioregions = g_new0 (VucIoregion *, kept->n_fds);
  ways->shadows = g_new0 (VucShadow, kept->n_entries);
  for (gsize i = 0; i < kept->n_entries; i++)
    {
      const VucIoFd *io_fd = &kept->entries[i];

      if (io_fd->type == VUC_IO_FD_IOREGIONFD)
        open_ioregion (ways, kept, io_fd);
      else if (io_fd->type == VUC_IO_FD_SHADOW_IOEVENTFD)
        map_shadow (device, &ways->shadows[ways->n_shadows++], io_fd);
    }
}

/* --- Routes --- */

typedef struct
{
  VucStretch *stretches;
  guint n_stretches;
  VucPoint *points;
  guint n_points;
} Draft;

static void
add_areas (Draft *draft, VucMapping *mapping)
{
  gsize n_areas;
  const VucMappedArea *areas = vuc_mapping_get_areas (mapping, &n_areas);

  for (gsize i = 0; i < n_areas; i++)
    draft->stretches[draft->n_stretches++] = (VucStretch){ .way = VUC_WAY_MAPPED,
                                                           .offset = areas[i].offset,
                                                           .size = areas[i].size,
                                                           .memory = areas[i].memory };
}

static void
add_ioregion (Draft *draft, const VucIoFd *io_fd, VucIoregion *ioregion)
{
  if (ioregion == NULL)
    return;
  if (io_fd->size == 0)
    draft->points[draft->n_points++] = (VucPoint){ .way = VUC_WAY_IOREGIONFD,
                                                   .offset = io_fd->offset,
                                                   .fd = -1,
                                                   .ioregion = ioregion,
                                                   .user_data = io_fd->user_data };
  else
    draft->stretches[draft->n_stretches++] = (VucStretch){
      .way = VUC_WAY_IOREGIONFD,
      .offset = io_fd->offset,
      .size = io_fd->size,
      .ioregion = ioregion,
      .user_data = io_fd->user_data,
      .posted = (io_fd->flags & VUC_IO_FD_POSTED_WRITES) != 0,
      .origin = io_fd->offset
    };
}

static void
add_doorbell (Draft *draft, const VucIoFd *io_fd, const VucShadow *shadow)
{
  if (shadow != NULL && shadow->memory == NULL)
    return;
  draft->points[draft->n_points++] = (VucPoint){
    .way = shadow != NULL ? VUC_WAY_SHADOW : VUC_WAY_IOEVENTFD,
    .offset = io_fd->offset,
    .size = io_fd->size,
    .has_datamatch = (io_fd->flags & VUC_IO_FD_DATAMATCH) != 0,
    .datamatch = io_fd->datamatch,
    .fd = io_fd->fd,
    .may_block = io_fd->fd >= 0 && vuc_kick_may_block (io_fd->fd),
    .shadow = shadow != NULL ? shadow->memory : NULL,
  };
}

static void
add_io_fds (Draft *draft, const VucWays *ways, const VucRegionIoFdsKept *kept)
{
  const VucShadow *shadow = ways->shadows;

  for (gsize i = 0; i < kept->n_entries; i++)
    {
      const VucIoFd *io_fd = &kept->entries[i];

      if (io_fd->type == VUC_IO_FD_IOREGIONFD)
        add_ioregion (draft, io_fd, ways->ioregions[index_of_fd (kept, io_fd->fd)]);
      else
        add_doorbell (draft, io_fd, io_fd->type == VUC_IO_FD_SHADOW_IOEVENTFD ? shadow++ : NULL);
    }
}

static VucRoutes *
make_routes (VucWays *ways, const VucRegionIoFdsKept *kept)
{
  gsize n_areas = 0;
  Draft draft = { NULL };

  if (ways->mapping != NULL)
    (void) vuc_mapping_get_areas (ways->mapping, &n_areas);
  if (n_areas + kept->n_entries == 0)
    return &no_routes;

  draft.stretches = g_new (VucStretch, n_areas + kept->n_entries);
  draft.points = g_new (VucPoint, kept->n_entries);
  if (ways->mapping != NULL)
    add_areas (&draft, ways->mapping);
  add_io_fds (&draft, ways, kept);
  return vuc_routes_new (draft.stretches, draft.n_stretches, draft.points, draft.n_points);
}

/* The answer never changes once it is known. */
static VucRegionIoFdsKept
get_io_fds (VucDevice *device, const VucRegion *region)
{
  VucRegionIoFdsKept kept;

  g_mutex_lock (&device->lock);
  kept = region->io_fds;
  g_mutex_unlock (&device->lock);
  return kept;
}

static void
publish (VucWays *ways, VucRoutes *routes)
{
  VucRoutes *before = g_atomic_pointer_get (&ways->routes);

  g_atomic_pointer_set (&ways->routes, routes);
  if (before != NULL && before != &no_routes)
    ways->retired = g_slist_prepend (ways->retired, before);
}

/* FALSE if the connection was lost meanwhile. */
static gboolean
map_areas (VucDevice *device, VucRegion *region)
{
  g_autoptr (GError) error = NULL;

  if (region->ways.mapping != NULL || region->info.n_areas == 0
      || (device->settings.access_flags & VUC_ACCESS_NO_MAPPED) != 0)
    return TRUE;
  region->ways.mapping = vuc_device_get_mapping (device, region->info.index, &error);
  return !g_error_matches (error, VUC_ERROR, VUC_ERROR_DISCONNECTED);
}

/* FALSE if the connection was lost meanwhile: it has to be looked once more. */
static gboolean
look_for_areas (VucDevice *device, VucRegion *region)
{
  return region->ways.routes != NULL || map_areas (device, region);
}

static void
look_for_ways (VucDevice *device, VucRegion *region)
{
  VucRegionIoFdsKept kept = get_io_fds (device, region);

  if (!look_for_areas (device, region))
    return;
  open_io_fds (device, &region->ways, &kept);
  publish (&region->ways, make_routes (&region->ways, &kept));
}

const VucRoutes *
vuc_ways_get (VucDevice *device, VucRegion *region)
{
  const VucRoutes *routes = g_atomic_pointer_get (&region->ways.routes);

  if (G_LIKELY (routes != NULL))
    return routes;

  g_mutex_lock (&device->ways_lock);
  if (region->ways.routes == NULL)
    look_for_ways (device, region);
  routes = region->ways.routes;
  g_mutex_unlock (&device->ways_lock);
  return routes != NULL ? routes : &no_routes;
}

void
vuc_ways_note_io_fds (VucDevice *device, VucRegion *region)
{
  g_mutex_lock (&device->ways_lock);
  if (region->ways.routes != NULL && region->ways.ioregions == NULL)
    look_for_ways (device, region);
  g_mutex_unlock (&device->ways_lock);
}

/* --- Another server --- */

static gboolean
renew (VucDevice *device, VucRegion *region, GError **error)
{
  VucRegionIoFdsKept kept = get_io_fds (device, region);
  VucWays *ways = &region->ways;

  for (guint i = 0; i < ways->n_ioregions; i++)
    {
      if (ways->ioregions[i] != NULL
          && !vuc_ioregion_renew (ways->ioregions[i], kept.fds[i], error))
        return FALSE;
    }
  for (guint i = 0; i < ways->n_shadows; i++)
    {
      VucShadow *shadow = &ways->shadows[i];

      if (shadow->memory != NULL
          && vuc_mapped_area_map_around (shadow->fd, shadow->fd_offset, shadow->size,
                                         device->settings.allow_unsealed_files, shadow->memory,
                                         error)
               == NULL)
        return FALSE;
    }
  for (guint i = 0; ways->routes != NULL && i < ways->routes->n_points; i++)
    {
      VucPoint *point = &ways->routes->points[i];

      if (point->fd >= 0)
        g_atomic_int_set (&point->may_block, vuc_kick_may_block (point->fd));
    }
  return TRUE;
}

gboolean
vuc_ways_renew (VucDevice *device, GError **error)
{
  gboolean ok = TRUE;

  g_mutex_lock (&device->ways_lock);
  for (guint32 i = 0; ok && i < device->shape.info.num_regions; i++)
    {
      ok = renew (device, &device->shape.regions[i], error);
      if (!ok)
        g_prefix_error (error, "region %u: ", i);
    }
  g_mutex_unlock (&device->ways_lock);
  return ok;
}
