/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How IO descriptors are asked for, by either side.  Does not know what is in them.  On the thread
 * that runs the case.
 */

#include "conversation/io-fds.h"

#include "harness/harness.h"

void
script_io_fds_question (ScriptServer *server)
{
  script_expect_command (server, 6, "?? ?? ?? ?? u32:0 u32:0 u32:0");
}

const VucIoFd *
get_io_fds (VucDevice *device, guint32 region, gsize n)
{
  const VucIoFd *io_fds = (const VucIoFd *) "unset";
  gsize n_io_fds = 99;
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_get_region_io_fds (device, region, &io_fds, &n_io_fds, &error));
  assert_no_error (error);
  ck_assert_uint_eq (n_io_fds, n);
  if (n == 0)
    ck_assert_ptr_null (io_fds);
  return io_fds;
}
