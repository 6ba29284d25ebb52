/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Accesses of several parts, on the wire: a part in the middle that is posted, a later one that
 * fails, and an access that is given up while it waits for what was posted.
 */

#include <poll.h>
#include <string.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "conversation/ways.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* Region 0, whose second half can be mapped. */
static const ScriptFd file[] = { { SCRIPT_FD_SEALED_MEMFD, 0x2000 }, { SCRIPT_FD_END, 0 } };
static const ScriptRegion regions[8] = {
  [0] = { .size = 0x2000, .flags = 7, .fds = file,
          .capabilities = "u16:1 u16:1 u32:0 u32:1 u32:0 u64:0x1000 u64:0x1000" },
  [7] = { .size = 256, .flags = 3 },
};
static const ScriptDevice half_mapped = { .regions = regions, .n_regions = 8 };

static const ScriptFd socket_fd[] = { { SCRIPT_FD_SOCKET, 0 }, { SCRIPT_FD_END, 0 } };
static const ScriptFd eventfd[] = { { SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_END, 0 } };

#define IOREGION(offset, size) IO_FDS (64, 0, 1) IO_FD_48 (offset, size, 0, 1, 0, 0, 55, 0)
#define DOORBELL_AT_0X10 IO_FDS (64, 0, 1) IO_FD_48 (0x10, 4, 0, 0, 0, 0, 0, 0)

static const char posted_before[] =
  "u16:0xffff u16:10 u32:36 u32:0x10 u32:0 | u64:0x20 u32:0 u32:4 | 'post'";

/* What is posted is executed when this is answered. */
static void
script_expect_fence (ScriptServer *server)
{
  script_expect_command (server, 4, "u32:16 u32:0 u32:0 u32:0");
}

static void
script_fence (ScriptServer *server)
{
  script_expect_fence (server);
  script_reply (server, "u32:16 u32:3 u32:8 u32:0");
}

static void
script_start (ScriptServer *server, const char *io_fds, const ScriptFd *fds)
{
  script_handshake (server, &half_mapped);
  script_io_fds_question (server);
  script_reply_fds (server, io_fds, fds);
}

/* Then its writes are posted, although descriptors were handed out. */
static const VucIoFd *
start_posting (VucDevice *device)
{
  const VucIoFd *io_fds = get_io_fds (device, 0, 1);
  g_autoptr (GError) error = NULL;

  vuc_device_set_region_posting (device, 0, VUC_POSTING_INSIST, &error);
  assert_no_error (error);
  return io_fds;
}

/* --- A part that is posted --- */

/* By ioregionfd, then posted, then a store: 2, 4 and 2 bytes.  What was posted before the access is
 * proven before its first part, which proves nothing of its second. */
static void
a_part_that_is_posted_is_proven_before_the_next_one (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  char back[2];

  script_start (server, IOREGION (0xff0, 12), socket_fd);
  script_expect (server, posted_before);
  script_fence (server);
  script_use_socket (server);
  script_expect (server, "01 11 00*6 u64:55 u64:10 'ab' 00*6");
  script_send (server, "00*32");
  script_use_connection (server);
  script_expect (server,
                 "u16:0xffff u16:10 u32:36 u32:0x10 u32:0 | u64:0xffc u32:0 u32:4 | 'cdef'");
  script_fence (server);
  script_sign_of_life (server);

  device = connect_to (script_server_start (server));
  start_posting (device);
  write_word (device, 0, 0x20, "post");
  vuc_device_region_write (device, 0, 0xffa, "abcdefgh", 8, &error);
  assert_no_error (error);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOREGIONFD), 1);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 2);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MAPPED), 1);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MESSAGE), 0);
  expect_sign_of_life (device); /* what comes next, so the fence was the write's */
  vuc_device_region_read (device, 0, 0x1000, back, sizeof back, &error);
  assert_no_error (error);
  ck_assert_mem_eq (back, "gh", 2);
  close_and_finish (device, server);
}

/* --- A part that fails --- */

typedef struct
{
  const char *name;
  guint64 offset;
  gsize count;
  const char *message; /* the first part, or NULL: by ioregionfd */
  const char *reply;
  const char *command; /* the part that fails */
  const char *text;
} FailureRow;

/* The ioregionfd begins at 0x100. */
static const FailureRow failures[] = {
  { "behind another of its own", 0x100, 12, NULL, NULL, "01 12 00*6 u64:55 u64:8 'ijkl' 00*4",
    "ioregionfd: write of 4 bytes at 0x8: the server closed its socket" },
  { "behind a message", 0xfc, 12, "u64:0xfc u32:0 u32:4 'abcd'", "u64:0xfc u32:0 u32:4",
    "01 13 00*6 u64:55 u64:0 'efghijkl'",
    "ioregionfd: write of 8 bytes at 0x0: the server closed its socket" },
};

/* And is the last that goes there, of this access or another. */
static void
an_ioregionfd_that_ends_fails_an_access_in_the_middle (gconstpointer data)
{
  const FailureRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  script_start (server, IOREGION (0x100, 0x100), socket_fd);
  if (row->message != NULL)
    {
      script_expect_command (server, 10, row->message);
      script_reply (server, row->reply);
    }
  script_use_socket (server);
  if (row->message == NULL)
    {
      script_expect (server, "01 13 00*6 u64:55 u64:0 'abcdefgh'");
      script_send (server, "00*32");
    }
  script_expect (server, row->command);
  script_shutdown_write (server);
  script_use_connection (server);
  script_expect_command (server, 10, "u64:0x100 u32:0 u32:4 'word'");
  script_reply (server, "u64:0x100 u32:0 u32:4");

  device = connect_to (script_server_start (server));
  get_io_fds (device, 0, 1);
  ck_assert (!vuc_device_region_write (device, 0, row->offset, "abcdefghijkl", row->count, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, row->text);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_CONNECTED);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOREGIONFD), row->message == NULL);
  write_word (device, 0, 0x100, "word");
  close_and_finish (device, server);
}

/* --- One that is given up --- */

/* The server has seen that it is asked, and answers only then. */
static void
a_doorbell_that_is_cancelled_behind_what_is_posted_is_not_rung (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (Outcome) outcome = outcome_new ();
  g_autoptr (VucDevice) device = NULL;
  struct pollfd doorbell = { .events = POLLIN };
  VucOperation operation;

  script_start (server, DOORBELL_AT_0X10, eventfd);
  script_expect (server, posted_before);
  script_expect_fence (server);
  script_wait_for_sign (server);
  script_reply (server, "u32:16 u32:3 u32:8 u32:0");
  script_sign_of_life (server);

  device = connect_to (script_server_start (server));
  doorbell.fd = start_posting (device)->fd;
  write_word (device, 0, 0x20, "post");
  operation = vuc_device_region_write_async (device, 0, 0x10, "ring", 4, OUTCOME (outcome));
  process_all (device);
  outcome_expect_nothing (outcome);
  ck_assert (vuc_device_cancel (device, operation));
  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "");
  expect_sign_of_life (device);
  ck_assert_int_eq (poll (&doorbell, 1, 0), 0);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOEVENTFD), 0);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_part_that_is_posted_is_proven_before_the_next_one),
  HARNESS_ROWS (an_ioregionfd_that_ends_fails_an_access_in_the_middle, failures),
  HARNESS_CASE (a_doorbell_that_is_cancelled_behind_what_is_posted_is_not_rung),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "access, parts", cases);
}
