/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The commands that access regions. All return 0, with the reply's payload filled in, or an errno;
 * the fixed part of the payload is there.
 */

#pragma once

#include "device.h"

int region_read (Device *device, const Message *message, Reply *reply);
int region_write (Device *device, const Message *message, Reply *reply);

/* Executes as many as can be, in order, and says how many that were. */
int region_write_multi (Device *device, const Message *message, Reply *reply);
