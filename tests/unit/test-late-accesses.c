/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An access of several parts whose thread is late: the server that had the first part has gone, and
 * another one is the device.  The rest must go to nobody.
 */

#include <poll.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/ways.h"
#include "harness/harness.h"
#include "harness/script-device.h"
#include "unit/late-fixture.h"

static const ScriptFd one_eventfd[] = { { SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_END, 0 } };
static const ScriptFd one_socket[] = { { SCRIPT_FD_SOCKET, 0 }, { SCRIPT_FD_END, 0 } };

/* The second half of region 0 can be mapped.  Each word there is its own offset. */
static const ScriptFd half_file[] = { { SCRIPT_FD_SEALED_MEMFD, 0x2000 }, { SCRIPT_FD_END, 0 } };
static const ScriptRegion half_regions[8] = {
  [0] = { .size = 0x2000, .flags = 7, .fds = half_file,
          .capabilities = "u16:1 u16:1 u32:0 u32:1 u32:0 u64:0x1000 u64:0x1000" },
  [7] = { .size = 256, .flags = 3 },
};
static const ScriptDevice half_device = { .regions = half_regions, .n_regions = 8 };

/* 2 bytes at 8 are a doorbell. */
#define SMALL_DOORBELL IO_FDS (64, 0, 1) IO_FD_48 (8, 2, 0, 0, 0, 0, 0, 0)

#define POSTED "u16:0xffff u16:10 u32:36 u32:0x10 u32:0 | u64:0x20 u32:0 u32:4 | 'post'"

static gboolean
write_ten_bytes (VucDevice *device, GError **error)
{
  return vuc_device_region_write (device, 0, 0, "0123456789", 10, error);
}

static gboolean
write_into_the_area (VucDevice *device, GError **error)
{
  return vuc_device_region_write (device, 0, 0xffc, "fourmore", 8, error);
}

static gboolean
write_word_to_the_area (VucDevice *device, GError **error)
{
  return vuc_device_region_write (device, 0, 0x1000, "more", 4, error);
}

static gboolean
read_from_the_area (VucDevice *device, GError **error)
{
  char data[8];

  return vuc_device_region_read (device, 0, 0xffc, data, sizeof data, error);
}

typedef struct
{
  const char *name;
  gboolean (*access) (VucDevice *device, GError **error);
  gboolean has_doorbell;
  gboolean posts; /* something before it, so that it begins with a fence */
  guint16 command;
  const char *payload; /* of the first part */
  const char *reply;
  VucWay next; /* the way of the second */
} PartRow;

static const PartRow parts[] = {
  { "a message", write_ten_bytes, FALSE, FALSE, 10, "u64:0 u32:0 u32:8 '01234567'",
    "u64:0 u32:0 u32:8", VUC_WAY_MESSAGE },
  { "a doorbell", write_ten_bytes, TRUE, FALSE, 10, "u64:0 u32:0 u32:8 '01234567'",
    "u64:0 u32:0 u32:8", VUC_WAY_IOEVENTFD },
  { "a store", write_into_the_area, FALSE, FALSE, 10, "u64:0xffc u32:0 u32:4 'four'",
    "u64:0xffc u32:0 u32:4", VUC_WAY_MAPPED },
  { "a load", read_from_the_area, FALSE, FALSE, 9, "u64:0xffc u32:0 u32:4",
    "u64:0xffc u32:0 u32:4 'four'", VUC_WAY_MAPPED },
  { "a store behind a fence", write_word_to_the_area, FALSE, TRUE, 4, "u32:16 u32:0 u32:0 u32:0",
    "u32:16 u32:3 u32:8 u32:0", VUC_WAY_MAPPED },
};

/* Both servers have the same. */
static void
script_parts (ScriptServer *server, const PartRow *row)
{
  script_handshake (server, &half_device);
  if (row->has_doorbell)
    {
      script_expect_command (server, 6, NULL);
      script_reply_fds (server, SMALL_DOORBELL, one_eventfd);
    }
}

static void
an_access_does_not_go_on_with_another_server (gconstpointer data)
{
  const PartRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (VucMapping) mapping = NULL;
  g_autoptr (GError) error = NULL;
  Late late = { .server = server, .ask = row->access };
  const VucIoFd *io_fds = NULL;
  gsize n_io_fds = 0;
  guint64 n_next;

  vuc_config_set_max_write_size (config, 8);
  script_parts (server, row);
  if (row->posts)
    script_expect (server, POSTED);
  script_both (server, row->command, row->payload);
  script_reply (server, row->reply);
  script_next_server (server);
  script_parts (server, row);
  script_sign_of_life (server);

  late.device = device = connect_to_path (script_server_listen (server), config);
  mapping = vuc_device_map_region (device, 0, &error);
  assert_no_error (error);
  if (row->has_doorbell)
    vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error);
  assert_no_error (error);
  if (row->posts)
    {
      vuc_device_set_region_posting (device, 0, VUC_POSTING_INSIST, &error);
      assert_no_error (error);
      ck_assert (vuc_device_region_write (device, 0, 0x20, "post", 4, NULL));
    }

  late_ask (&late);
  reconnect (device);
  n_next = count_parts (device, row->next);
  late_look (&late);
  late_expect_error (&late, VUC_ERROR_DISCONNECTED, "the connection was lost meanwhile");
  ck_assert_uint_eq (count_parts (device, row->next), n_next);
  ck_assert_uint_eq (*(const guint32 *) vuc_mapping_get_pointer (mapping, 0x1000, 4), 0x1000);
  if (row->has_doorbell)
    {
      struct pollfd pollfd = { .fd = io_fds[0].fd, .events = POLLIN };

      ck_assert_int_eq (poll (&pollfd, 1, 0), 0);
    }
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* It has looked which server there is, and it was the one before. */
static void
nor_does_its_next_message_that_was_about_to_go (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  Late late = { .server = server, .ask = write_ten_bytes, .lateness = LATE_TO_GO_ON };

  vuc_config_set_max_write_size (config, 8);
  script_handshake (server, &half_device);
  script_both (server, 10, "u64:0 u32:0 u32:8 '01234567'");
  script_reply (server, "u64:0 u32:0 u32:8");
  script_wait_for_sign (server);
  script_next_server (server);
  script_handshake (server, &half_device);
  script_sign_of_life (server);

  late.device = device = connect_to_path (script_server_listen (server), config);
  late_ask (&late);
  reconnect (device);
  late_look (&late);
  late_expect_error (&late, VUC_ERROR_DISCONNECTED, "the connection was lost meanwhile");
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* It is about to take its turn with the socket, which is another one then. */
static void
nor_by_another_servers_ioregionfd (void)
{
  const char *const two_bytes_at_8 = IO_FDS (64, 0, 1) IO_FD_48 (8, 2, 0, 1, 2, 0, 0, 0);
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  Late late = { .server = server, .ask = write_ten_bytes, .lateness = LATE_AT_A_LOCK };

  vuc_config_set_max_write_size (config, 8);
  script_handshake (server, &half_device);
  script_io_fds_question (server);
  script_reply_fds (server, two_bytes_at_8, one_socket);
  script_both (server, 10, "u64:0 u32:0 u32:8 '01234567'");
  script_reply (server, "u64:0 u32:0 u32:8");
  script_wait_for_sign (server);
  script_next_server (server);
  script_handshake (server, &half_device);
  script_io_fds_question (server);
  script_reply_fds (server, two_bytes_at_8, one_socket);
  script_sign_of_life (server);

  late.device = device = connect_to_path (script_server_listen (server), config);
  get_io_fds (device, 0, 1);
  late_ask (&late);
  reconnect (device);
  late_look (&late);
  late_expect_error (&late, VUC_ERROR_DISCONNECTED, "the connection was lost meanwhile");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOREGIONFD), 0);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* There was no server when it began, and now there is. */
static void
nor_does_one_that_began_while_there_was_none (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  Late late = { .server = server, .ask = write_ten_bytes, .lateness = LATE_TO_BEGIN };

  script_handshake (server, &half_device);
  script_loss (server);
  script_handshake (server, &half_device);
  script_sign_of_life (server);

  late.device = device = connect_to_path (script_server_listen (server), NULL);
  lose (device);
  late_ask (&late);
  reconnect (device);
  late_look (&late);
  late_expect_error (&late, VUC_ERROR_DISCONNECTED, "the connection was lost meanwhile");
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (an_access_does_not_go_on_with_another_server, parts),
  HARNESS_CASE (nor_does_its_next_message_that_was_about_to_go),
  HARNESS_CASE (nor_by_another_servers_ioregionfd),
  HARNESS_CASE (nor_does_one_that_began_while_there_was_none),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "late accesses", cases);
}
