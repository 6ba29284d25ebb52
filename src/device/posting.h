/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Whether writes to a region are posted.  Any thread.
 */

#ifndef VUC_DEVICE_POSTING_H
#define VUC_DEVICE_POSTING_H

#include "device/device-private.h"

/* The regions are known now, and nobody else knows them yet. */
void vuc_posting_init (VucDevice *device);

/* What it depends on has changed. */
void vuc_posting_update_locked (VucDevice *device, VucRegion *region);

/* Looks at what the last update has found. */
gboolean vuc_posting_is_on (const VucRegion *region);

#endif /* VUC_DEVICE_POSTING_H */
