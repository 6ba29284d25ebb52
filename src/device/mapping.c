/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VucMapping: the directly accessible memory of one region, and the list of a device's mappings.
 * Does not need the device once it is made.  Any thread.
 *
 * Claim: while there is no connection that everybody may use, no area shows a file that a server gave,
 * unless the caller has closed the device.
 *
 * The list's lock guards what is mapped at an area's address, from when a mapping is in the list until
 * it is taken out, with its last reference.  The end of a connection is told under the session's lock,
 * at the moment at which it happens, exactly once; its beginning is told before it can end.  So a
 * death is told either before the areas are mapped again: then that sees that the link is down, and
 * does nothing; or after: then it makes them all ones again.  Likewise a mapping that is being made is
 * in the list when a death is told, or finds that the link is not the one that it began with.  The
 * connecting task tells that the link is up; if a death came first it stays down.
 *
 * What the server can make slow, or fail, is done without the lock: a death waits for it under the
 * session's.
 */

#include "device/mapping.h"

#include <sys/mman.h>

#include "access/all-ones.h"
#include "access/mapped-area.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/range.h"
#include "device/device-private.h"
#include "device/posting.h"

typedef enum
{
  LINK_DOWN,
  LINK_CONNECTING,
  LINK_UP
} Link;

struct _VucMappings
{
  gint ref_count; /* atomic */

  GMutex lock; /* a leaf but for that of all-ones.c; guards what follows */
  GPtrArray *mappings;
  Link link;
  guint64 n_links;   /* how many began */
  gboolean restored; /* in this one something was mapped again */
};

struct _VucMapping
{
  gint ref_count; /* atomic; who has none gets one under the list's lock */

  /* Constant. */
  VucMappings *list;
  guint32 region;
  int protection;
  guint n_areas;
  VucMappedArea *areas; /* ascending, not overlapping */

  gboolean is_blank; /* under the list's lock: all ones */
};

/* --- One mapping --- */

static int
get_protection (const VucRegionInfo *info)
{
  return ((info->flags & VUC_REGION_READ) != 0 ? PROT_READ : PROT_NONE)
         | ((info->flags & VUC_REGION_WRITE) != 0 ? PROT_WRITE : PROT_NONE);
}

static void
unmap (const VucMappedArea *areas, guint n_areas)
{
  for (guint i = 0; i < n_areas; i++)
    {
      if (areas[i].memory != NULL)
        munmap (areas[i].memory, areas[i].size);
    }
}

static gpointer
map_area (const VucRegionInfo *info,
          guint i,
          gboolean again,
          gboolean allow_unsealed,
          GError **error)
{
  const VucRegionArea *area = &info->areas[i];
  int protection = get_protection (info);
  gpointer memory;

  if (again)
    memory = vuc_mapped_area_map_to_move (area->fd, area->fd_offset, area->size, protection,
                                          allow_unsealed, error);
  else
    memory = vuc_mapped_area_map (area->fd, area->fd_offset, area->size, protection, allow_unsealed,
                                  error);
  if (memory == NULL)
    g_prefix_error (error, "mapping area %u of region %u%s: ", i, info->index,
                    again ? " again" : "");
  return memory;
}

/* again: they are to be put where others are. */
static gboolean
map_areas (const VucRegionInfo *info,
           gboolean again,
           gboolean allow_unsealed,
           VucMappedArea *areas,
           GError **error)
{
  for (guint i = 0; i < info->n_areas; i++)
    {
      areas[i].offset = info->areas[i].offset;
      areas[i].size = info->areas[i].size;
      areas[i].memory = map_area (info, i, again, allow_unsealed, error);
      if (areas[i].memory == NULL)
        {
          unmap (areas, i);
          return FALSE;
        }
    }
  return TRUE;
}

/* Whether all of it can be all ones one day. */
static gboolean
check_extent (const VucRegionInfo *info, GError **error)
{
  guint64 n = 0;

  for (guint i = 0; i < info->n_areas && n <= VUC_LIMIT_ALL_ONES; i++)
    n += vuc_all_ones_count (info->areas[i].size);
  return n <= VUC_LIMIT_ALL_ONES
         || vuc_fail_rejected (error,
                               "mapping region %u: its areas are too large: more than %u kernel "
                               "mappings would be needed once the server is lost",
                               info->index, VUC_LIMIT_ALL_ONES);
}

/* Not in the list yet. */
static VucMapping *
mapping_new (VucMappings *list, const VucRegionInfo *info, gboolean allow_unsealed, GError **error)
{
  g_autofree VucMappedArea *areas = NULL;
  VucMapping *mapping;

  if (!check_extent (info, error))
    return NULL;
  areas = g_new0 (VucMappedArea, info->n_areas);
  if (!map_areas (info, FALSE, allow_unsealed, areas, error))
    return NULL;

  mapping = g_new0 (VucMapping, 1);
  mapping->ref_count = 1;
  mapping->list = list;
  g_atomic_int_inc (&list->ref_count);
  mapping->region = info->index;
  mapping->protection = get_protection (info);
  mapping->n_areas = info->n_areas;
  mapping->areas = g_steal_pointer (&areas);
  vuc_all_ones_hold ();
  return mapping;
}

static void
mapping_free (VucMapping *mapping)
{
  unmap (mapping->areas, mapping->n_areas);
  vuc_all_ones_release ();
  vuc_mappings_unref (mapping->list);
  g_free (mapping->areas);
  g_free (mapping);
}

VucMapping *
vuc_mapping_ref (VucMapping *mapping)
{
  g_return_val_if_fail (mapping != NULL, NULL);

  g_atomic_int_inc (&mapping->ref_count);
  return mapping;
}

void
vuc_mapping_unref (VucMapping *mapping)
{
  VucMappings *list;
  gboolean is_last;

  g_return_if_fail (mapping != NULL);

  for (;;)
    {
      gint count = g_atomic_int_get (&mapping->ref_count);

      if (count == 1)
        break;
      if (g_atomic_int_compare_and_exchange (&mapping->ref_count, count, count - 1))
        return;
    }

  /* Somebody may find it in the list until it has left that. */
  list = mapping->list;
  g_mutex_lock (&list->lock);
  is_last = g_atomic_int_dec_and_test (&mapping->ref_count);
  if (is_last)
    g_ptr_array_remove_fast (list->mappings, mapping);
  g_mutex_unlock (&list->lock);
  if (is_last)
    mapping_free (mapping);
}

gpointer
vuc_mapping_get_pointer (VucMapping *mapping, guint64 offset, gsize count)
{
  const VucMappedArea *area;
  guint begin = 0, end;

  g_return_val_if_fail (mapping != NULL, NULL);

  /* The last area that begins at offset or before is in front of begin. */
  end = mapping->n_areas;
  while (begin < end)
    {
      guint middle = begin + (end - begin) / 2;

      if (mapping->areas[middle].offset <= offset)
        begin = middle + 1;
      else
        end = middle;
    }
  if (begin == 0 || count == 0)
    return NULL;

  area = &mapping->areas[begin - 1];
  if (!vuc_range_is_inside (offset, count, area->offset, area->size))
    return NULL;
  return (guint8 *) area->memory + (offset - area->offset);
}

const VucMappedArea *
vuc_mapping_get_areas (VucMapping *mapping, gsize *n_areas)
{
  g_return_val_if_fail (mapping != NULL, NULL);
  g_return_val_if_fail (n_areas != NULL, NULL);

  *n_areas = mapping->n_areas;
  return mapping->areas;
}

/* --- The list --- */

VucMappings *
vuc_mappings_new (void)
{
  VucMappings *list = g_new0 (VucMappings, 1);

  list->ref_count = 1;
  g_mutex_init (&list->lock);
  list->mappings = g_ptr_array_new ();
  return list;
}

void
vuc_mappings_unref (VucMappings *list)
{
  if (!g_atomic_int_dec_and_test (&list->ref_count))
    return;
  g_ptr_array_unref (list->mappings);
  g_mutex_clear (&list->lock);
  g_free (list);
}

static VucMapping *
find_locked (VucMappings *list, guint32 region)
{
  for (guint i = 0; i < list->mappings->len; i++)
    {
      VucMapping *mapping = list->mappings->pdata[i];

      if (mapping->region == region)
        return mapping;
    }
  return NULL;
}

/* The mapping that there is; else link says on which connection another can be made, 0 on none. */
static VucMapping *
ref_existing (VucMappings *list, guint32 region, guint64 *link)
{
  VucMapping *mapping;

  g_mutex_lock (&list->lock);
  mapping = find_locked (list, region);
  if (mapping != NULL)
    vuc_mapping_ref (mapping);
  *link = list->link == LINK_UP ? list->n_links : 0;
  g_mutex_unlock (&list->lock);
  return mapping;
}

/* Puts a new one into the list, unless another thread was faster, or the link has ended.  Takes it,
 * and returns the one that counts, or NULL. */
static VucMapping *
add (VucMappings *list, VucMapping *fresh, guint64 link)
{
  VucMapping *mapping;

  g_mutex_lock (&list->lock);
  mapping = find_locked (list, fresh->region);
  if (mapping != NULL)
    {
      vuc_mapping_ref (mapping);
    }
  else if (list->link == LINK_UP && list->n_links == link)
    {
      mapping = fresh;
      g_ptr_array_add (list->mappings, fresh);
    }
  g_mutex_unlock (&list->lock);
  if (mapping != fresh)
    mapping_free (fresh);
  return mapping;
}

VucMapping *
vuc_mappings_get (VucMappings *list,
                  const VucRegionInfo *info,
                  gboolean allow_unsealed,
                  GError **error)
{
  guint64 link;
  VucMapping *mapping = ref_existing (list, info->index, &link);

  if (mapping != NULL)
    return mapping;
  if (link != 0)
    {
      mapping = mapping_new (list, info, allow_unsealed, error);
      if (mapping == NULL)
        return NULL;
      mapping = add (list, mapping, link);
    }
  if (mapping == NULL)
    vuc_fail (error, VUC_ERROR_DISCONNECTED,
              "region %u cannot be mapped: the device is not connected", info->index);
  return mapping;
}

/* --- The connection --- */

void
vuc_mappings_begin_connecting (VucMappings *list)
{
  g_mutex_lock (&list->lock);
  list->link = LINK_CONNECTING;
  list->n_links++;
  list->restored = FALSE;
  g_mutex_unlock (&list->lock);
}

void
vuc_mappings_open (VucMappings *list)
{
  g_mutex_lock (&list->lock);
  if (list->link == LINK_CONNECTING)
    list->link = LINK_UP;
  g_mutex_unlock (&list->lock);
}

/* What is in the way of a process that has too many mappings stays: there is nothing else to put
 * there. */
static void
blank_locked (VucMapping *mapping)
{
  if (mapping->is_blank)
    return;
  mapping->is_blank = TRUE;
  for (guint i = 0; i < mapping->n_areas; i++)
    (void) vuc_all_ones_map (mapping->areas[i].memory, mapping->areas[i].size, mapping->protection);
}

void
vuc_mappings_note_death (VucMappings *list, gboolean closed)
{
  g_mutex_lock (&list->lock);
  /* One that nobody could use leaves everything as it found it, but for what it has replaced. */
  if (list->link == LINK_UP ? !closed : list->restored)
    {
      for (guint i = 0; i < list->mappings->len; i++)
        blank_locked (list->mappings->pdata[i]);
    }
  list->link = LINK_DOWN;
  g_mutex_unlock (&list->lock);
}

/* --- Mapping again --- */

/* Another mapping of the same region, which is put in the place of the first area by area. */
static gboolean
replace_locked (VucMapping *mapping, VucMappedArea *areas, GError **error)
{
  mapping->is_blank = FALSE;
  for (guint i = 0; i < mapping->n_areas; i++)
    {
      if (!vuc_mapped_area_move (areas[i].memory, areas[i].size, mapping->areas[i].memory, error))
        {
          g_prefix_error (error, "mapping area %u of region %u again: ", i, mapping->region);
          return FALSE;
        }
      areas[i].memory = NULL;
    }
  return TRUE;
}

static gboolean
restore_region (VucMappings *list,
                const VucRegionInfo *info,
                gboolean allow_unsealed,
                GError **error)
{
  g_autofree VucMappedArea *areas = g_new0 (VucMappedArea, info->n_areas);
  VucMapping *mapping;
  gboolean ok = TRUE;

  if (!map_areas (info, TRUE, allow_unsealed, areas, error))
    return FALSE;

  g_mutex_lock (&list->lock);
  mapping = find_locked (list, info->index);
  if (list->link == LINK_CONNECTING && mapping != NULL)
    {
      list->restored = TRUE;
      ok = replace_locked (mapping, areas, error);
    }
  g_mutex_unlock (&list->lock);
  unmap (areas, info->n_areas);
  return ok;
}

/* None is added meanwhile, as the link is not up. */
static gboolean
is_mapped (VucMappings *list, guint32 region)
{
  gboolean found;

  g_mutex_lock (&list->lock);
  found = find_locked (list, region) != NULL;
  g_mutex_unlock (&list->lock);
  return found;
}

gboolean
vuc_mappings_restore (VucMappings *list,
                      const VucShape *shape,
                      gboolean allow_unsealed,
                      GError **error)
{
  for (guint32 i = 0; i < shape->info.num_regions; i++)
    {
      if (is_mapped (list, i)
          && !restore_region (list, &shape->regions[i].info, allow_unsealed, error))
        return FALSE;
    }
  return TRUE;
}

/* --- Of a device --- */

VucMapping *
vuc_device_get_mapping (VucDevice *device, guint32 index, GError **error)
{
  const VucRegion *region = vuc_device_find_region (device, index, error);

  if (region == NULL)
    return NULL;
  if (region->info.n_areas == 0)
    {
      vuc_fail (error, VUC_ERROR_NOT_SUPPORTED, "region %u cannot be mapped: %s", index,
                region->info.unmappable != NULL ? region->info.unmappable
                                                : "the server offers no part of it");
      return NULL;
    }
  return vuc_mappings_get (device->mappings, &region->info, device->settings.allow_unsealed_files,
                           error);
}

VucMapping *
vuc_device_map_region (VucDevice *device, guint32 index, GError **error)
{
  VucMapping *mapping;

  g_return_val_if_fail (device != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  mapping = vuc_device_get_mapping (device, index, error);
  if (mapping == NULL)
    return NULL;

  g_mutex_lock (&device->lock);
  device->shape.regions[index].areas_handed_out = TRUE;
  vuc_posting_update_locked (device, &device->shape.regions[index]);
  g_mutex_unlock (&device->lock);
  return mapping;
}
