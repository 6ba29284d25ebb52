/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_CONFIG_H
#define VUC_CONFIG_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/*
 * A configuration is filled before it is used: the setters are not thread safe.  Connecting reads
 * it once; what is changed afterwards does not reach the device.  A value outside the range that a
 * setter names is a programming error and leaves the setting as it was.  Each setter's comment is
 * its getter's too.
 */

/**
 * vuc_config_new:
 *
 * Returns: (transfer full): a configuration with every setting at its default.  Since 0.1.
 */
VUC_API VucConfig *vuc_config_new (void);

/**
 * vuc_config_ref:
 *
 * Returns: @config, with one more reference.  Any thread.  Since 0.1.
 */
VUC_API VucConfig *vuc_config_ref (VucConfig *config);

/**
 * vuc_config_unref:
 *
 * Gives a reference back; the last one frees @config.  Any thread.  Since 0.1.
 */
VUC_API void vuc_config_unref (VucConfig *config);

/**
 * VUC_TIMEOUT_MAX_MS:
 *
 * The longest deadline that can be set: one day.  Since 0.1.
 */
#define VUC_TIMEOUT_MAX_MS 86400000u

/**
 * vuc_config_set_timeout_ms:
 * @timeout_ms: 1 to %VUC_TIMEOUT_MAX_MS milliseconds; the default is 5000
 *
 * The deadline of every call that asks the server something, but for those of
 * vuc_config_set_long_timeout_ms().  Connecting, with negotiation and the reading of all
 * information, has this one deadline too; and a message that has begun must be complete within it.
 * Since 0.1.
 */
VUC_API void vuc_config_set_timeout_ms (VucConfig *config, guint timeout_ms);
VUC_API guint vuc_config_get_timeout_ms (const VucConfig *config);

/**
 * vuc_config_set_long_timeout_ms:
 * @long_timeout_ms: 1 to %VUC_TIMEOUT_MAX_MS milliseconds, or 0 for no deadline, the default
 *
 * The deadline of what may legally take long, as the server may have to wait for others: a reset,
 * and vuc_device_dma_unmap().  Since 0.1.
 */
VUC_API void vuc_config_set_long_timeout_ms (VucConfig *config, guint long_timeout_ms);
VUC_API guint vuc_config_get_long_timeout_ms (const VucConfig *config);

/**
 * vuc_config_set_max_msg_fds:
 * @max_msg_fds: 1 to 253 (what the kernel can pass at once); the default is 253
 *
 * The most descriptors that the server may send in one message (negotiation, max_msg_fds).
 * Since 0.1.
 */
VUC_API void vuc_config_set_max_msg_fds (VucConfig *config, guint max_msg_fds);
VUC_API guint vuc_config_get_max_msg_fds (const VucConfig *config);

/**
 * vuc_config_set_max_write_size:
 * @max_write_size: 8 to 1048576 bytes; the default is 32768
 *
 * The most data that one REGION_WRITE message carries; longer writes are split.  The default is
 * below what the server says that it takes, because servers receive a command's body with a single
 * receive call, and a message of more than about 36 KiB can reach that call in pieces.  Raise it
 * only for a server that is known to read on.  Since 0.1.
 */
VUC_API void vuc_config_set_max_write_size (VucConfig *config, guint max_write_size);
VUC_API guint vuc_config_get_max_write_size (const VucConfig *config);

/**
 * vuc_config_set_max_operations:
 * @max_operations: 1 to 4096; the default is 4096
 *
 * The most asynchronous operations of a device at a time; see #VucLoad.  Since 0.1.
 */
VUC_API void vuc_config_set_max_operations (VucConfig *config, guint max_operations);
VUC_API guint vuc_config_get_max_operations (const VucConfig *config);

/**
 * vuc_config_set_max_queued_bytes:
 * @max_queued_bytes: 4096 to 1073741824 bytes; the default is 16777216
 *
 * The most bytes of commands that wait until the server reads; see #VucLoad.  One command more
 * is always taken while nothing is queued.  Since 0.1.
 */
VUC_API void vuc_config_set_max_queued_bytes (VucConfig *config, guint max_queued_bytes);
VUC_API guint vuc_config_get_max_queued_bytes (const VucConfig *config);

/**
 * vuc_config_set_max_regions:
 * @max_regions: 1 to 65536; the default is 256
 *
 * Connecting to a device that says it has more regions fails with
 * %VUC_ERROR_PROTOCOL.  Since 0.1.
 */
VUC_API void vuc_config_set_max_regions (VucConfig *config, guint max_regions);
VUC_API guint vuc_config_get_max_regions (const VucConfig *config);

/**
 * vuc_config_set_max_irqs:
 * @max_irqs: 1 to 65536; the default is 64
 *
 * Connecting to a device that says it has more interrupt indexes fails with
 * %VUC_ERROR_PROTOCOL.  Since 0.1.
 */
VUC_API void vuc_config_set_max_irqs (VucConfig *config, guint max_irqs);
VUC_API guint vuc_config_get_max_irqs (const VucConfig *config);

/**
 * vuc_config_set_max_irq_count:
 * @max_irq_count: 1 to 1048576; the default is 2048 (the most vectors that MSI-X can have)
 *
 * Connecting to a device that says an interrupt index has more interrupts fails with
 * %VUC_ERROR_PROTOCOL.  Since 0.1.
 */
VUC_API void vuc_config_set_max_irq_count (VucConfig *config, guint max_irq_count);
VUC_API guint vuc_config_get_max_irq_count (const VucConfig *config);

/**
 * vuc_config_set_allow_unsealed_files:
 * @allow: whether to map files that the server can shrink; the default is %FALSE
 *
 * Touching a mapped page that its file no longer has raises SIGBUS.  So by default only files that
 * are sealed against shrinking, or that can be sealed now, are mapped.  Allow others only for a
 * server that is trusted not to shrink them.  Since 0.1.
 */
VUC_API void vuc_config_set_allow_unsealed_files (VucConfig *config, gboolean allow);
VUC_API gboolean vuc_config_get_allow_unsealed_files (const VucConfig *config);

/**
 * vuc_config_set_twin_socket:
 * @twin_socket: whether to offer the server a socket of its own for its commands; the default is
 *   %TRUE
 *
 * With a twin socket server and client need not take turns.  Servers that do not know it ignore the
 * offer.  Since 0.1.
 */
VUC_API void vuc_config_set_twin_socket (VucConfig *config, gboolean twin_socket);
VUC_API gboolean vuc_config_get_twin_socket (const VucConfig *config);

/**
 * vuc_config_set_pipeline_dma:
 * @pipeline: whether several commands may be under way while the device has DMA regions and there is
 *   no twin socket; the default is %FALSE
 *
 * Servers without a twin socket take the message that follows their own DMA_READ or DMA_WRITE for the
 * answer to it, and lose the connection if it is a command.  So as long as any region is mapped one
 * command is under way at a time, whatever thread it comes from.  Allow more only for a server that is
 * known to sort messages out.  Since 0.1.
 */
VUC_API void vuc_config_set_pipeline_dma (VucConfig *config, gboolean pipeline);
VUC_API gboolean vuc_config_get_pipeline_dma (const VucConfig *config);

/**
 * vuc_config_set_access_flags:
 * @flags: #VucAccessFlags: ways that no access to the device may take; the default is
 *   %VUC_ACCESS_ANY
 *
 * Since 0.1.
 */
VUC_API void vuc_config_set_access_flags (VucConfig *config, VucAccessFlags flags);
VUC_API VucAccessFlags vuc_config_get_access_flags (const VucConfig *config);

/**
 * vuc_config_set_posted_writes:
 * @posted_writes: whether writes to regions are posted where that is safe; the default is %FALSE
 *
 * A posted write of up to 8 bytes is sent, and not waited for: it costs a third.  Its errors cannot
 * be seen.  vuc_device_flush() waits until the device has executed them; any blocking access by
 * message that follows proves the same.  While the socket is busy, and somebody attends to the
 * device (vuc-loop.h), they are queued, and go many at a time if the server understands
 * REGION_WRITE_MULTI.  What cannot be queued waits for its reply like any other write.
 *
 * Never posted are writes to the configuration space and to port IO
 * (vuc_device_set_region_port_io()); those to regions whose areas or IO descriptors were handed out,
 * unless vuc_device_set_region_posting() insists; and any while the device has DMA regions and there
 * is no twin socket, see vuc_config_set_pipeline_dma().  Since 0.1.
 */
VUC_API void vuc_config_set_posted_writes (VucConfig *config, gboolean posted_writes);
VUC_API gboolean vuc_config_get_posted_writes (const VucConfig *config);

/**
 * vuc_config_set_poll_us:
 * @poll_us: 0 to 1000 microseconds; the default is 0
 *
 * How long a thread that waits for a reply polls the socket before it sleeps, at the most.  It
 * adapts itself: where polling does not pay it is done for a shorter time, or not at all.  A server
 * that polls, too, answers several times as fast then, for the price of the processor's time.  It is
 * never done by a thread that may run on one processor only.  Since 0.1.
 */
VUC_API void vuc_config_set_poll_us (VucConfig *config, guint poll_us);
VUC_API guint vuc_config_get_poll_us (const VucConfig *config);

/**
 * vuc_config_set_auto_reconnect:
 * @auto_reconnect: whether a lost device is connected again by itself; the default is %FALSE
 *
 * Done by whoever runs the context that the device is attached to, or calls vuc_device_process():
 * as by vuc_device_reconnect(), after vuc_config_set_reconnect_min_ms() at first, then again and
 * again, each time after twice as long as before, up to vuc_config_set_reconnect_max_ms().  It ends
 * when the device is connected, is closed, or has another shape (%VUC_EVENT_GIVEN_UP).  A device
 * that was never connected is not connected by itself.  Since 0.1.
 */
VUC_API void vuc_config_set_auto_reconnect (VucConfig *config, gboolean auto_reconnect);
VUC_API gboolean vuc_config_get_auto_reconnect (const VucConfig *config);

/**
 * vuc_config_set_reconnect_min_ms:
 * @reconnect_min_ms: 1 to %VUC_TIMEOUT_MAX_MS milliseconds; the default is 100
 *
 * How long after the loss the first attempt to reconnect is made.  Since 0.1.
 */
VUC_API void vuc_config_set_reconnect_min_ms (VucConfig *config, guint reconnect_min_ms);
VUC_API guint vuc_config_get_reconnect_min_ms (const VucConfig *config);

/**
 * vuc_config_set_reconnect_max_ms:
 * @reconnect_max_ms: 1 to %VUC_TIMEOUT_MAX_MS milliseconds; the default is 10000
 *
 * The longest pause between two attempts to reconnect; one below the minimum counts as the minimum.
 * Since 0.1.
 */
VUC_API void vuc_config_set_reconnect_max_ms (VucConfig *config, guint reconnect_max_ms);
VUC_API guint vuc_config_get_reconnect_max_ms (const VucConfig *config);

/**
 * vuc_config_set_reset_on_reconnect:
 * @reset: whether a device that can be reset is reset when it was connected again, before anything
 *   else is asked of it; the default is %FALSE
 *
 * A server keeps the device's state over a lost connection, and the specification wants a reset
 * then.  Its deadline is that of a reset, not of connecting.  Since 0.1.
 */
VUC_API void vuc_config_set_reset_on_reconnect (VucConfig *config, gboolean reset);
VUC_API gboolean vuc_config_get_reset_on_reconnect (const VucConfig *config);

/**
 * VucReopenFunc:
 *
 * Supplies the next connected UNIX stream socket to a device that was made from a descriptor.  It
 * is called on the thread that runs this step of reconnecting (the one that asks for it, or the one
 * that runs the loop), with no lock held, and should not wait.  What asks the server something
 * fails inside it with %VUC_ERROR_INVALID_ARGUMENT, in both forms.
 *
 * Returns: (transfer full): the socket, or -1 with @error set.  Since 0.1.
 */
typedef int (*VucReopenFunc) (gpointer user_data, GError **error);

/**
 * vuc_config_set_reopen_func:
 * @func: (nullable): the function, or %NULL for none
 * @user_data: handed to @func
 * @destroy: (nullable): frees @user_data, once neither the configuration nor a device needs it
 *
 * Since 0.1.
 */
VUC_API void vuc_config_set_reopen_func (VucConfig *config,
                                         VucReopenFunc func,
                                         gpointer user_data,
                                         GDestroyNotify destroy);

/**
 * VucEvent:
 * @VUC_EVENT_LOST: the connection has ended, and why: once for each time that the device was
 *   connected, vuc_device_close() and the end of the last reference included
 * @VUC_EVENT_RECONNECTED: the device is connected again, by itself or by hand
 * @VUC_EVENT_GIVEN_UP: it is not reconnected by itself any more, and why
 *
 * What happens to a device by itself.  More events may be added.  Since 0.1.
 */
typedef enum
{
  VUC_EVENT_LOST,
  VUC_EVENT_RECONNECTED,
  VUC_EVENT_GIVEN_UP
} VucEvent;

/**
 * VucEventFunc:
 * @error: (nullable): why; valid during the call only
 *
 * Is told of an event, where the callbacks of operations run; in the order of things: those of the
 * operations that a loss ended come before it.  Events are kept until somebody looks.  It may call
 * anything.  Since 0.1.
 */
typedef void (*VucEventFunc) (VucDevice *device,
                              VucEvent event,
                              const GError *error,
                              gpointer user_data);

/**
 * vuc_config_set_event_func:
 * @func: (nullable): the function, or %NULL for none
 * @user_data: handed to @func
 * @destroy: (nullable): frees @user_data, once neither the configuration nor a device needs it
 *
 * Since 0.1.
 */
VUC_API void vuc_config_set_event_func (VucConfig *config,
                                        VucEventFunc func,
                                        gpointer user_data,
                                        GDestroyNotify destroy);

/**
 * VucMessageDirection:
 * @VUC_MESSAGE_SENT: from the client to the server
 * @VUC_MESSAGE_RECEIVED: from the server to the client
 *
 * Since 0.1.
 */
typedef enum
{
  VUC_MESSAGE_SENT,
  VUC_MESSAGE_RECEIVED
} VucMessageDirection;

/**
 * VucMessageEvent:
 * @direction: who sent it
 * @time_us: when, as by g_get_monotonic_time(), in microseconds
 * @size: bytes of the whole message, header included
 * @n_fds: descriptors that came or went with it
 * @text: the message as one readable line, long data shortened, without a line feed
 *
 * One message, as handed to a #VucMessageFunc; valid during the call only.  More members may be
 * added at the end.  Since 0.1.
 */
typedef struct
{
  VucMessageDirection direction;
  gint64 time_us;
  guint32 size;
  guint n_fds;
  const char *text;
} VucMessageEvent;

/**
 * VucMessageFunc:
 *
 * Sees each message just before it is sent, or once it was received.  It is called on the thread
 * that sends or receives, possibly on several at once, with no lock held.  What asks the server
 * something fails inside it with %VUC_ERROR_INVALID_ARGUMENT, in both forms.  Since 0.1.
 */
typedef void (*VucMessageFunc) (const VucMessageEvent *event, gpointer user_data);

/**
 * vuc_config_set_message_func:
 * @func: (nullable): the function, or %NULL for none
 * @user_data: handed to @func
 * @destroy: (nullable): frees @user_data, once neither the configuration nor a device needs it
 *
 * Traces every message.  It costs time: use it to look, not to run.  Since 0.1.
 */
VUC_API void vuc_config_set_message_func (VucConfig *config,
                                          VucMessageFunc func,
                                          gpointer user_data,
                                          GDestroyNotify destroy);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VucConfig, vuc_config_unref)

G_END_DECLS

#endif /* VUC_CONFIG_H */
