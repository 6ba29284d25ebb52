/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An access to a region that travels as messages: REGION_READ and REGION_WRITE.  Does not know what
 * was negotiated, nor what the region is.  Any thread; each access is the caller's own.
 *
 * The parts of a long access go one after the other: a failure then says how far it came, and
 * servers that execute an access in parts see them in order.
 */

#include "access/message.h"

#include "base/error.h"

/* A reply that does not echo what was asked for ends the connection. */
static gboolean
check_reply (VucSession *session,
             const VucCall *call,
             const VucRegionAccess *access,
             const guint8 *reply,
             GError **error)
{
  g_autoptr (GError) cause = NULL;

  if (vuc_region_access_decode (reply, VUC_REGION_ACCESS_SIZE, call->command, access, &cause))
    return TRUE;

  vuc_session_end (session, cause);
  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

/* One message and its reply.  Only a read touches data. */
static gboolean
transfer_part (VucSession *session,
               guint16 command,
               const VucRegionAccess *access,
               guint8 *data,
               gint64 deadline,
               GError **error)
{
  guint8 reply[VUC_REGION_ACCESS_SIZE];
  VucCall call;
  gboolean ok;

  vuc_call_init (&call, command, deadline);
  vuc_region_access_encode (access, call.request);
  call.request_size = VUC_REGION_ACCESS_SIZE;
  call.reply = reply;
  call.reply_capacity = sizeof reply;
  if (command == VUC_COMMAND_REGION_READ)
    {
      call.reply_data = data;
      call.reply_data_capacity = access->count;
    }
  else
    {
      call.request_data = data;
      call.request_data_size = access->count;
    }
  call.reply_min = call.reply_capacity + call.reply_data_capacity;

  ok = vuc_session_call (session, &call, error)
       && check_reply (session, &call, access, reply, error);
  vuc_call_clear (&call);
  return ok;
}

static gboolean
transfer (VucSession *session,
          guint16 command,
          guint32 region,
          guint64 offset,
          guint8 *data,
          gsize count,
          gsize chunk,
          gint64 deadline,
          GError **error)
{
  for (gsize done = 0; done < count;)
    {
      gsize part = MIN (count - done, chunk);
      VucRegionAccess access = { .offset = offset + done,
                                 .region = region,
                                 .count = (guint32) part };

      if (!transfer_part (session, command, &access, data + done, deadline, error))
        return FALSE;
      done += part;
    }
  return TRUE;
}

gboolean
vuc_message_read (VucSession *session,
                  guint32 region,
                  guint64 offset,
                  guint8 *data,
                  gsize count,
                  gsize chunk,
                  gint64 deadline,
                  GError **error)
{
  return transfer (session, VUC_COMMAND_REGION_READ, region, offset, data, count, chunk, deadline,
                   error);
}

gboolean
vuc_message_write (VucSession *session,
                   guint32 region,
                   guint64 offset,
                   const guint8 *data,
                   gsize count,
                   gsize chunk,
                   gint64 deadline,
                   GError **error)
{
  return transfer (session, VUC_COMMAND_REGION_WRITE, region, offset, (guint8 *) data, count, chunk,
                   deadline, error);
}
