/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What whoever processes a session does: reads what came while nobody waits, sends what can be sent,
 * ends what is overdue, and delivers.  Never waits.  Does not know who is woken for that (watch.c).
 * Any thread, several at once: one of them reads.
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

/* What there is, but not more than others would like to wait for. */
static void
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
        return;
    }
  /* What was read already does not make the socket readable. */
  if (session->up)
    vuc_watch_wake_loop_locked (session);
}

static void
read_locked (VucSession *session)
{
  session->has_reader = TRUE;
  read_available_locked (session);
  if (session->up)
    (void) vuc_inbox_end_unfinished_locked (session);
  session->has_reader = FALSE;
  vuc_session_released_locked (session);
  vuc_session_hand_on_locked (session);
}

void
vuc_session_process (VucSession *session)
{
  if (vuc_session_is_inside_callback ())
    return;

  g_mutex_lock (&session->lock);
  session->n_processing++;
  vuc_watch_look_locked (session);
  vuc_task_look_at_clock_locked (session, g_get_monotonic_time ());
  if (session->up && !session->has_reader)
    read_locked (session);
  if (session->lane.blocked || session->outbox.head != NULL)
    vuc_outbox_flush_locked (session);
  vuc_task_run_ready_locked (session);
  session->n_processing--;
  vuc_watch_end_look_locked (session);
  g_mutex_unlock (&session->lock);

  vuc_session_deliver (session);
}
