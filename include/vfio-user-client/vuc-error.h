/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_ERROR_H
#define VUC_ERROR_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/**
 * VUC_ERROR:
 *
 * The domain of every GError that this library sets.  Since 0.1.
 */
#define VUC_ERROR (vuc_error_quark ())

/**
 * VucError:
 *
 * What a caller would treat differently.  The message of each error is one line that names the
 * command or the thing, what came and what was allowed.  Since 0.1.
 *
 * @VUC_ERROR_CONNECT: no connection came about (no socket, no permission, nobody listens…);
 *   vuc_error_get_errno() tells the cause.
 * @VUC_ERROR_PROTOCOL: the server broke the rules of the protocol, or exceeded a limit of the
 *   configuration.  The connection has been shut and every later call returns this same error, until
 *   the device is connected again.  It is likely to be a bug in the server.
 * @VUC_ERROR_REJECTED: what the server said is unusable, so this operation failed; the connection
 *   lives.
 * @VUC_ERROR_REMOTE: the server refused the command; vuc_error_get_errno() tells its errno.
 * @VUC_ERROR_TIMED_OUT: the operation's deadline passed.  The connection lives, and a late reply is
 *   dropped; a message that was cut off in the middle is %VUC_ERROR_PROTOCOL instead.  While
 *   connecting, no device comes about.
 * @VUC_ERROR_CANCELLED: the caller cancelled the operation.
 * @VUC_ERROR_DISCONNECTED: the connection ended: the server closed it, it was lost, or
 *   vuc_device_close() was called.  Every later call returns this same error, until the device is
 *   connected again.
 * @VUC_ERROR_NOT_SUPPORTED: the device, the server or this host cannot do that.
 * @VUC_ERROR_INVALID_ARGUMENT: the caller's data is wrong; nothing was sent.
 * @VUC_ERROR_LIMIT: too many commands are under way, the server takes no more (DMA regions,
 *   descriptors in a message), or this process has no memory or no descriptor to spare.
 */
typedef enum
{
  VUC_ERROR_CONNECT,
  VUC_ERROR_PROTOCOL,
  VUC_ERROR_REJECTED,
  VUC_ERROR_REMOTE,
  VUC_ERROR_TIMED_OUT,
  VUC_ERROR_CANCELLED,
  VUC_ERROR_DISCONNECTED,
  VUC_ERROR_NOT_SUPPORTED,
  VUC_ERROR_INVALID_ARGUMENT,
  VUC_ERROR_LIMIT
} VucError;

/**
 * vuc_error_quark:
 *
 * Returns: the quark of %VUC_ERROR.  Any thread.  Since 0.1.
 */
VUC_API GQuark vuc_error_quark (void);

/**
 * vuc_error_get_errno:
 * @error: an error, of any domain
 *
 * Tells the errno behind an error: the one that the server answered (%VUC_ERROR_REMOTE) or the one
 * of the system call that failed (%VUC_ERROR_CONNECT, %VUC_ERROR_DISCONNECTED and others).  It is
 * read from the end of the message, "… (errno 22)", so it survives g_error_copy() and
 * g_prefix_error().
 *
 * Returns: 1 to 4095, or 0 if there is none.  Any thread.  Since 0.1.
 */
VUC_API int vuc_error_get_errno (const GError *error);

G_END_DECLS

#endif /* VUC_ERROR_H */
