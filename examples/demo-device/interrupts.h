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

/* Raises a vector of MSI-X: its eventfd is signalled, or it stays pending until it is unmasked.
   Returns FALSE if there is no such vector. */
gboolean interrupts_fire_msix (Interrupts *interrupts, guint32 number);

/* How often a vector was masked, or unmasked, by DEVICE_SET_IRQS since the last reset; one that was
   so already counts, too. */
guint32 interrupts_get_n_masked (const Interrupts *interrupts);
guint32 interrupts_get_n_unmasked (const Interrupts *interrupts);

/* Those counters are 0 again; what the client gave and said stays. */
void interrupts_reset (Interrupts *interrupts);

/* Executes DEVICE_SET_IRQS; returns 0 or an errno. Takes the eventfds out of the message. */
int interrupts_set (Interrupts *interrupts, Message *message);
