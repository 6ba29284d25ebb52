/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_SET_IRQS: one task for all of it.  It checks, cuts the set into ranges that fit into a
 * message, sends all of them at once, in order, and tells irq-state.c what became of each.  Does
 * not know what that remembers.  Any thread.
 *
 * The ranges are under way together, so those behind one that failed may be in force; each has an
 * outcome of its own.  The first failure is the operation's.
 *
 * The wire's order is that in which vuc_task_submit() is called, whoever calls it, and the order of
 * each call tells it; it is what decides which of two changes of an interrupt is remembered, not
 * the order in which their outcomes are looked at (irq-state.c).
 *
 * What the server has accepted is remembered when its replies are there: the outcome may be told much
 * later, when the device is connected anew.  An operation that is ended early (deadline, cancelled) has
 * no further step; then whoever is about to tell its outcome settles it.
 */

#include "device/irq-set.h"

#include "base/error.h"
#include "device/irq-watch.h"
#include "wire/irq-set.h"

#define DATA_FLAGS (VUC_IRQ_SET_DATA_NONE | VUC_IRQ_SET_DATA_BOOL | VUC_IRQ_SET_DATA_EVENTFD)
#define ACTION_FLAGS                                                                               \
  (VUC_IRQ_SET_ACTION_MASK | VUC_IRQ_SET_ACTION_UNMASK | VUC_IRQ_SET_ACTION_TRIGGER)

typedef struct
{
  VucTask task;
  VucDevice *device;
  VucIrqRequest request;
  guint8 *where; /* copies */
  VucIrqFd **eventfds;
  int *fds;

  gsize n_ranges; /* 0: there is nothing to ask */
  VucCall *calls;
  VucIrqOutcome *outcomes;

  gboolean asked;
  gboolean changes;    /* which eventfds the server has */
  gboolean is_begun;   /* the change is, and not settled */
  gboolean is_current; /* the connection was the device's when it was settled */
  VucIrqChange change;
} Set;

/* --- Kinds --- */

static const guint32 kind_flags[VUC_IRQ_N_KINDS] = {
  [VUC_IRQ_TRIGGER] = VUC_IRQ_SET_DATA_EVENTFD | VUC_IRQ_SET_ACTION_TRIGGER,
  [VUC_IRQ_MASK] = VUC_IRQ_SET_DATA_EVENTFD | VUC_IRQ_SET_ACTION_MASK,
  [VUC_IRQ_UNMASK] = VUC_IRQ_SET_DATA_EVENTFD | VUC_IRQ_SET_ACTION_UNMASK,
};

guint32
vuc_irq_kind_get_flags (VucIrqKind kind)
{
  return kind_flags[kind];
}

/* Whether it changes which eventfds the server has. */
static gboolean
describe_change (const VucIrqRequest *request, const VucIrqInfo *info, VucIrqChange *change)
{
  gboolean disables = request->kind == VUC_IRQ_REQUEST_DISABLE;
  guint kind = 0;

  if (request->kind == VUC_IRQ_REQUEST_RAW)
    return FALSE;
  while (!disables && kind < VUC_IRQ_N_KINDS && kind_flags[kind] != request->flags)
    kind++;
  if (kind == VUC_IRQ_N_KINDS)
    return FALSE;
  *change = (VucIrqChange){
    .irq = request->irq,
    .start = request->start,
    .count = disables ? info->count : request->count,
    .disables = disables,
    .kind = kind,
  };
  return TRUE;
}

/* --- Checking --- */

static gboolean
check_range (const VucIrqRequest *request, const VucIrqInfo *info, GError **error)
{
  if (request->count == 0)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "no interrupt of index %u is named",
                     info->index);
  if (info->count == 0)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "interrupt index %u has no interrupts",
                     info->index);
  if (request->start >= info->count || request->count > info->count - request->start)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "interrupt index %u has %u interrupts, wanted are %u from %u on", info->index,
                     info->count, request->count, request->start);
  return TRUE;
}

/* Without descriptors it takes away those that there are. */
static gboolean
check_eventfds (VucDevice *device,
                const VucIrqRequest *request,
                const VucIrqInfo *info,
                GError **error)
{
  guint32 max_fds = device->shape.info.max_msg_fds;
  gboolean is_whole = (info->flags & VUC_IRQ_NORESIZE) != 0
                      && (request->flags & VUC_IRQ_SET_ACTION_TRIGGER) != 0;
  guint32 n_enabled;

  if ((info->flags & VUC_IRQ_EVENTFD) == 0)
    return vuc_fail (error, VUC_ERROR_NOT_SUPPORTED, "interrupt index %u has no eventfds",
                     info->index);
  if (request->n_fds == 0)
    return TRUE;
  if (max_fds == 0 || (is_whole && request->n_fds > max_fds))
    return vuc_fail (error, VUC_ERROR_LIMIT,
                     "interrupt index %u: the server takes %u descriptors in one message, needed "
                     "are %u",
                     info->index, max_fds, request->n_fds);

  n_enabled = is_whole ? vuc_irq_count_enabled (device, info->index) : 0;
  if (n_enabled > 0 && request->start + request->count > n_enabled)
    return vuc_fail (error, VUC_ERROR_NOT_SUPPORTED,
                     "interrupt index %u is enabled with %u interrupts and cannot grow: disable it "
                     "before arming %u",
                     info->index, n_enabled, request->start + request->count);
  return TRUE;
}

static gboolean
is_one_bit (guint32 flags)
{
  return flags != 0 && (flags & (flags - 1)) == 0;
}

/* What is in the message must belong together, or we could not make it. */
static gboolean
check_raw (VucDevice *device, const VucIrqRequest *request, GError **error)
{
  const VucDeviceInfo *info = &device->shape.info;
  gboolean is_bool = (request->flags & VUC_IRQ_SET_DATA_BOOL) != 0;
  gboolean is_eventfd = (request->flags & VUC_IRQ_SET_DATA_EVENTFD) != 0;

  if ((request->flags & ~(guint32) (DATA_FLAGS | ACTION_FLAGS)) != 0
      || !is_one_bit (request->flags & DATA_FLAGS) || !is_one_bit (request->flags & ACTION_FLAGS))
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "flags 0x%x: expected is one kind of data and one action", request->flags);
  if (is_bool != (request->where != NULL))
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "flags 0x%x %s booleans", request->flags,
                     is_bool ? "need" : "have no");
  if (request->n_fds != 0 && (!is_eventfd || request->n_fds != request->count))
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                     "flags 0x%x and count %u do not go with %u eventfds", request->flags,
                     request->count, request->n_fds);
  if (request->n_fds > info->max_msg_fds)
    return vuc_fail (error, VUC_ERROR_LIMIT,
                     "the server takes %u descriptors in one message, needed are %u",
                     info->max_msg_fds, request->n_fds);
  if (is_bool && request->count > info->max_data_xfer_size)
    return vuc_fail (error, VUC_ERROR_LIMIT,
                     "the server takes %" G_GUINT64_FORMAT " bytes in one message, needed are %u",
                     (guint64) info->max_data_xfer_size, request->count);
  return TRUE;
}

/* What would be asked for is so already: nothing is armed in an index without interrupts. */
static gboolean
is_done_already (const VucIrqRequest *request, const VucIrqInfo *info)
{
  return info->count == 0 && request->kind != VUC_IRQ_REQUEST_RANGE && request->count == 0
         && request->start == 0
         && request->flags == (VUC_IRQ_SET_DATA_NONE | VUC_IRQ_SET_ACTION_TRIGGER);
}

gboolean
vuc_irq_request_check (VucDevice *device, const VucIrqRequest *request, GError **error)
{
  const VucIrqInfo *info;

  if (!g_atomic_int_get (&device->is_known))
    return vuc_fail (error, VUC_ERROR_DISCONNECTED, "the device is not connected yet");
  info = vuc_device_get_irq_info (device, request->irq);
  if (info == NULL)
    return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "there is no interrupt index %u",
                     request->irq);
  if (is_done_already (request, info))
    return TRUE;

  switch (request->kind)
    {
    case VUC_IRQ_REQUEST_RAW:
      if (info->count == 0)
        return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "interrupt index %u has no interrupts",
                         info->index);
      return check_raw (device, request, error);
    case VUC_IRQ_REQUEST_DISABLE:
      return TRUE;
    default:
      return check_range (request, info, error)
             && ((request->flags & VUC_IRQ_SET_DATA_EVENTFD) == 0
                 || check_eventfds (device, request, info, error));
    }
}

/* --- Ranges --- */

void
vuc_irq_call_init (VucCall *call,
                   guint32 irq,
                   guint32 flags,
                   guint32 start,
                   guint32 count,
                   const guint8 *where,
                   const int *fds,
                   guint n_fds)
{
  VucIrqSet set = {
    .flags = flags,
    .index = irq,
    .start = start,
    .count = count,
    .n_booleans = where != NULL ? count : 0,
  };

  vuc_call_init (call, VUC_COMMAND_DEVICE_SET_IRQS);
  vuc_irq_set_encode (&set, call->request);
  call->request_size = VUC_IRQ_SET_SIZE;
  call->request_data = where;
  call->request_data_size = set.n_booleans;
  call->request_fds = fds;
  call->n_request_fds = n_fds;
}

/* How many interrupts a message can be about; what has no data for each, about any number. */
static guint32
range_size (const Set *set)
{
  const VucDeviceInfo *info = &set->device->shape.info;

  if (set->request.kind == VUC_IRQ_REQUEST_RAW)
    return G_MAXUINT32;
  if (set->request.n_fds > 0)
    return info->max_msg_fds;
  if (set->where != NULL)
    return (guint32) MIN (info->max_data_xfer_size, set->device->settings.max_write_size);
  return G_MAXUINT32;
}

static void
make_ranges (Set *set)
{
  const VucIrqRequest *request = &set->request;
  guint32 size = range_size (set);

  set->n_ranges = request->count == 0 ? 1 : (request->count - 1) / size + 1;
  set->calls = g_new0 (VucCall, set->n_ranges);
  set->outcomes = g_new0 (VucIrqOutcome, set->n_ranges);
  for (gsize i = 0; i < set->n_ranges; i++)
    {
      guint32 first = (guint32) i * size;
      guint32 count = MIN (request->count - first, size);

      vuc_irq_call_init (&set->calls[i], request->irq, request->flags, request->start + first,
                         count, set->where != NULL ? set->where + first : NULL,
                         set->fds != NULL ? set->fds + first : NULL, set->fds != NULL ? count : 0);
      set->outcomes[i].start = request->start + first;
      set->outcomes[i].count = request->kind == VUC_IRQ_REQUEST_DISABLE ? set->change.count : count;
    }
}

static gboolean
copy_eventfds (Set *set, GError **error)
{
  const VucIrqRequest *request = &set->request;

  if (request->n_fds == 0)
    return TRUE;
  set->eventfds = g_new0 (VucIrqFd *, request->n_fds);
  set->fds = g_new (int, request->n_fds);
  for (guint i = 0; i < request->n_fds; i++)
    {
      set->eventfds[i] = vuc_irq_fd_new (request->fds[i], error);
      if (set->eventfds[i] == NULL)
        {
          g_prefix_error (error, "the eventfd of interrupt %u of index %u: ", request->start + i,
                          request->irq);
          return FALSE;
        }
      set->fds[i] = set->eventfds[i]->fd;
    }
  return TRUE;
}

/* --- The task --- */

/* A server that is gone has no eventfds any more: where some were to be taken away, that is done. */
static gboolean
is_gone_with_server (const Set *set, const VucCall *call)
{
  return set->eventfds == NULL && call->error != NULL
         && !g_error_matches (call->error, VUC_ERROR, VUC_ERROR_REMOTE)
         && !vuc_session_is_up (set->device->session, set->task.link_number);
}

static void
note_outcome (Set *set, VucIrqOutcome *outcome, VucCall *call)
{
  outcome->order = call->order;
  if (is_gone_with_server (set, call))
    g_clear_error (&call->error);
  if (!call->done)
    outcome->outcome = VUC_IRQ_UNANSWERED;
  else
    outcome->outcome = call->error == NULL ? VUC_IRQ_ACCEPTED : VUC_IRQ_UNCHANGED;
}

static void
submit (Set *set)
{
  g_autofree VucCall **calls = g_new (VucCall *, set->n_ranges);

  for (gsize i = 0; i < set->n_ranges; i++)
    calls[i] = &set->calls[i];
  set->is_begun = set->changes;
  if (set->changes)
    vuc_irq_change_begin (set->device, &set->change);
  vuc_task_submit (&set->task, calls, set->n_ranges);
}

/* The first failure, with the range that it is about if there are several. */
static gboolean
take_failure (Set *set, GError **error)
{
  const VucIrqOutcome *outcome = set->outcomes;
  VucCall *call = set->calls;

  while (call < set->calls + set->n_ranges && call->error == NULL)
    {
      call++;
      outcome++;
    }
  if (call == set->calls + set->n_ranges)
    return FALSE;
  g_propagate_error (error, g_steal_pointer (&call->error));
  if (set->n_ranges > 1)
    g_prefix_error (error, "interrupts %u to %u of index %u: ", outcome->start,
                    outcome->start + outcome->count - 1, set->request.irq);
  return TRUE;
}

/* It has the outcomes of all its calls, or gets no more. */
static void
remember (Set *set)
{
  if (!set->is_begun)
    return;
  set->is_begun = FALSE;
  for (gsize i = 0; i < set->n_ranges; i++)
    note_outcome (set, &set->outcomes[i], &set->calls[i]);
  set->is_current = vuc_irq_change_settle (set->device, &set->change, set->task.link_number,
                                           set->outcomes, set->n_ranges, set->eventfds,
                                           &set->request.watch);
}

static VucTaskStatus
set_step (VucTask *task, GError **error G_GNUC_UNUSED)
{
  Set *set = (Set *) task;

  if (set->asked || set->n_ranges == 0)
    {
      remember (set);
      return VUC_TASK_ENDS;
    }
  set->asked = TRUE;
  submit (set);
  return VUC_TASK_GOES_ON;
}

static void
settle (VucTask *task, GError **error)
{
  Set *set = (Set *) task;

  remember (set);
  if (*error == NULL && !take_failure (set, error) && !set->is_current)
    vuc_fail (error, VUC_ERROR_DISCONNECTED, "the device was connected anew meanwhile");
}

static void
set_clear (gpointer data)
{
  Set *set = data;

  for (gsize i = 0; i < set->n_ranges; i++)
    vuc_call_clear (&set->calls[i]);
  for (guint i = 0; set->eventfds != NULL && i < set->request.n_fds; i++)
    vuc_irq_fd_unref (set->eventfds[i]);
  if (set->request.watch != NULL)
    vuc_irq_watch_stop (set->request.watch);
  g_free (set->eventfds);
  g_free (set->fds);
  g_free (set->where);
  g_free (set->calls);
  g_free (set->outcomes);
}

/* What the request points to may go when this has returned. */
static gboolean
prepare (Set *set, VucDevice *device, const VucIrqRequest *request, GError **error)
{
  const VucIrqInfo *info;

  set->device = device;
  set->request = *request;
  if (!vuc_irq_request_check (device, request, error) || !copy_eventfds (set, error))
    return FALSE;

  vuc_task_init (&set->task, device->session, set_step, vuc_device_deadline (device));
  set->task.command = VUC_COMMAND_DEVICE_SET_IRQS;
  set->task.settle = settle;
  set->is_current = TRUE;
  info = vuc_device_get_irq_info (device, request->irq);
  set->changes = describe_change (request, info, &set->change);
  if (is_done_already (request, info))
    return TRUE;
  if (request->where != NULL)
    {
      set->where = g_malloc (MAX (request->count, 1));
      for (guint32 i = 0; i < request->count; i++)
        set->where[i] = request->where[i];
    }
  make_ranges (set);
  return TRUE;
}

/* --- The two forms --- */

gboolean
vuc_irq_request_run (VucDevice *device, const VucIrqRequest *request, GError **error)
{
  g_autoptr (VucDevice) in_use = vuc_device_ref (device);
  g_autofree Set *set = g_new0 (Set, 1);
  gboolean ok = prepare (set, device, request, error) && vuc_task_run (&set->task, error);

  set_clear (set);
  return ok;
}

VucOperation
vuc_irq_request_start (VucDevice *device, const VucIrqRequest *request, const VucReceiver *receiver)
{
  Set *set = g_new0 (Set, 1);
  GError *error = NULL;

  if (prepare (set, device, request, &error))
    return vuc_device_start (device, &set->task, set_clear, receiver);
  set_clear (set);
  g_free (set);
  return vuc_device_start_failed (device, error, receiver);
}
