/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes that cannot go at once while other threads send, read, or leave: they go without a
 * further call of their poster, or he hears that they did not.
 */

#include <poll.h>

#include <vfio-user-client/vuc-error.h>

#include "base/limits.h"
#include "harness/harness.h"
#include "unit/posted-fixture.h"
#include "unit/session-fixture.h"

#define N_MORE 20

/* Holds the sender role for as long as the test wants: it is inside the trace of its command. */
typedef struct
{
  VucSession *session;
  GMutex lock;
  GCond cond;
  gboolean inside;
  gboolean goes_on;
  gboolean ok;
} Holder;

static void
hold (gboolean sent,
      const guint8 *bytes,
      gsize size G_GNUC_UNUSED,
      guint n_fds G_GNUC_UNUSED,
      gpointer user_data)
{
  Holder *holder = user_data;

  if (!sent || bytes[2] != VUC_COMMAND_DEVICE_RESET)
    return;
  g_mutex_lock (&holder->lock);
  holder->inside = TRUE;
  g_cond_broadcast (&holder->cond);
  while (!holder->goes_on)
    g_cond_wait (&holder->cond, &holder->lock);
  g_mutex_unlock (&holder->lock);
}

static gpointer
reset_and_hold (gpointer data)
{
  Holder *holder = data;

  holder->ok = reset (holder->session, LONG, NULL);
  return NULL;
}

static GThread *
holder_start (Holder *holder, Posting *posting, guint options)
{
  GThread *thread;

  g_mutex_init (&holder->lock);
  g_cond_init (&holder->cond);
  posting_open_with (posting, options,
                     &(VucSessionOptions){
                       .max_msg_fds = SESSION_MAX_FDS,
                       .timeout_ms = LONG,
                       .max_operations = VUC_LIMIT_OPERATIONS,
                       .max_queued_bytes = VUC_LIMIT_QUEUED_BYTES_DEFAULT,
                       .trace = hold,
                       .trace_data = holder,
                     });
  holder->session = posting->session;
  thread = g_thread_new ("holder", reset_and_hold, holder);
  g_mutex_lock (&holder->lock);
  while (!holder->inside)
    g_cond_wait (&holder->cond, &holder->lock);
  g_mutex_unlock (&holder->lock);
  return thread;
}

static void
holder_go_on (Holder *holder)
{
  g_mutex_lock (&holder->lock);
  holder->goes_on = TRUE;
  g_cond_broadcast (&holder->cond);
  g_mutex_unlock (&holder->lock);
}

static void
holder_finish (Holder *holder, Posting *posting, GThread *thread)
{
  posting_send (posting, "u16:0 u16:13 u32:16 u32:1 u32:0");
  g_thread_join (thread);
  ck_assert (holder->ok);
  posting_close (posting);
  g_cond_clear (&holder->cond);
  g_mutex_clear (&holder->lock);
}

static void
with_a_loop_whoever_sends_sends_what_was_posted_meanwhile (void)
{
  Holder holder = { 0 };
  Posting posting;
  Received received = { 0 };
  GThread *thread = holder_start (&holder, &posting,
                                  POSTING_LOOP | POSTING_MULTIPLE | POSTING_TWIN);

  for (guint i = 0; i < 3; i++)
    ck_assert (post (&posting, i));
  posting_expect_nothing (&posting);
  holder_go_on (&holder);

  posting_receive (&posting, &received, 4);
  assert_row (&received, 0, OTHER, 1);
  assert_row (&received, 1, 0, 3);
  ck_assert_uint_eq (received.n_multi, 1);
  ck_assert_uint_eq (received.n_single, 0);
  received_clear (&received);
  holder_finish (&holder, &posting, thread);
}

typedef struct
{
  Posting *posting;
  guint32 number;
} Poster;

static gpointer
post_on_a_thread (gpointer data)
{
  Poster *poster = data;

  return GINT_TO_POINTER (post (poster->posting, poster->number));
}

static void
wait_for_posters (VucSession *session, guint n)
{
  guint n_awaiting = 0;

  while (n_awaiting < n)
    {
      g_mutex_lock (&session->lock);
      n_awaiting = session->n_awaiting;
      g_mutex_unlock (&session->lock);
      g_thread_yield ();
    }
}

/* It would be left behind if the socket took no more, so it is only taken once it is out. */
static void
without_a_loop_posters_wait_for_whoever_sends (void)
{
  Holder holder = { 0 };
  Posting posting;
  Received received = { 0 };
  GThread *thread = holder_start (&holder, &posting, POSTING_MULTIPLE);
  Poster posters[2] = { { &posting, 7 }, { &posting, 8 } };
  GThread *threads[2];

  for (guint i = 0; i < 2; i++)
    {
      threads[i] = g_thread_new ("poster", post_on_a_thread, &posters[i]);
      wait_for_posters (posting.session, i + 1);
    }
  posting_expect_nothing (&posting);
  holder_go_on (&holder);

  for (guint i = 0; i < 2; i++)
    ck_assert (GPOINTER_TO_INT (g_thread_join (threads[i])));
  posting_receive (&posting, &received, 3);
  assert_row (&received, 0, OTHER, 1);
  assert_row (&received, 1, 7, 2);
  ck_assert_uint_eq (received.n_single, 2);
  received_clear (&received);
  holder_finish (&holder, &posting, thread);
}

static void
posters_that_wait_hear_of_the_end (void)
{
  g_autoptr (GError) cause = g_error_new (VUC_ERROR, VUC_ERROR_DISCONNECTED, "over");
  Holder holder = { 0 };
  Posting posting;
  GThread *thread = holder_start (&holder, &posting, POSTING_MULTIPLE);
  Poster poster = { &posting, 7 };
  GThread *other = g_thread_new ("poster", post_on_a_thread, &poster);

  wait_for_posters (posting.session, 1);
  vuc_session_end (posting.session, cause);
  holder_go_on (&holder);
  ck_assert (!GPOINTER_TO_INT (g_thread_join (other)));
  g_thread_join (thread);
  ck_assert (!holder.ok);
  posting_close (&posting);
  g_cond_clear (&holder.cond);
  g_mutex_clear (&holder.lock);
}

typedef struct
{
  VucSession *session;
  gboolean ok;
} Waiter;

static gpointer
reset_on_a_thread (gpointer data)
{
  Waiter *waiter = data;

  waiter->ok = reset (waiter->session, LONG, NULL);
  return NULL;
}

/* It polls for the reply only, until it is woken; the loop does not watch the socket meanwhile. */
static void
a_reader_that_polls_sends_what_is_queued (void)
{
  Posting posting;
  Received received = { 0 };
  Waiter waiter;
  GThread *thread;
  guint32 n;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE | POSTING_TWIN);
  waiter.session = posting.session;
  thread = g_thread_new ("waiter", reset_on_a_thread, &waiter);
  wait_for_sleepers (posting.session, 0);

  /* It may make the room that there is by itself: it sends. */
  for (n = 0; n < 2000; n++)
    ck_assert (post (&posting, n));
  posting_receive (&posting, &received, n + 1);
  assert_row (&received, 0, OTHER, 1);
  assert_row (&received, 1, 0, n);
  ck_assert_uint_gt (received.n_multi, 0);

  posting_send (&posting, "u16:0 u16:13 u32:16 u32:1 u32:0");
  g_thread_join (thread);
  ck_assert (waiter.ok);
  received_clear (&received);
  posting_close (&posting);
}

static void
a_reader_that_leaves_hands_on_to_the_loop (void)
{
  Posting posting;
  Received received = { 0 };
  Waiter waiter;
  GThread *thread;
  guint32 n;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE | POSTING_TWIN);
  waiter.session = posting.session;
  thread = g_thread_new ("waiter", reset_on_a_thread, &waiter);
  wait_for_sleepers (posting.session, 0);
  for (n = 0; n < 2000; n++)
    ck_assert (post (&posting, n));

  posting_send (&posting, "u16:0 u16:13 u32:16 u32:1 u32:0");
  g_thread_join (thread);
  ck_assert (waiter.ok);
  ck_assert_ptr_nonnull (posting.session->outbox.head);
  posting_drain (&posting, &received);
  assert_row (&received, 0, OTHER, 1);
  assert_row (&received, 1, 0, n);
  received_clear (&received);
  posting_close (&posting);
}

/* It cannot be woken, and the loop does not watch. */
static void
nothing_is_left_to_a_reader_that_sleeps_in_its_receive (void)
{
  Posting posting;
  Received received = { 0 };
  Waiter waiter;
  gboolean receiving;
  GThread *thread;
  guint32 n = 0;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE);
  waiter.session = posting.session;
  thread = g_thread_new ("waiter", reset_on_a_thread, &waiter);
  wait_for_sleepers (posting.session, 0);

  while (n < 2000 && post (&posting, n))
    n++;

  /* It sleeps for a second at a time, unless this has taken longer. */
  g_mutex_lock (&posting.session->lock);
  receiving = posting.session->receiving;
  g_mutex_unlock (&posting.session->lock);
  ck_assert (!receiving || n < 2000);
  posting_receive (&posting, &received, n + 1);
  assert_row (&received, 0, OTHER, 1);
  assert_row (&received, 1, 0, n);

  posting_send (&posting, "u16:0 u16:13 u32:16 u32:1 u32:0");
  g_thread_join (thread);
  ck_assert (waiter.ok);
  received_clear (&received);
  posting_close (&posting);
}

/* Where blocking calls follow each other the sockets stay out of the loop's set for a while. */
static void
a_loop_that_is_paused_is_brought_back (void)
{
  Posting posting;
  Received received = { 0 };
  guint32 n;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE);
  g_mutex_lock (&posting.session->lock);
  posting.session->last_leave = g_get_monotonic_time ();
  vuc_watch_pause_locked (posting.session);
  posting.session->resume_at = G_MAXINT64;
  g_mutex_unlock (&posting.session->lock);

  n = post_until_full (&posting, 0);
  posting_drain (&posting, &received);
  assert_row (&received, 0, 0, n);
  ck_assert (!posting.session->watch_paused);
  received_clear (&received);
  posting_close (&posting);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (with_a_loop_whoever_sends_sends_what_was_posted_meanwhile),
  HARNESS_CASE (without_a_loop_posters_wait_for_whoever_sends),
  HARNESS_CASE (posters_that_wait_hear_of_the_end),
  HARNESS_CASE (a_reader_that_polls_sends_what_is_queued),
  HARNESS_CASE (a_reader_that_leaves_hands_on_to_the_loop),
  HARNESS_CASE (nothing_is_left_to_a_reader_that_sleeps_in_its_receive),
  HARNESS_CASE (a_loop_that_is_paused_is_brought_back),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "posted, readers", cases);
}
