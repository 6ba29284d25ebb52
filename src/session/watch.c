/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The epoll descriptor: who is woken when nobody waits.  It holds the sockets, an eventfd for what
 * other threads have found, and a timer; it is made when somebody asks for it, and is the same for
 * the session's whole life.  Does not know what is done then (loop.c).  Any thread, with the lock
 * held; none of these system calls sleeps.
 *
 * While a blocking caller reads, the sockets are out of the set (a cleared event mask would still
 * report hang-ups), so that its replies wake nobody.  Taking them out and putting them back costs
 * two system calls; so where blocking calls follow each other, they stay out when one has left, and
 * the timer brings them back RESUME_US later, unless the next one has come.  Such a caller finds the
 * timer set already; it only sets it anew when it would fire too soon for the calls to follow.
 *
 * A twin socket would make that four system calls.  So where there is one, both sockets are in a set
 * of their own (pair), which is one descriptor of the other.  Without a twin that would only cost: the
 * kernel wakes through two sets.
 */

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/error.h"
#include "session/session-private.h"

/* Within this time after the last blocking call what comes is noticed, in microseconds. */
#define RESUME_US 10000

/* The timer is moved when it would fire within this time. */
#define TOO_SOON_US (RESUME_US / 2)

/* What an event is about: the epoll data. */
enum
{
  ABOUT_WAKE,
  ABOUT_TIMER,
  ABOUT_LANE,
  ABOUT_TWIN,
  ABOUT_PAIR,
  ABOUT_WATCHED,
  N_ABOUT
};

/* --- Making it --- */

static gboolean
add (VucSession *session, int fd, guint32 about)
{
  struct epoll_event event = { .events = EPOLLIN, .data.u32 = about };

  return fd >= 0 && epoll_ctl (session->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

gboolean
vuc_watch_add_watched_locked (VucSession *session)
{
  return session->epoll < 0 || session->watched.epoll < 0
         || add (session, session->watched.epoll, ABOUT_WATCHED);
}

void
vuc_watch_clear (VucSession *session)
{
  int *fds[] = { &session->epoll, &session->pair, &session->loop_wake, &session->timer };

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      if (*fds[i] >= 0)
        close (*fds[i]);
      *fds[i] = -1;
    }
}

static gboolean
make_locked (VucSession *session, GError **error)
{
  int number;

  session->epoll = epoll_create1 (EPOLL_CLOEXEC);
  session->loop_wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  session->timer = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (session->epoll >= 0 && add (session, session->loop_wake, ABOUT_WAKE)
      && add (session, session->timer, ABOUT_TIMER) && vuc_watch_add_watched_locked (session))
    return TRUE;

  number = errno;
  vuc_watch_clear (session);
  return vuc_fail_errno (error, VUC_ERROR_LIMIT, number, "creating an epoll descriptor");
}

static int
get_fd_locked (VucSession *session, GError **error)
{
  if (session->epoll < 0 && make_locked (session, error))
    {
      /* What has happened up to now. */
      session->watch_paused = session->has_reader;
      vuc_watch_update_locked (session);
      vuc_watch_set_timer_locked (session);
      if (session->finished.head != NULL || session->ready.head != NULL)
        vuc_watch_wake_loop_locked (session);
    }
  return session->epoll;
}

int
vuc_session_get_fd (VucSession *session, GError **error)
{
  int fd;

  g_mutex_lock (&session->lock);
  fd = get_fd_locked (session, error);
  session->is_attended = fd >= 0;
  g_mutex_unlock (&session->lock);
  return fd;
}

int
vuc_session_peek_fd (VucSession *session, GError **error)
{
  int fd;

  g_mutex_lock (&session->lock);
  fd = get_fd_locked (session, error);
  g_mutex_unlock (&session->lock);
  return fd;
}

void
vuc_session_leave_unattended (VucSession *session)
{
  g_mutex_lock (&session->lock);
  session->is_attended = FALSE;
  g_mutex_unlock (&session->lock);
}

/* --- What is in it --- */

static guint32
wanted_events (const VucSession *session, const VucLane *lane)
{
  if (!session->up)
    return 0;
  if (!lane->blocked)
    return EPOLLIN;
  return vuc_serving_has_answer (lane) ? EPOLLOUT : EPOLLIN | EPOLLOUT;
}

/* Lets a set report the wanted events of a descriptor instead of those that it does. */
static void
update (int set, int fd, guint32 about, guint32 wanted, guint32 *watched_for)
{
  struct epoll_event event = { .events = wanted, .data.u32 = about };
  int operation = *watched_for == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

  if (wanted == *watched_for)
    return;
  (void) epoll_ctl (set, operation, fd, &event);
  *watched_for = wanted;
}

static void
update_lane (VucSession *session, VucLane *lane, guint32 about)
{
  update (session->epoll, lane->socket, about,
          session->watch_paused ? 0 : wanted_events (session, lane), &lane->watched_for);
}

/* FALSE if there is no such set, and none can be made: the sockets are in the other, then. */
static gboolean
make_pair_locked (VucSession *session)
{
  if (session->pair < 0)
    session->pair = epoll_create1 (EPOLL_CLOEXEC);
  if (session->pair < 0)
    return FALSE;

  /* Up to now the main socket was alone. */
  update (session->epoll, session->lane.socket, ABOUT_LANE, 0, &session->lane.watched_for);
  session->in_pair = TRUE;
  return TRUE;
}

static void
update_pair_locked (VucSession *session)
{
  update (session->pair, session->lane.socket, ABOUT_LANE, wanted_events (session, &session->lane),
          &session->lane.watched_for);
  update (session->pair, session->twin->socket, ABOUT_TWIN, wanted_events (session, session->twin),
          &session->twin->watched_for);
  update (session->epoll, session->pair, ABOUT_PAIR,
          session->up && !session->watch_paused ? EPOLLIN : 0, &session->pair_watched_for);
}

void
vuc_watch_update_locked (VucSession *session)
{
  if (session->epoll < 0 || session->lane.socket < 0)
    return;
  if (session->twin != NULL && session->twin->watched_for == 0 && !session->in_pair)
    (void) make_pair_locked (session);
  if (session->in_pair)
    {
      update_pair_locked (session);
      return;
    }
  update_lane (session, &session->lane, ABOUT_LANE);
  if (session->twin != NULL)
    update_lane (session, session->twin, ABOUT_TWIN);
}

void
vuc_watch_pause_locked (VucSession *session)
{
  session->resume_at = 0;
  if (session->watch_paused)
    return;
  session->watch_paused = session->epoll >= 0;
  vuc_watch_update_locked (session);
}

static void
resume_now_locked (VucSession *session)
{
  session->watch_paused = FALSE;
  session->resume_at = 0;
  vuc_watch_update_locked (session);
  vuc_watch_set_timer_locked (session);
}

void
vuc_watch_hurry_locked (VucSession *session)
{
  if (session->watch_paused && !session->has_reader)
    resume_now_locked (session);
}

/* The earliest time at which there is something to do. */
static gint64
next_time_locked (const VucSession *session)
{
  gint64 next = vuc_task_next_time_locked (session);

  next = MIN (next, vuc_inbox_message_deadline_locked (session));
  return session->resume_at != 0 ? MIN (next, session->resume_at) : next;
}

static void
set_timer_to_locked (VucSession *session, gint64 time)
{
  struct itimerspec when = { .it_value = { .tv_sec = time / G_USEC_PER_SEC,
                                           .tv_nsec = time % G_USEC_PER_SEC * 1000 } };

  session->timer_at = time;
  (void) timerfd_settime (session->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

void
vuc_watch_set_timer_locked (VucSession *session)
{
  gint64 next;

  if (session->epoll < 0)
    return;

  /* Never later: where it fires in vain it is set again. */
  next = MAX (next_time_locked (session), 1);
  if (next < session->timer_at)
    set_timer_to_locked (session, next);
}

void
vuc_watch_resume_locked (VucSession *session)
{
  gint64 now, last;

  if (!session->watch_paused || session->resume_at != 0)
    return;

  now = g_get_monotonic_time ();
  last = session->last_leave;
  session->last_leave = now;
  if (now - last > RESUME_US || session->n_operations > 0 || session->lane.blocked || !session->up)
    {
      resume_now_locked (session);
      return;
    }

  session->resume_at = now + RESUME_US;
  if (session->timer_at > session->resume_at)
    set_timer_to_locked (session, next_time_locked (session));
  else if (session->timer_at < now + TOO_SOON_US)
    {
      gint64 next = next_time_locked (session);

      if (next != session->timer_at)
        set_timer_to_locked (session, next);
    }
}

/* --- Waking and looking --- */

static void
write_wake (VucSession *session)
{
  if (session->loop_woken)
    return;
  session->loop_woken = TRUE;
  (void) eventfd_write (session->loop_wake, 1);
}

void
vuc_watch_wake_loop_locked (VucSession *session)
{
  if (session->epoll < 0)
    return;
  session->must_look = TRUE;
  if (session->n_processing == 0)
    write_wake (session);
}

void
vuc_watch_offer_locked (VucSession *session)
{
  if (session->epoll >= 0 && session->n_processing == 0)
    write_wake (session);
}

static gboolean
has_offer (const VucSession *session)
{
  return session->finished.head != NULL || session->ready.head != NULL;
}

void
vuc_watch_withdraw_locked (VucSession *session)
{
  eventfd_t count;

  if (has_offer (session))
    {
      vuc_watch_offer_locked (session);
    }
  else if (session->loop_woken && !session->must_look)
    {
      session->loop_woken = FALSE;
      (void) eventfd_read (session->loop_wake, &count);
    }
}

void
vuc_watch_look_locked (VucSession *session)
{
  struct epoll_event events[N_ABOUT];
  gboolean is_ready[N_ABOUT] = { FALSE };
  guint64 count;
  int n;

  if (session->epoll < 0)
    {
      session->lane.ready = TRUE;
      if (session->twin != NULL)
        session->twin->ready = TRUE;
      vuc_watched_look_locked (session);
      return;
    }

  session->must_look = FALSE;
  n = epoll_wait (session->epoll, events, G_N_ELEMENTS (events), 0);
  for (int i = 0; i < n; i++)
    is_ready[events[i].data.u32] = TRUE;

  if (is_ready[ABOUT_WAKE])
    {
      session->loop_woken = FALSE;
      (void) eventfd_read (session->loop_wake, &count);
    }
  if (is_ready[ABOUT_TIMER])
    {
      session->timer_at = G_MAXINT64;
      if (read (session->timer, &count, sizeof count) < 0)
        count = 0;
    }
  if (is_ready[ABOUT_WATCHED])
    vuc_watched_look_locked (session);
  if (session->has_reader)
    return;
  session->lane.ready = is_ready[ABOUT_LANE] || is_ready[ABOUT_PAIR];
  if (session->twin != NULL)
    session->twin->ready = is_ready[ABOUT_TWIN] || is_ready[ABOUT_PAIR];
}

void
vuc_watch_end_look_locked (VucSession *session)
{
  if (session->watch_paused && !session->has_reader && session->resume_at != 0
      && g_get_monotonic_time () >= session->resume_at)
    {
      session->watch_paused = FALSE;
      session->resume_at = 0;
    }
  vuc_watch_update_locked (session);
  vuc_watch_set_timer_locked (session);
  if (session->epoll < 0 || session->n_processing > 0)
    return;
  if (!session->has_reader && vuc_inbox_can_go_on_locked (session, &session->lane))
    session->must_look = TRUE; /* so that who delivers does not take the wake back */
  if (session->must_look || session->ready.head != NULL)
    write_wake (session);
}
