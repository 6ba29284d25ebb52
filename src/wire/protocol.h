/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The numbers of the vfio-user protocol: commands, flag bits, sizes.  Only wire/ turns them into
 * bytes; the floors above name commands by them.
 */

#ifndef VUC_PROTOCOL_H
#define VUC_PROTOCOL_H

#include <glib.h>

typedef enum
{
  VUC_COMMAND_VERSION = 1,
  VUC_COMMAND_DMA_MAP = 2,
  VUC_COMMAND_DMA_UNMAP = 3,
  VUC_COMMAND_DEVICE_GET_INFO = 4,
  VUC_COMMAND_DEVICE_GET_REGION_INFO = 5,
  VUC_COMMAND_DEVICE_GET_REGION_IO_FDS = 6,
  VUC_COMMAND_DEVICE_GET_IRQ_INFO = 7,
  VUC_COMMAND_DEVICE_SET_IRQS = 8,
  VUC_COMMAND_REGION_READ = 9,
  VUC_COMMAND_REGION_WRITE = 10,
  VUC_COMMAND_DMA_READ = 11,
  VUC_COMMAND_DMA_WRITE = 12,
  VUC_COMMAND_DEVICE_RESET = 13,
  VUC_COMMAND_DIRTY_PAGES = 14,
  VUC_COMMAND_REGION_WRITE_MULTI = 15,
  VUC_COMMAND_DEVICE_FEATURE = 16,
  VUC_COMMAND_MIG_DATA_READ = 17,
  VUC_COMMAND_MIG_DATA_WRITE = 18
} VucCommand;

/* Header: bits of the flags field. */
#define VUC_HEADER_TYPE_MASK    0xfu
#define VUC_HEADER_TYPE_COMMAND 0u
#define VUC_HEADER_TYPE_REPLY   1u
#define VUC_HEADER_NO_REPLY     (1u << 4)
#define VUC_HEADER_ERROR        (1u << 5)

/* Sizes in bytes, of payloads unless said otherwise. */
#define VUC_HEADER_SIZE              16 /* the header itself */
#define VUC_VERSION_FIXED_SIZE       4  /* before the JSON */
#define VUC_DEVICE_INFO_SIZE         16
#define VUC_REGION_INFO_SIZE         32 /* before the capabilities */
#define VUC_REGION_IO_FDS_SIZE       16 /* before the entries */
#define VUC_IRQ_INFO_SIZE            16
#define VUC_IRQ_SET_SIZE             20 /* before the booleans */
#define VUC_REGION_ACCESS_SIZE       16 /* before the data */
#define VUC_REGION_WRITE_MULTI_SIZE  8  /* before the entries */
#define VUC_REGION_WRITE_MULTI_ENTRY 24 /* each of these, its data included */
#define VUC_REGION_WRITE_MULTI_DATA  8  /* bytes of data that one can hold */
#define VUC_DMA_MAP_SIZE             32
#define VUC_DMA_UNMAP_SIZE           24
#define VUC_DMA_ACCESS_SIZE          16 /* before the data */

/* DMA_MAP: bits of the flags field. */
#define VUC_DMA_MAP_READ    (1u << 0)
#define VUC_DMA_MAP_WRITE   (1u << 1)
#define VUC_DMA_MAP_MMAP    (1u << 2) /* the server shall map the descriptor, */
#define VUC_DMA_MAP_FILE_IO (1u << 3) /* or read and write it as a file; without either: map */

/* The major version that we speak, and the highest minor. */
#define VUC_VERSION_MAJOR 0
#define VUC_VERSION_MINOR 2

/* What a capability means when it is absent. */
#define VUC_DEFAULT_MAX_MSG_FDS        1
#define VUC_DEFAULT_MAX_DATA_XFER_SIZE 1048576
#define VUC_DEFAULT_MAX_DMA_MAPS       65535
#define VUC_DEFAULT_PGSIZES            4096

/* "REGION_READ", or "command 77" for what we do not know (then in buffer, of 16 bytes). */
const char *vuc_command_name (guint16 command, char *buffer, gsize size);

/* Whether a reply to this command may carry descriptors. */
gboolean vuc_command_reply_carries_fds (guint16 command);

#endif /* VUC_PROTOCOL_H */
