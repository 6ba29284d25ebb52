/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the cases with such a device have in common.  Knows the public API only.
 */

#include "interop/fixture.h"

void
set_up (Fixture *fixture, gboolean with_twin, const char *option)
{
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (GError) error = NULL;
  const char *path;

  fixture->process = device_process_new ();
  path = device_process_start (fixture->process, option);
  vuc_config_set_twin_socket (config, with_twin);
  fixture->device = vuc_device_connect (path, config, &error);
  assert_no_error (error);
}

void
tear_down (Fixture *fixture)
{
  vuc_device_close (fixture->device);
  vuc_device_unref (fixture->device);
  device_process_free (fixture->process);
}

guint64
read_register (VucDevice *device, guint number)
{
  g_autoptr (GError) error = NULL;
  guint64 value = 0;

  vuc_device_region_read (device, VUC_PCI_BAR0_REGION, 8 * number, &value, sizeof value, &error);
  assert_no_error (error);
  return value;
}

void
write_register (VucDevice *device, guint number, guint64 value)
{
  g_autoptr (GError) error = NULL;

  vuc_device_region_write (device, VUC_PCI_BAR0_REGION, 8 * number, &value, sizeof value, &error);
  assert_no_error (error);
}
