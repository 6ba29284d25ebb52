/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Messages that come in each other's way: a server command in front of every reply of a whole
 * conversation, and replies of which one receive returns several, with descriptors.
 */

#include <linux/sockios.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

static const ScriptFd one_eventfd[] = { { SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_END, 0 } };
static const ScriptFd one_memfd[] = { { SCRIPT_FD_SEALED_MEMFD, 65536 }, { SCRIPT_FD_END, 0 } };

/* ---- A command in front of every reply ---- */

/* A DMA_WRITE of the server; and the answer: nothing is mapped, EFAULT is 14. */
#define COMMAND      "u16:77 u16:12 u32:36 u32:0 u32:0 | u64:0 u64:4 'data'"
#define COMMAND_SIZE 36
#define ANSWER       "u16:77 u16:12 u32:16 u32:0x21 u32:14"

/* In two pieces, the first of them @first bytes long. */
static void
script_interjection (ScriptServer *server, gsize first)
{
  script_send (server, COMMAND);
  script_split_at (server, first);
  script_expect (server, ANSWER);
}

/* Two regions, of which one can be mapped, and an interrupt. */
static void
script_interrupted_connect (ScriptServer *server, gsize first)
{
  /* The one reply that no command may come before. */
  script_expect_command (server, 1, NULL);
  script_reply (server, "u16:0 u16:0");

  script_expect_command (server, 4, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  script_interjection (server, first);
  script_reply (server, "u32:16 u32:1 u32:2 u32:1");

  /* All of these are under way at once. */
  script_expect_command (server, 5, "?? ?? ?? ?? u32:0 u32:0 u32:0 u64:0 u64:0");
  script_expect_command (server, 5, "?? ?? ?? ?? u32:0 u32:1 u32:0 u64:0 u64:0");
  script_expect_command (server, 7, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  script_interjection (server, first);
  script_reply_to (server, 2, "u32:32 u32:3 u32:0 u32:0 u64:4096 u64:0");
  script_interjection (server, first);
  script_send_fds (server,
                   "id(1) u16:5 u32:48 u32:1 u32:0 |"
                   "u32:32 u32:7 u32:1 u32:0 u64:65536 u64:0",
                   one_memfd);
  script_interjection (server, first);
  script_reply_to (server, 0, "u32:16 u32:1 u32:0 u32:3");
}

static void
script_interrupted_accesses (ScriptServer *server, gsize first)
{
  script_expect_command (server, 9, "u64:0 u32:0 u32:4");
  script_interjection (server, first);
  script_reply (server, "u64:0 u32:0 u32:4 'here'");

  script_expect_command (server, 10, "u64:8 u32:0 u32:4 'data'");
  script_interjection (server, first);
  script_reply (server, "u64:8 u32:0 u32:4");

  script_expect_command (server, 9, "u64:0 u32:1 u32:65536");
  script_interjection (server, first);
  script_reply (server, "u64:0 u32:1 u32:65536 5a*65536");

  script_expect_command (server, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  script_interjection (server, first);
  script_reply_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0), one_eventfd);

  script_expect_command (server, 13, "");
  script_interjection (server, first);
  script_reply (server, "");
}

typedef struct
{
  const char *name;
  gboolean waits; /* for each operation; else somebody processes the device */
} WayRow;

static const WayRow ways[] = {
  { "for who waits", TRUE },
  { "for callbacks", FALSE },
};

static void
finish (const WayRow *way, VucDevice *device, VucOperation operation, Outcome *outcome)
{
  g_autoptr(GError) error = NULL;

  if (way->waits)
    {
      ck_assert (vuc_device_wait (device, operation, &error));
      assert_no_error (error);
      outcome_expect_silence (outcome);
    }
  else
    {
      outcome_process (outcome, device);
      outcome_expect_success (outcome, operation);
    }
  outcome_free (outcome);
}

static VucDevice *
connect_in_this_way (const WayRow *way, int fd)
{
  Outcome *outcome = outcome_new ();
  VucOperation operation;
  VucDevice *device = vuc_device_connect_fd_async (fd, NULL, &operation, OUTCOME (outcome));

  close (fd);
  finish (way, device, operation, outcome);
  return device;
}

static void
access_in_this_way (const WayRow *way, VucDevice *device)
{
  g_autofree guint8 *data = g_malloc0 (65536);
  Outcome *outcome;
  const VucIoFd *io_fds;
  gsize n_io_fds;

  outcome = outcome_new ();
  finish (way, device, vuc_device_region_read_async (device, 0, 0, data, 4, OUTCOME (outcome)),
          outcome);
  assert_bytes (data, 4, "'here'");

  outcome = outcome_new ();
  finish (way, device, vuc_device_region_write_async (device, 0, 8, "data", 4, OUTCOME (outcome)),
          outcome);

  outcome = outcome_new ();
  finish (way, device,
          vuc_device_region_read_full_async (device, 1, 0, data, 65536, VUC_ACCESS_MESSAGE_ONLY,
                                             OUTCOME (outcome)),
          outcome);
  assert_bytes (data, 65536, "5a*65536");

  outcome = outcome_new ();
  finish (way, device, vuc_device_get_region_io_fds_async (device, 0, OUTCOME (outcome)), outcome);
  ck_assert (vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, NULL));
  ck_assert_uint_eq (n_io_fds, 1);
  ck_assert_int_eq (eventfd_write (io_fds[0].fd, 1), 0);

  outcome = outcome_new ();
  finish (way, device, vuc_device_reset_async (device, OUTCOME (outcome)), outcome);
}

static void
a_server_command_may_come_before_every_reply_and_in_any_two_pieces (gconstpointer row)
{
  for (gsize first = 1; first <= COMMAND_SIZE; first++)
    {
      g_autoptr(ScriptServer) server = script_server_new ();
      g_autoptr(VucDevice) device = NULL;
      struct stat status;

      harness_context ("the first piece has %zu of %d bytes", first, COMMAND_SIZE);
      script_interrupted_connect (server, first);
      script_interrupted_accesses (server, first);
      device = connect_in_this_way (row, script_server_start (server));
      ck_assert_uint_eq (vuc_device_get_region_info (device, 0)->size, 4096);
      ck_assert_uint_eq (vuc_device_get_irq_info (device, 0)->count, 3);
      ck_assert_uint_eq (vuc_device_get_region_info (device, 1)->n_areas, 1);
      ck_assert_int_eq (fstat (vuc_device_get_region_info (device, 1)->areas[0].fd, &status), 0);
      ck_assert_int_eq (status.st_size, 65536);
      access_in_this_way (row, device);
      close_and_finish (device, server);
    }
}

/* ---- Several replies in one receive ---- */

/* Until so many bytes wait in a socket, which nobody reads. */
static void
wait_for_bytes (int fd, int n)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE_MS * 1000;
  int waiting = 0;

  while (ioctl (fd, SIOCINQ, &waiting) == 0 && waiting < n)
    {
      if (g_get_monotonic_time () > end)
        harness_fail ("%d bytes came, expected %d", waiting, n);
      g_usleep (100);
    }
  ck_assert_int_eq (waiting, n);
}

typedef struct
{
  const char *name;
  gboolean waits;
  gsize count; /* of the read whose reply comes first */
  gsize first; /* so many bytes of it are read before the rest comes, with all of the second */
} TogetherRow;

static const TogetherRow together[] = {
  { "a small one, for who waits", TRUE, 4, 0 },
  { "a small one, for callbacks", FALSE, 4, 0 },
  { "the end of a header, for callbacks", FALSE, 4, 15 },
  { "the end of a reply, for callbacks", FALSE, 4, 20 },
  { "its last byte, for callbacks", FALSE, 4, 35 },
  { "a large one, for who waits", TRUE, 65536, 0 },
  { "the end of a large one, for who waits", TRUE, 65536, 40000 },
  { "the end of a large one, for callbacks", FALSE, 65536, 40000 },
  { "the last byte of a large one, for callbacks", FALSE, 65536, 65567 },
};

/* Descriptors belong to the message that begins where they are. */
static void
one_receive_may_return_a_reply_and_the_next_with_descriptors (gconstpointer data)
{
  const TogetherRow *row = data;
  const WayRow way = { NULL, row->waits };
  const int size = 32 + (int) row->count;
  g_autofree char *reply = g_strdup_printf (
    "id(1) u16:9 u32:%d u32:1 u32:0 u64:0 u32:2 u32:%zu 5a*%zu", size, row->count, row->count);
  g_autofree guint8 *bytes = g_malloc0 (row->count);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  Outcome *read = outcome_new ();
  Outcome *asked = outcome_new ();
  VucOperation operations[2];
  const VucIoFd *io_fds;
  gsize n_io_fds;
  int fd;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_expect_command (server, 6, NULL);
  script_send (server, reply);
  if (row->first > 0)
    script_hold_back_after (server, row->first);
  script_reply_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0), one_eventfd);
  script_sign_of_life (server);
  fd = script_server_start (server);
  device = vuc_device_connect_fd (fd, NULL, NULL);
  ck_assert_ptr_nonnull (device);
  operations[0] = vuc_device_region_read_full_async (device, 2, 0, bytes, row->count,
                                                     VUC_ACCESS_MESSAGE_ONLY, OUTCOME (read));
  operations[1] = vuc_device_get_region_io_fds_async (device, 0, OUTCOME (asked));
  if (row->first > 0)
    {
      wait_for_bytes (fd, (int) row->first);
      process_all (device);
      script_server_give_sign (server);
    }
  wait_for_bytes (fd, size - (int) row->first + 16 + 64);
  close (fd);

  finish (&way, device, operations[0], read);
  finish (&way, device, operations[1], asked);
  for (gsize i = 0; i < row->count; i++)
    ck_assert_uint_eq (bytes[i], 0x5a);
  ck_assert (vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, NULL));
  ck_assert_uint_eq (n_io_fds, 1);
  ck_assert_int_eq (eventfd_write (io_fds[0].fd, 1), 0);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* An entry that stores only: its descriptor is a file, whose size tells which one it is. */
#define SHADOW(region) IO_FDS (64, region, 1) IO_FD_48 (0, 4, 0xffffffff, 2, 0, 0, 0, 0)

static void
each_of_two_replies_keeps_its_own_descriptors (gconstpointer row)
{
  const WayRow *way = row;
  const int shadow_sizes[2] = { 4096, 8192 };
  const guint32 regions[2] = { 0, 2 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  Outcome *outcomes[2] = { outcome_new (), outcome_new () };
  VucOperation operations[2];
  int fd;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 6, NULL);
  script_expect_command (server, 6, NULL);
  script_send_fds (server, "id(1) u16:6 u32:80 u32:1 u32:0 |" SHADOW (0),
                   SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 4096 }));
  script_send_fds (server, "id(0) u16:6 u32:80 u32:1 u32:0 |" SHADOW (2),
                   SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 8192 }));
  script_sign_of_life (server);
  fd = script_server_start (server);
  device = vuc_device_connect_fd (fd, NULL, NULL);
  ck_assert_ptr_nonnull (device);
  for (guint i = 0; i < 2; i++)
    operations[i] = vuc_device_get_region_io_fds_async (device, regions[i], OUTCOME (outcomes[i]));
  wait_for_bytes (fd, 2 * 80);
  close (fd);
  for (guint i = 0; i < 2; i++)
    finish (way, device, operations[i], outcomes[i]);
  for (guint i = 0; i < 2; i++)
    {
      struct stat status;
      const VucIoFd *io_fds;
      gsize n_io_fds;

      ck_assert (vuc_device_get_region_io_fds (device, regions[i], &io_fds, &n_io_fds, NULL));
      ck_assert_uint_eq (n_io_fds, 1);
      ck_assert_int_eq (fstat (io_fds[0].shadow_fd, &status), 0);
      ck_assert_int_eq (status.st_size, shadow_sizes[i]);
    }
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_server_command_may_come_before_every_reply_and_in_any_two_pieces, ways),
  HARNESS_ROWS (one_receive_may_return_a_reply_and_the_next_with_descriptors, together),
  HARNESS_ROWS (each_of_two_replies_keeps_its_own_descriptors, ways),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "interleaved", cases);
}
