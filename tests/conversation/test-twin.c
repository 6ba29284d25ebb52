/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The twin socket, on which the server's commands and their replies travel: how it is agreed on, and
 * what may and may not come on either of the two.
 */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/event-log.h"
#include "conversation/loop-thread.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define SOON_MS 4000 /* below the default deadline of 5 s */

/* A DMA_READ of the server, and the answer: nothing is mapped, EFAULT is 14. */
#define COMMAND "u16:77 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4"
#define ANSWER  "u16:77 u16:11 u32:16 u32:0x21 u32:14"

/* The payload of a VERSION reply. */
#define TWIN(json) "u16:0 u16:0 '{\"capabilities\":{\"twin_socket\":{" json "}}}' 00"
#define SUPPORTED  TWIN ("\"supported\":true,\"fd_index\":0")

static const ScriptFd one_socket[] = { { SCRIPT_FD_SOCKET, 0 }, { SCRIPT_FD_END, 0 } };

/* A healthy connect, with a twin socket. */
static void
script_twin_handshake (ScriptServer *server)
{
  script_expect_command (server, 1, NULL);
  script_reply_fds (server, SUPPORTED, one_socket);
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
}

/* ---- What is proposed ---- */

/* The VERSION command of a client, as text: its NUL ends it. */
static char *
get_proposal (VucConfig *config)
{
  g_autoptr(VucDevice) device = NULL;
  char message[4096] = "";
  gssize n;
  int ends[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  device = vuc_device_connect_fd_async (ends[0], config, NULL, NULL, NULL, NULL);
  process_all (device);
  n = recv (ends[1], message, sizeof message - 1, MSG_DONTWAIT);
  ck_assert_int_gt (n, 20);
  close (ends[0]);
  close (ends[1]);
  return g_strdup (message + 20);
}

static void
it_is_proposed_unless_the_configuration_says_no (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autofree char *usual = get_proposal (NULL);
  g_autofree char *with = get_proposal (config);
  g_autofree char *without = NULL;

  assert_contains (usual, "\"twin_socket\":{\"supported\":true}");
  ck_assert_str_eq (usual, with);
  vuc_config_set_twin_socket (config, FALSE);
  without = get_proposal (config);
  assert_contains (without, "\"capabilities\"");
  ck_assert_ptr_null (strstr (without, "twin_socket"));
}

static void
a_server_that_does_not_know_it_does_without (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_send (server, COMMAND);
  script_expect (server, ANSWER);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_get_info (device)->twin_socket);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_server_may_refuse_it (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_expect_command (server, 1, NULL);
  script_reply (server, TWIN ("\"supported\":false"));
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_get_info (device)->twin_socket);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- What is agreed on ---- */

/* Whoever waits reads both. */
static void
a_command_on_the_twin_is_answered_there_while_a_call_waits (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_twin_handshake (server);
  script_expect_command (server, 9, NULL);
  script_use_socket (server);
  script_send (server, COMMAND);
  script_expect (server, ANSWER);
  script_send (server, COMMAND);
  script_in_pieces_of (server, 1);
  script_expect (server, ANSWER);
  script_use_connection (server);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  ck_assert (vuc_device_get_info (device)->twin_socket);
  expect_sign_of_life (device);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_command_on_the_twin_is_answered_by_the_loop (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  script_twin_handshake (server);
  script_wait_for_sign (server);
  script_use_socket (server);
  script_send (server, COMMAND);
  script_expect (server, ANSWER);
  script_use_connection (server);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  loop_thread_settle (loop);
  script_server_give_sign (server);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_command_on_the_twin_is_answered_where_the_device_is_processed (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  script_twin_handshake (server);
  script_expect_command (server, 13, "");
  script_use_socket (server);
  script_send (server, COMMAND);
  script_expect (server, ANSWER);
  script_use_connection (server);
  script_reply (server, "");
  device = connect_to (script_server_start (server));
  operation = vuc_device_reset_async (device, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static void
a_command_that_wants_no_reply_gets_none (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_twin_handshake (server);
  script_expect_command (server, 9, NULL);
  script_use_socket (server);
  script_send (server, "u16:77 u16:11 u32:32 u32:0x10 u32:0 | u64:0 u64:4");
  script_send (server, COMMAND);
  script_expect (server, ANSWER);
  script_expect_silence (server, 20);
  script_use_connection (server);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  device = connect_to (script_server_start (server));
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* It is another number space than that of our own commands. */
static void
ids_of_the_two_sockets_have_nothing_to_do_with_each_other (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_twin_handshake (server);
  script_expect_command (server, 9, NULL);
  script_use_socket (server);
  script_send (server, "id u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4");
  script_expect (server, "?? ?? u16:11 u32:16 u32:0x21 u32:14");
  script_use_connection (server);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  device = connect_to (script_server_start (server));
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_twin_that_talks_without_end_does_not_move_a_deadline (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  gint64 start;
  char data[4];

  script_twin_handshake (server);
  script_expect_command (server, 9, NULL);
  script_may_end_early (server);
  script_use_socket (server);
  script_flood (server, 100 * 1000 * 1000, "u16:1 u16:11 u32:32 u32:0x10 u32:0 u64:0 u64:4");
  device = connect_with (script_server_start (server), config);
  start = g_get_monotonic_time ();
  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "REGION_READ");
  ck_assert_uint_lt (ms_since (start), late_ms ());
  vuc_device_close (device);
  script_server_finish (server);
}

/* A server that asks and does not take the answers must not stop the main socket. */
static void
a_twin_that_is_not_read_does_not_hold_up_the_main_socket (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_twin_handshake (server);
  script_use_socket (server);
  script_flood (server, 400, COMMAND); /* the answers fill the socket, the commands do not */
  script_use_connection (server);
  script_sign_of_life (server);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  expect_sign_of_life (device);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- What is fatal ---- */

typedef struct
{
  const char *name;
  gboolean on_twin; /* else on the main socket */
  const char *said; /* while the client waits; NULL: the socket is closed */
  const ScriptFd *fds;
  VucError code;
  const char *text;
} FatalRow;

#define EVENTFD SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 })

static const FatalRow fatal[] = {
  { "a command on the main socket", FALSE, COMMAND, NULL, VUC_ERROR_PROTOCOL,
    "DMA_READ command from the server on the main socket, although there is a twin socket" },
  { "a reply on the twin", TRUE, "id u16:9 u32:36 u32:1 u32:0 | u64:0 u32:7 u32:4 'here'", NULL,
    VUC_ERROR_PROTOCOL, "REGION_READ reply on the twin socket" },
  { "a reply to nothing on the twin", TRUE, "u16:1 u16:11 u32:16 u32:0x21 u32:95", NULL,
    VUC_ERROR_PROTOCOL, "DMA_READ reply on the twin socket" },
  { "neither command nor reply", TRUE, "u16:1 u16:11 u32:16 u32:3 u32:0", NULL, VUC_ERROR_PROTOCOL,
    "type 3" },
  { "a size below the header's", TRUE, "u16:1 u16:11 u32:15 u32:0 u32:0", NULL, VUC_ERROR_PROTOCOL,
    "size 15, allowed are 16 to" },
  { "a size above all limits", TRUE, "u16:1 u16:12 u32:0xffffffff u32:0 u32:0", NULL,
    VUC_ERROR_PROTOCOL, "size 4294967295, allowed are 16 to" },
  { "a descriptor", TRUE, COMMAND, EVENTFD, VUC_ERROR_PROTOCOL,
    "DMA_READ command: 1 descriptors came, allowed is none" },
  { "the end of the twin", TRUE, NULL, NULL, VUC_ERROR_DISCONNECTED,
    "the server closed the twin socket" },
  { "the end of the main socket", FALSE, NULL, NULL, VUC_ERROR_DISCONNECTED,
    "the server closed the connection" },
};

static void
script_fatality (ScriptServer *server, const FatalRow *row)
{
  if (row->on_twin)
    script_use_socket (server);
  if (row->said == NULL)
    script_close (server);
  else if (row->fds != NULL)
    script_send_fds (server, row->said, row->fds);
  else
    script_send (server, row->said);
  if (row->said == NULL && !row->on_twin)
    return;
  script_use_connection (server);
  script_expect_eof (server);
}

static void
it_is_the_end_of_the_device (gconstpointer data)
{
  const FatalRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) later = NULL;
  g_autoptr(VucDevice) device = NULL;
  gint64 start;
  char word[4];

  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_twin_handshake (server);
  script_expect_command (server, 9, NULL);
  script_fatality (server, row);
  device = connect_with (script_server_start (server), config);
  start = g_get_monotonic_time ();
  ck_assert (!vuc_device_region_read (device, 7, 0, word, 4, &error));
  assert_error (error, VUC_ERROR, row->code, row->text);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  ck_assert (!vuc_device_region_read (device, 7, 0, word, 4, &later));
  assert_error (later, error->domain, error->code, error->message);
  process_all (device);
  event_log_expect_only (events, 1);
  event_log_expect (events, 0, VUC_EVENT_LOST, row->code, row->text);
  script_server_finish (server);
}

/* Nobody waits, a loop looks. */
static void
it_is_the_end_of_an_idle_device (gconstpointer data)
{
  const FatalRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(EventLog) events = event_log_new ();
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(LoopThread) loop = NULL;

  vuc_config_set_event_func (config, event_log_add, events, NULL);
  script_twin_handshake (server);
  script_sign_of_life (server);
  script_wait_for_sign (server);
  script_fatality (server, row);
  device = connect_with (script_server_start (server), config);
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, NULL));
  expect_sign_of_life (device);
  script_server_give_sign (server);
  event_log_wait (events, 1);
  event_log_expect (events, 0, VUC_EVENT_LOST, row->code, row->text);
  script_server_finish (server);
}

static void
closing_the_device_closes_both_sockets (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_twin_handshake (server);
  script_use_socket (server);
  script_expect_eof (server);
  script_use_connection (server);
  script_expect_eof (server);
  device = connect_to (script_server_start (server));
  vuc_device_close (device);
  script_server_finish (server);
}

/* ---- What is refused at once ---- */

typedef struct
{
  const char *name;
  const char *reply; /* to VERSION */
  const ScriptFd *fds;
  gboolean not_proposed;
  const char *text;
} RefusedRow;

#define INDEX(index) TWIN ("\"supported\":true,\"fd_index\":" index)

static const RefusedRow refused[] = {
  { "supported, although nobody proposed it", SUPPORTED, SCRIPT_FDS ({ SCRIPT_FD_SOCKET, 0 }), TRUE,
    "twin_socket.supported: true, although it was not proposed" },
  { "supported without an index", TWIN ("\"supported\":true"), SCRIPT_FDS ({ SCRIPT_FD_SOCKET, 0 }),
    FALSE, "twin_socket.fd_index: names none of the 1 descriptors" },
  { "supported without a descriptor", SUPPORTED, NULL, FALSE,
    "twin_socket.fd_index: names none of the 0 descriptors" },
  { "a descriptor that did not come", INDEX ("1"), SCRIPT_FDS ({ SCRIPT_FD_SOCKET, 0 }), FALSE,
    "twin_socket.fd_index: names none of the 1 descriptors" },
  { "an index that wraps", INDEX ("4294967296"), SCRIPT_FDS ({ SCRIPT_FD_SOCKET, 0 }), FALSE,
    "twin_socket.fd_index: names none of the 1 descriptors" },
  { "a negative index", INDEX ("-1"), SCRIPT_FDS ({ SCRIPT_FD_SOCKET, 0 }), FALSE,
    "capabilities.twin_socket.fd_index: " },
  { "an eventfd", SUPPORTED, SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }), FALSE,
    "connected stream socket" },
  { "a file", SUPPORTED, SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 4096 }), FALSE, "connected stream socket" },
  { "a pipe", SUPPORTED, SCRIPT_FDS ({ SCRIPT_FD_PIPE, 0 }), FALSE, "connected stream socket" },
  { "/dev/null", SUPPORTED, SCRIPT_FDS ({ SCRIPT_FD_DEV_NULL, 0 }), FALSE,
    "connected stream socket" },
};

static void
it_is_refused_while_connecting (gconstpointer data)
{
  const RefusedRow *row = data;
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();

  vuc_config_set_twin_socket (config, !row->not_proposed);
  script_expect_command (server, 1, NULL);
  if (row->fds != NULL)
    script_reply_fds (server, row->reply, row->fds);
  else
    script_reply (server, row->reply);
  script_expect_eof (server);
  connect_and_expect (script_server_start (server), config, VUC_ERROR_PROTOCOL, row->text);
  script_server_finish (server);
}

/* The index says which; the others are closed. */
static void
what_comes_with_it_is_closed (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_expect_command (server, 1, NULL);
  script_reply_fds (server, INDEX ("1"),
                    SCRIPT_FDS ({ SCRIPT_FD_PIPE, 0 }, { SCRIPT_FD_SOCKET, 0 },
                                { SCRIPT_FD_EVENTFD, 0 }));
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_use_socket (server);
  script_send (server, COMMAND);
  script_expect (server, ANSWER);
  script_use_connection (server);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  device = connect_to (script_server_start (server));
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (it_is_proposed_unless_the_configuration_says_no),
  HARNESS_CASE (a_server_that_does_not_know_it_does_without),
  HARNESS_CASE (a_server_may_refuse_it),
  HARNESS_CASE (a_command_on_the_twin_is_answered_there_while_a_call_waits),
  HARNESS_CASE (a_command_on_the_twin_is_answered_by_the_loop),
  HARNESS_CASE (a_command_on_the_twin_is_answered_where_the_device_is_processed),
  HARNESS_CASE (a_command_that_wants_no_reply_gets_none),
  HARNESS_CASE (ids_of_the_two_sockets_have_nothing_to_do_with_each_other),
  HARNESS_CASE (a_twin_that_talks_without_end_does_not_move_a_deadline),
  HARNESS_CASE (a_twin_that_is_not_read_does_not_hold_up_the_main_socket),
  HARNESS_ROWS (it_is_the_end_of_the_device, fatal),
  HARNESS_ROWS (it_is_the_end_of_an_idle_device, fatal),
  HARNESS_CASE (closing_the_device_closes_both_sockets),
  HARNESS_ROWS (it_is_refused_while_connecting, refused),
  HARNESS_CASE (what_comes_with_it_is_closed),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "twin", cases);
}
