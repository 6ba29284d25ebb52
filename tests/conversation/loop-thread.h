/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A thread that runs a main context of its own, and counts how often it was woken.
 *
 *   g_autoptr(LoopThread) loop = loop_thread_new ();
 *
 *   ck_assert (vuc_device_attach (device, loop->context, &error));
 *
 * Servers are started before it.
 */

#ifndef CONVERSATION_LOOP_THREAD_H
#define CONVERSATION_LOOP_THREAD_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  GMainContext *context;
  GThread *thread;
  int n_iterations; /* atomic */
  int stops;        /* atomic */
} LoopThread;

LoopThread *loop_thread_new (void);

/* Ends the thread.  What is attached to the context stays so. */
void loop_thread_free (LoopThread *loop);

/* How many iterations of the context have ended. */
guint loop_thread_count (LoopThread *loop);

/* Waits until the thread sleeps in the context's poll, with everything dispatched that was ready
 * when this was called. */
void loop_thread_settle (LoopThread *loop);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoopThread, loop_thread_free)

G_END_DECLS

#endif /* CONVERSATION_LOOP_THREAD_H */
