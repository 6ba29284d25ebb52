/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VucMapping: the directly accessible memory of one region.  Does not need the device once it is
 * made.  Any thread.
 */

#include <sys/mman.h>

#include "access/mapped-area.h"
#include "base/error.h"
#include "base/range.h"
#include "device/device-private.h"

struct _VucMapping
{
  gint ref_count; /* atomic */
  guint n_areas;
  VucMappedArea *areas; /* ascending, not overlapping */
};

static gboolean
map_areas (VucMapping *mapping, const VucRegionInfo *info, gboolean allow_unsealed, GError **error)
{
  int protection = ((info->flags & VUC_REGION_READ) != 0 ? PROT_READ : PROT_NONE)
                   | ((info->flags & VUC_REGION_WRITE) != 0 ? PROT_WRITE : PROT_NONE);

  for (guint i = 0; i < info->n_areas; i++)
    {
      const VucRegionArea *area = &info->areas[i];
      guint8 *memory = vuc_mapped_area_map (area->fd, area->fd_offset, area->size, protection,
                                            allow_unsealed, error);

      if (memory == NULL)
        {
          g_prefix_error (error, "mapping area %u of region %u: ", i, info->index);
          return FALSE;
        }
      mapping->areas[mapping->n_areas++] = (VucMappedArea){ .offset = area->offset,
                                                         .size = area->size,
                                                         .memory = memory };
    }
  return TRUE;
}

VucMapping *
vuc_device_map_region (VucDevice *device, guint32 index, GError **error)
{
  g_autoptr (VucMapping) mapping = NULL;
  const VucRegion *region;

  g_return_val_if_fail (device != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  region = vuc_device_find_region (device, index, error);
  if (region == NULL)
    return NULL;
  if (region->info.n_areas == 0)
    {
      vuc_fail (error, VUC_ERROR_NOT_SUPPORTED, "region %u cannot be mapped: %s", index,
                region->info.unmappable != NULL ? region->info.unmappable
                                                : "the server offers no part of it");
      return NULL;
    }

  mapping = g_new0 (VucMapping, 1);
  mapping->ref_count = 1;
  mapping->areas = g_new (VucMappedArea, region->info.n_areas);
  if (!map_areas (mapping, &region->info, device->settings.allow_unsealed_files, error))
    return NULL;
  return g_steal_pointer (&mapping);
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
  g_return_if_fail (mapping != NULL);

  if (!g_atomic_int_dec_and_test (&mapping->ref_count))
    return;
  for (guint i = 0; i < mapping->n_areas; i++)
    munmap (mapping->areas[i].memory, mapping->areas[i].size);
  g_free (mapping->areas);
  g_free (mapping);
}

gpointer
vuc_mapping_get_pointer (VucMapping *mapping, guint64 offset, gsize count)
{
  g_return_val_if_fail (mapping != NULL, NULL);

  for (guint i = 0; i < mapping->n_areas; i++)
    {
      const VucMappedArea *area = &mapping->areas[i];

      if (count > 0 && vuc_range_is_inside (offset, count, area->offset, area->size))
        return (guint8 *) area->memory + (offset - area->offset);
    }
  return NULL;
}

const VucMappedArea *
vuc_mapping_get_areas (VucMapping *mapping, gsize *n_areas)
{
  g_return_val_if_fail (mapping != NULL, NULL);
  g_return_val_if_fail (n_areas != NULL, NULL);

  *n_areas = mapping->n_areas;
  return mapping->areas;
}
