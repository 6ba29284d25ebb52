/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * BAR2: 64 KiB of memory, two areas of which the client may map.
 */

#pragma once

#include "region.h"

#define AREAS_SIZE 0x10000

void areas_init (Region *region);
