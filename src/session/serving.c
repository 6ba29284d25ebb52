/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Commands of the server: where their payload goes, and the answer.  Does not know what they mean:
 * that is the service's (service.h), a floor above.  By the holder of the reader role, with the lock
 * held; the service's functions are called without.
 *
 * One command of a lane is served at a time, and while its answer waits to be sent nothing more is
 * read from that lane: so a server that does not read cannot make us keep answers for it.
 */

#include <errno.h>
#include <string.h>

#include "session/session-private.h"

static gsize
fixed_size_of (const VucSession *session, guint16 command)
{
  const VucService *service = session->options.service;

  return service != NULL ? MIN (service->fixed_size (command), VUC_SERVICE_FIXED_SIZE) : 0;
}

static gboolean
check_place_locked (VucSession *session, const VucLane *lane)
{
  const VucHeader *header = &lane->framer.header;
  char name[16];

  if (!session->negotiated)
    vuc_session_die_of_protocol_locked (session, "%s command from the server before negotiation",
                                        vuc_command_name (header->command, name, sizeof name));
  else if (session->twin != NULL && !lane->is_twin)
    vuc_session_die_of_protocol_locked (
      session, "%s command from the server on the main socket, although there is a twin socket",
      vuc_command_name (header->command, name, sizeof name));
  return session->up;
}

void
vuc_serving_begin_locked (VucSession *session, VucLane *lane)
{
  VucServed *served = &lane->served;
  gsize fixed_size;

  if (!check_place_locked (session, lane))
    return;

  *served = (VucServed){ .header = lane->framer.header };
  lane->begun = FALSE;
  fixed_size = fixed_size_of (session, served->header.command);
  if (fixed_size == 0)
    served->error = ENOTSUP;
  else if (lane->framer.left < fixed_size)
    served->error = EINVAL;

  if (served->error != 0)
    {
      lane->serving = VUC_SERVING_DATA;
      vuc_inbox_throw_away (lane);
      return;
    }
  lane->serving = VUC_SERVING_FIXED;
  vuc_framer_take (&lane->framer, &(struct iovec){ served->fixed, fixed_size }, 1);
}

gboolean
vuc_serving_taken_locked (VucSession *session, VucLane *lane)
{
  VucServed *served = &lane->served;

  if (lane->serving == VUC_SERVING_DATA)
    return TRUE;

  served->data_size = lane->framer.left;
  lane->serving = VUC_SERVING_DATA;
  lane->begun = TRUE;
  g_mutex_unlock (&session->lock);
  session->options.service->begin (served, session->options.service_data);
  g_mutex_lock (&session->lock);

  vuc_framer_take (&lane->framer,
                   &(struct iovec){ served->error == 0 ? served->data : NULL, served->data_size },
                   1);
  return FALSE;
}

static void
fill_answer (VucLane *lane)
{
  const VucServed *served = &lane->served;
  gboolean is_error = served->error != 0;
  VucHeader header = { .id = served->header.id,
                       .command = served->header.command,
                       .is_reply = TRUE,
                       .is_error = is_error,
                       .error_number = served->error };

  lane->answer_size = VUC_HEADER_SIZE + (is_error ? 0 : served->reply_size);
  lane->answer_sent = 0;
  header.size = (guint32) (lane->answer_size + (is_error ? 0 : served->reply_data_size));
  vuc_header_encode (&header, lane->answer);
  if (!is_error)
    memcpy (lane->answer + VUC_HEADER_SIZE, served->reply, served->reply_size);
}

void
vuc_serving_end_locked (VucSession *session, VucLane *lane)
{
  VucServed *served = &lane->served;

  if (lane->begun && served->error == 0)
    {
      g_mutex_unlock (&session->lock);
      session->options.service->end (served, session->options.service_data);
      g_mutex_lock (&session->lock);
    }

  lane->serving = VUC_SERVING_ANSWER;
  if (served->header.no_reply || !session->up)
    vuc_serving_release_locked (session, lane);
  else
    fill_answer (lane);
}

gboolean
vuc_serving_has_answer (const VucLane *lane)
{
  return lane->serving == VUC_SERVING_ANSWER;
}

void
vuc_serving_release_locked (VucSession *session, VucLane *lane)
{
  VucServed served = lane->served; /* the lane may serve the next one meanwhile */
  gboolean begun = lane->begun;

  lane->serving = VUC_SERVING_NOTHING;
  lane->begun = FALSE;
  if (!begun)
    return;
  g_mutex_unlock (&session->lock);
  session->options.service->release (&served, session->options.service_data);
  g_mutex_lock (&session->lock);
}
