/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Asynchronous operations: how each of them can end, that it is said once and not too early, in
 * which thread, and how many there may be.  What callbacks may do is in test-callbacks.c.
 */

#include <errno.h>
#include <string.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/loop-thread.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* Where reads go: static, as a device that goes too late must not write to a frame that is gone. */
static guint8 buffer[32];

/* ---- Each operation ---- */

static VucOperation
start_read (VucDevice *device, Outcome *outcome)
{
  return vuc_device_region_read_async (device, 7, 0x10, buffer, 4, OUTCOME (outcome));
}

static VucOperation
start_write (VucDevice *device, Outcome *outcome)
{
  return vuc_device_region_write_async (device, 0, 0, "data", 4, OUTCOME (outcome));
}

static VucOperation
start_reset (VucDevice *device, Outcome *outcome)
{
  return vuc_device_reset_async (device, OUTCOME (outcome));
}

static VucOperation
start_io_fds (VucDevice *device, Outcome *outcome)
{
  return vuc_device_get_region_io_fds_async (device, 0, OUTCOME (outcome));
}

typedef struct
{
  const char *name;
  VucOperation (*start) (VucDevice *device, Outcome *outcome);
  guint16 command;
  const char *request;
  const char *reply;
} Kind;

static const Kind kinds[] = {
  { "a read", start_read, 9, "u64:0x10 u32:7 u32:4", "u64:0x10 u32:7 u32:4 'here'" },
  { "a write", start_write, 10, "u64:0 u32:0 u32:4 'data'", "u64:0 u32:0 u32:4" },
  { "a reset", start_reset, 13, "", "" },
  { "a question for IO descriptors", start_io_fds, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0",
    IO_FDS (16, 0, 0) },
};

static VucOperation
start (const Kind *kind, VucDevice *device, Outcome *outcome)
{
  VucOperation operation;

  outcome_starting (outcome);
  operation = kind->start (device, outcome);
  outcome_started (outcome);
  return operation;
}

/* The server has the command, and answers when it gets a sign. */
static void
script_kind (ScriptServer *server, const Kind *kind)
{
  script_handshake (server, &script_pci_device);
  script_expect_command (server, kind->command, kind->request);
  script_wait_for_sign (server);
  script_reply (server, kind->reply);
}

static void
it_completes_where_the_device_is_processed (gconstpointer row)
{
  const Kind *kind = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_kind (server, kind);
  device = connect_to (script_server_start (server));
  operation = start (kind, device, outcome);
  process_all (device);
  outcome_expect_nothing (outcome);

  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  ck_assert_ptr_eq (outcome->thread, g_thread_self ());
  ck_assert_ptr_eq (outcome->device, device);

  process_all (device);
  close_and_finish (device, server);
  outcome_expect_success (outcome, operation);
}

static void
it_completes_where_its_context_is_iterated (gconstpointer row)
{
  const Kind *kind = row;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_kind (server, kind);
  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_attach (device, context, NULL));
  operation = start (kind, device, outcome);
  while (g_main_context_iteration (context, FALSE))
    continue;
  outcome_expect_nothing (outcome);

  script_server_give_sign (server);
  outcome_iterate (outcome, context);
  outcome_expect_success (outcome, operation);

  close_and_finish (device, server);
  while (g_main_context_iteration (context, FALSE))
    continue;
  outcome_expect_success (outcome, operation);
}

static void
it_completes_in_the_thread_that_runs_its_context (gconstpointer row)
{
  const Kind *kind = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;
  VucOperation operation;

  script_kind (server, kind);
  device = connect_to (script_server_start (server));
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  operation = start (kind, device, outcome);

  script_server_give_sign (server);
  outcome_wait (outcome);
  outcome_expect_success (outcome, operation);
  ck_assert_ptr_eq (outcome->thread, loop->thread);
  close_and_finish (device, server);
}

static void
it_tells_what_the_server_refused (gconstpointer row)
{
  const Kind *kind = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, kind->command, kind->request);
  script_reply_error (server, EBUSY);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  operation = start (kind, device, outcome);
  outcome_process (outcome, device);

  /* A server that has no IO descriptors, or does not know the question, is no error. */
  if (kind->start == start_io_fds)
    {
      outcome_expect_success (outcome, operation);
      ck_assert_int_eq (vuc_device_get_region_io_fds_errno (device, 0), EBUSY);
    }
  else
    {
      outcome_expect_error (outcome, operation, VUC_ERROR_REMOTE, "the server refused");
      ck_assert_int_eq (vuc_error_get_errno (outcome->error), EBUSY);
    }
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
it_tells_that_its_deadline_has_passed (gconstpointer row)
{
  const Kind *kind = row;
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  vuc_config_set_long_timeout_ms (config, patient_deadline_ms ());
  script_handshake (server, &script_pci_device);
  script_expect_command (server, kind->command, kind->request);
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  operation = start (kind, device, outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_TIMED_OUT,
                        "the server did not reply in time");
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
it_fails_like_the_rest_when_the_server_hangs_up (gconstpointer row)
{
  const Kind *kind = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(Outcome) later = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, kind->command, kind->request);
  script_close (server);
  device = connect_to (script_server_start (server));
  operation = start (kind, device, outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_DISCONNECTED,
                        "the server closed the connection");

  /* And what comes later fails with the first cause. */
  operation = start (kind, device, later);
  outcome_process (later, device);
  outcome_expect_error (later, operation, VUC_ERROR_DISCONNECTED, outcome->error->message);
  close_and_finish (device, server);
}

/* ---- What is not sent ---- */

typedef struct
{
  const char *name;
  gboolean writes;
  guint32 region;
  guint64 offset;
  gsize count;
  VucError code;
  const char *text;
} RefusedRow;

static const RefusedRow refused[] = {
  { "a read of a region that there is not", FALSE, 9, 0, 1, VUC_ERROR_INVALID_ARGUMENT,
    "there is no region 9" },
  { "a write to a region that there is not", TRUE, G_MAXUINT32, 0, 1, VUC_ERROR_INVALID_ARGUMENT,
    "there is no region 4294967295" },
  { "a read that ends outside", FALSE, 7, 253, 4, VUC_ERROR_INVALID_ARGUMENT,
    "region 7: 4 bytes at 0xfd are not inside it" },
  { "a write that wraps", TRUE, 7, G_MAXUINT64, 2, VUC_ERROR_INVALID_ARGUMENT,
    "region 7: 2 bytes at 0xffffffffffffffff are not" },
  { "a read of what cannot be read", FALSE, 1, 0, 4, VUC_ERROR_NOT_SUPPORTED,
    "region 1 cannot be read" },
  { "a write to what cannot be written", TRUE, 0, 0, 4, VUC_ERROR_NOT_SUPPORTED,
    "region 0 cannot be written" },
};

static void
it_is_refused_by_its_callback_too (gconstpointer data)
{
  static const ScriptRegion regions[] = {
    { .size = 8, .flags = 1 }, { .size = 8, .flags = 2 }, [7] = { .size = 256, .flags = 3 }
  };
  const ScriptDevice script = { .regions = regions, .n_regions = 8 };
  const RefusedRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script);
  device = connect_to (script_server_start (server));
  outcome_starting (outcome);
  if (row->writes)
    operation = vuc_device_region_write_async (device, row->region, row->offset, buffer, row->count,
                                               OUTCOME (outcome));
  else
    operation = vuc_device_region_read_async (device, row->region, row->offset, buffer, row->count,
                                              OUTCOME (outcome));
  outcome_started (outcome);
  outcome_expect_nothing (outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, row->code, row->text);
  close_and_finish (device, server);
}

static void
a_question_about_a_region_that_there_is_not_is_refused (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  device = connect_to (script_server_start (server));
  operation = vuc_device_get_region_io_fds_async (device, 9, OUTCOME (outcome));
  outcome_expect_nothing (outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_INVALID_ARGUMENT, "there is no region 9");
  close_and_finish (device, server);
}

static void
a_reset_of_a_device_that_cannot_be_reset_is_refused (void)
{
  ScriptDevice without = script_pci_device;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  without.flags &= ~(guint32) VUC_DEVICE_RESET;
  script_handshake (server, &without);
  device = connect_to (script_server_start (server));
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  outcome_expect_nothing (outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_NOT_SUPPORTED, "cannot be reset");
  close_and_finish (device, server);
}

static void
an_access_of_nothing_succeeds_and_sends_nothing (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) reading = outcome_new ();
  g_autoptr(Outcome) writing = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  device = connect_to (script_server_start (server));
  operation = vuc_device_region_read_async (device, 7, 256, NULL, 0, OUTCOME (reading));
  outcome_expect_nothing (reading);
  outcome_process (reading, device);
  outcome_expect_success (reading, operation);
  operation = vuc_device_region_write_async (device, 7, 0, NULL, 0, OUTCOME (writing));
  outcome_process (writing, device);
  outcome_expect_success (writing, operation);
  close_and_finish (device, server);
}

/* ---- In several parts ---- */

/* As script_pci_device, but takes 8 bytes at a time. */
static ScriptDevice
device_of_small_steps (void)
{
  ScriptDevice script = script_pci_device;

  script.json = "{\"capabilities\":{\"max_data_xfer_size\":8}}";
  return script;
}

static void
a_long_read_is_one_operation (void)
{
  const ScriptDevice script = device_of_small_steps ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script);
  script_expect_command (server, 9, "u64:4  u32:7 u32:8");
  script_reply (server, "u64:4  u32:7 u32:8 'we come '");
  script_expect_command (server, 9, "u64:12 u32:7 u32:8");
  script_reply (server, "u64:12 u32:7 u32:8 'in parts'");
  script_expect_command (server, 9, "u64:20 u32:7 u32:4");
  script_reply (server, "u64:20 u32:7 u32:4 '!?!?'");
  device = connect_to (script_server_start (server));
  operation = vuc_device_region_read_async (device, 7, 4, buffer, 20, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  assert_bytes (buffer, 20, "'we come in parts!?!?'");
  close_and_finish (device, server);
}

static void
a_long_write_is_one_operation (void)
{
  const ScriptDevice script = device_of_small_steps ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script);
  script_expect_command (server, 10, "u64:0 u32:0 u32:8 '12345678'");
  script_reply (server, "u64:0 u32:0 u32:8");
  script_expect_command (server, 10, "u64:8 u32:0 u32:2 '90'");
  script_reply (server, "u64:8 u32:0 u32:2");
  device = connect_to (script_server_start (server));
  operation = vuc_device_region_write_async (device, 0, 0, "1234567890", 10, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static void
a_refused_part_fails_the_whole_operation (void)
{
  const ScriptDevice script = device_of_small_steps ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script);
  script_expect_command (server, 9, "u64:0 u32:7 u32:8");
  script_reply (server, "u64:0 u32:7 u32:8 '12345678'");
  script_expect_command (server, 9, "u64:8 u32:7 u32:8");
  script_reply_error (server, EFAULT);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  operation = vuc_device_region_read_async (device, 7, 0, buffer, 24, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_REMOTE, "REGION_READ");
  ck_assert_int_eq (vuc_error_get_errno (outcome->error), EFAULT);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- Many ---- */

static void
count_callback (VucDevice *device G_GNUC_UNUSED,
                VucOperation operation G_GNUC_UNUSED,
                const GError *error,
                gpointer n)
{
  if (error == NULL)
    ++*(guint *) n;
}

static void
thousands_may_be_under_way (void)
{
  enum
  {
    N = 3000
  };
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autofree VucOperation *operations = g_new0 (VucOperation, N);
  g_autoptr(GHashTable) seen = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autofree guint32 *words = g_new0 (guint32, N);
  guint n_good = 0;

  for (guint i = 0; i < N; i++)
    {
      /* The first bytes of the registers: "VUCD". */
      operations[i] = vuc_device_region_read_async (device, VUC_PCI_BAR0_REGION, 0, &words[i], 4,
                                                    count_callback, &n_good, NULL);
      ck_assert_uint_ne (operations[i], 0);
      ck_assert (g_hash_table_add (seen, &operations[i]));
    }
  ck_assert_uint_eq (n_good, 0);
  while (n_good < N)
    {
      ck_assert (wait_for_work (device, PATIENCE_MS));
      vuc_device_process (device);
    }
  for (guint i = 0; i < N; i++)
    assert_bytes (&words[i], 4, "'VUCD'");
  vuc_device_close (device);
  ck_assert_uint_eq (n_good, N);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (it_completes_where_the_device_is_processed, kinds),
  HARNESS_ROWS (it_completes_where_its_context_is_iterated, kinds),
  HARNESS_ROWS (it_completes_in_the_thread_that_runs_its_context, kinds),
  HARNESS_ROWS (it_tells_what_the_server_refused, kinds),
  HARNESS_ROWS (it_tells_that_its_deadline_has_passed, kinds),
  HARNESS_ROWS (it_fails_like_the_rest_when_the_server_hangs_up, kinds),
  HARNESS_ROWS (it_is_refused_by_its_callback_too, refused),
  HARNESS_CASE (a_question_about_a_region_that_there_is_not_is_refused),
  HARNESS_CASE (a_reset_of_a_device_that_cannot_be_reset_is_refused),
  HARNESS_CASE (an_access_of_nothing_succeeds_and_sends_nothing),
  HARNESS_CASE (a_long_read_is_one_operation),
  HARNESS_CASE (a_long_write_is_one_operation),
  HARNESS_CASE (a_refused_part_fails_the_whole_operation),
  HARNESS_CASE (thousands_may_be_under_way),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "async", cases);
}
