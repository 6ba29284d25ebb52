/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A device that is connected again gets the eventfds that it had: a part of connecting.  All of
 * them at once, and no round trip where there are none.  The references keep them open while they are
 * under way, whatever changes meanwhile.  Called by the task that connects.
 */

#include "base/error.h"
#include "device/irq-set.h"

static void
submit (VucIrqRestore *restore, VucTask *task)
{
  guint n = restore->runs->len;
  g_autofree VucCall **calls = g_new (VucCall *, n);

  restore->calls = g_new0 (VucCall, n);
  restore->fds = g_new (int, restore->eventfds->len);
  for (guint i = 0; i < restore->eventfds->len; i++)
    restore->fds[i] = ((const VucIrqFd *) restore->eventfds->pdata[i])->fd;
  for (guint i = 0; i < n; i++)
    {
      const VucIrqRun *run = &g_array_index (restore->runs, VucIrqRun, i);

      calls[i] = &restore->calls[i];
      vuc_irq_call_init (calls[i], run->irq, vuc_irq_kind_get_flags (run->kind), run->start,
                         run->count, NULL, restore->fds + run->first, run->count);
    }
  vuc_task_submit (task, calls, n);
}

static gboolean
take_failure (VucIrqRestore *restore, GError **error)
{
  for (guint i = 0; i < restore->runs->len; i++)
    {
      const VucIrqRun *run = &g_array_index (restore->runs, VucIrqRun, i);
      VucCall *call = &restore->calls[i];

      if (call->error == NULL)
        continue;
      g_propagate_error (error, g_steal_pointer (&call->error));
      g_prefix_error (error, "giving the eventfds of interrupts %u to %u of index %u once more: ",
                      run->start, run->start + run->count - 1, run->irq);
      return TRUE;
    }
  return FALSE;
}

VucTaskStatus
vuc_irq_restore_step (VucIrqRestore *restore, VucDevice *device, VucTask *task, GError **error)
{
  if (restore->asked)
    {
      (void) take_failure (restore, error);
      return VUC_TASK_ENDS;
    }

  restore->asked = TRUE;
  restore->runs = g_array_new (FALSE, FALSE, sizeof (VucIrqRun));
  restore->eventfds = g_ptr_array_new_with_free_func ((GDestroyNotify) vuc_irq_fd_unref);
  vuc_irq_begin_link (device, task->link_number, device->shape.info.max_msg_fds, restore->runs,
                      restore->eventfds);
  if (restore->runs->len == 0)
    return VUC_TASK_ENDS;
  submit (restore, task);
  return VUC_TASK_GOES_ON;
}

void
vuc_irq_restore_clear (VucIrqRestore *restore)
{
  for (guint i = 0; restore->calls != NULL && i < restore->runs->len; i++)
    vuc_call_clear (&restore->calls[i]);
  g_clear_pointer (&restore->calls, g_free);
  g_clear_pointer (&restore->fds, g_free);
  g_clear_pointer (&restore->runs, g_array_unref);
  g_clear_pointer (&restore->eventfds, g_ptr_array_unref);
}
