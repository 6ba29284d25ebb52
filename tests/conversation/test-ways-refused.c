/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Ways that a server offers and that are not safe to take: then accesses go by message, and nobody
 * hears of it.  And a doorbell that nobody empties.
 */

#include <linux/memfd.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "conversation/ways.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* Region 0 of 8 KiB, whose second half can be mapped, if the file is good enough. */
#define HALF "u16:1 u16:1 u32:0 u32:1 u32:0 u64:0x1000 u64:0x1000"

static VucDevice *
connect_to_file (ScriptServer *server, const ScriptFd *file, VucConfig *config)
{
  const ScriptRegion region = { .size = 0x2000, .flags = 7, .fds = file, .capabilities = HALF };
  const ScriptDevice device = { .regions = &region, .n_regions = 1 };

  script_handshake (server, &device);
  script_expect_command (server, 9, "u64:0x1008 u32:0 u32:4");
  script_reply (server, "u64:0x1008 u32:0 u32:4 'text'");
  return connect_with (script_server_start (server), config);
}

static void
read_word (VucDevice *device, char word[4])
{
  g_autoptr (GError) error = NULL;

  ck_assert (vuc_device_region_read (device, 0, 0x1008, word, 4, &error));
  assert_no_error (error);
}

typedef struct
{
  const char *name;
  ScriptFd file;
} FileRow;

static const FileRow files[] = {
  { "that may shrink", { SCRIPT_FD_NO_SEAL_MEMFD, 0x2000 } },
  { "on a disk", { SCRIPT_FD_FILE, 0x2000 } },
  { "that is too small", { SCRIPT_FD_SEALED_MEMFD, 0x1800 } },
  { "that has shrunk to nothing", { SCRIPT_FD_MEMFD, 0 } },
};

static void
a_file_is_not_mapped (gconstpointer data)
{
  const FileRow *row = data;
  const ScriptFd file[] = { row->file, { SCRIPT_FD_END, 0 } };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = connect_to_file (server, file, NULL);
  char word[4] = "";

  read_word (device, word);
  ck_assert_mem_eq (word, "text", 4);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MAPPED), 0);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MESSAGE), 1);
  close_and_finish (device, server);
}

static void
a_file_that_may_shrink_is_mapped_if_the_caller_allows_it (void)
{
  static const ScriptFd file[] = { { SCRIPT_FD_NO_SEAL_MEMFD, 0x2000 }, { SCRIPT_FD_END, 0 } };
  const ScriptRegion region = { .size = 0x2000, .flags = 7, .fds = file, .capabilities = HALF };
  const ScriptDevice script = { .regions = &region, .n_regions = 1 };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  guint32 word = 0;

  vuc_config_set_allow_unsealed_files (config, TRUE);
  script_handshake (server, &script);
  device = connect_with (script_server_start (server), config);
  read_word (device, (char *) &word);
  ck_assert_uint_eq (word, 0x1008); /* each word of the file is its own offset */
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MAPPED), 1);
  close_and_finish (device, server);
}

/* ---- IO descriptors ---- */

static void
script_io_fds (ScriptServer *server, const char *reply, const ScriptFd *fds)
{
  script_handshake (server, &script_pci_device);
  script_io_fds_question (server);
  script_reply_fds (server, reply, fds);
}

static void
a_shadow_in_a_file_that_may_shrink_goes_by_message (void)
{
  static const ScriptFd fds[] = { { SCRIPT_FD_EVENTFD, 0 },
                                  { SCRIPT_FD_NO_SEAL_MEMFD, 4096 },
                                  { SCRIPT_FD_END, 0 } };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_io_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0x20, 4, 0, 2, 0, 1, 8, 0), fds);
  script_expect_command (server, 10, "u64:0x20 u32:0 u32:4 'ring'");
  script_reply (server, "u64:0x20 u32:0 u32:4");
  device = connect_to (script_server_start (server));
  get_io_fds (device, 0, 1);
  write_word (device, 0, 0x20, "ring");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_SHADOW), 0);
  close_and_finish (device, server);
}

#define HUGE_PAGE 0x200000

/* NULL, or why there are no huge pages that can be had. */
static const char *
explain_no_huge_pages (void)
{
  guint flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_HUGE_2MB;
  int fd = memfd_create ("huge", flags);
  const char *why = NULL;
  gpointer memory;

  if (fd < 0)
    return "memfd_create makes no file of huge pages";
  if (ftruncate (fd, HUGE_PAGE) < 0)
    why = "a file of huge pages gets no size";
  memory = mmap (NULL, HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    why = "no huge page can be mapped: see /proc/sys/vm/nr_hugepages";
  else
    munmap (memory, HUGE_PAGE);
  close (fd);
  return why;
}

/* A store of 4 bytes and a kick; neither the one nor the other may reach what is not mapped. */
static void
a_shadow_in_a_file_of_huge_pages_goes_by_message (void)
{
  static const ScriptFd fds[] = { { SCRIPT_FD_EVENTFD, 0 },
                                  { SCRIPT_FD_HUGE_MEMFD, HUGE_PAGE },
                                  { SCRIPT_FD_END, 0 } };
  const char *why = explain_no_huge_pages ();
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  if (why != NULL)
    harness_skip ("%s", why);
  script_io_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0x20, 4, 0, 2, 0, 1, 8, 0), fds);
  script_expect_command (server, 10, "u64:0x20 u32:0 u32:4 'ring'");
  script_reply (server, "u64:0x20 u32:0 u32:4");
  device = connect_to (script_server_start (server));
  get_io_fds (device, 0, 1);
  write_word (device, 0, 0x20, "ring");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_SHADOW), 0);
  close_and_finish (device, server);
}

/* The pages are refused before any is needed. */
static void
a_server_that_comes_back_with_a_shadow_of_huge_pages_is_refused (void)
{
  static const ScriptFd small[] = { { SCRIPT_FD_EVENTFD, 0 },
                                    { SCRIPT_FD_MEMFD, 4096 },
                                    { SCRIPT_FD_END, 0 } };
  static const ScriptFd huge[] = { { SCRIPT_FD_EVENTFD, 0 },
                                   { SCRIPT_FD_HUGE_MEMFD, HUGE_PAGE },
                                   { SCRIPT_FD_END, 0 } };
  const char *const answer = IO_FDS (64, 0, 1) IO_FD_48 (0x20, 4, 0, 2, 0, 1, 8, 0);
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;
  int fd = memfd_create ("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);

  if (fd < 0)
    harness_skip ("memfd_create makes no file of huge pages");
  close (fd);
  script_io_fds (server, answer, small);
  script_expect_eof (server);
  script_close (server);
  script_io_fds (server, answer, huge);
  script_expect_eof (server);
  script_close (server);
  script_io_fds (server, answer, small);

  device = vuc_device_connect (script_server_listen (server), NULL, &error);
  assert_no_error (error);
  ck_assert (vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error));
  write_word (device, 0, 0x20, "ring");
  vuc_device_close (device);
  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED, "region 0: a file of huge pages");
  g_clear_error (&error);

  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  write_word (device, 0, 0x20, "ring");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_SHADOW), 2);
  close_and_finish (device, server);
}

/* The last bytes of a file that ends within a page. */
static void
a_shadow_at_the_end_of_a_small_file_is_stored (void)
{
  static const ScriptFd fds[] = { { SCRIPT_FD_EVENTFD, 0 },
                                  { SCRIPT_FD_SEALED_MEMFD, 0x1010 },
                                  { SCRIPT_FD_END, 0 } };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  const VucIoFd *io_fds;
  char stored[4];
  eventfd_t kicks;

  script_io_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0x20, 4, 0, 2, 0, 1, 0x100c, 0), fds);
  device = connect_to (script_server_start (server));
  io_fds = get_io_fds (device, 0, 1);
  write_word (device, 0, 0x20, "ring");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_SHADOW), 1);
  ck_assert_int_eq (pread (io_fds[0].shadow_fd, stored, 4, 0x100c), 4);
  ck_assert_mem_eq (stored, "ring", 4);
  ck_assert_int_eq (eventfd_read (io_fds[0].fd, &kicks), 0);
  ck_assert_uint_eq (kicks, 1);
  close_and_finish (device, server);
}

/* The reply in one piece, as the first offer has no room for it: 1,025 doorbells, a byte each. */
static char *
many_shadows (guint n)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "u32:%u u32:0 u32:0 u32:%u | ", 16 + n * 48, n);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "u64:%u u64:1 u32:0 u32:2 u32:0 u32:1 u64:8 u64:0 | ", i);
  return g_string_free (text, FALSE);
}

static void
more_shadows_than_are_mapped_go_by_message (void)
{
  static const ScriptFd fds[] = { { SCRIPT_FD_EVENTFD, 0 },
                                  { SCRIPT_FD_MEMFD, 4096 },
                                  { SCRIPT_FD_END, 0 } };
  g_autofree char *reply = many_shadows (1025);
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_io_fds_question (server);
  script_reply (server, "u32:49216 u32:0 u32:0 u32:1025");
  script_expect_command (server, 6, "u32:49216 u32:0 u32:0 u32:0");
  script_reply_fds (server, reply, fds);
  script_expect_command (server, 10, "u64:1024 u32:0 u32:1 'x'");
  script_reply (server, "u64:1024 u32:0 u32:1");

  device = connect_to (script_server_start (server));
  get_io_fds (device, 0, 1025);
  ck_assert (vuc_device_region_write (device, 0, 1023, "x", 1, &error));
  ck_assert_uint_eq (count_parts (device, VUC_WAY_SHADOW), 1);
  ck_assert (vuc_device_region_write (device, 0, 1024, "x", 1, &error));
  ck_assert_uint_eq (count_parts (device, VUC_WAY_SHADOW), 1);
  close_and_finish (device, server);
}

/* The reply to the first part and the end are both there before anybody looks. */
static void
an_access_that_is_cut_short_fails_of_the_cause (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (Outcome) outcome = outcome_new ();
  VucOperation operation;

  vuc_config_set_max_write_size (config, 8);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:0 u32:0 u32:8 '12345678'");
  script_reply (server, "u64:0 u32:0 u32:8");
  script_send (server, "u16:99 u16:10 u32:16 u32:1 u32:0");
  script_close (server);

  device = connect_with (script_server_start (server), config);
  operation = vuc_device_region_write_async (device, 0, 0, "1234567890", 10, OUTCOME (outcome));
  script_server_finish (server);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_PROTOCOL, "message id 99 is not pending");
}

static void
a_full_doorbell_counts_as_rung (void)
{
  static const ScriptFd fds[] = { { SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_END, 0 } };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  const VucIoFd *io_fds;
  eventfd_t kicks;

  script_io_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0x20, 4, 0, 0, 0, 0, 0, 0), fds);
  device = connect_to (script_server_start (server));
  io_fds = get_io_fds (device, 0, 1);
  ck_assert_int_eq (eventfd_write (io_fds[0].fd, G_MAXUINT64 - 1), 0);
  write_word (device, 0, 0x20, "ring");
  write_word (device, 0, 0x20, "ring");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOEVENTFD), 2);
  ck_assert_int_eq (eventfd_read (io_fds[0].fd, &kicks), 0);
  ck_assert_uint_eq (kicks, G_MAXUINT64 - 1);
  close_and_finish (device, server);
}

/* The script server keeps the other end, and answers nothing on it. */
static void
an_ioregionfd_that_does_not_answer_meets_the_deadline (void)
{
  static const ScriptFd fds[] = { { SCRIPT_FD_SOCKET, 0 }, { SCRIPT_FD_END, 0 } };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  char word[4];

  script_io_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0x100, 0x100, 0, 1, 0, 0, 55, 0), fds);
  script_wait_forever (server);
  device = connect_with (script_server_start (server), config);
  get_io_fds (device, 0, 1);
  ck_assert (!vuc_device_region_read (device, 0, 0x104, word, 4, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "ioregionfd: read of 4 bytes at 0x4");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOREGIONFD), 0);
  vuc_device_close (device);
}

/* A read of 4 bytes there, and the end instead of a response. */
static void
an_ioregionfd_that_ends_fails_one_access (void)
{
  static const ScriptFd fds[] = { { SCRIPT_FD_SOCKET, 0 }, { SCRIPT_FD_END, 0 } };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  char word[4] = "";

  script_io_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0x100, 0x100, 0, 1, 0, 0, 55, 0), fds);
  script_use_socket (server);
  script_expect (server, "00 12 00*6 u64:55 u64:4 00*8");
  script_shutdown_write (server);
  script_use_connection (server);
  for (guint i = 0; i < 2; i++)
    {
      script_expect_command (server, 9, "u64:0x104 u32:0 u32:4");
      script_reply (server, "u64:0x104 u32:0 u32:4 'text'");
    }

  device = connect_to (script_server_start (server));
  get_io_fds (device, 0, 1);
  ck_assert (!vuc_device_region_read (device, 0, 0x104, word, 4, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "ioregionfd");
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_CONNECTED);
  for (guint i = 0; i < 2; i++)
    ck_assert (vuc_device_region_read (device, 0, 0x104, word, 4, NULL));
  ck_assert_mem_eq (word, "text", 4);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_IOREGIONFD), 0);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MESSAGE), 2);
  close_and_finish (device, server);
}

static void
a_refused_message_counts_as_begun (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  char word[4];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_reply_error (server, 22);
  device = connect_to (script_server_start (server));
  ck_assert (!vuc_device_region_read (device, 0, 0, word, 4, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "REGION_READ");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MESSAGE), 1);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_file_is_not_mapped, files),
  HARNESS_CASE (a_file_that_may_shrink_is_mapped_if_the_caller_allows_it),
  HARNESS_CASE (a_shadow_in_a_file_that_may_shrink_goes_by_message),
  HARNESS_CASE (a_shadow_in_a_file_of_huge_pages_goes_by_message),
  HARNESS_CASE (a_server_that_comes_back_with_a_shadow_of_huge_pages_is_refused),
  HARNESS_CASE (a_shadow_at_the_end_of_a_small_file_is_stored),
  HARNESS_CASE (more_shadows_than_are_mapped_go_by_message),
  HARNESS_CASE (an_access_that_is_cut_short_fails_of_the_cause),
  HARNESS_CASE (a_full_doorbell_counts_as_rung),
  HARNESS_CASE (an_ioregionfd_that_does_not_answer_meets_the_deadline),
  HARNESS_CASE (an_ioregionfd_that_ends_fails_one_access),
  HARNESS_CASE (a_refused_message_counts_as_begun),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "ways, refused", cases);
}
