/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Servers that are silent, late, slow or talk without end: no call may hang because of them, and
 * what comes too late must not be taken for something else.
 */

#include <errno.h>
#include <string.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* As impatiently as it can be: the same deadline is that of connecting, and of what succeeds. */
static VucDevice *
connect_impatiently (ScriptServer *server)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());

  return connect_with (script_server_start (server), config);
}

/* A read of 4 bytes fails in this way, at its deadline or at least not long after. */
static void
expect_failure_in_time (VucDevice *device, VucError code, const char *text)
{
  const gint64 start = g_get_monotonic_time ();
  g_autoptr(GError) error = NULL;
  char data[4];

  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_error (error, VUC_ERROR, code, text);
  ck_assert_uint_lt (ms_since (start), late_ms ());
}

/* ---- Late ---- */

typedef struct
{
  const char *name;
  const char *said; /* once the deadline has passed */
  const ScriptFd *fds;
} LateRow;

static const LateRow late_replies[] = {
  { "as it should be", "id u16:9 u32:36 u32:1 u32:0 u64:0 u32:7 u32:4 'late'", NULL },
  { "an error", "id u16:9 u32:16 u32:0x21 u32:22", NULL },
  { "an error with a payload", "id u16:9 u32:32 u32:0x21 u32:22 ff*16", NULL },
  { "larger than was asked for", "id u16:9 u32:100016 u32:1 u32:0 ff*100000", NULL },
  { "smaller than was asked for", "id u16:9 u32:16 u32:1 u32:0", NULL },
};

static void
a_late_reply_is_dropped (gconstpointer data)
{
  const LateRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_wait_for_sign (server);
  script_send (server, row->said);
  script_sign_of_life (server);
  script_sign_of_life (server);
  device = connect_impatiently (server);
  expect_failure_in_time (device, VUC_ERROR_TIMED_OUT,
                          "REGION_READ: the server did not reply in time");
  script_server_give_sign (server);
  expect_sign_of_life (device);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* Their ids are given to no other command before they have come. */
static void
many_late_replies_are_told_from_those_in_time (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  const guint n = 100;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  for (guint i = 0; i < n; i++)
    script_sign_of_life (server);
  script_reply_to (server, n, "u64:0 u32:7 u32:4 'late'");
  script_sign_of_life (server);
  device = connect_impatiently (server);
  expect_failure_in_time (device, VUC_ERROR_TIMED_OUT, "REGION_READ");
  for (guint i = 0; i < n + 1; i++)
    expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_late_replys_descriptors_are_closed (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 6, NULL);
  script_wait_for_sign (server);
  script_reply_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0),
                    SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }));
  script_sign_of_life (server);
  device = connect_impatiently (server);
  ck_assert (!vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DEVICE_GET_REGION_IO_FDS");
  script_server_give_sign (server);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_late_reply_must_still_be_one_to_its_command (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_expect_command (server, 9, NULL);
  script_send (server, "id(1) u16:10 u32:32 u32:1 u32:0 u64:0 u32:7 u32:4");
  device = connect_impatiently (server);
  expect_failure_in_time (device, VUC_ERROR_TIMED_OUT, "REGION_READ");
  expect_failure_in_time (device, VUC_ERROR_PROTOCOL, "REGION_WRITE reply: message id");
  script_server_finish (server);
}

#define N_THREADS 64

typedef struct
{
  VucDevice *device;
  GError *error; /* the first that is no timeout */
} Reader;

static gpointer
read_until_it_is_the_end (gpointer data)
{
  Reader *reader = data;
  char word[4];

  while (!vuc_device_region_read (reader->device, 7, 0, word, sizeof word, &reader->error)
         && reader->error->code == VUC_ERROR_TIMED_OUT)
    g_clear_error (&reader->error);
  return NULL;
}

/* Each holds one of our ids, so there is an end of it. */
static void
a_server_that_owes_too_many_replies_is_given_up (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  Reader readers[N_THREADS];
  GThread *threads[N_THREADS];

  script_handshake (server, &script_pci_device);
  script_may_end_early (server);
  for (guint i = 0; i < 256 + N_THREADS; i++)
    script_expect_command (server, 9, NULL);
  device = connect_impatiently (server);
  for (guint i = 0; i < N_THREADS; i++)
    {
      readers[i] = (Reader) { device, NULL };
      threads[i] = g_thread_new ("reader", read_until_it_is_the_end, &readers[i]);
    }
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < N_THREADS; i++)
    {
      assert_error (readers[i].error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                    "257 replies are overdue, allowed are 256");
      g_error_free (readers[i].error);
    }
  script_server_finish (server);
}

/* ---- Never ---- */

static void
a_silent_server_is_not_waited_for (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_sign_of_life (server);
  device = connect_impatiently (server);
  expect_failure_in_time (device, VUC_ERROR_TIMED_OUT,
                          "REGION_READ: the server did not reply in time");
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

typedef struct
{
  const char *name;
  const char *said; /* and no more */
  VucError code;
  const char *text;
} HalfRow;

/* The waiter's own reply: there is no way on.  Anything else may still end in time for the next. */
static const HalfRow halves[] = {
  { "a header", "id u16:9 u32:36", VUC_ERROR_TIMED_OUT, "REGION_READ" },
  { "a reply", "id u16:9 u32:36 u32:1 u32:0 u64:0 u32:7 u32:4 'dat'", VUC_ERROR_PROTOCOL,
    "begun, but not complete in " },
  { "a command", "u16:1 u16:12 u32:1000 u32:0 u32:0 u64:0 u64:976 'data'", VUC_ERROR_TIMED_OUT,
    "REGION_READ" },
  { "an error's payload", "id u16:9 u32:32 u32:0x21 u32:22 00*15", VUC_ERROR_PROTOCOL,
    "begun, but not complete in " },
};

static void
half_a_message_is_not_waited_for (gconstpointer data)
{
  const HalfRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_send (server, row->said);
  script_may_end_early (server);
  if (row->code == VUC_ERROR_TIMED_OUT)
    script_expect_command (server, 9, NULL);
  device = connect_impatiently (server);
  expect_failure_in_time (device, row->code, row->text);
  expect_failure_in_time (device, VUC_ERROR_PROTOCOL,
                          row->code == VUC_ERROR_PROTOCOL
                            ? row->text
                            : "a message from the server: begun, but not complete in ");
  script_server_finish (server);
}

/* ---- Slow ---- */

static void
a_trickle_is_not_waited_for (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_send (server, "id u16:9 u32:36 u32:1 u32:0");
  script_may_end_early (server);
  for (guint i = 0; i < 20; i++)
    {
      script_delay_ms (server, patient_deadline_ms () / 2);
      script_send (server, "00");
    }
  device = connect_impatiently (server);
  expect_failure_in_time (device, VUC_ERROR_PROTOCOL,
                          "begun, but not complete in ");
  script_server_finish (server);
}

static void
a_server_that_does_not_read_is_not_waited_for (void)
{
  static const ScriptRegion region = { .size = 1 << 20, .flags = 3 };
  const ScriptDevice script = { .regions = &region, .n_regions = 1 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  g_autofree guint8 *data = g_malloc0 (1 << 20);
  gint64 start;

  vuc_config_set_max_write_size (config, 1 << 20);
  script_handshake (server, &script);
  script_wait_forever (server);
  device = connect_with (script_server_start (server), config);
  start = g_get_monotonic_time ();
  ck_assert (!vuc_device_region_write (device, 0, 0, data, 1 << 20, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                "REGION_WRITE command: the server did not read it in time");
  ck_assert_uint_lt (ms_since (start), late_ms ());
  close_and_finish (device, server);
}

/* ---- Talkative ---- */

typedef struct
{
  const char *name;
  const char *said; /* over and over, in place of a reply */
} TalkRow;

static const TalkRow talk[] = {
  { "that wants no answers", "u16:1 u16:11 u32:32 u32:0x10 u32:0 u64:0 u64:4" },
  /* But does not take them either. */
  { "that wants answers", "u16:1 u16:11 u32:32 u32:0 u32:0 u64:0 u64:4" },
};

static void
a_server_that_talks_without_end_is_not_listened_to (gconstpointer data)
{
  const TalkRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_may_end_early (server);
  script_flood (server, 100 * 1000 * 1000, row->said);
  device = connect_impatiently (server);
  expect_failure_in_time (device, VUC_ERROR_TIMED_OUT, "REGION_READ");
  vuc_device_close (device);
  script_server_finish (server);
}

/* It asks, and takes the answer, for longer than the deadline. */
static void
a_conversation_the_other_way_does_not_move_the_deadline (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_may_end_early (server);
  for (guint i = 0; i < 50; i++)
    {
      script_send (server, "u16:1 u16:11 u32:32 u32:0 u32:0 u64:0 u64:4");
      script_expect (server, "u16:1 u16:11 u32:16 u32:0x21 u32:14"); /* EFAULT */
      script_delay_ms (server, patient_deadline_ms () / 10);
    }
  device = connect_impatiently (server);
  expect_failure_in_time (device, VUC_ERROR_TIMED_OUT, "REGION_READ");
  vuc_device_close (device);
  script_server_finish (server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_late_reply_is_dropped, late_replies),
  HARNESS_CASE (many_late_replies_are_told_from_those_in_time),
  HARNESS_CASE (a_late_replys_descriptors_are_closed),
  HARNESS_CASE (a_late_reply_must_still_be_one_to_its_command),
  HARNESS_CASE (a_server_that_owes_too_many_replies_is_given_up),
  HARNESS_CASE (a_silent_server_is_not_waited_for),
  HARNESS_ROWS (half_a_message_is_not_waited_for, halves),
  HARNESS_CASE (a_trickle_is_not_waited_for),
  HARNESS_CASE (a_server_that_does_not_read_is_not_waited_for),
  HARNESS_ROWS (a_server_that_talks_without_end_is_not_listened_to, talk),
  HARNESS_CASE (a_conversation_the_other_way_does_not_move_the_deadline),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "delays", cases);
}
