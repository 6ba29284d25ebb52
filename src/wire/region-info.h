/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_INFO with its chain of capabilities.  Pure; any thread.
 */

#ifndef VUC_REGION_INFO_H
#define VUC_REGION_INFO_H

#include <glib.h>

#include "wire/protocol.h"

/* A mappable part of a region, inside it, not empty. */
typedef struct
{
  guint64 offset;    /* within the region, in bytes */
  guint64 size;      /* bytes */
  guint64 fd_offset; /* where in the file, in bytes; fd_offset + size does not overflow */
  guint fd_index;    /* below the number of descriptors that came */
} VucRegionInfoArea;

typedef struct
{
  guint32 argsz;     /* what a full reply needs, in bytes */
  gboolean complete; /* FALSE: argsz is more than was asked for; nothing else is known, ask again */
  guint32 flags;     /* VucRegionFlags, known bits only; MMAP as the server set it */
  guint32 caps;      /* VucRegionCaps */
  guint64 size;      /* bytes */
  guint32 type;      /* with VUC_REGION_CAP_TYPE */
  guint32 subtype;
  guint n_areas;            /* 0 if nothing can be mapped */
  VucRegionInfoArea *areas; /* ascending, not overlapping; freed by _clear */
  const char *unmappable;   /* static text: why nothing can be mapped although MMAP is set (or a
                             descriptor came without it); else NULL */
} VucRegionInfoReply;

/* argsz: the largest reply payload that is taken, VUC_REGION_INFO_SIZE to VUC_LIMIT_ARGSZ. */
void vuc_region_info_encode (guint32 index, guint32 argsz, guint8 payload[VUC_REGION_INFO_SIZE]);

/*
 * index, argsz: what was asked for; sparse_mmap_fds: whether that was agreed on; n_fds: how many
 * descriptors came.  Fills *reply, to be given back to vuc_region_info_reply_clear().  On FALSE
 * *reply is untouched; every error is fatal, but for lack of memory (VUC_ERROR_LIMIT).
 */
gboolean vuc_region_info_decode (const guint8 *payload,
                                 gsize size,
                                 guint32 index,
                                 guint32 argsz,
                                 gboolean sparse_mmap_fds,
                                 guint n_fds,
                                 VucRegionInfoReply *reply,
                                 GError **error);

void vuc_region_info_reply_clear (VucRegionInfoReply *reply);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VucRegionInfoReply, vuc_region_info_reply_clear)

#endif /* VUC_REGION_INFO_H */
