/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * BAR4: the MSI-X table and its pending bits.
 */

#pragma once

#include "region.h"

#define MSIX_TABLE_REGION_SIZE 0x1000
#define MSIX_TABLE_OFFSET      0x000
#define MSIX_PBA_OFFSET        0x800

void msix_table_init (Region *region, guint n_vectors);
