/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* Runs a main context in a thread.  Does not know what is attached to it. */

#include "conversation/loop-thread.h"

static gpointer
run (gpointer data)
{
  LoopThread *loop = data;

  g_main_context_push_thread_default (loop->context);
  while (!g_atomic_int_get (&loop->stops))
    {
      g_main_context_iteration (loop->context, TRUE);
      g_atomic_int_inc (&loop->n_iterations);
    }
  g_main_context_pop_thread_default (loop->context);
  return NULL;
}

LoopThread *
loop_thread_new (void)
{
  LoopThread *loop = g_new0 (LoopThread, 1);

  loop->context = g_main_context_new ();
  loop->thread = g_thread_new ("loop", run, loop);
  return loop;
}

void
loop_thread_free (LoopThread *loop)
{
  g_atomic_int_set (&loop->stops, TRUE);
  g_main_context_wakeup (loop->context);
  g_thread_join (loop->thread);
  g_main_context_unref (loop->context);
  g_free (loop);
}

guint
loop_thread_count (LoopThread *loop)
{
  return (guint) g_atomic_int_get (&loop->n_iterations);
}

/* An iteration that begins after this was called has ended when the second more has. */
void
loop_thread_settle (LoopThread *loop)
{
  for (guint i = 0; i < 3; i++)
    {
      const guint before = loop_thread_count (loop);

      g_main_context_wakeup (loop->context);
      while (loop_thread_count (loop) == before)
        g_thread_yield ();
    }
}
