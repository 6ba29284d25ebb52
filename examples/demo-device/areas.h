/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * BAR2: memory, two areas of which the client may map.
 */

#pragma once

#include "region.h"

#define AREAS_SIZE 0x10000 /* as a rule */

/* SIZE is a power of two, and not smaller than that. */
void areas_init (Region *region, gsize size);
