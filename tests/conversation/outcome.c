/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Takes down what becomes of an asynchronous operation.  Does not know which operation it is.
 * outcome_tell () and outcome_destroy () are called on any thread, the others on that of the case.
 */

#include "conversation/outcome.h"

#include <poll.h>

#include "conversation/connect.h"
#include "harness/harness.h"

#define MANY 1000 /* calls in a row that all find something to do */

Outcome *
outcome_new (void)
{
  Outcome *outcome = g_new0 (Outcome, 1);

  g_mutex_init (&outcome->lock);
  g_cond_init (&outcome->changed);
  return outcome;
}

void
outcome_free (Outcome *outcome)
{
  g_clear_error (&outcome->error);
  g_mutex_clear (&outcome->lock);
  g_cond_clear (&outcome->changed);
  g_free (outcome);
}

/* ---- What the library calls ---- */

void
outcome_tell (VucDevice *device, VucOperation operation, const GError *error, gpointer data)
{
  Outcome *outcome = data;

  g_mutex_lock (&outcome->lock);
  outcome->n_callbacks++;
  outcome->told_while_starting = outcome->starter == g_thread_self ();
  outcome->operation = operation;
  outcome->device = device;
  outcome->thread = g_thread_self ();
  g_clear_error (&outcome->error);
  if (error != NULL)
    outcome->error = g_error_copy (error);
  g_cond_broadcast (&outcome->changed);
  g_mutex_unlock (&outcome->lock);

  if (outcome->then != NULL)
    outcome->then (device, outcome->then_data);
}

void
outcome_destroy (gpointer data)
{
  Outcome *outcome = data;

  g_mutex_lock (&outcome->lock);
  outcome->n_destroys++;
  outcome->destroyed_first = outcome->n_callbacks == 0;
  outcome->destroy_thread = g_thread_self ();
  g_cond_broadcast (&outcome->changed);
  g_mutex_unlock (&outcome->lock);
}

void
outcome_starting (Outcome *outcome)
{
  g_mutex_lock (&outcome->lock);
  outcome->starter = g_thread_self ();
  g_mutex_unlock (&outcome->lock);
}

void
outcome_started (Outcome *outcome)
{
  g_mutex_lock (&outcome->lock);
  outcome->starter = NULL;
  g_mutex_unlock (&outcome->lock);
}

/* ---- Until it is complete ---- */

static gboolean
is_complete (Outcome *outcome)
{
  gboolean complete;

  g_mutex_lock (&outcome->lock);
  complete = outcome->n_destroys > 0;
  g_mutex_unlock (&outcome->lock);
  return complete;
}

gboolean
wait_for_work (VucDevice *device, guint ms)
{
  g_autoptr(GError) error = NULL;
  struct pollfd pollfd = { .fd = vuc_device_get_fd (device, &error), .events = POLLIN };

  assert_no_error (error);
  return poll (&pollfd, 1, (int) ms) > 0;
}

void
process_all (VucDevice *device)
{
  guint n = 0;

  while (wait_for_work (device, 0))
    {
      if (n++ == MANY)
        harness_fail ("the descriptor is readable for ever");
      vuc_device_process (device);
    }
}

void
outcome_process (Outcome *outcome, VucDevice *device)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE_MS * 1000;

  while (!is_complete (outcome))
    {
      if (!wait_for_work (device, PATIENCE_MS) || g_get_monotonic_time () > end)
        harness_fail ("the operation did not complete, although vuc_device_process () was called"
                      " whenever the descriptor was readable");
      vuc_device_process (device);
    }
}

void
count_sent (const VucMessageEvent *event, gpointer n_sent)
{
  if (event->direction == VUC_MESSAGE_SENT)
    ++*(guint *) n_sent;
}

void
process_until_sent (VucDevice *device, const guint *n_sent, guint n)
{
  while (*n_sent < n)
    {
      if (!wait_for_work (device, PATIENCE_MS))
        harness_fail ("%u messages were sent, expected %u", *n_sent, n);
      vuc_device_process (device);
    }
}

static gboolean
on_patience_end (gpointer data G_GNUC_UNUSED)
{
  harness_fail ("the operation did not complete, although its context was iterated");
}

void
outcome_iterate (Outcome *outcome, GMainContext *context)
{
  GSource *patience = g_timeout_source_new (PATIENCE_MS);

  g_source_set_callback (patience, on_patience_end, NULL, NULL);
  g_source_attach (patience, context);
  while (!is_complete (outcome))
    g_main_context_iteration (context, TRUE);
  g_source_destroy (patience);
  g_source_unref (patience);
}

const OutcomeWay outcome_ways[] = {
  { "from vuc_device_process", FALSE },
  { "from a main context", TRUE },
};

void
outcome_attach (VucDevice *device, const OutcomeWay *way, GMainContext *context)
{
  if (way->in_context)
    attach (device, context);
}

void
outcome_complete (Outcome *outcome,
                  VucDevice *device,
                  const OutcomeWay *way,
                  GMainContext *context)
{
  if (way->in_context)
    outcome_iterate (outcome, context);
  else
    outcome_process (outcome, device);
}

static void
wait_until_positive (Outcome *outcome, const guint *n)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE_MS * 1000;
  gboolean in_time = TRUE;

  g_mutex_lock (&outcome->lock);
  while (*n == 0 && in_time)
    in_time = g_cond_wait_until (&outcome->changed, &outcome->lock, end);
  g_mutex_unlock (&outcome->lock);
  if (!in_time)
    harness_fail ("the operation did not complete by itself");
}

void
outcome_wait (Outcome *outcome)
{
  wait_until_positive (outcome, &outcome->n_destroys);
}

void
outcome_wait_for_callback (Outcome *outcome)
{
  wait_until_positive (outcome, &outcome->n_callbacks);
}

/* ---- What became of it ---- */

static void
expect_told_once (Outcome *outcome, VucOperation operation)
{
  ck_assert_uint_eq (outcome->n_callbacks, 1);
  ck_assert_uint_eq (outcome->n_destroys, 1);
  ck_assert (!outcome->destroyed_first);
  ck_assert (!outcome->told_while_starting);
  ck_assert_ptr_eq (outcome->thread, outcome->destroy_thread);
  ck_assert_uint_eq (outcome->operation, operation);
  ck_assert_uint_ne (operation, 0);
}

void
outcome_expect_success (Outcome *outcome, VucOperation operation)
{
  g_mutex_lock (&outcome->lock);
  assert_no_error (outcome->error);
  expect_told_once (outcome, operation);
  g_mutex_unlock (&outcome->lock);
}

void
outcome_expect_error (Outcome *outcome, VucOperation operation, VucError code, const char *text)
{
  g_mutex_lock (&outcome->lock);
  assert_error (outcome->error, VUC_ERROR, code, text);
  expect_told_once (outcome, operation);
  g_mutex_unlock (&outcome->lock);
}

void
outcome_expect_nothing (Outcome *outcome)
{
  g_mutex_lock (&outcome->lock);
  ck_assert_uint_eq (outcome->n_callbacks, 0);
  ck_assert_uint_eq (outcome->n_destroys, 0);
  g_mutex_unlock (&outcome->lock);
}

void
outcome_expect_silence (Outcome *outcome)
{
  g_mutex_lock (&outcome->lock);
  ck_assert_uint_eq (outcome->n_callbacks, 0);
  ck_assert_uint_eq (outcome->n_destroys, 1);
  g_mutex_unlock (&outcome->lock);
}
