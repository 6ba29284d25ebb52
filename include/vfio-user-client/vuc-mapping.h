/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_MAPPING_H
#define VUC_MAPPING_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/**
 * VucMappedArea:
 * @offset: start within the region, in bytes; a multiple of the host's page size, as @size is
 * @size: length in bytes
 * @memory: where it is mapped; that stays the same as long as the mapping, whatever becomes of the
 *   server
 *
 * One area that is mapped.  Since 0.1.
 */
typedef struct
{
  guint64 offset;
  guint64 size;
  gpointer memory;
} VucMappedArea;

/**
 * vuc_device_map_region:
 * @region: a region index that the device has
 *
 * Maps all areas of a region that can be mapped, readable and writable as the region's flags say.
 * First it is checked that offsets and sizes fit this host's pages, and that each file is as large
 * as it must be and cannot shrink (see vuc_config_set_allow_unsealed_files()).  A region has one
 * mapping: while somebody has a reference, the next call returns another one to the same.
 *
 * When the server is lost each area becomes, at the same address and at the moment at which the loss
 * is noticed, memory that reads all ones, as a device that is gone does.  It can be written where the
 * region can, but nobody sees that, and it is forgotten.  When the device is connected again the
 * server's new file is there, after the same checks; a server whose file does not pass them is
 * refused.  So pointers and a hypervisor's memory slots stay valid.  A device that the caller closes,
 * or gives the last reference to back, leaves its areas as they are.
 *
 * Errors: %VUC_ERROR_INVALID_ARGUMENT (no such region), %VUC_ERROR_NOT_SUPPORTED (nothing in it can
 * be mapped), %VUC_ERROR_REJECTED (an area is not safe to map, or all of them are larger than
 * 512 GiB), %VUC_ERROR_DISCONNECTED (it is not mapped yet, and the device is not connected).
 *
 * Returns: (transfer full): the mapping, or %NULL with @error set.  Any thread.  Since 0.1.
 */
VUC_API VucMapping *vuc_device_map_region (VucDevice *device, guint32 region, GError **error);

/**
 * vuc_mapping_ref:
 *
 * Returns: @mapping, with one more reference.  Any thread.  Since 0.1.
 */
VUC_API VucMapping *vuc_mapping_ref (VucMapping *mapping);

/**
 * vuc_mapping_unref:
 *
 * Gives a reference back; the last one unmaps.  The device has one, too, once the region was accessed
 * through it.  Any thread.  Since 0.1.
 */
VUC_API void vuc_mapping_unref (VucMapping *mapping);

/**
 * vuc_mapping_get_pointer:
 * @offset: within the region, in bytes
 * @count: how many bytes will be accessed, at least 1
 *
 * The memory is shared with the server, which may change it at any time: read each value once,
 * through a volatile pointer.
 *
 * Returns: (transfer none) (nullable): where the region's bytes from @offset on are mapped, valid
 * as long as @mapping, even after the device was closed; %NULL if they do not all lie in one area.
 * Any thread.  Since 0.1.
 */
VUC_API gpointer vuc_mapping_get_pointer (VucMapping *mapping, guint64 offset, gsize count);

/**
 * vuc_mapping_get_areas:
 * @n_areas: (out): how many
 *
 * What a hypervisor turns into memory slots.
 *
 * Returns: (transfer none): the areas, in ascending order, valid as long as @mapping.  Any thread.
 * Since 0.1.
 */
VUC_API const VucMappedArea *vuc_mapping_get_areas (VucMapping *mapping, gsize *n_areas);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VucMapping, vuc_mapping_unref)

G_END_DECLS

#endif /* VUC_MAPPING_H */
