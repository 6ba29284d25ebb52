/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One device and several threads: a main loop that runs elsewhere, and readers at once.  All
 * threads of the client are on its one CPU: they have it from the main thread.
 */

#include <pthread.h>

#include "bench/figures.h"

/* --- Attached to a main loop that has nothing to do, in another thread --- */

typedef struct
{
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
} Attached;

static gpointer
run_loop (gpointer data)
{
  Attached *attached = data;

  g_main_loop_run (attached->loop);
  return NULL;
}

static char *
attached_begin (Subject *subject)
{
  Attached *attached = g_new0 (Attached, 1);
  g_autoptr (GError) error = NULL;

  attached->context = g_main_context_new ();
  attached->loop = g_main_loop_new (attached->context, FALSE);
  if (!vuc_device_attach (subject->device, attached->context, &error))
    g_error ("%s", error->message);
  attached->thread = g_thread_new ("loop", run_loop, attached);
  subject->own = attached;
  return NULL;
}

static void
attached_end (Subject *subject)
{
  Attached *attached = subject->own;

  g_main_loop_quit (attached->loop);
  g_thread_join (attached->thread);
  vuc_device_detach (subject->device);
  g_main_loop_unref (attached->loop);
  g_main_context_unref (attached->context);
  g_free (attached);
}

const Setting while_attached = { attached_begin, attached_end };

/* --- Readers at once --- */

#define N_THREADS 8

typedef struct
{
  Subject *subject;
  guint count; /* reads of each thread in a slice; 0: they end */
  pthread_barrier_t begin;
  pthread_barrier_t end;
  GThread *threads[N_THREADS];
} Readers;

static gpointer
run_reader (gpointer data)
{
  Readers *readers = data;
  guint32 value;

  for (;;)
    {
      pthread_barrier_wait (&readers->begin);
      if (readers->count == 0)
        return NULL;
      for (guint i = 0; i < readers->count; i++)
        if (!vuc_device_region_read (readers->subject->device, 0, 64, &value, sizeof value, NULL))
          g_error ("a read failed");
      pthread_barrier_wait (&readers->end);
    }
}

static char *
threads_begin (Subject *subject)
{
  Readers *readers = g_new0 (Readers, 1);

  readers->subject = subject;
  pthread_barrier_init (&readers->begin, NULL, N_THREADS + 1);
  pthread_barrier_init (&readers->end, NULL, N_THREADS + 1);
  for (guint i = 0; i < N_THREADS; i++)
    readers->threads[i] = g_thread_new ("reader", run_reader, readers);
  subject->own = readers;
  return NULL;
}

static void
threads_end (Subject *subject)
{
  Readers *readers = subject->own;

  readers->count = 0;
  pthread_barrier_wait (&readers->begin);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (readers->threads[i]);
  pthread_barrier_destroy (&readers->begin);
  pthread_barrier_destroy (&readers->end);
  g_free (readers);
}

const Setting with_threads = { threads_begin, threads_end };

void
threads_read_4 (Subject *subject, guint count)
{
  Readers *readers = subject->own;

  readers->count = MAX (count / N_THREADS, 1);
  pthread_barrier_wait (&readers->begin);
  pthread_barrier_wait (&readers->end);
}
