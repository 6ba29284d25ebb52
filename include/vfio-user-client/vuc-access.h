/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_ACCESS_H
#define VUC_ACCESS_H

#include <vfio-user-client/vuc-types.h>

/*
 * How an access to a region travels.
 *
 * vuc_device_region_read() and vuc_device_region_write() take the fastest way that is correct; what
 * lies in two ways' parts is split.  In the order in which they are tried:
 *
 *   mapped        an area that the server shares is mapped by the first access to it, and each
 *                 access of 1, 2, 4 or 8 bytes to it, aligned, is one load or store of that width
 *   ioeventfd     a write that one covers kicks it, and reaches the device in no other way
 *   shadow        likewise, after the value was stored in memory
 *   ioregionfd    32 bytes to the device on a socket of its own, and 32 back; blocking accesses only.
 *                 One whose socket ends fails one access with %VUC_ERROR_DISCONNECTED, and is not used
 *                 any more; the device stays connected
 *   posted        a write of up to 8 bytes that nobody waits for; see vuc_config_set_posted_writes()
 *   message       REGION_READ, REGION_WRITE
 *
 * Those with IO descriptors are taken from the moment on when vuc_device_get_region_io_fds() has
 * succeeded, as the library does not ask for them by itself.
 *
 * A load, a store or a kick that succeeds says nothing of whether the server is still there: a loss
 * is noticed by whoever reads the socket.  What was stored before that may be lost with the server.
 * All parts of an access go to one server: an access in the middle of which the connection is lost
 * fails with %VUC_ERROR_DISCONNECTED, even if the device is connected again by then.
 *
 * What one thread does reaches the device in the order in which it was done: a kick, or an access to
 * mapped memory, that follows a posted write waits until the device has executed that (it may wait
 * for what other threads have posted, too, and inside a callback of the library it fails then).  Two things
 * cannot be ordered: writes to an ioregionfd with %VUC_IO_FD_POSTED_WRITES, but among themselves; and
 * what a hypervisor does with descriptors and areas that were handed to it.
 */

G_BEGIN_DECLS

/**
 * VucAccessCounters:
 * @parts: for each #VucWay, how many (parts of) accesses have taken it; messages count when they are
 *   begun, all else when it has succeeded
 * @posted_messages: how many messages the posted writes went in; REGION_WRITE_MULTI takes many at
 *   once
 *
 * Counted for as long as there is the device.  What is reserved is set to zero.  Since 0.1.
 */
typedef struct
{
  guint64 parts[VUC_N_WAYS];
  guint64 posted_messages;
  guint64 reserved[8];
} VucAccessCounters;

/**
 * vuc_device_get_access_counters:
 * @counters: (out caller-allocated): which ways accesses have taken up to now
 *
 * Any thread.  Since 0.1.
 */
VUC_API void vuc_device_get_access_counters (VucDevice *device, VucAccessCounters *counters);

/**
 * vuc_device_region_read_full:
 * @flags: #VucAccessFlags, besides those of vuc_config_set_access_flags()
 *
 * As vuc_device_region_read(), not by these ways.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_region_read_full (VucDevice *device,
                                              guint32 region,
                                              guint64 offset,
                                              gpointer data,
                                              gsize count,
                                              VucAccessFlags flags,
                                              GError **error);

/**
 * vuc_device_region_write_full:
 * @flags: #VucAccessFlags, besides those of vuc_config_set_access_flags()
 *
 * As vuc_device_region_write(), not by these ways.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_region_write_full (VucDevice *device,
                                               guint32 region,
                                               guint64 offset,
                                               gconstpointer data,
                                               gsize count,
                                               VucAccessFlags flags,
                                               GError **error);

/**
 * vuc_device_region_read_full_async:
 * @flags: #VucAccessFlags, besides those of vuc_config_set_access_flags()
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_region_read_async(), not by these ways.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_region_read_full_async (VucDevice *device,
                                                        guint32 region,
                                                        guint64 offset,
                                                        gpointer data,
                                                        gsize count,
                                                        VucAccessFlags flags,
                                                        VucCallback callback,
                                                        gpointer user_data,
                                                        GDestroyNotify destroy);

/**
 * vuc_device_region_write_full_async:
 * @flags: #VucAccessFlags, besides those of vuc_config_set_access_flags()
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_region_write_async(), not by these ways.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_region_write_full_async (VucDevice *device,
                                                         guint32 region,
                                                         guint64 offset,
                                                         gconstpointer data,
                                                         gsize count,
                                                         VucAccessFlags flags,
                                                         VucCallback callback,
                                                         gpointer user_data,
                                                         GDestroyNotify destroy);

/**
 * VucPosting:
 * @VUC_POSTING_DEFAULT: as vuc_config_set_posted_writes() says
 * @VUC_POSTING_OFF: never
 * @VUC_POSTING_ON: where it is safe
 * @VUC_POSTING_INSIST: even if areas or IO descriptors of the region were handed out, with which a
 *   hypervisor can overtake posted writes
 *
 * Whether writes to a region are posted.  Since 0.1.
 */
typedef enum
{
  VUC_POSTING_DEFAULT,
  VUC_POSTING_OFF,
  VUC_POSTING_ON,
  VUC_POSTING_INSIST
} VucPosting;

/**
 * vuc_device_set_region_posting:
 * @region: a region index that the device has
 * @posting: whether writes to it are posted
 *
 * It still holds when the device is connected again.  Where a region's areas or descriptors are
 * handed out later, by vuc_device_map_region() or vuc_device_get_region_io_fds(), writes to it are
 * not posted any more, unless %VUC_POSTING_INSIST was said.  What was posted before is not waited for:
 * vuc_device_flush() does.
 *
 * Errors: %VUC_ERROR_INVALID_ARGUMENT (no such region), %VUC_ERROR_NOT_SUPPORTED (with
 * %VUC_POSTING_ON and above: it is the configuration space, or port IO; with %VUC_POSTING_ON: its
 * areas or descriptors were handed out).
 *
 * Returns: whether it is done.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_set_region_posting (VucDevice *device,
                                                guint32 region,
                                                VucPosting posting,
                                                GError **error);

/**
 * vuc_device_flush:
 *
 * Waits until the device has executed all posted writes.  If none can be outstanding nothing is
 * asked of the server.  What was posted on a connection that was lost since then may have been lost
 * with it, which is no error here: see vuc_device_get_generation().
 *
 * Errors: %VUC_ERROR_TIMED_OUT, %VUC_ERROR_PROTOCOL, %VUC_ERROR_DISCONNECTED.
 *
 * Returns: whether it has.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_flush (VucDevice *device, GError **error);

/**
 * vuc_device_flush_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_flush(), for what was posted before this call, without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_flush_async (VucDevice *device,
                                             VucCallback callback,
                                             gpointer user_data,
                                             GDestroyNotify destroy);

G_END_DECLS

#endif /* VUC_ACCESS_H */
