/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_LOOP_H
#define VUC_LOOP_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/*
 * The library has no thread of its own.  A blocking call reads for itself, and for everybody else
 * meanwhile; what comes when nobody calls needs somebody who looks: a GLib main loop, or any other.
 * While blocking calls follow each other the loop is not woken; what comes after the last one is
 * noticed within 10 ms.
 */

/**
 * vuc_device_attach:
 * @context: (nullable): a main context, %NULL for the global default one
 *
 * From now on whoever runs @context reads what the server sends while nobody else does, and calls
 * the callbacks of operations and events.  A device is attached to one context at a time: one that
 * is attached already is detached first.  The device holds a reference to the context, but the
 * context none to the device; what is attached is detached when the device goes.
 * vuc_device_process() may be called as well.
 *
 * Errors: %VUC_ERROR_LIMIT (no descriptor to be had).
 *
 * Returns: whether it is attached.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_attach (VucDevice *device, GMainContext *context, GError **error);

/**
 * vuc_device_detach:
 *
 * Undoes vuc_device_attach(); of a device that is not attached it does nothing.  Operations go on
 * being under way.  Called from the thread that runs the context, no callback comes any more when
 * it has returned; from another, one that has begun may still run.
 *
 * Any thread.  Since 0.1.
 */
VUC_API void vuc_device_detach (VucDevice *device);

/**
 * vuc_device_get_fd:
 *
 * For loops other than GLib's: a descriptor that is readable (POLLIN, EPOLLIN, level triggered)
 * whenever vuc_device_process() has something to do: something came, something can be sent, a
 * deadline has passed, a callback waits to be called.  It is the same one as long as the device
 * lives, whatever happens to the connection, and belongs to the device.
 *
 * Errors: %VUC_ERROR_LIMIT (no descriptor to be had).
 *
 * Returns: the descriptor, or -1 with @error set.  Any thread.  Since 0.1.
 */
VUC_API int vuc_device_get_fd (VucDevice *device, GError **error);

/**
 * vuc_device_process:
 *
 * Does what there is to do, without waiting: receives and sends, ends what is overdue, then calls
 * the callbacks of what is complete.  How much it does at a time is bounded; where more is left
 * the descriptor stays readable.  Two threads may call it at once.  From inside a callback it works
 * as well, but for a #VucMessageFunc, a #VucReopenFunc and a function of #VucDmaOps, where it does
 * nothing.
 *
 * Any thread: the callbacks run on it.  Since 0.1.
 */
VUC_API void vuc_device_process (VucDevice *device);

G_END_DECLS

#endif /* VUC_LOOP_H */
