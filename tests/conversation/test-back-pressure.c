/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * More than the server takes: limits of operations and of queued bytes, who waits for room and who
 * is refused, and cancelling what was not sent, or not all of it.
 */

#include <string.h>

#include "conversation/connect.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

static guint8 buffer[4];

static VucOperation
start_read (VucDevice *device, Outcome *outcome)
{
  return vuc_device_region_read_async (device, 7, 0, buffer, 4, OUTCOME (outcome));
}

static VucOperation
start_reset (VucDevice *device, Outcome *outcome)
{
  return vuc_device_reset_async (device, OUTCOME (outcome));
}

static VucLoad
get_load (VucDevice *device)
{
  VucLoad load = { 0 };

  vuc_device_get_load (device, &load);
  return load;
}

/* ---- Operations ---- */

static void
there_is_a_limit_of_operations (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  g_autoptr(Outcome) third = outcome_new ();
  g_autoptr(Outcome) fourth = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operations[4];

  vuc_config_set_max_operations (config, 2);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_expect_command (server, 13, NULL);
  script_wait_for_sign (server);
  script_reply_to (server, 1, "u64:0 u32:7 u32:4 'here'");
  script_reply_to (server, 0, "");
  script_expect_command (server, 13, NULL);
  script_reply (server, "");
  device = connect_with (script_server_start (server), config);

  operations[0] = start_read (device, first);
  operations[1] = start_reset (device, second);
  ck_assert_uint_eq (get_load (device).operations, 2);
  ck_assert_uint_eq (get_load (device).max_operations, 2);
  operations[2] = start_read (device, third);
  outcome_expect_nothing (third);
  outcome_process (third, device);
  outcome_expect_error (third, operations[2], VUC_ERROR_LIMIT,
                        "2 operations are under way already, allowed are 2");
  outcome_expect_nothing (first);
  outcome_expect_nothing (second);

  script_server_give_sign (server);
  outcome_process (first, device);
  outcome_process (second, device);
  outcome_expect_success (first, operations[0]);
  outcome_expect_success (second, operations[1]);

  /* Then there is room again. */
  ck_assert_uint_eq (get_load (device).operations, 0);
  operations[3] = start_reset (device, fourth);
  outcome_process (fourth, device);
  outcome_expect_success (fourth, operations[3]);
  for (guint i = 0; i < 4; i++)
    for (guint j = 0; j < i; j++)
      ck_assert_uint_ne (operations[i], operations[j]);
  close_and_finish (device, server);
}

/* Keeps so many under way until all were. */
#define WINDOW  16
#define N_READS 5000

typedef struct
{
  guint32 words[WINDOW];
  guint n_started;
  guint n_good;
  guint n_bad;
} Stream;

static void
read_one_more (VucDevice *device,
               VucOperation operation G_GNUC_UNUSED,
               const GError *error,
               gpointer user_data)
{
  Stream *stream = user_data;

  if (error == NULL)
    stream->n_good++;
  else
    stream->n_bad++;
  if (stream->n_started == N_READS)
    return;
  vuc_device_region_read_async (device, VUC_PCI_BAR0_REGION, 0,
                                &stream->words[stream->n_started % WINDOW], 4, read_one_more,
                                stream, NULL);
  stream->n_started++;
}

/* An operation that has told its callback has made room for another, which the callback may start. */
static void
who_keeps_to_the_limit_is_never_refused (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(VucDevice) device = NULL;
  Stream stream = { .n_started = WINDOW };

  vuc_config_set_max_operations (config, WINDOW);
  device = connect_with (demo_device_start (demo), config);
  for (guint i = 0; i < WINDOW; i++)
    vuc_device_region_read_async (device, VUC_PCI_BAR0_REGION, 0, &stream.words[i], 4,
                                  read_one_more, &stream, NULL);
  while (stream.n_good + stream.n_bad < N_READS)
    {
      ck_assert (wait_for_work (device, PATIENCE_MS));
      vuc_device_process (device);
    }
  ck_assert_uint_eq (stream.n_bad, 0);
  ck_assert_uint_eq (get_load (device).operations, 0);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* ---- Bytes ---- */

/* A region that holds more than the socket does. */
static const ScriptRegion
  large_regions[] = { { .size = 1 << 20, .flags = 3 }, [7] = { .size = 256, .flags = 3 } };
static const ScriptDevice large_device = { .regions = large_regions, .n_regions = 8 };

static void
a_command_that_was_not_sent_is_never_sent (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree guint8 *data = g_malloc0 (1 << 20);
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operations[2];

  vuc_config_set_max_write_size (config, 1 << 20);
  script_handshake (server, &large_device);
  script_wait_for_sign (server);
  script_expect_command (server, 10, NULL);
  script_reply (server, "u64:0 u32:0 u32:1048576");
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  operations[0] = vuc_device_region_write_async (device, 0, 0, data, 1 << 20, OUTCOME (first));
  operations[1] = vuc_device_region_write_async (device, 7, 0, "data", 4, OUTCOME (second));
  process_all (device);
  ck_assert_uint_gt (get_load (device).queued_bytes, 0);

  ck_assert (vuc_device_cancel (device, operations[1]));
  outcome_process (second, device);
  outcome_expect_error (second, operations[1], VUC_ERROR_CANCELLED, "REGION_WRITE");
  script_server_give_sign (server);
  outcome_process (first, device);
  outcome_expect_success (first, operations[0]);
  expect_sign_of_life (device);
  ck_assert_uint_eq (get_load (device).queued_bytes, 0);
  close_and_finish (device, server);
}

/* Its data is the caller's again at once, but half of the message has gone: the rest must follow, as
 * it was. */
static void
a_command_that_was_sent_in_part_goes_out_whole (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree guint8 *data = g_malloc (1 << 20);
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  vuc_config_set_max_write_size (config, 1 << 20);
  script_handshake (server, &large_device);
  script_wait_for_sign (server);
  script_expect_command (server, 10, "u64:0 u32:0 u32:1048576 5a*1048576");
  script_reply (server, "u64:0 u32:0 u32:1048576");
  script_sign_of_life (server);
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  memset (data, 0x5a, 1 << 20);
  operation = vuc_device_region_write_async (device, 0, 0, data, 1 << 20, OUTCOME (outcome));
  process_all (device);
  ck_assert_uint_gt (get_load (device).queued_bytes, 0);

  ck_assert (vuc_device_cancel (device, operation));
  memset (data, 0xee, 1 << 20);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "REGION_WRITE");
  script_server_give_sign (server);
  expect_sign_of_life (device);
  expect_sign_of_life (device);
  ck_assert_uint_eq (get_load (device).queued_bytes, 0);
  close_and_finish (device, server);
}

static void
count_success (VucDevice *device G_GNUC_UNUSED,
               VucOperation operation G_GNUC_UNUSED,
               const GError *error,
               gpointer n)
{
  if (error == NULL)
    ++*(guint *) n;
}

/* All writes are alike, so it does not matter which of them the server answers. */
enum
{
  N_WRITES = 24,
  WRITE_SIZE = 32768
};

static void
script_that_does_not_read_at_first (ScriptServer *server)
{
  script_handshake (server, &script_pci_device);
  script_wait_for_sign (server);
  script_may_end_early (server);
  for (guint i = 0; i < N_WRITES; i++)
    {
      script_expect_command (server, 10, NULL);
      script_reply (server, "u64:0 u32:2 u32:32768");
    }
}

/* Writes until that is refused; returns how many writes were not. */
static guint
fill_queue (VucDevice *device, const guint8 *data, guint *n_good)
{
  for (guint n = 0; n < N_WRITES - 1; n++)
    {
      const VucLoad load = get_load (device);
      g_autoptr(Outcome) refused = NULL;

      if (load.queued_bytes >= load.max_queued_bytes)
        {
          VucOperation operation;

          refused = outcome_new ();
          operation = vuc_device_region_write_full_async (device, 2, 0, data, WRITE_SIZE,
                                                          VUC_ACCESS_MESSAGE_ONLY,
                                                          OUTCOME (refused));
          outcome_process (refused, device);
          outcome_expect_error (refused, operation, VUC_ERROR_LIMIT,
                                "bytes wait to be sent already, allowed are 4096");
          return n;
        }
      vuc_device_region_write_full_async (device, 2, 0, data, WRITE_SIZE, VUC_ACCESS_MESSAGE_ONLY,
                                          count_success, n_good, NULL);
    }
  harness_fail ("%u writes were queued, and no limit came", N_WRITES - 1);
}

static void
what_is_queued_is_limited (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree guint8 *data = g_malloc0 (WRITE_SIZE);
  g_autoptr(VucDevice) device = NULL;
  guint n, n_good = 0;

  vuc_config_set_max_queued_bytes (config, 4096);
  script_that_does_not_read_at_first (server);
  device = connect_with (script_server_start (server), config);
  n = fill_queue (device, data, &n_good);
  ck_assert_uint_ge (n, 1);
  ck_assert_uint_eq (n_good, 0);
  ck_assert_uint_le (get_load (device).queued_bytes, 4096 + 32 + WRITE_SIZE);
  ck_assert_uint_eq (get_load (device).operations, n);

  script_server_give_sign (server);
  while (n_good < n)
    {
      ck_assert (wait_for_work (device, PATIENCE_MS));
      vuc_device_process (device);
    }
  ck_assert_uint_eq (get_load (device).queued_bytes, 0);
  ck_assert_uint_eq (get_load (device).operations, 0);
  vuc_device_close (device);
  script_server_finish (server);
}

/* What is queued leaves some room, which is too small for any of them. */
static void
what_finds_no_room_is_limited_as_well (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree guint8 *data = g_malloc0 (WRITE_SIZE);
  g_autoptr(VucDevice) device = NULL;
  guint n_good = 0;

  vuc_config_set_max_queued_bytes (config, WRITE_SIZE * 3 / 2);
  script_handshake (server, &script_pci_device);
  script_wait_forever (server);
  device = connect_with (script_server_start (server), config);
  for (guint i = 0; i < 200; i++)
    vuc_device_region_write_full_async (device, 2, 0, data, WRITE_SIZE, VUC_ACCESS_MESSAGE_ONLY,
                                        count_success, &n_good, NULL);
  ck_assert_uint_gt (get_load (device).queued_bytes, 0);
  ck_assert_uint_lt (get_load (device).operations, N_WRITES);
  vuc_device_close (device);
  script_server_finish (server);
}

/* And reads meanwhile, for those who have no loop. */
static void
a_blocking_call_waits_for_room (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree guint8 *data = g_malloc0 (WRITE_SIZE);
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  guint n, n_good = 0;

  vuc_config_set_max_queued_bytes (config, 4096);
  script_that_does_not_read_at_first (server);
  device = connect_with (script_server_start (server), config);
  n = fill_queue (device, data, &n_good);
  script_server_give_sign (server);
  ck_assert (
    vuc_device_region_write_full (device, 2, 0, data, WRITE_SIZE, VUC_ACCESS_MESSAGE_ONLY, &error));
  assert_no_error (error);
  ck_assert_uint_eq (n_good, 0);
  process_all (device);
  ck_assert_uint_eq (n_good, n);
  vuc_device_close (device);
  script_server_finish (server);
}

/* The first write was sent in part, so it may be what ends the connection. */
static void
a_blocking_call_does_not_wait_for_room_for_ever (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree guint8 *data = g_malloc0 (WRITE_SIZE);
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  guint n_good = 0;
  gint64 start;

  vuc_config_set_max_queued_bytes (config, 4096);
  script_handshake (server, &script_pci_device);
  script_wait_forever (server);
  device = connect_with (script_server_start (server), config);
  fill_queue (device, data, &n_good);
  start = g_get_monotonic_time ();
  ck_assert (!vuc_device_region_write_full (device, 2, 0, data, WRITE_SIZE, VUC_ACCESS_MESSAGE_ONLY,
                                            &error));
  ck_assert (error->domain == VUC_ERROR);
  ck_assert (error->code == VUC_ERROR_TIMED_OUT || error->code == VUC_ERROR_PROTOCOL);
  ck_assert_uint_lt (ms_since (start), late_ms ());
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (there_is_a_limit_of_operations),
  HARNESS_CASE (who_keeps_to_the_limit_is_never_refused),
  HARNESS_CASE (a_command_that_was_not_sent_is_never_sent),
  HARNESS_CASE (a_command_that_was_sent_in_part_goes_out_whole),
  HARNESS_CASE (what_is_queued_is_limited),
  HARNESS_CASE (what_finds_no_room_is_limited_as_well),
  HARNESS_CASE (a_blocking_call_waits_for_room),
  HARNESS_CASE (a_blocking_call_does_not_wait_for_room_for_ever),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "back-pressure", cases);
}
