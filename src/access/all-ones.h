/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Memory that reads as a device that is gone: all ones.  Costs next to nothing, however large it is.
 * Any thread.
 */

#ifndef VUC_ALL_ONES_H
#define VUC_ALL_ONES_H

#include <glib.h>

/*
 * Puts it where something else is mapped, each piece of it atomically.  memory and size are multiples
 * of the host's page size; protection is that of mmap(2).  What is written to it is private, and goes
 * with it.  Does not wait for anybody, but may take as long as filling 32 MiB does.
 *
 * Returns: FALSE if the kernel cannot map anything any more; what was there may be so still.
 */
gboolean vuc_all_ones_map (gpointer memory, gsize size, int protection);

/* How many kernel mappings so much of it needs. */
guint64 vuc_all_ones_count (guint64 size);

/* Between these two, which can be nested, what it is made of is kept once it was needed. */
void vuc_all_ones_hold (void);
void vuc_all_ones_release (void);

#endif /* VUC_ALL_ONES_H */
