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

/* --- Eventfds --- */

gboolean
vuc_device_set_irq_eventfds (VucDevice *device,
                             guint32 irq,
                             guint32 start,
                             const int *fds,
                             guint n_fds,
                             GError **error)
{
  const VucIrqRequest request = { .irq = irq,
                                  .flags = EVENTFD | TRIGGER,
                                  .start = start,
                                  .count = n_fds,
                                  .fds = fds,
                                  .n_fds = n_fds };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (fds != NULL || n_fds == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_set_irq_eventfds_async (VucDevice *device,
                                   guint32 irq,
                                   guint32 start,
                                   const int *fds,
                                   guint n_fds,
                                   VucCallback callback,
                                   gpointer user_data,
                                   GDestroyNotify destroy)
{
  const VucIrqRequest request = { .irq = irq,
                                  .flags = EVENTFD | TRIGGER,
                                  .start = start,
                                  .count = n_fds,
                                  .fds = fds,
                                  .n_fds = n_fds };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (fds != NULL || n_fds == 0, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

gboolean
vuc_device_clear_irq_eventfds (VucDevice *device,
                               guint32 irq,
                               guint32 start,
                               guint32 count,
                               GError **error)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = EVENTFD | TRIGGER, .start = start, .count = count
  };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_clear_irq_eventfds_async (VucDevice *device,
                                     guint32 irq,
                                     guint32 start,
                                     guint32 count,
                                     VucCallback callback,
                                     gpointer user_data,
                                     GDestroyNotify destroy)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = EVENTFD | TRIGGER, .start = start, .count = count
  };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

gboolean
vuc_device_disable_irq (VucDevice *device, guint32 irq, GError **error)
{
  const VucIrqRequest request = { .kind = VUC_IRQ_REQUEST_DISABLE,
                                  .irq = irq,
                                  .flags = NONE | TRIGGER };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_disable_irq_async (VucDevice *device,
                              guint32 irq,
                              VucCallback callback,
                              gpointer user_data,
                              GDestroyNotify destroy)
{
  const VucIrqRequest request = { .kind = VUC_IRQ_REQUEST_DISABLE,
                                  .irq = irq,
                                  .flags = NONE | TRIGGER };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

gboolean
vuc_device_set_irq_mask_eventfds (VucDevice *device,
                                  guint32 irq,
                                  guint32 start,
                                  const int *fds,
                                  guint n_fds,
                                  GError **error)
{
  const VucIrqRequest request = { .irq = irq,
                                  .flags = EVENTFD | MASK,
                                  .start = start,
                                  .count = n_fds,
                                  .fds = fds,
                                  .n_fds = fds != NULL ? n_fds : 0 };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_set_irq_mask_eventfds_async (VucDevice *device,
                                        guint32 irq,
                                        guint32 start,
                                        const int *fds,
                                        guint n_fds,
                                        VucCallback callback,
                                        gpointer user_data,
                                        GDestroyNotify destroy)
{
  const VucIrqRequest request = { .irq = irq,
                                  .flags = EVENTFD | MASK,
                                  .start = start,
                                  .count = n_fds,
                                  .fds = fds,
                                  .n_fds = fds != NULL ? n_fds : 0 };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

gboolean
vuc_device_set_irq_unmask_eventfds (VucDevice *device,
                                    guint32 irq,
                                    guint32 start,
                                    const int *fds,
                                    guint n_fds,
                                    GError **error)
{
  const VucIrqRequest request = { .irq = irq,
                                  .flags = EVENTFD | UNMASK,
                                  .start = start,
                                  .count = n_fds,
                                  .fds = fds,
                                  .n_fds = fds != NULL ? n_fds : 0 };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_set_irq_unmask_eventfds_async (VucDevice *device,
                                          guint32 irq,
                                          guint32 start,
                                          const int *fds,
                                          guint n_fds,
                                          VucCallback callback,
                                          gpointer user_data,
                                          GDestroyNotify destroy)
{
  const VucIrqRequest request = { .irq = irq,
                                  .flags = EVENTFD | UNMASK,
                                  .start = start,
                                  .count = n_fds,
                                  .fds = fds,
                                  .n_fds = fds != NULL ? n_fds : 0 };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

/* --- Masking, unmasking and triggering --- */

gboolean
vuc_device_mask_irqs (VucDevice *device, guint32 irq, guint32 start, guint32 count, GError **error)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = NONE | MASK, .start = start, .count = count
  };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_mask_irqs_async (VucDevice *device,
                            guint32 irq,
                            guint32 start,
                            guint32 count,
                            VucCallback callback,
                            gpointer user_data,
                            GDestroyNotify destroy)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = NONE | MASK, .start = start, .count = count
  };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

gboolean
vuc_device_mask_irqs_where (VucDevice *device,
                            guint32 irq,
                            guint32 start,
                            const guint8 *where,
                            guint32 count,
                            GError **error)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = BOOL | MASK, .start = start, .count = count, .where = where
  };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (where != NULL || count == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_mask_irqs_where_async (VucDevice *device,
                                  guint32 irq,
                                  guint32 start,
                                  const guint8 *where,
                                  guint32 count,
                                  VucCallback callback,
                                  gpointer user_data,
                                  GDestroyNotify destroy)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = BOOL | MASK, .start = start, .count = count, .where = where
  };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (where != NULL || count == 0, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

gboolean
vuc_device_unmask_irqs (VucDevice *device,
                        guint32 irq,
                        guint32 start,
                        guint32 count,
                        GError **error)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = NONE | UNMASK, .start = start, .count = count
  };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_unmask_irqs_async (VucDevice *device,
                              guint32 irq,
                              guint32 start,
                              guint32 count,
                              VucCallback callback,
                              gpointer user_data,
                              GDestroyNotify destroy)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = NONE | UNMASK, .start = start, .count = count
  };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

gboolean
vuc_device_unmask_irqs_where (VucDevice *device,
                              guint32 irq,
                              guint32 start,
                              const guint8 *where,
                              guint32 count,
                              GError **error)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = BOOL | UNMASK, .start = start, .count = count, .where = where
  };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (where != NULL || count == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_unmask_irqs_where_async (VucDevice *device,
                                    guint32 irq,
                                    guint32 start,
                                    const guint8 *where,
                                    guint32 count,
                                    VucCallback callback,
                                    gpointer user_data,
                                    GDestroyNotify destroy)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = BOOL | UNMASK, .start = start, .count = count, .where = where
  };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (where != NULL || count == 0, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

gboolean
vuc_device_trigger_irqs (VucDevice *device,
                         guint32 irq,
                         guint32 start,
                         guint32 count,
                         GError **error)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = NONE | TRIGGER, .start = start, .count = count
  };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_trigger_irqs_async (VucDevice *device,
                               guint32 irq,
                               guint32 start,
                               guint32 count,
                               VucCallback callback,
                               gpointer user_data,
                               GDestroyNotify destroy)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = NONE | TRIGGER, .start = start, .count = count
  };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

gboolean
vuc_device_trigger_irqs_where (VucDevice *device,
                               guint32 irq,
                               guint32 start,
                               const guint8 *where,
                               guint32 count,
                               GError **error)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = BOOL | TRIGGER, .start = start, .count = count, .where = where
  };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (where != NULL || count == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_trigger_irqs_where_async (VucDevice *device,
                                     guint32 irq,
                                     guint32 start,
                                     const guint8 *where,
                                     guint32 count,
                                     VucCallback callback,
                                     gpointer user_data,
                                     GDestroyNotify destroy)
{
  const VucIrqRequest request = {
    .irq = irq, .flags = BOOL | TRIGGER, .start = start, .count = count, .where = where
  };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (where != NULL || count == 0, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}

/* --- As it is --- */

gboolean
vuc_device_set_irqs (VucDevice *device,
                     guint32 irq,
                     guint32 flags,
                     guint32 start,
                     guint32 count,
                     const guint8 *where,
                     const int *fds,
                     guint n_fds,
                     GError **error)
{
  const VucIrqRequest request = { .kind = VUC_IRQ_REQUEST_RAW,
                                  .irq = irq,
                                  .flags = flags,
                                  .start = start,
                                  .count = count,
                                  .where = where,
                                  .fds = fds,
                                  .n_fds = n_fds };

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (fds != NULL || n_fds == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return vuc_irq_request_run (device, &request, error);
}

VucOperation
vuc_device_set_irqs_async (VucDevice *device,
                           guint32 irq,
                           guint32 flags,
                           guint32 start,
                           guint32 count,
                           const guint8 *where,
                           const int *fds,
                           guint n_fds,
                           VucCallback callback,
                           gpointer user_data,
                           GDestroyNotify destroy)
{
  const VucIrqRequest request = { .kind = VUC_IRQ_REQUEST_RAW,
                                  .irq = irq,
                                  .flags = flags,
                                  .start = start,
                                  .count = count,
                                  .where = where,
                                  .fds = fds,
                                  .n_fds = n_fds };
  const VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (fds != NULL || n_fds == 0, 0);

  return vuc_irq_request_start (device, &request, &receiver);
}
