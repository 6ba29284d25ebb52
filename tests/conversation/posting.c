/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* Devices that post, through the public API only.  On the thread that runs the case. */

#include "conversation/posting.h"

#include "conversation/connect.h"
#include "harness/harness.h"

VucDevice *
connect_posting (ScriptServer *server)
{
  g_autoptr (VucConfig) config = vuc_config_new ();

  vuc_config_set_posted_writes (config, TRUE);
  return connect_with (script_server_start (server), config);
}

void
flush (VucDevice *device)
{
  g_autoptr (GError) error = NULL;

  ck_assert (vuc_device_flush (device, &error));
  assert_no_error (error);
}

void
set_posting (VucDevice *device, guint32 region, VucPosting posting)
{
  g_autoptr (GError) error = NULL;

  ck_assert (vuc_device_set_region_posting (device, region, posting, &error));
  assert_no_error (error);
}
