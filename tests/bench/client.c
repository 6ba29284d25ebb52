/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Connects the library to a peer.  Does not know what is measured.  Main thread.
 */

#include "bench/client.h"

#include <unistd.h>

VucDevice *
client_connect (int fd, VucConfig *config)
{
  g_autoptr (GError) error = NULL;
  VucDevice *device = vuc_device_connect_fd (fd, config, &error);

  if (device == NULL)
    g_error ("%s", error->message);
  close (fd);
  return device;
}

void
client_open (Client *client, int cpu, PeerManner manner, VucConfig *config)
{
  int fd = peer_start (cpu, manner, &client->pid);

  client->device = client_connect (fd, config);
}

void
client_close (Client *client)
{
  vuc_device_unref (client->device);
  peer_stop (client->pid);
}
