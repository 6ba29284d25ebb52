/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Devices that are connected again by themselves: when, how often, and when that ends.
 */

#include <errno.h>
#include <string.h>

#include "conversation/connect.h"
#include "conversation/event-log.h"
#include "conversation/loop-thread.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

static VucConfig *
config_that_reconnects (EventLog *events, guint min_ms, guint max_ms)
{
  VucConfig *config = vuc_config_new ();

  vuc_config_set_auto_reconnect (config, TRUE);
  vuc_config_set_reconnect_min_ms (config, min_ms);
  vuc_config_set_reconnect_max_ms (config, max_ms);
  vuc_config_set_event_func (config, event_log_add, events, NULL);
  return config;
}

/* A client that comes and is sent away. */
static void
script_failure (ScriptServer *server)
{
  script_accept (server);
  script_expect_command (server, 1, NULL);
  script_close (server);
}

/* ---- Who does it ---- */

static void
the_thread_that_runs_the_context_does_it (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 10);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  script_handshake (server, &script_pci_device);
  script_wait_for_sign (server);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), config);
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  script_server_give_sign (server);
  event_log_wait (events, 2);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "closed the connection");
  event_log_expect (events, 1, VUC_EVENT_RECONNECTED, 0, NULL);
  ck_assert_ptr_eq (event_log_get_thread (events, 1), loop->thread);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_CONNECTED);
  ck_assert_uint_eq (vuc_device_get_generation (device), 2);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
who_processes_the_device_does_it (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 10);
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), config);
  event_log_process (events, device, 2);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "closed the connection");
  event_log_expect (events, 1, VUC_EVENT_RECONNECTED, 0, NULL);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* A call that fails because of the loss is where it is noticed, but not who mends it. */
static void
a_loss_that_a_call_notices_is_mended_too (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 10);
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;
  char data[4];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), config);
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "");
  event_log_wait (events, 2);
  event_log_expect (events, 1, VUC_EVENT_RECONNECTED, 0, NULL);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- When ---- */

/* 20, 40, 50, 50, 50 ms: no attempt comes earlier than that after the one before. */
static void
it_waits_longer_each_time_up_to_a_limit (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 20, 50);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;
  gint64 took_us;

  script_handshake (server, &script_pci_device);
  script_close (server);
  for (guint i = 0; i < 4; i++)
    script_failure (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), config);
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  event_log_wait (events, 2);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "closed the connection");
  event_log_expect (events, 1, VUC_EVENT_RECONNECTED, 0, NULL);
  took_us = event_log_get_time (events, 1) - event_log_get_time (events, 0);
  ck_assert_int_ge (took_us, (20 + 40 + 50 + 50 + 50 - 20) * 1000); /* the first may be earlier */
  ck_assert_int_lt (took_us, 20000 * 1000);
  ck_assert_uint_eq (vuc_device_get_generation (device), 2);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static gpointer
lose_there (gpointer device)
{
  lose (device);
  return NULL;
}

/* Inside the first event of this kind. */
static void
lose_once (VucDevice *device, VucEvent event, gpointer user_data)
{
  gboolean *is_lost = user_data;

  if (event != VUC_EVENT_RECONNECTED || *is_lost)
    return;
  *is_lost = TRUE;
  g_thread_join (g_thread_new ("lose", lose_there, device));
}

/* By another thread, while the user is told that it is there. */
static void
a_device_that_is_lost_as_soon_as_it_is_there_is_connected_again (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 10);
  g_autoptr(VucDevice) device = NULL;
  gboolean is_lost = FALSE;

  events->then = lose_once;
  events->then_data = &is_lost;
  script_handshake (server, &script_pci_device);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), config);
  event_log_process (events, device, 4);
  for (guint i = 0; i < 4; i += 2)
    {
      event_log_expect (events, i, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "closed");
      event_log_expect (events, i + 1, VUC_EVENT_RECONNECTED, 0, NULL);
    }
  expect_sign_of_life (device);
  event_log_expect_only (events, 4);
  close_and_finish (device, server);
}

/* A server that is up again begins anew, it does not pay for the last time. */
static void
the_pause_begins_anew_after_a_success (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 100000);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  for (guint i = 0; i < 15; i++)
    {
      script_handshake (server, &script_pci_device);
      script_wait_for_sign (server);
      script_close (server);
    }
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), config);
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  /* Without that the last pause alone would be 16 s. */
  for (guint i = 0; i < 15; i++)
    {
      script_server_give_sign (server);
      event_log_wait (events, 2 * i + 2);
    }
  for (guint i = 0; i < 30; i++)
    event_log_expect (events, i, i % 2 == 0 ? VUC_EVENT_LOST : VUC_EVENT_RECONNECTED,
                      VUC_ERROR_DISCONNECTED, i % 2 == 0 ? "closed the connection" : NULL);
  ck_assert_uint_eq (vuc_device_get_generation (device), 16);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
the_callers_own_attempt_need_not_wait_for_the_pause (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 60000, 60000);
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), config);
  event_log_process (events, device, 1);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  event_log_process (events, device, 2);
  event_log_expect (events, 1, VUC_EVENT_RECONNECTED, 0, NULL);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- When it ends ---- */

static const ScriptRegion other_regions[] = { { .size = 4096, .flags = 3 } };
static const ScriptDevice other_device = { .regions = other_regions, .n_regions = 1 };

static void
a_device_of_another_shape_is_given_up (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 2);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  script_handshake (server, &script_pci_device);
  script_close (server);
  script_handshake (server, &other_device);
  script_expect_eof (server);
  script_close (server);
  device = connect_to_path (script_server_listen (server), config);
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  event_log_wait (events, 2);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "closed the connection");
  event_log_expect (events, 1, VUC_EVENT_GIVEN_UP, VUC_ERROR_REJECTED, "regions");
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  ck_assert_uint_eq (vuc_device_get_generation (device), 1);
  ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, 9);

  /* No further attempt, which would find a server that has gone. */
  script_server_finish (server);
  g_usleep (20000);
  loop_thread_settle (loop);
  event_log_expect_only (events, 2);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
}

static void
a_device_that_is_closed_stays_closed (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 2);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_eof (server);
  script_close (server);
  device = connect_to_path (script_server_listen (server), config);
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  vuc_device_close (device);
  event_log_wait (events, 1);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "the device was closed");
  script_server_finish (server);
  g_usleep (20000);
  loop_thread_settle (loop);
  event_log_expect_only (events, 1);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
}

/* In the middle of an attempt, or between two. */
static void
a_lost_device_that_is_closed_is_given_up (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 2);
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  script_handshake (server, &script_pci_device);
  script_close (server);
  script_accept (server);
  script_may_end_early (server); /* the attempt may be stopped before anything was sent */
  script_expect_command (server, 1, NULL);
  script_expect_eof (server);
  device = connect_to_path (script_server_listen (server), config);
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  event_log_wait (events, 1);
  while (vuc_device_get_state (device) != VUC_DEVICE_RECONNECTING)
    g_thread_yield ();
  vuc_device_close (device);
  script_server_finish (server);
  g_usleep (20000);
  loop_thread_settle (loop);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  ck_assert_uint_eq (vuc_device_get_generation (device), 1);
}

static void
a_device_that_never_was_connected_is_not_connected_by_itself (void)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "nobody.sock", NULL);
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 2);
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  device = vuc_device_connect_async (path, config, &operation, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CONNECT, "nobody.sock");
  process_all (device);
  ck_assert (!wait_for_work (device, 30));
  event_log_expect_only (events, 0);
}

static void
without_the_setting_nothing_happens (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = config_that_reconnects (events, 1, 2);
  g_autoptr(VucDevice) device = NULL;

  vuc_config_set_auto_reconnect (config, FALSE);
  script_handshake (server, &script_pci_device);
  script_close (server);
  device = connect_to_path (script_server_listen (server), config);
  event_log_process (events, device, 1);
  process_all (device);
  ck_assert (!wait_for_work (device, 30));
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  event_log_expect_only (events, 1);
  script_server_finish (server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (the_thread_that_runs_the_context_does_it),
  HARNESS_CASE (who_processes_the_device_does_it),
  HARNESS_CASE (a_loss_that_a_call_notices_is_mended_too),
  HARNESS_CASE (it_waits_longer_each_time_up_to_a_limit),
  HARNESS_CASE (a_device_that_is_lost_as_soon_as_it_is_there_is_connected_again),
  HARNESS_CASE (the_pause_begins_anew_after_a_success),
  HARNESS_CASE (the_callers_own_attempt_need_not_wait_for_the_pause),
  HARNESS_CASE (a_device_of_another_shape_is_given_up),
  HARNESS_CASE (a_device_that_is_closed_stays_closed),
  HARNESS_CASE (a_lost_device_that_is_closed_is_given_up),
  HARNESS_CASE (a_device_that_never_was_connected_is_not_connected_by_itself),
  HARNESS_CASE (without_the_setting_nothing_happens),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "auto-reconnect", cases);
}
