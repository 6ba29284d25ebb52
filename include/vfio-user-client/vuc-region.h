/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_REGION_H
#define VUC_REGION_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/**
 * VucRegionArea:
 * @offset: start within the region, in bytes
 * @size: length in bytes, not 0
 * @fd: the file; it belongs to the device and must not be closed
 * @fd_offset: where in the file the area begins, in bytes
 *
 * A part of a region that can be mapped.  It lies inside its region; whether the file is as large
 * as it must be is checked by vuc_device_map_region() only.  Since 0.1.
 */
typedef struct
{
  guint64 offset;
  guint64 size;
  int fd;
  guint64 fd_offset;
} VucRegionArea;

/**
 * VucRegionInfo:
 * @index: the region
 * @flags: #VucRegionFlags
 * @caps: #VucRegionCaps
 * @size: in bytes; 0 if the device does not have this region
 * @type: with %VUC_REGION_CAP_TYPE: what kind of device-specific region it is
 * @subtype: likewise
 * @n_areas: how many areas can be mapped
 * @areas: (nullable): the areas, in ascending order, not overlapping; one that is the whole region
 *   if the server named no parts; %NULL if there are none
 * @unmappable: (nullable): why nothing can be mapped although the server set the flag
 * @remote_errno: 0, or with what errno the server refused to describe the region, which is then
 *   taken for empty
 *
 * One region (DEVICE_GET_REGION_INFO).  More members may be added at the end.  Since 0.1.
 */
typedef struct
{
  guint32 index;
  guint32 flags;
  guint32 caps;
  guint64 size;
  guint32 type;
  guint32 subtype;
  guint n_areas;
  const VucRegionArea *areas;
  const char *unmappable;
  int remote_errno;
} VucRegionInfo;

/**
 * vuc_device_get_region_info:
 * @region: a region index
 *
 * Returns: (transfer none) (nullable): what is known of the region, valid as long as @device;
 * %NULL if the device has no such index.  Asks the server nothing.  Any thread.  Since 0.1.
 */
VUC_API const VucRegionInfo *vuc_device_get_region_info (VucDevice *device, guint32 region);

/**
 * vuc_device_set_region_port_io:
 * @region: a region index that the device has
 * @port_io: whether the region is port IO
 *
 * Tells the library that a region lies in port IO space, as bit 0 of a PCI BAR does.  Only then are
 * IO descriptors for port IO accepted.  Call it before vuc_device_get_region_io_fds(); it still holds
 * when the device is connected again.
 *
 * Any thread.  Since 0.1.
 */
VUC_API void vuc_device_set_region_port_io (VucDevice *device, guint32 region, gboolean port_io);

/**
 * vuc_device_region_read:
 * @region: a region index that the device has
 * @offset: where to begin, in bytes
 * @data: (out caller-allocated): where the data goes; undefined after an error
 * @count: how many bytes; 0 does nothing
 *
 * Reads from a region, each part of it by the fastest way that there is (vuc-access.h), at last by
 * message (REGION_READ).  Any length goes: what is above the server's max_data_xfer_size, or 16 MiB,
 * is split into several messages; the deadline is that of the whole call.  A device may
 * give registers a meaning for one access width only: ask for exactly that many bytes.
 *
 * Errors: %VUC_ERROR_INVALID_ARGUMENT (no such region, not inside it), %VUC_ERROR_NOT_SUPPORTED (it
 * cannot be read), %VUC_ERROR_REMOTE, %VUC_ERROR_TIMED_OUT, %VUC_ERROR_PROTOCOL,
 * %VUC_ERROR_DISCONNECTED, %VUC_ERROR_LIMIT (too many commands are under way).
 *
 * Returns: whether all of it was read.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_region_read (VucDevice *device,
                                         guint32 region,
                                         guint64 offset,
                                         gpointer data,
                                         gsize count,
                                         GError **error);

/**
 * vuc_device_region_write:
 * @region: a region index that the device has
 * @offset: where to begin, in bytes
 * @data: the data
 * @count: how many bytes; 0 does nothing
 *
 * Writes to a region, each part of it by the fastest way that there is (vuc-access.h), at last by
 * message (REGION_WRITE), and waits until the device has taken it; but not where it only kicks an
 * eventfd, or is posted because you said so (vuc_config_set_posted_writes()).  Long messages are
 * split, see vuc_config_set_max_write_size(); after an error some of the parts may have been written.
 *
 * Errors: as for vuc_device_region_read(); %VUC_ERROR_NOT_SUPPORTED: it cannot be written.
 *
 * Returns: whether all of it was written.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_region_write (VucDevice *device,
                                          guint32 region,
                                          guint64 offset,
                                          gconstpointer data,
                                          gsize count,
                                          GError **error);

/**
 * vuc_device_region_read_async:
 * @data: (out caller-allocated): where the data goes; it must stay until the operation is complete
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_region_read(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_region_read_async (VucDevice *device,
                                                   guint32 region,
                                                   guint64 offset,
                                                   gpointer data,
                                                   gsize count,
                                                   VucCallback callback,
                                                   gpointer user_data,
                                                   GDestroyNotify destroy);

/**
 * vuc_device_region_write_async:
 * @data: the data; it must stay, unchanged, until the operation is complete
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_region_write(), without waiting.  Operations of one thread reach the device in the
 * order in which they were started, but for the later parts of those that are split.  What lies behind
 * an ioregionfd goes by message here, and so does mapped memory while something before it may not be
 * executed yet.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_region_write_async (VucDevice *device,
                                                    guint32 region,
                                                    guint64 offset,
                                                    gconstpointer data,
                                                    gsize count,
                                                    VucCallback callback,
                                                    gpointer user_data,
                                                    GDestroyNotify destroy);

G_END_DECLS

#endif /* VUC_REGION_H */
