/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Interrupts that come to a function: in a main context or in another loop, how often, until when;
 * and a server that misuses the eventfds, which it shares.
 */

#include <sys/eventfd.h>

#include "conversation/connect.h"
#include "conversation/irqs.h"
#include "conversation/loop-thread.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"

/* What came, and what became of the watch.  Atomic, all of it. */
typedef struct
{
  gint n_calls;
  guint64 counts[32];
  guint32 irq;
  GThread *thread;
  gint n_destroys;
  gboolean unwatches; /* inside the function */
} Log;

static void
on_interrupt (VucDevice *device, guint32 irq, guint32 sub_index, guint64 count, gpointer data)
{
  Log *log = data;

  ck_assert_uint_gt (count, 0);
  log->irq = irq;
  log->counts[sub_index] += count;
  log->thread = g_thread_self ();
  if (log->unwatches)
    {
      ck_assert (vuc_device_unwatch_irq (device, irq, NULL));
      ck_assert_int_eq (log->n_destroys, 0);
    }
  g_atomic_int_inc (&log->n_calls);
}

static void
on_destroy (gpointer data)
{
  g_atomic_int_inc (&((Log *) data)->n_destroys);
}

static void
watch_or_fail (VucDevice *device, guint32 irq, guint32 start, guint32 count, Log *log)
{
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_watch_irq (device, irq, start, count, on_interrupt, log, on_destroy,
                                   &error));
  assert_no_error (error);
}

static void
trigger_or_fail (VucDevice *device, guint32 irq, guint32 start, guint32 count)
{
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_trigger_irqs (device, irq, start, count, &error));
  assert_no_error (error);
}

/* Until the function was called so often. */
static void
process_calls (VucDevice *device, Log *log, gint n)
{
  while (g_atomic_int_get (&log->n_calls) < n)
    {
      if (!wait_for_work (device, PATIENCE_MS))
        harness_fail ("%d interrupts came, expected %d", log->n_calls, n);
      vuc_device_process (device);
    }
}

/* ---- Where they come ---- */

static void
they_are_watched_without_waiting_too (void)
{
  Log log = { 0 };
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  VucOperation operation;

  operation = vuc_device_watch_irq_async (device, VUC_PCI_MSIX_IRQ, 1, 2, on_interrupt, &log,
                                          on_destroy, NULL, NULL, NULL);
  ck_assert (vuc_device_wait (device, operation, &error));
  trigger_or_fail (device, VUC_PCI_MSIX_IRQ, 2, 1);
  process_calls (device, &log, 1);
  ck_assert_uint_eq (log.counts[2], 1);

  operation = vuc_device_unwatch_irq_async (device, VUC_PCI_MSIX_IRQ, NULL, NULL, NULL);
  ck_assert_int_eq (log.n_destroys, 1);
  ck_assert (vuc_device_wait (device, operation, &error));

  operation = vuc_device_watch_irq_async (device, VUC_PCI_MSIX_IRQ, 0, 4711, on_interrupt, &log,
                                          on_destroy, NULL, NULL, NULL);
  ck_assert (!vuc_device_wait (device, operation, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "");
  ck_assert_int_eq (log.n_destroys, 2);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
they_come_when_the_device_is_processed (void)
{
  Log log = { 0 };
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));

  watch_or_fail (device, MSIX, 2, 14, &log);
  expect_states (device, MSIX, 2, 14, VUC_IRQ_ARMED);
  trigger_or_fail (device, MSIX, 5, 1);
  trigger_or_fail (device, MSIX, 5, 1);
  trigger_or_fail (device, MSIX, 15, 1);
  ck_assert_int_eq (log.n_calls, 0);
  process_calls (device, &log, 2);
  ck_assert_uint_eq (log.counts[5], 2);
  ck_assert_uint_eq (log.counts[15], 1);
  ck_assert_uint_eq (log.irq, MSIX);
  process_all (device);
  ck_assert_int_eq (log.n_calls, 2);

  ck_assert (vuc_device_unwatch_irq (device, MSIX, NULL));
  ck_assert_int_eq (log.n_destroys, 1);
  expect_states (device, MSIX, 0, 16, VUC_IRQ_DISARMED);
  trigger_or_fail (device, MSIX, 5, 1);
  process_all (device);
  ck_assert_int_eq (log.n_calls, 2);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* It was attached after that; its thread takes them, while another one makes blocking calls. */
static void
they_come_in_the_context_that_the_device_is_attached_to (void)
{
  Log log = { 0 };
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr(LoopThread) loop = loop_thread_new ();
  g_autoptr(GError) error = NULL;

  watch_or_fail (device, MSIX, 0, 16, &log);
  ck_assert (vuc_device_attach (device, loop->context, &error));
  assert_no_error (error);
  for (gint i = 0; i < 100; i++)
    {
      trigger_or_fail (device, MSIX, (guint32) i % 16, 1);
      while (g_atomic_int_get (&log.n_calls) <= i)
        g_thread_yield ();
    }
  ck_assert_ptr_eq (log.thread, loop->thread);
  ck_assert_uint_eq (log.counts[3], 7);
  ck_assert_uint_eq (log.counts[4], 6);
  loop_thread_settle (loop);
  vuc_device_detach (device);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
the_function_may_end_its_own_watch (void)
{
  Log log = { .unwatches = TRUE };
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));

  watch_or_fail (device, MSIX, 0, 16, &log);
  trigger_or_fail (device, MSIX, 0, 16);
  process_calls (device, &log, 1);
  process_all (device);
  ck_assert_int_eq (log.n_calls, 1);
  ck_assert_int_eq (log.n_destroys, 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* ---- Until when ---- */

static void
another_watch_takes_its_place (void)
{
  Log first = { 0 }, second = { 0 };
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));

  watch_or_fail (device, MSIX, 0, 16, &first);
  watch_or_fail (device, MSIX, 0, 16, &second);
  ck_assert_int_eq (first.n_destroys, 1);
  trigger_or_fail (device, MSIX, 0, 1);
  process_calls (device, &second, 1);
  ck_assert_int_eq (first.n_calls, 0);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
arming_by_hand_takes_its_place (void)
{
  Log log = { 0 }, other = { 0 };
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 1);
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));

  watch_or_fail (device, INTX, 0, 1, &other);
  watch_or_fail (device, MSIX, 0, 16, &log);
  arm_or_fail (device, MSIX, 0, fds, 1);
  ck_assert_int_eq (log.n_destroys, 1);
  ck_assert_int_eq (other.n_destroys, 0);
  trigger_or_fail (device, MSIX, 0, 16);
  process_all (device);
  ck_assert_int_eq (log.n_calls, 0);
  expect_count (fds[0], 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
it_goes_with_the_device (void)
{
  Log log = { 0 };
  g_autoptr(DemoDevice) demo = demo_device_new ();
  VucDevice *device = connect_to (demo_device_start (demo));

  watch_or_fail (device, MSIX, 0, 16, &log);
  trigger_or_fail (device, MSIX, 0, 1);
  vuc_device_close (device);
  ck_assert_int_eq (log.n_destroys, 0);
  vuc_device_unref (device);
  ck_assert_int_eq (log.n_destroys, 1);
  demo_device_stop (demo);
}

/* The one that there was stays. */
static void
what_cannot_be_armed_is_not_watched (void)
{
  Log log = { 0 }, refused = { 0 }, wrong = { 0 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 2), 2);
  script_signal_fd (server, 1, 3);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 1, 2));
  script_expect_fds (server, 2);
  script_reply_error (server, 22);
  device = connect_to (script_server_start (server));

  watch_or_fail (device, MSIX, 0, 2, &log);
  ck_assert (!vuc_device_watch_irq (device, MSIX, 1, 2, on_interrupt, &refused, on_destroy,
                                    &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "DEVICE_SET_IRQS");
  g_clear_error (&error);
  ck_assert_int_eq (refused.n_destroys, 1);
  ck_assert_int_eq (log.n_destroys, 0);
  process_calls (device, &log, 1);
  ck_assert_uint_eq (log.counts[1], 3);

  ck_assert (!vuc_device_watch_irq (device, MSIX, 0, 0xffffffff, on_interrupt, &wrong, on_destroy,
                                    &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "wanted are 4294967295");
  ck_assert_int_eq (wrong.n_destroys, 1);
  close_and_finish (device, server);
}

static void
unwatching_disables_the_index_whatever_it_was (void)
{
  Log log = { 0 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x21, 2, 0, 0), 0);
  script_arming (server, SET_IRQS (0x24, 2, 0, 1), 1);
  script_expect_command (server, 8, SET_IRQS (0x21, 2, 0, 0));
  script_reply_error (server, 22);
  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_unwatch_irq (device, MSIX, &error));
  assert_no_error (error);
  watch_or_fail (device, MSIX, 0, 1, &log);
  ck_assert (!vuc_device_unwatch_irq (device, MSIX, &error));
  ck_assert_int_eq (log.n_destroys, 1);
  expect_states (device, MSIX, 0, 1, VUC_IRQ_ARMED);
  g_clear_error (&error);
  ck_assert (!vuc_device_unwatch_irq (device, 9, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "there is no interrupt index 9");
  close_and_finish (device, server);
}

/* ---- A server that misuses them ---- */

/* Connected, with vector 0 of MSI-X watched. */
static void
script_watched (ScriptServer *server)
{
  script_handshake (server, &script_irq_device);
  script_arming (server, SET_IRQS (0x24, 2, 0, 1), 1);
}

static void
a_full_counter_is_a_large_number (void)
{
  Log log = { 0 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_watched (server);
  for (guint i = 0; i < 2; i++)
    {
      script_signal_fd (server, 0, G_MAXUINT64 - 1);
      script_wait_for_sign (server);
    }
  device = connect_to (script_server_start (server));
  watch_or_fail (device, MSIX, 0, 1, &log);
  process_calls (device, &log, 1);
  ck_assert_uint_eq (log.counts[0], G_MAXUINT64 - 1);
  process_all (device);
  log.counts[0] = 0;
  script_server_give_sign (server);
  process_calls (device, &log, 2);
  ck_assert_uint_eq (log.counts[0], G_MAXUINT64 - 1);
  process_all (device);
  ck_assert_int_eq (log.n_calls, 2);
  script_server_give_sign (server);
  close_and_finish (device, server);
}

/* It is readable, then it is not, and reading it would wait. */
static void
a_counter_that_the_server_empties_holds_nobody (void)
{
  Log log = { 0 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_watched (server);
  script_make_fd_blocking (server, 0);
  script_signal_fd (server, 0, 1);
  script_wait_for_sign (server);
  script_signal_fd (server, 0, 4);
  /* The client's function is being delivered, so it is not watched now: read by us first. */
  script_expect_command (server, 9, NULL);
  script_expect_signal (server, 0, 4);
  script_reply (server, "u64:0 | u32:7 | u32:4 | 'here'");
  script_wait_for_sign (server);
  script_signal_fd (server, 0, 2);
  device = connect_to (script_server_start (server));

  watch_or_fail (device, MSIX, 0, 1, &log);
  process_calls (device, &log, 1);
  ck_assert_uint_eq (log.counts[0], 1);
  script_server_give_sign (server);
  {
    char data[4];

    operation = vuc_device_region_read_async (device, 7, 0, data, 4, NULL, NULL, NULL);
    ck_assert (vuc_device_wait (device, operation, NULL));
  }
  process_all (device);
  ck_assert_uint_eq (log.counts[0], 1);
  script_server_give_sign (server);
  process_calls (device, &log, 2);
  ck_assert_uint_eq (log.counts[0], 3);
  close_and_finish (device, server);
}

/* Two are signalled; while the function of the first runs, the second is read empty by the server.
 * That one is about to be read then. */
typedef struct
{
  Log log;
  ScriptServer *server;
  GPtrArray *seen;
} Thief;

static void
let_the_server_take_the_other (VucDevice *device,
                               guint32 irq G_GNUC_UNUSED,
                               guint32 sub_index,
                               guint64 count G_GNUC_UNUSED,
                               gpointer data)
{
  Thief *thief = data;
  g_autoptr(GError) error = NULL;
  char bytes[4];

  g_ptr_array_add (thief->seen, GUINT_TO_POINTER (sub_index));
  g_atomic_int_inc (&thief->log.n_calls);
  ck_assert (vuc_device_region_read (device, 7, 0, bytes, 4, &error));
  assert_no_error (error);
}

static void
what_is_empty_when_it_is_read_is_no_interrupt (void)
{
  g_autoptr(GPtrArray) seen = g_ptr_array_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  Thief thief = { .server = server, .seen = seen };
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 2));
  script_expect_fds (server, 2);
  script_make_fd_blocking (server, 0);
  script_make_fd_blocking (server, 1);
  script_signal_fd (server, 0, 1);
  script_signal_fd (server, 1, 1);
  script_reply (server, "");
  script_expect_command (server, 9, NULL);
  script_expect_signal (server, 1, 1);
  script_reply (server, "u64:0 | u32:7 | u32:4 | 'here'");
  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_watch_irq (device, MSIX, 0, 2, let_the_server_take_the_other, &thief, NULL,
                                   &error));
  assert_no_error (error);
  process_calls (device, &thief.log, 1);
  process_all (device);
  ck_assert_uint_eq (seen->len, 1);
  ck_assert_uint_eq (GPOINTER_TO_UINT (seen->pdata[0]), 0);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (they_come_when_the_device_is_processed),
  HARNESS_CASE (they_are_watched_without_waiting_too),
  HARNESS_CASE (they_come_in_the_context_that_the_device_is_attached_to),
  HARNESS_CASE (the_function_may_end_its_own_watch),
  HARNESS_CASE (another_watch_takes_its_place),
  HARNESS_CASE (arming_by_hand_takes_its_place),
  HARNESS_CASE (it_goes_with_the_device),
  HARNESS_CASE (what_cannot_be_armed_is_not_watched),
  HARNESS_CASE (unwatching_disables_the_index_whatever_it_was),
  HARNESS_CASE (a_full_counter_is_a_large_number),
  HARNESS_CASE (a_counter_that_the_server_empties_holds_nobody),
  HARNESS_CASE (what_is_empty_when_it_is_read_is_no_interrupt),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "irq-watch", cases);
}
