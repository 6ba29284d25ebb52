/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the library costs, as ratios against a client that makes the same system calls by hand.
 *
 * Machines are noisy, so each figure is taken in many short slices that alternate between the two
 * clients; the ratio of each pair is taken, and the median of those is the figure.  It counts with
 * client and server on one CPU, where nothing depends on how fast another one wakes up; the same
 * across two CPUs is printed as well.
 *
 *   BENCH <name> <ratio> <bound> ok|short <library ns> <bare ns> <placement>
 *
 * A bound of "-" is none: the line is only reported.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vfio-user-client/vfio-user-client.h>

#include "bench/bare.h"
#include "bench/peer.h"

#define N_SLICES 60

typedef struct
{
  const char *name;
  int server_cpu; /* the client's is 0 */
} Placement;

static const Placement one_cpu = { "one-cpu", 0 };
static const Placement two_cpus = { "two-cpus", 1 };

/* What one operation works on. */
typedef struct
{
  VucDevice *device; /* the library's connection */
  int bare;          /* the bare client's */
  char *path;        /* of a listening peer */
  void *buffer;
} Subject;

typedef void (*Operation) (Subject *subject);

typedef struct
{
  const char *name;
  Operation library;
  Operation bare;
  guint per_slice; /* operations */
  double bound;
  gboolean at_least; /* the bound is on bare / library, from below */
  gboolean across;   /* it counts across two CPUs, else on one */
} Figure;

static void
read_4 (Subject *subject)
{
  if (!vuc_device_region_read (subject->device, 0, 64, subject->buffer, 4, NULL))
    g_error ("a read failed");
}

static void
bare_read_4 (Subject *subject)
{
  bare_read (subject->bare, 64, subject->buffer, 4);
}

static void
write_4 (Subject *subject)
{
  if (!vuc_device_region_write (subject->device, 0, 64, subject->buffer, 4, NULL))
    g_error ("a write failed");
}

static void
bare_write_4 (Subject *subject)
{
  bare_write (subject->bare, 64, subject->buffer, 4);
}

static void
read_1m (Subject *subject)
{
  if (!vuc_device_region_read (subject->device, 0, 0, subject->buffer, 1 << 20, NULL))
    g_error ("a read failed");
}

static void
bare_read_1m (Subject *subject)
{
  bare_read (subject->bare, 0, subject->buffer, 1 << 20);
}

static void
connect_once (Subject *subject)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = vuc_device_connect (subject->path, NULL, &error);

  if (device == NULL)
    g_error ("%s", error->message);
}

static int
bare_socket (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    g_error ("connecting: %s", g_strerror (errno));
  return fd;
}

static void
bare_connect_once_pipelined (Subject *subject)
{
  int fd = bare_socket (subject->path);

  bare_connect_pipelined (fd);
  close (fd);
}

static void
bare_connect_once_serial (Subject *subject)
{
  int fd = bare_socket (subject->path);

  bare_connect_serial (fd);
  close (fd);
}

static const Figure figures[] = {
  { "read-4", read_4, bare_read_4, 1000, 1.10, FALSE, FALSE },
  { "write-4", write_4, bare_write_4, 1000, 1.10, FALSE, FALSE },
  { "read-1m", read_1m, bare_read_1m, 20, 1.05, FALSE, FALSE },
  { "connect", connect_once, bare_connect_once_pipelined, 50, 1.30, FALSE, FALSE },
  { "connect-serial", connect_once, bare_connect_once_serial, 50, 2.5, TRUE, TRUE },
};

static gint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static double
time_slice (Operation operation, Subject *subject, guint count)
{
  gint64 begin = now_ns ();

  for (guint i = 0; i < count; i++)
    operation (subject);
  return (double) (now_ns () - begin) / count;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static double
median (double *values, gsize n)
{
  qsort (values, n, sizeof *values, compare_doubles);
  return values[n / 2];
}

static void
run_figure (const Figure *figure, Subject *subject, const Placement *placement)
{
  gboolean counts = figure->across == (placement == &two_cpus);
  double library[N_SLICES], bare[N_SLICES], ratios[N_SLICES];
  double ratio;
  gboolean ok;
  char bound[32] = "-";

  /* Caches, and the first of everything. */
  time_slice (figure->library, subject, figure->per_slice / 2 + 1);
  time_slice (figure->bare, subject, figure->per_slice / 2 + 1);

  for (guint i = 0; i < N_SLICES; i++)
    {
      library[i] = time_slice (figure->library, subject, figure->per_slice);
      bare[i] = time_slice (figure->bare, subject, figure->per_slice);
      ratios[i] = figure->at_least ? bare[i] / library[i] : library[i] / bare[i];
    }

  ratio = median (ratios, N_SLICES);
  ok = !counts || (figure->at_least ? ratio >= figure->bound : ratio <= figure->bound);
  if (counts)
    g_snprintf (bound, sizeof bound, "%s%.2f", figure->at_least ? ">=" : "<=", figure->bound);
  printf ("BENCH %s %.3f %s %s %.0f %.0f %s\n", figure->name, ratio, bound, ok ? "ok" : "short",
          median (library, N_SLICES), median (bare, N_SLICES), placement->name);
  fflush (stdout);
}

static void
run_placement (const Placement *placement)
{
  g_autofree char *folder = g_dir_make_tmp ("vuc-bench-XXXXXX", NULL);
  Subject subject = { .buffer = g_malloc0 (1 << 20) };
  g_autoptr (GError) error = NULL;
  pid_t pids[3];
  int fd;

  if (folder == NULL)
    g_error ("no temporary folder");
  subject.path = g_build_filename (folder, "socket", NULL);

  fd = peer_start (placement->server_cpu, &pids[0]);
  subject.bare = peer_start (placement->server_cpu, &pids[1]);
  peer_start_listening (subject.path, placement->server_cpu, &pids[2]);
  peer_pin (0);

  subject.device = vuc_device_connect_fd (fd, NULL, &error);
  if (subject.device == NULL)
    g_error ("%s", error->message);
  bare_connect_pipelined (subject.bare);

  for (gsize i = 0; i < G_N_ELEMENTS (figures); i++)
    run_figure (&figures[i], &subject, placement);

  vuc_device_unref (subject.device);
  close (fd);
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
main (void)
{
  run_placement (&one_cpu);
  if (g_get_num_processors () > 1)
    run_placement (&two_cpus);
  return 0;
}
