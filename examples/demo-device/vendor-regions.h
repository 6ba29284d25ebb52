/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The device-specific regions, from index 9 on: read-only, told apart by their TYPE capability.
 */

#pragma once

#include "region.h"

#define VENDOR_REGION_SUBTYPE_ABOUT 1
#define VENDOR_REGION_SUBTYPE_EXTRA 2

void vendor_region_init (Region *region);

/* One of those that --num-extra-regions adds. */
void vendor_extra_region_init (Region *region, guint index);
