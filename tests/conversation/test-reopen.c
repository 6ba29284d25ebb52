/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reconnecting a device that was made from a descriptor, which needs a function that supplies the
 * next one; and the reset that may follow every reconnect.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/event-log.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define RESET   13
#define SCRATCH 0x008 /* a register of the demo device, in BAR0 */

/* ---- The function that opens ---- */

typedef struct
{
  int fd; /* to be handed out; -1: fails */
  guint n_calls;
  guint n_destroys;
  VucDevice *device; /* NULL, or one that is asked something inside */
  gboolean asked_ok;
  GError *asked_error;
} Opener;

static int
reopen (gpointer user_data, GError **error)
{
  Opener *opener = user_data;
  const int fd = opener->fd;

  opener->n_calls++;
  opener->fd = -1;
  if (opener->device != NULL)
    opener->asked_ok = vuc_device_reconnect (opener->device, &opener->asked_error);
  if (fd < 0)
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "there is no server any more");
  return fd;
}

static void
destroy_opener (gpointer user_data)
{
  ((Opener *) user_data)->n_destroys++;
}

static VucConfig *
config_that_reopens (Opener *opener)
{
  VucConfig *config = vuc_config_new ();

  vuc_config_set_reopen_func (config, reopen, opener, destroy_opener);
  return config;
}

static void
script_device_that_hangs_up (ScriptServer *server)
{
  script_handshake (server, &script_pci_device);
  script_close (server);
}

/* Only then is it known to be lost. */
static void
expect_loss (VucDevice *device)
{
  char data[4];

  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, NULL));
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
}

static void
a_function_supplies_the_next_descriptor (void)
{
  g_autoptr(ScriptServer) first = script_server_new ();
  g_autoptr(ScriptServer) second = script_server_new ();
  Opener opener = { .fd = -1 };
  VucConfig *config = config_that_reopens (&opener);
  g_autoptr(GError) error = NULL;
  VucDevice *device;
  int fd;

  script_device_that_hangs_up (first);
  script_handshake (second, &script_pci_device);
  script_sign_of_life (second);
  fd = script_server_start (first);
  opener.fd = script_server_start (second);
  device = connect_with (fd, config);
  ck_assert_uint_eq (opener.n_calls, 0);
  expect_loss (device);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  ck_assert_uint_eq (opener.n_calls, 1);
  ck_assert_uint_eq (vuc_device_get_generation (device), 2);
  expect_sign_of_life (device);
  close_and_finish (device, second);
  script_server_finish (first);

  /* The data is freed when nobody needs it any more. */
  vuc_config_unref (config);
  ck_assert_uint_eq (opener.n_destroys, 0);
  vuc_device_unref (device);
  ck_assert_uint_eq (opener.n_destroys, 1);
}

static void
it_is_called_for_an_asynchronous_reconnect_as_well (void)
{
  g_autoptr(ScriptServer) first = script_server_new ();
  g_autoptr(ScriptServer) second = script_server_new ();
  Opener opener = { .fd = -1 };
  g_autoptr(VucConfig) config = config_that_reopens (&opener);
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  int fd;

  script_device_that_hangs_up (first);
  script_handshake (second, &script_pci_device);
  script_sign_of_life (second);
  fd = script_server_start (first);
  opener.fd = script_server_start (second);
  device = connect_with (fd, config);
  expect_loss (device);
  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  ck_assert_uint_eq (opener.n_calls, 1);
  expect_sign_of_life (device);
  close_and_finish (device, second);
  script_server_finish (first);
}

/* Until it supplies one. */
static void
it_is_called_by_an_automatic_reconnect_as_well (void)
{
  g_autoptr(ScriptServer) first = script_server_new ();
  g_autoptr(ScriptServer) second = script_server_new ();
  Opener opener = { .fd = -1 };
  g_autoptr(VucConfig) config = config_that_reopens (&opener);
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucDevice) device = NULL;
  int fd, next;

  vuc_config_set_auto_reconnect (config, TRUE);
  vuc_config_set_reconnect_min_ms (config, 1);
  vuc_config_set_reconnect_max_ms (config, 2);
  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_device_that_hangs_up (first);
  script_handshake (second, &script_pci_device);
  script_sign_of_life (second);
  fd = script_server_start (first);
  next = script_server_start (second);
  device = connect_with (fd, config);
  while (opener.n_calls < 3)
    {
      ck_assert (wait_for_work (device, PATIENCE_MS));
      vuc_device_process (device);
    }
  event_log_expect_only (events, 1);
  opener.fd = next;
  event_log_process (events, device, 2);
  event_log_expect (events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "");
  event_log_expect (events, 1, VUC_EVENT_RECONNECTED, 0, NULL);
  expect_sign_of_life (device);
  close_and_finish (device, second);
  script_server_finish (first);
}

static void
its_error_is_that_of_the_reconnect (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  Opener opener = { .fd = -1 };
  g_autoptr(VucConfig) config = config_that_reopens (&opener);
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_device_that_hangs_up (server);
  device = connect_with (script_server_start (server), config);
  expect_loss (device);
  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_CONNECT, "there is no server any more");
  ck_assert_uint_eq (opener.n_calls, 1);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  script_server_finish (server);
}

static void
what_it_supplies_has_to_be_a_socket (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  Opener opener = { .fd = -1 };
  g_autoptr(VucConfig) config = config_that_reopens (&opener);
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  int ends[2];

  script_device_that_hangs_up (server);
  device = connect_with (script_server_start (server), config);
  expect_loss (device);
  ck_assert_int_eq (pipe (ends), 0);
  close (ends[1]);
  opener.fd = ends[0];
  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_CONNECT, "is not a connected socket");
  script_server_finish (server);
}

static void
calls_that_would_wait_fail_inside_it (void)
{
  g_autoptr(ScriptServer) first = script_server_new ();
  g_autoptr(ScriptServer) second = script_server_new ();
  Opener opener = { .fd = -1 };
  g_autoptr(VucConfig) config = config_that_reopens (&opener);
  g_autoptr(VucDevice) device = NULL;
  int fd;

  script_device_that_hangs_up (first);
  script_handshake (second, &script_pci_device);
  script_sign_of_life (second);
  fd = script_server_start (first);
  opener.fd = script_server_start (second);
  device = connect_with (fd, config);
  expect_loss (device);
  opener.device = device;
  ck_assert (vuc_device_reconnect (device, NULL));
  ck_assert (!opener.asked_ok);
  assert_error (opener.asked_error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "");
  g_error_free (opener.asked_error);
  expect_sign_of_life (device);
  close_and_finish (device, second);
  script_server_finish (first);
}

static void
without_one_a_descriptor_cannot_be_had_again (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_device_that_hangs_up (server);
  device = connect_to (script_server_start (server));
  expect_loss (device);
  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED, "descriptor");
  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_NOT_SUPPORTED, "descriptor");
  script_server_finish (server);
}

/* ---- The reset ---- */

static VucConfig *
config_that_resets (void)
{
  VucConfig *config = vuc_config_new ();

  vuc_config_set_reset_on_reconnect (config, TRUE);
  return config;
}

/* Connects to a server that hangs up then. */
static VucDevice *
connect_and_lose (ScriptServer *server, VucConfig *config)
{
  g_autoptr(GError) error = NULL;
  VucDevice *device = vuc_device_connect (script_server_listen (server), config, &error);

  assert_no_error (error);
  expect_loss (device);
  return device;
}

static void
a_reset_follows_if_the_configuration_says_so (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucConfig) config = config_that_resets ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_device_that_hangs_up (server); /* the first time nothing is reset */
  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_and_lose (server, config);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_device_that_cannot_be_reset_is_not_reset (void)
{
  ScriptDevice without = script_pci_device;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucConfig) config = config_that_resets ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  without.flags &= ~(guint32) VUC_DEVICE_RESET;
  script_handshake (server, &without);
  script_close (server);
  script_handshake (server, &without);
  script_sign_of_life (server);
  device = connect_and_lose (server, config);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_reset_that_is_refused_fails_the_reconnect (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucConfig) config = config_that_resets ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_device_that_hangs_up (server);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_reply_error (server, EBUSY);
  script_expect_eof (server);
  device = connect_and_lose (server, config);
  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "DEVICE_RESET");
  ck_assert_int_eq (vuc_error_get_errno (error), EBUSY);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  ck_assert_uint_eq (vuc_device_get_generation (device), 1);
  script_server_finish (server);
}

/* Its deadline is that of a reset, not of connecting. */
static void
a_reset_may_take_longer_than_connecting (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucConfig) config = config_that_resets ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  vuc_config_set_timeout_ms (config, patient_deadline_ms ());
  script_device_that_hangs_up (server);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, RESET, "");
  script_delay_ms (server, 3 * patient_deadline_ms () / 2);
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_and_lose (server, config);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
the_demo_device_begins_anew (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucConfig) config = config_that_resets ();
  g_autoptr(VucDevice) device = NULL;
  guint32 value = 0x12345678;

  device = vuc_device_connect (demo_device_listen (demo), config, NULL);
  ck_assert_ptr_nonnull (device);
  ck_assert (vuc_device_region_write (device, 0, SCRATCH, &value, 4, NULL));
  vuc_device_close (device);
  ck_assert (vuc_device_reconnect (device, NULL));
  ck_assert (vuc_device_region_read (device, 0, SCRATCH, &value, 4, NULL));
  ck_assert_uint_eq (value, 0);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_function_supplies_the_next_descriptor),
  HARNESS_CASE (it_is_called_for_an_asynchronous_reconnect_as_well),
  HARNESS_CASE (it_is_called_by_an_automatic_reconnect_as_well),
  HARNESS_CASE (its_error_is_that_of_the_reconnect),
  HARNESS_CASE (what_it_supplies_has_to_be_a_socket),
  HARNESS_CASE (calls_that_would_wait_fail_inside_it),
  HARNESS_CASE (without_one_a_descriptor_cannot_be_had_again),
  HARNESS_CASE (a_reset_follows_if_the_configuration_says_so),
  HARNESS_CASE (a_device_that_cannot_be_reset_is_not_reset),
  HARNESS_CASE (a_reset_that_is_refused_fails_the_reconnect),
  HARNESS_CASE (a_reset_may_take_longer_than_connecting),
  HARNESS_CASE (the_demo_device_begins_anew),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "reopen", cases);
}
