/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VUC_IRQ_H
#define VUC_IRQ_H

#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

/**
 * VucIrqInfo:
 * @index: the interrupt index
 * @flags: #VucIrqFlags
 * @count: how many interrupts (sub-indexes) it has; 0 if the device does not have this index
 * @remote_errno: 0, or with what errno the server refused to describe the index, which is then
 *   taken for empty
 *
 * One interrupt index (DEVICE_GET_IRQ_INFO).  More members may be added at the end.  Since 0.1.
 */
typedef struct
{
  guint32 index;
  guint32 flags;
  guint32 count;
  int remote_errno;
} VucIrqInfo;

/**
 * vuc_device_get_irq_info:
 * @irq: an interrupt index
 *
 * Returns: (transfer none) (nullable): what is known of the interrupt index, valid as long as
 * @device; %NULL if the device has no such index.  Asks the server nothing.  Any thread.
 * Since 0.1.
 */
VUC_API const VucIrqInfo *vuc_device_get_irq_info (VucDevice *device, guint32 irq);

/*
 * Interrupts (DEVICE_SET_IRQS).  An index has count interrupts, its sub-indexes: vectors, for MSI
 * and MSI-X.  The server signals an interrupt's eventfd, or the caller does so itself (trigger).
 *
 * Checked before anything is sent: index, range, count, and the flags of the index.  A set that
 * needs more descriptors than the server takes in one message goes as consecutive ranges, all at
 * once; if one of them fails the others may be in force, and vuc_device_get_irq_state() tells.  For
 * an index that has no interrupts nothing is sent: disabling it succeeds, everything else is
 * %VUC_ERROR_INVALID_ARGUMENT.  A missing %VUC_IRQ_MASKABLE does not hinder masking: servers that can
 * leave it out.
 *
 * When the device is lost its interrupts are, too.  What takes eventfds away (clear, disable, unwatch)
 * succeeds then: they will not be armed again.  Only while the device is just being connected again
 * it fails with %VUC_ERROR_DISCONNECTED, and they stay.
 *
 * Errors of all of them, unless said otherwise: %VUC_ERROR_INVALID_ARGUMENT (index, range, count,
 * something that is no descriptor), %VUC_ERROR_NOT_SUPPORTED (the index has no eventfds),
 * %VUC_ERROR_LIMIT (the set cannot be sent, or the process has no descriptor to spare),
 * %VUC_ERROR_REMOTE, %VUC_ERROR_TIMED_OUT, %VUC_ERROR_PROTOCOL, %VUC_ERROR_DISCONNECTED.
 */

/**
 * vuc_device_set_irq_eventfds:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @fds: (array length=n_fds): an eventfd for each; they stay the caller's, and are duplicated
 * @n_fds: how many, at least 1
 *
 * Arms interrupts: each eventfd is signalled when the device interrupts (EVENTFD, TRIGGER).  An
 * interrupt that is armed already gets the new eventfd; so swapping one is one call.  The library
 * remembers what is armed, and arms it again when the device is connected again.
 *
 * An index with %VUC_IRQ_NORESIZE cannot grow while it is armed (%VUC_ERROR_NOT_SUPPORTED: disable
 * it, then arm the whole set), nor have more interrupts than the server takes descriptors in one
 * message (%VUC_ERROR_LIMIT).
 *
 * Returns: whether all of them are armed.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_set_irq_eventfds (VucDevice *device,
                                              guint32 irq,
                                              guint32 start,
                                              const int *fds,
                                              guint n_fds,
                                              GError **error);

/**
 * vuc_device_set_irq_eventfds_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_set_irq_eventfds(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_set_irq_eventfds_async (VucDevice *device,
                                                        guint32 irq,
                                                        guint32 start,
                                                        const int *fds,
                                                        guint n_fds,
                                                        VucCallback callback,
                                                        gpointer user_data,
                                                        GDestroyNotify destroy);

/**
 * vuc_device_clear_irq_eventfds:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @count: how many, at least 1
 *
 * Disarms interrupts (EVENTFD, TRIGGER, without descriptors).  Some servers ignore this for a
 * single interrupt other than 0, and an interrupt that is under way may still come.
 *
 * Returns: whether they are disarmed.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_clear_irq_eventfds (VucDevice *device,
                                                guint32 irq,
                                                guint32 start,
                                                guint32 count,
                                                GError **error);

/**
 * vuc_device_clear_irq_eventfds_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_clear_irq_eventfds(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_clear_irq_eventfds_async (VucDevice *device,
                                                          guint32 irq,
                                                          guint32 start,
                                                          guint32 count,
                                                          VucCallback callback,
                                                          gpointer user_data,
                                                          GDestroyNotify destroy);

/**
 * vuc_device_disable_irq:
 * @irq: an interrupt index
 *
 * Disarms a whole index (NONE, TRIGGER, count 0).  Servers keep one array of eventfds for INTx, MSI
 * and MSI-X: disable one kind before arming another.
 *
 * Returns: whether it is disabled.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_disable_irq (VucDevice *device, guint32 irq, GError **error);

/**
 * vuc_device_disable_irq_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_disable_irq(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_disable_irq_async (VucDevice *device,
                                                   guint32 irq,
                                                   VucCallback callback,
                                                   gpointer user_data,
                                                   GDestroyNotify destroy);

/**
 * vuc_device_set_irq_mask_eventfds:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @fds: (array length=n_fds) (nullable): an eventfd for each; they stay the caller's; %NULL takes
 *   those that there are away
 * @n_fds: how many interrupts, at least 1
 *
 * Lets the server mask interrupts when the caller signals these eventfds (EVENTFD, MASK).
 *
 * Returns: whether they are in force.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_set_irq_mask_eventfds (VucDevice *device,
                                                   guint32 irq,
                                                   guint32 start,
                                                   const int *fds,
                                                   guint n_fds,
                                                   GError **error);

/**
 * vuc_device_set_irq_mask_eventfds_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_set_irq_mask_eventfds(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_set_irq_mask_eventfds_async (VucDevice *device,
                                                             guint32 irq,
                                                             guint32 start,
                                                             const int *fds,
                                                             guint n_fds,
                                                             VucCallback callback,
                                                             gpointer user_data,
                                                             GDestroyNotify destroy);

/**
 * vuc_device_set_irq_unmask_eventfds:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @fds: (array length=n_fds) (nullable): an eventfd for each; they stay the caller's; %NULL takes
 *   those that there are away
 * @n_fds: how many interrupts, at least 1
 *
 * The same for unmasking (EVENTFD, UNMASK).
 *
 * Returns: whether they are in force.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_set_irq_unmask_eventfds (VucDevice *device,
                                                     guint32 irq,
                                                     guint32 start,
                                                     const int *fds,
                                                     guint n_fds,
                                                     GError **error);

/**
 * vuc_device_set_irq_unmask_eventfds_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_set_irq_unmask_eventfds(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_set_irq_unmask_eventfds_async (VucDevice *device,
                                                               guint32 irq,
                                                               guint32 start,
                                                               const int *fds,
                                                               guint n_fds,
                                                               VucCallback callback,
                                                               gpointer user_data,
                                                               GDestroyNotify destroy);

/**
 * vuc_device_mask_irqs:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @count: how many, at least 1
 *
 * Masks a range of interrupts (NONE, MASK).
 *
 * Returns: whether the server has done so.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_mask_irqs (VucDevice *device,
                                       guint32 irq,
                                       guint32 start,
                                       guint32 count,
                                       GError **error);

/**
 * vuc_device_mask_irqs_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_mask_irqs(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_mask_irqs_async (VucDevice *device,
                                                 guint32 irq,
                                                 guint32 start,
                                                 guint32 count,
                                                 VucCallback callback,
                                                 gpointer user_data,
                                                 GDestroyNotify destroy);

/**
 * vuc_device_mask_irqs_where:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @where: (array length=count): 1 for each interrupt that is meant, 0 for the others
 * @count: how many, at least 1
 *
 * Masks some interrupts of a range (BOOL, MASK).  Servers are known that take all of the range.
 *
 * Returns: whether the server has done so.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_mask_irqs_where (VucDevice *device,
                                             guint32 irq,
                                             guint32 start,
                                             const guint8 *where,
                                             guint32 count,
                                             GError **error);

/**
 * vuc_device_mask_irqs_where_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_mask_irqs_where(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_mask_irqs_where_async (VucDevice *device,
                                                       guint32 irq,
                                                       guint32 start,
                                                       const guint8 *where,
                                                       guint32 count,
                                                       VucCallback callback,
                                                       gpointer user_data,
                                                       GDestroyNotify destroy);

/**
 * vuc_device_unmask_irqs:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @count: how many, at least 1
 *
 * Unmasks a range of interrupts (NONE, UNMASK).
 *
 * Returns: whether the server has done so.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_unmask_irqs (VucDevice *device,
                                         guint32 irq,
                                         guint32 start,
                                         guint32 count,
                                         GError **error);

/**
 * vuc_device_unmask_irqs_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_unmask_irqs(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_unmask_irqs_async (VucDevice *device,
                                                   guint32 irq,
                                                   guint32 start,
                                                   guint32 count,
                                                   VucCallback callback,
                                                   gpointer user_data,
                                                   GDestroyNotify destroy);

/**
 * vuc_device_unmask_irqs_where:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @where: (array length=count): 1 for each interrupt that is meant, 0 for the others
 * @count: how many, at least 1
 *
 * Unmasks some interrupts of a range (BOOL, UNMASK).  Servers are known that take all of the range.
 *
 * Returns: whether the server has done so.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_unmask_irqs_where (VucDevice *device,
                                               guint32 irq,
                                               guint32 start,
                                               const guint8 *where,
                                               guint32 count,
                                               GError **error);

/**
 * vuc_device_unmask_irqs_where_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_unmask_irqs_where(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_unmask_irqs_where_async (VucDevice *device,
                                                         guint32 irq,
                                                         guint32 start,
                                                         const guint8 *where,
                                                         guint32 count,
                                                         VucCallback callback,
                                                         gpointer user_data,
                                                         GDestroyNotify destroy);

/**
 * vuc_device_trigger_irqs:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @count: how many, at least 1
 *
 * Fires a range of interrupts (NONE, TRIGGER).  The eventfds of those that are armed are signalled,
 * as if the device had interrupted.
 *
 * Returns: whether the server has done so.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_trigger_irqs (VucDevice *device,
                                          guint32 irq,
                                          guint32 start,
                                          guint32 count,
                                          GError **error);

/**
 * vuc_device_trigger_irqs_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_trigger_irqs(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_trigger_irqs_async (VucDevice *device,
                                                    guint32 irq,
                                                    guint32 start,
                                                    guint32 count,
                                                    VucCallback callback,
                                                    gpointer user_data,
                                                    GDestroyNotify destroy);

/**
 * vuc_device_trigger_irqs_where:
 * @irq: an interrupt index
 * @start: the first interrupt
 * @where: (array length=count): 1 for each interrupt that is meant, 0 for the others
 * @count: how many, at least 1
 *
 * Fires some interrupts of a range (BOOL, TRIGGER).
 *
 * Returns: whether the server has done so.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_trigger_irqs_where (VucDevice *device,
                                                guint32 irq,
                                                guint32 start,
                                                const guint8 *where,
                                                guint32 count,
                                                GError **error);

/**
 * vuc_device_trigger_irqs_where_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_trigger_irqs_where(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_trigger_irqs_where_async (VucDevice *device,
                                                          guint32 irq,
                                                          guint32 start,
                                                          const guint8 *where,
                                                          guint32 count,
                                                          VucCallback callback,
                                                          gpointer user_data,
                                                          GDestroyNotify destroy);

/**
 * VucIrqSetFlags:
 *
 * VFIO_IRQ_SET_*, for vuc_device_set_irqs().  Since 0.1.
 */
typedef enum
{
  VUC_IRQ_SET_DATA_NONE = 1 << 0,
  VUC_IRQ_SET_DATA_BOOL = 1 << 1,
  VUC_IRQ_SET_DATA_EVENTFD = 1 << 2,
  VUC_IRQ_SET_ACTION_MASK = 1 << 3,
  VUC_IRQ_SET_ACTION_UNMASK = 1 << 4,
  VUC_IRQ_SET_ACTION_TRIGGER = 1 << 5
} VucIrqSetFlags;

/**
 * vuc_device_set_irqs:
 * @irq: an interrupt index
 * @flags: one VUC_IRQ_SET_DATA_ and one VUC_IRQ_SET_ACTION_ of #VucIrqSetFlags
 * @start: the first interrupt
 * @count: how many
 * @where: (array length=count) (nullable): with %VUC_IRQ_SET_DATA_BOOL
 * @fds: (array length=n_fds) (nullable): with %VUC_IRQ_SET_DATA_EVENTFD
 * @n_fds: 0 or @count
 *
 * The raw form: one message as it is said here, for what the functions above do not do.  Only the
 * index is checked, and that flags, @where and @n_fds go together; what it arms is not remembered.
 *
 * Returns: whether the server has done so.  Any thread.  Since 0.1.
 */
VUC_API gboolean vuc_device_set_irqs (VucDevice *device,
                                      guint32 irq,
                                      guint32 flags,
                                      guint32 start,
                                      guint32 count,
                                      const guint8 *where,
                                      const int *fds,
                                      guint n_fds,
                                      GError **error);

/**
 * vuc_device_set_irqs_async:
 * @callback: (nullable): told what became of it; with %NULL vuc_device_wait() must be called
 * @destroy: (nullable): frees @user_data
 *
 * As vuc_device_set_irqs(), without waiting.
 *
 * Returns: the operation.  Any thread.  Since 0.1.
 */
VUC_API VucOperation vuc_device_set_irqs_async (VucDevice *device,
                                                guint32 irq,
                                                guint32 flags,
                                                guint32 start,
                                                guint32 count,
                                                const guint8 *where,
                                                const int *fds,
                                                guint n_fds,
                                                VucCallback callback,
                                                gpointer user_data,
                                                GDestroyNotify destroy);

/**
 * VucIrqState:
 * @VUC_IRQ_DISARMED: no eventfd
 * @VUC_IRQ_ARMED: the server has the eventfd
 * @VUC_IRQ_UNKNOWN: a change was asked for, and the server did not say what became of it
 *
 * Since 0.1.
 */
typedef enum
{
  VUC_IRQ_DISARMED,
  VUC_IRQ_ARMED,
  VUC_IRQ_UNKNOWN
} VucIrqState;

/**
 * vuc_device_get_irq_state:
 * @irq: an interrupt index
 * @sub_index: an interrupt of it
 *
 * While a change is under way, and when it was cancelled or its deadline has passed, nothing is
 * known; until a later change succeeds, or the device is connected again: then what was known last
 * is armed.  While the device is lost that is what is told.
 *
 * Returns: what is known of an interrupt; %VUC_IRQ_DISARMED if there is none.  Asks the server
 * nothing.  Any thread.  Since 0.1.
 */
VUC_API VucIrqState vuc_device_get_irq_state (VucDevice *device, guint32 irq, guint32 sub_index);

G_END_DECLS

#endif /* VUC_IRQ_H */
