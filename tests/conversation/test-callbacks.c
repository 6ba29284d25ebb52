/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the callbacks of operations may do, which is anything; and that each is called when the
 * device is closed or goes, whatever it was waiting for.  Loops inside callbacks are in test-nested.c.
 */

#include <string.h>

#include "conversation/connect.h"
#include "conversation/event-log.h"
#include "conversation/io-fds.h"
#include "conversation/loop-thread.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define RESET 13 /* DEVICE_RESET */

/* Where the reads that stay unanswered would go. */
static guint8 buffer[4];

/* ---- What it may do ---- */

typedef struct
{
  Outcome *next;
  VucOperation operation;
  gboolean ok;
  char data[4];
} Then;

static void
then_read_on (VucDevice *device, gpointer user_data)
{
  Then *then = user_data;

  outcome_starting (then->next);
  then->operation = vuc_device_region_read_async (device, 7, 0, then->data, 4,
                                                  OUTCOME (then->next));
  outcome_started (then->next);
}

static void
it_may_start_operations (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  Then then = { .next = second };

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  outcome_attach (device, row, context);
  first->then = then_read_on;
  first->then_data = &then;
  operation = vuc_device_reset_async (device, OUTCOME (first));
  outcome_complete (first, device, row, context);
  outcome_expect_success (first, operation);
  outcome_complete (second, device, row, context);
  outcome_expect_success (second, then.operation);
  ck_assert_uint_ne (then.operation, operation);
  assert_bytes (then.data, 4, "'here'");
  close_and_finish (device, server);
}

static void
then_read (VucDevice *device, gpointer user_data)
{
  Then *then = user_data;

  then->ok = vuc_device_region_read (device, 7, 0, then->data, 4, NULL);
}

static void
it_may_make_blocking_calls (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  Then then = { .ok = FALSE };

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  outcome_attach (device, row, context);
  outcome->then = then_read;
  outcome->then_data = &then;
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  outcome_complete (outcome, device, row, context);
  outcome_expect_success (outcome, operation);
  ck_assert (then.ok);
  assert_bytes (then.data, 4, "'here'");
  close_and_finish (device, server);
}

static void
then_wait (VucDevice *device, gpointer user_data)
{
  Then *then = user_data;

  then->ok = vuc_device_wait (device, then->operation, NULL);
}

static void
it_may_wait_for_another_operation (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  Then then = { .ok = FALSE };
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_expect_command (server, RESET, "");
  script_reply (server, "");
  script_reply_to (server, 1, "u64:0 u32:7 u32:4 'here'");
  device = connect_to (script_server_start (server));
  outcome_attach (device, row, context);
  then.operation = vuc_device_region_read_async (device, 7, 0, then.data, 4, OUTCOME (second));
  first->then = then_wait;
  first->then_data = &then;
  operation = vuc_device_reset_async (device, OUTCOME (first));
  outcome_complete (first, device, row, context);
  outcome_expect_success (first, operation);
  ck_assert (then.ok);
  assert_bytes (then.data, 4, "'here'");
  outcome_expect_silence (second);
  close_and_finish (device, server);
}

static void
then_close (VucDevice *device, gpointer user_data G_GNUC_UNUSED)
{
  vuc_device_close (device);
}

static void
it_may_close_the_device (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operations[2];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_expect_command (server, 9, NULL);
  script_reply_to (server, 1, "");
  device = connect_to (script_server_start (server));
  outcome_attach (device, row, context);
  first->then = then_close;
  operations[0] = vuc_device_reset_async (device, OUTCOME (first));
  operations[1] = vuc_device_region_read_async (device, 7, 0, buffer, 4, OUTCOME (second));
  outcome_complete (first, device, row, context);
  outcome_complete (second, device, row, context);
  outcome_expect_success (first, operations[0]);
  outcome_expect_error (second, operations[1], VUC_ERROR_DISCONNECTED, "the device was closed");
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  script_server_finish (server);
}

static void
then_unref (VucDevice *device, gpointer user_data G_GNUC_UNUSED)
{
  vuc_device_unref (device);
}

static void
it_may_give_the_last_reference_back (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  VucOperation operations[2];
  VucDevice *device;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_expect_command (server, 9, NULL);
  script_reply_to (server, 1, "");
  device = connect_to (script_server_start (server));
  outcome_attach (device, row, context);
  first->then = then_unref;
  operations[0] = vuc_device_reset_async (device, OUTCOME (first));
  operations[1] = vuc_device_region_read_async (device, 7, 0, buffer, 4, OUTCOME (second));
  outcome_complete (first, device, row, context);
  outcome_expect_success (first, operations[0]);
  outcome_expect_error (second, operations[1], VUC_ERROR_DISCONNECTED, "");
  script_server_finish (server);
  while (g_main_context_iteration (context, FALSE))
    continue;
}

/* The thread that runs the context is the one that the device goes on. */
static void
the_last_reference_may_go_in_the_thread_that_runs_the_context (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(LoopThread) loop = NULL;
  VucOperation operation;
  VucDevice *device;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_wait_for_sign (server);
  script_reply (server, "");
  device = connect_to (script_server_start (server));
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  outcome->then = then_unref;
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  script_server_give_sign (server);
  outcome_wait (outcome);
  outcome_expect_success (outcome, operation);
  script_server_finish (server);
}

/* ---- Who calls back nobody ---- */

/* A blocking call reads for everybody, but is no place for other people's callbacks. */
static void
it_is_not_called_from_inside_a_blocking_call (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_expect_command (server, 9, NULL);
  script_reply_to (server, 1, "");
  script_reply_to (server, 0, "u64:0 u32:7 u32:4 'here'");
  device = connect_to (script_server_start (server));
  outcome_attach (device, row, context);
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  expect_sign_of_life (device);
  outcome_expect_nothing (outcome);
  outcome_complete (outcome, device, row, context);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

/* ---- The end of the device ---- */

enum
{
  N_UNDER_WAY = 4
};

typedef struct
{
  Outcome *outcomes[N_UNDER_WAY];
  VucOperation operations[N_UNDER_WAY];
} UnderWay;

/* One of each, none of them answered. */
static void
script_under_way (ScriptServer *server)
{
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_expect_command (server, 10, NULL);
  script_expect_command (server, RESET, NULL);
  script_expect_command (server, 6, NULL);
}

static void
start_under_way (UnderWay *under_way, VucDevice *device)
{
  Outcome **outcomes = under_way->outcomes;

  for (guint i = 0; i < N_UNDER_WAY; i++)
    outcomes[i] = outcome_new ();
  under_way->operations[0] = vuc_device_region_read_async (device, 7, 0, buffer, 4,
                                                           OUTCOME (outcomes[0]));
  under_way->operations[1] = vuc_device_region_write_async (device, 0, 0, "data", 4,
                                                            OUTCOME (outcomes[1]));
  under_way->operations[2] = vuc_device_reset_async (device, OUTCOME (outcomes[2]));
  under_way->operations[3] = vuc_device_get_region_io_fds_async (device, 0, OUTCOME (outcomes[3]));
}

static void
expect_all_disconnected (UnderWay *under_way, const char *text)
{
  for (guint i = 0; i < N_UNDER_WAY; i++)
    {
      harness_context ("operation %u", i);
      outcome_expect_error (under_way->outcomes[i], under_way->operations[i],
                            VUC_ERROR_DISCONNECTED, text);
      outcome_free (under_way->outcomes[i]);
    }
}

static void
the_last_unref_calls_back_all_that_is_under_way (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  UnderWay under_way;
  VucDevice *device;

  script_under_way (server);
  device = connect_to (script_server_start (server));
  outcome_attach (device, row, context);
  start_under_way (&under_way, device);
  vuc_device_unref (device);
  expect_all_disconnected (&under_way, "");
  script_server_finish (server);
  while (g_main_context_iteration (context, FALSE))
    continue;
}

static void
then_reconnect (VucDevice *device, gpointer error)
{
  (void) vuc_device_reconnect (device, error);
}

static void
what_the_last_unref_calls_back_cannot_connect_again (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) inside = NULL;
  VucOperation operation;
  VucDevice *device;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_expect_eof (server);
  script_close (server);
  script_may_end_early (server);
  script_handshake (server, &script_pci_device);
  device = vuc_device_connect (script_server_listen (server), NULL, &error);
  assert_no_error (error);
  outcome->then = then_reconnect;
  outcome->then_data = &inside;
  operation = vuc_device_region_read_async (device, 7, 0, buffer, 4, OUTCOME (outcome));
  vuc_device_unref (device);
  outcome_expect_error (outcome, operation, VUC_ERROR_DISCONNECTED, "last reference");
  assert_error (inside, VUC_ERROR, VUC_ERROR_DISCONNECTED, "last reference");
}

static void
closing_a_device_that_is_not_attached_calls_back_inside (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  UnderWay under_way;

  script_under_way (server);
  device = connect_to (script_server_start (server));
  start_under_way (&under_way, device);
  vuc_device_close (device);
  expect_all_disconnected (&under_way, "the device was closed");
  script_server_finish (server);
}

static void
closing_an_attached_device_leaves_it_to_its_context (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  UnderWay under_way;

  script_under_way (server);
  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_attach (device, context, NULL));
  start_under_way (&under_way, device);
  vuc_device_close (device);
  for (guint i = 0; i < N_UNDER_WAY; i++)
    outcome_expect_nothing (under_way.outcomes[i]);
  for (guint i = 0; i < N_UNDER_WAY; i++)
    outcome_iterate (under_way.outcomes[i], context);
  expect_all_disconnected (&under_way, "the device was closed");
  script_server_finish (server);
}

/* Of a device that went while its context was not run. */
static void
what_a_close_left_to_the_context_comes_with_the_last_unref (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  UnderWay under_way;
  VucDevice *device;

  script_under_way (server);
  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_attach (device, context, NULL));
  start_under_way (&under_way, device);
  vuc_device_close (device);
  vuc_device_unref (device);
  expect_all_disconnected (&under_way, "the device was closed");
  script_server_finish (server);
  while (g_main_context_iteration (context, FALSE))
    continue;
}

/* ---- The loss comes last ---- */

typedef struct
{
  Outcome *outcome;
  gboolean was_told; /* when the loss was */
} Order;

static void
note_order (VucDevice *device G_GNUC_UNUSED, VucEvent event G_GNUC_UNUSED, gpointer user_data)
{
  Order *order = user_data;

  order->was_told = order->outcome->n_destroys == 1;
}

static void
operations_are_told_of_a_loss_before_the_owner_is (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  Order order = { outcome, FALSE };
  VucOperation operation;

  events->then = note_order;
  events->then_data = &order;
  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_close (server);
  device = connect_with (script_server_start (server), config);
  outcome_attach (device, row, context);
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  outcome_complete (outcome, device, row, context);
  if (((const OutcomeWay *) row)->in_context)
    event_log_iterate (events, context, 1);
  else
    event_log_process (events, device, 1);
  outcome_expect_error (outcome, operation, VUC_ERROR_DISCONNECTED, "closed the connection");
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, outcome->error->message);
  ck_assert (order.was_told);
  close_and_finish (device, server);
  event_log_expect_only (events, 1);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (it_may_start_operations, outcome_ways),
  HARNESS_ROWS (it_may_make_blocking_calls, outcome_ways),
  HARNESS_ROWS (it_may_wait_for_another_operation, outcome_ways),
  HARNESS_ROWS (it_may_close_the_device, outcome_ways),
  HARNESS_ROWS (it_may_give_the_last_reference_back, outcome_ways),
  HARNESS_CASE (the_last_reference_may_go_in_the_thread_that_runs_the_context),
  HARNESS_ROWS (it_is_not_called_from_inside_a_blocking_call, outcome_ways),
  HARNESS_ROWS (the_last_unref_calls_back_all_that_is_under_way, outcome_ways),
  HARNESS_CASE (what_the_last_unref_calls_back_cannot_connect_again),
  HARNESS_CASE (closing_a_device_that_is_not_attached_calls_back_inside),
  HARNESS_CASE (closing_an_attached_device_leaves_it_to_its_context),
  HARNESS_CASE (what_a_close_left_to_the_context_comes_with_the_last_unref),
  HARNESS_ROWS (operations_are_told_of_a_loss_before_the_owner_is, outcome_ways),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "callbacks", cases);
}
