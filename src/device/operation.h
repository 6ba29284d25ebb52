/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the asynchronous forms have in common: memory that begins with a task and keeps its device.
 */

#ifndef VUC_DEVICE_OPERATION_H
#define VUC_DEVICE_OPERATION_H

#include "device/device-private.h"

/* Where an operation's outcome goes. */
typedef struct
{
  VucCallback callback;
  gpointer user_data;
  GDestroyNotify destroy;
} VucReceiver;

/*
 * Starts a task that keeps the device in memory until its outcome was delivered; clear is called
 * with the task then, before g_free(); it may be NULL.
 */
VucOperation vuc_device_start (VucDevice *device,
                               VucTask *task,
                               GDestroyNotify clear,
                               const VucReceiver *receiver);

/* An operation that fails, with an error that is taken. */
VucOperation vuc_device_start_failed (VucDevice *device,
                                      GError *error,
                                      const VucReceiver *receiver);

/* connect.c: connects, or connects again.  by_caller: it was not closed for good then. */
gboolean vuc_device_connect_now (VucDevice *device, GError **error);
VucOperation vuc_device_connect_later (VucDevice *device,
                                       gboolean by_caller,
                                       const VucReceiver *receiver);

#endif /* VUC_DEVICE_OPERATION_H */
