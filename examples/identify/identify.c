/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* Prints who a PCI device is: the example of the README. */

#include <stdio.h>
#include <vfio-user-client/vfio-user-client.h>

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  guint16 id[2];

  device = vuc_device_connect (argc > 1 ? argv[1] : "/run/device.sock", NULL, &error);
  if (device == NULL
      || !vuc_device_region_read (device, VUC_PCI_CONFIG_REGION, 0, id, sizeof id, &error))
    {
      fprintf (stderr, "identify: %s\n", error->message);
      return 1;
    }
  printf ("%04x:%04x, %u regions\n", id[0], id[1], vuc_device_get_info (device)->num_regions);
  return 0;
}
