/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The four questions about the device. Each takes the request's payload (of the right size), puts
 * the answer into the reply, and returns 0 or an errno.
 */

#pragma once

#include "device.h"

int query_device_info (const Device *device, const guint8 *payload, Reply *reply);
int query_region_info (const Device *device, const guint8 *payload, Reply *reply);
int query_region_io_fds (const Device *device, const guint8 *payload, Reply *reply);
int query_irq_info (const Device *device, const guint8 *payload, Reply *reply);
