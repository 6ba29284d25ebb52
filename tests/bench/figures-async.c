/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Many reads of one device in flight, driven by a GLib main context or by a loop of the caller's,
 * against a client that does the same by hand.  Main thread.
 */

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "bench/bare.h"
#include "bench/figures.h"
#include "bench/flight.h"

#define IN_FLIGHT 32

/* A slice takes less than a second; after so long nothing more is expected. */
#define STALL_S 20

typedef struct
{
  const char *name;
  Flight *flight;
  GMainContext *context; /* or NULL, then: */
  int fd;
} Async;

/* Set by a signal, which costs the loop nothing while all goes well. */
static volatile sig_atomic_t stalled;

static void
on_alarm (int number G_GNUC_UNUSED)
{
  stalled = TRUE;
}

/* Interrupts whatever sleeps, again and again, from so many seconds on; 0: not any more. */
static void
set_alarm (guint seconds)
{
  struct itimerval timer = { .it_interval = { .tv_sec = 1 }, .it_value = { .tv_sec = seconds } };
  struct sigaction action = { .sa_handler = on_alarm };

  sigaction (SIGALRM, &action, NULL);
  setitimer (ITIMER_REAL, &timer, NULL);
}

static Async *
async_new (Subject *subject, const char *name, guint n_places)
{
  Async *async = g_new0 (Async, 1);

  async->name = name;
  async->flight = flight_new (&subject->device, 1, n_places);
  subject->own = async;
  return async;
}

static void
attach_to_own_context (Subject *subject, Async *async)
{
  g_autoptr (GError) error = NULL;

  async->context = g_main_context_new ();
  if (!vuc_device_attach (subject->device, async->context, &error))
    g_error ("%s", error->message);
}

static char *
in_context_begin (Subject *subject)
{
  attach_to_own_context (subject, async_new (subject, "async-32", IN_FLIGHT));
  return NULL;
}

static char *
in_process_begin (Subject *subject)
{
  Async *async = async_new (subject, "async-32-process", IN_FLIGHT);
  g_autoptr (GError) error = NULL;

  async->fd = vuc_device_get_fd (subject->device, &error);
  if (async->fd < 0)
    g_error ("%s", error->message);
  return NULL;
}

static char *
at_limit_begin (Subject *subject)
{
  VucLoad load;

  vuc_device_get_load (subject->device, &load);
  attach_to_own_context (subject, async_new (subject, "async-100k", load.max_operations));
  return NULL;
}

static void
flight_end (Subject *subject)
{
  Async *async = subject->own;

  if (async->context != NULL)
    {
      vuc_device_detach (subject->device);
      g_main_context_unref (async->context);
    }
  flight_free (async->flight);
  g_free (async);
}

const Setting in_context = { in_context_begin, flight_end };
const Setting in_process = { in_process_begin, flight_end };
const Setting at_limit = { at_limit_begin, flight_end };

static void
run_context (Async *async, guint count)
{
  while (flight_get_done (async->flight) < count && !stalled)
    {
      g_main_context_iteration (async->context, TRUE);
      flight_go_on (async->flight);
    }
}

static void
run_process (Subject *subject, Async *async, guint count)
{
  struct pollfd poll_fd = { .fd = async->fd, .events = POLLIN };
  struct timespec timeout = { .tv_sec = STALL_S };

  while (flight_get_done (async->flight) < count && !stalled)
    {
      (void) ppoll (&poll_fd, 1, &timeout, NULL);
      vuc_device_process (subject->device);
      flight_go_on (async->flight);
    }
}

void
flight_read_4 (Subject *subject, guint count)
{
  Async *async = subject->own;
  const char *failure;

  set_alarm (STALL_S);
  flight_start (async->flight, count);
  if (async->context != NULL)
    run_context (async, count);
  else
    run_process (subject, async, count);
  set_alarm (0);

  failure = flight_get_failure (async->flight);
  if (failure == NULL && !stalled)
    return;
  g_printerr ("bench: %s: of %u reads %u were completed%s, %u failed%s%s\n", async->name, count,
              flight_get_done (async->flight), stalled ? ", then nothing came any more" : "",
              flight_get_failed (async->flight), failure != NULL ? ", the first with: " : "",
              failure != NULL ? failure : "");
  exit (EXIT_FAILURE);
}

void
bare_flight_read_4 (Subject *subject, guint count)
{
  bare_read_4_pipelined (subject->bare, 64, IN_FLIGHT, count);
}
