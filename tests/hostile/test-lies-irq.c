/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What a server may answer to DEVICE_SET_IRQS: with which words it fails, whether the connection
 * lives, and what is known of the interrupts then.  What it may do to the eventfds themselves is in
 * conversation/test-irq-watch.c.
 */

#include "conversation/connect.h"
#include "conversation/irqs.h"
#include "harness/harness.h"

typedef struct
{
  const char *name;
  const char *said; /* to the second of two ranges; NULL: it hangs up */
  const ScriptFd *fds;
  VucError code;
  const char *text;
  gboolean lives;
} Row;

static const Row rows[] = {
  { "an error", "id u16:8 u32:16 u32:0x21 u32:22", NULL, VUC_ERROR_REMOTE, "(errno 22)", TRUE },
  { "an error that there is not", "id u16:8 u32:16 u32:0x21 u32:0", NULL, VUC_ERROR_REMOTE,
    "(errno 5)", TRUE },
  { "an error with a payload", "id u16:8 u32:36 u32:0x21 u32:22 | 00*20", NULL, VUC_ERROR_REMOTE,
    "(errno 22)", TRUE },
  { "the request back", "id u16:8 u32:36 u32:1 u32:0 | u32:20 u32:0x24 u32:2 u32:8 u32:1", NULL,
    VUC_ERROR_PROTOCOL, "DEVICE_SET_IRQS reply: payload 20, expected 0", FALSE },
  { "an eventfd", "id u16:8 u32:16 u32:1 u32:0", SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }),
    VUC_ERROR_PROTOCOL, "DEVICE_SET_IRQS reply: 1 descriptors came, allowed is none", FALSE },
  { "an eventfd with an error", "id u16:8 u32:16 u32:0x21 u32:22",
    SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }), VUC_ERROR_PROTOCOL,
    "DEVICE_SET_IRQS reply: 1 descriptors came, allowed is none", FALSE },
  { "another command", "id u16:7 u32:16 u32:1 u32:0", NULL, VUC_ERROR_PROTOCOL,
    "DEVICE_GET_IRQ_INFO reply: message id", FALSE },
  { "the first answer once more", "id(1) u16:8 u32:16 u32:1 u32:0", NULL, VUC_ERROR_PROTOCOL,
    "is not pending", FALSE },
  { "4 GiB", "id u16:8 u32:0xffffffff u32:1 u32:0", NULL, VUC_ERROR_PROTOCOL,
    "message header of DEVICE_SET_IRQS: size 4294967295", FALSE },
  { "nothing, for ever", NULL, NULL, VUC_ERROR_DISCONNECTED, "the server closed the connection",
    FALSE },
};

/* The first range is in force in any case; a lost connection is no reason to forget that. */
static void
an_answer_to_a_set_fails (gconstpointer data)
{
  const Row *row = data;
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 9);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 8));
  script_expect_fds (server, 8);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 8, 1));
  script_expect_fds (server, 1);
  script_reply_to (server, 1, "");
  if (row->said == NULL)
    script_close (server);
  else if (row->fds != NULL)
    script_send_fds (server, row->said, row->fds);
  else
    script_send (server, row->said);
  if (row->lives)
    script_sign_of_life (server);
  else
    script_may_end_early (server);
  device = connect_to (script_server_start (server));

  ck_assert (!vuc_device_set_irq_eventfds (device, MSIX, 0, fds, 9, &error));
  assert_error (error, VUC_ERROR, row->code, row->text);
  expect_states (device, MSIX, 0, 8, VUC_IRQ_ARMED);
  expect_states (device, MSIX, 8, 1, VUC_IRQ_DISARMED);
  if (row->lives)
    expect_sign_of_life (device);
  else
    ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  close_and_finish (device, server);
}

/* It is recognised, and swallowed. */
static void
a_reply_may_come_too_late (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_auto(Eventfds) eventfds = { 0 };
  const int *fds = eventfds_make (&eventfds, 1);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;

  script_handshake (server, &script_irq_device);
  script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 1));
  script_expect_fds (server, 1);
  script_wait_for_sign (server);
  script_reply (server, "");
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  ck_assert (!vuc_device_set_irq_eventfds (device, MSIX, 0, fds, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_SET_IRQS");
  expect_states (device, MSIX, 0, 1, VUC_IRQ_UNKNOWN);
  script_server_give_sign (server);
  expect_sign_of_life (device);
  expect_states (device, MSIX, 0, 1, VUC_IRQ_UNKNOWN);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (an_answer_to_a_set_fails, rows),
  HARNESS_CASE (a_reply_may_come_too_late),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "lies-irq", cases);
}
