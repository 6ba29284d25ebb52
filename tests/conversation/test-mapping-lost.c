/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What becomes of mapped regions when the server goes, and when there is one again: the pointers
 * stay.  Written for hosts with pages of 4 KiB.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "conversation/event-log.h"
#include "conversation/loop-thread.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define BAR2    VUC_PCI_BAR2_REGION
#define N_AREAS 2 /* of BAR2 of the demo device */

/* ---- Two demo devices, one after the other ---- */

/* Both run from the beginning, as nothing is forked later. */
typedef struct
{
  DemoDevice *demos[2];
  int next; /* the descriptor of the second; -1: it was supplied */
  EventLog *events;
  LoopThread *loop; /* or NULL */
  VucDevice *device;
  VucMapping *mapping;
  guint8 *memory[N_AREAS];
  gsize size[N_AREAS];
} Pair;

static int
supply_next (gpointer data, GError **error)
{
  Pair *pair = data;
  int fd = pair->next;

  pair->next = -1;
  if (fd < 0)
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "there are no more");
  return fd;
}

static VucMapping *
map (VucDevice *device, guint32 region)
{
  g_autoptr(GError) error = NULL;
  VucMapping *mapping = vuc_device_map_region (device, region, &error);

  assert_no_error (error);
  ck_assert_ptr_nonnull (mapping);
  return mapping;
}

static void
pair_init (Pair *pair)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  const VucMappedArea *areas;
  gsize n_areas;
  int first;

  *pair = (Pair){ .next = -1 };
  pair->demos[0] = demo_device_new ();
  pair->demos[1] = demo_device_new ();
  pair->events = event_log_new ();
  first = demo_device_start (pair->demos[0]);
  pair->next = demo_device_start (pair->demos[1]);
  vuc_config_set_reopen_func (config, supply_next, pair, NULL);
  vuc_config_set_event_func (config, event_log_add, pair->events, NULL);
  pair->device = connect_with (first, config);
  pair->mapping = map (pair->device, BAR2);

  areas = vuc_mapping_get_areas (pair->mapping, &n_areas);
  ck_assert_uint_eq (n_areas, N_AREAS);
  for (guint i = 0; i < N_AREAS; i++)
    {
      pair->memory[i] = areas[i].memory;
      pair->size[i] = areas[i].size;
    }
}

/* From here on somebody looks. */
static void
pair_attach (Pair *pair)
{
  g_autoptr(GError) error = NULL;

  pair->loop = loop_thread_new ();
  ck_assert (vuc_device_attach (pair->device, pair->loop->context, &error));
}

/* The thread may still be telling of an event after this one has seen it, so it goes first. */
static void
pair_clear (Pair *pair)
{
  g_clear_pointer (&pair->loop, loop_thread_free);
  g_clear_pointer (&pair->mapping, vuc_mapping_unref);
  g_clear_pointer (&pair->device, vuc_device_unref);
  for (guint i = 0; i < G_N_ELEMENTS (pair->demos); i++)
    demo_device_free (pair->demos[i]);
  if (pair->next >= 0)
    close (pair->next);
  event_log_free (pair->events);
}

/* SIGKILL. */
static void
kill_first (Pair *pair)
{
  g_clear_pointer (&pair->demos[0], demo_device_free);
}

static void
expect_all_ones (const guint8 *memory, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (memory[i] != 0xff)
      harness_fail ("byte 0x%zx is 0x%02x", i, memory[i]);
}

static void
expect_pair_all_ones (Pair *pair)
{
  for (guint i = 0; i < N_AREAS; i++)
    expect_all_ones (pair->memory[i], pair->size[i]);
}

/* Both areas show what the device has, which its own way of telling says. */
static void
expect_device (Pair *pair)
{
  const VucRegionInfo *info = vuc_device_get_region_info (pair->device, BAR2);

  for (guint i = 0; i < N_AREAS; i++)
    {
      g_autofree guint8 *data = g_malloc (pair->size[i]);
      g_autoptr(GError) error = NULL;

      ck_assert (vuc_device_region_read (pair->device, BAR2, info->areas[i].offset, data,
                                         pair->size[i], &error));
      assert_no_error (error);
      assert_same_bytes (pair->memory[i], pair->size[i], data, pair->size[i]);
      ck_assert_ptr_eq (vuc_mapping_get_pointer (pair->mapping, info->areas[i].offset, 1),
                        pair->memory[i]);
    }
}

static void
expect_call_to_fail (VucDevice *device)
{
  g_autoptr(GError) error = NULL;
  char data[4];

  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
}

/* ---- A loss ---- */

static void
a_killed_server_leaves_all_ones_behind_where_a_loop_looks (void)
{
  Pair pair;

  pair_init (&pair);
  expect_device (&pair);
  pair_attach (&pair);

  kill_first (&pair);
  event_log_wait (pair.events, 1);
  event_log_expect (pair.events, 0, VUC_EVENT_LOST, VUC_ERROR_DISCONNECTED, "");
  expect_pair_all_ones (&pair);
  pair_clear (&pair);
}

static void
a_killed_server_leaves_all_ones_behind_where_a_call_fails (void)
{
  Pair pair;

  pair_init (&pair);
  kill_first (&pair);
  ck_assert_uint_eq (pair.memory[0][0], 0x00); /* nobody knows yet: 0xb2b22000 */
  ck_assert_uint_eq (pair.memory[0][3], 0xb2);
  expect_call_to_fail (pair.device);
  expect_pair_all_ones (&pair);
  pair_clear (&pair);
}

/* Not only the end of the stream is one. */
static void
a_server_that_lies_leaves_all_ones_behind (void)
{
  const ScriptRegion regions[8] = { { .size = 0x3000, .flags = 7,
                                      .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x3000 }) },
                                    [7] = { .size = 256, .flags = 3 } };
  const ScriptDevice script = { .regions = regions, .n_regions = G_N_ELEMENTS (regions) };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(VucMapping) mapping = NULL;
  char data[4];

  script_handshake (server, &script);
  script_expect_command (server, 9, NULL);
  script_reply (server, "'data'");
  device = connect_to (script_server_start (server));
  mapping = map (device, 0);
  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "payload 4, expected 20");
  expect_all_ones (vuc_mapping_get_pointer (mapping, 0, 0x3000), 0x3000);
  script_server_finish (server);
}

static void
a_write_to_a_lost_device_does_no_harm (void)
{
  Pair pair;

  pair_init (&pair);
  kill_first (&pair);
  expect_call_to_fail (pair.device);
  for (guint i = 0; i < N_AREAS; i++)
    {
      memset (pair.memory[i] + 0x1000, 0x5a, 0x800);
      expect_all_ones (pair.memory[i], 0x1000);
      expect_all_ones (pair.memory[i] + 0x1800, pair.size[i] - 0x1800);
    }
  reconnect (pair.device);
  expect_device (&pair); /* it has gone */
  pair_clear (&pair);
}

static void
what_is_not_mapped_of_a_lost_device_cannot_be (void)
{
  g_autoptr(VucMapping) again = NULL;
  g_autoptr(VucMapping) anew = NULL;
  g_autoptr(GError) error = NULL;
  Pair pair;

  pair_init (&pair);
  kill_first (&pair);
  expect_call_to_fail (pair.device);
  again = map (pair.device, BAR2);
  ck_assert_ptr_eq (again, pair.mapping);
  vuc_mapping_unref (g_steal_pointer (&again));
  vuc_mapping_unref (g_steal_pointer (&pair.mapping));

  ck_assert_ptr_null (vuc_device_map_region (pair.device, BAR2, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                "region 2 cannot be mapped: the device is not connected");
  reconnect (pair.device);
  anew = map (pair.device, BAR2);
  ck_assert_uint_eq (*(guint8 *) vuc_mapping_get_pointer (anew, 0x8003, 1), 0xb2);
  pair_clear (&pair);
}

/* ---- Another server ---- */

static void
the_next_device_is_seen_at_the_same_addresses (void)
{
  guint8 data[4];
  g_autoptr(GError) error = NULL;
  Pair pair;

  pair_init (&pair);
  memset (pair.memory[1], 0x77, 4);
  kill_first (&pair);
  expect_call_to_fail (pair.device);
  reconnect (pair.device);
  expect_device (&pair);
  ck_assert_uint_eq (pair.memory[1][0], 0x00); /* not what the first one had */

  memcpy (pair.memory[1] + 0x10, "seen", 4);
  ck_assert (vuc_device_region_read (pair.device, BAR2, 0x8010, data, 4, &error));
  assert_no_error (error);
  assert_bytes (data, 4, "'seen'");
  vuc_device_close (pair.device);
  demo_device_stop (pair.demos[1]);
  pair_clear (&pair);
}

/* Whose file is not what that of the first was, although all that it says is the same. */
typedef struct
{
  const char *name;
  ScriptFd fds[2];
  const char *text;
} RefusedRow;

#define TWO_AREAS \
  "u16:1 u16:1 u32:0 u32:2 u32:0 u64:0x2000 u64:0x1000 u64:0x5000 u64:0x2000"

static const RefusedRow refused[] = {
  { "a file that is too small for the second area",
    { { SCRIPT_FD_SEALED_MEMFD, 0x6fff }, { SCRIPT_FD_END, 0 } },
    "mapping area 1 of region 0 again: the file has 0x6fff bytes, but 0x2000 from 0x5000 on are to "
    "be mapped" },
  { "a file that is too small for both",
    { { SCRIPT_FD_SEALED_MEMFD, 0x1000 }, { SCRIPT_FD_END, 0 } },
    "mapping area 0 of region 0 again: the file has 0x1000 bytes, but 0x1000 from 0x2000 on are to "
    "be mapped" },
  { "a file that can shrink",
    { { SCRIPT_FD_NO_SEAL_MEMFD, 0x10000 }, { SCRIPT_FD_END, 0 } },
    "mapping area 0 of region 0 again: the server can shrink the file, and it cannot be sealed "
    "against that" },
};

static ScriptRegion
make_region (const ScriptFd *fds)
{
  return (ScriptRegion){ .size = 0x10000, .flags = 7, .capabilities = TWO_AREAS, .fds = fds };
}

static void
expect_region_all_ones (VucMapping *mapping)
{
  expect_all_ones (vuc_mapping_get_pointer (mapping, 0x2000, 0x1000), 0x1000);
  expect_all_ones (vuc_mapping_get_pointer (mapping, 0x5000, 0x2000), 0x2000);
}

static void
expect_region_file (VucMapping *mapping)
{
  ck_assert_uint_eq (*(guint64 *) vuc_mapping_get_pointer (mapping, 0x2008, 8), 0x2008);
  ck_assert_uint_eq (*(guint64 *) vuc_mapping_get_pointer (mapping, 0x6ff8, 8), 0x6ff8);
}

static void
a_server_whose_file_is_not_safe_is_refused (gconstpointer data)
{
  const RefusedRow *row = data;
  const ScriptRegion good[8] = { make_region (SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 0x10000 })),
                                 [7] = { .size = 256, .flags = 3 } };
  const ScriptRegion bad[8] = { make_region (row->fds), [7] = { .size = 256, .flags = 3 } };
  const ScriptDevice good_script = { .regions = good, .n_regions = G_N_ELEMENTS (good) };
  const ScriptDevice bad_script = { .regions = bad, .n_regions = G_N_ELEMENTS (bad) };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(VucMapping) mapping = NULL;

  script_handshake (server, &good_script);
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_accept (server);
  script_handshake (server, &bad_script);
  script_expect_eof (server);
  script_close (server);
  script_handshake (server, &good_script);
  script_sign_of_life (server);
  device = vuc_device_connect (script_server_listen (server), NULL, &error);
  assert_no_error (error);
  mapping = map (device, 0);
  expect_region_file (mapping);
  expect_call_to_fail (device);
  expect_region_all_ones (mapping);

  ck_assert (!vuc_device_reconnect (device, &error));
  ck_assert (g_error_matches (error, VUC_ERROR, VUC_ERROR_REJECTED));
  ck_assert_str_eq (error->message, row->text);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  expect_region_all_ones (mapping);

  reconnect (device);
  expect_region_file (mapping);
  expect_sign_of_life (device);
  close_and_finish (device, server);
  expect_region_file (mapping);
}

static void
files_of_a_trusted_server_are_mapped_again (void)
{
  const ScriptRegion regions[8] = { make_region (SCRIPT_FDS ({ SCRIPT_FD_FILE, 0x10000 })),
                                    [7] = { .size = 256, .flags = 3 } };
  const ScriptDevice script = { .regions = regions, .n_regions = G_N_ELEMENTS (regions) };
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(VucMapping) mapping = NULL;

  vuc_config_set_allow_unsealed_files (config, TRUE);
  script_handshake (server, &script);
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_accept (server);
  script_handshake (server, &script);
  script_sign_of_life (server);
  device = vuc_device_connect (script_server_listen (server), config, &error);
  assert_no_error (error);
  mapping = map (device, 0);
  expect_call_to_fail (device);
  expect_region_all_ones (mapping);
  reconnect (device);
  expect_region_file (mapping);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- Ends of the caller's ---- */

static void
closing_leaves_what_was_there (void)
{
  Pair pair;

  pair_init (&pair);
  memcpy (pair.memory[0], "mine", 4);
  vuc_device_close (pair.device);
  assert_bytes (pair.memory[0], 4, "'mine'");
  ck_assert_uint_eq (pair.memory[1][3], 0xb2);
  kill_first (&pair);
  assert_bytes (pair.memory[0], 4, "'mine'");

  reconnect (pair.device);
  expect_device (&pair);
  ck_assert_uint_eq (pair.memory[0][3], 0xb2);
  pair_clear (&pair);
}

/* No descriptor of the device stays open for it. */
static void
the_device_may_go_first (void)
{
  const guint before = harness_count_descriptors ();
  DemoDevice *demo = demo_device_new ();
  VucDevice *device = connect_to (demo_device_start (demo));
  VucMapping *mapping = map (device, BAR2);
  guint8 *memory = vuc_mapping_get_pointer (mapping, 0x8000, 0x4000);

  vuc_device_unref (device);
  ck_assert_uint_eq (harness_count_descriptors (), before);
  demo_device_free (demo);
  ck_assert_uint_eq (memory[3], 0xb2);
  memory[0x3fff] = 1;
  ck_assert_uint_eq (memory[0x3fff], 1);
  vuc_mapping_unref (mapping);
}

static void
a_lost_device_may_go_first (void)
{
  VucMapping *mapping;
  Pair pair;

  pair_init (&pair);
  mapping = vuc_mapping_ref (pair.mapping);
  kill_first (&pair);
  expect_call_to_fail (pair.device);
  pair_clear (&pair);
  expect_all_ones (vuc_mapping_get_pointer (mapping, 0x2000, 0x2000), 0x2000);
  expect_all_ones (vuc_mapping_get_pointer (mapping, 0x8000, 0x4000), 0x4000);
  vuc_mapping_unref (mapping);
}

static void
a_region_that_is_mapped_twice_has_the_same_pointers (void)
{
  g_autoptr(VucMapping) again = NULL;
  Pair pair;

  pair_init (&pair);
  again = map (pair.device, BAR2);
  ck_assert_ptr_eq (again, pair.mapping);
  vuc_mapping_unref (g_steal_pointer (&pair.mapping));
  ck_assert_ptr_eq (vuc_mapping_get_pointer (again, 0x2000, 1), pair.memory[0]);
  ck_assert_uint_eq (pair.memory[0][3], 0xb2);
  pair_clear (&pair);
}

/* ---- A thread that never stops looking, as a processor does ---- */

typedef struct
{
  const volatile guint32 *word;
  guint32 device_value;
  gint stops;     /* atomic */
  gint seen;      /* atomic: 1 the device, 2 all ones, since this was last set to 0 */
  gint n_strange; /* other values */
} Watcher;

/* ThreadSanitizer takes what replaces the memory for a write to it. */
static guint32 __attribute__ ((noinline, no_sanitize ("thread"))) look (const volatile guint32 *word)
{
  return *word;
}

static gpointer
watch (gpointer data)
{
  Watcher *watcher = data;

  while (!g_atomic_int_get (&watcher->stops))
    {
      const guint32 value = look (watcher->word);

      if (value == watcher->device_value)
        g_atomic_int_or ((guint *) &watcher->seen, 1);
      else if (value == G_MAXUINT32)
        g_atomic_int_or ((guint *) &watcher->seen, 2);
      else
        g_atomic_int_inc (&watcher->n_strange);
    }
  return NULL;
}

/* Until it has seen that, after now. */
static void
wait_until_seen (Watcher *watcher, gint what)
{
  g_atomic_int_set (&watcher->seen, 0);
  while ((g_atomic_int_get (&watcher->seen) & what) == 0)
    g_usleep (1000);
}

static void
whoever_looks_all_the_time_sees_the_device_or_all_ones (void)
{
  Watcher watchers[N_AREAS] = { { NULL } };
  GThread *threads[N_AREAS];
  Pair pair;

  pair_init (&pair);
  for (guint i = 0; i < N_AREAS; i++)
    {
      watchers[i].word = (guint32 *) (pair.memory[i] + 0x1ffc);
      watchers[i].device_value = *watchers[i].word;
      threads[i] = g_thread_new ("watcher", watch, &watchers[i]);
    }
  pair_attach (&pair);

  for (guint i = 0; i < N_AREAS; i++)
    wait_until_seen (&watchers[i], 1);
  kill_first (&pair);
  for (guint i = 0; i < N_AREAS; i++)
    wait_until_seen (&watchers[i], 2);
  event_log_wait (pair.events, 1); /* nobody may connect before it is lost for everybody */
  reconnect (pair.device);
  for (guint i = 0; i < N_AREAS; i++)
    wait_until_seen (&watchers[i], 1);

  for (guint i = 0; i < N_AREAS; i++)
    {
      g_atomic_int_set (&watchers[i].stops, TRUE);
      g_thread_join (threads[i]);
      ck_assert_int_eq (watchers[i].n_strange, 0);
    }
  pair_clear (&pair);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_killed_server_leaves_all_ones_behind_where_a_loop_looks),
  HARNESS_CASE (a_killed_server_leaves_all_ones_behind_where_a_call_fails),
  HARNESS_CASE (a_server_that_lies_leaves_all_ones_behind),
  HARNESS_CASE (a_write_to_a_lost_device_does_no_harm),
  HARNESS_CASE (what_is_not_mapped_of_a_lost_device_cannot_be),
  HARNESS_CASE (the_next_device_is_seen_at_the_same_addresses),
  HARNESS_ROWS (a_server_whose_file_is_not_safe_is_refused, refused),
  HARNESS_CASE (files_of_a_trusted_server_are_mapped_again),
  HARNESS_CASE (closing_leaves_what_was_there),
  HARNESS_CASE (the_device_may_go_first),
  HARNESS_CASE (a_lost_device_may_go_first),
  HARNESS_CASE (a_region_that_is_mapped_twice_has_the_same_pointers),
  HARNESS_CASE (whoever_looks_all_the_time_sees_the_device_or_all_ones),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "mapping-lost", cases);
}
