/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reads by a client that polls, of a peer that does, against the same where both sleep.  Main
 * thread.
 */

#include "bench/client.h"
#include "bench/figures.h"

#define POLL_US 1000

static char *
polling_begin (Subject *subject)
{
  g_autoptr (VucConfig) config = NULL;
  Client *polling;

  if (subject->placement->server_cpu == 0)
    return g_strdup ("both would poll on one CPU");

  polling = g_new0 (Client, 1);
  config = vuc_config_new ();
  vuc_config_set_poll_us (config, POLL_US);
  client_open (polling, subject->placement->server_cpu, PEER_SPINS, config);
  subject->own = polling;
  return NULL;
}

static void
polling_end (Subject *subject)
{
  Client *polling = subject->own;

  peer_pin (0);
  client_close (polling);
  g_free (polling);
}

const Setting with_polling = { polling_begin, polling_end };

/* A thread that is kept on one CPU does not poll.  It stays where it is by itself, as the peer keeps
 * the other one busy. */
void
polling_read_4 (Subject *subject, guint count)
{
  Client *polling = subject->own;
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
