/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A region of plain bytes, of which only some bits can be written: what configuration space, the
 * MSI-X table and read-only regions have in common.
 */

#pragma once

#include "region.h"

typedef struct _MaskedMemory MaskedMemory;

/* Makes REGION one of SIZE bytes, all zero and read-only so far. It owns the returned memory. */
MaskedMemory *masked_memory_init (Region *region, gsize size);

/* Gives the little-endian field of WIDTH bytes (at most 4) its value after a reset and the bits
   that the client can write. */
void masked_memory_define (MaskedMemory *memory,
                           gsize offset,
                           gsize width,
                           guint32 value,
                           guint32 writable_bits);
