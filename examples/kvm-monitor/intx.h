/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * INTx: the device's pin, and the machine's line that it is connected to.
 */

#ifndef INTX_H
#define INTX_H

#include "device.h"

typedef struct _Intx Intx;

/* Without USE_IRQFD, or where the kernel refuses it, interrupts pass through the main loop. */
Intx *intx_new (Vm *vm, Device *device, gboolean use_irqfd, GError **error);
void intx_free (Intx *intx);

/* Any thread: */

/* Whether the guest may hear it; what comes while it may not, comes afterwards. */
void intx_connect (Intx *intx, gboolean connect);
/* Have the server signal it, or not.  Waits for the server. */
void intx_arm (Intx *intx);
void intx_disarm (Intx *intx);
/* The guest accesses the device: it is being looked after. */
void intx_device_accessed (Intx *intx);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Intx, intx_free)

#endif /* INTX_H */
