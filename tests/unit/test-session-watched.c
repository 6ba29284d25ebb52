/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Descriptors of others in a session's loop: when their function is called and when not any more,
 * on one thread at a time, and in order with what else is delivered.
 */

#include <sys/eventfd.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/script-server.h"
#include "session/session-private.h"
#include "unit/session-fixture.h"

#define MANY 500

typedef struct
{
  VucSession *session;
  int fd;
  VucWatched *watched;
  gboolean keeps;   /* does not read it */
  gboolean removes; /* itself, inside its function */
  GString *log;     /* or NULL */
  char letter;
  int n_calls; /* atomic */
  int n_inside;
  int n_destroys;
} Watch;

static void
on_ready (VucDevice *device, gpointer data)
{
  Watch *watch = data;
  eventfd_t count;

  ck_assert_ptr_null (device);
  ck_assert_int_eq (g_atomic_int_add (&watch->n_inside, 1), 0);
  g_atomic_int_inc (&watch->n_calls);
  if (!watch->keeps)
    (void) eventfd_read (watch->fd, &count);
  if (watch->log != NULL)
    g_string_append_c (watch->log, watch->letter);
  if (watch->removes)
    {
      vuc_session_unwatch (watch->watched);
      ck_assert_int_eq (watch->n_destroys, 0);
    }
  g_atomic_int_add (&watch->n_inside, -1);
}

static void
on_destroy (gpointer data)
{
  Watch *watch = data;

  ck_assert_int_eq (g_atomic_int_get (&watch->n_inside), 0);
  watch->n_destroys++;
  close (watch->fd);
}

static void
begin (Watch *watch, VucSession *session)
{
  g_autoptr(GError) error = NULL;

  watch->session = session;
  watch->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  watch->watched = vuc_session_watch (session, watch->fd, on_ready, watch, on_destroy, &error);
  assert_no_error (error);
  ck_assert_ptr_nonnull (watch->watched);
}

static VucSession *
new_session (void)
{
  return vuc_session_new (&(VucSessionOptions){ .timeout_ms = LONG });
}

static void
its_function_is_called_whenever_it_is_readable (void)
{
  VucSession *session = new_session ();
  Watch watch = { 0 };

  ck_assert (!has_work (session));
  begin (&watch, session);
  ck_assert (!has_work (session));
  for (int i = 1; i <= 3; i++)
    {
      ck_assert_int_eq (eventfd_write (watch.fd, 1), 0);
      ck_assert (has_work (session));
      vuc_session_process (session);
      ck_assert_int_eq (watch.n_calls, i);
      ck_assert (!has_work (session));
      vuc_session_process (session);
      ck_assert_int_eq (watch.n_calls, i);
    }
  vuc_session_unwatch (watch.watched);
  ck_assert_int_eq (watch.n_destroys, 1);
  vuc_session_free (session);
}

static void
it_may_be_watched_before_the_set_is_made (void)
{
  VucSession *session = new_session ();
  Watch watch = { 0 };

  begin (&watch, session);
  ck_assert_int_eq (eventfd_write (watch.fd, 1), 0);
  vuc_session_process (session);
  ck_assert_int_eq (watch.n_calls, 1);

  ck_assert_int_eq (eventfd_write (watch.fd, 1), 0);
  ck_assert (has_work (session));
  vuc_session_process (session);
  ck_assert_int_eq (watch.n_calls, 2);
  vuc_session_unwatch (watch.watched);
  vuc_session_free (session);
}

static void
what_stays_readable_is_called_once_a_time (void)
{
  VucSession *session = new_session ();
  Watch watch = { .keeps = TRUE };

  begin (&watch, session);
  ck_assert_int_eq (eventfd_write (watch.fd, 1), 0);
  for (int i = 1; i <= 3; i++)
    {
      ck_assert (has_work (session));
      vuc_session_process (session);
      ck_assert_int_eq (watch.n_calls, i);
    }
  vuc_session_unwatch (watch.watched);
  vuc_session_free (session);
}

static void
nothing_is_called_after_it_was_taken_out (void)
{
  VucSession *session = new_session ();
  Watch watch = { 0 };
  int other;

  begin (&watch, session);
  other = dup (watch.fd);
  vuc_session_unwatch (watch.watched);
  ck_assert_int_eq (watch.n_destroys, 1);

  /* Somebody else has it open still. */
  ck_assert_int_eq (eventfd_write (other, 1), 0);
  ck_assert (!has_work (session));
  vuc_session_process (session);
  ck_assert_int_eq (watch.n_calls, 0);
  close (other);
  vuc_session_free (session);
}

static void
it_may_be_taken_out_by_its_own_function (void)
{
  VucSession *session = new_session ();
  Watch watch = { .removes = TRUE };

  begin (&watch, session);
  ck_assert_int_eq (eventfd_write (watch.fd, 1), 0);
  vuc_session_process (session);
  ck_assert_int_eq (watch.n_calls, 1);
  ck_assert_int_eq (watch.n_destroys, 1);
  ck_assert (!has_work (session));
  vuc_session_free (session);
}

static void
take_the_other_out (VucDevice *device, gpointer data)
{
  Watch *watch = data;

  on_ready (device, &watch[0]);
  vuc_session_unwatch (watch[1].watched);
  ck_assert_int_eq (watch[1].n_destroys, 1);
}

static void
one_that_waits_its_turn_may_be_taken_out (void)
{
  VucSession *session = new_session ();
  g_autoptr(GError) error = NULL;
  Watch watch[2] = { { 0 } };

  watch[0].fd = eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK);
  watch[0].watched
    = vuc_session_watch (session, watch[0].fd, take_the_other_out, watch, on_destroy, &error);
  begin (&watch[1], session);
  ck_assert_int_eq (eventfd_write (watch[1].fd, 1), 0);
  vuc_session_process (session);
  ck_assert_int_eq (watch[0].n_calls, 1);
  ck_assert_int_eq (watch[1].n_calls, 0);
  vuc_session_unwatch (watch[0].watched);
  vuc_session_free (session);
}

/* --- In order with what else is delivered --- */

static void
log_outcome (VucDevice *device G_GNUC_UNUSED,
             VucOperation operation G_GNUC_UNUSED,
             const GError *error G_GNUC_UNUSED,
             gpointer log)
{
  g_string_append_c (log, 'o');
}

static void
callbacks_come_in_order (void)
{
  VucSession *session = new_session ();
  g_autoptr(GString) log = g_string_new (NULL);
  Watch watch = { .log = log, .letter = 'w' };

  begin (&watch, session);
  start_task (session, log_outcome, log);
  ck_assert_int_eq (eventfd_write (watch.fd, 1), 0);
  vuc_session_process (session);
  ck_assert_str_eq (log->str, "ow");
  vuc_session_unwatch (watch.watched);
  vuc_session_free (session);
}

static void
many_are_all_called (void)
{
  VucSession *session = new_session ();
  g_autofree Watch *watches = g_new0 (Watch, MANY);

  for (int i = 0; i < MANY; i++)
    {
      begin (&watches[i], session);
      ck_assert_int_eq (eventfd_write (watches[i].fd, 1), 0);
    }
  while (has_work (session))
    vuc_session_process (session);
  for (int i = 0; i < MANY; i++)
    {
      ck_assert_int_eq (watches[i].n_calls, 1);
      vuc_session_unwatch (watches[i].watched);
    }
  vuc_session_free (session);
}

/* --- Threads --- */

typedef struct
{
  VucSession *session;
  int ends; /* atomic */
} Processors;

static gpointer
process (gpointer data)
{
  Processors *processors = data;

  while (!g_atomic_int_get (&processors->ends))
    vuc_session_process (processors->session);
  return NULL;
}

static void
no_two_threads_are_in_its_function (void)
{
  Processors processors = { .session = new_session () };
  GThread *threads[3];
  Watch watch = { .keeps = TRUE };

  begin (&watch, processors.session);
  ck_assert_int_eq (eventfd_write (watch.fd, 1), 0);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("process", process, &processors);
  while (g_atomic_int_get (&watch.n_calls) < MANY)
    g_thread_yield ();
  g_atomic_int_set (&processors.ends, 1);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  vuc_session_unwatch (watch.watched);
  ck_assert_int_eq (watch.n_destroys, 1);
  vuc_session_free (processors.session);
}

/* Each one is signalled, and taken out at any time. */
static void
others_may_process_while_one_is_taken_out (void)
{
  Processors processors = { .session = new_session () };
  GThread *threads[2];
  g_autofree Watch *watches = g_new0 (Watch, MANY);

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("process", process, &processors);
  for (int i = 0; i < MANY; i++)
    {
      watches[i].keeps = TRUE;
      begin (&watches[i], processors.session);
      ck_assert_int_eq (eventfd_write (watches[i].fd, 1), 0);
      if (i % 2 == 0)
        while (g_atomic_int_get (&watches[i].n_calls) == 0)
          g_thread_yield ();
      vuc_session_unwatch (watches[i].watched);
    }
  g_atomic_int_set (&processors.ends, 1);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  for (int i = 0; i < MANY; i++)
    ck_assert_int_eq (watches[i].n_destroys, 1);
  vuc_session_free (processors.session);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (its_function_is_called_whenever_it_is_readable),
  HARNESS_CASE (it_may_be_watched_before_the_set_is_made),
  HARNESS_CASE (what_stays_readable_is_called_once_a_time),
  HARNESS_CASE (nothing_is_called_after_it_was_taken_out),
  HARNESS_CASE (it_may_be_taken_out_by_its_own_function),
  HARNESS_CASE (one_that_waits_its_turn_may_be_taken_out),
  HARNESS_CASE (callbacks_come_in_order),
  HARNESS_CASE (many_are_all_called),
  HARNESS_CASE (no_two_threads_are_in_its_function),
  HARNESS_CASE (others_may_process_while_one_is_taken_out),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "session-watched", cases);
}
