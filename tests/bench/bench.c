/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the library costs, as ratios against a client that makes the same system calls by hand.
 *
 * A figure counts with client and server on one CPU, where nothing depends on how fast another one
 * wakes up; the same across two CPUs is printed as well.
 *
 *   BENCH <name> <ratio> <bound> ok|short <library ns> <bare ns> <placement>
 *
 * A bound of "-" is none: the line is only reported.  Some lines compare the library with itself:
 * threads-8 with one thread, devices-1000 with ten devices, dma-65535-maps with one mapping, mapped-read
 * with a message, routing with one entry, posted-multi with posted, polling with sleeping; and heap-per-device has bytes in place of nanoseconds, of an idle device and of what it
 * may take.  "skipped" instead of a verdict says
 * why in the end.
 *
 * An argument is a part of the names of those that are wanted: "bench async".
 *
 * Exit status 1: not all of many asynchronous reads were completed.
 */

#include <string.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/client.h"
#include "bench/figures.h"
#include "bench/measure.h"
#include "bench/peer.h"

/* Two lines without a bound say what the others are made of: read-4-minimal is the library against
 * the fewest instructions that read 4 bytes; calls has no server and no library, but the system
 * calls of the bare client, then those of the minimal one. */
static const Figure figures[] = {
  { "read-4", read_4, bare_read_4, 1000, .bound = 1.10 },
  { "read-4-minimal", read_4, bare_read_4_minimal, 1000, .bound = 0 },
  { "calls", calls_in_pieces, calls_minimal, 5000, .bound = 0 },
  { "write-4", write_4, bare_write_4, 1000, .bound = 1.10 },
  { "read-4-attached", read_4, bare_read_4, 1000, .bound = 1.15, .setting = &while_attached },
  { "write-4-attached", write_4, bare_write_4, 1000, .bound = 1.15, .setting = &while_attached },
  { "read-1m", read_1m, bare_read_1m, 20, .bound = 1.05 },
  { "connect", connect_once, bare_connect_once_pipelined, 50, .bound = 1.30 },
  { "connect-serial", connect_once, bare_connect_once_serial, 50, .bound = 2.5, TRUE, TRUE },
  { "async-32", flight_read_4, bare_flight_read_4, 6400, .bound = 1.20, .setting = &in_context },
  { "async-32-process", flight_read_4, bare_flight_read_4, 6400, .bound = 1.20,
    .setting = &in_process },
  { "async-100k", flight_read_4, bare_flight_read_4, 100000, .n_slices = 5, .setting = &at_limit },
  { "threads-8", threads_read_4, read_4, 4000, .bound = 1.00, TRUE, .setting = &with_threads },
  { "devices-1000", devices_read_4, few_devices_read_4, 10000, .bound = 1.50,
    .setting = &with_devices },
  { "dma-read-4k", dma_read_4k, bare_dma_read_4k, 500, .bound = 1.15, .setting = &with_memory },
  { "dma-write-4k", dma_write_4k, bare_dma_write_4k, 500, .bound = 1.15, .setting = &with_memory },
  { "dma-read-1m", dma_read_1m, bare_dma_read_1m, 20, .bound = 1.05, .setting = &with_memory },
  { "dma-write-1m", dma_write_1m, bare_dma_write_1m, 20, .bound = 1.05, .setting = &with_memory },
  { "dma-read-4k-twin", dma_read_4k, bare_dma_read_4k, 500, .setting = &with_twin_memory },
  { "dma-write-4k-twin", dma_write_4k, bare_dma_write_4k, 500, .setting = &with_twin_memory },
  { "dma-65535-maps", many_dma_read_4k, bare_dma_read_4k, 500, .bound = 1.10,
    .setting = &with_many_regions },
  { "dma-65535-maps-write", many_dma_write_4k, bare_dma_write_4k, 500, .bound = 1.10,
    .setting = &with_many_regions },
  { "mapped-read", mapped_read_4, message_read_4, 1000, .bound = 100, .at_least = TRUE,
    .setting = &with_ways },
  { "mapped-pointer", mapped_load, plain_load, 1000000, .bound = 1.05, .setting = &with_ways },
  { "ioeventfd", kick_4, bare_kick, 5000, .bound = 1.30, .setting = &with_ways },
  { "ioregionfd-read", ioregionfd_read_4, bare_ioregionfd_read_4, 1000, .bound = 1.15,
    .setting = &with_ways },
  { "routing", route_among_many, route_to_one, 5000, .bound = 1.20, .setting = &with_ways },
  { "posted", post_4, bare_post_4, 200, .bound = 1.20, .setting = &with_posting },
  { "posted-multi", post_4_together, post_4, 20000, .n_slices = 15, .bound = 3.0, .at_least = TRUE,
    .setting = &with_posting },
  { "polling", polling_read_4, sleeping_read_4, 1000, .bound = 5.0, TRUE, TRUE,
    .setting = &with_polling },
};

/* only: a part of the names of the figures that are wanted. */
static void
run_placement (const Placement *placement, const char *only)
{
  g_autofree char *folder = g_dir_make_tmp ("vuc-bench-XXXXXX", NULL);
  Subject subject = { .placement = placement, .buffer = g_malloc0 (1 << 20) };
  pid_t pids[3];
  int fd;

  if (folder == NULL)
    g_error ("no temporary folder");
  subject.path = g_build_filename (folder, "socket", NULL);

  fd = peer_start (placement->server_cpu, PEER_PLAIN, &pids[0]);
  subject.bare = peer_start (placement->server_cpu, PEER_PLAIN, &pids[1]);
  peer_start_listening (subject.path, placement->server_cpu, &pids[2]);
  peer_pin (0);

  subject.device = client_connect (fd, NULL);
  bare_connect_pipelined (subject.bare);

  for (gsize i = 0; i < G_N_ELEMENTS (figures); i++)
    if (strstr (figures[i].name, only) != NULL)
      measure (&figures[i], &subject);

  vuc_device_unref (subject.device);
  close (subject.bare);
  for (gsize i = 0; i < G_N_ELEMENTS (pids); i++)
    peer_stop (pids[i]);
  unlink (subject.path);
  rmdir (folder);
  g_free (subject.path);
  g_free (subject.buffer);
  peer_pin (-1);
}

int
main (int argc, char **argv)
{
  const char *only = argc > 1 ? argv[1] : "";

  if (strstr ("heap-per-device", only) != NULL)
    report_heap_per_device (&one_cpu);
  run_placement (&one_cpu, only);
  if (g_get_num_processors () > 1)
    run_placement (&two_cpus, only);
  return 0;
}
