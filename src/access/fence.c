/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A fence.  The harmless command is DEVICE_GET_INFO: every server knows it, it changes nothing, and it
 * carries no descriptors.  Servers execute commands in order, so its reply comes after the writes.
 * Does not know what was posted.  A task's step: on any thread, never on two at a time.
 */

#include "access/fence.h"

#include <vfio-user-client/vuc-error.h>

#include "wire/device-info.h"

void
vuc_fence_init (VucFence *fence, VucTask *task)
{
  fence->task = task;
  fence->asked = FALSE;
  vuc_call_init (&fence->call, VUC_COMMAND_DEVICE_GET_INFO);
}

void
vuc_fence_clear (VucFence *fence)
{
  vuc_call_clear (&fence->call);
}

VucTaskStatus
vuc_fence_step (VucFence *fence, GError **error)
{
  VucCall *call = &fence->call;

  if (!fence->asked)
    {
      fence->asked = TRUE;
      vuc_device_info_encode (call->request);
      call->request_size = VUC_DEVICE_INFO_SIZE;
      call->reply = fence->reply;
      call->reply_capacity = call->reply_min = sizeof fence->reply;
      vuc_task_submit (fence->task, &call, 1);
      return VUC_TASK_GOES_ON;
    }

  /* What it says matters as little as whether it was refused. */
  if (g_error_matches (call->error, VUC_ERROR, VUC_ERROR_REMOTE))
    g_clear_error (&call->error);
  if (call->error != NULL)
    g_propagate_error (error, g_steal_pointer (&call->error));
  return VUC_TASK_ENDS;
}
