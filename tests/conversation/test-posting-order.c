/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes: that nothing faster overtakes them, whoever waits for it, or nobody.
 */

#include <poll.h>
#include <string.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "conversation/posting.h"
#include "conversation/ways.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* A server with memory in region 0, which can be mapped from 0x1000 on, and a doorbell at 0. */
static const ScriptFd memory[] = { { SCRIPT_FD_SEALED_MEMFD, 0x2000 }, { SCRIPT_FD_END, 0 } };
static const ScriptFd doorbell[] = { { SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_END, 0 } };
static const ScriptRegion regions[] = {
  { .size = 0x2000,
    .flags = 7,
    .fds = memory,
    .capabilities = "u16:1 u16:1 u32:0 u32:1 u32:0 u64:0x1000 u64:0x1000" },
};
static const ScriptDevice device_with_memory = { .regions = regions, .n_regions = 1 };

/* The script: such a server, which is asked for the doorbell. */
static void
script_memory_and_doorbell (ScriptServer *server)
{
  script_handshake (server, &device_with_memory);
  script_io_fds_question (server);
  script_reply_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0), doorbell);
}

typedef struct
{
  const char *name;
  guint64 offset;
} Faster;

static const Faster faster[] = { { "a kick", 0 }, { "a store", 0x1800 } };

typedef struct
{
  VucDevice *device;
  guint64 offset;
} Writer;

static gpointer
post_then_write (gpointer data)
{
  const Writer *writer = data;

  write_word (writer->device, 0, 0x10, "abcd");
  write_word (writer->device, 0, writer->offset, "ring");
  return NULL;
}

/* How far the faster write has come. */
static gboolean
has_arrived (VucMapping *mapping, int eventfd, guint64 offset)
{
  struct pollfd kicked = { .fd = eventfd, .events = POLLIN };

  if (offset == 0)
    return poll (&kicked, 1, 0) == 1;
  return memcmp (vuc_mapping_get_pointer (mapping, offset, 4), "ring", 4) == 0;
}

static void
nothing_faster_overtakes_a_posted_write (gconstpointer row)
{
  const Faster *what = row;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (VucMapping) mapping = NULL;
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  Writer writer;
  GThread *thread;

  script_memory_and_doorbell (server);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 4, FENCE);
  script_wait_for_sign (server);
  script_reply (server, "u32:16 u32:0 u32:1 u32:0");

  device = connect_with (script_server_start (server), NULL);
  mapping = vuc_device_map_region (device, 0, &error);
  assert_no_error (error);
  io_fds = get_io_fds (device, 0, 1);
  set_posting (device, 0, VUC_POSTING_INSIST);

  writer = (Writer){ device, what->offset };
  thread = g_thread_new ("writes", post_then_write, &writer);
  for (guint i = 0; i < 20; i++)
    {
      ck_assert (!has_arrived (mapping, io_fds[0].fd, what->offset));
      g_usleep (1000);
    }
  script_server_give_sign (server);
  g_thread_join (thread);
  ck_assert (has_arrived (mapping, io_fds[0].fd, what->offset));
  close_and_finish (device, server);
}

static void
nothing_faster_overtakes_what_nobody_waits_for (gconstpointer row)
{
  const Faster *what = row;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (VucMapping) mapping = NULL;
  g_autoptr (Outcome) outcome = outcome_new ();
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  VucOperation operation;

  script_memory_and_doorbell (server);
  script_expect_command (server, 10, "u64:0x10 u32:0 u32:4 'abcd'");
  script_expect_command (server, 4, FENCE);
  script_reply_to (server, 1, "u64:0x10 u32:0 u32:4");
  script_reply (server, "u32:16 u32:0 u32:1 u32:0");

  device = connect_with (script_server_start (server), NULL);
  mapping = vuc_device_map_region (device, 0, &error);
  assert_no_error (error);
  io_fds = get_io_fds (device, 0, 1);
  operation = vuc_device_region_write_async (device, 0, 0x10, "abcd", 4, OUTCOME (outcome));
  write_word (device, 0, what->offset, "ring");
  ck_assert (has_arrived (mapping, io_fds[0].fd, what->offset));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  close_and_finish (device, server);
}

static void
note_sent (const VucMessageEvent *event, gpointer n_sent)
{
  if (event->direction == VUC_MESSAGE_SENT)
    g_atomic_int_inc ((gint *) n_sent);
}

/* Others may post all the time. */
static void
one_fence_is_enough (gconstpointer row)
{
  const Faster *what = row;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (VucMapping) mapping = NULL;
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  gint n_sent = 0;
  gint n_before;
  Writer writer;
  GThread *thread;

  script_memory_and_doorbell (server);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 4, FENCE);
  script_expect (server, POSTED_WRITE (0x20, "'efgh'"));
  script_reply (server, "u32:16 u32:0 u32:1 u32:0");

  vuc_config_set_message_func (config, note_sent, &n_sent, NULL);
  device = connect_with (script_server_start (server), config);
  mapping = vuc_device_map_region (device, 0, &error);
  assert_no_error (error);
  io_fds = get_io_fds (device, 0, 1);
  set_posting (device, 0, VUC_POSTING_INSIST);

  n_before = g_atomic_int_get (&n_sent);
  writer = (Writer){ device, what->offset };
  thread = g_thread_new ("writes", post_then_write, &writer);
  while (g_atomic_int_get (&n_sent) < n_before + 2) /* what it posts, and the fence */
    g_usleep (1000);
  write_word (device, 0, 0x20, "efgh");
  g_thread_join (thread);
  ck_assert (has_arrived (mapping, io_fds[0].fd, what->offset));
  close_and_finish (device, server);
}

static void
handing_areas_out_waits_for_nothing (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (VucMapping) mapping = NULL;
  g_autoptr (GError) error = NULL;

  script_handshake (server, &device_with_memory);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 10, "u64:0x14 u32:0 u32:4 'efgh'");
  script_reply (server, "u64:0x14 u32:0 u32:4");

  device = connect_posting (server);
  write_word (device, 0, 0x10, "abcd");
  mapping = vuc_device_map_region (device, 0, &error);
  assert_no_error (error);
  write_word (device, 0, 0x14, "efgh");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MESSAGE), 1);
  close_and_finish (device, server);
}

/* A function that looks at messages, and then writes what is faster. */
typedef struct
{
  VucDevice *device; /* NULL: not yet */
  guint64 offset;
  guint n_refused, n_done;
} Insider;

static void
write_from_inside (const VucMessageEvent *event, gpointer data)
{
  Insider *insider = data;
  g_autoptr (GError) error = NULL;

  if (insider->device == NULL || event->direction != VUC_MESSAGE_SENT)
    return;
  if (strstr (event->text, "DEVICE_GET_INFO") != NULL)
    {
      insider->n_refused++;
      ck_assert (!vuc_device_region_write (insider->device, 0, insider->offset, "ring", 4, &error));
      assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "from inside a callback");
    }
  else if (strstr (event->text, "REGION_READ") != NULL)
    {
      insider->n_done++;
      vuc_device_region_write (insider->device, 0, insider->offset, "ring", 4, &error);
      assert_no_error (error);
    }
}

/* It cannot wait there.  Where there is nothing to wait for it is done. */
static void
inside_a_callback_nothing_faster_is_done_behind_a_posted_write (gconstpointer row)
{
  const Faster *what = row;
  Insider insider = { .offset = what->offset };
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (VucMapping) mapping = NULL;
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;
  char data[4];

  script_handshake (server, &device_with_memory);
  script_expect_command (server, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  script_reply_fds (server, IO_FDS (64, 0, 1) IO_FD_48 (0, 4, 0, 0, 0, 0, 0, 0), doorbell);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 4, FENCE);
  script_reply (server, "u32:16 u32:0 u32:1 u32:0");
  script_expect_command (server, 9, "u64:0x10 u32:0 u32:4");
  script_reply (server, "u64:0x10 u32:0 u32:4 'abcd'");

  vuc_config_set_message_func (config, write_from_inside, &insider, NULL);
  device = connect_with (script_server_start (server), config);
  mapping = vuc_device_map_region (device, 0, &error);
  ck_assert (vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error));
  assert_no_error (error);
  set_posting (device, 0, VUC_POSTING_INSIST);
  write_word (device, 0, 0x10, "abcd");

  insider.device = device;
  flush (device);
  ck_assert_uint_eq (insider.n_refused, 1);
  ck_assert (!has_arrived (mapping, io_fds[0].fd, what->offset));
  ck_assert (vuc_device_region_read (device, 0, 0x10, data, 4, NULL));
  ck_assert_uint_eq (insider.n_done, 1);
  ck_assert (has_arrived (mapping, io_fds[0].fd, what->offset));
  close_and_finish (device, server);
}

static void
an_asynchronous_store_goes_by_message_behind_others (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (Outcome) read = outcome_new ();
  g_autoptr (Outcome) written = outcome_new ();
  VucOperation operations[2];
  char data[4];

  script_handshake (server, &device_with_memory);
  script_expect_command (server, 9, "u64:0x10 u32:0 u32:4");
  script_expect_command (server, 10, "u64:0x1800 u32:0 u32:4 'ring'");
  script_reply_to (server, 1, "u64:0x10 u32:0 u32:4 'data'");
  script_reply (server, "u64:0x1800 u32:0 u32:4");

  device = connect_with (script_server_start (server), NULL);
  operations[0] = vuc_device_region_read_async (device, 0, 0x10, data, 4, OUTCOME (read));
  operations[1] = vuc_device_region_write_async (device, 0, 0x1800, "ring", 4, OUTCOME (written));
  outcome_process (read, device);
  outcome_process (written, device);
  outcome_expect_success (read, operations[0]);
  outcome_expect_success (written, operations[1]);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MAPPED), 0);
  close_and_finish (device, server);
}

static void
an_asynchronous_kick_waits_as_well (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (Outcome) outcome = outcome_new ();
  const VucIoFd *io_fds;
  VucOperation operation;

  script_memory_and_doorbell (server);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 4, FENCE);
  script_wait_for_sign (server);
  script_reply_error (server, 22);

  device = connect_with (script_server_start (server), NULL);
  io_fds = get_io_fds (device, 0, 1);
  set_posting (device, 0, VUC_POSTING_INSIST);
  write_word (device, 0, 0x10, "abcd");
  operation = vuc_device_region_write_async (device, 0, 0, "ring", 4, OUTCOME (outcome));
  process_all (device);
  outcome_expect_nothing (outcome);
  ck_assert (!has_arrived (NULL, io_fds[0].fd, 0));
  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  ck_assert (has_arrived (NULL, io_fds[0].fd, 0));
  close_and_finish (device, server);
}

static void
a_flush_may_be_asynchronous (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr (Outcome) outcome = outcome_new ();
  VucOperation operation;

  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_ON);
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  operation = vuc_device_flush_async (device, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (nothing_faster_overtakes_a_posted_write, faster),
  HARNESS_ROWS (nothing_faster_overtakes_what_nobody_waits_for, faster),
  HARNESS_ROWS (one_fence_is_enough, faster),
  HARNESS_CASE (handing_areas_out_waits_for_nothing),
  HARNESS_ROWS (inside_a_callback_nothing_faster_is_done_behind_a_posted_write, faster),
  HARNESS_CASE (an_asynchronous_store_goes_by_message_behind_others),
  HARNESS_CASE (an_asynchronous_kick_waits_as_well),
  HARNESS_CASE (a_flush_may_be_asynchronous),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "posting, order", cases);
}
