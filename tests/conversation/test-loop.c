/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Main loops, GLib's and others: what they notice while nobody calls, and that they are left alone
 * while somebody does.  How a device comes to them and goes is in test-attach.c.
 */

#include <string.h>

#include "conversation/connect.h"
#include "conversation/event-log.h"
#include "conversation/loop-thread.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define SOON_MS 5000 /* for what takes 10 ms at the most, on machines that are busy */

/* A DMA_READ of the server, and the answer: nothing is mapped, EFAULT is 14. */
#define COMMAND "u16:77 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4"
#define ANSWER  "u16:77 u16:11 u32:16 u32:0x21 u32:14"

static guint8 buffer[4];

static VucConfig *
config_with_events (EventLog *events)
{
  VucConfig *config = vuc_config_new ();

  vuc_config_set_event_func (config, event_log_add, events, NULL);
  return config;
}

/* ---- What it notices while nobody calls ---- */

static void
a_command_of_the_server_is_answered (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_with_events (events);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  script_handshake (server, &script_pci_device);
  script_wait_for_sign (server);
  for (guint i = 0; i < 3; i++)
    {
      script_send (server, COMMAND);
      script_expect (server, ANSWER);
    }
  script_send (server, COMMAND COMMAND COMMAND);
  script_in_pieces_of (server, 5);
  script_expect (server, ANSWER ANSWER ANSWER);
  script_close (server);
  device = connect_with (script_server_start (server), config);
  loop = loop_thread_new ();
  attach (device, loop->context);
  loop_thread_settle (loop);
  script_server_give_sign (server);
  event_log_wait (events, 1);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "");
  script_server_finish (server);
}

static void
a_death_is_told_once (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_with_events (events);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;
  gint64 start;

  script_handshake (server, &script_pci_device);
  script_wait_for_sign (server);
  script_close (server);
  device = connect_with (script_server_start (server), config);
  loop = loop_thread_new ();
  attach (device, loop->context);
  loop_thread_settle (loop);

  start = g_get_monotonic_time ();
  script_server_give_sign (server);
  event_log_wait (events, 1);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED,
                    "the server closed the connection");
  ck_assert_ptr_eq (event_log_get_thread (events, 0), loop->thread);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  vuc_device_close (device);
  loop_thread_settle (loop);
  event_log_expect_only (events, 1);
  script_server_finish (server);
}

static void
a_dead_device_does_not_keep_the_loop_busy (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_with_events (events);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;
  guint before;

  script_handshake (server, &script_pci_device);
  script_close (server);
  device = connect_with (script_server_start (server), config);
  loop = loop_thread_new ();
  attach (device, loop->context);
  event_log_wait (events, 1);
  loop_thread_settle (loop);
  before = loop_thread_count (loop);
  g_usleep (50000);
  ck_assert_uint_le (loop_thread_count (loop) - before, 3);
  script_server_finish (server);
}

static void
a_lie_is_a_death_too (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_with_events (events);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  script_handshake (server, &script_pci_device);
  script_wait_for_sign (server);
  script_send (server, "u16:1 u16:9 u32:16 u32:1 u32:0");
  script_expect_eof (server);
  device = connect_with (script_server_start (server), config);
  loop = loop_thread_new ();
  attach (device, loop->context);
  script_server_give_sign (server);
  event_log_wait (events, 1);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_PROTOCOL, "is not pending");
  script_server_finish (server);
}

static void
a_close_is_told_as_a_loss (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_with_events (events);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  script_handshake (server, &script_pci_device);
  device = connect_with (script_server_start (server), config);
  loop = loop_thread_new ();
  attach (device, loop->context);
  vuc_device_close (device);
  event_log_wait (events, 1);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "the device was closed");
  ck_assert_ptr_eq (event_log_get_thread (events, 0), loop->thread);
  script_server_finish (server);
}

static void
a_deadline_that_passes_is_told (void)
{
  const guint deadline = patient_deadline_ms ();
  g_autoptr(VucConfig) config = config_with_timeout (deadline);
  g_autoptr(ScriptServer) server = script_server_new ();
  Outcome *outcomes[3] = { outcome_new (), outcome_new (), outcome_new () };
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;
  VucOperation operations[3];
  gint64 starts[3];

  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < 3; i++)
    script_expect_command (server, 9, NULL);
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  loop = loop_thread_new ();
  attach (device, loop->context);
  loop_thread_settle (loop);
  for (guint i = 0; i < 3; i++)
    {
      starts[i] = g_get_monotonic_time ();
      operations[i] = vuc_device_region_read_async (device, 7, 0, buffer, 4, OUTCOME (outcomes[i]));
      g_usleep (deadline * 1000 / 4);
    }
  for (guint i = 0; i < 3; i++)
    {
      outcome_wait (outcomes[i]);
      outcome_expect_error (outcomes[i], operations[i], VUC_ERROR_TIMED_OUT, "REGION_READ");
      ck_assert_uint_ge (ms_since (starts[i]), deadline);
      ck_assert_uint_lt (ms_since (starts[i]), deadline + SOON_MS);
      outcome_free (outcomes[i]);
    }
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- While somebody calls ---- */

#define N_ACCESSES 5000
#define SLOW_MS    5 /* half of the time after which a call does not follow the one before */

/* How often a call took so long that it counts as one of its own, on a machine that is busy. */
static guint
read_many (VucDevice *device)
{
  gint64 last = g_get_monotonic_time ();
  guint n_slow = 0;

  for (guint i = 0; i < N_ACCESSES; i++)
    {
      gint64 now;
      guint32 value;

      ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, 0, &value, 4, NULL));
      now = g_get_monotonic_time ();
      n_slow += now - last > SLOW_MS * 1000;
      last = now;
    }
  return n_slow;
}

/* At most once in a thousand accesses; where calls do not follow each other it has to be. */
static void
the_loop_is_not_woken_while_blocking_calls_run (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr(LoopThread) loop = NULL;
  guint before, n_slow;

  loop = loop_thread_new ();
  attach (device, loop->context);
  loop_thread_settle (loop);
  before = loop_thread_count (loop);
  n_slow = read_many (device);
  harness_note ("%u accesses were slow", n_slow);
  ck_assert_uint_le (loop_thread_count (loop) - before, N_ACCESSES / 1000 + 2 * n_slow);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
what_comes_after_the_last_call_is_noticed_soon (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_with_events (events);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;
  gint64 start;

  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < 20; i++)
    script_sign_of_life (server);
  script_wait_for_sign (server);
  script_send (server, COMMAND);
  script_expect (server, ANSWER);
  script_close (server);
  device = connect_with (script_server_start (server), config);
  loop = loop_thread_new ();
  attach (device, loop->context);
  for (guint i = 0; i < 20; i++)
    expect_sign_of_life (device);
  start = g_get_monotonic_time ();
  script_server_give_sign (server);
  event_log_wait (events, 1);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  script_server_finish (server);
}

/* It comes with the reply, in the same receive, and nobody calls any more. */
static void
what_a_call_has_read_too_much_is_not_forgotten (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_with_events (events);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;
  gint64 start;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_send (server, "id u16:13 u32:16 u32:1 u32:0 |" COMMAND);
  script_expect (server, ANSWER);
  script_close (server);
  device = connect_with (script_server_start (server), config);
  loop = loop_thread_new ();
  attach (device, loop->context);
  loop_thread_settle (loop);
  ck_assert (vuc_device_reset (device, NULL));
  start = g_get_monotonic_time ();
  event_log_wait (events, 1);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  script_server_finish (server);
}

/* Nor what came with the last reply while connecting, before there was a loop. */
static void
what_came_while_connecting_is_not_forgotten (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_with_events (events);
  g_autoptr(VucDevice) device = NULL;
  gint64 start;

  script_expect_command (server, 1, NULL);
  script_reply (server, "u16:0 u16:0");
  script_expect_command (server, 4, NULL);
  script_send (server, "id u16:4 u32:32 u32:1 u32:0 | u32:16 u32:0 u32:0 u32:0 |" COMMAND);
  script_expect (server, ANSWER);
  script_close (server);
  device = connect_with (script_server_start (server), config);
  start = g_get_monotonic_time ();
  event_log_process (events, device, 1);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  script_server_finish (server);
}

/* ---- Other loops ---- */

static void
the_descriptor_is_readable_when_there_is_something_to_do (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_with_events (events);
  g_autoptr(Outcome) read = outcome_new ();
  g_autoptr(Outcome) refused = outcome_new ();
  g_autoptr(Outcome) overdue = outcome_new ();
  g_autoptr(Outcome) cancelled = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operations[4];
  int fd;

  vuc_config_set_long_timeout_ms (config, patient_deadline_ms ());
  script_handshake (server, &script_pci_device);
  script_wait_for_sign (server);
  script_send (server, COMMAND);
  script_expect (server, ANSWER);
  script_expect_command (server, 9, NULL);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  script_expect_command (server, 13, NULL);
  script_expect_command (server, 9, NULL);
  script_wait_for_sign (server);
  script_close (server);
  device = connect_with (script_server_start (server), config);
  fd = vuc_device_get_fd (device, NULL);
  ck_assert_int_ge (fd, 0);
  process_all (device);
  ck_assert (!wait_for_work (device, 20));

  harness_context ("the server sends a command");
  script_server_give_sign (server);
  ck_assert (wait_for_work (device, PATIENCE_MS));
  process_all (device);

  harness_context ("a reply comes");
  operations[0] = vuc_device_region_read_async (device, 7, 0, buffer, 4, OUTCOME (read));
  outcome_process (read, device);
  outcome_expect_success (read, operations[0]);
  process_all (device);
  ck_assert (!wait_for_work (device, 20));

  harness_context ("an operation was refused at once");
  operations[1] = vuc_device_region_read_async (device, 9, 0, buffer, 4, OUTCOME (refused));
  ck_assert (wait_for_work (device, 0));
  process_all (device);
  outcome_expect_error (refused, operations[1], VUC_ERROR_INVALID_ARGUMENT, "");

  harness_context ("a deadline passes");
  operations[2] = vuc_device_reset_async (device, OUTCOME (overdue));
  process_all (device);
  outcome_process (overdue, device);
  process_all (device);
  outcome_expect_error (overdue, operations[2], VUC_ERROR_TIMED_OUT, "");

  harness_context ("an operation was cancelled");
  operations[3] = vuc_device_region_read_async (device, 7, 0, buffer, 4, OUTCOME (cancelled));
  process_all (device);
  ck_assert (!wait_for_work (device, 20));
  vuc_device_cancel (device, operations[3]);
  ck_assert (wait_for_work (device, 0));
  process_all (device);
  outcome_expect_error (cancelled, operations[3], VUC_ERROR_CANCELLED, "");

  harness_context ("the server goes");
  event_log_expect_only (events, 0);
  script_server_give_sign (server);
  event_log_process (events, device, 1);
  process_all (device);
  ck_assert (!wait_for_work (device, 20));
  ck_assert_int_eq (vuc_device_get_fd (device, NULL), fd);
  script_server_finish (server);
}

/* What was put off until there is room must go when there is. */
static void
the_descriptor_is_readable_when_the_server_reads_again (void)
{
  enum
  {
    N = 32
  };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree guint8 *data = g_malloc0 (32768);
  g_autoptr(GPtrArray) outcomes = g_ptr_array_new_with_free_func ((GDestroyNotify) outcome_free);
  g_autoptr(VucDevice) device = NULL;
  VucOperation operations[N];
  VucLoad load;

  script_handshake (server, &script_pci_device);
  script_wait_for_sign (server);
  for (guint i = 0; i < N; i++)
    {
      script_expect_command (server, 10, NULL);
      script_reply (server, "u64:0 u32:2 u32:32768");
    }
  device = connect_to (script_server_start (server));
  for (guint i = 0; i < N; i++)
    {
      g_ptr_array_add (outcomes, outcome_new ());
      operations[i] = vuc_device_region_write_full_async (device, 2, 0, data, 32768,
                                                          VUC_ACCESS_MESSAGE_ONLY,
                                                          OUTCOME (outcomes->pdata[i]));
    }
  process_all (device);
  vuc_device_get_load (device, &load);
  ck_assert_uint_eq (load.operations, N);
  ck_assert_uint_gt (load.queued_bytes, 0);
  ck_assert_uint_le (load.queued_bytes, load.max_queued_bytes);
  ck_assert (!wait_for_work (device, 20));
  script_server_give_sign (server);
  for (guint i = 0; i < N; i++)
    {
      outcome_process (outcomes->pdata[i], device);
      outcome_expect_success (outcomes->pdata[i], operations[i]);
    }
  vuc_device_get_load (device, &load);
  ck_assert_uint_eq (load.operations, 0);
  ck_assert_uint_eq (load.queued_bytes, 0);
  close_and_finish (device, server);
}

static void
processing_a_device_that_has_nothing_to_do_is_harmless (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  for (guint i = 0; i < 3; i++)
    vuc_device_process (device);
  expect_sign_of_life (device);
  close_and_finish (device, server);
  for (guint i = 0; i < 3; i++)
    vuc_device_process (device);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_command_of_the_server_is_answered),
  HARNESS_CASE (a_death_is_told_once),
  HARNESS_CASE (a_dead_device_does_not_keep_the_loop_busy),
  HARNESS_CASE (a_lie_is_a_death_too),
  HARNESS_CASE (a_close_is_told_as_a_loss),
  HARNESS_CASE (a_deadline_that_passes_is_told),
  HARNESS_CASE (the_loop_is_not_woken_while_blocking_calls_run),
  HARNESS_CASE (what_comes_after_the_last_call_is_noticed_soon),
  HARNESS_CASE (what_a_call_has_read_too_much_is_not_forgotten),
  HARNESS_CASE (what_came_while_connecting_is_not_forgotten),
  HARNESS_CASE (the_descriptor_is_readable_when_there_is_something_to_do),
  HARNESS_CASE (the_descriptor_is_readable_when_the_server_reads_again),
  HARNESS_CASE (processing_a_device_that_has_nothing_to_do_is_harmless),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "loop", cases);
}
