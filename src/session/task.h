/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A task is what a caller wants done: a function, its step, that submits calls and is called again
 * once all of them are over, until it says that the task has ended.  The same step serves both forms
 * of an operation, so that the two cannot disagree:
 *
 *   blocking      vuc_task_run(): the thread waits for the calls and runs the steps itself; the task
 *                 may live on its stack
 *   asynchronous  vuc_task_start(): whoever reads runs the steps; the outcome is delivered to the
 *                 callback, or to somebody who waits for the operation's number
 *
 * A task ends by its step, by its deadline, or by being cancelled; in the last two cases its step is
 * not called any more, and its calls are forgotten: their late replies are drained elsewhere.
 */

#ifndef VUC_TASK_H
#define VUC_TASK_H

#include <vfio-user-client/vuc-types.h>

#include "session/call.h"
#include "session/session.h"

typedef enum
{
  VUC_TASK_GOES_ON, /* calls were submitted, or it sleeps: the step is to be called again */
  VUC_TASK_ENDS     /* well, or with error set */
} VucTaskStatus;

/* Looks at what its calls have brought, and submits the next ones.  Never called by two threads at
 * a time, and with no lock held; does not wait. */
typedef VucTaskStatus (*VucTaskStep) (VucTask *task, GError **error);

struct _VucTask
{
  /* Set before it begins, and by its own step. */
  VucSession *session;
  VucTaskStep step;
  gint64 deadline;    /* g_get_monotonic_time(); G_MAXINT64 for none */
  guint16 command;    /* what to name when it ends early and has no call to name */
  const char *place;  /* or to where it connects; NULL: to a descriptor */
  gboolean connects;  /* it makes the connection, so it may use one that is not there for others */
  gint usable_link;   /* the connection that its calls must go to (session.h); 0: any */
  gboolean unlimited; /* it begins however much is under way */
  gpointer owner;     /* whoever made the task may keep something here */
  void (*settle) (VucTask *task, GError **error); /* called once, with no lock held, before the
                         * outcome is told, which it may change; may be NULL */
  GDestroyNotify clear; /* asynchronous: frees what the task has made; may be NULL */
  GDestroyNotify free;  /* asynchronous: then frees the memory that the task is part of */

  /* Asynchronous: set by vuc_task_start(). */
  VucOperation number;
  VucCallback callback;
  gpointer user_data;
  GDestroyNotify destroy;

  /* The session's, under its lock. */
  GQueue calls;        /* submitted and not over */
  guint n_lingering;   /* of these: have their outcome, but are pinned */
  guint64 link_number; /* of the connection that they went to */
  gint64 wake_at;      /* it sleeps until then; 0: it does not */
  gboolean waited;     /* a thread waits for it, and runs its steps */
  gboolean reads;      /* and that thread holds the reader role */
  gboolean counts;     /* among the operations under way */
  gboolean running;    /* a step is being run */
  gboolean done;
  GError *error; /* with done */
  gboolean sleeping;
  GCond cond;            /* where its waiter sleeps */
  GList sleeper_link;    /* data is the task, as in the following */
  GList queue_link;      /* in ready or finished */
  GQueue *queue;         /* which of them, or NULL */
  GList deadline_link;   /* in the session's deadlines */
  gboolean has_deadline; /* it is there */
  GList snooze_link;     /* in the session's snoozing */
  gboolean snoozing;     /* it is there */
};

void vuc_task_init (VucTask *task, VucSession *session, VucTaskStep step, gint64 deadline);

/* Runs it to its end.  The memory may be reused then. */
gboolean vuc_task_run (VucTask *task, GError **error);

/* FALSE, with the error that says that nothing can be waited for inside a callback. */
gboolean vuc_task_refuse_inside_callback (GError **error);

/*
 * Begins it, and runs its first step.  Takes the task, which is freed by task->free once its outcome
 * was delivered: to callback and then destroy, or to vuc_task_wait(); a task without callback stays
 * until it is waited for.
 *
 * Returns: its number.
 */
VucOperation vuc_task_start (VucTask *task,
                             VucCallback callback,
                             gpointer user_data,
                             GDestroyNotify destroy);

/* Waits for an asynchronous task and takes its outcome. */
gboolean vuc_task_wait (VucSession *session, VucOperation number, GError **error);

/* FALSE if there is none with this number that is not complete yet. */
gboolean vuc_task_cancel (VucSession *session, VucOperation number);

/* --- For steps --- */

/* Sends n commands, in order, as far as the socket takes them now.  Never fails: what goes wrong is
 * the outcome of the calls. */
void vuc_task_submit (VucTask *task, VucCall *const *calls, gsize n);

/* From now on this is its deadline. */
void vuc_task_set_deadline (VucTask *task, gint64 deadline);

/* The step is called again at this time, g_get_monotonic_time(). */
void vuc_task_sleep_until (VucTask *task, gint64 time);

#endif /* VUC_TASK_H */
