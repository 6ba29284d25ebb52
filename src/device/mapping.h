/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is mapped of a device's regions: one mapping for each, which lives by its references, of
 * callers and of the library.  The list of them outlives the device if they do, and holds none of
 * its descriptors.
 *
 * The list knows on its own how the connection is doing, as it is told in the order in which that
 * happens: so whatever dies when, no mapping is left that shows the file of a server that is gone.
 * mapping.c has the argument.
 */

#ifndef VUC_DEVICE_MAPPING_H
#define VUC_DEVICE_MAPPING_H

#include <vfio-user-client/vuc-mapping.h>

#include "device/shape.h"

typedef struct _VucMappings VucMappings;

VucMappings *vuc_mappings_new (void);
void vuc_mappings_unref (VucMappings *mappings);

/* The region's mapping, with one more reference; made if there is none, for which the device must be
 * connected. */
VucMapping *vuc_mappings_get (VucMappings *mappings,
                              const VucRegionInfo *info,
                              gboolean allow_unsealed,
                              GError **error);

/* The same, of a device.  Unlike vuc_device_map_region() it hands nothing out. */
VucMapping *vuc_device_get_mapping (VucDevice *device, guint32 region, GError **error);

/* --- What the connection does, in this order --- */

/* It is about to be opened. */
void vuc_mappings_begin_connecting (VucMappings *mappings);

/* The areas of this shape are mapped where those of the same regions were before.  FALSE with
 * VUC_ERROR_REJECTED: then the connection has to end. */
gboolean vuc_mappings_restore (VucMappings *mappings,
                               const VucShape *shape,
                               gboolean allow_unsealed,
                               GError **error);

/* Everybody may use it now. */
void vuc_mappings_open (VucMappings *mappings);

/* It has ended.  Every area reads all ones from now on; those of a device that the caller has closed
 * stay as they are.  Waits for nobody, takes leaf locks only. */
void vuc_mappings_note_death (VucMappings *mappings, gboolean closed);

#endif /* VUC_DEVICE_MAPPING_H */
