/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Descriptors of others in a session's loop: a function is called whenever one is readable.  Does
 * not know what they are, nor read them.  Any thread.
 *
 * They have an epoll set of their own, which is one descriptor of the session's set (watch.c): so
 * however many there are, the sockets are not pushed aside by them, and each costs the same.
 *
 * One that is ready becomes a task that has ended, and stands in the queue of what is to be
 * delivered: so its function is called in order with the callbacks of operations, without any lock,
 * on whatever thread delivers, and with the device alive.  It is watched for one event at a time
 * (EPOLLONESHOT), and again once its function has returned: so it stands in the queue once, and no
 * two threads are in the function.
 *
 *   idle      in the set, armed
 *   pending   in the queue (task.queue), or its function runs
 *   removed   not in the set; goes when it is not, or not any more, pending
 */

#include "session/watched.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/error.h"
#include "session/session-private.h"

/* So many are taken at a time; the set stays readable where there are more. */
#define TAKEN_AT_A_TIME 64

struct _VucWatched
{
  VucTask task; /* how it is delivered; it is never run */
  int fd;
  VucWatchedFunc func;
  gpointer user_data;
  GDestroyNotify destroy;

  /* Under the session's lock. */
  gboolean pending;
  gboolean removed;
};

void
vuc_watched_init (VucWatchedSet *set)
{
  set->epoll = -1;
}

void
vuc_watched_clear (VucWatchedSet *set)
{
  if (set->epoll >= 0)
    close (set->epoll);
  set->epoll = -1;
}

static void
watched_free (VucWatched *watched)
{
  if (watched->destroy != NULL)
    watched->destroy (watched->user_data);
  g_free (watched);
}

static gboolean
set_events (VucWatched *watched, int operation)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = watched };

  return epoll_ctl (watched->task.session->watched.epoll, operation, watched->fd, &event) == 0;
}

/* --- Delivery: no lock is held --- */

static void
call_func (VucDevice *device,
           VucOperation operation G_GNUC_UNUSED,
           const GError *error G_GNUC_UNUSED,
           gpointer user_data)
{
  VucWatched *watched = user_data;

  watched->func (device, watched->user_data);
}

/* Its function has returned. */
static void
watch_again (gpointer task)
{
  VucWatched *watched = task;
  VucSession *session = watched->task.session;
  gboolean removed;

  g_mutex_lock (&session->lock);
  watched->pending = FALSE;
  removed = watched->removed;
  if (!removed)
    (void) set_events (watched, EPOLL_CTL_MOD);
  g_mutex_unlock (&session->lock);
  if (removed)
    watched_free (watched);
}

/* None of them goes meanwhile: the set and its members change under the lock only. */
void
vuc_watched_look_locked (VucSession *session)
{
  struct epoll_event events[TAKEN_AT_A_TIME];
  int n;

  if (session->watched.epoll < 0)
    return;
  n = epoll_wait (session->watched.epoll, events, G_N_ELEMENTS (events), 0);
  for (int i = 0; i < n; i++)
    {
      VucWatched *watched = events[i].data.ptr;

      watched->pending = TRUE;
      vuc_task_deliver_later_locked (session, &watched->task);
    }
}

/* --- For the floors above --- */

static gboolean
make_set_locked (VucSession *session)
{
  VucWatchedSet *set = &session->watched;
  int number;

  if (set->epoll >= 0)
    return TRUE;
  set->epoll = epoll_create1 (EPOLL_CLOEXEC);
  if (set->epoll < 0)
    return FALSE;
  if (vuc_watch_add_watched_locked (session))
    return TRUE;

  number = errno;
  vuc_watched_clear (set);
  errno = number;
  return FALSE;
}

VucWatched *
vuc_session_watch (VucSession *session,
                   int fd,
                   VucWatchedFunc func,
                   gpointer user_data,
                   GDestroyNotify destroy,
                   GError **error)
{
  VucWatched *watched = g_new0 (VucWatched, 1);
  gboolean ok;
  int number;

  vuc_task_init (&watched->task, session, NULL, G_MAXINT64);
  watched->task.callback = call_func;
  watched->task.user_data = watched;
  watched->task.free = watch_again;
  watched->fd = fd;
  watched->func = func;
  watched->user_data = user_data;
  watched->destroy = destroy;

  g_mutex_lock (&session->lock);
  ok = make_set_locked (session) && set_events (watched, EPOLL_CTL_ADD);
  number = errno;
  g_mutex_unlock (&session->lock);
  if (ok)
    return watched;

  g_free (watched);
  vuc_fail_errno (error, VUC_ERROR_LIMIT, number, "watching descriptor %d", fd);
  return NULL;
}

/* It leaves the set explicitly: others may have duplicates of the descriptor. */
void
vuc_session_unwatch (VucWatched *watched)
{
  VucSession *session = watched->task.session;
  gboolean is_idle;

  g_mutex_lock (&session->lock);
  watched->removed = TRUE;
  (void) set_events (watched, EPOLL_CTL_DEL);
  is_idle = !watched->pending || vuc_task_deliver_not_locked (&watched->task);
  g_mutex_unlock (&session->lock);
  if (is_idle)
    watched_free (watched);
}
