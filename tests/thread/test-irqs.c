/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Many threads that change the same interrupts.  Whoever was last on the wire has them; what the
 * library remembers must be that, which shows when the device is connected again: the same eventfds
 * are signalled as before.
 */

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vfio-user-client/vfio-user-client.h>

#include "conversation/connect.h"
#include "conversation/irqs.h"
#include "conversation/loop-thread.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/mutate.h"

#define N_THREADS 4
#define N_VECTORS 4
#define N_ROUNDS  10
#define N_CHANGES 100

typedef struct
{
  VucDevice *device;
  guint64 seed;
  int fds[N_VECTORS];
  guint n_failures;
} Changer;

static gboolean
change_something (Changer *changer)
{
  guint64 number = mutate_next_number (&changer->seed);
  guint32 vector = (guint32) (number >> 8) % N_VECTORS;
  VucOperation operation;

  switch (number % 8)
    {
    case 0:
      return vuc_device_disable_irq (changer->device, MSIX, NULL);
    case 1:
      return vuc_device_clear_irq_eventfds (changer->device, MSIX, vector, 1, NULL);
    case 2:
      return vuc_device_set_irq_eventfds (changer->device, MSIX, 0, changer->fds, N_VECTORS, NULL);
    case 3:
      operation = vuc_device_set_irq_eventfds_async (changer->device, MSIX, vector,
                                                     &changer->fds[vector], 1, NULL, NULL, NULL);
      vuc_device_get_irq_state (changer->device, MSIX, vector);
      return vuc_device_wait (changer->device, operation, NULL);
    default:
      return vuc_device_set_irq_eventfds (changer->device, MSIX, vector, &changer->fds[vector], 1,
                                          NULL);
    }
}

static gpointer
change (gpointer data)
{
  Changer *changer = data;

  for (guint i = 0; i < N_CHANGES; i++)
    changer->n_failures += !change_something (changer);
  return NULL;
}

static gboolean
was_signalled (int fd)
{
  struct pollfd pollfd = { .fd = fd, .events = POLLIN };
  eventfd_t count;

  return poll (&pollfd, 1, 0) == 1 && eventfd_read (fd, &count) == 0;
}

/* Whose eventfd each interrupt has; N_THREADS: nobody's. */
static void
find_owners (VucDevice *device, Changer *changers, guint *owners)
{
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_trigger_irqs (device, MSIX, 0, N_VECTORS, &error));
  assert_no_error (error);
  for (guint vector = 0; vector < N_VECTORS; vector++)
    {
      owners[vector] = N_THREADS;
      for (guint i = 0; i < N_THREADS; i++)
        if (was_signalled (changers[i].fds[vector]))
          owners[vector] = i;
    }
}

static void
run_threads (Changer *changers)
{
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("change", change, &changers[i]);
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (threads[i]);
      ck_assert_uint_eq (changers[i].n_failures, 0);
    }
}

static void
what_is_remembered_is_what_the_server_was_told_last (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = vuc_device_connect (demo_device_listen (demo), NULL, &error);
  g_auto(Eventfds) eventfds = { 0 };
  Changer changers[N_THREADS] = { { 0 } };
  guint before[N_VECTORS], after[N_VECTORS];

  assert_no_error (error);
  for (guint i = 0; i < N_THREADS; i++)
    {
      const int *fds = eventfds_make (&eventfds, N_VECTORS);

      changers[i].device = device;
      changers[i].seed = i;
      for (guint vector = 0; vector < N_VECTORS; vector++)
        changers[i].fds[vector] = fds[vector];
    }

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      run_threads (changers);
      find_owners (device, changers, before);
      for (guint vector = 0; vector < N_VECTORS; vector++)
        expect_states (device, MSIX, vector, 1,
                       before[vector] < N_THREADS ? VUC_IRQ_ARMED : VUC_IRQ_DISARMED);
      vuc_device_close (device);
      ck_assert (vuc_device_reconnect (device, &error));
      assert_no_error (error);
      find_owners (device, changers, after);
      for (guint vector = 0; vector < N_VECTORS; vector++)
        ck_assert_uint_eq (after[vector], before[vector]);
    }
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* ---- Watching ---- */

typedef struct
{
  gint n_calls;    /* atomic, as all of it */
  gint n_inside;
  gint n_destroys;
} Watched;

static void
on_interrupt (VucDevice *device,
              guint32 irq G_GNUC_UNUSED,
              guint32 sub_index G_GNUC_UNUSED,
              guint64 count G_GNUC_UNUSED,
              gpointer data)
{
  Watched *watched = data;

  g_atomic_int_inc (&watched->n_inside);
  g_atomic_int_inc (&watched->n_calls);
  (void) vuc_device_get_irq_state (device, MSIX, 0);
  g_atomic_int_add (&watched->n_inside, -1);
}

static void
on_destroy (gpointer data)
{
  Watched *watched = data;

  ck_assert_int_eq (g_atomic_int_get (&watched->n_inside), 0);
  g_atomic_int_inc (&watched->n_destroys);
}

typedef struct
{
  VucDevice *device;
  gint ends; /* atomic */
} Trigger;

static gpointer
trigger (gpointer data)
{
  Trigger *trigger = data;

  while (!g_atomic_int_get (&trigger->ends))
    (void) vuc_device_trigger_irqs (trigger->device, MSIX, 0, N_VECTORS, NULL);
  return NULL;
}

static gboolean
begin (VucDevice *device, Watched *watched)
{
  return vuc_device_watch_irq (device, MSIX, 0, N_VECTORS, on_interrupt, watched, on_destroy, NULL);
}

/* A loop that calls the function, a thread that interrupts, and we, who take it away. */
static void
a_watch_may_end_at_any_time (void)
{
  g_autofree Watched *watched = g_new0 (Watched, N_CHANGES);
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr(LoopThread) loop = loop_thread_new ();
  Trigger triggers = { .device = device };
  GThread *thread = g_thread_new ("trigger", trigger, &triggers);
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_attach (device, loop->context, &error));
  for (guint i = 0; i < N_CHANGES; i++)
    {
      ck_assert (begin (device, &watched[i]));
      while (i % 4 == 0 && g_atomic_int_get (&watched[i].n_calls) == 0)
        g_thread_yield ();
      if (i % 2 == 0)
        ck_assert (vuc_device_unwatch_irq (device, MSIX, NULL));
    }
  g_atomic_int_set (&triggers.ends, 1);
  g_thread_join (thread);
  ck_assert (vuc_device_unwatch_irq (device, MSIX, NULL));
  loop_thread_settle (loop);
  for (guint i = 0; i < N_CHANGES; i++)
    ck_assert_int_eq (g_atomic_int_get (&watched[i].n_destroys), 1);
  vuc_device_detach (device);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (what_is_remembered_is_what_the_server_was_told_last),
  HARNESS_CASE (a_watch_may_end_at_any_time),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "irqs", cases);
}
