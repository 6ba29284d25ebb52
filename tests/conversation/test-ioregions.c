/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Accesses by ioregionfd, as the server sees them on its socket: entries of size 0, which take each
 * width at one offset, and what is done where the library cannot have a descriptor of its own.
 */

#include <string.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/ways.h"
#include "harness/descriptors.h"
#include "harness/harness.h"
#include "harness/script-device.h"

static const ScriptFd socket_fd[] = { { SCRIPT_FD_SOCKET, 0 }, { SCRIPT_FD_END, 0 } };

/* Any width at 0x100, posted; its user data is 55. */
#define POINT IO_FDS (64, 0, 1) IO_FD_48 (0x100, 0, 0, 1, 2, 0, 55, 0)

static void
script_io_fds (ScriptServer *server, const char *reply)
{
  script_handshake (server, &script_pci_device);
  script_io_fds_question (server);
  script_reply_fds (server, reply, socket_fd);
}

/* --- Size 0 --- */

typedef struct
{
  const char *name;
  gsize count;
  const char *write; /* what comes on the socket */
  const char *read;
} WidthRow;

/* A read has to be answered, a write must not be. */
static const WidthRow widths[] = {
  { "1", 1, "01 00 00*6 u64:55 u64:0 'a' 00*7", "00 10 00*6 u64:55 u64:0 00*8" },
  { "2", 2, "01 01 00*6 u64:55 u64:0 'ab' 00*6", "00 11 00*6 u64:55 u64:0 00*8" },
  { "4", 4, "01 02 00*6 u64:55 u64:0 'abcd' 00*4", "00 12 00*6 u64:55 u64:0 00*8" },
  { "8", 8, "01 03 00*6 u64:55 u64:0 'abcdefgh'", "00 13 00*6 u64:55 u64:0 00*8" },
};

static void
an_entry_of_size_0_takes_each_width_at_its_offset (gconstpointer data)
{
  const WidthRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  char back[8] = "........";

  script_io_fds (server, POINT);
  script_use_socket (server);
  script_expect (server, row->write);
  script_expect (server, row->write);
  script_expect (server, row->read);
  script_send (server, "'ABCDEFGH' 00*24");
  script_use_connection (server);

  device = connect_to (script_server_start (server));
  get_io_fds (device, 0, 1);
  for (guint i = 0; i < 2; i++)
    vuc_device_region_write (device, 0, 0x100, "abcdefgh", row->count, &error);
  assert_no_error (error);
  vuc_device_region_read (device, 0, 0x100, back, row->count, &error);
  assert_no_error (error);
  ck_assert_mem_eq (back, "ABCDEFGH", row->count);
  ck_assert_mem_eq (back + row->count, "........", sizeof back - row->count);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOREGIONFD), 3);
  close_and_finish (device, server);
}

typedef struct
{
  const char *name;
  guint64 offset;
  gsize count;
  VucAccessFlags flags;
  const char *message; /* what comes on the connection */
  const char *reply;
} BesideRow;

static const BesideRow beside[] = {
  { "a byte further", 0x101, 1, 0, "u64:0x101 u32:0 u32:1 'a'", "u64:0x101 u32:0 u32:1" },
  { "before it, and over it", 0xff, 2, 0, "u64:0xff u32:0 u32:2 'ab'", "u64:0xff u32:0 u32:2" },
  { "no width", 0x100, 3, 0, "u64:0x100 u32:0 u32:3 'abc'", "u64:0x100 u32:0 u32:3" },
  { "more than the largest width", 0x100, 16, 0, "u64:0x100 u32:0 u32:16 'abcdefghijklmnop'",
    "u64:0x100 u32:0 u32:16" },
  { "not wanted", 0x100, 4, VUC_ACCESS_NO_IOREGIONFD, "u64:0x100 u32:0 u32:4 'abcd'",
    "u64:0x100 u32:0 u32:4" },
};

static void
what_is_beside_an_entry_of_size_0_goes_by_message (gconstpointer data)
{
  const BesideRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  script_io_fds (server, POINT);
  script_expect_command (server, 10, row->message);
  script_reply (server, row->reply);
  script_use_socket (server);
  script_expect (server, widths[0].write);
  script_use_connection (server);

  device = connect_to (script_server_start (server));
  get_io_fds (device, 0, 1);
  vuc_device_region_write_full (device, 0, row->offset, "abcdefghijklmnop", row->count, row->flags,
                                &error);
  assert_no_error (error);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MESSAGE), 1);
  vuc_device_region_write (device, 0, 0x100, "a", 1, &error);
  assert_no_error (error);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOREGIONFD), 1);
  close_and_finish (device, server);
}

/* --- No descriptor left --- */

typedef struct
{
  const char *name;
  const char *reply;
} EntryRow;

static const EntryRow entries[] = {
  { "of size 0", POINT },
  { "of 256 bytes", IO_FDS (64, 0, 1) IO_FD_48 (0x100, 0x100, 0, 1, 0, 0, 55, 0) },
};

/* It would have a duplicate of it. */
static void
without_a_descriptor_left_an_ioregionfd_is_not_used (gconstpointer data)
{
  const EntryRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  struct rlimit before;

  script_io_fds (server, row->reply);
  for (guint i = 0; i < 2; i++)
    {
      script_expect_command (server, 10, "u64:0x100 u32:0 u32:4 'word'");
      script_reply (server, "u64:0x100 u32:0 u32:4");
    }

  device = connect_to (script_server_start (server));
  get_io_fds (device, 0, 1);
  before = descriptors_use_up ();
  write_word (device, 0, 0x100, "word"); /* the first access looks which ways there are */
  descriptors_allow (&before);
  write_word (device, 0, 0x100, "word");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOREGIONFD), 0);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MESSAGE), 2);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (an_entry_of_size_0_takes_each_width_at_its_offset, widths),
  HARNESS_ROWS (what_is_beside_an_entry_of_size_0_goes_by_message, beside),
  HARNESS_ROWS (without_a_descriptor_left_an_ioregionfd_is_not_used, entries),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "ioregions", cases);
}
