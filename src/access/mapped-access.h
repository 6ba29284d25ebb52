/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Loads and stores in memory that the server shares.  Any thread.
 */

#ifndef VUC_MAPPED_ACCESS_H
#define VUC_MAPPED_ACCESS_H

#include <glib.h>

/*
 * Of 1, 2, 4 or 8 bytes (on hosts of 64 bits) at an address that is a multiple of that: one load or
 * store of exactly that width, which cannot tear.  Anything else goes in such steps, as few as there
 * can be.  All of them happen in the order in which a thread does them.
 */
void vuc_mapped_load (const guint8 *memory, gpointer data, gsize count);
void vuc_mapped_store (guint8 *memory, gconstpointer data, gsize count);

#endif /* VUC_MAPPED_ACCESS_H */
