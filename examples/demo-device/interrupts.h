/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Interrupts: which the device has, and the eventfds that the client wants to be told by.
 */

#pragma once

#include "message.h"

#define MSI_VECTORS  4
#define MSIX_VECTORS 16 /* at most, and as a rule */
#define MAX_VECTORS  MSIX_VECTORS

typedef struct _Interrupts Interrupts;

Interrupts *interrupts_new (guint msix_vectors);
void interrupts_free (Interrupts *interrupts);

/* Forgets all eventfds and masks. */
void interrupts_clear (Interrupts *interrupts);

/* Sets flags and count of the index that INFO names; returns FALSE if there is none such. */
gboolean interrupts_describe (const Interrupts *interrupts, struct vfio_irq_info *info);

/* Executes DEVICE_SET_IRQS; returns 0 or an errno. Takes the eventfds out of the message. */
int interrupts_set (Interrupts *interrupts, Message *message);
