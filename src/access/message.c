/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An access to a region that travels as messages: REGION_READ and REGION_WRITE.  Does not know what
 * was negotiated, nor what the region is.  A task's step: on any thread, never on two at a time.
 *
 * The parts of a long access go one after the other: a failure then says how far it came, and
 * servers that execute an access in parts see them in order.
 */

#include "access/message.h"

#include "base/error.h"

static void
submit_part (VucTransfer *transfer)
{
  VucCall *call = &transfer->call;
  gsize part = MIN (transfer->left, transfer->chunk);

  transfer->access.count = (guint32) part;
  vuc_call_init (call, transfer->task.command);
  vuc_region_access_encode (&transfer->access, call->request);
  call->request_size = VUC_REGION_ACCESS_SIZE;
  call->reply = transfer->reply;
  call->reply_capacity = sizeof transfer->reply;
  if (call->command == VUC_COMMAND_REGION_READ)
    {
      call->reply_data = transfer->data;
      call->reply_data_capacity = part;
    }
  else
    {
      call->request_data = transfer->data;
      call->request_data_size = part;
    }
  call->reply_min = call->reply_capacity + call->reply_data_capacity;
  vuc_task_submit (&transfer->task, &call, 1);
}

/* A reply that does not echo what was asked for ends the connection. */
static gboolean
check_reply (VucTransfer *transfer, GError **error)
{
  g_autoptr (GError) cause = NULL;

  if (vuc_region_access_decode (transfer->reply, VUC_REGION_ACCESS_SIZE, transfer->call.command,
                                &transfer->access, &cause))
    return TRUE;

  vuc_session_end_by (&transfer->task, cause);
  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

static VucTaskStatus
transfer_step (VucTask *task, GError **error)
{
  VucTransfer *transfer = (VucTransfer *) task;

  if (transfer->access.count > 0)
    {
      if (transfer->call.error != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&transfer->call.error));
          return VUC_TASK_ENDS;
        }
      if (!check_reply (transfer, error))
        return VUC_TASK_ENDS;
      transfer->access.offset += transfer->access.count;
      transfer->data += transfer->access.count;
      transfer->left -= transfer->access.count;
    }
  if (transfer->left == 0)
    return VUC_TASK_ENDS;
  submit_part (transfer);
  return VUC_TASK_GOES_ON;
}

void
vuc_transfer_init (VucTransfer *transfer,
                   VucSession *session,
                   guint16 command,
                   guint32 region,
                   guint64 offset,
                   void *data,
                   gsize count,
                   gsize chunk,
                   gint64 deadline)
{
  vuc_task_init (&transfer->task, session, transfer_step, deadline);
  transfer->task.command = command;
  transfer->access = (VucRegionAccess){ .offset = offset, .region = region };
  transfer->data = data;
  transfer->left = count;
  transfer->chunk = chunk;
}

void
vuc_transfer_clear (gpointer data)
{
  VucTransfer *transfer = data;

  /* Nothing was asked for yet: there is no call. */
  if (transfer->access.count > 0)
    vuc_call_clear (&transfer->call);
}
