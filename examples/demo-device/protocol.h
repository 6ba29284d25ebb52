/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What travels on the socket: command numbers, structures and limits of the vfio-user protocol.
 *
 * All integers are in host byte order, and the two ends run on one host, so a structure is copied
 * in and out with memcpy (). What vfio-user shares with VFIO (region and interrupt information,
 * capabilities, indexes, flags) comes from <linux/vfio.h>; the rest is here.
 */

#pragma once

#include <glib.h>
#include <linux/vfio.h>

#define PROTOCOL_MAJOR 0
#define PROTOCOL_MINOR 1 /* the highest that we speak */

/* What we can take; the client learns these from our VERSION reply. */
#define MAX_MSG_FDS        16 /* as many as the largest interrupt index has vectors */
#define MAX_DATA_XFER_SIZE (1024 * 1024)
#define MAX_DMA_MAPS       65535
#define PAGE_SIZE_4K       4096
#define MAX_VERSION_JSON   (16 * 1024) /* not negotiable, and plenty */

/* What the client can take in one message if it does not say. */
#define DEFAULT_MAX_MSG_FDS        1
#define DEFAULT_MAX_DATA_XFER_SIZE (1024 * 1024)

typedef enum
{
  COMMAND_VERSION = 1,
  COMMAND_DMA_MAP = 2,
  COMMAND_DMA_UNMAP = 3,
  COMMAND_DEVICE_GET_INFO = 4,
  COMMAND_DEVICE_GET_REGION_INFO = 5,
  COMMAND_DEVICE_GET_REGION_IO_FDS = 6,
  COMMAND_DEVICE_GET_IRQ_INFO = 7,
  COMMAND_DEVICE_SET_IRQS = 8,
  COMMAND_REGION_READ = 9,
  COMMAND_REGION_WRITE = 10,
  COMMAND_DMA_READ = 11, /* these two are ours to send */
  COMMAND_DMA_WRITE = 12,
  COMMAND_DEVICE_RESET = 13,
  COMMAND_REGION_WRITE_MULTI = 15, /* if that was agreed on */
  COMMAND_DEVICE_FEATURE = 16,
} CommandNumber;

#define HEADER_TYPE_MASK    0xfu
#define HEADER_TYPE_COMMAND 0x0u
#define HEADER_TYPE_REPLY   0x1u
#define HEADER_NO_REPLY     (1u << 4)
#define HEADER_ERROR        (1u << 5)

typedef struct
{
  guint16 id; /* chosen by the command's sender, echoed in the reply */
  guint16 command;
  guint32 size; /* of the whole message, in bytes */
  guint32 flags;
  guint32 error; /* errno, if HEADER_ERROR is set */
} Header;
G_STATIC_ASSERT (sizeof (Header) == 16);

/* The sizes of REGION_READ's reply and REGION_WRITE's request are the largest; those of DMA_READ's
   reply and DMA_WRITE's request are the same. */
#define MAX_MESSAGE_SIZE (sizeof (Header) + sizeof (RegionAccess) + MAX_DATA_XFER_SIZE)

typedef struct
{
  guint16 major;
  guint16 minor;
} Version; /* JSON follows */
G_STATIC_ASSERT (sizeof (Version) == 4);

typedef struct
{
  guint32 argsz;
  guint32 flags;
  guint32 num_regions;
  guint32 num_irqs;
} DeviceInfo; /* struct vfio_device_info, as it was at first */
G_STATIC_ASSERT (sizeof (DeviceInfo) == 16);

G_STATIC_ASSERT (sizeof (struct vfio_region_info) == 32);
G_STATIC_ASSERT (sizeof (struct vfio_irq_info) == 16);
G_STATIC_ASSERT (sizeof (struct vfio_irq_set) == 20);

typedef struct
{
  guint32 argsz;
  guint32 flags;
  guint32 index;
  guint32 count;
} RegionIoFds; /* count entries follow in the reply */
G_STATIC_ASSERT (sizeof (RegionIoFds) == 16);

#define IO_FD_TYPE_IOEVENTFD     0
#define IO_FD_TYPE_IOREGIONFD    1
#define IO_FD_TYPE_SHADOW        2
#define IO_FD_FLAG_DATAMATCH     (1u << 0) /* of an ioeventfd */
#define IO_FD_FLAG_POSTED_WRITES (1u << 1) /* of an ioregionfd */

typedef struct
{
  guint64 offset;
  guint64 size;
  guint32 fd_index;
  guint32 type;
  guint32 flags;
  guint32 shadow_fd_index;
  guint64 shadow_offset; /* of an ioregionfd: user_data */
  guint64 datamatch;
} IoFdEntry;
G_STATIC_ASSERT (sizeof (IoFdEntry) == 48);

/* What travels on an ioregionfd. */
#define IOREGION_READ              0
#define IOREGION_WRITE             1
#define IOREGION_SIZE_MASK         0xfu /* the exponent of the size, */
#define IOREGION_MAX_SIZE_EXPONENT 3    /* up to 8 bytes */
#define IOREGION_WANTS_RESPONSE    (1u << 4)

typedef struct
{
  guint8 command;
  guint8 info;
  guint8 padding[6];
  guint64 user_data;
  guint64 offset; /* in the sub-region */
  guint64 data;
} IoregionCommand;
G_STATIC_ASSERT (sizeof (IoregionCommand) == 32);

typedef struct
{
  guint64 data;
  guint8 padding[24];
} IoregionResponse;
G_STATIC_ASSERT (sizeof (IoregionResponse) == 32);

typedef struct
{
  guint64 offset;
  guint32 region;
  guint32 count;
} RegionAccess; /* data follows */
G_STATIC_ASSERT (sizeof (RegionAccess) == 16);

typedef struct
{
  guint64 count; /* of writes that follow; in the reply: that were executed */
} WriteMulti;
G_STATIC_ASSERT (sizeof (WriteMulti) == 8);

typedef struct
{
  guint64 offset;
  guint32 region;
  guint32 count; /* of the bytes of data */
  guint8 data[8];
} SingleWrite;
G_STATIC_ASSERT (sizeof (SingleWrite) == 24);

#define DMA_FLAG_READ    (1u << 0)
#define DMA_FLAG_WRITE   (1u << 1)
#define DMA_FLAG_MMAP    (1u << 2) /* map the descriptor; so do we without either of these two, */
#define DMA_FLAG_FILE_IO (1u << 3) /* which need a descriptor */

typedef struct
{
  guint32 argsz;
  guint32 flags;
  guint64 offset; /* in the descriptor, if one came along */
  guint64 address;
  guint64 size;
} DmaMap;
G_STATIC_ASSERT (sizeof (DmaMap) == 32);

typedef struct
{
  guint32 argsz;
  guint32 flags;
  guint64 address;
  guint64 size;
} DmaUnmap;
G_STATIC_ASSERT (sizeof (DmaUnmap) == 24);

typedef struct
{
  guint64 address;
  guint64 count;
} DmaAccess; /* data follows */
G_STATIC_ASSERT (sizeof (DmaAccess) == sizeof (RegionAccess));
