/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An answer that is there, and whose caller looks at it only when the server that gave it has
 * gone, and another one is, or is becoming, the device.  The caller is a thread that sleeps for its
 * answer, while another one reads; here it is held where it wakes up, or where it has looked and
 * goes on, which a busy machine may do as well.
 */

#include <poll.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "conversation/outcome.h"
#include "device/device-private.h"
#include "harness/harness.h"
#include "harness/script-device.h"
#include "unit/session-fixture.h"

/* --- Being late --- */

typedef enum
{
  LATE_AWAKE = 1, /* it does not wake up before the gate is open */
  LATE_TO_GO_ON   /* it does, and is held where it takes the session's lock next */
} Lateness;

static struct
{
  GMutex lock;
  GCond changed;
  gboolean is_asleep; /* the late caller is */
  gboolean is_held;   /* it is at the gate */
  gboolean is_open;
} gate;

static GPrivate lateness; /* a Lateness, on the late thread, until it sleeps */
static GPrivate held_at;  /* the lock */

gboolean __real_g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time);
gboolean __wrap_g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time);
void __real_g_mutex_lock (GMutex *mutex);
void __wrap_g_mutex_lock (GMutex *mutex);

static void
set_at_gate (gboolean *what)
{
  g_mutex_lock (&gate.lock);
  *what = TRUE;
  g_cond_broadcast (&gate.changed);
  g_mutex_unlock (&gate.lock);
}

static void
wait_at_gate (const gboolean *what)
{
  g_mutex_lock (&gate.lock);
  while (!*what)
    g_cond_wait (&gate.changed, &gate.lock);
  g_mutex_unlock (&gate.lock);
}

/* Nobody can answer before this lets go of the mutex. */
gboolean
__wrap_g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  Lateness late = GPOINTER_TO_INT (g_private_get (&lateness));

  if (late == 0)
    return __real_g_cond_wait_until (cond, mutex, end_time);

  g_private_set (&lateness, NULL);
  set_at_gate (&gate.is_asleep);
  if (late == LATE_TO_GO_ON)
    {
      g_private_set (&held_at, mutex);
      return __real_g_cond_wait_until (cond, mutex, end_time);
    }
  g_mutex_unlock (mutex);
  wait_at_gate (&gate.is_open);
  g_mutex_lock (mutex);
  return TRUE;
}

void
__wrap_g_mutex_lock (GMutex *mutex)
{
  if (g_private_get (&held_at) == mutex)
    {
      g_private_set (&held_at, NULL);
      set_at_gate (&gate.is_held);
      wait_at_gate (&gate.is_open);
    }
  __real_g_mutex_lock (mutex);
}

/* --- The callers --- */

typedef struct
{
  ScriptServer *server;
  VucDevice *device;
  gboolean (*ask) (VucDevice *device, GError **error);
  Lateness lateness; /* 0: it wakes late */
  GThread *thread;
  gboolean ok;
  GError *error;
} Late;

static gpointer
read_until_the_end (gpointer device)
{
  char data[4];

  return GINT_TO_POINTER (vuc_device_region_read (device, 7, 0, data, sizeof data, NULL));
}

static gpointer
ask_and_sleep (gpointer data)
{
  Late *late = data;

  g_private_set (&lateness, GINT_TO_POINTER (late->lateness != 0 ? late->lateness : LATE_AWAKE));
  late->ok = late->ask (late->device, &late->error);
  return NULL;
}

/* The script: what the one that reads asks for, then what the late one does; both are there before
 * that is answered. */
static void
script_both (ScriptServer *server, guint16 command, const char *payload)
{
  script_expect_command (server, 9, "u64:0 u32:7 u32:4");
  script_expect_command (server, command, payload);
  script_wait_for_sign (server);
}

static void
script_next_server (ScriptServer *server)
{
  script_close (server);
  script_accept (server);
}

/* Until the answer has come and the connection is lost. */
static void
late_ask (Late *late)
{
  GThread *reader;

  gate.is_asleep = gate.is_held = gate.is_open = FALSE;
  reader = g_thread_new ("reader", read_until_the_end, late->device);
  wait_for_sleepers (late->device->session, 0);
  late->thread = g_thread_new ("late", ask_and_sleep, late);
  wait_at_gate (&gate.is_asleep);
  script_server_give_sign (late->server);
  if (late->lateness == LATE_TO_GO_ON)
    {
      wait_at_gate (&gate.is_held);
      script_server_give_sign (late->server);
    }
  ck_assert_msg (g_thread_join (reader) == NULL, "there was no answer for who reads");
}

static void
late_look (Late *late)
{
  set_at_gate (&gate.is_open);
  g_thread_join (late->thread);
}

static void
late_expect_error (Late *late, VucError code, const char *text)
{
  ck_assert_msg (!late->ok, "what was asked of the server before succeeded");
  assert_error (late->error, VUC_ERROR, code, text);
  g_clear_error (&late->error);
}

/* --- IO descriptors --- */

static gboolean
ask_for_io_fds (VucDevice *device, GError **error)
{
  const VucIoFd *io_fds;
  gsize n_io_fds;

  return vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, error);
}

typedef struct
{
  const char *name;
  const char *reply; /* the whole message */
  const ScriptFd *fds;
  VucError code;
  const char *text;
} AnswerRow;

static const ScriptFd one_eventfd[] = { { SCRIPT_FD_EVENTFD, 0 }, { SCRIPT_FD_END, 0 } };

#define DOORBELL_AT(offset) IO_FDS (64, 0, 1) IO_FD_48 (offset, 4, 0, 0, 0, 0, 0, 0)

static const AnswerRow answers[] = {
  { "a doorbell", "id u16:6 u32:80 u32:1 u32:0 | " DOORBELL_AT (0x10), one_eventfd,
    VUC_ERROR_DISCONNECTED, "the device was connected anew meanwhile" },
  { "none", "id u16:6 u32:32 u32:1 u32:0 | " IO_FDS (16, 0, 0), NULL, VUC_ERROR_DISCONNECTED,
    "the device was connected anew meanwhile" },
  { "a refusal", "id u16:6 u32:16 u32:0x21 u32:22", NULL, VUC_ERROR_DISCONNECTED,
    "the device was connected anew meanwhile" },
  /* Fatal, but for the connection that it came on. */
  { "a lie", "id u16:6 u32:32 u32:1 u32:0 | " IO_FDS (16, 5, 0), NULL, VUC_ERROR_PROTOCOL,
    "region 0" },
};

/* The script: the question, this answer and the end. */
static void
script_answer (ScriptServer *server, const AnswerRow *row)
{
  script_handshake (server, &script_pci_device);
  script_both (server, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  if (row->fds != NULL)
    script_send_fds (server, row->reply, row->fds);
  else
    script_send (server, row->reply);
  script_next_server (server);
}

/* The script: a server that is asked, too, and has another doorbell.  Then nobody who still has the
 * answer of the one before. */
static void
script_another_answer (ScriptServer *server)
{
  script_expect_command (server, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  script_reply_fds (server, DOORBELL_AT (0x20), one_eventfd);
  script_expect_command (server, 10, "u64:0x10 u32:0 u32:4 'ring'");
  script_reply (server, "u64:0x10 u32:0 u32:4");
  script_sign_of_life (server);
}

static void
expect_another_answer (VucDevice *device)
{
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds = NULL;
  gsize n_io_fds = 0;

  ck_assert_int_eq (vuc_device_get_region_io_fds_errno (device, 0), 0);
  vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error);
  assert_no_error (error);
  ck_assert_uint_eq (n_io_fds, 1);
  ck_assert_uint_eq (io_fds[0].offset, 0x20);
  vuc_device_region_write (device, 0, 0x10, "ring", 4, &error);
  assert_no_error (error);
  expect_sign_of_life (device);
}

static void
IO_descriptors_of_the_server_before_are_not_those_of_the_next (gconstpointer data)
{
  const AnswerRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  Late late = { .server = server, .ask = ask_for_io_fds };

  script_answer (server, row);
  script_handshake (server, &script_pci_device);
  script_another_answer (server);

  late.device = device = connect_to_path (script_server_listen (server), NULL);
  late_ask (&late);
  reconnect (device);
  late_look (&late);
  late_expect_error (&late, row->code, row->text);
  expect_another_answer (device);
  close_and_finish (device, server);
}

/* It is not the device yet, and may be asked already what the one before was asked. */
static void
nor_are_they_while_the_next_is_being_connected (gconstpointer data)
{
  const AnswerRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (Outcome) outcome = outcome_new ();
  VucOperation operation;
  Late late = { .server = server, .ask = ask_for_io_fds };

  script_answer (server, row);
  script_version (server, &script_pci_device);
  script_device_info (server, &script_pci_device);
  script_hold_back_after (server, 0);
  script_queries (server, &script_pci_device);
  script_another_answer (server);

  late.device = device = connect_to_path (script_server_listen (server), NULL);
  late_ask (&late);
  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  process_all (device);
  outcome_expect_nothing (outcome);
  late_look (&late);
  late_expect_error (&late, row->code, row->text);
  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  expect_another_answer (device);
  close_and_finish (device, server);
}

/* Whoever comes next is asked, too, and must have the same. */
static void
while_there_is_no_other_they_are_kept (void)
{
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucDevice) device = NULL;
  Late late = { .server = server, .ask = ask_for_io_fds };

  script_answer (server, &answers[0]);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0");
  script_reply_fds (server, DOORBELL_AT (0x10), one_eventfd);
  script_sign_of_life (server);

  late.device = device = connect_to_path (script_server_listen (server), NULL);
  late_ask (&late);
  late_look (&late);
  ck_assert (late.ok);
  reconnect (device);
  ck_assert (vuc_device_region_write (device, 0, 0x10, "ring", 4, NULL));
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* --- Memory and interrupts --- */

static const VucDmaRegion one_page = { .iova = 0x1000, .size = 0x1000, .flags = 3, .fd = -1,
                                       .vaddr = (guint8[0x1000]){ 0 } };

static gboolean
map_one_page (VucDevice *device, GError **error)
{
  return vuc_device_dma_map (device, &one_page, error);
}

static gboolean
disable_msi (VucDevice *device, GError **error)
{
  return vuc_device_disable_irq (device, 1, error);
}

typedef struct
{
  const char *name;
  gboolean (*ask) (VucDevice *device, GError **error);
  guint16 command;
  const char *payload;
  const char *text;
} SuccessRow;

static const SuccessRow successes[] = {
  { "memory was mapped", map_one_page, 2, "u32:32 u32:3 u64:0 u64:0x1000 u64:0x1000",
    "the device was lost and connected again meanwhile" },
  { "interrupts were disabled", disable_msi, 8, "u32:20 u32:0x21 u32:1 u32:0 u32:0",
    "the device was connected anew meanwhile" },
};

/* The next server was not told, and does not have it. */
static void
what_was_done_for_the_server_before_is_not_done_for_the_next (gconstpointer data)
{
  const SuccessRow *row = data;
  g_autoptr (ScriptServer) server = script_server_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  Late late = { .server = server, .ask = row->ask };

  vuc_config_set_pipeline_dma (config, TRUE); /* or only one of the two would be asked for */
  script_handshake (server, &script_pci_device);
  script_both (server, row->command, row->payload);
  script_reply (server, "");
  script_next_server (server);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  script_expect_command (server, row->command, row->payload);
  script_reply (server, "");

  late.device = device = connect_to_path (script_server_listen (server), config);
  late_ask (&late);
  reconnect (device);
  late_look (&late);
  late_expect_error (&late, VUC_ERROR_DISCONNECTED, row->text);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  expect_sign_of_life (device);
  ck_assert (row->ask (device, NULL));
  close_and_finish (device, server);
}

/* --- Accesses of several parts --- */

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

static guint64
count (VucDevice *device, VucWay way)
{
  VucAccessCounters counters;

  vuc_device_get_access_counters (device, &counters);
  return counters.parts[way];
}

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
  n_next = count (device, row->next);
  late_look (&late);
  late_expect_error (&late, VUC_ERROR_DISCONNECTED, "the connection was lost meanwhile");
  ck_assert_uint_eq (count (device, row->next), n_next);
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

static const HarnessCase cases[] = {
  HARNESS_ROWS (IO_descriptors_of_the_server_before_are_not_those_of_the_next, answers),
  HARNESS_ROWS (nor_are_they_while_the_next_is_being_connected, answers),
  HARNESS_CASE (while_there_is_no_other_they_are_kept),
  HARNESS_ROWS (what_was_done_for_the_server_before_is_not_done_for_the_next, successes),
  HARNESS_ROWS (an_access_does_not_go_on_with_another_server, parts),
  HARNESS_CASE (nor_does_its_next_message_that_was_about_to_go),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "late answers", cases);
}
