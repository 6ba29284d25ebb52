/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What whoever processes a session does: reads what came while nobody waits, sends what can be sent,
 * ends what is overdue, and delivers.  Never waits.  Does not know who is woken for that (watch.c).
 * Any thread, several at once: one of them reads.
 *
 * Who serves does the same but for delivering, while waiting for something else than a reply (an
 * ioregionfd's response) that the server may not give before its own command is answered.  What is to
 * be delivered stays in the queue, so the loop must hear of it, although the look took the wake-up
 * that was for the loop: it is written again.  What ends meanwhile wakes the loop at once, as it does
 * while a blocking caller reads (n_processing is for who delivers).  Nothing else can get lost by a
 * look that does not deliver: all but the queue of what has ended is dealt with here, or found again
 * by vuc_watch_end_look_locked().  So the set stays readable for as long as nobody delivers, and who
 * serves must not poll it again at once, where serving came to nothing.
 */

#include "base/limits.h"
#include "session/session-private.h"

/* What the socket does not tell of: what was read already, and the answer to the last command that the
 * look before had time for. */
static void
note_what_is_left_locked (const VucSession *session, VucLane *lane)
{
  lane->ready |= !vuc_framer_is_idle (&lane->framer) || vuc_serving_has_answer (lane)
                 || vuc_inbox_can_go_on_locked (session, lane);
}

/* What there is, but not more than others would like to wait for.  Whether there was any. */
static gboolean
read_available_locked (VucSession *session)
{
  note_what_is_left_locked (session, &session->lane);
  if (session->twin != NULL)
    note_what_is_left_locked (session, session->twin);
  session->lane.ready |= session->send_ended;

  for (guint n = 0; n < VUC_LIMIT_MESSAGES_PER_WAKEUP; n++)
    {
      gboolean more = vuc_session_take_one_locked (session, &session->lane, FALSE);

      more |= vuc_session_take_one_locked (session, session->twin, FALSE);
      if (!more)
        return n > 0;
    }
  /* What was read already does not make the socket readable. */
  if (session->up)
    vuc_watch_wake_loop_locked (session);
  return TRUE;
}

static gboolean
read_locked (VucSession *session)
{
  gboolean came;

  session->has_reader = TRUE;
  came = read_available_locked (session);
  if (session->up)
    (void) vuc_inbox_end_unfinished_locked (session);
  session->has_reader = FALSE;
  vuc_session_released_locked (session);
  vuc_session_hand_on_locked (session);
  return came;
}

/* Whether anything was read. */
static gboolean
look_at_everything_locked (VucSession *session)
{
  gboolean came = FALSE;

  vuc_watch_look_locked (session);
  vuc_task_look_at_clock_locked (session, g_get_monotonic_time ());
  if (session->up && !session->has_reader)
    came = read_locked (session);
  if (session->lane.blocked || session->outbox.head != NULL)
    vuc_outbox_flush_locked (session);
  vuc_task_run_ready_locked (session);
  return came;
}

void
vuc_session_process (VucSession *session)
{
  if (vuc_session_is_inside_callback ())
    return;

  g_mutex_lock (&session->lock);
  session->n_processing++;
  (void) look_at_everything_locked (session);
  session->n_processing--;
  vuc_watch_end_look_locked (session);
  g_mutex_unlock (&session->lock);

  vuc_session_deliver (session);
}

/* --- Serving --- */

/* How far the commands of the server are, and the answers to them. */
typedef struct
{
  guint64 n_served;
  gsize answer_sent;
} Progress;

static Progress
get_progress_locked (const VucSession *session)
{
  Progress progress = { session->lane.n_served, session->lane.answer_sent };

  if (session->twin != NULL)
    {
      progress.n_served += session->twin->n_served;
      progress.answer_sent += session->twin->answer_sent;
    }
  return progress;
}

gboolean
vuc_session_serve (VucSession *session)
{
  Progress before, after;
  gboolean came;

  if (vuc_session_is_inside_callback ())
    return FALSE;

  g_mutex_lock (&session->lock);
  before = get_progress_locked (session);
  /* What comes now is awaited. */
  vuc_watch_hurry_locked (session);
  came = look_at_everything_locked (session);
  vuc_watch_end_look_locked (session);
  if (session->finished.head != NULL || session->ready.head != NULL)
    vuc_watch_offer_locked (session);
  after = get_progress_locked (session);
  g_mutex_unlock (&session->lock);

  return came || after.n_served != before.n_served || after.answer_sent != before.answer_sent;
}
