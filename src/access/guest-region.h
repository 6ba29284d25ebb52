/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One region of guest memory: where the device sees it, where it really is, and what may be done
 * with it.  Reference counted: the table of regions has one, and so has every command that is being
 * served from it.  Constant, but for what says so.  Any thread.
 */

#ifndef VUC_GUEST_REGION_H
#define VUC_GUEST_REGION_H

#include <glib.h>
#include <vfio-user-client/vuc-types.h>

#include "access/shared-file.h"

typedef enum
{
  VUC_GUEST_MAPPING,   /* the server was asked to map it, and may use it already */
  VUC_GUEST_MAPPED,    /* it did */
  VUC_GUEST_UNMAPPING, /* it was asked to let go; it may still use it */
  VUC_GUEST_FENCED,    /* it did not say what became of it: not served, but its IOVA is taken */
  VUC_GUEST_GONE       /* not in the table any more */
} VucGuestState;

typedef struct
{
  gint ref_count; /* atomic */
  guint64 iova;
  guint64 size;
  guint32 flags;       /* VucDmaFlags */
  guint8 *vaddr;       /* the caller's memory, or NULL */
  VucSharedFile *file; /* that is shared, or NULL */
  guint64 file_offset;
  VucDmaOps ops; /* both NULL unless it is served by callback */
  gpointer user_data;

  guint8 *mapped; /* atomic: the file, mapped by us when it was needed first; or NULL */

  /* Under the table's lock. */
  VucGuestState state;
  gboolean fenced;     /* it was once: not served any more, for its memory may be gone */
  guint64 link_number; /* the connection whose server has it, or may; 0: none does */

  /* With FENCED: the call of that connection whose reply would tell; an order of 0: none will. */
  guint16 call_id;
  guint64 call_order;
} VucGuestRegion;

/* A region without memory: its maker gives it some before anybody else sees it.  It owns file. */
VucGuestRegion *vuc_guest_region_new (guint64 iova, guint64 size, guint32 flags);

VucGuestRegion *vuc_guest_region_ref (VucGuestRegion *region);
void vuc_guest_region_unref (VucGuestRegion *region);

/* Whether it has no memory, but functions. */
gboolean vuc_guest_region_has_ops (const VucGuestRegion *region);

/* The memory at its beginning; NULL if it cannot be mapped now. */
guint8 *vuc_guest_region_get_memory (VucGuestRegion *region);

#endif /* VUC_GUEST_REGION_H */
