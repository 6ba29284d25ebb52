/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reads by a client that polls, of a peer that does, against the same where both sleep.  Main
 * thread.
 */

#include <unistd.h>

#include "bench/figures.h"
#include "bench/peer.h"

#define POLL_US 1000

typedef struct
{
  VucDevice *device;
  pid_t pid;
} Polling;

static char *
polling_begin (Subject *subject)
{
  g_autoptr (VucConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  Polling *polling;
  int fd;

  if (subject->placement->server_cpu == 0)
    return g_strdup ("both would poll on one CPU");

  polling = g_new0 (Polling, 1);
  config = vuc_config_new ();
  vuc_config_set_poll_us (config, POLL_US);
  fd = peer_start (subject->placement->server_cpu, PEER_SPINS, &polling->pid);
  polling->device = vuc_device_connect_fd (fd, config, &error);
  if (polling->device == NULL)
    g_error ("%s", error->message);
  close (fd);
  subject->own = polling;
  return NULL;
}

static void
polling_end (Subject *subject)
{
  Polling *polling = subject->own;

  peer_pin (0);
  vuc_device_unref (polling->device);
  peer_stop (polling->pid);
  g_free (polling);
}

const Setting with_polling = { polling_begin, polling_end };

/* A thread that is kept on one CPU does not poll.  It stays where it is by itself, as the peer keeps
 * the other one busy. */
void
polling_read_4 (Subject *subject, guint count)
{
  Polling *polling = subject->own;
  guint32 value;

  peer_pin (-1);
  while (count-- > 0)
    if (!vuc_device_region_read (polling->device, 0, 64, &value, sizeof value, NULL))
      g_error ("a read failed");
}

void
sleeping_read_4 (Subject *subject, guint count)
{
  peer_pin (0);
  read_4 (subject, count);
}
