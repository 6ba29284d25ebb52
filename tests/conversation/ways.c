/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Words that are written, and what is counted of them.  Does not know which way is right.  Any
 * thread, as long as all goes well.
 */

#include "conversation/ways.h"

#include "harness/harness.h"

void
write_word (VucDevice *device, guint32 region, guint64 offset, const char *word)
{
  g_autoptr (GError) error = NULL;

  ck_assert (vuc_device_region_write (device, region, offset, word, 4, &error));
  assert_no_error (error);
}

guint64
count_parts (VucDevice *device, VucWay way)
{
  VucAccessCounters counters;

  vuc_device_get_access_counters (device, &counters);
  return counters.parts[way];
}
