/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The bytes of one region and nothing else. What the server refuses to read becomes 0xff, as a bus
 * would answer, so that everything stays in its place. Main thread.
 */

#include "report.h"

static gboolean
write_bytes (const guint8 *data,
             const guint8 *readable G_GNUC_UNUSED,
             gsize count,
             gpointer user_data)
{
  Job *job = user_data;

  fwrite (data, 1, count, job->out);
  return job_flush (job);
}

void
report_raw (Job *job)
{
  job_dump (job, &g_array_index (job->ranges, DumpRange, 0), write_bytes, job);
}
