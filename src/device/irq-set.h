/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_SET_IRQS as an operation, for the functions of vuc-irq.h.
 */

#ifndef VUC_IRQ_SET_OPERATION_H
#define VUC_IRQ_SET_OPERATION_H

#include "device/irq-state.h"
#include "device/operation.h"

typedef enum
{
  VUC_IRQ_REQUEST_RANGE,   /* some interrupts of an index */
  VUC_IRQ_REQUEST_DISABLE, /* the whole of it */
  VUC_IRQ_REQUEST_RAW      /* as it is: neither checked nor remembered */
} VucIrqRequestKind;

typedef struct
{
  VucIrqRequestKind kind;
  guint32 irq;
  guint32 flags; /* VucIrqSetFlags */
  guint32 start;
  guint32 count;
  const guint8 *where; /* count booleans, or NULL */
  const int *fds;      /* n_fds of them; only looked at when it begins */
  guint n_fds;
  VucIrqWatch *watch; /* of who asks; taken; or NULL */
} VucIrqRequest;

/* Whether it could be sent.  Does not look at its eventfds and booleans. */
gboolean vuc_irq_request_check (VucDevice *device, const VucIrqRequest *request, GError **error);

gboolean vuc_irq_request_run (VucDevice *device, const VucIrqRequest *request, GError **error);
VucOperation vuc_irq_request_start (VucDevice *device,
                                    const VucIrqRequest *request,
                                    const VucReceiver *receiver);

/* One message.  where and fds are sent from where they are. */
void vuc_irq_call_init (VucCall *call,
                        guint32 irq,
                        guint32 flags,
                        guint32 start,
                        guint32 count,
                        const guint8 *where,
                        const int *fds,
                        guint n_fds);

/* What a kind of eventfd is called on the wire. */
guint32 vuc_irq_kind_get_flags (VucIrqKind kind);

/* --- irq-restore.c: a part of connecting --- */

typedef struct
{
  gboolean asked;
  GArray *runs;        /* of VucIrqRun */
  GPtrArray *eventfds; /* of VucIrqFd */
  int *fds;            /* theirs */
  VucCall *calls;      /* one for each run */
} VucIrqRestore;

/* A step of the task that connects: arms again what was armed. */
VucTaskStatus vuc_irq_restore_step (VucIrqRestore *restore,
                                    VucDevice *device,
                                    VucTask *task,
                                    GError **error);
void vuc_irq_restore_clear (VucIrqRestore *restore);

#endif /* VUC_IRQ_SET_OPERATION_H */
