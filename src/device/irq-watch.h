/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Interrupts that come to a function of the caller's.
 */

#ifndef VUC_DEVICE_IRQ_WATCH_H
#define VUC_DEVICE_IRQ_WATCH_H

#include "device/irq-state.h"

/* The function is not called any more, unless it is running.  No lock may be held. */
void vuc_irq_watch_stop (VucIrqWatch *watch);

#endif /* VUC_DEVICE_IRQ_WATCH_H */
