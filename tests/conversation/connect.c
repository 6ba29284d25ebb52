/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Connecting to the harness's servers, through the public API only.  Does not know what is tested.
 * On the thread that runs the case.
 */

#include "conversation/connect.h"

#include <string.h>
#include <unistd.h>

#include "harness/descriptors.h"
#include "harness/harness.h"

VucDevice *
connect_with (int fd, VucConfig *config)
{
  g_autoptr(GError) error = NULL;
  VucDevice *device = vuc_device_connect_fd (fd, config, &error);

  close (fd);
  assert_no_error (error);
  ck_assert_ptr_nonnull (device);
  return device;
}

VucDevice *
connect_to (int fd)
{
  return connect_with (fd, NULL);
}

VucDevice *
connect_to_path (const char *path, VucConfig *config)
{
  g_autoptr(GError) error = NULL;
  VucDevice *device = vuc_device_connect (path, config, &error);

  assert_no_error (error);
  return device;
}

void
reconnect (VucDevice *device)
{
  g_autoptr(GError) error = NULL;

  vuc_device_reconnect (device, &error);
  assert_no_error (error);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_CONNECTED);
}

void
connect_and_expect (int fd, VucConfig *config, VucError code, const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = vuc_device_connect_fd (fd, config, &error);

  close (fd);
  assert_error (error, VUC_ERROR, code, text);
  ck_assert_ptr_null (device);
}

gboolean
runs_under_valgrind (void)
{
  const char *preloaded = g_getenv ("LD_PRELOAD");

  return preloaded != NULL && strstr (preloaded, "vgpreload") != NULL;
}

/* Sanitizers make a slow client, too. */
guint
short_deadline_ms (void)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  return 300;
#endif
  return runs_under_valgrind () ? 500 : 100;
}

/* How many threads want to run just now, on all processors; 0 where nobody tells. */
static guint
count_running (void)
{
  g_autofree char *text = NULL;
  const char *slash;

  /* "0.20 0.18 0.12 1/80 11206" */
  if (!g_file_get_contents ("/proc/loadavg", &text, NULL, NULL))
    return 0;
  slash = strchr (text, '/');
  while (slash != NULL && slash > text && g_ascii_isdigit (slash[-1]))
    slash--;
  return slash != NULL ? (guint) g_ascii_strtoull (slash, NULL, 10) : 0;
}

/* How many times longer everything takes.  The same each time in a process, as one deadline is
 * compared with another. */
static guint
get_crowd (void)
{
  static guint crowd;

  if (crowd == 0)
    {
      guint n = count_running () / (2 * g_get_num_processors ()); /* CLAMP looks more than once */

      crowd = CLAMP (n, 1, 8);
    }
  return crowd;
}

guint
patient_deadline_ms (void)
{
  return get_crowd () * 5 * short_deadline_ms ();
}

guint
late_ms (void)
{
  return get_crowd () == 1 ? 4500 : G_MAXUINT;
}

VucConfig *
config_with_timeout (guint ms)
{
  VucConfig *config = vuc_config_new ();

  vuc_config_set_timeout_ms (config, ms);
  return config;
}

void
close_and_finish (VucDevice *device, ScriptServer *server)
{
  vuc_device_close (device);
  script_server_finish (server);
}

void
script_sign_of_life (ScriptServer *server)
{
  script_expect_command (server, 9, "u64:0 | u32:7 | u32:4");
  script_reply (server, "u64:0 | u32:7 | u32:4 | 'here'");
}

void
expect_sign_of_life (VucDevice *device)
{
  g_autoptr(GError) error = NULL;
  char data[4];

  harness_context ("the connection must still live");
  ck_assert (vuc_device_region_read (device, 7, 0, data, sizeof data, &error));
  assert_no_error (error);
  assert_bytes (data, sizeof data, "'here'");
}

void
script_loss (ScriptServer *server)
{
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_accept (server);
}

void
lose (VucDevice *device)
{
  char data[4];

  ck_assert (!vuc_device_region_read (device, 7, 0, data, sizeof data, NULL));
}

void
attach (VucDevice *device, GMainContext *context)
{
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_attach (device, context, &error));
  assert_no_error (error);
}

guint
count_files (void)
{
  g_autoptr(GPtrArray) descriptors = descriptors_list ();
  guint n = 0;

  for (guint i = 0; i < descriptors->len; i++)
    n += !g_str_has_prefix (((const Descriptor *) descriptors->pdata[i])->what, "anon_inode:");
  return n;
}

guint
ms_since (gint64 start)
{
  return (guint) ((g_get_monotonic_time () - start) / 1000);
}
