/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The PCI configuration space, and with it the device's identity.
 */

#pragma once

#include "region.h"

/* 0x1234 is not a vendor's own: it is what emulated devices that exist for teaching and testing use
   by convention. The device id spells "vu". */
#define DEMO_VENDOR_ID    0x1234
#define DEMO_DEVICE_ID    0x7675
#define DEMO_SUBSYSTEM_ID 0x0001

/* Most of it is fixed; not so how large BAR2 is, and how many MSI-X vectors there are. */
void config_space_init (Region *region, gsize bar2_size, guint msix_vectors);
