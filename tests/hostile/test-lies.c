/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Lies that a server tells once it is connected to: what it does, with which words the access
 * fails, and whether the connection lives; alive is what answers another access.  After each the
 * harness sees to it that nothing crashed, hangs or was left open.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* The header of a success reply to the last command; size is that of the whole message. */
#define REPLY(command, size) "id u16:" #command " u32:" #size " u32:1 u32:0 | "

#define EVENTFD { SCRIPT_FD_EVENTFD, 0 }
#define SOCKET { SCRIPT_FD_SOCKET, 0 }
#define MEMFD { SCRIPT_FD_MEMFD, 4096 }
#define PIPE { SCRIPT_FD_PIPE, 0 }

static void
send_with_fds (ScriptServer *server, const char *text, const ScriptFd *fds)
{
  if (fds != NULL)
    script_send_fds (server, text, fds);
  else
    script_send (server, text);
}

static gboolean
read_data (VucDevice *device, GError **error)
{
  char data[4];

  return vuc_device_region_read (device, 7, 0, data, sizeof data, error);
}

/* A protocol error is what every later call fails with as well. */
static void
expect_dead_of (VucDevice *device, const GError *cause)
{
  g_autoptr(GError) error = NULL;

  harness_context ("the connection must be dead of \"%s\"", cause->message);
  ck_assert (!read_data (device, &error));
  assert_error (error, cause->domain, cause->code, cause->message);
}

/* ---- REGION_READ and REGION_WRITE ---- */

typedef struct
{
  const char *name;
  gboolean is_write; /* of 4 bytes at 0 of region 7; else a read of them */
  const char *said;
  const ScriptFd *fds;
  const char *text;
} AccessRow;

static const AccessRow access_lies[] = {
  /* Home-made servers leave out the structure. */
  { "the data alone", FALSE, REPLY (9, 20) "'data'", NULL,
    "REGION_READ reply: payload 4, expected 20" },
  { "no payload", FALSE, REPLY (9, 16), NULL, "REGION_READ reply: payload 0, expected 20" },
  { "no data", FALSE, REPLY (9, 32) "u64:0 u32:7 u32:4", NULL,
    "REGION_READ reply: payload 16, expected 20" },
  { "less data than it says", FALSE, REPLY (9, 35) "u64:0 u32:7 u32:4 'dat'", NULL,
    "REGION_READ reply: payload 19, expected 20" },
  { "more data than was asked for", FALSE, REPLY (9, 37) "u64:0 u32:7 u32:5 'data!'", NULL,
    "REGION_READ reply: payload 21, expected 20" },
  { "1 MiB too much", FALSE, REPLY (9, 1048608) "u64:0 u32:7 u32:4", NULL,
    "REGION_READ reply: payload 1048592, expected 20" },
  { "4 GiB too much", FALSE, REPLY (9, 0xffffffff) "u64:0 u32:7 u32:4", NULL,
    "message header of REGION_READ: size 4294967295, allowed are 16 to " },
  { "4 GiB of an error", FALSE, "id u16:9 u32:0xffffffff u32:0x21 u32:22", NULL,
    "message header of REGION_READ: size 4294967295, allowed are 16 to " },
  { "another offset", FALSE, REPLY (9, 36) "u64:4 u32:7 u32:4 'data'", NULL,
    "REGION_READ reply: region 7, offset 0x4, count 4; expected region 7, offset 0x0, count 4" },
  { "another region", FALSE, REPLY (9, 36) "u64:0 u32:0 u32:4 'data'", NULL,
    "REGION_READ reply: region 0, offset 0x0, count 4; expected region 7" },
  { "another count", FALSE, REPLY (9, 36) "u64:0 u32:7 u32:3 'data'", NULL,
    "REGION_READ reply: region 7, offset 0x0, count 3; expected region 7, offset 0x0, count 4" },
  { "a reply to a write", FALSE, REPLY (10, 36) "u64:0 u32:7 u32:4 'data'", NULL,
    "REGION_WRITE reply: message id" },
  { "a reply to an id that nobody waits for", FALSE,
    "u16:0x1234 u16:9 u32:36 u32:1 u32:0 u64:0 u32:7 u32:4 'data'", NULL,
    "REGION_READ reply: message id 4660 is not pending" },
  { "neither command nor reply", FALSE, "id u16:9 u32:36 u32:3 u32:0 u64:0 u32:7 u32:4 'data'",
    NULL, "waiting for the reply to REGION_READ: message header: type 3" },
  { "a size below the header's", FALSE, "id u16:9 u32:8 u32:1 u32:0", NULL,
    "message header of REGION_READ: size 8, allowed are 16 to " },
  { "a descriptor", FALSE, REPLY (9, 36) "u64:0 u32:7 u32:4 'data'", SCRIPT_FDS (EVENTFD),
    "REGION_READ reply: 1 descriptors came, allowed is none" },
  { "a descriptor with an error", FALSE, "id u16:9 u32:16 u32:0x21 u32:22", SCRIPT_FDS (EVENTFD),
    "REGION_READ reply: 1 descriptors came, allowed is none" },
  { "no payload", TRUE, REPLY (10, 16), NULL, "REGION_WRITE reply: payload 0, expected 16" },
  { "the data back", TRUE, REPLY (10, 36) "u64:0 u32:7 u32:4 'data'", NULL,
    "REGION_WRITE reply: payload 20, expected 16" },
  { "less written", TRUE, REPLY (10, 32) "u64:0 u32:7 u32:3", NULL,
    "REGION_WRITE reply: region 7, offset 0x0, count 3; expected region 7, offset 0x0, count 4" },
};

static void
a_reply_to_an_access_is_refused (gconstpointer data)
{
  const AccessRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, row->is_write ? 10 : 9, NULL);
  send_with_fds (server, row->said, row->fds);
  device = connect_to (script_server_start (server));

  if (row->is_write)
    ck_assert (!vuc_device_region_write (device, 7, 0, "data", 4, &error));
  else
    ck_assert (!read_data (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, row->text);
  expect_dead_of (device, error);
  script_server_finish (server);
}

typedef struct
{
  const char *name;
  const char *said; /* then it hangs up */
  VucError code;
  const char *text;
} EndRow;

static const EndRow ends[] = {
  { "before the reply", "", VUC_ERROR_DISCONNECTED,
    "waiting for the reply to REGION_READ: the server closed the connection" },
  { "in its header", "id u16:9 u32:36", VUC_ERROR_PROTOCOL,
    "the server closed the connection in the middle of a message header" },
  { "after its header", REPLY (9, 36), VUC_ERROR_PROTOCOL,
    "the server closed the connection in the middle of a REGION_READ message" },
  { "before its last byte", REPLY (9, 36) "u64:0 u32:7 u32:4 'dat'", VUC_ERROR_PROTOCOL,
    "in the middle of a REGION_READ message" },
  { "in the payload of an error", "id u16:9 u32:32 u32:0x21 u32:22 00*8", VUC_ERROR_PROTOCOL,
    "in the middle of a REGION_READ message" },
  { "in a command of its own", "u16:1 u16:11 u32:32 u32:0 u32:0 u64:0", VUC_ERROR_PROTOCOL,
    "in the middle of a DMA_READ message" },
};

static void
a_server_hangs_up (gconstpointer data)
{
  const EndRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_send (server, row->said);
  script_close (server);
  device = connect_to (script_server_start (server));
  ck_assert (!read_data (device, &error));
  assert_error (error, VUC_ERROR, row->code, row->text);
  expect_dead_of (device, error);
  script_server_finish (server);
}

static void
a_second_reply_is_a_reply_to_nothing (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  script_reply (server, "u64:0 u32:7 u32:4 'more'");
  script_may_end_early (server);
  script_expect_command (server, 9, NULL);
  device = connect_to (script_server_start (server));
  expect_sign_of_life (device);
  ck_assert (!read_data (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "is not pending");
  expect_dead_of (device, error);
  script_server_finish (server);
}

/* ---- Commands of the server ---- */

typedef struct
{
  const char *name;
  const char *said;
  const char *answer; /* NULL: none may come */
} CommandRow;

#define ANSWER(id, command, number) \
  "u16:" #id " u16:" #command " u32:16 u32:0x21 u32:" number
#define EFAULT_IS  "14" /* nothing is mapped */
#define EINVAL_IS  "22"
#define ENOTSUP_IS "95"

static const CommandRow commands[] = {
  { "DMA_READ", "u16:77 u16:11 u32:32 u32:0 u32:0 u64:0x1000 u64:4",
    ANSWER (77, 11, EFAULT_IS) },
  { "DMA_READ of everything", "u16:77 u16:11 u32:32 u32:0 u32:0 u64:0 u64:0xffffffffffffffff",
    ANSWER (77, 11, EINVAL_IS) },
  { "DMA_WRITE", "u16:0xffff u16:12 u32:36 u32:0 u32:0 u64:0x1000 u64:4 'data'",
    ANSWER (0xffff, 12, EFAULT_IS) },
  { "DMA_WRITE of 1 MiB", "u16:3 u16:12 u32:1048608 u32:0 u32:0 u64:0x1000 u64:1048576 cc*1048576",
    ANSWER (3, 12, EFAULT_IS) },
  { "DMA_WRITE that wants no reply", "u16:3 u16:12 u32:36 u32:0x10 u32:0 u64:0x1000 u64:4 'data'",
    NULL },
  { "DMA_READ without its structure", "u16:4 u16:11 u32:16 u32:0 u32:0",
    ANSWER (4, 11, EINVAL_IS) },
  { "with the error bit", "u16:4 u16:11 u32:16 u32:0x20 u32:5", ANSWER (4, 11, EINVAL_IS) },
  { "a reset of the client", "u16:5 u16:13 u32:16 u32:0 u32:0", ANSWER (5, 13, ENOTSUP_IS) },
  { "another negotiation", "u16:6 u16:1 u32:20 u32:0 u32:0 00*4", ANSWER (6, 1, ENOTSUP_IS) },
  { "a command that there is not", "u16:7 u16:4711 u32:17 u32:0 u32:0 00", ANSWER (7, 4711, ENOTSUP_IS) },
  { "command 0", "u16:0 u16:0 u32:16 u32:0 u32:0", ANSWER (0, 0, ENOTSUP_IS) },
};

static void
a_command_of_the_server_is_answered_with_an_errno (gconstpointer data)
{
  const CommandRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  /* While the client waits, as is usual; then the reply. */
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_send (server, row->said);
  if (row->answer != NULL)
    script_expect (server, row->answer);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  expect_sign_of_life (device);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static const AccessRow command_lies[] = {
  { "with a descriptor", FALSE, "u16:1 u16:11 u32:32 u32:0 u32:0 u64:0 u64:4", SCRIPT_FDS (EVENTFD),
    "DMA_READ command: 1 descriptors came, allowed is none" },
  { "larger than was agreed on", FALSE, "u16:1 u16:12 u32:1048609 u32:0 u32:0 u64:0 u64:1048577",
    NULL, "message header of DMA_WRITE: size 1048609, allowed are 16 to 1048608" },
};

static void
a_command_of_the_server_is_refused (gconstpointer data)
{
  a_reply_to_an_access_is_refused (data);
}

/* ---- DEVICE_GET_REGION_IO_FDS of region 0, of 4 KiB ---- */

typedef struct
{
  const char *name;
  const char *payload;
  const ScriptFd *fds;
  const char *text;
} IoFdRow;

static const IoFdRow fatal_io_fds[] = {
  { "half of it", "u32:16 u32:0", NULL,
    "DEVICE_GET_REGION_IO_FDS reply: payload 8, expected 16 to" },
  { "more than was asked for", "u32:4000 u32:0 u32:0 u32:0 00*3984", NULL,
    "DEVICE_GET_REGION_IO_FDS reply: payload 4000, expected 16 to " },
  { "another region", IO_FDS (16, 1, 0), NULL,
    "DEVICE_GET_REGION_IO_FDS reply of region 0: index 1, expected 0" },
  { "an argsz too small", IO_FDS (15, 0, 0), NULL, "argsz 15, allowed are 16 to 1048576" },
  { "an argsz too large", IO_FDS (1048577, 0, 0), NULL,
    "argsz 1048577, allowed are 16 to 1048576" },
  { "less than argsz says", IO_FDS (112, 0, 2) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0),
    SCRIPT_FDS (EVENTFD), "region 0: payload 64, allowed are 16 and argsz 112" },
  { "more than argsz says", IO_FDS (56, 0, 1) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0),
    SCRIPT_FDS (EVENTFD), "region 0: payload 64, allowed are 16 and argsz 56" },
};

static void
ask_for_lies (ScriptServer *server, const IoFdRow *row, VucDevice **device, GError **error)
{
  const VucIoFd *io_fds = NULL;
  gsize n_io_fds = 0;

  *device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_get_region_io_fds (*device, 0, &io_fds, &n_io_fds, error));
  ck_assert_ptr_null (io_fds);
  assert_contains ((*error)->message, row->text);
}

static void
script_lie (ScriptServer *server, const IoFdRow *row)
{
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 6, NULL);
  if (row->fds != NULL)
    script_reply_fds (server, row->payload, row->fds);
  else
    script_reply (server, row->payload);
}

static void
a_list_of_IO_descriptors_is_fatal (gconstpointer data)
{
  const IoFdRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_lie (server, row);
  ask_for_lies (server, row, &device, &error);
  ck_assert_int_eq (error->code, VUC_ERROR_PROTOCOL);
  expect_dead_of (device, error);
  script_server_finish (server);
}

#define ONE_48(...) IO_FDS (64, 0, 1) IO_FD_48 (__VA_ARGS__)
#define TWO_48(a, b) IO_FDS (112, 0, 2) a b

static const IoFdRow refused_io_fds[] = {
  { "flags", "u32:16 u32:1 u32:0 u32:0", NULL, "region 0: flags 0x1, expected 0x0" },
  { "entries too small", "u32:55 u32:0 u32:0 u32:1 00*39", NULL,
    "region 0: 1 entries in 39 bytes, allowed are equal ones of 40 bytes and more" },
  { "entries of different sizes", "u32:105 u32:0 u32:0 u32:2 00*89", NULL,
    "2 entries in 89 bytes" },
  { "more entries than bytes", "u32:64 u32:0 u32:0 u32:0xffffffff 00*48", NULL,
    "4294967295 entries in 48 bytes" },
  { "entries that are not counted", "u32:64 u32:0 u32:0 u32:0 00*48", NULL,
    "0 entries in 48 bytes" },
  { "entries that did not come", IO_FDS (16, 0, 3), NULL, "3 entries in 0 bytes" },
  { "an unknown type", ONE_48 (0, 4, 0, 3, 0, 0, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: type 3, allowed are 0 to 2" },
  { "an unknown flag", ONE_48 (0, 4, 0, 0, 4, 0, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: ioeventfd with flags 0x4, allowed are 0x0 to 0x3" },
  { "port IO in a memory region", ONE_48 (0, 4, 0, 0, 2, 0, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: ioeventfd for port IO, but the region is not port IO" },
  { "a sub-region that ends outside", ONE_48 (0xffd, 4, 0, 0, 0, 0, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: ioeventfd at offset 0xffd of size 0x4, the region's size is 0x1000" },
  { "a sub-region that begins at the end", ONE_48 (0x1000, 0, 0, 0, 0, 0, 0, 0),
    SCRIPT_FDS (EVENTFD), "entry 0: ioeventfd at offset 0x1000 of size 0x0" },
  { "a sub-region that wraps", ONE_48 (8, 0xfffffffffffffffc, 0, 1, 0, 0, 0, 0),
    SCRIPT_FDS (SOCKET), "entry 0: ioregionfd at offset 0x8 of size 0xfffffffffffffffc" },
  { "an ioeventfd of 3 bytes", ONE_48 (0, 3, 0, 0, 0, 0, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: ioeventfd of size 3, allowed are 0, 1, 2, 4 and 8" },
  { "an ioeventfd of 16 bytes", ONE_48 (0, 16, 0, 0, 0, 0, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: ioeventfd of size 16" },
  { "datamatch for any size", ONE_48 (0, 0, 0, 0, 1, 0, 0, 5), SCRIPT_FDS (EVENTFD),
    "entry 0: ioeventfd of size 0 with DATAMATCH" },
  { "an ioregionfd of size 0 that answers", ONE_48 (0, 0, 0, 1, 0, 0, 0, 0), SCRIPT_FDS (SOCKET),
    "entry 0: ioregionfd of size 0 without POSTED_WRITES" },
  { "a descriptor that did not come", ONE_48 (0, 4, 1, 0, 0, 0, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: fd_index 1, but 1 descriptors came" },
  { "no descriptor came", ONE_48 (0, 4, 0, 0, 0, 0, 0, 0), NULL,
    "entry 0: fd_index 0, but 0 descriptors came" },
  { "a file as ioeventfd", ONE_48 (0, 4, 0, 0, 0, 0, 0, 0), SCRIPT_FDS (MEMFD),
    "entry 0: descriptor 0 is no eventfd" },
  { "a socket as ioeventfd", ONE_48 (0, 4, 0, 0, 0, 0, 0, 0), SCRIPT_FDS (SOCKET),
    "entry 0: descriptor 0 is no eventfd" },
  { "a pipe as ioregionfd", ONE_48 (0, 4, 0, 1, 0, 0, 0, 0), SCRIPT_FDS (PIPE),
    "entry 0: descriptor 0 is not a connected stream socket" },
  { "an eventfd as ioregionfd", ONE_48 (0, 4, 0, 1, 0, 0, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: descriptor 0 is not a connected stream socket" },
  { "only the second entry", TWO_48 (IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0),
                                     IO_FD_48 (8, 4, 1, 0, 0, 0, 0, 0)),
    SCRIPT_FDS (EVENTFD, MEMFD), "entry 1: descriptor 1 is no eventfd" },
  { "a shadow in 40 bytes", IO_FDS (56, 0, 1) IO_FD_40 (0, 4, 0, 2, 0, 0),
    SCRIPT_FDS (EVENTFD, MEMFD), "entry 0: shadow ioeventfd in 40 bytes, it needs 48" },
  { "a shadow without memory", ONE_48 (0, 4, 0, 2, 0, 0xffffffff, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: shadow ioeventfd without shadow memory" },
  { "a shadow in a file that did not come", ONE_48 (0, 4, 0, 2, 0, 1, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: shadow fd_index 1, but 1 descriptors came" },
  { "a shadow that its file does not hold", ONE_48 (0, 4, 0, 2, 0, 1, 0xffd, 0),
    SCRIPT_FDS (EVENTFD, MEMFD),
    "entry 0: descriptor 1 is no file that holds the shadow at 0xffd" },
  { "a shadow whose end wraps", ONE_48 (0, 4, 0, 2, 0, 1, 0xfffffffffffffffd, 0),
    SCRIPT_FDS (EVENTFD, MEMFD), "shadow offset 0xfffffffffffffffd + size 0x4 overflows" },
  { "a shadow in an eventfd", ONE_48 (0, 4, 0, 2, 0, 0, 0, 0), SCRIPT_FDS (EVENTFD),
    "entry 0: descriptor 0 is no file that holds the shadow at 0x0" },
  { "a shadow whose eventfd is none", ONE_48 (0, 4, 0, 2, 0, 0, 0, 0), SCRIPT_FDS (MEMFD),
    "entry 0: descriptor 0 is no eventfd" },
  { "one write for two",
    TWO_48 (IO_FD_48 (8, 4, 0, 0, 0, 0, 0, 0), IO_FD_48 (8, 4, 1, 0, 0, 0, 0, 0)),
    SCRIPT_FDS (EVENTFD, EVENTFD), "region 0: two ioeventfds claim the same write at offset 0x8" },
  { "one write for two, one of any size",
    TWO_48 (IO_FD_48 (8, 4, 0, 0, 1, 0, 0, 5), IO_FD_48 (8, 0, 1, 0, 0, 0, 0, 0)),
    SCRIPT_FDS (EVENTFD, EVENTFD), "two ioeventfds claim the same write at offset 0x8" },
  { "one write for two, one of any value",
    TWO_48 (IO_FD_48 (8, 4, 0, 0, 1, 0, 0, 5), IO_FD_48 (8, 4, 1, 2, 0, 2, 0, 0)),
    SCRIPT_FDS (EVENTFD, EVENTFD, MEMFD), "two ioeventfds claim the same write at offset 0x8" },
};

static void
a_list_of_IO_descriptors_is_refused (gconstpointer data)
{
  const IoFdRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_lie (server, row);
  script_sign_of_life (server);
  ask_for_lies (server, row, &device, &error);
  ck_assert_int_eq (error->code, VUC_ERROR_REJECTED);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
a_list_that_wants_more_room_each_time_is_fatal (void)
{
  const IoFdRow row = { NULL, IO_FDS (4000, 0, 1), NULL, "region 0: argsz grew from 4000 to 4001" };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_lie (server, &row);
  script_expect_command (server, 6, "u32:4000 u32:0 u32:0 u32:0");
  script_reply (server, IO_FDS (4001, 0, 1));
  ask_for_lies (server, &row, &device, &error);
  ck_assert_int_eq (error->code, VUC_ERROR_PROTOCOL);
  expect_dead_of (device, error);
  script_server_finish (server);
}

/* ---- Descriptors ---- */

/* The kernel drops those for which there is no room, and says so. */
static void
lost_descriptors_are_fatal (void)
{
  const IoFdRow row = { NULL, ONE_48 (0, 4, 3, 0, 0, 0, 0, 0),
                        SCRIPT_FDS (EVENTFD, EVENTFD, EVENTFD, EVENTFD), NULL };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  struct rlimit before, limit;
  const VucIoFd *io_fds;
  gsize n_io_fds;
  int lowest_free;

  if (runs_under_valgrind ())
    harness_skip ("valgrind does not tell the kernel how many descriptors may be open");

  script_lie (server, &row);
  device = connect_to (script_server_start (server));

  lowest_free = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  close (lowest_free);
  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, &before), 0);
  limit = before;
  limit.rlim_cur = (rlim_t) lowest_free + 2;
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &limit), 0);
  (void) vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error);
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &before), 0);

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "descriptors of a message were lost");
  expect_dead_of (device, error);
  script_server_finish (server);
}

/* 0 is a descriptor like any other: the socket becomes it, or one that came. */
static void
descriptor_0_is_a_descriptor (gconstpointer data)
{
  const struct
  {
    const char *name;
    gboolean before_connecting;
  } *row = data;
  const IoFdRow answer = { NULL, ONE_48 (0, 4, 0, 0, 0, 0, 0, 0), SCRIPT_FDS (EVENTFD), NULL };
  const int kept = fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, 100);
  g_autoptr(ScriptServer) server = script_server_new ();
  VucDevice *device;
  const VucIoFd *io_fds = NULL;
  gsize n_io_fds = 0;
  gboolean ok;
  int socket;

  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  script_expect_command (server, 6, NULL);
  script_reply_fds (server, answer.payload, answer.fds);
  script_sign_of_life (server);
  socket = script_server_start (server);
  if (row->before_connecting)
    close (STDIN_FILENO);
  device = connect_to (socket);
  expect_sign_of_life (device); /* so that the library has what it needs */
  if (!row->before_connecting)
    close (STDIN_FILENO);

  ok = vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, NULL);
  expect_sign_of_life (device);
  ck_assert (ok);
  ck_assert_uint_eq (n_io_fds, 1);
  if (!row->before_connecting)
    ck_assert_int_eq (io_fds[0].fd, 0);
  ck_assert_int_eq (eventfd_write (io_fds[0].fd, 1), 0);
  vuc_device_unref (device);
  script_server_finish (server);
  ck_assert_int_eq (dup2 (kept, STDIN_FILENO), STDIN_FILENO);
  close (kept);
}

static const struct
{
  const char *name;
  gboolean before_connecting;
} zeros[] = {
  { "the socket", TRUE },
  { "an eventfd", FALSE },
};

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_reply_to_an_access_is_refused, access_lies),
  HARNESS_ROWS (a_server_hangs_up, ends),
  HARNESS_CASE (a_second_reply_is_a_reply_to_nothing),
  HARNESS_ROWS (a_command_of_the_server_is_answered_with_an_errno, commands),
  HARNESS_ROWS (a_command_of_the_server_is_refused, command_lies),
  HARNESS_ROWS (a_list_of_IO_descriptors_is_fatal, fatal_io_fds),
  HARNESS_ROWS (a_list_of_IO_descriptors_is_refused, refused_io_fds),
  HARNESS_CASE (a_list_that_wants_more_room_each_time_is_fatal),
  HARNESS_CASE (lost_descriptors_are_fatal),
  HARNESS_ROWS (descriptor_0_is_a_descriptor, zeros),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "lies", cases);
}
