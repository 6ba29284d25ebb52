/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Connecting a lost device again, when the caller says so: what stays, what is renewed, and when it
 * is refused.  That it happens by itself is in test-auto-reconnect.c, that a device has another
 * shape then in test-shapes.c.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/event-log.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "harness/client.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define SCRATCH 0x008 /* a register of the demo device, in BAR0 */

/* Fails in this way; the device stays lost. */
static void
expect_no_reconnect (VucDevice *device, VucError code, const char *text)
{
  g_autoptr(GError) error = NULL;

  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, code, text);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
}

/* A read that fails, as the server has gone. */
static void
expect_lost (VucDevice *device, const char *text)
{
  g_autoptr(GError) error = NULL;
  char data[4];

  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, text);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
}

/* ---- After a loss, and after a close ---- */

static void
a_lost_device_can_be_connected_again_and_again (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  for (guint i = 0; i < 3; i++)
    {
      script_handshake (server, &script_pci_device);
      script_sign_of_life (server);
      script_loss (server);
    }
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  for (guint i = 0; i < 3; i++)
    {
      ck_assert_uint_eq (vuc_device_get_generation (device), i + 1);
      expect_sign_of_life (device);
      expect_lost (device, "the server closed the connection");
      ck_assert_uint_eq (vuc_device_get_generation (device), i + 1);
      reconnect (device);
    }
  ck_assert_uint_eq (vuc_device_get_generation (device), 4);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* The demo device keeps its state over a connection. */
static void
a_closed_device_can_be_connected_again (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to_path (demo_device_listen (demo), NULL);
  g_autoptr(GError) error = NULL;
  guint32 written = 0x12345678, read = 0;

  ck_assert (vuc_device_region_write (device, 0, SCRATCH, &written, 4, NULL));
  vuc_device_close (device);
  ck_assert (!vuc_device_region_read (device, 0, SCRATCH, &read, 4, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the device was closed");
  reconnect (device);
  ck_assert (vuc_device_region_read (device, 0, SCRATCH, &read, 4, NULL));
  ck_assert_uint_eq (read, written);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
a_device_that_lied_can_be_connected_again (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  char data[4];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_reply (server, "'data'");
  script_expect_eof (server);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "payload 4, expected 20");
  reconnect (device);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* Replies that the old connection still owed are nobody's. */
static void
what_was_under_way_is_forgotten (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation, cancelled;
  VucLoad load;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_expect_command (server, 13, "");
  script_loss (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  cancelled = vuc_device_reset_async (device, NULL, NULL, NULL);
  ck_assert (vuc_device_cancel (device, cancelled));
  ck_assert (!vuc_device_wait (device, cancelled, NULL));
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  expect_lost (device, "the server closed the connection");
  reconnect (device);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_DISCONNECTED, "closed the connection");
  expect_sign_of_life (device);
  vuc_device_get_load (device, &load);
  ck_assert_uint_eq (load.operations, 0);
  close_and_finish (device, server);
}

static void
calls_fail_at_once_with_the_first_cause_while_it_is_lost (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) first = NULL;
  g_autoptr(VucDevice) device = NULL;
  gint64 start;
  char data[4];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_close (server);
  device = connect_to_path (script_server_listen (server), NULL);
  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &first));
  script_server_finish (server);
  start = g_get_monotonic_time ();
  expect_no_reconnect (device, VUC_ERROR_CONNECT, "");
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr(GError) error = NULL;

      ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
      assert_error (error, first->domain, first->code, first->message);
    }
  vuc_device_close (device);
  expect_lost (device, first->message);
  ck_assert_uint_lt (ms_since (start), late_ms ());
}

/* ---- What stays ---- */

static ino_t
get_inode (int fd)
{
  struct stat status;

  ck_assert_int_eq (fstat (fd, &status), 0);
  return status.st_ino;
}

static void
what_was_handed_out_stays_with_new_files_behind_it (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  const VucDeviceInfo *info;
  const VucRegionInfo *region;
  VucRegionArea area;
  ino_t inode;
  guint n_descriptors;

  script_handshake (server, &script_pci_device);
  script_loss (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  info = vuc_device_get_info (device);
  region = vuc_device_get_region_info (device, 2);
  area = region->areas[0];
  inode = get_inode (area.fd);
  n_descriptors = count_files ();

  expect_lost (device, "");
  ck_assert (get_inode (area.fd) == inode); /* until then it is the old one */
  reconnect (device);
  ck_assert_ptr_eq (vuc_device_get_info (device), info);
  ck_assert_ptr_eq (vuc_device_get_region_info (device, 2), region);
  ck_assert_int_eq (region->areas[0].fd, area.fd);
  ck_assert_uint_eq (region->areas[0].size, area.size);
  ck_assert (get_inode (area.fd) != inode);
  ck_assert_uint_eq (count_files (), n_descriptors);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* What the kernel calls an eventfd. */
static char *
get_eventfd_id (int fd)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fdinfo/%d", fd);
  g_autofree char *text = NULL;
  const char *id;

  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  id = strstr (text, "eventfd-id:");
  return id != NULL ? g_strndup (id, strcspn (id, "\n")) : NULL;
}

static void
IO_descriptors_that_were_asked_for_are_asked_for_again (void)
{
  const char *const answer = IO_FDS (64, 0, 1) IO_FD_48 (0x10, 4, 0, 0, 0, 0, 0, 0);
  const ScriptFd *const fds = SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 });
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  const VucIoFd *io_fds, *again;
  gsize n_io_fds, n_again;
  int fd;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 6, NULL);
  script_reply_fds (server, answer, fds);
  script_loss (server);
  script_handshake (server, &script_pci_device);
  script_io_fds_question (server);
  script_reply_fds (server, answer, fds);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  ck_assert (vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, NULL));
  fd = io_fds[0].fd;
  before = get_eventfd_id (fd);

  expect_lost (device, "");
  reconnect (device);
  ck_assert (vuc_device_get_region_io_fds (device, 0, &again, &n_again, NULL));
  ck_assert_ptr_eq (again, io_fds);
  ck_assert_uint_eq (n_again, n_io_fds);
  ck_assert_int_eq (again[0].fd, fd);
  after = get_eventfd_id (fd);
  if (before == NULL || after == NULL)
    harness_note ("this kernel does not number its eventfds");
  else
    ck_assert_str_ne (before, after);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
the_descriptor_of_the_loop_stays (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  int fd;

  script_handshake (server, &script_pci_device);
  script_loss (server);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 13, "");
  script_reply (server, "");
  device = connect_to_path (script_server_listen (server), NULL);
  fd = vuc_device_get_fd (device, NULL);
  expect_lost (device, "");
  ck_assert_int_eq (vuc_device_get_fd (device, NULL), fd);
  reconnect (device);
  ck_assert_int_eq (vuc_device_get_fd (device, NULL), fd);
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static void
events_tell_of_it_in_order (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(VucDevice) device = NULL;

  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_handshake (server, &script_pci_device);
  script_loss (server);
  script_handshake (server, &script_pci_device);
  device = connect_to_path (script_server_listen (server), config);
  expect_lost (device, "");
  reconnect (device);
  event_log_process (events, device, 2);
  close_and_finish (device, server);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "closed the connection");
  event_log_expect (events, 1, VUC_EVENT_RECONNECTED, 0, NULL);
  event_log_expect (events, 2, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "the device was closed");
  event_log_expect_only (events, 3);
}

/* ---- When it is refused, or fails ---- */

static void
a_device_that_is_connected_is_not_connected_again (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "connected");
  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  outcome_expect_nothing (outcome);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_INVALID_ARGUMENT, "connected");
  expect_sign_of_life (device);
  ck_assert_uint_eq (vuc_device_get_generation (device), 1);
  close_and_finish (device, server);
}

static void
an_attempt_that_fails_can_be_repeated (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_loss (server);
  script_expect_command (server, 1, NULL);
  script_reply_error (server, EBUSY);
  script_expect_eof (server);
  script_close (server);
  script_accept (server);
  script_version (server, &script_pci_device);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  expect_lost (device, "");
  expect_no_reconnect (device, VUC_ERROR_REMOTE, "VERSION");
  expect_no_reconnect (device, VUC_ERROR_DISCONNECTED, "");
  expect_lost (device, "waiting for the reply to REGION_READ"); /* the first cause, still */
  ck_assert_uint_eq (vuc_device_get_generation (device), 1);
  reconnect (device);
  ck_assert_uint_eq (vuc_device_get_generation (device), 2);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
an_attempt_has_a_deadline (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  gint64 start;

  script_handshake (server, &script_pci_device);
  script_loss (server);
  script_expect_command (server, 1, NULL);
  script_expect_eof (server);
  device = connect_to_path (script_server_listen (server), config);
  expect_lost (device, "");
  start = g_get_monotonic_time ();
  expect_no_reconnect (device, VUC_ERROR_TIMED_OUT, "VERSION");
  ck_assert_uint_lt (ms_since (start), late_ms ());
  script_server_finish (server);
}

/* ---- Without waiting ---- */

static void
it_can_be_done_without_waiting (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_loss (server);
  script_version (server, &script_pci_device);
  script_hold_back_after (server, 0);
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  expect_lost (device, "");
  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  process_all (device);
  outcome_expect_nothing (outcome);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_RECONNECTING);
  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "connect");
  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_CONNECTED);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
it_can_be_cancelled (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_handshake (server, &script_pci_device);
  script_loss (server);
  script_expect_command (server, 1, NULL);
  script_expect_eof (server);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to_path (script_server_listen (server), NULL);
  expect_lost (device, "");
  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  process_all (device);
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "");
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  expect_lost (device, "waiting for the reply to REGION_READ");
  reconnect (device);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_first_connection_that_failed_can_be_made_up_for (void)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "later.sock", NULL);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  int listener;

  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = vuc_device_connect_async (path, config, &operation, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CONNECT, "later.sock");
  expect_no_reconnect (device, VUC_ERROR_CONNECT, "later.sock");

  listener = client_listen (path);
  script_server_start_listening (server, listener);
  close (listener);
  reconnect (device);
  ck_assert_uint_eq (vuc_device_get_generation (device), 1);
  ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, 9);
  expect_sign_of_life (device);
  process_all (device);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_lost_device_can_be_connected_again_and_again),
  HARNESS_CASE (a_closed_device_can_be_connected_again),
  HARNESS_CASE (a_device_that_lied_can_be_connected_again),
  HARNESS_CASE (what_was_under_way_is_forgotten),
  HARNESS_CASE (calls_fail_at_once_with_the_first_cause_while_it_is_lost),
  HARNESS_CASE (what_was_handed_out_stays_with_new_files_behind_it),
  HARNESS_CASE (IO_descriptors_that_were_asked_for_are_asked_for_again),
  HARNESS_CASE (the_descriptor_of_the_loop_stays),
  HARNESS_CASE (events_tell_of_it_in_order),
  HARNESS_CASE (a_device_that_is_connected_is_not_connected_again),
  HARNESS_CASE (an_attempt_that_fails_can_be_repeated),
  HARNESS_CASE (an_attempt_has_a_deadline),
  HARNESS_CASE (it_can_be_done_without_waiting),
  HARNESS_CASE (it_can_be_cancelled),
  HARNESS_CASE (a_first_connection_that_failed_can_be_made_up_for),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "reconnect", cases);
}
