/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What cannot be connected to, how that is said, and by when it has failed if the server is of no
 * use.  What comes about is in test-connect.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "harness/client.h"
#include "harness/demo.h"
#include "harness/harness.h"

/* ---- What cannot be connected to ---- */

typedef enum
{
  NOTHING,
  FILE_THERE,
  FOLDER_THERE,
  SOCKET_THERE
} What;

typedef struct
{
  const char *name;
  What what; /* is at the path */
  VucError code;
  int number;
  const char *text;
} PathRow;

static const PathRow bad_paths[] = {
  { "nothing is there", NOTHING, VUC_ERROR_CONNECT, ENOENT, "bad.sock': No such file" },
  { "a file", FILE_THERE, VUC_ERROR_CONNECT, ENOTSOCK, "bad.sock': Socket operation on non-s" },
  { "a folder", FOLDER_THERE, VUC_ERROR_CONNECT, ENOTSOCK, "bad.sock': Socket operation on non-" },
  { "nobody listens", SOCKET_THERE, VUC_ERROR_CONNECT, ECONNREFUSED,
    "bad.sock': Connection refused" },
};

static void
a_path_without_a_server_is_named (gconstpointer data)
{
  const PathRow *row = data;
  g_autofree char *path = g_build_filename (harness_temp_dir (), "bad.sock", NULL);
  g_autoptr(GError) error = NULL;

  if (row->what == FILE_THERE)
    ck_assert (g_file_set_contents (path, "text", -1, NULL));
  else if (row->what == FOLDER_THERE)
    ck_assert_int_eq (mkdir (path, 0700), 0);
  else if (row->what == SOCKET_THERE)
    close (client_listen (path));

  ck_assert_ptr_null (vuc_device_connect (path, NULL, &error));
  assert_error (error, VUC_ERROR, row->code, row->text);
  ck_assert_int_eq (vuc_error_get_errno (error), row->number);
}

static void
a_path_that_fits_into_no_address_is_the_callers_mistake (void)
{
  g_autofree char *path = g_strnfill (108, 'x');
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) empty_error = NULL;

  ck_assert_ptr_null (vuc_device_connect (path, NULL, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT,
                "it has 108 bytes, allowed are 1 to 107");

  ck_assert_ptr_null (vuc_device_connect ("", NULL, &empty_error));
  assert_error (empty_error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "it has 0 bytes");
}

static void
nobody_has_an_abstract_name (void)
{
  g_autofree char *name = g_strdup_printf ("@vuc-test-nobody-%d", getpid ());
  g_autoptr(GError) error = NULL;

  ck_assert_ptr_null (vuc_device_connect (name, NULL, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_CONNECT, name);
  ck_assert_int_eq (vuc_error_get_errno (error), ECONNREFUSED);
}

static void
a_descriptor_that_is_no_connected_stream_socket_is_refused (void)
{
  int datagrams[2];
  const int lonely = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int file = open ("/dev/null", O_RDWR | O_CLOEXEC);

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, datagrams), 0);
  const struct
  {
    int fd;
    VucError code;
    int number;
    const char *text;
  } rows[] = {
    { -1, VUC_ERROR_CONNECT, EBADF, "descriptor -1 is not a connected socket" },
    { file, VUC_ERROR_CONNECT, ENOTSOCK, "is not a connected socket" },
    { lonely, VUC_ERROR_CONNECT, ENOTCONN, "is not a connected socket" },
    { datagrams[0], VUC_ERROR_INVALID_ARGUMENT, 0, "is not a UNIX stream socket" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GError) error = NULL;

      ck_assert_ptr_null (vuc_device_connect_fd (rows[i].fd, NULL, &error));
      assert_error (error, VUC_ERROR, rows[i].code, rows[i].text);
      ck_assert_int_eq (vuc_error_get_errno (error), rows[i].number);
    }
  close (datagrams[0]);
  close (datagrams[1]);
  close (lonely);
  close (file);
}

static void
a_server_that_goes_at_once_is_said_to_have_gone (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();

  script_expect_command (server, 1, NULL);
  script_close (server);
  connect_and_expect (script_server_start (server), NULL, VUC_ERROR_DISCONNECTED,
                      "waiting for the reply to VERSION: the server closed the connection");
  script_server_finish (server);
}

/* ---- Time ---- */

#define DEADLINE_MS 150

/* Connecting does not wait longer than the deadline says, nor less. */
static void
expect_in_time (int fd, guint deadline_ms, VucError code, const char *text)
{
  g_autoptr(VucConfig) config = config_with_timeout (deadline_ms);
  const gint64 start = g_get_monotonic_time ();

  connect_and_expect (fd, config, code, text);
  ck_assert_uint_ge (ms_since (start), deadline_ms);
  ck_assert_uint_lt (ms_since (start), late_ms ());
}

static void
a_server_that_says_nothing_is_not_waited_for (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();

  script_expect_command (server, 1, NULL);
  script_wait_forever (server);
  expect_in_time (script_server_start (server), DEADLINE_MS, VUC_ERROR_TIMED_OUT, "VERSION");
  script_server_finish (server);
}

/* The protocol's servers have one client, and listen with a backlog of 0: the next one hangs where
 * it connects, and the one before that where it negotiates. */
static void
a_server_that_others_wait_for_is_not_waited_for (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (DEADLINE_MS);
  g_autofree char *path = g_build_filename (harness_temp_dir (), "busy.sock", NULL);
  const int listener = client_listen (path);
  g_autoptr(GError) first_error = NULL;
  g_autoptr(GError) error = NULL;
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int other = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  gint64 start;

  ck_assert_ptr_null (vuc_device_connect (path, config, &first_error));
  assert_error (first_error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "VERSION");

  /* That one still lies in the queue, which has a place for one. */
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  ck_assert_int_eq (fcntl (other, F_SETFL, O_NONBLOCK), 0);
  ck_assert_int_lt (connect (other, (struct sockaddr *) &address, sizeof address), 0);
  ck_assert_int_eq (errno, EAGAIN);

  start = g_get_monotonic_time ();
  ck_assert_ptr_null (vuc_device_connect (path, config, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "may have another client");
  assert_contains (error->message, path);
  ck_assert_uint_ge (ms_since (start), DEADLINE_MS);
  ck_assert_uint_lt (ms_since (start), late_ms ());
  close (other);
  close (listener);
}

static void
a_demo_device_that_has_a_client_is_not_waited_for (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  const char *path = demo_device_listen (demo);
  g_autoptr(VucConfig) config = config_with_timeout (DEADLINE_MS);
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) second_error = NULL;
  g_autoptr(VucDevice) device = vuc_device_connect (path, NULL, &error);

  assert_no_error (error);
  ck_assert_ptr_null (vuc_device_connect (path, config, &second_error));
  assert_error (second_error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "");
  vuc_device_close (device);
  demo_device_stop (demo);
}

typedef struct
{
  const char *name;
  const char *at_once;
  VucError code;
  const char *text;
} TrickleRow;

static const TrickleRow trickles[] = {
  { "its header", "id", VUC_ERROR_TIMED_OUT, "VERSION: the server did not reply in time" },
  { "its payload", "id u16:1 u32:1000 u32:1 u32:0", VUC_ERROR_PROTOCOL,
    "VERSION reply: begun, but not complete in time" },
};

/* A byte now and then is progress each time, and does not move the deadline. */
static void
a_server_that_trickles_is_not_waited_for (gconstpointer data)
{
  const TrickleRow *row = data;
  const guint deadline_ms = patient_deadline_ms (); /* what is sent at once has to come in time */
  g_autoptr(ScriptServer) server = script_server_new ();

  script_expect_command (server, 1, NULL);
  script_may_end_early (server);
  script_send (server, row->at_once);
  for (guint i = 0; i < 20; i++)
    {
      script_delay_ms (server, deadline_ms / 10);
      script_send (server, i == 0 ? "01" : "00");
    }
  expect_in_time (script_server_start (server), deadline_ms, row->code, row->text);
  script_server_finish (server);
}

/* Each answer is in time, all together are not.  On a machine that is busy the first may be late as
 * well. */
static void
all_of_connecting_has_one_deadline (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();

  script_expect_command (server, 1, NULL);
  script_may_end_early (server);
  script_delay_ms (server, DEADLINE_MS * 3 / 4);
  script_reply (server, "u16:0 u16:0");
  script_expect_command (server, 4, NULL);
  script_delay_ms (server, DEADLINE_MS * 3 / 4);
  script_reply (server, "u32:16 u32:2 u32:0 u32:0");
  expect_in_time (script_server_start (server), DEADLINE_MS, VUC_ERROR_TIMED_OUT,
                  "the server did not reply in time");
  script_server_finish (server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_path_without_a_server_is_named, bad_paths),
  HARNESS_CASE (a_path_that_fits_into_no_address_is_the_callers_mistake),
  HARNESS_CASE (nobody_has_an_abstract_name),
  HARNESS_CASE (a_descriptor_that_is_no_connected_stream_socket_is_refused),
  HARNESS_CASE (a_server_that_goes_at_once_is_said_to_have_gone),
  HARNESS_CASE (a_server_that_says_nothing_is_not_waited_for),
  HARNESS_CASE (a_server_that_others_wait_for_is_not_waited_for),
  HARNESS_CASE (a_demo_device_that_has_a_client_is_not_waited_for),
  HARNESS_ROWS (a_server_that_trickles_is_not_waited_for, trickles),
  HARNESS_CASE (all_of_connecting_has_one_deadline),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "connect, failed", cases);
}
