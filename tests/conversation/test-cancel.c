/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Waiting for an operation, and cancelling one: who is told, who may do it, and that what the server
 * still says to it goes nowhere.
 */

#include <errno.h>
#include <string.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define SOON_MS 10000 /* a reset has no deadline */

/* Where reads go; 64 KiB is all of region 2. */
static guint8 buffer[65536];

/* ---- Waiting ---- */

static void
who_waits_is_told_in_place_of_the_callback (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  operation = vuc_device_region_read_async (device, 7, 0, buffer, 4, OUTCOME (outcome));
  ck_assert (vuc_device_wait (device, operation, &error));
  assert_no_error (error);
  assert_bytes (buffer, 4, "'here'");
  outcome_expect_silence (outcome);
  ck_assert_ptr_eq (outcome->destroy_thread, g_thread_self ());

  process_all (device);
  close_and_finish (device, server);
  outcome_expect_silence (outcome);
}

static void
no_callback_is_needed_to_wait (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_reply (server, "");
  script_expect_command (server, 13, "");
  script_reply_error (server, EBUSY);
  device = connect_to (script_server_start (server));
  operation = vuc_device_reset_async (device, NULL, NULL, NULL);
  ck_assert (vuc_device_wait (device, operation, &error));
  assert_no_error (error);

  operation = vuc_device_reset_async (device, NULL, NULL, NULL);
  ck_assert (!vuc_device_wait (device, operation, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "the server refused DEVICE_RESET");
  ck_assert_int_eq (vuc_error_get_errno (error), EBUSY);
  close_and_finish (device, server);
}

/* Nobody was told yet, so who comes late is not too late. */
static void
an_operation_that_is_complete_can_be_waited_for_until_its_callback_came (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(Outcome) refused = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation operations[2];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  operations[0] = vuc_device_reset_async (device, OUTCOME (outcome));
  operations[1] = vuc_device_region_read_async (device, 9, 0, buffer, 4, OUTCOME (refused));
  expect_sign_of_life (device);
  ck_assert (vuc_device_wait (device, operations[0], &error));
  assert_no_error (error);
  ck_assert (!vuc_device_wait (device, operations[1], &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "there is no region 9");
  outcome_expect_silence (outcome);
  outcome_expect_silence (refused);
  close_and_finish (device, server);
}

static void
waiting_ends_at_the_deadline_of_the_operation (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  gint64 start;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  start = g_get_monotonic_time ();
  operation = vuc_device_region_read_async (device, 7, 0, buffer, 4, NULL, NULL, NULL);
  ck_assert (!vuc_device_wait (device, operation, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "REGION_READ");
  ck_assert_uint_lt (ms_since (start), late_ms ());
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
expect_no_operation (VucDevice *device, VucOperation operation, const char *what)
{
  g_autoptr(GError) error = NULL;

  harness_context ("operation %" G_GUINT64_FORMAT ", %s", operation, what);
  ck_assert (!vuc_device_wait (device, operation, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "operation");
  ck_assert (!vuc_device_cancel (device, operation));
}

static void
what_is_no_operation_is_neither_waited_for_nor_cancelled (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) told = outcome_new ();
  g_autoptr(Outcome) cancelled = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation, waited_for;

  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < 2; i++)
    {
      script_expect_command (server, 13, "");
      script_reply (server, "");
    }
  script_expect_command (server, 13, "");
  device = connect_to (script_server_start (server));
  expect_no_operation (device, 0, "which there never is");

  operation = vuc_device_reset_async (device, OUTCOME (told));
  expect_no_operation (device, operation + 1000, "which was not started");
  outcome_process (told, device);
  expect_no_operation (device, operation, "which has told its callback");

  waited_for = vuc_device_reset_async (device, NULL, NULL, NULL);
  ck_assert (vuc_device_wait (device, waited_for, NULL));
  expect_no_operation (device, waited_for, "which was waited for");

  operation = vuc_device_reset_async (device, OUTCOME (cancelled));
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (cancelled, device);
  expect_no_operation (device, operation, "which was cancelled");
  close_and_finish (device, server);
}

typedef struct
{
  VucDevice *device;
  VucOperation operation;
  GError *error;
} Tracer;

static void
wait_inside (const VucMessageEvent *event G_GNUC_UNUSED, gpointer user_data)
{
  Tracer *tracer = user_data;

  if (tracer->operation == 0 || tracer->error != NULL)
    return;
  (void) vuc_device_wait (tracer->device, tracer->operation, &tracer->error);
}

static void
a_trace_is_no_place_to_wait_in (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  Tracer tracer = { .operation = 0 };

  vuc_config_set_message_func (config, wait_inside, &tracer, NULL);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_expect_command (server, 9, NULL);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  script_reply_to (server, 1, "");
  device = connect_with (script_server_start (server), config);
  tracer.device = device;
  tracer.operation = vuc_device_reset_async (device, NULL, NULL, NULL);
  expect_sign_of_life (device);
  assert_error (tracer.error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "inside a callback");
  ck_assert (vuc_device_wait (device, tracer.operation, NULL));
  g_error_free (tracer.error);
  close_and_finish (device, server);
}

/* ---- Waiting in threads ---- */

typedef struct
{
  VucDevice *device;
  VucOperation operation;
  GThread *thread;
  gboolean ok;
  GError *error;
  int *n_returned; /* atomic */
} Waiter;

static gpointer
wait_for_operation (gpointer data)
{
  Waiter *waiter = data;

  waiter->ok = vuc_device_wait (waiter->device, waiter->operation, &waiter->error);
  g_atomic_int_inc (waiter->n_returned);
  return NULL;
}

static void
start_waiter (Waiter *waiter, VucDevice *device, VucOperation operation, int *n_returned)
{
  *waiter = (Waiter){ .device = device, .operation = operation, .n_returned = n_returned };
  waiter->thread = g_thread_new ("waiter", wait_for_operation, waiter);
}

static void
only_one_can_wait_for_an_operation (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  Waiter waiters[2];
  int n_returned = 0;
  guint winner;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_wait_for_sign (server);
  script_reply (server, "");
  device = connect_to (script_server_start (server));
  operation = vuc_device_reset_async (device, NULL, NULL, NULL);
  start_waiter (&waiters[0], device, operation, &n_returned);
  start_waiter (&waiters[1], device, operation, &n_returned);

  /* Nothing was answered yet: who returns was refused. */
  while (g_atomic_int_get (&n_returned) == 0)
    g_thread_yield ();
  script_server_give_sign (server);
  for (guint i = 0; i < 2; i++)
    g_thread_join (waiters[i].thread);
  winner = waiters[0].ok ? 0 : 1;
  ck_assert (waiters[winner].ok);
  assert_no_error (waiters[winner].error);
  assert_error (waiters[1 - winner].error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "wait");
  g_error_free (waiters[1 - winner].error);
  close_and_finish (device, server);
}

static void
who_waits_returns_when_another_thread_cancels (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  int n_returned = 0;
  Waiter waiter;
  gint64 start;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_wait_for_sign (server);
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  start_waiter (&waiter, device, operation, &n_returned);
  g_usleep (20000); /* so that it waits, as a rule: both orders are right */
  start = g_get_monotonic_time ();
  ck_assert (vuc_device_cancel (device, operation));
  g_thread_join (waiter.thread);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  ck_assert (!waiter.ok);
  assert_error (waiter.error, VUC_ERROR, VUC_ERROR_CANCELLED, "DEVICE_RESET");
  g_error_free (waiter.error);
  outcome_expect_silence (outcome);

  /* The late reply is dropped. */
  script_server_give_sign (server);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* One reads for itself and for the others; that it is cancelled must not leave them unread. */
static void
the_others_wait_on_when_one_is_cancelled (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operations[2];
  int n_returned = 0;
  Waiter waiters[2];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_expect_command (server, 13, "");
  script_wait_for_sign (server);
  script_reply_to (server, 0, "");
  script_expect_eof (server);
  device = connect_to (script_server_start (server));
  for (guint i = 0; i < 2; i++)
    operations[i] = vuc_device_reset_async (device, NULL, NULL, NULL);
  for (guint i = 0; i < 2; i++)
    {
      start_waiter (&waiters[i], device, operations[i], &n_returned);
      g_usleep (20000); /* the first becomes the reader, as a rule */
    }
  ck_assert (vuc_device_cancel (device, operations[0]));
  g_thread_join (waiters[0].thread);
  script_server_give_sign (server);
  g_thread_join (waiters[1].thread);
  assert_error (waiters[0].error, VUC_ERROR, VUC_ERROR_CANCELLED, "DEVICE_RESET");
  g_error_free (waiters[0].error);
  assert_no_error (waiters[1].error);
  ck_assert (waiters[1].ok);
  close_and_finish (device, server);
}

/* ---- Cancelling ---- */

static void
the_callback_of_what_is_cancelled_comes_where_it_always_does (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  device = connect_to (script_server_start (server));
  operation = vuc_device_region_read_async (device, 7, 0, buffer, 4, OUTCOME (outcome));
  ck_assert (vuc_device_cancel (device, operation));
  ck_assert (!vuc_device_cancel (device, operation));
  outcome_expect_nothing (outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "REGION_READ");
  close_and_finish (device, server);
}

/* A blocking call has read its reply, and its callback was not called yet. */
static void
what_is_complete_cannot_be_cancelled (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  expect_sign_of_life (device);
  ck_assert (!vuc_device_cancel (device, operation));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

typedef struct
{
  const char *name;
  gsize count;      /* read from region 2 */
  const char *said; /* to the read, after it was cancelled or half of it was */
  gsize half;       /* so many bytes come before it is cancelled */
} LateRow;

#define SMALL "id u16:9 u32:36 u32:1 u32:0 u64:0 u32:2 u32:4 'late'"
#define LARGE "id u16:9 u32:65568 u32:1 u32:0 u64:0 u32:2 u32:65536 cc*65536"

static const LateRow late[] = {
  { "a small one", 4, SMALL, 0 },
  { "a large one", 65536, LARGE, 0 },
  { "an error", 4, "id u16:9 u32:16 u32:0x21 u32:22", 0 },
  { "an error with a payload", 4, "id u16:9 u32:32 u32:0x21 u32:22 ff*16", 0 },
  { "longer than was asked for", 4, LARGE, 0 },
  { "shorter than was asked for", 65536, "id u16:9 u32:16 u32:1 u32:0", 0 },
  { "in the middle of its header", 4, SMALL, 7 },
  { "after its header", 4, SMALL, 16 },
  { "in the middle of its data", 4, SMALL, 34 },
  { "in the middle of the header of a large one", 65536, LARGE, 7 },
  { "after the header of a large one", 65536, LARGE, 16 },
  { "before the data of a large one", 65536, LARGE, 32 },
  { "in the middle of the data of a large one", 65536, LARGE, 20000 },
  { "before the last byte of a large one", 65536, LARGE, 65567 },
  { "in the middle of an error's payload", 4, "id u16:9 u32:32 u32:0x21 u32:22 ff*16", 20 },
};

/* The rest, or all of it, comes when nobody may write to the buffer any more. */
static void
a_late_reply_goes_nowhere (gconstpointer data)
{
  const LateRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GBytes) before = NULL;
  VucOperation operation;

  memset (buffer, 0x5a, sizeof buffer);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_send (server, row->said);
  script_hold_back_after (server, row->half);
  script_sign_of_life (server);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  operation = vuc_device_region_read_full_async (device, 2, 0, buffer, row->count,
                                                 VUC_ACCESS_MESSAGE_ONLY, OUTCOME (outcome));
  if (row->half > 0)
    ck_assert (wait_for_work (device, PATIENCE_MS));
  process_all (device);

  ck_assert (vuc_device_cancel (device, operation));
  before = g_bytes_new (buffer, sizeof buffer);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "REGION_READ");
  script_server_give_sign (server);
  expect_sign_of_life (device);
  assert_same_bytes (buffer, sizeof buffer, g_bytes_get_data (before, NULL), sizeof buffer);
  if (row->half == 0)
    ck_assert_uint_eq (buffer[0], 0x5a);
  expect_sign_of_life (device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "REGION_READ");
  close_and_finish (device, server);
}

static void
a_late_replys_descriptors_are_closed (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  guint n_before;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 6, NULL);
  script_wait_for_sign (server);
  script_reply_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0),
                    SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 4096 }));
  script_sign_of_life (server);
  script_expect_command (server, 6, NULL);
  script_reply_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0),
                    SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }));
  device = connect_to (script_server_start (server));
  operation = vuc_device_get_region_io_fds_async (device, 0, OUTCOME (outcome));
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "DEVICE_GET_REGION_IO_FDS");
  n_before = count_files ();
  script_server_give_sign (server);
  expect_sign_of_life (device);
  ck_assert_uint_eq (count_files (), n_before);

  /* And it can be asked again. */
  operation = vuc_device_get_region_io_fds_async (device, 0, NULL, NULL, NULL);
  ck_assert (vuc_device_wait (device, operation, NULL));
  close_and_finish (device, server);
}

/* The later parts of an access that is split. */
static void
the_rest_of_what_is_cancelled_is_not_asked_for (void)
{
  ScriptDevice script = script_pci_device;
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  guint n_sent = 0;

  vuc_config_set_message_func (config, count_sent, &n_sent, NULL);
  script.json = "{\"capabilities\":{\"max_data_xfer_size\":8}}";
  script_handshake (server, &script);
  script_expect_command (server, 9, "u64:0 u32:7 u32:8");
  script_reply (server, "u64:0 u32:7 u32:8 '12345678'");
  script_expect_command (server, 9, "u64:8 u32:7 u32:8");
  script_wait_for_sign (server);
  script_reply (server, "u64:8 u32:7 u32:8 '12345678'");
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  n_sent = 0;
  operation = vuc_device_region_read_async (device, 7, 0, buffer, 24, OUTCOME (outcome));
  process_until_sent (device, &n_sent, 2);
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "REGION_READ");
  script_server_give_sign (server);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (who_waits_is_told_in_place_of_the_callback),
  HARNESS_CASE (no_callback_is_needed_to_wait),
  HARNESS_CASE (an_operation_that_is_complete_can_be_waited_for_until_its_callback_came),
  HARNESS_CASE (waiting_ends_at_the_deadline_of_the_operation),
  HARNESS_CASE (what_is_no_operation_is_neither_waited_for_nor_cancelled),
  HARNESS_CASE (a_trace_is_no_place_to_wait_in),
  HARNESS_CASE (only_one_can_wait_for_an_operation),
  HARNESS_CASE (who_waits_returns_when_another_thread_cancels),
  HARNESS_CASE (the_others_wait_on_when_one_is_cancelled),
  HARNESS_CASE (the_callback_of_what_is_cancelled_comes_where_it_always_does),
  HARNESS_CASE (what_is_complete_cannot_be_cancelled),
  HARNESS_ROWS (a_late_reply_goes_nowhere, late),
  HARNESS_CASE (a_late_replys_descriptors_are_closed),
  HARNESS_CASE (the_rest_of_what_is_cancelled_is_not_asked_for),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "cancel", cases);
}
