/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reading all information about a device, its regions and its interrupts, while connecting.
 */

#ifndef VUC_QUERY_H
#define VUC_QUERY_H

#include "device/device-private.h"

/* Fills the device's info, regions and irqs.  What was filled when it fails is freed with the
 * device. */
gboolean vuc_query_all (VucDevice *device, gint64 deadline, GError **error);

#endif /* VUC_QUERY_H */
