/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* The script server, tested with a client that does not follow the script: what is said of that. */

#include "harness.h"

#include "client.h"
#include "script-server.h"

#include <sys/socket.h>
#include <unistd.h>

/* A DEVICE_RESET. */
#define RESET_7 "u16:7 u16:13 u32:16 u32:0 u32:0 "

/* Steps that the client does not follow, what it says instead, and what is said of that. */
typedef struct
{
  const char *name;
  void (*write) (ScriptServer *server);
  const char *said;
  gboolean hangs_up;
  const char *complaint;
} Lapse;

static void
write_bytes (ScriptServer *server)
{
  script_expect (server, "01 02 03 04 05 06");
}

static void
write_read (ScriptServer *server)
{
  script_expect_command (server, 9, "u64:16 u32:7 u32:4");
}

static void
write_any (ScriptServer *server)
{
  script_expect_any (server);
}

static void
write_reply (ScriptServer *server)
{
  script_expect_command (server, 13, NULL);
  script_reply_to (server, 1, "");
}

static void
write_id (ScriptServer *server)
{
  script_send (server, "id");
}

static void
write_silence (ScriptServer *server)
{
  script_expect_silence (server, 5000);
}

static void
write_eof (ScriptServer *server)
{
  script_expect_eof (server);
}

static void
write_flood (ScriptServer *server)
{
  script_flood (server, 1000, "00*1000");
}

static void
write_sign (ScriptServer *server)
{
  script_wait_for_sign (server);
}

static const Lapse lapses[] = {
  { "other bytes", write_bytes, "01 02 ff", FALSE,
    "step 1 (expect bytes): byte 2 is ff, expected 03\n" },
  { "too few bytes", write_bytes, "01 02", FALSE,
    "step 1 (expect bytes): nothing more came within 10 ms\n2 bytes came, expected 6\n" },
  { "too few bytes before the end", write_bytes, "01 02", TRUE,
    "step 1 (expect bytes): the client hung up\n2 bytes came, expected 6\n" },
  { "the end instead of bytes", write_bytes, "", TRUE,
    "step 1 (expect bytes): the client hung up instead" },
  { "too many bytes", write_bytes, "01 02 03 04 05 06 | 77", FALSE,
    "step 2 (after the last step): the client sent more\n  0000  77" },
  { "no end", write_bytes, "01 02 03 04 05 06", FALSE,
    "step 2 (after the last step): the client did not hang up within 10 ms" },
  { "another command", write_read, RESET_7, FALSE,
    "step 1 (expect REGION_READ): command 13 (DEVICE_RESET) came, expected command 9\n" },
  { "a reply instead of a command", write_read, "u16:1 u16:9 u32:16 u32:1 u32:0", FALSE,
    "step 1 (expect REGION_READ): a reply to 9 (REGION_READ) came" },
  { "another payload", write_read, "u16:1 u16:9 u32:32 u32:0 u32:0 | u64:16 u32:7 u32:8", FALSE,
    "step 1 (expect REGION_READ): another payload: byte 12 is 08, expected 04\n" },
  { "a shorter payload", write_read, "u16:1 u16:9 u32:24 u32:0 u32:0 | u64:16", FALSE,
    "step 1 (expect REGION_READ): another payload: 8 bytes came, expected 16\n" },
  { "half a header", write_any, "u16:1 u16:9 u32:24", FALSE,
    "step 1 (expect a message): half a message came within 10 ms\n  0000  01 00 09 00 18" },
  { "half a payload", write_any, "u16:1 u16:9 u32:24 u32:0 u32:0 | u32:0", TRUE,
    "step 1 (expect a message): the client hung up inside a message" },
  { "nothing", write_any, "", FALSE,
    "step 1 (expect a message): nothing came within 10 ms" },
  { "the end instead of a message", write_any, "", TRUE,
    "step 1 (expect a message): the client hung up instead of a message" },
  { "a message size below the header's", write_any, "u16:1 u16:9 u32:15 u32:0 u32:0", FALSE,
    "step 1 (expect a message): a header with a message size of 15 came" },
  { "a message size without reason", write_any, "u16:1 u16:9 u32:0xffffffff u32:0 u32:0", FALSE,
    "step 1 (expect a message): a header with a message size of 4294967295 came" },
  { "no command to reply to", write_reply, RESET_7, FALSE,
    "step 2 (reply): 1 commands came so far: none is 1 before the last" },
  { "no command to take the id of", write_id, "", FALSE,
    "step 1 (send): 0 commands came so far" },
  { "bytes instead of silence", write_silence, "00", FALSE,
    "step 1 (expect silence): the client sent something, or hung up" },
  { "the end instead of silence", write_silence, "", TRUE,
    "step 1 (expect silence): the client sent something, or hung up" },
  { "bytes instead of the end", write_eof, "55", FALSE,
    "step 1 (expect the end): the client sent more\n  0000  55" },
  { "no sign of the test", write_sign, "", FALSE,
    "step 1 (wait for a sign): the test gave no sign" },
  { "nothing instead of the end", write_eof, "", FALSE,
    "step 1 (expect the end): the client did not hang up within 10 ms" },
  { "the end of what is sent only", write_flood, "", TRUE,
    "step 1 (flood): the client did not read for 10 ms" },
};

/*
 * The client connects, speaks and perhaps hangs up before the server starts: so a short deadline
 * is enough, however busy the machine is.
 */
static void
a_lapse_is_reported (gconstpointer row)
{
  const Lapse *lapse = row;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree char *path = g_build_filename (harness_temp_dir (), "socket", NULL);
  g_autofree char *why = NULL;
  int listener = client_listen (path);
  int fd = client_connect (path);

  if (lapse->said[0] != '\0')
    client_say (fd, lapse->said);
  if (lapse->hangs_up)
    shutdown (fd, SHUT_WR);

  lapse->write (server);
  script_set_deadline_ms (server, 10);
  script_server_start_listening (server, listener);
  why = script_server_check (server);
  assert_contains (why, lapse->complaint);
  close (listener);
  close (fd);
}

static void
descriptors_that_are_not_expected_are_reported (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree char *why = NULL;
  const int two[2] = { STDIN_FILENO, STDOUT_FILENO };
  int fd;

  script_expect_command (server, 13, "");
  fd = script_server_start (server);
  client_say_with_fds (fd, RESET_7, two, 2);
  why = script_server_check (server);
  assert_contains (why, "step 1 (expect DEVICE_RESET): 2 descriptors came, expected 0");
  close (fd);
}

static void
a_server_that_nobody_connects_to_complains (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree char *why = NULL;

  script_expect_any (server);
  script_set_deadline_ms (server, 20);
  script_server_listen (server);
  why = script_server_check (server);
  assert_contains (why, "step 1 (expect a message): no client connected");
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_lapse_is_reported, lapses),
  HARNESS_CASE (descriptors_that_are_not_expected_are_reported),
  HARNESS_CASE (a_server_that_nobody_connects_to_complains),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "script-lapses", cases);
}
