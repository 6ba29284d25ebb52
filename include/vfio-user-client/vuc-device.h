/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_DEVICE_H
#define VUC_DEVICE_H

#include <sys/types.h>

#include <vfio-user-client/vuc-config.h>
#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/**
 * vuc_device_connect:
 * @path: the server's UNIX socket; "@name" is a name in the abstract namespace
 * @config: (nullable): the configuration, %NULL for the defaults
 *
 * Connects, negotiates (VERSION), and reads all information about the device, its regions and its
 * interrupts (DEVICE_GET_INFO, DEVICE_GET_REGION_INFO, DEVICE_GET_IRQ_INFO); all within the
 * configured deadline.  The server need not be trusted: nothing that it sends is
 * used unchecked.
 *
 * Errors: %VUC_ERROR_CONNECT, %VUC_ERROR_TIMED_OUT, %VUC_ERROR_PROTOCOL, %VUC_ERROR_REMOTE,
 * %VUC_ERROR_DISCONNECTED, %VUC_ERROR_INVALID_ARGUMENT (a path too long for a socket),
 * %VUC_ERROR_LIMIT (no memory for what the server described).
 *
 * Returns: (transfer full): the device, or %NULL with @error set.  Any thread.  Since 0.1.
 */
VUC_API VucDevice *vuc_device_connect (const char *path, VucConfig *config, GError **error);

/**
 * vuc_device_connect_fd:
 * @fd: a connected UNIX stream socket; it is duplicated, the caller still closes @fd
 *
 * As vuc_device_connect(), on a socket that somebody else has connected.  Nothing else may use the
 * socket from now on.
 *
 * Errors: as for vuc_device_connect(); %VUC_ERROR_INVALID_ARGUMENT: a socket, but not a UNIX stream
 * socket; %VUC_ERROR_CONNECT: no socket, or not a connected one.
 *
 * Returns: (transfer full): the device, or %NULL with @error set.  Any thread.  Since 0.1.
 */
VUC_API VucDevice *vuc_device_connect_fd (int fd, VucConfig *config, GError **error);

/**
 * vuc_device_connect_async:
 * @path: as for vuc_device_connect()
 * @config: (nullable): the configuration, %NULL for the defaults
 * @operation: (out) (optional): the operation, to be waited for or cancelled
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_connect(), without waiting.  The device that it returns is in the state
 * %VUC_DEVICE_CONNECTING: it can be attached, processed and closed, but has no information yet, and
 * what is asked of it fails with %VUC_ERROR_DISCONNECTED until the operation has succeeded.  If it
 * fails the device is lost, and vuc_device_reconnect() tries again.
 *
 * Returns: (transfer full): the device.  Any thread.  Since 0.1.
 */
VUC_API VucDevice *vuc_device_connect_async (const char *path,
                                             VucConfig *config,
                                             VucOperation *operation,
                                             VucCallback callback,
                                             gpointer user_data,
                                             GDestroyNotify destroy);

/**
 * vuc_device_connect_fd_async:
 * @fd: as for vuc_device_connect_fd()
 *
 * As vuc_device_connect_async(), on a socket that somebody else has connected.
 *
 * Returns: (transfer full): the device.  Any thread.  Since 0.1.
 */
VUC_API VucDevice *vuc_device_connect_fd_async (int fd,
                                                VucConfig *config,
                                                VucOperation *operation,
                                                VucCallback callback,
                                                gpointer user_data,
                                                GDestroyNotify destroy);

/**
 * VucDeviceState:
 * @VUC_DEVICE_CONNECTING: the first connection is being made
 * @VUC_DEVICE_CONNECTED: the device can be used
 * @VUC_DEVICE_LOST: the connection has ended, or could not be made
 * @VUC_DEVICE_RECONNECTING: another connection is being made
 *
 * Since 0.1.
 */
typedef enum
{
  VUC_DEVICE_CONNECTING,
  VUC_DEVICE_CONNECTED,
  VUC_DEVICE_LOST,
  VUC_DEVICE_RECONNECTING
} VucDeviceState;

/**
 * vuc_device_get_state:
 *
 * Returns: the state just now.  Asks the server nothing, and notices nothing by itself.
 * Any thread.  Since 0.1.
 */
VUC_API VucDeviceState vuc_device_get_state (VucDevice *device);

/**
 * vuc_device_reconnect:
 *
 * Connects a lost device again: to the same path, or where it was made from a descriptor, to the
 * one that the function of vuc_config_set_reopen_func() supplies.  Negotiates, reads all
 * information anew, checks that the device still has the same shape (regions, areas, interrupts, IO
 * descriptors that were asked for, and limits no lower than before), resets it if
 * vuc_config_set_reset_on_reconnect() says so, and gives the server the DMA regions and the eventfds
 * of interrupts that it had.  The handle and all that it handed out stay valid:
 * information does not change, and descriptors keep their numbers, with the server's new files
 * behind them; vuc_device_get_generation() tells that they were renewed.  What is mapped of
 * regions shows the new files, at the same addresses.
 *
 * Only one thread connects a device at a time.
 *
 * Errors: as for vuc_device_connect(); %VUC_ERROR_INVALID_ARGUMENT: the device is connected, or
 * being connected; %VUC_ERROR_NOT_SUPPORTED: it was made from a descriptor, and there is no
 * function to supply another; %VUC_ERROR_REJECTED: the device has another shape now, the message
 * lists how it differs; or what is mapped is not safe to map any more.
 *
 * Returns: whether the device is connected again.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_reconnect (VucDevice *device, GError **error);

/**
 * vuc_device_reconnect_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_reconnect(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_reconnect_async (VucDevice *device,
                                                 VucCallback callback,
                                                 gpointer user_data,
                                                 GDestroyNotify destroy);

/**
 * vuc_device_get_generation:
 *
 * Returns: how often the device was connected: 0 while it never was, then 1, and one more after
 * each reconnect.  Descriptors handed out belong to one generation: what was made of them is to be
 * made anew when it has changed.  The numbers stay, but not the files behind them; where the kernel
 * knows a file and not a number, as KVM does an ioeventfd, what was registered can only be undone by
 * a duplicate that was made before.  Any thread.  Since 0.1.
 */
VUC_API guint64 vuc_device_get_generation (VucDevice *device);

/**
 * vuc_device_ref:
 *
 * Returns: @device, with one more reference.  Any thread.  Since 0.1.
 */
VUC_API VucDevice *vuc_device_ref (VucDevice *device);

/**
 * vuc_device_unref:
 *
 * Gives a reference back; the last one closes the device, its descriptors and the connection.
 * Operations keep nobody's reference: what is still under way then completes with
 * %VUC_ERROR_DISCONNECTED, and its callbacks run inside this call.  Any thread.  Since 0.1.
 */
VUC_API void vuc_device_unref (VucDevice *device);

/**
 * vuc_device_close:
 *
 * Shuts the connection.  Calls that wait, and all later ones until vuc_device_reconnect(), fail with
 * %VUC_ERROR_DISCONNECTED, or with the error that ended the connection before; so do operations under way, one that
 * connects included, and the device is not reconnected by itself any more.  Where the device is not
 * attached, callbacks run inside this call.
 * Information, descriptors and mappings stay until the last reference goes.  Closing twice is
 * harmless.  Any thread.  Since 0.1.
 */
VUC_API void vuc_device_close (VucDevice *device);

/**
 * VucDeviceInfo:
 * @flags: #VucDeviceFlags
 * @num_regions: region indexes, 0 to @num_regions - 1
 * @num_irqs: interrupt indexes, 0 to @num_irqs - 1
 * @version_major: the protocol version that was agreed on
 * @version_minor: likewise
 * @max_msg_fds: the most descriptors that the server takes in one message, at most 253
 * @max_dma_maps: the most DMA mappings that the server takes at once
 * @max_data_xfer_size: the most data that the server takes in one read or write, in bytes
 * @pgsizes: DMA page sizes that the server knows, or'ed together, in bytes
 * @migration_pgsize: page size of the server's dirty bitmaps in bytes, 0 if it named none
 * @migration_max_bitmap_size: the largest dirty bitmap in bytes, 0 if the server named none
 * @write_multiple: the server understands REGION_WRITE_MULTI
 * @twin_socket: server commands come on a socket of their own
 * @sparse_mmap_fds: mappable areas of one region may be in several files
 *
 * The device (DEVICE_GET_INFO), and what was negotiated (VERSION).  The limits are the server's;
 * where it named none they have the protocol's default.  More members may be added at the end.
 * Since 0.1.
 */
typedef struct
{
  guint32 flags;
  guint32 num_regions;
  guint32 num_irqs;
  guint16 version_major;
  guint16 version_minor;
  guint32 max_msg_fds;
  guint32 max_dma_maps;
  guint64 max_data_xfer_size;
  guint64 pgsizes;
  guint64 migration_pgsize;
  guint64 migration_max_bitmap_size;
  gboolean write_multiple;
  gboolean twin_socket;
  gboolean sparse_mmap_fds;
} VucDeviceInfo;

/**
 * vuc_device_get_info:
 *
 * Returns: (transfer none): the device's information, valid as long as @device; all zero before it
 * was connected for the first time.  Asks the server nothing.  Any thread.  Since 0.1.
 */
VUC_API const VucDeviceInfo *vuc_device_get_info (VucDevice *device);

/**
 * VucPeerCredentials:
 *
 * The server's process as it was when it began to listen, or when the socket pair was made
 * (SO_PEERCRED).  Since 0.1.
 */
typedef struct
{
  pid_t pid;
  uid_t uid;
  gid_t gid;
} VucPeerCredentials;

/**
 * vuc_device_get_peer_credentials:
 *
 * Returns: (transfer none): who serves the device, valid as long as @device.  Any thread.
 * Since 0.1.
 */
VUC_API const VucPeerCredentials *vuc_device_get_peer_credentials (VucDevice *device);

/**
 * vuc_device_reset:
 *
 * Resets the device (DEVICE_RESET) and waits until that is done, which may take as long as the
 * server likes: see vuc_config_set_long_timeout_ms().  DMA mappings and the eventfds of interrupts
 * survive.
 *
 * Errors: %VUC_ERROR_NOT_SUPPORTED (the device says that it cannot be reset; nothing was sent),
 * %VUC_ERROR_REMOTE, %VUC_ERROR_TIMED_OUT, %VUC_ERROR_PROTOCOL, %VUC_ERROR_DISCONNECTED,
 * %VUC_ERROR_LIMIT, %VUC_ERROR_INVALID_ARGUMENT (called from inside a #VucMessageFunc).
 *
 * Returns: whether the device was reset.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_reset (VucDevice *device, GError **error);

/**
 * vuc_device_reset_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_reset(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_reset_async (VucDevice *device,
                                             VucCallback callback,
                                             gpointer user_data,
                                             GDestroyNotify destroy);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VucDevice, vuc_device_unref)

G_END_DECLS

#endif /* VUC_DEVICE_H */
