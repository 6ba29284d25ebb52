/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How a device comes about: by a path, an abstract name, a descriptor; what was negotiated, and whom
 * we talk to.  What cannot be connected to is in test-connect-failed.c.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "harness/demo.h"
#include "harness/descriptors.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* ---- Ways to connect ---- */

/* A socket that is bound to this address, and listens. */
static int
listen_on (const char *name, gsize length)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  ck_assert_uint_lt (length, sizeof address.sun_path);
  memcpy (address.sun_path, name, length);
  ck_assert_int_eq (bind (listener, (struct sockaddr *) &address,
                          (socklen_t) (offsetof (struct sockaddr_un, sun_path) + length)),
                    0);
  ck_assert_int_eq (listen (listener, 1), 0);
  return listener;
}

static void
a_path_can_be_connected_to (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  device = vuc_device_connect (script_server_listen (server), NULL, &error);
  assert_no_error (error);
  ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, 9);
  close_and_finish (device, server);
}

static void
an_abstract_name_can_be_connected_to (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autofree char *name = g_strdup_printf ("@vuc-test-%d", getpid ());
  g_autofree char *on_wire = g_strdup (name);
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  int listener;

  on_wire[0] = '\0';
  listener = listen_on (on_wire, strlen (name));
  script_handshake (server, &script_pci_device);
  script_server_start_listening (server, listener);

  device = vuc_device_connect (name, NULL, &error);
  assert_no_error (error);
  close_and_finish (device, server);
  close (listener);
}

static void
a_descriptor_stays_the_callers (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucDevice *device;
  int fd;

  script_handshake (server, &script_pci_device);
  fd = script_server_start (server);

  device = vuc_device_connect_fd (fd, NULL, &error);
  assert_no_error (error);
  vuc_device_unref (device);
  ck_assert_int_ge (fcntl (fd, F_GETFD), 0);
  close (fd);
  script_server_finish (server);
}

static void
a_descriptor_stays_the_callers_after_a_failure (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  int fd;

  script_expect_command (server, 1, NULL);
  script_reply_error (server, 22);
  fd = script_server_start (server);

  ck_assert_ptr_null (vuc_device_connect_fd (fd, NULL, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "VERSION");
  ck_assert_int_ge (fcntl (fd, F_GETFD), 0);
  close (fd);
  script_server_finish (server);
}

static void
what_a_device_opens_is_close_on_exec (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GPtrArray) before = descriptors_list ();
  g_autoptr(GPtrArray) after = NULL;
  g_autoptr(VucDevice) device = NULL;
  guint n_new = 0;

  script_handshake (server, &script_pci_device);
  device = connect_to (script_server_start (server));

  /* Among them the socket and the file of BAR2. */
  after = descriptors_list ();
  for (guint i = 0; i < after->len; i++)
    {
      const Descriptor *descriptor = g_ptr_array_index (after, i);
      gboolean is_new = TRUE;

      for (guint j = 0; j < before->len; j++)
        is_new &= ((const Descriptor *) g_ptr_array_index (before, j))->fd != descriptor->fd;
      n_new += is_new;
      harness_context ("%s", descriptor->what);
      if (is_new)
        ck_assert_int_eq (fcntl (descriptor->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    }
  ck_assert_uint_ge (n_new, 2);
  close_and_finish (device, server);
}

static void
the_demo_device_is_connected_to_again_and_again (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  const char *path = demo_device_listen (demo);

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(VucDevice) device = vuc_device_connect (path, NULL, &error);

      assert_no_error (error);
      ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, 10);
      ck_assert_uint_eq (vuc_device_get_info (device)->num_irqs, 5);
      ck_assert_uint_eq (vuc_device_get_info (device)->flags, VUC_DEVICE_RESET | VUC_DEVICE_PCI);
    }
  demo_device_stop (demo);
}

/* ---- Who and what ---- */

static void
the_servers_credentials_are_known (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = vuc_device_connect (demo_device_listen (demo), NULL, &error);
  const VucPeerCredentials *peer;

  assert_no_error (error);
  peer = vuc_device_get_peer_credentials (device);
  ck_assert_int_gt (peer->pid, 0);
  ck_assert_int_ne (peer->pid, getpid ());
  ck_assert_uint_eq (peer->uid, getuid ());
  ck_assert_uint_eq (peer->gid, getgid ());
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
what_was_negotiated_can_be_read (void)
{
  const ScriptDevice server_says = {
    .minor = 1,
    .json = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":65536,\"max_dma_maps\":64,"
            "\"pgsizes\":2101248,\"twin_socket\":{\"supported\":false},\"write_multiple\":true,"
            "\"sparse_mmap_fds\":true,\"migration\":{\"pgsize\":4096,\"max_bitmap_size\":256},"
            "\"not_invented_yet\":[1,2]},\"vendor\":\"nobody\"}",
    .flags = 1,
  };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  const VucDeviceInfo *info;

  script_handshake (server, &server_says);
  device = connect_to (script_server_start (server));

  info = vuc_device_get_info (device);
  ck_assert_uint_eq (info->version_major, 0);
  ck_assert_uint_eq (info->version_minor, 1);
  ck_assert_uint_eq (info->max_msg_fds, 8);
  ck_assert_uint_eq (info->max_data_xfer_size, 65536);
  ck_assert_uint_eq (info->max_dma_maps, 64);
  ck_assert_uint_eq (info->pgsizes, 2101248);
  ck_assert_uint_eq (info->migration_pgsize, 4096);
  ck_assert_uint_eq (info->migration_max_bitmap_size, 256);
  ck_assert (!info->twin_socket);
  ck_assert (info->sparse_mmap_fds);
  ck_assert (info->write_multiple);
  ck_assert_uint_eq (info->flags, VUC_DEVICE_RESET);
  ck_assert_uint_eq (info->num_regions, 0);
  ck_assert_uint_eq (info->num_irqs, 0);
  close_and_finish (device, server);
}

typedef struct
{
  const char *name;
  const char *reply; /* the payload of VERSION */
} VersionRow;

static const VersionRow without_limits[] = {
  { "no JSON", "u16:0 u16:0" },
  { "a lone NUL", "u16:0 u16:0 00" },
  { "an empty object", "u16:0 u16:0 '{}' 00" },
  { "no capabilities", "u16:0 u16:0 '{\"name\": \"x\"}' 00" },
  { "empty capabilities", "u16:0 u16:0 '{\"capabilities\": {}}' 00" },
};

static void
what_the_server_does_not_say_has_the_protocols_default (gconstpointer data)
{
  const VersionRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  const VucDeviceInfo *info;

  script_expect_command (server, 1, NULL);
  script_reply (server, row->reply);
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  device = connect_to (script_server_start (server));

  info = vuc_device_get_info (device);
  ck_assert_uint_eq (info->version_minor, 0);
  ck_assert_uint_eq (info->max_msg_fds, 1);
  ck_assert_uint_eq (info->max_data_xfer_size, 1048576);
  ck_assert_uint_eq (info->max_dma_maps, 65535);
  ck_assert_uint_eq (info->pgsizes, 4096);
  ck_assert_uint_eq (info->migration_pgsize, 0);
  ck_assert_uint_eq (info->migration_max_bitmap_size, 0);
  ck_assert (!info->twin_socket && !info->write_multiple && !info->sparse_mmap_fds);
  close_and_finish (device, server);
}

/* Servers of the draft count whole messages: 32 bytes more than the data of a read or write. */
static void
the_drafts_names_are_understood (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_expect_command (server, 1, NULL);
  script_reply (server, "u16:0 u16:0"
                        "'{\"capabilities\":{\"max_fds\":7,\"max_msg_size\":4096}}' 00");
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  device = connect_to (script_server_start (server));

  ck_assert_uint_eq (vuc_device_get_info (device)->max_msg_fds, 7);
  ck_assert_uint_eq (vuc_device_get_info (device)->max_data_xfer_size, 4064);
  close_and_finish (device, server);
}

static void
no_more_descriptors_are_sent_than_the_kernel_can_send (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_expect_command (server, 1, NULL);
  script_reply (server, "u16:0 u16:0 '{\"capabilities\":{\"max_msg_fds\":1024}}' 00");
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  device = connect_to (script_server_start (server));

  ck_assert_uint_eq (vuc_device_get_info (device)->max_msg_fds, 253);
  close_and_finish (device, server);
}

/* They are closed, which the harness checks. */
static void
descriptors_that_nobody_asked_for_are_closed (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_expect_command (server, 1, NULL);
  script_reply_fds (server, "u16:0 u16:0",
                    SCRIPT_FDS ({ SCRIPT_FD_SOCKET, 0 }, { SCRIPT_FD_EVENTFD, 0 }));
  script_device_info (server, &script_pci_device);
  script_queries (server, &script_pci_device);
  device = connect_to (script_server_start (server));
  close_and_finish (device, server);
}

/* It is judged by what was agreed on, however close it comes. */
static void
a_command_right_behind_the_version_is_answered (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_expect_command (server, 1, NULL);
  script_send (server, "id u16:1 u32:20 u32:1 u32:0 | u16:0 u16:0"
                       "u16:5 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:4");
  script_expect_command (server, 4, NULL);
  script_expect (server, "u16:5 u16:11 u32:16 u32:0x21 u32:14 # EFAULT");
  script_reply (server, "u32:16 u32:2 u32:0 u32:0");

  device = connect_to (script_server_start (server));
  ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, 0);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_path_can_be_connected_to),
  HARNESS_CASE (an_abstract_name_can_be_connected_to),
  HARNESS_CASE (a_descriptor_stays_the_callers),
  HARNESS_CASE (a_descriptor_stays_the_callers_after_a_failure),
  HARNESS_CASE (what_a_device_opens_is_close_on_exec),
  HARNESS_CASE (the_demo_device_is_connected_to_again_and_again),
  HARNESS_CASE (the_servers_credentials_are_known),
  HARNESS_CASE (what_was_negotiated_can_be_read),
  HARNESS_ROWS (what_the_server_does_not_say_has_the_protocols_default, without_limits),
  HARNESS_CASE (the_drafts_names_are_understood),
  HARNESS_CASE (no_more_descriptors_are_sent_than_the_kernel_can_send),
  HARNESS_CASE (descriptors_that_nobody_asked_for_are_closed),
  HARNESS_CASE (a_command_right_behind_the_version_is_answered),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "connect", cases);
}
