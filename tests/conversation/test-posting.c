/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes: which are, which never are, what goes over the socket, and that nothing overtakes
 * them.
 */

#include <poll.h>
#include <string.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "conversation/ways.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define SCRATCH  0x008 /* a register of the demo device, in BAR0 */
#define DOORBELL 0x800

/* A posted write to region 0 has the no-reply bit, and the id that no other message has. */
#define POSTED_WRITE(offset, data)                                                                 \
  "u16:0xffff u16:10 u32:36 u32:0x10 u32:0 | u64:" #offset " u32:0 u32:4 | " data

/* The command that a fence is, and what is answered to it. */
#define FENCE      "u32:16 u32:0 u32:0 u32:0"
#define FENCE_DONE "u32:16 u32:3 u32:9 u32:2"

static VucDevice *
connect_posting (ScriptServer *server)
{
  g_autoptr (VucConfig) config = vuc_config_new ();

  vuc_config_set_posted_writes (config, TRUE);
  return connect_with (script_server_start (server), config);
}

static void
flush (VucDevice *device)
{
  g_autoptr (GError) error = NULL;

  ck_assert (vuc_device_flush (device, &error));
  assert_no_error (error);
}

static void
set_posting (VucDevice *device, guint32 region, VucPosting posting)
{
  g_autoptr (GError) error = NULL;

  ck_assert (vuc_device_set_region_posting (device, region, posting, &error));
  assert_no_error (error);
}

static void
expect_refusal (VucDevice *device,
                guint32 region,
                VucPosting posting,
                VucError code,
                const char *why)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!vuc_device_set_region_posting (device, region, posting, &error));
  assert_error (error, VUC_ERROR, code, why);
}

/* ---- What goes over the socket ---- */

static void
a_posted_write_wants_no_reply_and_a_flush_asks (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect (server, POSTED_WRITE (0x14, "'efgh'"));
  script_expect_command (server, 4, FENCE);
  script_reply (server, FENCE_DONE);

  device = connect_posting (server);
  write_word (device, 0, 0x10, "abcd");
  write_word (device, 0, 0x14, "efgh");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 2);
  flush (device);
  flush (device); /* nothing is outstanding */
  close_and_finish (device, server);
}

static void
a_later_reply_is_as_good_as_a_flush (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  guint8 data[4];

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 9, "u64:0 u32:0 u32:4");
  script_reply (server, "u64:0 u32:0 u32:4 'data'");

  device = connect_posting (server);
  write_word (device, 0, 0x10, "abcd");
  ck_assert (vuc_device_region_read (device, 0, 0, data, 4, &error));
  flush (device);
  close_and_finish (device, server);
}

static void
what_is_answered_all_the_same_is_dropped (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_send (server, "u16:0xffff u16:10 u32:32 u32:1 u32:0 | u64:0x10 u32:0 u32:4");
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_send (server, "u16:0xffff u16:10 u32:16 u32:0x21 u32:5");
  script_sign_of_life (server);

  device = connect_posting (server);
  write_word (device, 0, 0x10, "abcd");
  write_word (device, 0, 0x10, "abcd");
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
long_writes_wait_for_their_reply (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:0 u32:0 u32:9 'nine byte'");
  script_reply (server, "u64:0 u32:0 u32:9");

  device = connect_posting (server);
  ck_assert (vuc_device_region_write (device, 0, 0, "nine byte", 9, &error));
  assert_no_error (error);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 0);
  close_and_finish (device, server);
}

/* ---- Where it is done ---- */

static void
nothing_is_posted_by_default (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_to (demo_device_start (demo));

  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 0);
  ck_assert_uint_eq (count_parts (device, VUC_WAY_MESSAGE), 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
one_region_may_be_posted_to (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr (GError) error = NULL;
  char back[4] = "";

  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_ON);
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);
  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, SCRATCH, back, 4, &error));
  ck_assert_mem_eq (back, "abcd", 4);

  ck_assert (vuc_device_region_write_full (device, VUC_PCI_BAR0_REGION, SCRATCH, "efgh", 4,
                                           VUC_ACCESS_NO_POSTED, &error));
  write_word (device, VUC_PCI_BAR2_REGION, 0, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);

  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_OFF);
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
errors_of_posted_writes_are_not_seen (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr (GError) error = NULL;
  guint32 latch = 0;

  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_ON);
  write_word (device, VUC_PCI_BAR0_REGION, 0x400, "abcd");
  flush (device);
  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR0_REGION, 0x10, &latch, 4, &error));
  ck_assert_uint_eq (latch, 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
configuration_space_and_port_io_are_never_posted_to (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:4 u32:7 u32:4 'abcd'");
  script_reply (server, "u64:4 u32:7 u32:4");
  script_expect_command (server, 10, "u64:4 u32:0 u32:4 'abcd'");
  script_reply (server, "u64:4 u32:0 u32:4");

  device = connect_posting (server);
  write_word (device, VUC_PCI_CONFIG_REGION, 4, "abcd");
  vuc_device_set_region_port_io (device, 0, TRUE);
  write_word (device, 0, 4, "abcd");

  expect_refusal (device, VUC_PCI_CONFIG_REGION, VUC_POSTING_ON, VUC_ERROR_NOT_SUPPORTED,
                  "it is the configuration space");
  expect_refusal (device, VUC_PCI_CONFIG_REGION, VUC_POSTING_INSIST, VUC_ERROR_NOT_SUPPORTED,
                  "it is the configuration space");
  expect_refusal (device, 0, VUC_POSTING_INSIST, VUC_ERROR_NOT_SUPPORTED, "it is port IO");
  expect_refusal (device, 99, VUC_POSTING_ON, VUC_ERROR_INVALID_ARGUMENT, "no region 99");
  set_posting (device, VUC_PCI_CONFIG_REGION, VUC_POSTING_OFF);
  close_and_finish (device, server);
}

static void
what_was_handed_out_is_posted_to_only_on_demand (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (VucMapping) mapping = NULL;
  g_autoptr (GError) error = NULL;

  vuc_config_set_posted_writes (config, TRUE);
  device = connect_with (demo_device_start (demo), config);
  write_word (device, VUC_PCI_BAR2_REGION, 0, "abcd");
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 2);

  mapping = vuc_device_map_region (device, VUC_PCI_BAR2_REGION, &error);
  assert_no_error (error);
  get_io_fds (device, VUC_PCI_BAR0_REGION, 9);
  write_word (device, VUC_PCI_BAR2_REGION, 0, "abcd");
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 2);
  expect_refusal (device, VUC_PCI_BAR2_REGION, VUC_POSTING_ON, VUC_ERROR_NOT_SUPPORTED,
                  "its areas were handed out");
  expect_refusal (device, VUC_PCI_BAR0_REGION, VUC_POSTING_ON, VUC_ERROR_NOT_SUPPORTED,
                  "its IO descriptors were handed out");

  set_posting (device, VUC_PCI_BAR2_REGION, VUC_POSTING_INSIST);
  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_INSIST);
  write_word (device, VUC_PCI_BAR2_REGION, 0, "abcd");
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 4);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
it_still_holds_when_connected_again (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = vuc_device_connect (demo_device_listen (demo), NULL, &error);

  assert_no_error (error);
  set_posting (device, VUC_PCI_BAR0_REGION, VUC_POSTING_ON);
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "abcd");
  vuc_device_close (device);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  write_word (device, VUC_PCI_BAR0_REGION, SCRATCH, "efgh");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 2);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static void
a_region_may_go_back_to_the_default (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:0x10 u32:0 u32:4 'abcd'");
  script_reply (server, "u64:0x10 u32:0 u32:4");
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));

  device = connect_posting (server);
  set_posting (device, 0, VUC_POSTING_OFF);
  write_word (device, 0, 0x10, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 0);
  set_posting (device, 0, VUC_POSTING_DEFAULT);
  write_word (device, 0, 0x10, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);
  close_and_finish (device, server);
}

static void
the_default_may_be_not_to (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 10, "u64:0x10 u32:0 u32:4 'abcd'");
  script_reply (server, "u64:0x10 u32:0 u32:4");

  device = connect_to (script_server_start (server));
  set_posting (device, 0, VUC_POSTING_ON);
  write_word (device, 0, 0x10, "abcd");
  set_posting (device, 0, VUC_POSTING_DEFAULT);
  write_word (device, 0, 0x10, "abcd");
  ck_assert_uint_eq (count_parts (device, VUC_WAY_POSTED), 1);
  close_and_finish (device, server);
}

static void
messages_of_posted_writes_are_counted (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  VucAccessCounters counters;

  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect (server, POSTED_WRITE (0x14, "'efgh'"));

  device = connect_posting (server);
  memset (&counters, 0xee, sizeof counters);
  vuc_device_get_access_counters (device, &counters);
  ck_assert_uint_eq (counters.posted_messages, 0);
  write_word (device, 0, 0x10, "abcd");
  write_word (device, 0, 0x14, "efgh");
  vuc_device_get_access_counters (device, &counters);
  ck_assert_uint_eq (counters.parts[VUC_WAY_POSTED], 2);
  ck_assert_uint_eq (counters.posted_messages, 2);
  ck_assert_uint_eq (counters.parts[VUC_WAY_MESSAGE], 0);
  for (guint i = 0; i < G_N_ELEMENTS (counters.reserved); i++)
    ck_assert_uint_eq (counters.reserved[i], 0);
  close_and_finish (device, server);
}

static void
what_was_posted_to_a_lost_device_is_not_asked_for (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) lost = NULL;
  char data[4];

  vuc_config_set_posted_writes (config, TRUE);
  script_handshake (server, &script_pci_device);
  script_expect (server, POSTED_WRITE (0x10, "'abcd'"));
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_accept (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);

  device = vuc_device_connect (script_server_listen (server), config, &error);
  assert_no_error (error);
  write_word (device, 0, 0x10, "abcd");
  ck_assert (!vuc_device_region_read (device, 7, 0, data, 4, NULL));
  ck_assert (!vuc_device_flush (device, &lost));
  assert_error (lost, VUC_ERROR, VUC_ERROR_DISCONNECTED, "closed the connection");
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  flush (device);
  ck_assert_uint_eq (vuc_device_get_generation (device), 2);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- Order ---- */

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
  HARNESS_CASE (a_posted_write_wants_no_reply_and_a_flush_asks),
  HARNESS_CASE (a_later_reply_is_as_good_as_a_flush),
  HARNESS_CASE (what_is_answered_all_the_same_is_dropped),
  HARNESS_CASE (long_writes_wait_for_their_reply),
  HARNESS_CASE (nothing_is_posted_by_default),
  HARNESS_CASE (one_region_may_be_posted_to),
  HARNESS_CASE (errors_of_posted_writes_are_not_seen),
  HARNESS_CASE (configuration_space_and_port_io_are_never_posted_to),
  HARNESS_CASE (what_was_handed_out_is_posted_to_only_on_demand),
  HARNESS_CASE (it_still_holds_when_connected_again),
  HARNESS_CASE (a_region_may_go_back_to_the_default),
  HARNESS_CASE (the_default_may_be_not_to),
  HARNESS_CASE (messages_of_posted_writes_are_counted),
  HARNESS_CASE (what_was_posted_to_a_lost_device_is_not_asked_for),
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
  return harness_main (argc, argv, "posting", cases);
}
