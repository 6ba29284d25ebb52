/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is known of the interrupts, and the functions that change something about them: each is a
 * request, a cell of the protocol's table.  How that travels, and what is remembered of it, is in
 * irq-set.c.  Any thread.
 */

#include <linux/vfio.h>

#include "device/irq-set.h"

#define NONE    VUC_IRQ_SET_DATA_NONE
#define BOOL    VUC_IRQ_SET_DATA_BOOL
#define EVENTFD VUC_IRQ_SET_DATA_EVENTFD
#define MASK    VUC_IRQ_SET_ACTION_MASK
#define UNMASK  VUC_IRQ_SET_ACTION_UNMASK
#define TRIGGER VUC_IRQ_SET_ACTION_TRIGGER

G_STATIC_ASSERT (NONE == VFIO_IRQ_SET_DATA_NONE);
G_STATIC_ASSERT (BOOL == VFIO_IRQ_SET_DATA_BOOL);
G_STATIC_ASSERT (EVENTFD == VFIO_IRQ_SET_DATA_EVENTFD);
G_STATIC_ASSERT (MASK == VFIO_IRQ_SET_ACTION_MASK);
G_STATIC_ASSERT (UNMASK == VFIO_IRQ_SET_ACTION_UNMASK);
G_STATIC_ASSERT (TRIGGER == VFIO_IRQ_SET_ACTION_TRIGGER);

const VucIrqInfo *
vuc_device_get_irq_info (VucDevice *device, guint32 irq)
{
  g_return_val_if_fail (device != NULL, NULL);

  if (!g_atomic_int_get (&device->is_known) || irq >= device->shape.info.num_irqs)
    return NULL;
  return &device->shape.irqs[irq];
}

/*
 * A cell of the table: its two forms, which take the same parameters and make the same request of
 * them.  parameters: in parentheses; valid: what must hold of them; then the request's members.
 */
#define THESE(...) __VA_ARGS__
#define DEFINE_CELL(name, parameters, valid, ...)                                                  \
  gboolean vuc_device_##name (VucDevice *device, THESE parameters, GError **error)                 \
  {                                                                                                \
    const VucIrqRequest request = { __VA_ARGS__ };                                                 \
                                                                                                   \
    g_return_val_if_fail (device != NULL, FALSE);                                                  \
    g_return_val_if_fail ((valid), FALSE);                                                         \
    g_return_val_if_fail (error == NULL || *error == NULL, FALSE);                                 \
                                                                                                   \
    return vuc_irq_request_run (device, &request, error);                                          \
  }                                                                                                \
                                                                                                   \
  VucOperation vuc_device_##name##_async (VucDevice *device, THESE parameters,                     \
                                          VucCallback callback, gpointer user_data,                \
                                          GDestroyNotify destroy)                                  \
  {                                                                                                \
    const VucIrqRequest request = { __VA_ARGS__ };                                                 \
    const VucReceiver receiver = { callback, user_data, destroy };                                 \
                                                                                                   \
    g_return_val_if_fail (device != NULL, 0);                                                      \
    g_return_val_if_fail ((valid), 0);                                                             \
                                                                                                   \
    return vuc_irq_request_start (device, &request, &receiver);                                    \
  }

/* --- Eventfds --- */

#define DEFINE_EVENTFDS(name, action, valid)                                                       \
  DEFINE_CELL (name, (guint32 irq, guint32 start, const int *fds, guint n_fds), valid,             \
               .irq = irq, .flags = EVENTFD | (action), .start = start, .count = n_fds,            \
               .fds = fds, .n_fds = fds != NULL ? n_fds : 0)

DEFINE_EVENTFDS (set_irq_eventfds, TRIGGER, fds != NULL || n_fds == 0)
DEFINE_EVENTFDS (set_irq_mask_eventfds, MASK, TRUE)
DEFINE_EVENTFDS (set_irq_unmask_eventfds, UNMASK, TRUE)

/* --- Ranges --- */

#define DEFINE_RANGE(name, what)                                                                   \
  DEFINE_CELL (name, (guint32 irq, guint32 start, guint32 count), TRUE, .irq = irq,                \
               .flags = (what), .start = start, .count = count)

DEFINE_RANGE (clear_irq_eventfds, EVENTFD | TRIGGER)
DEFINE_RANGE (mask_irqs, NONE | MASK)
DEFINE_RANGE (unmask_irqs, NONE | UNMASK)
DEFINE_RANGE (trigger_irqs, NONE | TRIGGER)

/* --- Some of a range --- */

#define DEFINE_WHERE(name, action)                                                                 \
  DEFINE_CELL (name, (guint32 irq, guint32 start, const guint8 *where, guint32 count),             \
               where != NULL || count == 0, .irq = irq, .flags = BOOL | (action), .start = start,  \
               .count = count, .where = where)

DEFINE_WHERE (mask_irqs_where, MASK)
DEFINE_WHERE (unmask_irqs_where, UNMASK)
DEFINE_WHERE (trigger_irqs_where, TRIGGER)

/* --- A whole index, and the message as it is --- */

DEFINE_CELL (disable_irq, (guint32 irq), TRUE, .kind = VUC_IRQ_REQUEST_DISABLE, .irq = irq,
             .flags = NONE | TRIGGER)

DEFINE_CELL (set_irqs,
             (guint32 irq, guint32 flags, guint32 start, guint32 count, const guint8 *where,
              const int *fds, guint n_fds),
             fds != NULL || n_fds == 0, .kind = VUC_IRQ_REQUEST_RAW, .irq = irq, .flags = flags,
             .start = start, .count = count, .where = where, .fds = fds, .n_fds = n_fds)
