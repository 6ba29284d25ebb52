/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is known of the eventfds of interrupts.  Does not ask the server.  Any thread; all of it is
 * under the device's lock, which is held for memory only: eventfds are closed, and watches stopped,
 * by who asked for the change, afterwards.
 *
 * Two threads may change one interrupt at the same time, and the server does what comes first on
 * the wire first.  The threads learn of the outcomes in any order; but each call has a number that
 * says when it was sent (VucCall.order), and a cell keeps that of the last change that the server
 * accepted.  An outcome that is older than what is known already changes nothing.  So what is
 * remembered is what the server was told last, however threads are scheduled.
 *
 *   accepted    it is so now
 *   refused     it is as it was before
 *   unanswered  (deadline, cancelled) either of the two: VUC_IRQ_UNKNOWN, until a later change is
 *               accepted, or the device is connected again
 *   lost        with the connection, like everything: what was accepted before will be armed again;
 *               what was to be taken away is gone, so that counts as accepted
 *
 * A change that is under way makes its interrupts unknown as well, from before it is sent.
 *
 * A connection that is made gets what was accepted up to then.  An answer of the connection before
 * that somebody has still to look at comes too late: it is not remembered, and whoever asked is
 * told that the device was connected anew.
 */

#include "device/irq-state.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "device/device-private.h"
#include "device/irq-watch.h"

/* --- Eventfds --- */

VucIrqFd *
vuc_irq_fd_new (int fd, GError **error)
{
  int copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  VucIrqFd *eventfd;

  if (copy < 0)
    {
      vuc_fail_errno (error, errno == EBADF ? VUC_ERROR_INVALID_ARGUMENT : VUC_ERROR_LIMIT, errno,
                      "duplicating descriptor %d", fd);
      return NULL;
    }
  eventfd = g_new (VucIrqFd, 1);
  eventfd->ref_count = 1;
  eventfd->fd = copy;
  return eventfd;
}

VucIrqFd *
vuc_irq_fd_ref (VucIrqFd *eventfd)
{
  g_atomic_int_inc (&eventfd->ref_count);
  return eventfd;
}

void
vuc_irq_fd_unref (VucIrqFd *eventfd)
{
  if (eventfd == NULL || !g_atomic_int_dec_and_test (&eventfd->ref_count))
    return;
  close (eventfd->fd);
  g_free (eventfd);
}

/* --- Memory --- */

void
vuc_irqs_init (VucIrqs *irqs)
{
  *irqs = (VucIrqs){ 0 };
  g_queue_init (&irqs->changes);
}

static VucIrqIndex *
find_index_locked (VucDevice *device, guint32 irq)
{
  VucIrqs *irqs = &device->irqs;

  return irqs->indexes != NULL ? irqs->indexes[irq] : NULL;
}

static VucIrqIndex *
make_index_locked (VucDevice *device, guint32 irq)
{
  VucIrqs *irqs = &device->irqs;

  if (irqs->indexes == NULL)
    irqs->indexes = g_new0 (VucIrqIndex *, device->shape.info.num_irqs);
  if (irqs->indexes[irq] == NULL)
    {
      irqs->indexes[irq] = g_new0 (VucIrqIndex, 1);
      irqs->indexes[irq]->vectors = g_new0 (VucIrqVector, device->shape.irqs[irq].count);
    }
  return irqs->indexes[irq];
}

static void
index_free (VucIrqIndex *index, guint32 count)
{
  for (guint32 i = 0; i < count; i++)
    {
      for (guint kind = 0; kind < VUC_IRQ_N_KINDS; kind++)
        vuc_irq_fd_unref (index->vectors[i].cells[kind].eventfd);
    }
  g_free (index->vectors);
  g_free (index);
}

void
vuc_irqs_clear (VucDevice *device)
{
  VucIrqs *irqs = &device->irqs;
  VucIrqWatch *watch;

  while ((watch = vuc_irq_steal_any_watch (device)) != NULL)
    vuc_irq_watch_stop (watch);
  for (guint32 i = 0; irqs->indexes != NULL && i < device->shape.info.num_irqs; i++)
    {
      if (irqs->indexes[i] != NULL)
        index_free (irqs->indexes[i], device->shape.irqs[i].count);
    }
  g_clear_pointer (&irqs->indexes, g_free);
}

/* --- Changes --- */

void
vuc_irq_change_begin (VucDevice *device, VucIrqChange *change)
{
  change->link.data = change;
  g_mutex_lock (&device->lock);
  g_queue_push_tail_link (&device->irqs.changes, &change->link);
  g_mutex_unlock (&device->lock);
}

/* eventfd: where the new one is, and the old one is put; NULL: it is put into dropped. */
static void
accept_cell (VucIrqCell *cell, guint64 order, VucIrqFd **eventfd, GPtrArray *dropped)
{
  VucIrqFd *before = cell->eventfd;

  if (order < cell->accepted)
    return;
  cell->accepted = order;
  cell->eventfd = eventfd != NULL ? *eventfd : NULL;
  if (eventfd != NULL)
    *eventfd = before;
  else if (before != NULL)
    g_ptr_array_add (dropped, before);
}

static void
settle_cell (VucIrqCell *cell, const VucIrqOutcome *outcome, VucIrqFd **eventfd, GPtrArray *dropped)
{
  if (outcome->outcome == VUC_IRQ_ACCEPTED)
    accept_cell (cell, outcome->order, eventfd, dropped);
  else if (outcome->outcome == VUC_IRQ_UNANSWERED)
    cell->unknown = MAX (cell->unknown, outcome->order);
}

static void
settle_part (VucIrqIndex *index,
             const VucIrqChange *change,
             const VucIrqOutcome *outcome,
             VucIrqFd **eventfds,
             GPtrArray *dropped)
{
  gboolean accepted = outcome->outcome == VUC_IRQ_ACCEPTED;
  guint first = change->disables ? 0 : change->kind;
  guint last = change->disables ? VUC_IRQ_N_KINDS - 1 : change->kind;

  if (accepted && change->disables)
    index->disabled = MAX (index->disabled, outcome->order);
  for (guint32 i = 0; i < outcome->count; i++)
    {
      VucIrqVector *vector = &index->vectors[outcome->start + i];
      VucIrqFd **eventfd = eventfds != NULL ? &eventfds[outcome->start - change->start + i] : NULL;

      if (accepted && eventfd != NULL && change->kind == VUC_IRQ_TRIGGER)
        vector->enabled = MAX (vector->enabled, outcome->order);
      for (guint kind = first; kind <= last; kind++)
        settle_cell (&vector->cells[kind], outcome, eventfd, dropped);
    }
}

/* Whoever has armed last, and wholly, owns the index. */
static void
settle_watch (VucIrqIndex *index,
              const VucIrqOutcome *outcomes,
              gsize n_outcomes,
              VucIrqWatch **watch)
{
  guint64 order = 0;
  VucIrqWatch *before = index->watch;

  for (gsize i = 0; i < n_outcomes; i++)
    {
      if (outcomes[i].outcome != VUC_IRQ_ACCEPTED)
        return;
      order = MAX (order, outcomes[i].order);
    }
  if (order < index->armed || order < index->disabled)
    return;
  index->armed = order;
  index->watch = *watch;
  *watch = before;
}

gboolean
vuc_irq_change_settle (VucDevice *device,
                       VucIrqChange *change,
                       guint64 link,
                       const VucIrqOutcome *outcomes,
                       gsize n_outcomes,
                       VucIrqFd **eventfds,
                       VucIrqWatch **watch)
{
  g_autoptr (GPtrArray)
    dropped = g_ptr_array_new_with_free_func ((GDestroyNotify) vuc_irq_fd_unref);
  VucIrqIndex *index;
  gboolean is_current;

  g_mutex_lock (&device->lock);
  g_queue_unlink (&device->irqs.changes, &change->link);
  /* Before it: of one that was lost before it was told of any. */
  is_current = device->irqs.link <= link;
  index = make_index_locked (device, change->irq);
  for (gsize i = 0; i < n_outcomes && is_current; i++)
    settle_part (index, change, &outcomes[i], eventfds, dropped);
  if (is_current && eventfds != NULL && change->kind == VUC_IRQ_TRIGGER)
    settle_watch (index, outcomes, n_outcomes, watch);
  g_mutex_unlock (&device->lock);
  return is_current;
}

/* --- What is known --- */

guint32
vuc_irq_count_enabled (VucDevice *device, guint32 irq)
{
  guint32 n = device->shape.irqs[irq].count;
  const VucIrqIndex *index;

  g_mutex_lock (&device->lock);
  index = find_index_locked (device, irq);
  while (n > 0 && (index == NULL || index->vectors[n - 1].enabled <= index->disabled))
    n--;
  g_mutex_unlock (&device->lock);
  return n;
}

static gboolean
is_changing_locked (VucDevice *device, guint32 irq, guint32 sub_index)
{
  for (const GList *link = device->irqs.changes.head; link != NULL; link = link->next)
    {
      const VucIrqChange *change = link->data;

      if (change->irq == irq && (change->disables || change->kind == VUC_IRQ_TRIGGER)
          && sub_index >= change->start && sub_index - change->start < change->count)
        return TRUE;
    }
  return FALSE;
}

static VucIrqState
get_state_locked (VucDevice *device, guint32 irq, guint32 sub_index)
{
  const VucIrqIndex *index = find_index_locked (device, irq);
  const VucIrqCell *cell;

  if (is_changing_locked (device, irq, sub_index))
    return VUC_IRQ_UNKNOWN;
  if (index == NULL)
    return VUC_IRQ_DISARMED;
  cell = &index->vectors[sub_index].cells[VUC_IRQ_TRIGGER];
  if (cell->unknown > cell->accepted)
    return VUC_IRQ_UNKNOWN;
  return cell->eventfd != NULL ? VUC_IRQ_ARMED : VUC_IRQ_DISARMED;
}

VucIrqState
vuc_device_get_irq_state (VucDevice *device, guint32 irq, guint32 sub_index)
{
  const VucIrqInfo *info;
  VucIrqState state;

  g_return_val_if_fail (device != NULL, VUC_IRQ_DISARMED);

  info = vuc_device_get_irq_info (device, irq);
  if (info == NULL || sub_index >= info->count)
    return VUC_IRQ_DISARMED;

  g_mutex_lock (&device->lock);
  state = get_state_locked (device, irq, sub_index);
  g_mutex_unlock (&device->lock);
  return state;
}

VucIrqWatch *
vuc_irq_steal_watch (VucDevice *device, guint32 irq)
{
  VucIrqWatch *watch = NULL;
  VucIrqIndex *index;

  g_mutex_lock (&device->lock);
  index = find_index_locked (device, irq);
  if (index != NULL)
    watch = g_steal_pointer (&index->watch);
  g_mutex_unlock (&device->lock);
  return watch;
}

VucIrqWatch *
vuc_irq_steal_any_watch (VucDevice *device)
{
  VucIrqWatch *watch = NULL;

  g_mutex_lock (&device->lock);
  for (guint32 i = 0;
       device->irqs.indexes != NULL && watch == NULL && i < device->shape.info.num_irqs; i++)
    {
      if (device->irqs.indexes[i] != NULL)
        watch = g_steal_pointer (&device->irqs.indexes[i]->watch);
    }
  g_mutex_unlock (&device->lock);
  return watch;
}

/* --- A new connection --- */

/* The last run that ends at *end or before; *end is where it begins then.  FALSE: there is none. */
static gboolean
find_run (const VucIrqIndex *index, guint kind, guint32 max_fds, guint32 *end, guint32 *count)
{
  guint32 start;

  while (*end > 0 && index->vectors[*end - 1].cells[kind].eventfd == NULL)
    --*end;
  start = *end;
  while (start > 0 && *end - start < max_fds
         && index->vectors[start - 1].cells[kind].eventfd != NULL)
    start--;
  *count = *end - start;
  *end = start;
  return *count > 0;
}

/* From the last to the first: an index that cannot grow has its full size with the first message
 * then. */
static void
add_runs_of_kind (VucIrqIndex *index,
                  guint32 irq,
                  guint32 n_vectors,
                  VucIrqKind kind,
                  guint32 max_fds,
                  GArray *runs,
                  GPtrArray *eventfds)
{
  VucIrqRun run = { .irq = irq, .start = n_vectors, .kind = kind };

  while (find_run (index, kind, max_fds, &run.start, &run.count))
    {
      run.first = eventfds->len;
      for (guint32 i = 0; i < run.count; i++)
        g_ptr_array_add (eventfds,
                         vuc_irq_fd_ref (index->vectors[run.start + i].cells[kind].eventfd));
      g_array_append_val (runs, run);
    }
}

static void
forget_doubts (VucIrqIndex *index, guint32 n_vectors)
{
  for (guint32 i = 0; i < n_vectors; i++)
    {
      VucIrqVector *vector = &index->vectors[i];

      for (guint kind = 0; kind < VUC_IRQ_N_KINDS; kind++)
        vector->cells[kind].unknown = 0;
      if (vector->cells[VUC_IRQ_TRIGGER].eventfd == NULL)
        vector->enabled = 0;
    }
}

void
vuc_irq_begin_link (VucDevice *device,
                    guint64 link,
                    guint32 max_fds,
                    GArray *runs,
                    GPtrArray *eventfds)
{
  g_mutex_lock (&device->lock);
  device->irqs.link = link;
  for (guint32 irq = 0; device->irqs.indexes != NULL && irq < device->shape.info.num_irqs; irq++)
    {
      VucIrqIndex *index = device->irqs.indexes[irq];
      guint32 n_vectors = device->shape.irqs[irq].count;

      if (index == NULL)
        continue;
      forget_doubts (index, n_vectors);
      for (guint kind = 0; kind < VUC_IRQ_N_KINDS; kind++)
        add_runs_of_kind (index, irq, n_vectors, kind, max_fds, runs, eventfds);
    }
  g_mutex_unlock (&device->lock);
}
