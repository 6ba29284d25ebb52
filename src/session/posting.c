/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posting: what is sent and then forgotten.  Does not know what the requests are, nor how several
 * become one message (the poster does).  Any thread.
 *
 * A call that is posted stands in the outbox among all others, in their order, and leaves it with its
 * last byte.  The usual case, a socket that takes it, is the same send as any other's, and nothing
 * else.  What cannot go at once may only stay if it will go without its poster, who does not wait:
 * see claim 8 in session.c.  Where that is so, it is merged into the call before it, if that is
 * posted, too, and the last.
 */

#include "session/posting.h"

#include "session/session-private.h"

void
vuc_session_set_poster (VucSession *session, const VucPoster *poster, gpointer poster_data)
{
  g_mutex_lock (&session->lock);
  session->poster = poster;
  session->poster_data = poster_data;
  g_mutex_unlock (&session->lock);
}

guint64
vuc_session_get_n_posted (VucSession *session)
{
  guint64 n;

  g_mutex_lock (&session->lock);
  n = session->n_posted;
  g_mutex_unlock (&session->lock);
  return n;
}

/* --- What is proven --- */

gboolean
vuc_session_has_unproven (VucSession *session)
{
  return g_atomic_int_get (&session->unproven) != 0;
}

static void
note_posted_locked (VucSession *session, VucCall *call)
{
  call->order = session->last_posted = ++session->last_order;
  g_atomic_int_set (&session->unproven, 1);
}

/* Its own reply proves it, and so does any later one. */
void
vuc_posting_note_unproven_locked (VucSession *session, guint64 order)
{
  session->last_posted = MAX (session->last_posted, order - 1);
  g_atomic_int_set (&session->unproven, 1);
}

void
vuc_posting_note_reply_locked (VucSession *session, guint64 order)
{
  if (order > session->last_posted && vuc_session_has_unproven (session))
    g_atomic_int_set (&session->unproven, 0);
}

void
vuc_posting_forget_locked (VucSession *session)
{
  GList *next;

  /* A sender that is at it right now takes its calls out of the outbox by itself. */
  for (GList *link = session->outbox.head; link != NULL; link = next)
    {
      VucCall *call = link->data;

      next = link->next;
      if (call->posted && !call->sending)
        vuc_outbox_drop_locked (session, call);
    }
  session->n_answers_due = 0;
  g_atomic_int_set (&session->unproven, 0);
}

/* --- Posting --- */

/* In serial mode the server might take it for the answer to its own command, and there would be no
 * reply to tell when the next may go. */
static gboolean
may_post_locked (const VucSession *session)
{
  return session->poster != NULL && session->cause == NULL && !session->serial
         && !session->send_ended && session->crowd.head == NULL;
}

/* Should the socket take no more: a loop does, or a reader, who hands on to the loop when it leaves.
 * Without a loop the last reader to leave would leave it behind; and one that sleeps in a receive
 * would not notice it. */
static gboolean
somebody_will_send_locked (const VucSession *session)
{
  return session->is_attended && !session->receiving;
}

static gboolean
merge_into_last_locked (VucSession *session, gconstpointer request)
{
  VucCall *last = session->outbox.tail != NULL ? session->outbox.tail->data : NULL;
  gsize before;

  /* What the trace has seen is not changed any more. */
  if (last == NULL || !last->posted || last->sending || last->traced
      || vuc_outbox_is_partly_sent_locked (session, last)
      || !vuc_outbox_has_room_locked (session, VUC_POSTING_GROWTH))
    return FALSE;

  before = vuc_outbox_message_size (last);
  if (!session->poster->merge (last, request, session->poster_data))
    return FALSE;
  vuc_outbox_note_grown_locked (session, last, before);
  note_posted_locked (session, last);
  return TRUE;
}

static VucCall *
queue_locked (VucSession *session, gconstpointer request)
{
  VucCall *call = session->poster->make (request, session->poster_data);

  if (call == NULL)
    return NULL;
  call->posted = TRUE;
  if (!vuc_outbox_has_room_locked (session, vuc_outbox_message_size (call)))
    {
      session->poster->release (call, session->poster_data);
      return NULL;
    }
  note_posted_locked (session, call);
  vuc_outbox_queue_posted_locked (session, call);
  session->n_answers_due++;
  return call;
}

/* The call itself may be gone, and be another by now. */
static VucCall *
find_queued_locked (VucSession *session, guint64 order)
{
  for (GList *link = session->outbox.tail; link != NULL; link = link->prev)
    {
      VucCall *call = link->data;

      if (call->posted && call->order == order)
        return call;
    }
  return NULL;
}

/* Nobody would send it later: so it goes now, or it is taken back.  Somebody else who sends does not
 * sleep.  What was sent in part, as can only be where a socket's buffer is smaller than a batch,
 * cannot be taken back: it goes before the next call. */
static gboolean
is_out_locked (VucSession *session, guint64 order)
{
  VucCall *call;

  while ((call = find_queued_locked (session, order)) != NULL && session->has_sender)
    vuc_session_await_release_locked (session);
  if (call == NULL || vuc_outbox_is_partly_sent_locked (session, call))
    return TRUE;
  vuc_outbox_drop_locked (session, call);
  session->n_answers_due--;
  return FALSE;
}

static gboolean
post_locked (VucSession *session, gconstpointer request)
{
  gboolean may_stay = somebody_will_send_locked (session);
  guint64 order = 0;

  if (!may_stay || !merge_into_last_locked (session, request))
    {
      VucCall *call = queue_locked (session, request);

      if (call == NULL)
        return FALSE;
      order = call->order;
    }
  if (!may_stay || !session->lane.blocked)
    vuc_outbox_flush_locked (session);
  if (!may_stay && !is_out_locked (session, order))
    return FALSE;

  /* Where blocking calls follow each other the loop does not watch the socket. */
  if (session->lane.blocked)
    vuc_watch_hurry_locked (session);
  return session->up && !session->send_ended;
}

gboolean
vuc_session_post (VucSession *session, gint link, gconstpointer request)
{
  gboolean taken;

  if (vuc_session_is_inside_callback ())
    return FALSE;

  g_mutex_lock (&session->lock);
  taken = may_post_locked (session)
          && (link == 0 || link == g_atomic_int_get (&session->usable_link))
          && post_locked (session, request);
  g_mutex_unlock (&session->lock);
  return taken;
}
