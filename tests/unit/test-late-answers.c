/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An answer that is there, and whose caller looks at it only when the server that gave it has
 * gone, and another one is, or is becoming, the device.
 */

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "device/device-private.h"
#include "harness/harness.h"
#include "harness/script-device.h"
#include "unit/late-fixture.h"
#include "unit/session-fixture.h"

/* --- IO descriptors --- */

static gboolean
ask_for_io_fds (VucDevice *device, GError **error)
{
  const VucIoFd *io_fds;
  gsize n_io_fds;

  return vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, error);
}

typedef struct
{
  const char *name;
  const char *reply; /* the whole message */
  const ScriptFd *fds;
  VucError code;
  const char *text;
} AnswerRow;

static const ScriptFd one_eventfd[] = { { SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_END, 0 } };

#define DOORBELL_AT(offset) IO_FDS (64, 0, 1) IO_FD_48 (offset, 4, 0, 0, 0, 0, 0, 0)

static const AnswerRow answers[] = {
  { "a doorbell", "id u16:6 u32:80 u32:1 u32:0 | " DOORBELL_AT (0x10), one_eventfd,
    VUC_ERROR_DISCONNECTED, "the device was connected anew meanwhile" },
  { "none", "id u16:6 u32:32 u32:1 u32:0 | " IO_FDS (16, 0, 0), NULL, VUC_ERROR_DISCONNECTED,
    "the device was connected anew meanwhile" },
  { "a refusal", "id u16:6 u32:16 u32:0x21 u32:22", NULL, VUC_ERROR_DISCONNECTED,
    "the device was connected anew meanwhile" },
  /* Fatal, but for the connection that it came on. */
  { "a lie", "id u16:6 u32:32 u32:1 u32:0 | " IO_FDS (16, 5, 0), NULL, VUC_ERROR_PROTOCOL,
    "region 0" },
};

/* The script: the question, this answer and the end. */
static void
script_answer (ScriptServer *server, const AnswerRow *row)
{
  script_handshake (server, &script_pci_device);
  script_both (server, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  if (row->fds != NULL)
    script_send_fds (server, row->reply, row->fds);
  else
    script_send (server, row->reply);
  script_next_server (server);
}

/* The script: a server that is asked, too, and has another doorbell.  Then nobody who still has the
 * answer of the one before. */
static void
script_another_answer (ScriptServer *server)
{
  script_expect_command (server, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  script_reply_fds (server, DOORBELL_AT (0x20), one_eventfd);
  script_expect_command (server, 10, "u64:0x10 u32:0 u32:4 'ring'");
  script_reply (server, "u64:0x10 u32:0 u32:4");
  script_sign_of_life (server);
}

static void
expect_another_answer (VucDevice *device)
{
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds = NULL;
  gsize n_io_fds = 0;

  ck_assert_int_eq (vuc_device_get_region_io_fds_errno (device, 0), 0);
  vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error);
  assert_no_error (error);
  ck_assert_uint_eq (n_io_fds, 1);
  ck_assert_uint_eq (io_fds[0].offset, 0x20);
  vuc_device_region_write (device, 0, 0x10, "ring", 4, &error);
  assert_no_error (error);
  expect_sign_of_life (device);
}

static void
IO_descriptors_of_the_server_before_are_not_those_of_the_next (gconstpointer data)
{
  const AnswerRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  Late late = { .server = server, .ask = ask_for_io_fds };

  script_answer (server, row);
  script_handshake (server, &script_pci_device);
  script_another_answer (server);

  late.device = device = connect_to_path (script_server_listen (server), NULL);
  late_ask (&late);
  reconnect (device);
  late_look (&late);
  late_expect_error (&late, row->code, row->text);
  expect_another_answer (device);
  close_and_finish (device, server);
}

/* It is not the device yet, and may be asked already what the one before was asked. */
static void
nor_are_they_while_the_next_is_being_connected (gconstpointer data)
{
  const AnswerRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (Outcome) outcome = outcome_new ();
  VucOperation operation;
  Late late = { .server = server, .ask = ask_for_io_fds };

  script_answer (server, row);
  script_version (server, &script_pci_device);
  script_device_info (server, &script_pci_device);
  script_hold_back_after (server, 0);
  script_queries (server, &script_pci_device);
  script_another_answer (server);

  late.device = device = connect_to_path (script_server_listen (server), NULL);
  late_ask (&late);
  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  process_all (device);
  outcome_expect_nothing (outcome);
  late_look (&late);
  late_expect_error (&late, row->code, row->text);
  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  expect_another_answer (device);
  close_and_finish (device, server);
}

/* Whoever comes next is asked, too, and must have the same. */
static void
while_there_is_no_other_they_are_kept (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  Late late = { .server = server, .ask = ask_for_io_fds };

  script_answer (server, &answers[0]);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  script_reply_fds (server, DOORBELL_AT (0x10), one_eventfd);
  script_sign_of_life (server);

  late.device = device = connect_to_path (script_server_listen (server), NULL);
  late_ask (&late);
  late_look (&late);
  ck_assert (late.ok);
  reconnect (device);
  ck_assert (vuc_device_region_write (device, 0, 0x10, "ring", 4, NULL));
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* --- Memory and interrupts --- */

static const VucDmaRegion one_page = { .iova = 0x1000, .size = 0x1000, .flags = 3, .fd = -1,
                                       .vaddr = (guint8[0x1000]){ 0 } };

static gboolean
map_one_page (VucDevice *device, GError **error)
{
  return vuc_device_dma_map (device, &one_page, error);
}

static gboolean
disable_msi (VucDevice *device, GError **error)
{
  return vuc_device_disable_irq (device, 1, error);
}

typedef struct
{
  const char *name;
  gboolean (*ask) (VucDevice *device, GError **error);
  guint16 command;
  const char *payload;
  const char *text;
} SuccessRow;

static const SuccessRow successes[] = {
  { "memory was mapped", map_one_page, 2, "u32:32 u32:3 u64:0 u64:0x1000 u64:0x1000",
    "the device was lost and connected again meanwhile" },
  { "interrupts were disabled", disable_msi, 8, "u32:20 u32:0x21 u32:1 u32:0 u32:0",
    "the device was connected anew meanwhile" },
};

/* The next server was not told, and does not have it. */
static void
what_was_done_for_the_server_before_is_not_done_for_the_next (gconstpointer data)
{
  const SuccessRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  Late late = { .server = server, .ask = row->ask };

  vuc_config_set_pipeline_dma (config, TRUE); /* or only one of the two would be asked for */
  script_handshake (server, &script_pci_device);
  script_both (server, row->command, row->payload);
  script_reply (server, "");
  script_next_server (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  script_expect_command (server, row->command, row->payload);
  script_reply (server, "");

  late.device = device = connect_to_path (script_server_listen (server), config);
  late_ask (&late);
  reconnect (device);
  late_look (&late);
  late_expect_error (&late, VUC_ERROR_DISCONNECTED, row->text);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  expect_sign_of_life (device);
  ck_assert (row->ask (device, NULL));
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (IO_descriptors_of_the_server_before_are_not_those_of_the_next, answers),
  HARNESS_ROWS (nor_are_they_while_the_next_is_being_connected, answers),
  HARNESS_CASE (while_there_is_no_other_they_are_kept),
  HARNESS_ROWS (what_was_done_for_the_server_before_is_not_done_for_the_next, successes),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "late answers", cases);
}
