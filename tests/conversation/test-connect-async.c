/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Connecting without waiting: what the device is until it is connected, how that can fail, and how
 * it is given up.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/event-log.h"
#include "conversation/loop-thread.h"
#include "conversation/outcome.h"
#include "harness/client.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define SOON_MS 4000 /* below the default deadline of 5 s */

static VucDevice *
start_on_fd (int fd, VucConfig *config, VucOperation *operation, Outcome *outcome)
{
  VucDevice *device;

  outcome_starting (outcome);
  device = vuc_device_connect_fd_async (fd, config, operation, OUTCOME (outcome));
  outcome_started (outcome);
  close (fd);
  ck_assert_ptr_nonnull (device);
  ck_assert_uint_ne (*operation, 0);
  return device;
}

static void
expect_connected (VucDevice *device)
{
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_CONNECTED);
  ck_assert_uint_eq (vuc_device_get_generation (device), 1);
  ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, 9);
  ck_assert_uint_eq (vuc_device_get_region_info (device, 2)->size, 65536);
  ck_assert_uint_eq (vuc_device_get_irq_info (device, 1)->count, 4);
  expect_sign_of_life (device);
}

static void
expect_never_connected (VucDevice *device)
{
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  ck_assert_uint_eq (vuc_device_get_generation (device), 0);
  ck_assert_ptr_null (vuc_device_get_region_info (device, 0));
}

/* ---- How it succeeds ---- */

static void
a_descriptor_is_connected_while_the_device_is_processed (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = start_on_fd (script_server_start (server), NULL, &operation, outcome);
  outcome_expect_nothing (outcome);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  ck_assert_ptr_eq (outcome->device, device);
  expect_connected (device);
  close_and_finish (device, server);
}

static void
a_path_is_connected_to_in_the_thread_that_runs_the_context (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;
  VucOperation operation;
  const char *path;

  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  path = script_server_listen (server);
  loop = loop_thread_new ();
  device = vuc_device_connect_async (path, NULL, &operation, OUTCOME (outcome));
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  outcome_wait (outcome);
  outcome_expect_success (outcome, operation);
  ck_assert_ptr_eq (outcome->thread, loop->thread);
  expect_connected (device);
  close_and_finish (device, server);
}

static void
who_waits_needs_neither_loop_nor_callback (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = vuc_device_connect_async (script_server_listen (server), NULL, &operation, NULL, NULL,
                                     NULL);
  ck_assert (vuc_device_wait (device, operation, &error));
  assert_no_error (error);
  expect_connected (device);
  close_and_finish (device, server);
}

static void
the_demo_device_can_be_connected_to_without_waiting (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  char identity[4];

  device = vuc_device_connect_async (demo_device_listen (demo), NULL, &operation,
                                     OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, 0, identity, 4, NULL));
  assert_bytes (identity, 4, "'VUCD'");
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* ---- Until then ---- */

static void
nothing_can_be_asked_of_a_device_that_is_being_connected (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(Outcome) early = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) reset_error = NULL;
  g_autoptr(GError) reconnect_error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation, early_operation;
  char data[4];

  script_expect_command (server, 1, NULL);
  script_wait_for_sign (server);
  script_reply (server, "u16:0 u16:0");
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  script_sign_of_life (server);
  device = start_on_fd (script_server_start (server), NULL, &operation, outcome);
  process_all (device);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_CONNECTING);
  ck_assert_uint_eq (vuc_device_get_generation (device), 0);
  ck_assert_ptr_null (vuc_device_get_region_info (device, 0));
  ck_assert_ptr_null (vuc_device_get_irq_info (device, 0));

  ck_assert (!vuc_device_region_read (device, 7, 0, data, 4, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "");
  ck_assert (!vuc_device_reset (device, &reset_error));
  assert_error (reset_error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "");
  ck_assert (!vuc_device_reconnect (device, &reconnect_error));
  assert_error (reconnect_error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "connect");
  early_operation = vuc_device_region_read_async (device, 7, 0, data, 4, OUTCOME (early));
  outcome_process (early, device);
  outcome_expect_error (early, early_operation, VUC_ERROR_DISCONNECTED, "");
  outcome_expect_nothing (outcome);

  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  expect_connected (device);
  close_and_finish (device, server);
}

static const VucDmaRegion memory_region = { .iova = 0x1000, .size = 0x1000, .flags = 3, .fd = -1,
                                            .vaddr = (guint8[0x1000]){ 0 } };

static gboolean
map_memory (VucDevice *device, GError **error)
{
  return vuc_device_dma_map (device, &memory_region, error);
}

static VucOperation
map_memory_later (VucDevice *device, Outcome *outcome)
{
  return vuc_device_dma_map_async (device, &memory_region, OUTCOME (outcome));
}

static VucOperation
flush_later (VucDevice *device, Outcome *outcome)
{
  return vuc_device_flush_async (device, OUTCOME (outcome));
}

static gboolean
disable_interrupts (VucDevice *device, GError **error)
{
  return vuc_device_disable_irq (device, 1, error);
}

static VucOperation
disable_interrupts_later (VucDevice *device, Outcome *outcome)
{
  return vuc_device_disable_irq_async (device, 1, OUTCOME (outcome));
}

typedef struct
{
  const char *name;
  gboolean (*run) (VucDevice *device, GError **error);
  VucOperation (*start) (VucDevice *device, Outcome *outcome);
} EarlyRow;

static const EarlyRow early[] = {
  { "memory is mapped", map_memory, map_memory_later },
  { "a flush", vuc_device_flush, flush_later },
  { "interrupts are disabled", disable_interrupts, disable_interrupts_later },
};

/* Of what can be done before, nothing is kept, nor is it sent when the device is there. */
static void
what_is_done_before_the_device_is_there_fails (gconstpointer data)
{
  const EarlyRow *row = data;
  const char *const why = "the device is not connected yet";
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) connecting = outcome_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation connection, operation;

  script_expect_command (server, 1, NULL);
  script_wait_for_sign (server);
  script_reply (server, "u16:0 u16:0");
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  script_sign_of_life (server);
  device = start_on_fd (script_server_start (server), NULL, &connection, connecting);

  ck_assert (!row->run (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, why);
  outcome_starting (outcome);
  operation = row->start (device, outcome);
  outcome_started (outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_DISCONNECTED, why);
  outcome_expect_nothing (connecting);

  script_server_give_sign (server);
  outcome_process (connecting, device);
  outcome_expect_success (connecting, connection);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  expect_connected (device);
  close_and_finish (device, server);
}

/* ---- How it fails ---- */

typedef struct
{
  const char *name;
  void (*script) (ScriptServer *server); /* after VERSION came */
  VucError code;
  const char *text;
} FailureRow;

static void
refuse (ScriptServer *server)
{
  script_reply_error (server, EINVAL);
  script_expect_eof (server);
}

static void
hang_up (ScriptServer *server)
{
  script_close (server);
}

static void
lie (ScriptServer *server)
{
  script_reply (server, "u16:7 u16:0");
  script_expect_eof (server);
}

static void
stay_silent (ScriptServer *server)
{
  script_expect_eof (server);
}

static void
fail_later (ScriptServer *server)
{
  script_reply (server, "u16:0 u16:0");
  script_device_info (server, &script_pci_device);
  script_expect_any (server);
  script_may_end_early (server);
  script_close (server);
}

static const FailureRow failures[] = {
  { "VERSION is refused", refuse, VUC_ERROR_REMOTE, "the server refused VERSION" },
  { "the server hangs up", hang_up, VUC_ERROR_DISCONNECTED, "the server closed the connection" },
  { "the server speaks another version", lie, VUC_ERROR_PROTOCOL,
    "VERSION reply: major version 7" },
  { "the server says nothing", stay_silent, VUC_ERROR_TIMED_OUT, "VERSION" },
  { "the server hangs up later", fail_later, VUC_ERROR_DISCONNECTED, "" },
};

static void
a_connection_that_fails_is_told_and_leaves_a_lost_device (gconstpointer data)
{
  const FailureRow *row = data;
  const guint ms = row->code == VUC_ERROR_TIMED_OUT ? patient_deadline_ms () : PATIENCE_MS;
  g_autoptr(VucConfig) config = config_with_timeout (ms);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  char byte[1];

  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_expect_command (server, 1, NULL);
  row->script (server);
  device = start_on_fd (script_server_start (server), config, &operation, outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, row->code, row->text);
  expect_never_connected (device);
  ck_assert (!vuc_device_region_read (device, 7, 0, byte, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "");
  process_all (device);
  vuc_device_close (device);
  event_log_expect_only (events, 0);
  script_server_finish (server);
}

static void
a_path_where_nobody_listens_is_told_by_the_callback (void)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "nobody.sock", NULL);
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  outcome_starting (outcome);
  device = vuc_device_connect_async (path, NULL, &operation, OUTCOME (outcome));
  outcome_started (outcome);
  outcome_expect_nothing (outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CONNECT, "nobody.sock");
  ck_assert_int_eq (vuc_error_get_errno (outcome->error), ENOENT);
  expect_never_connected (device);
}

static void
a_path_too_long_is_told_by_the_callback (void)
{
  g_autofree char *path = g_strnfill (200, 'x');
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  device = vuc_device_connect_async (path, NULL, &operation, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_INVALID_ARGUMENT, "");
  expect_never_connected (device);
}

static void
what_is_no_socket_is_told_by_the_callback (void)
{
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  int ends[2];

  ck_assert_int_eq (pipe (ends), 0);
  close (ends[0]);
  device = start_on_fd (ends[1], NULL, &operation, outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CONNECT, "is not a connected socket");
  expect_never_connected (device);
}

/* ---- How it is given up ---- */

typedef enum
{
  CANCEL,
  CLOSE,
  UNREF
} GivingUp;

typedef struct
{
  const char *name;
  gboolean in_queries; /* else in VERSION */
  GivingUp how;
} GivingUpRow;

static const GivingUpRow giving_up[] = {
  { "cancelled in VERSION", FALSE, CANCEL },   { "cancelled in the queries", TRUE, CANCEL },
  { "closed in VERSION", FALSE, CLOSE },       { "closed in the queries", TRUE, CLOSE },
  { "unreferenced in VERSION", FALSE, UNREF }, { "unreferenced in the queries", TRUE, UNREF },
};

static void
a_connection_can_be_given_up (gconstpointer data)
{
  const GivingUpRow *row = data;
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  VucOperation operation;
  VucDevice *device;
  guint n_sent = 0;

  script_expect_command (server, 1, NULL);
  if (row->in_queries)
    {
      script_reply (server, "u16:0 u16:0");
      script_device_info (server, &script_pci_device);
      for (guint i = 0; i < 9; i++)
        script_expect_command (server, 5, NULL);
      for (guint i = 0; i < 5; i++)
        script_expect_command (server, 7, NULL);
    }
  script_expect_eof (server);
  vuc_config_set_message_func (config, count_sent, &n_sent, NULL);
  device = start_on_fd (script_server_start (server), config, &operation, outcome);
  process_until_sent (device, &n_sent, row->in_queries ? 1 + 1 + 9 + 5 : 1);

  switch (row->how)
    {
    case CANCEL:
      ck_assert (vuc_device_cancel (device, operation));
      outcome_expect_nothing (outcome);
      outcome_process (outcome, device);
      outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "");
      expect_never_connected (device);
      vuc_device_unref (device);
      break;
    case CLOSE:
      vuc_device_close (device);
      outcome_expect_error (outcome, operation, VUC_ERROR_DISCONNECTED, "closed");
      expect_never_connected (device);
      vuc_device_unref (device);
      break;
    case UNREF:
      vuc_device_unref (device);
      outcome_expect_error (outcome, operation, VUC_ERROR_DISCONNECTED, "");
      break;
    }
  script_server_finish (server);
}

/* Takes all the places that a listener has for those that it has not accepted yet. */
static GArray *
fill_backlog (const char *path)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd, result;

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  do
    {
      fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      result = connect (fd, (struct sockaddr *) &address, sizeof address);
      g_array_append_val (fds, fd);
    }
  while (result == 0);
  ck_assert_int_eq (errno, EAGAIN);
  return fds;
}

static void
close_all (GArray *fds)
{
  for (guint i = 0; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  g_array_unref (fds);
}

static void
a_server_that_does_not_accept_is_not_waited_for (void)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "busy.sock", NULL);
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  const gint64 start = g_get_monotonic_time ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  const int listener = client_listen (path);
  GArray *others = fill_backlog (path);
  VucOperation operation;

  device = vuc_device_connect_async (path, config, &operation, OUTCOME (outcome));
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_CONNECTING);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_TIMED_OUT, "busy.sock");
  ck_assert_uint_lt (ms_since (start), late_ms ());
  expect_never_connected (device);
  close_all (others);
  close (listener);
}

static void
a_connection_to_a_server_that_does_not_accept_can_be_cancelled (void)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "busy.sock", NULL);
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  const int listener = client_listen (path);
  GArray *others = fill_backlog (path);
  const gint64 start = g_get_monotonic_time ();
  VucOperation operation;

  device = vuc_device_connect_async (path, NULL, &operation, OUTCOME (outcome));
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "");
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  expect_never_connected (device);
  close_all (others);
  close (listener);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_descriptor_is_connected_while_the_device_is_processed),
  HARNESS_CASE (a_path_is_connected_to_in_the_thread_that_runs_the_context),
  HARNESS_CASE (who_waits_needs_neither_loop_nor_callback),
  HARNESS_CASE (the_demo_device_can_be_connected_to_without_waiting),
  HARNESS_CASE (nothing_can_be_asked_of_a_device_that_is_being_connected),
  HARNESS_ROWS (what_is_done_before_the_device_is_there_fails, early),
  HARNESS_ROWS (a_connection_that_fails_is_told_and_leaves_a_lost_device, failures),
  HARNESS_CASE (a_path_where_nobody_listens_is_told_by_the_callback),
  HARNESS_CASE (a_path_too_long_is_told_by_the_callback),
  HARNESS_CASE (what_is_no_socket_is_told_by_the_callback),
  HARNESS_ROWS (a_connection_can_be_given_up, giving_up),
  HARNESS_CASE (a_server_that_does_not_accept_is_not_waited_for),
  HARNESS_CASE (a_connection_to_a_server_that_does_not_accept_can_be_cancelled),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "connect-async", cases);
}
