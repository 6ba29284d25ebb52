/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What becomes of an asynchronous operation, and three ways to let it happen.
 *
 *   static void
 *   a_read_is_answered (void)
 *   {
 *     g_autoptr(Outcome) outcome = outcome_new ();
 *     VucOperation operation;
 *     ...
 *     operation = vuc_device_region_read_async (device, 7, 0, data, 4, OUTCOME (outcome));
 *     outcome_process (outcome, device);
 *     outcome_expect_success (outcome, operation);
 *   }
 *
 * A callback may come on any thread, so it only takes down what it sees; the assertions are made
 * where the test looks at it.
 */

#ifndef CONVERSATION_OUTCOME_H
#define CONVERSATION_OUTCOME_H

#include <vfio-user-client/vfio-user-client.h>

G_BEGIN_DECLS

/* For what has to come, on a machine that is busy, too; below the harness's own, so that who waits
 * can say what for. */
#define PATIENCE_MS 30000

typedef struct
{
  GMutex lock;
  GCond changed;

  /* Guarded by the lock, and constant once the operation is complete. */
  guint n_callbacks;
  guint n_destroys;
  gboolean destroyed_first;     /* before its callback */
  gboolean told_while_starting; /* on the thread that was inside the starting call */
  VucOperation operation;
  VucDevice *device; /* as the callback got it; no reference */
  GError *error;
  GThread *thread;         /* of the callback */
  GThread *destroy_thread; /* of the destroy function */
  GThread *starter;        /* inside the starting call, or NULL */

  /* Called inside the callback, with no lock held; set before the operation is started. */
  void (*then) (VucDevice *device, gpointer user_data);
  gpointer then_data;
} Outcome;

Outcome *outcome_new (void);
void outcome_free (Outcome *outcome);

/* The last arguments of a function that starts an operation. */
#define OUTCOME(outcome) outcome_tell, (outcome), outcome_destroy
void outcome_tell (VucDevice *device, VucOperation operation, const GError *error, gpointer data);
void outcome_destroy (gpointer data);

/* Between these two the callback may not come on this thread. */
void outcome_starting (Outcome *outcome);
void outcome_started (Outcome *outcome);

/* Until it is complete: calls vuc_device_process () whenever there is something to do; iterates a
 * context; or waits for another thread.  Each fails the test if that takes too long. */
void outcome_process (Outcome *outcome, VucDevice *device);
void outcome_iterate (Outcome *outcome, GMainContext *context);
void outcome_wait (Outcome *outcome);

/* The first two of these ways, as rows of a table.  Attaches the device where that is needed, and
 * lets the operation complete. */
typedef struct
{
  const char *name;
  gboolean in_context; /* which the device is attached to; else vuc_device_process () */
} OutcomeWay;

extern const OutcomeWay outcome_ways[2];

void outcome_attach (VucDevice *device, const OutcomeWay *way, GMainContext *context);
void outcome_complete (Outcome *outcome,
                       VucDevice *device,
                       const OutcomeWay *way,
                       GMainContext *context);

/* Until another thread is inside its callback. */
void outcome_wait_for_callback (Outcome *outcome);

/* That the operation is complete, said so exactly once, and how it ended. */
void outcome_expect_success (Outcome *outcome, VucOperation operation);
void outcome_expect_error (Outcome *outcome,
                           VucOperation operation,
                           VucError code,
                           const char *text);

/* That nothing was said of it yet. */
void outcome_expect_nothing (Outcome *outcome);

/* That its callback was not and will not be called, as somebody else was told: only the destroy
 * function was. */
void outcome_expect_silence (Outcome *outcome);

/* Whether the device's descriptor says that there is something to do, within so long. */
gboolean wait_for_work (VucDevice *device, guint ms);

/* Processes until there is nothing more to do. */
void process_all (VucDevice *device);

/* A VucMessageFunc: counts in a guint what was sent. */
void count_sent (const VucMessageEvent *event, gpointer n_sent);

/* Processes until that count is reached. */
void process_until_sent (VucDevice *device, const guint *n_sent, guint n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Outcome, outcome_free)

G_END_DECLS

#endif /* CONVERSATION_OUTCOME_H */
