/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A connection that is replaced while somebody is still at a command of the one before: memory is
 * taken away, or the next one is made, meanwhile.  And which of them there is an event of.
 */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "session/session-private.h"
#include "unit/session-fixture.h"

static gsize
fixed_size (guint16 command)
{
  return command == 11 || command == 12 ? 16 : 0;
}

static gboolean
uses (const VucServed *served G_GNUC_UNUSED, gconstpointer what G_GNUC_UNUSED)
{
  return TRUE;
}

/* --- Taking memory away --- */

/* A service that stays in its begin until the gate is open. */
typedef struct
{
  GMutex lock;
  GCond changed;
  gboolean inside;
  gboolean open;
  VucSession *session;
  int next; /* the socket of the connection that comes then */
} Gate;

static void
begin_at_gate (VucServed *served G_GNUC_UNUSED, gpointer data)
{
  Gate *gate = data;

  g_mutex_lock (&gate->lock);
  gate->inside = TRUE;
  g_cond_broadcast (&gate->changed);
  while (!gate->open)
    g_cond_wait (&gate->changed, &gate->lock);
  g_mutex_unlock (&gate->lock);
}

static void
do_nothing (VucServed *served G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
}

static const VucService gated = { fixed_size, begin_at_gate, do_nothing, do_nothing, uses };

static gpointer
wait_for_a_reply (gpointer data)
{
  reset (((Gate *) data)->session, LONG, NULL);
  return NULL;
}

static gpointer
take_away (gpointer data)
{
  vuc_session_revoke (((Gate *) data)->session, NULL);
  return NULL;
}

static gpointer
connect_again (gpointer data)
{
  Gate *gate = data;
  VucTask connector;

  vuc_task_init (&connector, gate->session, NULL, G_MAXINT64);
  if (vuc_session_begin_connecting (gate->session, &connector, NULL)
      && vuc_session_open (gate->session, gate->next, FALSE, NULL))
    vuc_session_connected (gate->session, NULL);
  return NULL;
}

static void
wait_for_awaiting (VucSession *session, guint n)
{
  gboolean there = FALSE;

  while (!there)
    {
      g_mutex_lock (&session->lock);
      there = session->n_awaiting == n;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

/* The twin socket that it waits for goes meanwhile; who comes first then, nobody knows. */
static void
memory_is_taken_away_while_the_connection_is_replaced (void)
{
  static const guint8 command[32] = { 1, 0, 11, 0, 32 };

  for (guint i = 0; i < 20; i++)
    {
      Gate gate = { .inside = FALSE };
      VucSessionOptions options = {
        .max_msg_fds = SESSION_MAX_FDS, .timeout_ms = LONG, .service = &gated, .service_data = &gate
      };
      int ends[3][2];
      GThread *threads[3];

      for (guint k = 0; k < 3; k++)
        make_pair (&ends[k][1], &ends[k][0]);
      gate.next = ends[2][0];
      gate.session = session_open_raw (ends[0][0], &options);
      vuc_session_set_negotiated (gate.session, 65536, ends[1][0]);
      threads[0] = g_thread_new ("reader", wait_for_a_reply, &gate);
      ck_assert_int_eq (write (ends[1][1], command, sizeof command), sizeof command);
      g_mutex_lock (&gate.lock);
      while (!gate.inside)
        g_cond_wait (&gate.changed, &gate.lock);
      g_mutex_unlock (&gate.lock);

      threads[1] = g_thread_new ("revoker", take_away, &gate);
      wait_for_awaiting (gate.session, 1);
      vuc_session_end (gate.session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "" });
      threads[2] = g_thread_new ("connector", connect_again, &gate);
      wait_for_awaiting (gate.session, 2);
      g_mutex_lock (&gate.lock);
      gate.open = TRUE;
      g_cond_broadcast (&gate.changed);
      g_mutex_unlock (&gate.lock);

      for (guint k = 0; k < 3; k++)
        g_thread_join (threads[k]);
      vuc_session_free (gate.session);
      for (guint k = 0; k < 3; k++)
        close (ends[k][1]);
    }
}

/* A task that is to open the next connection when it is woken. */
static VucTaskStatus
sleep_then_open (VucTask *task, GError **error)
{
  Gate *gate = task->owner;

  if (!task->connects)
    {
      task->connects = TRUE;
      vuc_session_begin_connecting (task->session, task, error);
      vuc_task_sleep_until (task, in_ms (LONG));
      return VUC_TASK_GOES_ON;
    }
  ck_assert (!vuc_session_open (task->session, gate->next, FALSE, error));
  vuc_session_connect_failed (task->session, *error);
  return VUC_TASK_ENDS;
}

static void
note_end (VucDevice *device G_GNUC_UNUSED,
          VucOperation operation G_GNUC_UNUSED,
          const GError *error,
          gpointer text)
{
  *(char **) text = g_strdup (error->message);
}

/* Opening waits until nobody reads any more, so whoever reads must not be the one who opens. */
static void
who_still_reads_a_dead_connection_does_not_make_the_next (void)
{
  static const guint8 command[32] = { 1, 0, 11, 0, 32 };
  Gate gate = { .inside = FALSE };
  VucSessionOptions options = { .max_msg_fds = SESSION_MAX_FDS,
                                .timeout_ms = LONG,
                                .max_operations = 1,
                                .max_queued_bytes = 4096,
                                .service = &gated,
                                .service_data = &gate };
  VucTask *task = g_new0 (VucTask, 1);
  g_autofree char *text = NULL;
  GThread *thread;
  int ends[2][2];

  make_pair (&ends[0][1], &ends[0][0]);
  make_pair (&ends[1][1], &ends[1][0]);
  gate.next = ends[1][0];
  gate.session = session_open_raw (ends[0][0], &options);
  vuc_session_set_negotiated (gate.session, 65536, -1);
  thread = g_thread_new ("reader", wait_for_a_reply, &gate);
  ck_assert_int_eq (write (ends[0][1], command, sizeof command), sizeof command);
  g_mutex_lock (&gate.lock);
  while (!gate.inside)
    g_cond_wait (&gate.changed, &gate.lock);
  g_mutex_unlock (&gate.lock);

  vuc_session_end (gate.session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "lost" });
  vuc_task_init (task, gate.session, sleep_then_open, G_MAXINT64);
  task->owner = &gate;
  task->free = g_free;
  vuc_task_start (task, note_end, &text, NULL);
  vuc_session_end (gate.session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "closed" });
  g_mutex_lock (&gate.lock);
  gate.open = TRUE;
  g_cond_broadcast (&gate.changed);
  g_mutex_unlock (&gate.lock);

  g_thread_join (thread);
  vuc_session_deliver_all (gate.session);
  ck_assert_str_eq (text, "closed");
  vuc_session_free (gate.session);
  close (ends[0][1]);
  close (ends[1][1]);
}

/* --- Events --- */

static guint n_lost, n_reconnected;

static void
note_lost (VucDevice *device G_GNUC_UNUSED,
           VucOperation operation G_GNUC_UNUSED,
           const GError *error G_GNUC_UNUSED,
           gpointer user_data G_GNUC_UNUSED)
{
  n_lost++;
}

static void
note_reconnected (VucDevice *device G_GNUC_UNUSED,
                  VucOperation operation G_GNUC_UNUSED,
                  const GError *error G_GNUC_UNUSED,
                  gpointer user_data G_GNUC_UNUSED)
{
  n_reconnected++;
}

/* It ends when all has been agreed on, just before others are let in. */
static void
lose_while_connecting (VucSession *session, VucTask *connector)
{
  g_autoptr(GError) error = NULL;
  int server, client;

  make_pair (&server, &client);
  ck_assert (vuc_session_begin_connecting (session, connector, NULL));
  ck_assert (vuc_session_open (session, client, FALSE, NULL));
  vuc_session_end (session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "lost" });
  ck_assert (!vuc_session_connected (session, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "lost");
  vuc_session_connect_failed (session, error);
  close (server);
}

static void
a_connection_that_nobody_could_use_is_no_event (void)
{
  VucSession *session = vuc_session_new (&(VucSessionOptions){ .timeout_ms = LONG,
                                                              .max_operations = 1,
                                                              .lost = note_lost,
                                                              .reconnected = note_reconnected });
  VucTask connector;
  int server, client;

  n_lost = n_reconnected = 0;
  vuc_task_init (&connector, session, NULL, G_MAXINT64);
  lose_while_connecting (session, &connector);
  vuc_session_deliver_all (session);
  ck_assert_uint_eq (vuc_session_get_generation (session), 0);

  for (guint i = 1; i <= 2; i++)
    {
      make_pair (&server, &client);
      ck_assert (vuc_session_begin_connecting (session, &connector, NULL));
      ck_assert (vuc_session_open (session, client, FALSE, NULL));
      ck_assert (vuc_session_connected (session, NULL));
      vuc_session_end (session, &(GError){ VUC_ERROR, VUC_ERROR_DISCONNECTED, (char *) "lost" });
      close (server);
      lose_while_connecting (session, &connector);
      vuc_session_deliver_all (session);
      ck_assert_uint_eq (vuc_session_get_generation (session), i);
      ck_assert_uint_eq (n_lost, i);
      ck_assert_uint_eq (n_reconnected, i - 1);
    }
  vuc_session_free (session);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (memory_is_taken_away_while_the_connection_is_replaced),
  HARNESS_CASE (who_still_reads_a_dead_connection_does_not_make_the_next),
  HARNESS_CASE (a_connection_that_nobody_could_use_is_no_event),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session, replaced", cases);
}
