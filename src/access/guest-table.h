/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The guest memory that a device may reach: regions in the order of their IOVAs, none overlapping
 * another.  Any thread; the table has a lock of its own, a leaf.
 */

#ifndef VUC_GUEST_TABLE_H
#define VUC_GUEST_TABLE_H

#include "access/guest-region.h"

typedef struct _VucGuestTable VucGuestTable;

VucGuestTable *vuc_guest_table_new (void);
void vuc_guest_table_free (VucGuestTable *table);

guint vuc_guest_table_get_count (VucGuestTable *table);

/* The file of a region that shares the same one already, or a new one (as vuc_shared_file_new()). */
VucSharedFile *vuc_guest_table_share_file (VucGuestTable *table,
                                           int fd,
                                           gboolean writable,
                                           gboolean unsafe,
                                           GError **error);

/* Enters a region, which is MAPPING then; FALSE with an error if it overlaps another one, or if
 * there are max already. */
gboolean vuc_guest_table_add (VucGuestTable *table,
                              VucGuestRegion *region,
                              guint max,
                              GError **error);

VucGuestState vuc_guest_table_get_state (VucGuestTable *table, VucGuestRegion *region);

/* The server of that connection has mapped it.  FALSE if a new connection was told of what is MAPPED
 * since: it knows nothing of this one. */
gboolean vuc_guest_table_confirm (VucGuestTable *table, VucGuestRegion *region, guint64 link_number);

/* It is FENCED.  call_order, with call_id: whose reply would tell what became of it; or 0. */
void vuc_guest_table_fence (VucGuestTable *table,
                            VucGuestRegion *region,
                            guint64 link_number,
                            guint16 call_id,
                            guint64 call_order);

/* It is not being unmapped after all. */
void vuc_guest_table_keep (VucGuestTable *table, VucGuestRegion *region);

/* Takes it out; it is found no more. */
void vuc_guest_table_remove (VucGuestTable *table, VucGuestRegion *region);

/* The region that is exactly this, with a reference; it is UNMAPPING from now on.  NULL with an
 * error if there is none, or if it is being mapped, unmapped or restored. */
VucGuestRegion *vuc_guest_table_begin_unmap (VucGuestTable *table,
                                             guint64 iova,
                                             guint64 size,
                                             GError **error);

/* The same for all that can be, the last first; elements own their references.  error: why one of
 * the others cannot be. */
GPtrArray *vuc_guest_table_begin_unmap_all (VucGuestTable *table, GError **error);

/* The same for a region that was mapped, but is not to stay.  FALSE if it is not MAPPED, or is being
 * restored. */
gboolean vuc_guest_table_begin_roll_back (VucGuestTable *table, VucGuestRegion *region);

/* Those that a new connection has to be told of: what is MAPPED; what is FENCED is forgotten.  Until
 * the end nothing can be unmapped. */
GPtrArray *vuc_guest_table_begin_restore (VucGuestTable *table, guint64 link_number);
void vuc_guest_table_end_restore (VucGuestTable *table);

/* What is FENCED, while there is a call whose reply tells what became of it. */
typedef struct
{
  VucGuestRegion *region; /* no reference: only to be handed back */
  guint64 iova;
  guint64 link_number;
  guint16 call_id;
  guint64 call_order;
} VucGuestFence;

/* Of VucGuestFence; NULL if there is none. */
GArray *vuc_guest_table_get_fences (VucGuestTable *table);

/* The server has let go of it: removes it, unless something else has become of it meanwhile. */
void vuc_guest_table_lift (VucGuestTable *table, const VucGuestFence *fence);

/*
 * The regions that count bytes at address lie in, in order and without a gap, each of which allows
 * right (a VucDmaFlags).  count is not 0, and the range does not wrap.  At most max of them go to
 * regions, with a reference each.
 *
 * Returns: 0, or EFAULT (not mapped), EACCES (the right), E2BIG (more regions than max); *n_regions
 * is set with 0 only, and then references are held.
 */
int vuc_guest_table_find (VucGuestTable *table,
                          guint64 address,
                          guint64 count,
                          guint32 right,
                          VucGuestRegion **regions,
                          guint max,
                          guint *n_regions);

#endif /* VUC_GUEST_TABLE_H */
