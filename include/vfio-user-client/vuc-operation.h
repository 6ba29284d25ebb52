/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_OPERATION_H
#define VUC_OPERATION_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/*
 * Every call that asks the server something has two forms.  The blocking one returns when the
 * answer is in; it may be called from any thread, the one that runs the main loop included.  The
 * asynchronous one, vuc_…_async(), returns at once, a #VucOperation; what becomes of it is said
 * exactly once: to its callback, or to vuc_device_wait().
 *
 * Callbacks run in the context that the device is attached to (vuc_device_attach()), or inside
 * vuc_device_process(); never inside the call that started the operation.  No lock is held: a
 * callback may call anything, blocking calls too, and may give back the last reference.  After
 * vuc_device_close() of a device that is not attached they run inside that call; and when the
 * callers' last reference goes, the callbacks of all that is still under way run inside
 * vuc_device_unref().  After the callback, or instead of it where somebody waits, the operation's
 * destroy function is called, on the same thread; it may call anything, too.
 *
 * The memory that an operation reads from or writes to belongs to the operation until it is
 * complete, and is not touched any more afterwards.
 */

/**
 * vuc_device_wait:
 * @operation: an operation of @device
 *
 * Waits for an operation, at most until its deadline, and returns what became of it; its callback,
 * if it has one, is not called.  So a blocking call that another thread can cancel is an
 * asynchronous one and this.
 *
 * Errors: those of the operation; %VUC_ERROR_INVALID_ARGUMENT: there is no such operation (it may
 * have told its callback already), somebody waits for it already, or this is the inside of a
 * #VucMessageFunc, a #VucReopenFunc or a function of #VucDmaOps.
 *
 * Returns: whether the operation succeeded.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_wait (VucDevice *device, VucOperation operation, GError **error);

/**
 * vuc_device_cancel:
 * @operation: an operation of @device
 *
 * Completes an operation with %VUC_ERROR_CANCELLED, unless it is complete already.  Its memory is
 * not touched any more when this returns.  The server is not told, as the protocol has no message
 * for that: it may execute the command all the same, and its late reply is dropped.
 *
 * Returns: whether the operation was under way, and now is not.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_cancel (VucDevice *device, VucOperation operation);

/**
 * VucLoad:
 * @operations: asynchronous operations whose outcome nobody was told yet
 * @max_operations: vuc_config_set_max_operations()
 * @queued_bytes: bytes of commands that the server has not read yet, in bytes
 * @max_queued_bytes: vuc_config_set_max_queued_bytes()
 *
 * How much is under way.  At one of its limits an asynchronous operation completes with
 * %VUC_ERROR_LIMIT, and a blocking call waits, to its deadline, until there is room.  More members
 * may be added at the end.  Since 0.1.
 */
typedef struct
{
  guint operations;
  guint max_operations;
  gsize queued_bytes;
  gsize max_queued_bytes;
} VucLoad;

/**
 * vuc_device_get_load:
 * @load: (out caller-allocated): what is under way now
 *
 * Any thread.  Since 0.1.
 */
VUC_API void vuc_device_get_load (VucDevice *device, VucLoad *load);

G_END_DECLS

#endif /* VUC_OPERATION_H */
