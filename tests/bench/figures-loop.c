/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Many devices on one main loop: what an operation costs with a thousand of them that are all
 * active, against ten; and how much of the heap one takes that does nothing.  Main thread.
 */

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>

#include "bench/client.h"
#include "bench/figures.h"
#include "bench/flight.h"

#define N_MANY 1000
#define N_FEW  10
#define N_HEAP 100

/* Sockets of both ends, and what the library opens for each: with some to spare. */
#define DESCRIPTORS_PER_DEVICE 8

#define HEAP_BOUND (32 * 1024)

/* Devices that one peer serves and one context runs. */
typedef struct
{
  guint n;
  VucDevice **devices;
  GMainContext *context;
  Flight *flight;
  pid_t peer;
} Fleet;

static void
fleet_open (Fleet *fleet, guint n, const Placement *placement)
{
  g_autofree int *fds = g_new (int, n);
  g_autoptr (GError) error = NULL;

  fleet->n = n;
  fleet->devices = g_new0 (VucDevice *, n);
  fleet->context = g_main_context_new ();
  peer_start_many (placement->server_cpu, fds, n, &fleet->peer);
  for (guint i = 0; i < n; i++)
    {
      fleet->devices[i] = client_connect (fds[i], NULL);
      if (!vuc_device_attach (fleet->devices[i], fleet->context, &error))
        g_error ("%s", error->message);
    }
  fleet->flight = flight_new (fleet->devices, n, n);
}

static void
fleet_close (Fleet *fleet)
{
  for (guint i = 0; i < fleet->n; i++)
    vuc_device_unref (fleet->devices[i]);
  flight_free (fleet->flight);
  g_free (fleet->devices);
  g_main_context_unref (fleet->context);
  peer_stop (fleet->peer);
}

static void
fleet_read_4 (Fleet *fleet, guint count)
{
  flight_start (fleet->flight, count);
  while (flight_get_done (fleet->flight) < count)
    g_main_context_iteration (fleet->context, TRUE);
  if (flight_get_failed (fleet->flight) > 0)
    g_error ("a read failed: %s", flight_get_failure (fleet->flight));
}

/* --- A thousand against ten --- */

typedef struct
{
  Fleet many;
  Fleet few;
} Fleets;

/* Raises the limit as far as it goes.  Returns why that is not enough for n devices, or NULL. */
static char *
need_descriptors (guint n)
{
  rlim_t needed = n * DESCRIPTORS_PER_DEVICE;
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      (void) setrlimit (RLIMIT_NOFILE, &limit);
    }
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= needed)
    return NULL;
  return g_strdup_printf ("%u descriptors needed, the limit is %" G_GUINT64_FORMAT, (guint) needed,
                          (guint64) limit.rlim_cur);
}

static char *
devices_begin (Subject *subject)
{
  char *hindrance = need_descriptors (N_MANY + N_FEW);
  Fleets *fleets;

  if (hindrance != NULL)
    return hindrance;
  fleets = g_new0 (Fleets, 1);
  fleet_open (&fleets->many, N_MANY, subject->placement);
  fleet_open (&fleets->few, N_FEW, subject->placement);
  subject->own = fleets;
  return NULL;
}

static void
devices_end (Subject *subject)
{
  Fleets *fleets = subject->own;

  fleet_close (&fleets->many);
  fleet_close (&fleets->few);
  g_free (fleets);
}

const Setting with_devices = { devices_begin, devices_end };

void
devices_read_4 (Subject *subject, guint count)
{
  Fleets *fleets = subject->own;

  fleet_read_4 (&fleets->many, count);
}

void
few_devices_read_4 (Subject *subject, guint count)
{
  Fleets *fleets = subject->own;

  fleet_read_4 (&fleets->few, count);
}

/* --- Heap --- */

#if defined __GLIBC_PREREQ
#  if __GLIBC_PREREQ(2, 33)
#    define HAS_MALLINFO2 1
#  endif
#endif

/* In bytes; 0 where the C library does not tell, or where a sanitizer has put its own in place. */
static gsize
used_heap (void)
{
#ifdef HAS_MALLINFO2
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

/* Each has read once, both ways, so what a device keeps for its accesses is there. */
static void
fleet_open_idle (Fleet *fleet, guint n, const Placement *placement)
{
  guint32 value;

  fleet_open (fleet, n, placement);
  fleet_read_4 (fleet, n);
  for (guint i = 0; i < n; i++)
    if (!vuc_device_region_read (fleet->devices[i], 0, 64, &value, sizeof value, NULL))
      g_error ("a read failed");
  while (g_main_context_iteration (fleet->context, FALSE))
    ;
}

void
report_heap_per_device (const Placement *placement)
{
  Fleet first, fleet;
  double per_device;
  gsize before;

  /* What only the first device of a process needs. */
  fleet_open_idle (&first, 1, placement);

  before = used_heap ();
  if (before == 0)
    {
      measure_skip (placement, "heap-per-device", "<=1.00", "the heap does not tell its size");
      fleet_close (&first);
      return;
    }
  fleet_open_idle (&fleet, N_HEAP, placement);
  per_device = (double) (used_heap () - before) / N_HEAP;
  measure_report (placement, "heap-per-device", per_device / HEAP_BOUND, "<=1.00",
                  per_device <= HEAP_BOUND, per_device, HEAP_BOUND);
  fleet_close (&fleet);
  fleet_close (&first);
}
