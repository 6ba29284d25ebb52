/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * vfio-user-dump where there is no server, or one at fault: what could be read is printed, and what
 * could not is told in one line.
 */

#include "conversation/dump-program.h"
#include "harness/harness.h"
#include "harness/script-device.h"
#include "harness/script-server.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- No device ---- */

static const char *
in_temp_dir (const char *name)
{
  static char *path;

  g_free (path);
  path = g_build_filename (harness_temp_dir (), name, NULL);
  return path;
}

static void
a_socket_that_is_not_there (void)
{
  g_auto (Dump) dump = run_dump (in_temp_dir ("none.sock"), NULL);

  assert_one_line (&dump, 1, "start the server first (No such file or directory)");
}

static void
a_file_that_is_no_socket (void)
{
  g_auto (Dump) dump = { 0 };

  ck_assert (g_file_set_contents (in_temp_dir ("file"), "", 0, NULL));
  dump = run_dump (in_temp_dir ("file"), NULL);
  assert_one_line (&dump, 1, "this is not a socket");
}

static void
a_socket_where_nobody_listens (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_auto (Dump) dump = { 0 };

  g_strlcpy (address.sun_path, in_temp_dir ("s.sock"), sizeof address.sun_path);
  ck_assert_int_eq (bind (fd, (struct sockaddr *) &address, sizeof address), 0);
  dump = run_dump (address.sun_path, NULL);
  assert_one_line (&dump, 1, "s.sock: nobody listens on this socket; start the server first (Conn");
  close (fd);
}

static void
a_path_too_long_for_a_socket (void)
{
  g_autofree char *path = g_strnfill (200, 'x');
  g_auto (Dump) dump = run_dump (path, NULL);

  assert_one_line (&dump, 2, "reach it by a shorter path");
}

static void
a_path_that_would_paint_the_terminal (void)
{
  g_auto (Dump) dump = run_dump ("/\033[31mred", NULL);

  assert_one_line (&dump, 1, "/\\x1b[31mred: there is no such socket");
}

static void
a_server_that_says_nothing (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_expect_any (server);
  script_expect_eof (server);

  dump = run_dump (script_server_listen (server), "--timeout", "0.1", NULL);
  assert_one_line (&dump, 1, "most servers take one client at a time");
  ck_assert_str_eq (dump.out, "");
  script_server_finish (server);
}

static void
a_server_that_speaks_something_else (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_expect_any (server);
  script_send (server, "'HTTP/1.1 400 Bad Request' 0d0a 0d0a");
  script_may_end_early (server);

  dump = run_dump (script_server_listen (server), NULL);
  assert_one_line (&dump, 1, "this is no vfio-user server of version 0");
  script_server_finish (server);
}

static void
a_server_of_another_major_version (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_expect_command (server, 1, NULL);
  script_reply (server, "u16:1 u16:0");
  script_may_end_early (server);

  dump = run_dump (script_server_listen (server), NULL);
  assert_one_line (&dump, 1, "major version 1");
  script_server_finish (server);
}

/* ---- A device at fault ---- */

#define READ_CONFIG "u64:0 u32:7 u32:256"
#define ASK_IO_FDS(region) "?? ?? ?? ?? u32:0 u32:" region " u32:0"

/* Configuration space of a device with a BAR0 of port IO and this list of capabilities. */
static char *
config_reply (const char *pointer, const char *at_40)
{
  return g_strdup_printf (READ_CONFIG " | u16:0x1af4 u16:0x1042 u16:0 u16:0x10 u32:0x01800001 u32:0"
                                      " | u32:1 00*20 | 00*12 %s 00*3 00*8"
                                      " | %s",
                          pointer, at_40);
}

/* All goes well up to and with the configuration space. */
static void
script_device_with_config (ScriptServer *server)
{
  g_autofree char *config = config_reply ("00", "00*192");

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, READ_CONFIG);
  script_reply (server, config);
}

static void
script_no_io_fds (ScriptServer *server)
{
  static const char *const asked[] = { ASK_IO_FDS ("0"), ASK_IO_FDS ("2"), ASK_IO_FDS ("7") };

  for (guint i = 0; i < G_N_ELEMENTS (asked); i++)
    {
      script_expect_command (server, 6, asked[i]);
      script_reply_error (server, EINVAL);
    }
}

static void
a_refusal_of_io_descriptors_is_shown (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_device_with_config (server);
  script_no_io_fds (server);

  dump = run_dump (script_server_listen (server), NULL);
  assert_success (&dump);
  assert_contains (dump.out, "identity      1af4:1042");
  assert_contains (dump.out, "  BAR0          the server refused to tell (Invalid argument)\n");
  script_server_finish (server);
}

static void
a_server_that_dies_of_the_last_question (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_device_with_config (server);
  script_expect_command (server, 6, ASK_IO_FDS ("0"));
  script_close (server);

  dump = run_dump (script_server_listen (server), NULL);
  assert_one_line (&dump, 1, "asking for the IO descriptors of BAR0: ");
  assert_contains (dump.out, "\n00000100\n\nIO descriptors\n");
  script_server_finish (server);
}

static void
a_server_that_does_not_answer_is_asked_no_more (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_device_with_config (server);
  script_expect_command (server, 6, ASK_IO_FDS ("0"));
  script_expect_eof (server);

  dump = run_dump (script_server_listen (server), "--json", "--timeout", "0.1", NULL);
  assert_one_line (&dump, 1, "in time");
  assert_contains (dump.out, "\"errors\": [\n    \"asking for the IO descriptors of BAR0");
  assert_contains (dump.out, "\n}\n");
  script_server_finish (server);
}

static void
port_io_is_known_from_configuration_space (void)
{
  static const ScriptFd eventfd[] = { { SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_END, 0 } };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_device_with_config (server);
  script_expect_command (server, 6, ASK_IO_FDS ("0"));
  script_reply_fds (server, "u32:56 u32:0 u32:0 u32:1 | u64:16 u64:2 u32:0 u32:0 u32:2 u32:0 u64:0",
                    eventfd);
  script_expect_command (server, 6, ASK_IO_FDS ("2"));
  script_reply (server, "u32:16 u32:0 u32:2 u32:0");
  script_expect_command (server, 6, ASK_IO_FDS ("7"));
  script_reply (server, "u32:16 u32:0 u32:7 u32:0");

  dump = run_dump (script_server_listen (server), NULL);
  assert_success (&dump);
  assert_contains (dump.out, "BAR0          I/O ports at 0000 [size=4 KiB]\n");
  assert_contains (dump.out, "      0x10-0x11 ioeventfd, port-io\n");
  script_server_finish (server);
}

static void
capabilities_that_go_round_are_shown_once (void)
{
  g_autofree char *config = config_reply ("40", "05 50 00*14 | 01 40 00*14 | 00*160");
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, READ_CONFIG);
  script_reply (server, config);
  script_no_io_fds (server);

  dump = run_dump (script_server_listen (server), NULL);
  assert_success (&dump);
  assert_contains (dump.out, "cap [50]      Power Management");
  assert_contains (dump.out, "the list of capabilities leads back to 040");
  script_server_finish (server);
}

static void
virtio_capabilities_are_known (void)
{
  g_autofree char *config = config_reply ("40",
                                          "09 00 14 02 | 04 00*3 u32:0x3000 u32:0x1000 u32:4 | "
                                          "00*172");
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, READ_CONFIG);
  script_reply (server, config);
  script_no_io_fds (server);

  dump = run_dump (script_server_listen (server), NULL);
  assert_success (&dump);
  assert_contains (dump.out, "cap [40]      Vendor Specific Information: VirtIO: Notify\n"
                             "                  BAR=4 offset=00003000 size=00001000\n"
                             "                  multiplier=00000004\n");
  script_server_finish (server);
}

/* The second of four registers cannot be read. */
static void
what_is_refused_is_read_in_smaller_pieces (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_device_with_config (server);
  script_expect_command (server, 9, "u64:16 u32:0 u32:16");
  script_reply_error (server, EINVAL);
  script_expect_command (server, 9, "u64:16 u32:0 u32:4");
  script_reply (server, "u64:16 u32:0 u32:4 | 'abcd'");
  script_expect_command (server, 9, "u64:20 u32:0 u32:4");
  script_reply_error (server, EINVAL);
  script_expect_command (server, 9, "u64:24 u32:0 u32:4");
  script_reply (server, "u64:24 u32:0 u32:4 | 00*4");
  script_expect_command (server, 9, "u64:28 u32:0 u32:4");
  script_reply (server, "u64:28 u32:0 u32:4 | ff*4");
  script_no_io_fds (server);

  dump = run_dump (script_server_listen (server), "-r", "bar0", "-o", "0x10", "-l", "16", NULL);
  assert_contains (
    dump.out, "00000010  61 62 63 64 ?? ?? ?? ??  00 00 00 00 ff ff ff ff  |abcd????........|\n");
  assert_one_line (&dump, 1, "BAR0: 4 bytes are missing: ");
  script_server_finish (server);
}

static void
a_bad_register_does_not_slow_its_neighbours (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_device_with_config (server);
  script_expect_command (server, 9, "u64:0 u32:0 u32:32");
  script_reply_error (server, EINVAL);
  script_expect_command (server, 9, "u64:0 u32:0 u32:16");
  script_reply (server, "u64:0 u32:0 u32:16 | 'all at once, so '");
  script_expect_command (server, 9, "u64:16 u32:0 u32:16");
  script_reply_error (server, EINVAL);
  script_expect_command (server, 9, "u64:16 u32:0 u32:4");
  script_reply_error (server, EINVAL);
  for (guint offset = 20; offset < 32; offset += 4)
    {
      g_autofree char *access = g_strdup_printf ("u64:%u u32:0 u32:4", offset);
      g_autofree char *reply = g_strdup_printf ("%s | 'good'", access);

      script_expect_command (server, 9, access);
      script_reply (server, reply);
    }
  script_no_io_fds (server);

  dump = run_dump (script_server_listen (server), "-r", "bar0", "-l", "32", NULL);
  assert_contains (dump.out, "|all at once, so |\n");
  assert_contains (dump.out, "00000010  ?? ?? ?? ?? 67 6f 6f 64 ");
  assert_one_line (&dump, 1, "BAR0: 4 bytes are missing: ");
  script_server_finish (server);
}

static void
a_chosen_width_is_that_of_every_access (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, "u64:6 u32:0 u32:2");
  script_reply (server, "u64:6 u32:0 u32:2 | 'ab'");
  script_expect_command (server, 9, "u64:8 u32:0 u32:2");
  script_reply_error (server, EIO);

  dump = run_dump (script_server_listen (server), "-r", "bar0", "-o", "6", "-l", "4", "-w", "2",
                   "--raw", NULL);
  ck_assert_str_eq (dump.out, "ab\xff\xff");
  assert_one_line (&dump, 1, "2 bytes are missing");
  script_server_finish (server);
}

static void
what_came_before_a_silence_is_printed (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_device_with_config (server);
  script_expect_command (server, 9, "u64:0 u32:0 u32:16");
  script_reply_error (server, EINVAL);
  script_expect_command (server, 9, "u64:0 u32:0 u32:4");
  script_reply (server, "u64:0 u32:0 u32:4 | 'abcd'");
  script_expect_command (server, 9, "u64:4 u32:0 u32:4");
  script_expect_eof (server);

  dump = run_dump (script_server_listen (server), "-r", "bar0", "-l", "16", "-t", "0.1", NULL);
  assert_one_line (&dump, 1, "reading BAR0: at 0x4: ");
  assert_contains (dump.out, "00000000  61 62 63 64                                       |abcd|\n"
                             "00000004\n"
                             "  (the rest was not read)\n");
  script_server_finish (server);
}

static void
a_file_that_may_shrink_is_not_mapped (void)
{
  static const ScriptFd file[] = { { SCRIPT_FD_FILE, 4096 }, { SCRIPT_FD_END, 0 } };
  static const ScriptRegion regions[9] = { [2] = { .size = 4096, .flags = 5, .fds = file } };
  ScriptDevice device = script_pci_device;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  device.regions = regions;
  script_handshake (server, &device);
  script_expect_command (server, 9, "u64:0 u32:2 u32:8");
  script_reply (server, "u64:0 u32:2 u32:8 | 'by mesg.'");

  dump = run_dump (script_server_listen (server), "-r", "2", "-l", "8", "--mmap", "--raw", NULL);
  ck_assert_str_eq (dump.out, "by mesg.");
  assert_one_line (&dump, 1, "BAR2 cannot be mapped: ");
  script_server_finish (server);
}

static void
a_device_without_configuration_space_is_described (void)
{
  static const ScriptRegion regions[2] = { [1] = { .size = 4096, .flags = 3 } };
  const ScriptDevice device = { .flags = 0, .regions = regions, .n_regions = 2 };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_auto (Dump) dump = { 0 };

  script_handshake (server, &device);
  script_expect_command (server, 6, ASK_IO_FDS ("1"));
  script_reply (server, "u32:16 u32:0 u32:1 u32:0");

  dump = run_dump (script_server_listen (server), NULL);
  assert_success (&dump);
  assert_contains (dump.out, "  kind          not PCI, cannot be reset\n");
  assert_contains (dump.out, "  region 1           4 KiB  0x1000       read write\n");
  script_server_finish (server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_socket_that_is_not_there),
  HARNESS_CASE (a_file_that_is_no_socket),
  HARNESS_CASE (a_socket_where_nobody_listens),
  HARNESS_CASE (a_path_too_long_for_a_socket),
  HARNESS_CASE (a_path_that_would_paint_the_terminal),
  HARNESS_CASE (a_server_that_says_nothing),
  HARNESS_CASE (a_server_that_speaks_something_else),
  HARNESS_CASE (a_server_of_another_major_version),
  HARNESS_CASE (a_refusal_of_io_descriptors_is_shown),
  HARNESS_CASE (a_server_that_dies_of_the_last_question),
  HARNESS_CASE (a_server_that_does_not_answer_is_asked_no_more),
  HARNESS_CASE (port_io_is_known_from_configuration_space),
  HARNESS_CASE (capabilities_that_go_round_are_shown_once),
  HARNESS_CASE (virtio_capabilities_are_known),
  HARNESS_CASE (what_is_refused_is_read_in_smaller_pieces),
  HARNESS_CASE (a_bad_register_does_not_slow_its_neighbours),
  HARNESS_CASE (a_chosen_width_is_that_of_every_access),
  HARNESS_CASE (what_came_before_a_silence_is_printed),
  HARNESS_CASE (a_file_that_may_shrink_is_not_mapped),
  HARNESS_CASE (a_device_without_configuration_space_is_described),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "dump-server", cases);
}
