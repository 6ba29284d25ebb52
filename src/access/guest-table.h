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

/* It is MAPPED, or FENCED. */
void vuc_guest_table_set_state (VucGuestTable *table, VucGuestRegion *region, VucGuestState state);

/* Takes it out; it is found no more. */
void vuc_guest_table_remove (VucGuestTable *table, VucGuestRegion *region);

/* The region that is exactly this, with a reference; it is UNMAPPING from now on.  NULL with an
 * error if there is none, or if it is being mapped, unmapped or restored. */
VucGuestRegion *vuc_guest_table_begin_unmap (VucGuestTable *table,
                                             guint64 iova,
                                             guint64 size,
                                             GError **error);

/* The same for all that can be; elements own their references. */
GPtrArray *vuc_guest_table_begin_unmap_all (VucGuestTable *table);

/* Those that a new connection has to be told of: what is MAPPED; what is FENCED is forgotten.  Until
 * the end nothing can be unmapped. */
GPtrArray *vuc_guest_table_begin_restore (VucGuestTable *table);
void vuc_guest_table_end_restore (VucGuestTable *table);

/* What is FENCED; NULL if nothing is.  Elements own their references. */
GPtrArray *vuc_guest_table_get_fenced (VucGuestTable *table);

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
