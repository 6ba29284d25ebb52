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
  lane->n_taken = 0;
  lane->n_served++;
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

/* Calls one of the service's functions. */
static void
call_service_locked (VucSession *session,
                     VucLane *lane,
                     void (*function) (VucServed *served, gpointer service_data))
{
  lane->busy = TRUE;
  g_mutex_unlock (&session->lock);
  function (&lane->served, session->options.service_data);
  g_mutex_lock (&session->lock);
  lane->busy = FALSE;
  vuc_session_released_locked (session);
}

/* The next of the places, or nowhere for all the rest. */
static void
take_next (VucLane *lane)
{
  const VucServed *served = &lane->served;
  guint n = MIN (served->n_places - lane->n_taken, VUC_FRAMER_PLACES);

  if (served->error != 0 || n == 0)
    {
      vuc_inbox_throw_away (lane);
      return;
    }
  vuc_framer_take (&lane->framer, served->places + lane->n_taken, (int) n);
  lane->n_taken += n;
}

gboolean
vuc_serving_taken_locked (VucSession *session, VucLane *lane)
{
  if (lane->serving == VUC_SERVING_FIXED)
    {
      lane->served.data_size = lane->framer.left;
      lane->serving = VUC_SERVING_DATA;
      lane->begun = TRUE;
      call_service_locked (session, lane, session->options.service->begin);
    }
  else if (lane->framer.left == 0)
    {
      return TRUE;
    }
  take_next (lane);
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
  lane->answer_blocked = 0;
  header.size = (guint32) lane->answer_size;
  for (guint i = 0; !is_error && i < served->n_reply_data; i++)
    header.size += (guint32) served->reply_data[i].iov_len;
  vuc_header_encode (&header, lane->answer);
  if (!is_error)
    memcpy (lane->answer + VUC_HEADER_SIZE, served->reply, served->reply_size);
}

void
vuc_serving_end_locked (VucSession *session, VucLane *lane)
{
  VucServed *served = &lane->served;

  if (lane->begun && served->error == 0)
    call_service_locked (session, lane, session->options.service->end);

  lane->serving = VUC_SERVING_ANSWER;
  if (served->header.no_reply || !session->up)
    vuc_serving_release_locked (session, lane);
  else
    fill_answer (lane);
}

gsize
vuc_serving_get_answer (const VucLane *lane, struct iovec *iov, int max_iov, int *n_iov)
{
  const VucServed *served = &lane->served;
  gsize skip = lane->answer_sent;
  gsize size;

  *n_iov = 0;
  size = vuc_outbox_add_piece (lane->answer, lane->answer_size, &skip, iov, max_iov, n_iov);
  for (guint i = 0; served->error == 0 && i < served->n_reply_data; i++)
    size += vuc_outbox_add_piece (served->reply_data[i].iov_base, served->reply_data[i].iov_len,
                                  &skip, iov, max_iov, n_iov);
  return size;
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
  g_clear_pointer (&lane->answer_copy, g_free);
  if (!begun)
    return;
  g_mutex_unlock (&session->lock);
  session->options.service->release (&served, session->options.service_data);
  g_mutex_lock (&session->lock);
}

/* --- Revoking --- */

/* The rest of the answer moves to memory of our own. */
static void
copy_answer_locked (VucLane *lane)
{
  VucServed *served = &lane->served;
  gsize skip = lane->answer_sent - MIN (lane->answer_sent, lane->answer_size);
  gsize size = 0;

  for (guint i = 0; i < served->n_reply_data; i++)
    size += served->reply_data[i].iov_len;
  lane->answer_copy = g_malloc (size);
  for (guint i = 0, done = 0; i < served->n_reply_data; i++)
    {
      const struct iovec *piece = &served->reply_data[i];
      gsize skipped = MIN (skip, piece->iov_len);

      /* What was sent already need not be looked at again. */
      memcpy (lane->answer_copy + done + skipped, (const guint8 *) piece->iov_base + skipped,
              piece->iov_len - skipped);
      skip -= skipped;
      done += (guint) piece->iov_len;
    }
  lane->copied = (struct iovec){ lane->answer_copy, size };
  served->reply_data = &lane->copied;
  served->n_reply_data = 1;
}

/* Until no thread is at the command that the lane serves now; the next one does not find it any more.
 * Meanwhile the connection may go, and a twin's lane with it: FALSE then. */
static gboolean
await_idle_locked (VucSession *session, VucLane *lane)
{
  guint64 link_number = session->link_number;
  guint64 number = lane->n_served;

  while (lane->busy && lane->begun && lane->n_served == number)
    {
      vuc_session_await_release_locked (session);
      if (session->link_number != link_number || (lane != &session->lane && lane != session->twin))
        return FALSE;
    }
  return lane->n_served == number;
}

static void
revoke_on_lane_locked (VucSession *session, VucLane *lane, gconstpointer what)
{
  if (!await_idle_locked (session, lane) || !lane->begun || lane->answer_copy != NULL
      || !session->options.service->uses (&lane->served, what))
    return;

  if (lane->serving == VUC_SERVING_DATA)
    {
      lane->served.error = EFAULT;
      vuc_framer_forget_places (&lane->framer);
    }
  else if (lane->serving == VUC_SERVING_ANSWER && lane->served.error == 0)
    {
      copy_answer_locked (lane);
    }
}

void
vuc_session_revoke (VucSession *session, gconstpointer what)
{
  g_mutex_lock (&session->lock);
  revoke_on_lane_locked (session, &session->lane, what);
  if (session->twin != NULL)
    revoke_on_lane_locked (session, session->twin, what);
  g_mutex_unlock (&session->lock);
}
