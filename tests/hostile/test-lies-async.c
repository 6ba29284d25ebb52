/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Lies, silence and endless talk of servers, where nobody waits: operations are under way, and a
 * loop looks after them.  The same for callers who wait is in test-lies.c and test-delays.c.
 */

#include <errno.h>
#include <string.h>

#include "conversation/connect.h"
#include "conversation/event-log.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

static guint8 buffer[4];

static VucOperation
start_read (VucDevice *device, Outcome *outcome)
{
  return vuc_device_region_read_async (device, 7, 0, buffer, sizeof buffer, OUTCOME (outcome));
}

static void
expect_dead_of (VucDevice *device, const GError *cause)
{
  g_autoptr(GError) error = NULL;
  char data[4];

  harness_context ("the connection must be dead of \"%s\"", cause->message);
  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_error (error, cause->domain, cause->code, cause->message);
}

/* ---- Lies ---- */

typedef struct
{
  const char *name;
  const char *said; /* in place of a reply to a read of 4 bytes at 0 of region 7 */
  const ScriptFd *fds;
  const char *text;
} LieRow;

static const LieRow lies[] = {
  { "an id that nobody waits for", "u16:0x1234 u16:9 u32:36 u32:1 u32:0 u64:0 u32:7 u32:4 'data'",
    NULL, "REGION_READ reply: message id 4660 is not pending" },
  { "another command", "id u16:10 u32:36 u32:1 u32:0 u64:0 u32:7 u32:4 'data'", NULL,
    "REGION_WRITE reply: message id" },
  { "the data alone", "id u16:9 u32:20 u32:1 u32:0 'data'", NULL,
    "REGION_READ reply: payload 4, expected 20" },
  { "more data than was asked for", "id u16:9 u32:37 u32:1 u32:0 u64:0 u32:7 u32:5 'data!'", NULL,
    "REGION_READ reply: payload 21, expected 20" },
  { "another region", "id u16:9 u32:36 u32:1 u32:0 u64:0 u32:0 u32:4 'data'", NULL,
    "REGION_READ reply: region 0, offset 0x0, count 4; expected region 7" },
  { "neither command nor reply", "id u16:9 u32:36 u32:3 u32:0 u64:0 u32:7 u32:4 'data'", NULL,
    "message header: type 3" },
  { "a descriptor", "id u16:9 u32:36 u32:1 u32:0 u64:0 u32:7 u32:4 'data'",
    SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }),
    "REGION_READ reply: 1 descriptors came, allowed is none" },
};

static void
a_lie_ends_all_that_is_under_way (gconstpointer data)
{
  const LieRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) read = outcome_new ();
  g_autoptr(Outcome) reset = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operations[2];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, NULL);
  script_expect_command (server, 9, NULL);
  if (row->fds != NULL)
    script_send_fds (server, row->said, row->fds);
  else
    script_send (server, row->said);
  script_expect_eof (server);
  device = connect_to (script_server_start (server));
  operations[0] = vuc_device_reset_async (device, OUTCOME (reset));
  operations[1] = start_read (device, read);
  outcome_process (read, device);
  outcome_process (reset, device);
  outcome_expect_error (read, operations[1], VUC_ERROR_PROTOCOL, row->text);
  outcome_expect_error (reset, operations[0], VUC_ERROR_PROTOCOL, read->error->message);
  expect_dead_of (device, read->error);
  script_server_finish (server);
}

/* With the first, or when the first was told long ago. */
static void
a_second_reply_is_a_reply_to_nothing (gconstpointer data)
{
  const struct
  {
    const char *name;
    gboolean later;
  } *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  if (row->later)
    script_wait_for_sign (server);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  script_expect_eof (server);
  device = connect_with (script_server_start (server), config);
  operation = start_read (device, outcome);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  if (row->later)
    script_server_give_sign (server);
  event_log_process (events, device, 1);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_PROTOCOL, "is not pending");
  outcome_expect_success (outcome, operation);
  script_server_finish (server);
}

static const struct
{
  const char *name;
  gboolean later;
} seconds[] = {
  { "at once", FALSE },
  { "later", TRUE },
};

/* ---- Ends ---- */

#define REPLY      "id u16:9 u32:36 u32:1 u32:0 | u64:0 u32:7 u32:4 'here'"
#define REPLY_SIZE 36

typedef struct
{
  const char *name;
  gboolean waits; /* for the operation; else somebody processes the device */
} WayRow;

static const WayRow ways[] = {
  { "for who waits", TRUE },
  { "for a callback", FALSE },
};

static void
expect_end (guint at, const GError *error)
{
  if (at == 0)
    assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server closed the connection");
  else if (at < 16)
    assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                  "the server closed the connection in the middle of a message header");
  else
    assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                  "the server closed the connection in the middle of a REGION_READ message");
}

static void
a_reply_may_end_at_any_byte (gconstpointer data)
{
  const WayRow *row = data;
  g_autoptr(GBytes) reply = hex ("00 00 u16:9 u32:36 u32:1 u32:0 | u64:0 u32:7 u32:4 'here'");
  const guint8 *bytes = g_bytes_get_data (reply, NULL);

  for (guint at = 0; at < REPLY_SIZE; at++)
    {
      g_autoptr(ScriptServer) server = script_server_new ();
      g_autoptr(GString) text = g_string_new (at >= 2 ? "id " : "");
      g_autoptr(Outcome) outcome = outcome_new ();
      g_autoptr(GError) error = NULL;
      g_autoptr(VucDevice) device = NULL;
      VucOperation operation;

      harness_context ("the server hangs up after %u bytes", at);
      for (guint i = at >= 2 ? 2 : 0; i < at; i++)
        g_string_append_printf (text, "%02x ", bytes[i]);
      script_handshake (server, &script_pci_device);
      script_expect_command (server, 9, NULL);
      script_send (server, text->str);
      script_close (server);
      device = connect_to (script_server_start (server));
      if (row->waits)
        {
          ck_assert (!vuc_device_region_read (device, 7, 0, buffer, sizeof buffer, &error));
          expect_end (at, error);
        }
      else
        {
          operation = start_read (device, outcome);
          outcome_process (outcome, device);
          expect_end (at, outcome->error);
          outcome_expect_error (outcome, operation, outcome->error->code, "");
        }
      script_server_finish (server);
    }
}

/* ---- Late ---- */

typedef struct
{
  const char *name;
  const char *said; /* once the deadline has passed */
} LateRow;

static const LateRow late_replies[] = {
  { "as it should be", REPLY },
  { "an error", "id u16:9 u32:16 u32:0x21 u32:22" },
  { "an error with a payload", "id u16:9 u32:32 u32:0x21 u32:22 ff*16" },
  { "larger than was asked for", "id u16:9 u32:100016 u32:1 u32:0 ff*100000" },
  { "smaller than was asked for", "id u16:9 u32:16 u32:1 u32:0" },
};

static void
a_late_reply_is_dropped (gconstpointer data)
{
  const LateRow *row = data;
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  memset (buffer, 0x5a, sizeof buffer);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_wait_for_sign (server);
  script_send (server, row->said);
  script_sign_of_life (server);
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  operation = start_read (device, outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_TIMED_OUT,
                        "REGION_READ: the server did not reply in time");
  script_server_give_sign (server);
  ck_assert (wait_for_work (device, PATIENCE_MS));
  process_all (device);
  expect_sign_of_life (device);
  expect_sign_of_life (device);
  assert_bytes (buffer, sizeof buffer, "5a*4");
  outcome_expect_error (outcome, operation, VUC_ERROR_TIMED_OUT, "REGION_READ");
  close_and_finish (device, server);
}

static void
a_late_replys_descriptors_are_closed (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
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
  device = connect_with (script_server_start (server), config);
  operation = vuc_device_get_region_io_fds_async (device, 0, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_TIMED_OUT, "DEVICE_GET_REGION_IO_FDS");
  n_before = count_files ();
  script_server_give_sign (server);
  ck_assert (wait_for_work (device, PATIENCE_MS));
  process_all (device);
  expect_sign_of_life (device);
  ck_assert_uint_eq (count_files (), n_before);
  close_and_finish (device, server);
}

static void
a_reply_that_has_begun_when_its_deadline_passes_is_fatal (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  gint64 start;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_send (server, "id u16:9 u32:36 u32:1 u32:0 u64:0 u32:7 u32:4 'her'");
  script_expect_eof (server);
  device = connect_with (script_server_start (server), config);
  start = g_get_monotonic_time ();
  operation = start_read (device, outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_PROTOCOL, "");
  ck_assert_uint_lt (ms_since (start), late_ms ());
  expect_dead_of (device, outcome->error);
  script_server_finish (server);
}

/* ---- Owed ---- */

#define MAX_OWED 256

/* Each holds one of our ids, so there is an end of it. */
static void
a_server_that_owes_too_many_replies_to_what_was_cancelled_is_given_up (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(VucDevice) device = NULL;

  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < MAX_OWED + 1; i++)
    script_expect_command (server, 9, NULL);
  script_expect_eof (server);
  device = connect_with (script_server_start (server), config);
  for (guint i = 0; i < MAX_OWED + 1; i++)
    {
      g_autoptr(Outcome) outcome = outcome_new ();
      VucOperation operation = start_read (device, outcome);

      harness_context ("operation %u", i);
      event_log_expect_only (events, 0);
      ck_assert (vuc_device_cancel (device, operation));
      outcome_process (outcome, device);
      outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "REGION_READ");
    }
  event_log_process (events, device, 1);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_PROTOCOL,
                    "257 replies are overdue, allowed are 256");
  script_server_finish (server);
}

static void
a_server_that_owes_too_many_overdue_replies_is_given_up (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucDevice) device = NULL;
  Outcome *outcomes[MAX_OWED + 1];
  VucOperation operations[MAX_OWED + 1];

  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < MAX_OWED + 1; i++)
    script_expect_command (server, 9, NULL);
  script_expect_eof (server);
  device = connect_with (script_server_start (server), config);
  for (guint i = 0; i < MAX_OWED + 1; i++)
    {
      outcomes[i] = outcome_new ();
      operations[i] = start_read (device, outcomes[i]);
    }
  event_log_process (events, device, 1);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_PROTOCOL,
                    "257 replies are overdue, allowed are 256");
  for (guint i = 0; i < MAX_OWED + 1; i++)
    {
      harness_context ("operation %u", i);
      ck_assert (outcomes[i]->error->code == VUC_ERROR_TIMED_OUT
                 || outcomes[i]->error->code == VUC_ERROR_PROTOCOL);
      outcome_expect_error (outcomes[i], operations[i], outcomes[i]->error->code, "");
      outcome_free (outcomes[i]);
    }
  script_server_finish (server);
}

/* ---- Talkative ---- */

typedef struct
{
  const char *name;
  const char *said; /* over and over, in place of a reply */
  gboolean in_context;
} TalkRow;

#define NO_ANSWER "u16:1 u16:11 u32:32 u32:0x10 u32:0 u64:0 u64:4"
#define AN_ANSWER "u16:1 u16:11 u32:32 u32:0 u32:0 u64:0 u64:4"

static const TalkRow talk[] = {
  { "that wants no answers, vuc_device_process", NO_ANSWER, FALSE },
  { "that wants no answers, a main context", NO_ANSWER, TRUE },
  /* But does not take them either. */
  { "that wants answers, vuc_device_process", AN_ANSWER, FALSE },
  { "that wants answers, a main context", AN_ANSWER, TRUE },
};

static gboolean
on_other_business (gpointer n_times)
{
  ++*(guint *) n_times;
  return G_SOURCE_CONTINUE;
}

/* Neither the deadline nor what else the loop has to do. */
static void
a_server_that_talks_without_end_holds_up_nothing (gconstpointer data)
{
  const TalkRow *row = data;
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GSource) other = g_timeout_source_new (1);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  guint n_times = 0;
  gint64 start;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_may_end_early (server);
  script_flood (server, 100 * 1000 * 1000, row->said);
  device = connect_with (script_server_start (server), config);
  start = g_get_monotonic_time ();
  operation = start_read (device, outcome);
  if (row->in_context)
    {
      g_source_set_callback (other, on_other_business, &n_times, NULL);
      g_source_attach (other, context);
      ck_assert (vuc_device_attach (device, context, NULL));
      outcome_iterate (outcome, context);
      ck_assert_uint_gt (n_times, 0);
    }
  else
    outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_TIMED_OUT, "REGION_READ");
  ck_assert_uint_lt (ms_since (start), late_ms ());
  vuc_device_close (device);
  script_server_finish (server);
  g_source_destroy (other);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_lie_ends_all_that_is_under_way, lies),
  HARNESS_ROWS (a_second_reply_is_a_reply_to_nothing, seconds),
  HARNESS_ROWS (a_reply_may_end_at_any_byte, ways),
  HARNESS_ROWS (a_late_reply_is_dropped, late_replies),
  HARNESS_CASE (a_late_replys_descriptors_are_closed),
  HARNESS_CASE (a_reply_that_has_begun_when_its_deadline_passes_is_fatal),
  HARNESS_CASE (a_server_that_owes_too_many_replies_to_what_was_cancelled_is_given_up),
  HARNESS_CASE (a_server_that_owes_too_many_overdue_replies_is_given_up),
  HARNESS_ROWS (a_server_that_talks_without_end_holds_up_nothing, talk),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "lies-async", cases);
}
