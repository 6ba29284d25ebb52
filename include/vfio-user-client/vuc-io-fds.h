/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_IO_FDS_H
#define VUC_IO_FDS_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/**
 * VucIoFd:
 * @type: what kind it is
 * @flags: #VucIoFdFlags
 * @offset: start within the region, in bytes
 * @size: length in bytes; 0 means any access that begins at @offset
 * @fd: the eventfd or the socket; it belongs to the device and must not be closed; several entries
 *   may share it; -1 in a shadow entry that stores only
 * @datamatch: with %VUC_IO_FD_DATAMATCH: the value
 * @user_data: ioregionfd: to be handed back in each command
 * @shadow_fd: shadow ioeventfd: the memory's file, which belongs to the device; else -1
 * @shadow_offset: shadow ioeventfd: where in that file the written value goes, in bytes
 *
 * One way around the socket (DEVICE_GET_REGION_IO_FDS).  All of it has been checked: an ioeventfd
 * can be handed to KVM as it is.  But the server may shrink shadow memory later: seal its file before
 * mapping it.  More members may be added at the end.  Since 0.1.
 */
typedef struct
{
  VucIoFdType type;
  guint32 flags;
  guint64 offset;
  guint64 size;
  int fd;
  guint64 datamatch;
  guint64 user_data;
  int shadow_fd;
  guint64 shadow_offset;
} VucIoFd;

/**
 * vuc_device_get_region_io_fds:
 * @region: a region index that the device has
 * @io_fds: (out) (transfer none): the entries, valid as long as @device; %NULL if there are none
 * @n_io_fds: (out): how many
 *
 * Asks the server which parts of a region have IO descriptors.  The answer is kept: asking again
 * costs nothing.  A server that has none, or does not know the question, is no error.  Some servers
 * do not survive the question, so it is only asked when this function is called.  From then on
 * accesses to the region use them, too (vuc-access.h).
 *
 * Errors: %VUC_ERROR_INVALID_ARGUMENT (no such region), %VUC_ERROR_REJECTED (an entry is unusable;
 * all were dropped), %VUC_ERROR_TIMED_OUT, %VUC_ERROR_PROTOCOL, %VUC_ERROR_DISCONNECTED,
 * %VUC_ERROR_LIMIT (no memory for them).
 *
 * Returns: whether the answer is known.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_get_region_io_fds (VucDevice *device,
                                               guint32 region,
                                               const VucIoFd **io_fds,
                                               gsize *n_io_fds,
                                               GError **error);

/**
 * vuc_device_get_region_io_fds_async:
 * @region: a region index that the device has
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * Asks, without waiting; once this has succeeded vuc_device_get_region_io_fds() returns the answer
 * at once.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_get_region_io_fds_async (VucDevice *device,
                                                         guint32 region,
                                                         VucCallback callback,
                                                         gpointer user_data,
                                                         GDestroyNotify destroy);

/**
 * vuc_device_get_region_io_fds_errno:
 * @region: a region index that the device has
 *
 * Tells with which errno the server refused vuc_device_get_region_io_fds(), which counts as having
 * none.
 *
 * Returns: 1 to 4095, or 0 if it did not refuse or was not asked.  Any thread.  Since 0.1.
 */
VUC_API int vuc_device_get_region_io_fds_errno (VucDevice *device, guint32 region);

/**
 * VucKvmIoeventfd:
 *
 * What the request KVM_IOEVENTFD takes: a struct kvm_ioeventfd, member by member.  Since 0.1.
 */
typedef struct
{
  guint64 datamatch;
  guint64 addr;
  guint32 len;
  gint32 fd;
  guint32 flags;
  guint8 pad[36];
} VucKvmIoeventfd;

/**
 * vuc_io_fd_get_kvm_ioeventfd:
 * @io_fd: an entry of vuc_device_get_region_io_fds()
 * @guest_base: where the region begins in the guest's physical memory, or port IO, space
 * @request: (out caller-allocated): what to hand to KVM_IOEVENTFD
 *
 * To take the ioeventfd away again, set KVM_IOEVENTFD_FLAG_DEASSIGN (bit 2) in its flags.
 *
 * Returns: whether KVM can serve the entry: it is a plain ioeventfd, and lies below 2^64 at that
 * base.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_io_fd_get_kvm_ioeventfd (const VucIoFd *io_fd,
                                              guint64 guest_base,
                                              VucKvmIoeventfd *request);

G_END_DECLS

#endif /* VUC_IO_FDS_H */
