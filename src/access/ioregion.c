/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client of an ioregionfd.  Does not know which sub-regions there are, nor in which other ways an
 * access could travel.  Any thread, several at once.
 *
 * One command at a time is outstanding on a descriptor: who has one holds it (line->busy), the others
 * sleep on its condition.  No lock is held while anything is sent, received or waited for.
 *
 * The other end is not trusted, and may have a duplicate of ours: no system call here sleeps but
 * ppoll, which ends at the deadline.  A response that did not come in time stays owed, and is
 * swallowed by the next access, before its own command goes.  Of a response all values are right.
 * What could be wrong is that there are more of them than were asked for; no access could tell any
 * more which response is its own, so the socket is given up then.  That is noticed for free where
 * more was received than is owed, and where the socket is full; and it is looked for before the
 * first access that wants a response after posted writes, as servers may answer those by mistake.
 * What comes without having been asked for before a command goes, and alone, is taken for the
 * response, and the true one is the surplus that ends it.
 *
 * Whoever waits here must see to it that the server can answer: it may first want to read guest
 * memory by messages, and this thread may be the one whose loop would answer those.  So after
 * ALONE_US, in which most responses come, the session is served as well (vuc_session_serve),
 * whenever its descriptor is readable; at once, where the access before had to.  That descriptor
 * may stay readable because of what only the loop can do; so when serving has come to nothing it is
 * left alone for a while, that grows from PAUSE_MIN_US to PAUSE_MAX_US.  That is the longest that a
 * command of the server may have to wait.
 *
 * After a reconnect there is another socket.  What belongs to one is a Line of its own, on which an
 * access keeps a reference: so none ever reads from a socket that it did not send to.
 */

#include "access/ioregion.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "access/coarse-timer.h"
#include "base/error.h"
#include "base/fd-set.h"
#include "session/task.h"
#include "wire/ioregion.h"

/* In microseconds: how long the response alone is waited for, or up to twice as long; */
#define ALONE_US 10000

/* how long the session's descriptor is left alone; */
#define PAUSE_MIN_US 100
#define PAUSE_MAX_US 10000

/* and after how long it is looked whether the socket was renewed, or the connection lost. */
#define LOOK_US 50000

/* A socket that is ready, and then is not, so often in one access is not worth having. */
#define MAX_IN_VAIN 100

/* So much is received at a time that a response too many shows. */
#define RECEIVED_AT_A_TIME ((gsize) 2 * VUC_IOREGION_RESPONSE_SIZE)

/* A socket, and what is owed on it. */
typedef struct
{
  int ref_count; /* atomic */
  int fd;
  int is_dead; /* atomic, written under the lock; never becomes FALSE again */

  /* Under the lock. */
  gboolean busy; /* somebody holds it */
  guint n_waiting;
  GCond released;
  const char *why; /* it is dead */
  int number;      /* an errno, or 0 */

  /* The holder's. */
  VucCoarseTimer timer;
  gboolean is_owed;      /* a response */
  gboolean had_to_serve; /* the access before */
  gboolean posted;       /* since it was looked whether there is one that nobody asked for */
  gsize n_received;      /* of the response that is owed */
  guint8 received[RECEIVED_AT_A_TIME];
} Line;

struct _VucIoregion
{
  int ref_count; /* atomic */
  int is_usable; /* atomic, written under the lock: the line is not dead */
  GMutex lock;
  Line *line; /* under the lock */
};

/* One access, on its thread's stack. */
typedef struct
{
  VucIoregion *ioregion;
  Line *line;
  VucSession *session;
  gint link;
  VucIoregionCommand command;
  gint64 deadline;

  /* Waiting. */
  guint n_in_vain;    /* how often there was nothing to receive */
  int session_fd;     /* -1: not asked for yet, or there is none */
  gboolean serves;    /* the session, too */
  gint64 alone_until; /* with that: the session's descriptor is not looked at before */
  gint64 pause_us;
} Access;

/* --- Lines --- */

static Line *
line_new (int fd, GError **error)
{
  int own = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  Line *line;

  if (own < 0)
    {
      vuc_fail_errno (error, VUC_ERROR_LIMIT, errno, "duplicating an ioregionfd");
      return NULL;
    }
  line = g_new0 (Line, 1);
  line->ref_count = 1;
  line->fd = own;
  vuc_coarse_timer_init (&line->timer);
  g_cond_init (&line->released);
  return line;
}

static void
line_unref (Line *line)
{
  if (!g_atomic_int_dec_and_test (&line->ref_count))
    return;
  vuc_fd_close_received (line->fd);
  vuc_coarse_timer_clear (&line->timer);
  g_cond_clear (&line->released);
  g_free (line);
}

/* Only the first cause counts. */
static void
line_die_locked (VucIoregion *ioregion, Line *line, int number, const char *why)
{
  if (line->is_dead)
    return;
  line->why = why;
  line->number = number;
  g_atomic_int_set (&line->is_dead, TRUE);
  g_cond_broadcast (&line->released);
  if (ioregion->line == line)
    g_atomic_int_set (&ioregion->is_usable, FALSE);
}

/* --- Errors --- */

static gboolean
fail (const Access *access, VucError code, int number, const char *what, GError **error)
{
  const VucIoregionCommand *command = &access->command;
  g_autofree char *where = g_strdup_printf ("ioregionfd: %s of %u bytes at 0x%" G_GINT64_MODIFIER
                                            "x: %s",
                                            command->is_write ? "write" : "read", command->size,
                                            command->offset, what);

  return number != 0 ? vuc_fail_errno (error, code, number, "%s", where)
                     : vuc_fail (error, code, "%s", where);
}

static gboolean
fail_late (const Access *access, const char *what, GError **error)
{
  return fail (access, VUC_ERROR_TIMED_OUT, 0, what, error);
}

/* The line is dead, perhaps of this. */
static gboolean
die (const Access *access, int number, const char *why, GError **error)
{
  VucIoregion *ioregion = access->ioregion;

  g_mutex_lock (&ioregion->lock);
  line_die_locked (ioregion, access->line, number, why);
  number = access->line->number;
  why = access->line->why;
  g_mutex_unlock (&ioregion->lock);
  return fail (access, VUC_ERROR_DISCONNECTED, number, why, error);
}

static gboolean
die_of_end (const Access *access, int number, GError **error)
{
  if (number == 0 || number == EPIPE || number == ECONNRESET)
    return die (access, 0, "the server closed its socket", error);
  return die (access, number, "its socket failed", error);
}

/* --- Holding the line --- */

static gboolean
sleep_locked (VucIoregion *ioregion, Line *line, gint64 deadline)
{
  gboolean in_time = TRUE;

  line->n_waiting++;
  if (deadline == G_MAXINT64)
    g_cond_wait (&line->released, &ioregion->lock);
  else
    in_time = g_cond_wait_until (&line->released, &ioregion->lock, deadline);
  line->n_waiting--;
  return in_time;
}

static gboolean
take_line (Access *access, GError **error)
{
  VucIoregion *ioregion = access->ioregion;
  gboolean in_time = TRUE, is_taken;
  Line *line;

  g_mutex_lock (&ioregion->lock);
  line = access->line = ioregion->line;
  g_atomic_int_inc (&line->ref_count);
  while (line->busy && !line->is_dead && in_time)
    in_time = sleep_locked (ioregion, line, access->deadline);
  is_taken = !line->busy && !line->is_dead;
  if (is_taken)
    line->busy = TRUE;
  in_time = in_time || line->is_dead;
  g_mutex_unlock (&ioregion->lock);
  if (is_taken)
    return TRUE;

  if (in_time)
    die (access, 0, NULL, error);
  else
    fail_late (access, "others were under way on its descriptor all the time", error);
  line_unref (line);
  return FALSE;
}

static void
release_line (Access *access)
{
  Line *line = access->line;

  g_mutex_lock (&access->ioregion->lock);
  line->busy = FALSE;
  if (line->n_waiting > 0)
    g_cond_signal (&line->released);
  g_mutex_unlock (&access->ioregion->lock);
  line_unref (line);
}

/* --- Waiting --- */

static void
serve (Access *access)
{
  gboolean is_first = !access->serves;

  access->serves = TRUE;
  if (access->session_fd < 0)
    access->session_fd = vuc_session_peek_fd (access->session, NULL);
  if (vuc_session_serve (access->session))
    access->pause_us = 0;
  else if (!is_first)
    access->pause_us = CLAMP (2 * access->pause_us, PAUSE_MIN_US, PAUSE_MAX_US);

  /* Without a descriptor to wait for it is looked now and then. */
  if (access->session_fd < 0)
    access->pause_us = MAX (access->pause_us, PAUSE_MIN_US);
  if (access->pause_us > 0)
    access->alone_until = g_get_monotonic_time () + access->pause_us;
}

static gboolean
is_connection_lost (const Access *access)
{
  gboolean connecting;

  return vuc_session_get_state (access->session, &connecting) == VUC_SESSION_LOST;
}

static int
poll_for (struct pollfd *fds, nfds_t n_fds, gint64 us)
{
  const struct timespec timeout = { .tv_sec = MAX (us, 0) / G_USEC_PER_SEC,
                                    .tv_nsec = MAX (us, 0) % G_USEC_PER_SEC * 1000 };

  return ppoll (fds, n_fds, &timeout, NULL);
}

/* The usual case: what is waited for comes soon, so nothing else need be looked after. */
static gboolean
await_alone (Access *access, short events)
{
  Line *line = access->line;
  gint64 now = g_get_monotonic_time ();

  return !access->serves && !line->had_to_serve && access->deadline - now >= 2 * ALONE_US
         && vuc_coarse_timer_poll (&line->timer, line->fd, events, now, ALONE_US);
}

/* Until the line is ready for one of these events, or not any more. */
static gboolean
await (Access *access, short events, const char *late, GError **error)
{
  if (await_alone (access, events))
    return TRUE;

  for (;;)
    {
      gint64 now = g_get_monotonic_time ();
      struct pollfd fds[] = { { access->line->fd, events, 0 }, { access->session_fd, POLLIN, 0 } };
      gboolean is_alone = access->serves && now < access->alone_until;
      gint64 until = MIN (is_alone ? access->alone_until : now + LOOK_US, access->deadline);
      int n_ready = poll_for (fds, is_alone ? 1 : 2, access->serves ? until - now : 0);

      if (n_ready < 0 && errno != EINTR)
        return die_of_end (access, errno, error);
      if (n_ready > 0 && fds[0].revents != 0)
        return TRUE;
      if (g_atomic_int_get (&access->line->is_dead))
        return die (access, 0, NULL, error);
      if (n_ready == 0 && until == access->deadline && g_get_monotonic_time () >= until)
        return fail_late (access, late, error);
      if (n_ready < 0)
        continue;

      if (n_ready > 0 || !access->serves || access->session_fd < 0)
        serve (access);
      if (is_connection_lost (access))
        return die (access, 0, "the connection was lost", error);
    }
}

/* --- Commands and responses --- */

/* What is there, if anything. */
static gboolean
receive (Access *access, GError **error)
{
  Line *line = access->line;
  gssize count = recv (line->fd, line->received + line->n_received,
                       sizeof line->received - line->n_received, MSG_DONTWAIT);

  if (count > 0)
    line->n_received += (gsize) count;
  else if (count == 0 || (errno != EAGAIN && errno != EINTR))
    return die_of_end (access, count == 0 ? 0 : errno, error);
  else if (++access->n_in_vain > MAX_IN_VAIN)
    return die (access, 0, "its socket is ready for nothing", error);
  return TRUE;
}

/* Nothing is owed: so there is nothing to receive. */
static gboolean
check_silence (Access *access, GError **error)
{
  access->line->posted = FALSE;
  if (!receive (access, error))
    return FALSE;
  if (access->line->n_received > 0)
    return die (access, 0, "the server sent a response that nobody asked for", error);
  return TRUE;
}

/* data: NULL: it is nobody's any more. */
static gboolean
receive_response (Access *access, gpointer data, const char *late, GError **error)
{
  Line *line = access->line;
  gboolean is_surplus;

  while (line->n_received < VUC_IOREGION_RESPONSE_SIZE)
    if (!await (access, POLLIN, late, error) || !receive (access, error))
      return FALSE;

  is_surplus = line->n_received > VUC_IOREGION_RESPONSE_SIZE;
  line->is_owed = FALSE;
  line->n_received = 0;
  if (is_surplus)
    return die (access, 0, "the server sent more than the response", error);
  if (data != NULL)
    vuc_ioregion_response_decode (line->received, data, access->command.size);
  return TRUE;
}

/* The server does not read.  Perhaps as it wants to get rid of something that nobody asked for. */
static gboolean
await_room (Access *access, GError **error)
{
  return await (access, POLLIN | POLLOUT, "the server did not take the command in time", error)
         && check_silence (access, error);
}

static gboolean
send_command (Access *access, gconstpointer data, GError **error)
{
  guint8 bytes[VUC_IOREGION_COMMAND_SIZE];
  gsize sent = 0;

  vuc_ioregion_command_encode (&access->command, data, bytes);
  while (sent < sizeof bytes)
    {
      gssize count = send (access->line->fd, bytes + sent, sizeof bytes - sent,
                           MSG_DONTWAIT | MSG_NOSIGNAL);

      if (count > 0)
        sent += (gsize) count;
      else if (count < 0 && errno != EAGAIN && errno != EINTR)
        return die_of_end (access, errno, error);
      else if (!await_room (access, error))
        break;
    }
  if (sent == sizeof bytes)
    return TRUE;

  /* The next command must not begin in the middle of this one. */
  if (sent > 0)
    die (access, 0, "the server did not take the whole command in time", NULL);
  return FALSE;
}

static gboolean
converse (Access *access, gconstpointer written, gpointer read, GError **error)
{
  Line *line = access->line;

  if (line->is_owed
      && !receive_response (access, NULL, "the response to the access before is overdue", error))
    return FALSE;
  if (line->posted && access->command.wants_response && !check_silence (access, error))
    return FALSE;
  if (!send_command (access, written, error))
    return FALSE;

  line->is_owed = access->command.wants_response;
  line->posted |= !access->command.wants_response;
  return !line->is_owed
         || receive_response (access, read, "the server did not respond in time", error);
}

/* A line gets another server's socket while there is no connection that everybody may use, so that
 * which we hold is of the link, or of one before, whose socket is of no use. */
static gboolean
check_link (Access *access, GError **error)
{
  return vuc_session_get_usable_link (access->session) == access->link
         || vuc_session_explain_loss (access->session, error);
}

static gboolean
run (Access *access, gconstpointer written, gpointer read, GError **error)
{
  gboolean ok;

  if (vuc_session_is_inside_callback ())
    return vuc_task_refuse_inside_callback (error);
  if (!take_line (access, error))
    return FALSE;
  ok = check_link (access, error) && converse (access, written, read, error);
  access->line->had_to_serve = access->serves;
  release_line (access);
  return ok;
}

/* --- For the others --- */

VucIoregion *
vuc_ioregion_new (int fd, GError **error)
{
  Line *line = line_new (fd, error);
  VucIoregion *ioregion;

  if (line == NULL)
    return NULL;
  ioregion = g_new0 (VucIoregion, 1);
  ioregion->ref_count = 1;
  ioregion->is_usable = TRUE;
  g_mutex_init (&ioregion->lock);
  ioregion->line = line;
  return ioregion;
}

VucIoregion *
vuc_ioregion_ref (VucIoregion *ioregion)
{
  g_atomic_int_inc (&ioregion->ref_count);
  return ioregion;
}

void
vuc_ioregion_unref (VucIoregion *ioregion)
{
  if (!g_atomic_int_dec_and_test (&ioregion->ref_count))
    return;
  line_unref (ioregion->line);
  g_mutex_clear (&ioregion->lock);
  g_free (ioregion);
}

gboolean
vuc_ioregion_renew (VucIoregion *ioregion, int fd, GError **error)
{
  Line *line = line_new (fd, error);
  Line *old = NULL;

  g_mutex_lock (&ioregion->lock);
  line_die_locked (ioregion, ioregion->line, 0, "the device was connected again");
  if (line != NULL)
    {
      old = ioregion->line;
      ioregion->line = line;
      g_atomic_int_set (&ioregion->is_usable, TRUE);
    }
  g_mutex_unlock (&ioregion->lock);
  if (old != NULL)
    line_unref (old);
  return line != NULL;
}

gboolean
vuc_ioregion_is_usable (VucIoregion *ioregion)
{
  return g_atomic_int_get (&ioregion->is_usable);
}

guint
vuc_ioregion_get_n_waiting (VucIoregion *ioregion)
{
  guint n;

  g_mutex_lock (&ioregion->lock);
  n = ioregion->line->n_waiting;
  g_mutex_unlock (&ioregion->lock);
  return n;
}

gboolean
vuc_ioregion_read (VucIoregion *ioregion,
                   VucSession *session,
                   gint link,
                   guint64 user_data,
                   guint64 offset,
                   gpointer data,
                   guint size,
                   gint64 deadline,
                   GError **error)
{
  Access access = {
    .ioregion = ioregion,
    .session = session,
    .link = link,
    .command = { .wants_response = TRUE, .size = size, .user_data = user_data, .offset = offset },
    .deadline = deadline,
    .session_fd = -1
  };

  return run (&access, NULL, data, error);
}

gboolean
vuc_ioregion_write (VucIoregion *ioregion,
                    VucSession *session,
                    gint link,
                    guint64 user_data,
                    guint64 offset,
                    gconstpointer data,
                    guint size,
                    gboolean posted,
                    gint64 deadline,
                    GError **error)
{
  Access access = { .ioregion = ioregion,
                    .session = session,
                    .link = link,
                    .command = { .is_write = TRUE,
                                 .wants_response = !posted,
                                 .size = size,
                                 .user_data = user_data,
                                 .offset = offset },
                    .deadline = deadline,
                    .session_fd = -1 };

  return run (&access, data, NULL, error);
}
