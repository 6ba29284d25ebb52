/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_IRQ_WATCH_H
#define VUC_IRQ_WATCH_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/*
 * Interrupts that come to a function, for callers that have no irqfd.  What is checked, what becomes
 * of them when the device is lost, and the errors: as for the functions of vuc-irq.h.
 */

/**
 * VucIrqFunc:
 * @irq: the interrupt index
 * @sub_index: which interrupt of it
 * @count: how often it was signalled since the last call
 *
 * An interrupt came.  Runs where the callbacks of operations run, and may call anything.  Never on
 * two threads at once for the same interrupt.  Since 0.1.
 */
typedef void (*VucIrqFunc) (VucDevice *device,
                            guint32 irq,
                            guint32 sub_index,
                            guint64 count,
                            gpointer user_data);

/**
 * vuc_device_watch_irq:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @count: how many, at least 1
 * @func: told of each that comes
 * @destroy: (nullable): frees @user_data, once @func will not be called any more
 *
 * For callers that have no irqfd: the library makes the eventfds, arms the interrupts with them as
 * by vuc_device_set_irq_eventfds(), and calls @func from the context that the device is attached
 * to, or from vuc_device_process(); the device may be attached later.  The server shares these
 * eventfds; nothing that it does to them can make the library wait.  One function for each index: a
 * second call replaces the first, and so does any other call that arms interrupts of this index.
 * If it fails @func is not called, @destroy is, and the function that there was stays.
 *
 * Returns: whether they are armed.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_watch_irq (VucDevice *device,
                                       guint32 irq,
                                       guint32 start,
                                       guint32 count,
                                       VucIrqFunc func,
                                       gpointer user_data,
                                       GDestroyNotify destroy,
                                       GError **error);

/**
 * vuc_device_watch_irq_async:
 * @func: told of each interrupt that comes
 * @func_data: handed to @func
 * @func_destroy: (nullable): frees @func_data, once @func will not be called any more
 * @callback: (nullable): told whether they are armed; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_watch_irq(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_watch_irq_async (VucDevice *device,
                                                 guint32 irq,
                                                 guint32 start,
                                                 guint32 count,
                                                 VucIrqFunc func,
                                                 gpointer func_data,
                                                 GDestroyNotify func_destroy,
                                                 VucCallback callback,
                                                 gpointer user_data,
                                                 GDestroyNotify destroy);

/**
 * vuc_device_unwatch_irq:
 * @irq: an interrupt index
 *
 * Undoes vuc_device_watch_irq() and disables the index.
 *
 * Returns: whether the server has disabled it; the function is not called any more in any case, but
 * one that has begun on another thread may still run.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_unwatch_irq (VucDevice *device, guint32 irq, GError **error);

/**
 * vuc_device_unwatch_irq_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_unwatch_irq(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_unwatch_irq_async (VucDevice *device,
                                                   guint32 irq,
                                                   VucCallback callback,
                                                   gpointer user_data,
                                                   GDestroyNotify destroy);

G_END_DECLS

#endif /* VUC_IRQ_WATCH_H */
