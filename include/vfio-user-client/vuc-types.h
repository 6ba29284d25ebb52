/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_TYPES_H
#define VUC_TYPES_H

#include <glib.h>

/*
 * The handles, and the names for VFIO's numbers.
 */

G_BEGIN_DECLS

/* Marks what the library exports; everything else is hidden. */
#define VUC_API __attribute__ ((visibility ("default")))

/**
 * VucDevice:
 *
 * One connection to a server, which is one device.  Opaque, reference counted; every function that
 * takes one may be called from any thread.  Since 0.1.
 */
typedef struct _VucDevice VucDevice;

/**
 * VucConfig:
 *
 * How to connect: deadlines, limits, tracing.  Opaque, reference counted.  Since 0.1.
 */
typedef struct _VucConfig VucConfig;

/**
 * VucMapping:
 *
 * The directly accessible memory of one region.  Opaque, reference counted.  Since 0.1.
 */
typedef struct _VucMapping VucMapping;

/**
 * VucOperation:
 *
 * An asynchronous operation of a device: a number that is never used twice, and never 0.
 * Since 0.1.
 */
typedef guint64 VucOperation;

/**
 * VucCallback:
 * @device: the device
 * @operation: what the call that started it returned
 * @error: (nullable): %NULL after success; valid during the call only
 * @user_data: what was handed to that call
 *
 * Told once what became of an operation; vuc-operation.h says where.  Since 0.1.
 */
typedef void (*VucCallback) (VucDevice *device,
                             VucOperation operation,
                             const GError *error,
                             gpointer user_data);

/**
 * VucPciRegion:
 *
 * Region indexes of a PCI device (VFIO_PCI_*_REGION_INDEX).  Regions from
 * %VUC_PCI_NUM_REGIONS on are specific to the device.  Since 0.1.
 */
typedef enum
{
  VUC_PCI_BAR0_REGION,
  VUC_PCI_BAR1_REGION,
  VUC_PCI_BAR2_REGION,
  VUC_PCI_BAR3_REGION,
  VUC_PCI_BAR4_REGION,
  VUC_PCI_BAR5_REGION,
  VUC_PCI_ROM_REGION,
  VUC_PCI_CONFIG_REGION,
  VUC_PCI_VGA_REGION,
  VUC_PCI_NUM_REGIONS
} VucPciRegion;

/**
 * VucPciIrq:
 *
 * Interrupt indexes of a PCI device (VFIO_PCI_*_IRQ_INDEX).  Since 0.1.
 */
typedef enum
{
  VUC_PCI_INTX_IRQ,
  VUC_PCI_MSI_IRQ,
  VUC_PCI_MSIX_IRQ,
  VUC_PCI_ERR_IRQ,
  VUC_PCI_REQ_IRQ,
  VUC_PCI_NUM_IRQS
} VucPciIrq;

/**
 * VucDeviceFlags:
 * @VUC_DEVICE_RESET: the device can be reset
 * @VUC_DEVICE_PCI: the device is a PCI device, see #VucPciRegion and #VucPciIrq
 *
 * VFIO_DEVICE_FLAGS_*; what else the server set is not handed on.  Since 0.1.
 */
typedef enum
{
  VUC_DEVICE_RESET = 1 << 0,
  VUC_DEVICE_PCI = 1 << 1
} VucDeviceFlags;

/**
 * VucRegionFlags:
 * @VUC_REGION_READ: can be read
 * @VUC_REGION_WRITE: can be written
 * @VUC_REGION_MMAP: has areas that can be mapped, see vuc_device_map_region()
 *
 * VFIO_REGION_INFO_FLAG_*; what else the server set is not handed on.  Since 0.1.
 */
typedef enum
{
  VUC_REGION_READ = 1 << 0,
  VUC_REGION_WRITE = 1 << 1,
  VUC_REGION_MMAP = 1 << 2
} VucRegionFlags;

/**
 * VucRegionCaps:
 * @VUC_REGION_CAP_SPARSE_MMAP: only parts can be mapped, all from one file
 * @VUC_REGION_CAP_TYPE: the type and subtype are known
 * @VUC_REGION_CAP_MSIX_MAPPABLE: the MSI-X table lies in an area that may be mapped
 * @VUC_REGION_CAP_SPARSE_MMAP_FDS: only parts can be mapped, from several files
 *
 * The capabilities that the region information had.  Since 0.1.
 */
typedef enum
{
  VUC_REGION_CAP_SPARSE_MMAP = 1 << 0,
  VUC_REGION_CAP_TYPE = 1 << 1,
  VUC_REGION_CAP_MSIX_MAPPABLE = 1 << 2,
  VUC_REGION_CAP_SPARSE_MMAP_FDS = 1 << 3
} VucRegionCaps;

/**
 * VucIrqFlags:
 * @VUC_IRQ_EVENTFD: can signal an eventfd
 * @VUC_IRQ_MASKABLE: can be masked and unmasked; servers in the field leave this out and can all
 *   the same
 * @VUC_IRQ_AUTOMASKED: masks itself when it fires, and must be unmasked to fire again
 * @VUC_IRQ_NORESIZE: is set up as one set; to enable more, disable all of them first
 *
 * VFIO_IRQ_INFO_*; what else the server set is not handed on.  Since 0.1.
 */
typedef enum
{
  VUC_IRQ_EVENTFD = 1 << 0,
  VUC_IRQ_MASKABLE = 1 << 1,
  VUC_IRQ_AUTOMASKED = 1 << 2,
  VUC_IRQ_NORESIZE = 1 << 3
} VucIrqFlags;

/**
 * VucIoFdType:
 * @VUC_IO_FD_IOEVENTFD: a write kicks an eventfd, and reaches the server in no other way
 * @VUC_IO_FD_IOREGIONFD: accesses travel as 32-byte commands on a socket
 * @VUC_IO_FD_SHADOW_IOEVENTFD: a write is stored in shared memory, then kicks an eventfd
 *
 * VFIO_USER_IO_FD_TYPE_*.  Since 0.1.
 */
typedef enum
{
  VUC_IO_FD_IOEVENTFD,
  VUC_IO_FD_IOREGIONFD,
  VUC_IO_FD_SHADOW_IOEVENTFD
} VucIoFdType;

/**
 * VucIoFdFlags:
 * @VUC_IO_FD_DATAMATCH: (shadow) ioeventfd: only a write of @datamatch kicks
 * @VUC_IO_FD_PIO: the sub-region is port IO
 * @VUC_IO_FD_POSTED_WRITES: ioregionfd: writes get no response
 *
 * The library's own numbering, the same for all types.  Since 0.1.
 */
typedef enum
{
  VUC_IO_FD_DATAMATCH = 1 << 0,
  VUC_IO_FD_PIO = 1 << 1,
  VUC_IO_FD_POSTED_WRITES = 1 << 2
} VucIoFdFlags;

/**
 * VucAccessFlags:
 * @VUC_ACCESS_ANY: the fastest way there is
 * @VUC_ACCESS_NO_MAPPED: not through mapped memory
 * @VUC_ACCESS_NO_IOEVENTFD: not by an ioeventfd, with shadow or without
 * @VUC_ACCESS_NO_IOREGIONFD: not by an ioregionfd
 * @VUC_ACCESS_NO_POSTED: writes wait until the device has executed them
 * @VUC_ACCESS_MESSAGE_ONLY: all of these: by message, with a reply
 *
 * Which ways an access may not take.  Since 0.1.
 */
typedef enum
{
  VUC_ACCESS_ANY = 0,
  VUC_ACCESS_NO_MAPPED = 1 << 0,
  VUC_ACCESS_NO_IOEVENTFD = 1 << 1,
  VUC_ACCESS_NO_IOREGIONFD = 1 << 2,
  VUC_ACCESS_NO_POSTED = 1 << 3,
  VUC_ACCESS_MESSAGE_ONLY = (1 << 4) - 1
} VucAccessFlags;

/**
 * VucWay:
 * @VUC_WAY_MAPPED: loads and stores
 * @VUC_WAY_IOEVENTFD: kicks
 * @VUC_WAY_SHADOW: stores and kicks of shadow ioeventfds
 * @VUC_WAY_IOREGIONFD: commands on ioregionfds
 * @VUC_WAY_POSTED: posted writes
 * @VUC_WAY_MESSAGE: REGION_READ and REGION_WRITE with a reply
 * @VUC_N_WAYS: how many there are
 *
 * A way that (part of) an access took.  Since 0.1.
 */
typedef enum
{
  VUC_WAY_MAPPED,
  VUC_WAY_IOEVENTFD,
  VUC_WAY_SHADOW,
  VUC_WAY_IOREGIONFD,
  VUC_WAY_POSTED,
  VUC_WAY_MESSAGE,
  VUC_N_WAYS
} VucWay;

/**
 * VucDmaFlags:
 * @VUC_DMA_READ: the device may read the memory
 * @VUC_DMA_WRITE: the device may write it
 * @VUC_DMA_FILE_IO: the server shall read and write @fd as a file instead of mapping it; newer
 *   servers only
 * @VUC_DMA_UNSAFE_FD: share @fd although the server can do more with it than the rights say: shrink
 *   the file, which makes touching the caller's own mapping of it raise SIGBUS, or write what it
 *   may only read
 *
 * Since 0.1.
 */
typedef enum
{
  VUC_DMA_READ = 1 << 0,
  VUC_DMA_WRITE = 1 << 1,
  VUC_DMA_FILE_IO = 1 << 2,
  VUC_DMA_UNSAFE_FD = 1 << 3
} VucDmaFlags;

/**
 * VucDmaOps:
 * @read: (nullable): copies @count bytes at @iova to @data; needed with %VUC_DMA_READ
 * @write: (nullable): the reverse; needed with %VUC_DMA_WRITE
 *
 * Serves a region by callback.  They return 0, or an errno that the server is told; then nothing
 * else of that command is used.  They are called on the thread that reads, with no lock held, one at
 * a time for each device; each range lies inside the region, and has at most 1 MiB.  What asks the
 * server something, and vuc_device_dma_unmap(), fails inside them with %VUC_ERROR_INVALID_ARGUMENT,
 * in both forms.  Since 0.1.
 */
typedef struct
{
  int (*read) (guint64 iova, gpointer data, gsize count, gpointer user_data);
  int (*write) (guint64 iova, gconstpointer data, gsize count, gpointer user_data);
} VucDmaOps;

G_END_DECLS

#endif /* VUC_TYPES_H */
