/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Callbacks that take long: those that run a loop until something else has happened, and those that
 * wait for another thread.  Nothing that the device has to do may wait for their end.
 */

#include "conversation/connect.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define RESET   13   /* DEVICE_RESET */
#define SOON_MS 10000 /* far below what a wait has, see outcome.c */

typedef struct
{
  VucDevice *device;
  const OutcomeWay *way;
  GMainContext *context;
  Outcome *first; /* of the operation whose callback takes long */
  Outcome *next;  /* of the one that it waits for */
  VucOperation operation;
} Then;

/* ---- Loops inside callbacks ---- */

/* Waits in a loop of its own for another operation, which was started before or is now. */
static void
then_loop (VucDevice *device, gpointer user_data)
{
  Then *then = user_data;

  if (then->operation == 0)
    then->operation = vuc_device_reset_async (device, OUTCOME (then->next));
  outcome_complete (then->next, device, then->way, then->context);
}

static void
script_two_resets (ScriptServer *server)
{
  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_expect_command (server, RESET, "");
  script_send (server, "id(1) u16:13 u32:16 u32:1 u32:0 | id(0) u16:13 u32:16 u32:1 u32:0");
}

/* With both replies in, a second callback is due while the first one runs. */
static void
it_may_run_a_loop_for_what_is_under_way (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  Then then = { .next = second, .way = row, .context = context };
  const gint64 start = g_get_monotonic_time ();
  VucOperation operation;

  script_two_resets (server);
  device = connect_to (script_server_start (server));
  outcome_attach (device, row, context);
  first->then = then_loop;
  first->then_data = &then;
  operation = vuc_device_reset_async (device, OUTCOME (first));
  then.operation = vuc_device_reset_async (device, OUTCOME (second));
  outcome_complete (first, device, row, context);
  outcome_expect_success (first, operation);
  outcome_expect_success (second, then.operation);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  close_and_finish (device, server);
}

static void
it_may_run_a_loop_for_what_it_starts (gconstpointer row)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  Then then = { .next = second, .way = row, .context = context };
  const gint64 start = g_get_monotonic_time ();
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < 2; i++)
    {
      script_expect_command (server, RESET, "");
      script_reply (server, "");
    }
  device = connect_to (script_server_start (server));
  outcome_attach (device, row, context);
  first->then = then_loop;
  first->then_data = &then;
  operation = vuc_device_reset_async (device, OUTCOME (first));
  outcome_complete (first, device, row, context);
  outcome_expect_success (first, operation);
  outcome_expect_success (second, then.operation);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  close_and_finish (device, server);
}

/* ---- Other threads ---- */

/* Two threads look after a device; one is kept in a callback until the other has had one. */
static void
then_let_another_thread_do_it (VucDevice *device G_GNUC_UNUSED, gpointer user_data)
{
  outcome_wait (((Then *) user_data)->next);
}

static gpointer
process_until_complete (gpointer user_data)
{
  Then *then = user_data;

  outcome_wait_for_callback (then->first);
  outcome_process (then->next, then->device);
  return NULL;
}

static void
it_holds_up_no_other_thread_that_processes (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  const gint64 start = g_get_monotonic_time ();
  Then then = { .first = first, .next = second };
  VucOperation operation;
  GThread *thread;

  script_two_resets (server);
  device = connect_to (script_server_start (server));
  then.device = device;
  first->then = then_let_another_thread_do_it;
  first->then_data = &then;
  operation = vuc_device_reset_async (device, OUTCOME (first));
  then.operation = vuc_device_reset_async (device, OUTCOME (second));
  thread = g_thread_new ("other", process_until_complete, &then);
  outcome_process (first, device);
  g_thread_join (thread);
  outcome_expect_success (first, operation);
  outcome_expect_success (second, then.operation);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (it_may_run_a_loop_for_what_is_under_way, outcome_ways),
  HARNESS_ROWS (it_may_run_a_loop_for_what_it_starts, outcome_ways),
  HARNESS_CASE (it_holds_up_no_other_thread_that_processes),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "nested", cases);
}
