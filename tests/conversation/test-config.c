/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The configuration: defaults, ranges, that a device keeps what it was connected with, and who sees
 * the messages.
 */

#include <errno.h>
#include <string.h>

#include "conversation/connect.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* ---- Settings ---- */

typedef struct
{
  const char *name;
  void (*set) (VucConfig *config, guint value);
  guint (*get) (const VucConfig *config);
  guint initial, min, max;
} SettingRow;

static const SettingRow settings[] = {
  { "timeout_ms", vuc_config_set_timeout_ms, vuc_config_get_timeout_ms, 5000, 1, 86400000 },
  { "long_timeout_ms", vuc_config_set_long_timeout_ms, vuc_config_get_long_timeout_ms, 0, 0,
    86400000 },
  { "max_msg_fds", vuc_config_set_max_msg_fds, vuc_config_get_max_msg_fds, 253, 1, 253 },
  { "max_write_size", vuc_config_set_max_write_size, vuc_config_get_max_write_size, 32768, 8,
    1048576 },
  { "max_regions", vuc_config_set_max_regions, vuc_config_get_max_regions, 256, 1, 65536 },
  { "max_irqs", vuc_config_set_max_irqs, vuc_config_get_max_irqs, 64, 1, 65536 },
  { "max_irq_count", vuc_config_set_max_irq_count, vuc_config_get_max_irq_count, 2048, 1, 1048576 },
  { "poll_us", vuc_config_set_poll_us, vuc_config_get_poll_us, 0, 0, 1000 },
};

static void
a_setting_has_a_default_and_a_range (gconstpointer data)
{
  const SettingRow *row = data;
  g_autoptr(VucConfig) config = vuc_config_new ();
  const guint outside[] = { row->min - 1, row->max + 1, G_MAXUINT };

  ck_assert_uint_eq (row->get (config), row->initial);
  row->set (config, row->min);
  ck_assert_uint_eq (row->get (config), row->min);
  row->set (config, row->max);
  ck_assert_uint_eq (row->get (config), row->max);

  row->set (config, row->initial);
  for (gsize i = 0; i < G_N_ELEMENTS (outside); i++)
    {
      g_autofree char *pattern = g_strdup_printf ("*vuc_config_set_%s*failed*", row->name);

      harness_context ("%u", outside[i]);
      g_test_expect_message ("libvfio-user-client", G_LOG_LEVEL_CRITICAL, pattern);
      row->set (config, outside[i]);
      g_test_assert_expected_messages ();
      ck_assert_uint_eq (row->get (config), row->initial);
    }
}

static void
files_have_to_be_sealed_by_default (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();

  ck_assert (!vuc_config_get_allow_unsealed_files (config));
  vuc_config_set_allow_unsealed_files (config, TRUE);
  ck_assert (vuc_config_get_allow_unsealed_files (config));
}

static void
nothing_is_posted_and_every_way_is_open_by_default (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();

  ck_assert (!vuc_config_get_posted_writes (config));
  vuc_config_set_posted_writes (config, TRUE);
  ck_assert (vuc_config_get_posted_writes (config));

  ck_assert_uint_eq (vuc_config_get_access_flags (config), VUC_ACCESS_ANY);
  vuc_config_set_access_flags (config, VUC_ACCESS_NO_MAPPED | VUC_ACCESS_NO_POSTED);
  ck_assert_uint_eq (vuc_config_get_access_flags (config),
                     VUC_ACCESS_NO_MAPPED | VUC_ACCESS_NO_POSTED);
  g_test_expect_message ("libvfio-user-client", G_LOG_LEVEL_CRITICAL,
                         "*vuc_config_set_access_flags*failed*");
  vuc_config_set_access_flags (config, (VucAccessFlags) 0x10);
  g_test_assert_expected_messages ();
}

static void
a_configuration_lives_as_long_as_somebody_refers_to_it (void)
{
  VucConfig *config = vuc_config_new ();
  VucConfig *same = vuc_config_ref (config);

  ck_assert_ptr_eq (config, same);
  vuc_config_unref (config);
  ck_assert_uint_eq (vuc_config_get_timeout_ms (same), 5000);
  vuc_config_unref (same);
}

/* ---- Limits ---- */

typedef struct
{
  const char *name;
  void (*set) (VucConfig *config, guint value);
  guint limit;
  const char *text;
} LimitRow;

/* Below what script_pci_device has: 9 regions, 5 indexes, of which one has 4 interrupts. */
static const LimitRow limits[] = {
  { "max_regions", vuc_config_set_max_regions, 8, "num_regions 9, allowed are 0 to 8" },
  { "max_irqs", vuc_config_set_max_irqs, 4, "num_irqs 5, allowed are 0 to 4" },
  { "max_irq_count", vuc_config_set_max_irq_count, 3, "index 1: count 4, allowed are 0 to 3" },
};

static void
a_device_within_the_limits_is_used_and_one_above_is_not (gconstpointer data)
{
  const LimitRow *row = data;

  for (guint excess = 0; excess < 2; excess++)
    {
      g_autoptr(VucConfig) config = vuc_config_new ();
      g_autoptr(ScriptServer) server = script_server_new ();

      row->set (config, row->limit + 1 - excess);
      script_version (server, &script_pci_device);
      script_device_info (server, &script_pci_device);
      script_may_end_early (server);
      script_queries (server, &script_pci_device);
      if (excess == 0)
        vuc_device_unref (connect_with (script_server_start (server), config));
      else
        connect_and_expect (script_server_start (server), config, VUC_ERROR_PROTOCOL, row->text);
      script_server_finish (server);
    }
}

/* What the server is told, and what it is held to. */
static void
max_msg_fds_is_proposed_and_insisted_on (void)
{
  const ScriptRegion region = { .size = 4096, .flags = 7,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 },
                                                   { SCRIPT_FD_EVENTFD, 0 },
                                                   { SCRIPT_FD_EVENTFD, 0 }) };
  const ScriptDevice script = { .regions = &region, .n_regions = 1 };
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();

  vuc_config_set_max_msg_fds (config, 2);
  script_handshake (server, &script);
  connect_and_expect (script_server_start (server), config, VUC_ERROR_PROTOCOL,
                      "DEVICE_GET_REGION_INFO reply: 3 descriptors came, allowed are 2");
  script_server_finish (server);
}

static void
a_device_keeps_what_it_was_connected_with (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  const gint64 start = g_get_monotonic_time ();
  char data[4];

  script_handshake (server, &script_pci_device);
  script_expect_command (server, 10, "u64:0 u32:0 u32:12 'twelve bytes'");
  script_reply (server, "u64:0 u32:0 u32:12");
  script_expect_command (server, 9, NULL);
  script_wait_forever (server);
  device = connect_with (script_server_start (server), config);

  vuc_config_set_timeout_ms (config, 60000);
  vuc_config_set_max_write_size (config, 8);
  vuc_config_unref (g_steal_pointer (&config));
  ck_assert (vuc_device_region_write (device, 0, 0, "twelve bytes", 12, &error));
  assert_no_error (error);
  ck_assert (!vuc_device_region_read (device, 7, 0, data, 4, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "REGION_READ");
  ck_assert_uint_lt (ms_since (start), 30000);
  close_and_finish (device, server);
}

/* ---- The message function ---- */

typedef struct
{
  GPtrArray *lines;
  guint n_freed;
  gint64 last_time;
} Log;

static void
note_message (const VucMessageEvent *event, gpointer user_data)
{
  Log *log = user_data;
  const char *verb = event->direction == VUC_MESSAGE_SENT ? "sent" : "got";

  ck_assert_int_ge (event->time_us, log->last_time);
  ck_assert_ptr_null (strchr (event->text, '\n'));
  log->last_time = event->time_us;
  g_ptr_array_add (log->lines, g_strdup_printf ("%s %u bytes, %u fds: %s", verb, event->size,
                                                event->n_fds, event->text));
}

static void
note_freed (gpointer user_data)
{
  Log *log = user_data;

  log->n_freed++;
}

static void
the_message_function_sees_each_message (void)
{
  static const char *const expected[][2] = {
    { "sent ", "VERSION" },
    { "got ", "VERSION" },
    { "sent 32 bytes, 0 fds", "DEVICE_GET_INFO" },
    { "got 32 bytes, 0 fds", "num_regions 1" },
    { "sent 48 bytes, 0 fds", "DEVICE_GET_REGION_INFO" },
    { "got 48 bytes, 1 fds", "READ" },
    { "sent 36 bytes, 0 fds", "REGION_WRITE" },
    { "got 32 bytes, 0 fds", "REGION_WRITE" },
    { "sent 32 bytes, 0 fds", "REGION_READ" },
    { "got 16 bytes, 0 fds", "error: Operation not permitted (errno 1)" },
  };
  const ScriptRegion region = { .size = 4096, .flags = 7,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 4096 }) };
  const ScriptDevice script = { .regions = &region, .n_regions = 1 };
  Log log = { .lines = g_ptr_array_new_with_free_func (g_free) };
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  VucDevice *device;
  char data[4] = "data";

  vuc_config_set_message_func (config, note_message, &log, note_freed);
  script_handshake (server, &script);
  script_expect_command (server, 10, NULL);
  script_reply (server, "u64:0 u32:0 u32:4");
  script_expect_command (server, 9, NULL);
  script_reply_error (server, EPERM);

  device = connect_with (script_server_start (server), config);
  ck_assert (vuc_device_region_write_full (device, 0, 0, data, 4, VUC_ACCESS_MESSAGE_ONLY, &error));
  assert_no_error (error);
  ck_assert (!vuc_device_region_read_full (device, 0, 0, data, 4, VUC_ACCESS_MESSAGE_ONLY, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "");
  vuc_device_unref (device);
  script_server_finish (server);

  ck_assert_uint_eq (log.lines->len, G_N_ELEMENTS (expected));
  for (guint i = 0; i < log.lines->len; i++)
    {
      const char *line = g_ptr_array_index (log.lines, i);

      assert_contains (line, expected[i][1]);
      ck_assert_msg (g_str_has_prefix (line, expected[i][0]), "\"%s\" does not begin with \"%s\"",
                     line, expected[i][0]);
    }
  g_ptr_array_unref (log.lines);
}

static void
the_message_functions_data_is_freed_once_nobody_needs_it (void)
{
  Log log = { .lines = g_ptr_array_new_with_free_func (g_free) };
  VucConfig *config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  VucDevice *device;

  vuc_config_set_message_func (config, note_message, &log, note_freed);
  script_handshake (server, &script_pci_device);
  device = connect_with (script_server_start (server), config);
  vuc_config_unref (config);
  ck_assert_uint_eq (log.n_freed, 0);
  vuc_device_close (device);
  ck_assert_uint_eq (log.n_freed, 0);
  vuc_device_unref (device);
  ck_assert_uint_eq (log.n_freed, 1);
  script_server_finish (server);
  g_ptr_array_unref (log.lines);
}

static void
another_message_function_replaces_the_first (void)
{
  Log first = { .lines = g_ptr_array_new_with_free_func (g_free) };
  Log second = { .lines = g_ptr_array_new_with_free_func (g_free) };
  VucConfig *config = vuc_config_new ();

  vuc_config_set_message_func (config, note_message, &first, note_freed);
  vuc_config_set_message_func (config, note_message, &second, note_freed);
  ck_assert_uint_eq (first.n_freed, 1);
  ck_assert_uint_eq (second.n_freed, 0);
  vuc_config_set_message_func (config, NULL, NULL, NULL);
  ck_assert_uint_eq (second.n_freed, 1);
  vuc_config_unref (config);
  ck_assert_uint_eq (first.n_freed + second.n_freed, 2);
  g_ptr_array_unref (first.lines);
  g_ptr_array_unref (second.lines);
}

typedef struct
{
  VucDevice *device;
  guint n_calls;
} Asker;

static void
ask_from_inside (const VucMessageEvent *event G_GNUC_UNUSED, gpointer user_data)
{
  Asker *asker = user_data;
  g_autoptr(GError) error = NULL;
  char data[1];

  if (asker->device == NULL)
    return;
  asker->n_calls++;
  ck_assert (!vuc_device_region_read (asker->device, 7, 0, data, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "from inside a callback");
}

static void
the_message_function_cannot_ask_the_server (void)
{
  Asker asker = { NULL, 0 };
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  vuc_config_set_message_func (config, ask_from_inside, &asker, NULL);
  script_handshake (server, &script_pci_device);
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  asker.device = device;
  expect_sign_of_life (device);
  ck_assert_uint_eq (asker.n_calls, 2);
  close_and_finish (device, server);
}

static void
count_destroys (gpointer data)
{
  guint *count = data;

  (*count)++;
}

static void
data_without_a_message_function_is_freed_at_once (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  guint count = 0;

  vuc_config_set_message_func (config, NULL, &count, count_destroys);
  ck_assert_uint_eq (count, 1);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_setting_has_a_default_and_a_range, settings),
  HARNESS_CASE (files_have_to_be_sealed_by_default),
  HARNESS_CASE (nothing_is_posted_and_every_way_is_open_by_default),
  HARNESS_CASE (a_configuration_lives_as_long_as_somebody_refers_to_it),
  HARNESS_ROWS (a_device_within_the_limits_is_used_and_one_above_is_not, limits),
  HARNESS_CASE (max_msg_fds_is_proposed_and_insisted_on),
  HARNESS_CASE (a_device_keeps_what_it_was_connected_with),
  HARNESS_CASE (the_message_function_sees_each_message),
  HARNESS_CASE (the_message_functions_data_is_freed_once_nobody_needs_it),
  HARNESS_CASE (another_message_function_replaces_the_first),
  HARNESS_CASE (the_message_function_cannot_ask_the_server),
  HARNESS_CASE (data_without_a_message_function_is_freed_at_once),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "config", cases);
}
