/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A part of an access that travels as a message with a reply: REGION_READ or REGION_WRITE.  Does not
 * know what was negotiated, nor what the region is.  From a task's step: on any thread, never on two
 * at a time.
 */

#include "access/message.h"

#include <string.h>

#include "base/error.h"

void
vuc_message_init (VucMessage *message)
{
  message->access = (VucRegionAccess){ .count = 0 };
}

void
vuc_message_clear (VucMessage *message)
{
  if (message->access.count > 0)
    vuc_call_clear (&message->call);
}

void
vuc_message_submit (VucMessage *message, VucTask *task, const VucRegionAccess *access, void *data)
{
  VucCall *call = &message->call;

  message->access = *access;
  vuc_call_init (call, task->command);
  vuc_region_access_encode (access, call->request);
  call->request_size = VUC_REGION_ACCESS_SIZE;
  call->is_unproven = TRUE;
  call->reply = message->reply;
  call->reply_capacity = sizeof message->reply;
  if (call->command == VUC_COMMAND_REGION_READ)
    {
      call->reply_data = data;
      call->reply_data_capacity = access->count;
    }
  else if (access->count <= sizeof call->request - VUC_REGION_ACCESS_SIZE)
    {
      /* In one piece. */
      memcpy (call->request + VUC_REGION_ACCESS_SIZE, data, access->count);
      call->request_size += access->count;
    }
  else
    {
      call->request_data = data;
      call->request_data_size = access->count;
    }
  call->reply_min = call->reply_capacity + call->reply_data_capacity;
  vuc_task_submit (task, &call, 1);
}

gboolean
vuc_message_finish (VucMessage *message, VucTask *task, GError **error)
{
  g_autoptr (GError) cause = NULL;

  if (message->call.error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&message->call.error));
      return FALSE;
    }
  if (vuc_region_access_decode (message->reply, VUC_REGION_ACCESS_SIZE, message->call.command,
                                &message->access, &cause))
    return TRUE;

  vuc_session_end_by (task, cause);
  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}
