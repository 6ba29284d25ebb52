/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Region IO descriptors: what becomes of each kind of entry in both layouts, when the server is
 * asked and when it is not, and what "none" looks like.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define EVENTFD { SCRIPT_FD_EVENTFD, 0 }
#define SOCKET { SCRIPT_FD_SOCKET, 0 }
#define MEMFD { SCRIPT_FD_MEMFD, 4096 }

/* The script: connecting, then the question for region 0 (4 KiB). */
static void
script_question (ScriptServer *server)
{
  script_handshake (server, &script_pci_device);
  script_io_fds_question (server);
}

static void
expect_entry (const VucIoFd *got, const VucIoFd *expected)
{
  ck_assert_int_eq (got->type, expected->type);
  ck_assert_uint_eq (got->flags, expected->flags);
  ck_assert_uint_eq (got->offset, expected->offset);
  ck_assert_uint_eq (got->size, expected->size);
  ck_assert_uint_eq (got->datamatch, expected->datamatch);
  ck_assert_uint_eq (got->user_data, expected->user_data);
  ck_assert_uint_eq (got->shadow_offset, expected->shadow_offset);
  ck_assert_int_eq (got->fd >= 0, expected->fd >= 0);
  ck_assert_int_eq (got->shadow_fd >= 0, expected->shadow_fd >= 0);
  if (got->fd >= 0)
    ck_assert_int_eq (fcntl (got->fd, F_GETFD), FD_CLOEXEC);
  if (got->shadow_fd >= 0)
    ck_assert_int_eq (fcntl (got->shadow_fd, F_GETFD), FD_CLOEXEC);
}

/* ---- Entries ---- */

typedef struct
{
  const char *name;
  const char *reply;
  const ScriptFd *fds;
  VucIoFd expected; /* descriptors: 0 for any, -1 for none */
} EntryRow;

static const EntryRow entries[] = {
  { "an ioeventfd in 40 bytes", IO_FDS (56, 0, 1) IO_FD_40 (0x10, 4, 0, 0, 0, 77),
    SCRIPT_FDS (EVENTFD), { .offset = 0x10, .size = 4, .shadow_fd = -1 } },
  { "an ioeventfd with datamatch in 40 bytes", IO_FDS (56, 0, 1) IO_FD_40 (0x10, 4, 0, 0, 1, 77),
    SCRIPT_FDS (EVENTFD),
    { .flags = VUC_IO_FD_DATAMATCH, .offset = 0x10, .size = 4, .datamatch = 77, .shadow_fd = -1 } },
  { "an ioeventfd with datamatch in 48 bytes",
    IO_FDS (64, 0, 1) IO_FD_48 (0x10, 8, 0, 0, 1, 0, 66, 77), SCRIPT_FDS (EVENTFD),
    { .flags = VUC_IO_FD_DATAMATCH, .offset = 0x10, .size = 8, .datamatch = 77, .shadow_fd = -1 } },
  { "an ioeventfd for any size", IO_FDS (64, 0, 1) IO_FD_48 (0xfff, 0, 0, 0, 0, 0, 0, 0),
    SCRIPT_FDS (EVENTFD), { .offset = 0xfff, .shadow_fd = -1 } },
  { "strides of 40 to 47 have the layout of 40",
    IO_FDS (63, 0, 1) IO_FD_40 (0x10, 2, 0, 0, 1, 77) "ff*7", SCRIPT_FDS (EVENTFD),
    { .flags = VUC_IO_FD_DATAMATCH, .offset = 0x10, .size = 2, .datamatch = 77, .shadow_fd = -1 } },
  { "strides above 48 have the layout of 48",
    IO_FDS (100, 0, 1) IO_FD_48 (0x10, 1, 0, 0, 1, 0, 0, 77) "ff*36", SCRIPT_FDS (EVENTFD),
    { .flags = VUC_IO_FD_DATAMATCH, .offset = 0x10, .size = 1, .datamatch = 77, .shadow_fd = -1 } },
  { "an ioregionfd in 40 bytes", IO_FDS (56, 0, 1) IO_FD_40 (0, 4096, 0, 1, 0, 0x123456789a),
    SCRIPT_FDS (SOCKET),
    { .type = VUC_IO_FD_IOREGIONFD, .size = 4096, .user_data = 0x123456789a, .shadow_fd = -1 } },
  { "an ioregionfd of size 0 in 48 bytes",
    IO_FDS (64, 0, 1) IO_FD_48 (8, 0, 0, 1, 2, 0, 55, 77), SCRIPT_FDS (SOCKET),
    { .type = VUC_IO_FD_IOREGIONFD, .flags = VUC_IO_FD_POSTED_WRITES, .offset = 8, .user_data = 55,
      .shadow_fd = -1 } },
  { "a shadow ioeventfd", IO_FDS (64, 0, 1) IO_FD_48 (0x20, 4, 0, 2, 1, 1, 0xffc, 77),
    SCRIPT_FDS (EVENTFD, MEMFD),
    { .type = VUC_IO_FD_SHADOW_IOEVENTFD, .flags = VUC_IO_FD_DATAMATCH, .offset = 0x20, .size = 4,
      .datamatch = 77, .shadow_offset = 0xffc } },
  { "a shadow that only stores", IO_FDS (64, 0, 1) IO_FD_48 (0x20, 4, 0xffffffff, 2, 0, 0, 8, 0),
    SCRIPT_FDS (MEMFD),
    { .type = VUC_IO_FD_SHADOW_IOEVENTFD, .offset = 0x20, .size = 4, .fd = -1,
      .shadow_offset = 8 } },
};

static void
an_entry_is_understood (gconstpointer data)
{
  const EntryRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_question (server);
  script_reply_fds (server, row->reply, row->fds);
  device = connect_to (script_server_start (server));
  expect_entry (get_io_fds (device, 0, 1), &row->expected);
  ck_assert_int_eq (vuc_device_get_region_io_fds_errno (device, 0), 0);
  close_and_finish (device, server);
}

static void
entries_may_share_descriptors (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  const VucIoFd *io_fds;
  eventfd_t count;

  script_question (server);
  script_reply_fds (server,
                    IO_FDS (160, 0, 3) IO_FD_48 (0x00, 4, 1, 0, 0, 0, 0, 0)
                                       IO_FD_48 (0x10, 4, 0, 0, 0, 0, 0, 0)
                                       IO_FD_48 (0x20, 4, 1, 0, 0, 0, 0, 0),
                    SCRIPT_FDS (EVENTFD, EVENTFD));
  device = connect_to (script_server_start (server));
  io_fds = get_io_fds (device, 0, 3);
  ck_assert_int_eq (io_fds[0].fd, io_fds[2].fd);
  ck_assert_int_ne (io_fds[0].fd, io_fds[1].fd);
  ck_assert_int_eq (eventfd_write (io_fds[2].fd, 5), 0);
  ck_assert_int_eq (eventfd_read (io_fds[0].fd, &count), 0);
  ck_assert_uint_eq (count, 5);
  close_and_finish (device, server);
}

/* One offset, one size, two values. */
static void
datamatch_tells_two_ioeventfds_apart (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_question (server);
  script_reply_fds (server,
                    IO_FDS (112, 0, 2) IO_FD_48 (0, 4, 0, 0, 1, 0, 0, 1)
                                       IO_FD_48 (0, 4, 0, 0, 1, 0, 0, 2),
                    SCRIPT_FDS (EVENTFD));
  device = connect_to (script_server_start (server));
  get_io_fds (device, 0, 2);
  close_and_finish (device, server);
}

static void
what_has_no_descriptor_is_left_out (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_question (server);
  script_reply_fds (server,
                    IO_FDS (160, 0, 3) IO_FD_48 (0x00, 4, 0xffffffff, 0, 0, 0, 0, 0)
                                       IO_FD_48 (0x10, 4, 0, 0, 0, 0, 0, 0)
                                       IO_FD_48 (0x20, 4, 0xffffffff, 1, 0, 0, 0, 0),
                    SCRIPT_FDS (EVENTFD));
  device = connect_to (script_server_start (server));
  ck_assert_uint_eq (get_io_fds (device, 0, 1)->offset, 0x10);
  close_and_finish (device, server);
}

static void
port_IO_is_only_for_regions_that_the_caller_calls_so (void)
{
  const char *const reply = IO_FDS (112, 0, 2) IO_FD_48 (0, 4, 0, 0, 2, 0, 0, 0)
                                               IO_FD_48 (8, 4, 1, 1, 1, 0, 0, 0);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;

  script_question (server);
  script_reply_fds (server, reply, SCRIPT_FDS (EVENTFD, SOCKET));
  script_expect_command (server, 6, NULL);
  script_reply_fds (server, reply, SCRIPT_FDS (EVENTFD, SOCKET));
  device = connect_to (script_server_start (server));

  ck_assert (!vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED,
                "ioeventfd for port IO, but the region is not");

  vuc_device_set_region_port_io (device, 0, TRUE);
  io_fds = get_io_fds (device, 0, 2);
  ck_assert_uint_eq (io_fds[0].flags, VUC_IO_FD_PIO);
  ck_assert_uint_eq (io_fds[1].flags, VUC_IO_FD_PIO);
  close_and_finish (device, server);
}

static void
port_IO_it_stays_when_connected_again (void)
{
  const char *const reply = IO_FDS (64, 0, 1) IO_FD_48 (0, 4, 0, 0, 2, 0, 0, 0);
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_question (server);
  script_reply_fds (server, reply, SCRIPT_FDS (EVENTFD));
  script_expect_eof (server);
  script_close (server);
  script_question (server);
  script_reply_fds (server, reply, SCRIPT_FDS (EVENTFD));
  script_sign_of_life (server);

  device = vuc_device_connect (script_server_listen (server), NULL, &error);
  assert_no_error (error);
  vuc_device_set_region_port_io (device, 0, TRUE);
  ck_assert_uint_eq (get_io_fds (device, 0, 1)->flags, VUC_IO_FD_PIO);
  vuc_device_close (device);
  vuc_device_reconnect (device, &error);
  assert_no_error (error);
  ck_assert_uint_eq (get_io_fds (device, 0, 1)->flags, VUC_IO_FD_PIO);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- None ---- */

typedef struct
{
  const char *name;
  const char *reply;
  const ScriptFd *fds;
  int number;
} NoneRow;

static const NoneRow none[] = {
  { "count 0", "id u16:6 u32:32 u32:1 u32:0 | " IO_FDS (16, 0, 0), NULL, 0 },
  { "count 0 and a descriptor", "id u16:6 u32:32 u32:1 u32:0 | " IO_FDS (16, 0, 0),
    SCRIPT_FDS (EVENTFD), 0 },
  /* The common server library, for regions that cannot be accessed. */
  { "EINVAL", "id u16:6 u32:16 u32:0x21 u32:22", NULL, EINVAL },
  { "ENOTSUP", "id u16:6 u32:16 u32:0x21 u32:95", NULL, ENOTSUP },
  { "errno 0", "id u16:6 u32:16 u32:0x21 u32:0", NULL, EIO },
  { "EINVAL with a payload and a descriptor", "id u16:6 u32:32 u32:0x21 u32:22 | 00*16",
    SCRIPT_FDS (EVENTFD), EINVAL },
};

static void
having_none_is_no_error_and_is_asked_once (gconstpointer data)
{
  const NoneRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_question (server);
  if (row->fds != NULL)
    script_send_fds (server, row->reply, row->fds);
  else
    script_send (server, row->reply);
  script_sign_of_life (server);
  device = connect_to (script_server_start (server));
  ck_assert_int_eq (vuc_device_get_region_io_fds_errno (device, 0), 0);
  get_io_fds (device, 0, 0);
  get_io_fds (device, 0, 0);
  ck_assert_int_eq (vuc_device_get_region_io_fds_errno (device, 0), row->number);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- Asking ---- */

static void
an_answer_is_kept (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  const VucIoFd *io_fds;

  script_question (server);
  script_reply_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0),
                    SCRIPT_FDS (EVENTFD));
  device = connect_to (script_server_start (server));
  io_fds = get_io_fds (device, 0, 1);
  ck_assert_ptr_eq (get_io_fds (device, 0, 1), io_fds);

  /* Also when nobody can be asked any more. */
  close_and_finish (device, server);
  ck_assert_ptr_eq (get_io_fds (device, 0, 1), io_fds);
  ck_assert_int_eq (eventfd_write (io_fds->fd, 1), 0);
}

static void
what_was_asked_without_waiting_is_had_at_once (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) first = outcome_new ();
  g_autoptr(Outcome) second = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucAccessCounters counters;
  VucOperation operation;
  eventfd_t kicks;

  script_question (server);
  script_reply_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0x10, 4, 0, 0, 0, 0, 0, 0),
                    SCRIPT_FDS (EVENTFD));
  device = connect_to (script_server_start (server));
  operation = vuc_device_get_region_io_fds_async (device, 0, OUTCOME (first));
  outcome_process (first, device);
  outcome_expect_success (first, operation);

  /* Accesses know of it already. */
  vuc_device_region_write (device, 0, 0x10, "ring", 4, &error);
  assert_no_error (error);
  vuc_device_get_access_counters (device, &counters);
  ck_assert_uint_eq (counters.parts[VUC_WAY_IOEVENTFD], 1);
  ck_assert_int_eq (eventfd_read (get_io_fds (device, 0, 1)->fd, &kicks), 0);
  ck_assert_uint_eq (kicks, 1);

  operation = vuc_device_get_region_io_fds_async (device, 0, OUTCOME (second));
  outcome_process (second, device);
  outcome_expect_success (second, operation);
  close_and_finish (device, server);
}

static void
a_reply_that_did_not_fit_is_asked_for_again (void)
{
  g_autoptr(GString) reply = g_string_new ("u32:9616 u32:0 u32:0 u32:200 |");
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  for (guint i = 0; i < 200; i++)
    g_string_append_printf (reply, "u64:%u u64:4 u32:0 u32:0 u32:0 u32:0 u64:0 u64:0 ", i * 8);
  script_question (server);
  script_reply (server, "u32:9616 u32:0 u32:0 u32:200");
  script_expect_command (server, 6, "u32:9616 u32:0 u32:0 u32:0");
  script_reply_fds (server, reply->str, SCRIPT_FDS (EVENTFD));

  device = connect_to (script_server_start (server));
  ck_assert_uint_eq (get_io_fds (device, 0, 200)[199].offset, 199 * 8);
  close_and_finish (device, server);
}

static void
only_regions_that_there_are_can_be_asked_about (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;

  script_handshake (server, &script_pci_device);
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_get_region_io_fds (device, 9, &io_fds, &n_io_fds, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "there is no region 9");
  close_and_finish (device, server);
}

/* The second family of servers takes the question's payload for a command, and panics: the failure
 * has to say what it was that the server did not survive. */
static void
a_server_that_does_not_survive_the_question_is_told_apart (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) later_error = NULL;
  g_autoptr(VucDevice) device = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;
  char data[1];

  script_question (server);
  script_close (server);
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "DEVICE_GET_REGION_IO_FDS");
  ck_assert (!vuc_device_region_read (device, 7, 0, data, 1, &later_error));
  assert_error (later_error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "DEVICE_GET_REGION_IO_FDS");
  script_server_finish (server);
}

/* ---- The demo device ---- */

#define KICKS 0x020
#define KICKS_BY_MESSAGE 0x024

static guint32
read_register (VucDevice *device, guint64 offset)
{
  g_autoptr(GError) error = NULL;
  guint32 value = 0;

  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, offset, &value, 4, &error));
  assert_no_error (error);
  return value;
}

static void
the_demo_device_counts_kicks_of_its_eventfds (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr(GError) error = NULL;
  const VucIoFd expected[] = {
    { .offset = 0x800, .size = 4, .shadow_fd = -1 },
    { .offset = 0x804, .size = 4, .shadow_fd = -1 },
    { .flags = VUC_IO_FD_DATAMATCH, .offset = 0x808, .size = 4, .datamatch = 1, .shadow_fd = -1 },
    { .flags = VUC_IO_FD_DATAMATCH, .offset = 0x808, .size = 4, .datamatch = 2, .shadow_fd = -1 },
    { .offset = 0x810, .shadow_fd = -1 },
    { .type = VUC_IO_FD_SHADOW_IOEVENTFD, .offset = 0x820, .size = 4, .shadow_offset = 0x40 },
    { .type = VUC_IO_FD_IOREGIONFD, .offset = 0x900, .size = 0x40,
      .user_data = 0xaaaaaaaa0000000a, .shadow_fd = -1 },
    { .type = VUC_IO_FD_IOREGIONFD, .offset = 0x940, .size = 0x40,
      .user_data = 0xbbbbbbbb0000000b, .shadow_fd = -1 },
    { .type = VUC_IO_FD_IOREGIONFD, .flags = VUC_IO_FD_POSTED_WRITES, .offset = 0x980,
      .size = 0x40, .user_data = 0xcccccccc0000000c, .shadow_fd = -1 },
  };
  const VucIoFd *io_fds = get_io_fds (device, VUC_PCI_BAR0_REGION, G_N_ELEMENTS (expected));

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      harness_context ("entry %u", i);
      expect_entry (&io_fds[i], &expected[i]);
      if (expected[i].type != VUC_IO_FD_IOREGIONFD)
        ck_assert_int_eq (eventfd_write (io_fds[i].fd, i + 1), 0);
    }
  ck_assert_int_eq (io_fds[6].fd, io_fds[7].fd);
  ck_assert_int_ne (io_fds[6].fd, io_fds[8].fd);
  ck_assert_uint_eq (read_register (device, KICKS), 1 + 2 + 3 + 4 + 5 + 6);
  ck_assert_uint_eq (read_register (device, KICKS_BY_MESSAGE), 0);

  ck_assert (vuc_device_region_write_full (device, VUC_PCI_BAR0_REGION, 0x800, "kick", 4,
                                           VUC_ACCESS_MESSAGE_ONLY, &error));
  assert_no_error (error);
  ck_assert_uint_eq (read_register (device, KICKS), 22);
  ck_assert_uint_eq (read_register (device, KICKS_BY_MESSAGE), 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* ---- For KVM ---- */

typedef struct
{
  const char *name;
  VucIoFd entry;
  guint64 base;
  gboolean ok;
  VucKvmIoeventfd expected;
} KvmRow;

static const KvmRow kvm_rows[] = {
  { "a doorbell", { .offset = 0x800, .size = 4, .fd = 7 }, 0xc0000000, TRUE,
    { .addr = 0xc0000800, .len = 4, .fd = 7 } },
  { "for a value", { .flags = VUC_IO_FD_DATAMATCH, .offset = 8, .size = 8, .fd = 3,
                     .datamatch = 0x1122334455667788 },
    0x1000, TRUE,
    { .addr = 0x1008, .len = 8, .fd = 3, .datamatch = 0x1122334455667788,
      .flags = 1 << 0 } },
  { "of any size", { .offset = 0, .size = 0, .fd = 3 }, 0x1000, TRUE, { .addr = 0x1000, .fd = 3 } },
  { "in port IO", { .flags = VUC_IO_FD_PIO, .offset = 4, .size = 2, .fd = 3 }, 0xc000, TRUE,
    { .addr = 0xc004, .len = 2, .fd = 3, .flags = 1 << 1 } },
  { "at the end of everything", { .offset = 0xfc, .size = 2, .fd = 3 }, G_MAXUINT64 - 0xff, TRUE,
    { .addr = G_MAXUINT64 - 3, .len = 2, .fd = 3 } },
  { "over the end", { .offset = 0xfc, .size = 8, .fd = 3 }, G_MAXUINT64 - 0xff, FALSE, { 0 } },
  { "behind the end", { .offset = 0x100, .size = 1, .fd = 3 }, G_MAXUINT64 - 0xff, FALSE, { 0 } },
  { "an ioregionfd", { .type = VUC_IO_FD_IOREGIONFD, .size = 4, .fd = 3 }, 0, FALSE, { 0 } },
  { "a shadow", { .type = VUC_IO_FD_SHADOW_IOEVENTFD, .size = 4, .fd = 3 }, 0, FALSE, { 0 } },
};

static void
kvm_is_told_what_it_can_serve (gconstpointer data)
{
  const KvmRow *row = data;
  VucKvmIoeventfd request;

  memset (&request, 0xee, sizeof request);
  ck_assert_int_eq (vuc_io_fd_get_kvm_ioeventfd (&row->entry, row->base, &request), row->ok);
  if (row->ok)
    ck_assert_mem_eq (&request, &row->expected, sizeof request);
}

static void
the_demo_device_has_none_for_its_memory (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));

  get_io_fds (device, VUC_PCI_BAR2_REGION, 0);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (an_entry_is_understood, entries),
  HARNESS_CASE (entries_may_share_descriptors),
  HARNESS_CASE (datamatch_tells_two_ioeventfds_apart),
  HARNESS_CASE (what_has_no_descriptor_is_left_out),
  HARNESS_CASE (port_IO_is_only_for_regions_that_the_caller_calls_so),
  HARNESS_CASE (port_IO_it_stays_when_connected_again),
  HARNESS_ROWS (having_none_is_no_error_and_is_asked_once, none),
  HARNESS_CASE (an_answer_is_kept),
  HARNESS_CASE (what_was_asked_without_waiting_is_had_at_once),
  HARNESS_CASE (a_reply_that_did_not_fit_is_asked_for_again),
  HARNESS_CASE (only_regions_that_there_are_can_be_asked_about),
  HARNESS_CASE (a_server_that_does_not_survive_the_question_is_told_apart),
  HARNESS_CASE (the_demo_device_counts_kicks_of_its_eventfds),
  HARNESS_ROWS (kvm_is_told_what_it_can_serve, kvm_rows),
  HARNESS_CASE (the_demo_device_has_none_for_its_memory),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "io-fds", cases);
}
