/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_DMA_H
#define VUC_DMA_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/*
 * Memory that the device may reach by DMA.  Each region has an IOVA, a size and rights, and is one
 * of four kinds:
 *
 *   shared         @fd, a memfd or another file that can be mapped: the server maps it
 *   shared file    @fd with %VUC_DMA_FILE_IO: the server reads and writes it as a file
 *   by message     @fd -1, @vaddr: nothing is shared, the server asks for data by DMA_READ and
 *                  DMA_WRITE, which the library answers from @vaddr
 *   by callback    @fd -1, @ops: the same, answered by the caller's functions (a vIOMMU, the memory
 *                  of another device)
 *
 * A server may use messages for shared memory as well; @vaddr is used then, or where it is %NULL the
 * library maps the file when it is first needed.
 *
 * Messages are answered by whoever reads: a blocking call that waits, or the loop that the device
 * is attached to.  So a device that has mappings must be attached, processed, or have a caller
 * waiting, or nobody answers its DMA.
 */

/**
 * VucDmaRegion:
 * @iova: where the device sees it; a multiple of the smallest page size that was agreed on
 *   (#VucDeviceInfo, pgsizes)
 * @size: in bytes, likewise, not 0
 * @flags: #VucDmaFlags, at least one right
 * @fd: a file to share, which stays the caller's and is sent or duplicated; -1 for none
 * @fd_offset: where in the file the region begins, in bytes; a multiple of the host's page size
 * @vaddr: (nullable): the memory, as this process sees it; it must stay until it is unmapped
 * @ops: (nullable): the functions that serve it; only without @fd and @vaddr; copied
 * @user_data: handed to @ops
 *
 * Set what is not used to zero, but @fd to -1: 0 is a descriptor.  Since 0.1.
 */
typedef struct
{
  guint64 iova;
  guint64 size;
  guint32 flags;
  int fd;
  guint64 fd_offset;
  gpointer vaddr;
  const VucDmaOps *ops;
  gpointer user_data;
  guint64 reserved[8];
} VucDmaRegion;

/**
 * vuc_device_dma_map:
 * @region: what to map; not needed any more when this returns
 *
 * Lets the device reach memory (DMA_MAP).  Checked before anything is sent: alignment, overflow,
 * overlap with another region, the server's max_dma_maps.  A region without %VUC_DMA_WRITE is shared
 * by a descriptor that cannot be written (opened anew if need be), and a memfd is sealed against
 * shrinking (F_SEAL_SHRINK) before it is shared; where what is needed cannot be, the region is
 * refused, unless %VUC_DMA_UNSAFE_FD is set.  A descriptor gives access to the whole file, and who
 * may open the file anew is for its permissions and seals to say.
 *
 * From the moment at which the command is sent the server may use the memory.  If mapping fails the
 * memory is not served by message any more; after %VUC_ERROR_TIMED_OUT or %VUC_ERROR_CANCELLED the
 * server may have mapped it all the same, and its IOVA stays taken until vuc_device_dma_unmap()
 * or a reconnect.
 *
 * Errors: %VUC_ERROR_INVALID_ARGUMENT, %VUC_ERROR_NOT_SUPPORTED (the file cannot be made safe),
 * %VUC_ERROR_LIMIT (max_dma_maps, or the server takes no descriptors), %VUC_ERROR_REMOTE,
 * %VUC_ERROR_TIMED_OUT, %VUC_ERROR_PROTOCOL, %VUC_ERROR_DISCONNECTED.
 *
 * Returns: whether the device can reach it.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_dma_map (VucDevice *device, const VucDmaRegion *region, GError **error);

/**
 * vuc_device_dma_map_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_dma_map(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_dma_map_async (VucDevice *device,
                                               const VucDmaRegion *region,
                                               VucCallback callback,
                                               gpointer user_data,
                                               GDestroyNotify destroy);

/**
 * vuc_device_dma_map_many:
 * @regions: (array length=n_regions): what to map
 * @n_regions: how many; 0 does nothing
 *
 * As vuc_device_dma_map() for each of them, many under way at the same time; the deadline is that of
 * the next 256.  All or nothing: if one
 * fails, those that were made by this call are unmapped again, and the first error is returned.
 *
 * Returns: whether the device can reach all of them.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_dma_map_many (VucDevice *device,
                                          const VucDmaRegion *regions,
                                          gsize n_regions,
                                          GError **error);

/**
 * vuc_device_dma_map_many_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_dma_map_many(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_dma_map_many_async (VucDevice *device,
                                                    const VucDmaRegion *regions,
                                                    gsize n_regions,
                                                    VucCallback callback,
                                                    gpointer user_data,
                                                    GDestroyNotify destroy);

/**
 * vuc_device_dma_unmap:
 * @iova: exactly as it was mapped
 * @size: likewise
 *
 * Takes memory from the device (DMA_UNMAP).  It is served until the server has replied, as a device
 * may drain what it has under way; when this has returned with success neither the server nor the
 * library touches it, and the caller may free it at once.
 *
 * A server may take long, so the deadline is that of vuc_config_set_long_timeout_ms().  If it
 * refuses, or does not answer in time, or the operation is cancelled, the memory is not served by
 * message any more all the same, but where it was shared the server may still hold it, as the error
 * says; the IOVA stays taken until the late reply comes, vuc_device_dma_unmap() is called again and
 * succeeds, or the device is connected again.  Of a device that is lost the region is simply
 * forgotten, which succeeds; a server that lives may still hold what was shared.
 *
 * Errors: %VUC_ERROR_INVALID_ARGUMENT (no such region, it is just being mapped or unmapped, or called
 * from inside of #VucDmaOps), %VUC_ERROR_REMOTE, %VUC_ERROR_TIMED_OUT, %VUC_ERROR_DISCONNECTED (the
 * device is just being connected again; the region stays).
 *
 * Returns: whether the memory is the caller's alone.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_dma_unmap (VucDevice *device,
                                       guint64 iova,
                                       guint64 size,
                                       GError **error);

/**
 * vuc_device_dma_unmap_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_dma_unmap(), without waiting: the memory is the caller's when the callback says so.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_dma_unmap_async (VucDevice *device,
                                                 guint64 iova,
                                                 guint64 size,
                                                 VucCallback callback,
                                                 gpointer user_data,
                                                 GDestroyNotify destroy);

/**
 * vuc_device_dma_unmap_all:
 *
 * As vuc_device_dma_unmap() for every region, all under way at the same time.  Goes on after an
 * error, and returns the first.
 *
 * Returns: whether all memory is the caller's alone.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_dma_unmap_all (VucDevice *device, GError **error);

/**
 * vuc_device_dma_unmap_all_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_dma_unmap_all(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_dma_unmap_all_async (VucDevice *device,
                                                     VucCallback callback,
                                                     gpointer user_data,
                                                     GDestroyNotify destroy);

/**
 * vuc_device_dma_get_count:
 *
 * Returns: how many regions are mapped, those included whose fate the server has not told.
 * Any thread.  Since 0.1.
 */
VUC_API guint vuc_device_dma_get_count (VucDevice *device);

/**
 * vuc_device_dma_log_start:
 * @page_size: a power of two, in bytes, at least 4096
 *
 * Records from now on which pages the server writes by message (DMA_WRITE).  What it writes into
 * shared memory by itself only the server knows.  Starting again forgets what was recorded.
 *
 * Errors: %VUC_ERROR_INVALID_ARGUMENT (the page size).
 *
 * Returns: whether it records.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_dma_log_start (VucDevice *device, guint64 page_size, GError **error);

/**
 * vuc_device_dma_log_stop:
 *
 * Records no more, and forgets what was recorded.  Any thread.  Since 0.1.
 */
VUC_API void vuc_device_dma_log_stop (VucDevice *device);

/**
 * vuc_device_dma_log_take:
 * @iova: where to begin, a multiple of the page size
 * @size: in bytes, likewise
 * @bitmap: (inout): bit i % 64 of word i / 64 is page i, counted from @iova; bits of pages that were
 *   written are set, the others are left as they are, so that several bitmaps can be merged
 * @n_words: how many words there are; at least as many as the range needs
 *
 * Takes the record of a range: its pages count as not written from then on.
 *
 * Errors: %VUC_ERROR_INVALID_ARGUMENT (nothing is recorded, alignment, too few words).
 *
 * Returns: whether it was taken.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_dma_log_take (VucDevice *device,
                                          guint64 iova,
                                          guint64 size,
                                          guint64 *bitmap,
                                          gsize n_words,
                                          GError **error);

G_END_DECLS

#endif /* VUC_DMA_H */
