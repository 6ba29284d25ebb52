/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A device in a loop of one's own, made of epoll; no GLib main loop.  Connects, then reads the
 * device's identity many times, always with a number of reads under way, and says how long one
 * took.  SIGINT and SIGTERM, which come to the same loop, end it early.
 *
 * One thread.  Does not know what the device is for.  docs/embedding.md quotes this file.
 */

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <vfio-user-client/vfio-user-client.h>

#define READS     10000
#define IN_FLIGHT 32

typedef struct
{
  guint started;
  guint done;
  gint64 begin_us;
  gboolean over;
  int status; /* to exit with */
} Program;

/* One read under way, and its memory. */
typedef struct
{
  Program *program;
  guint32 id;
} Slot;

static void
fail (Program *program, const char *what, const char *why)
{
  g_printerr ("embed-epoll: %s: %s\n", what, why);
  program->status = 1;
  program->over = TRUE;
}

static void read_into (VucDevice *device, Slot *slot);

static void
on_read (VucDevice *device,
         VucOperation operation G_GNUC_UNUSED,
         const GError *error,
         gpointer user_data)
{
  Slot *slot = user_data;
  Program *program = slot->program;

  if (program->over) /* inside vuc_device_close (), or another read has failed */
    return;
  if (error != NULL)
    {
      fail (program, "cannot read", error->message);
      return;
    }
  program->done++;
  program->over = program->done == READS;
  if (program->started < READS)
    read_into (device, slot);
}

static void
read_into (VucDevice *device, Slot *slot)
{
  slot->program->started++;
  vuc_device_region_read_async (device, VUC_PCI_CONFIG_REGION, 0, &slot->id, sizeof slot->id,
                                on_read, slot, NULL);
}

static void
on_connected (VucDevice *device,
              VucOperation operation G_GNUC_UNUSED,
              const GError *error,
              gpointer user_data)
{
  Slot *slots = user_data;

  if (error != NULL)
    {
      fail (slots->program, "cannot connect", error->message);
      return;
    }
  slots->program->begin_us = g_get_monotonic_time ();
  for (guint i = 0; i < IN_FLIGHT; i++)
    read_into (device, &slots[i]);
}

static gboolean
watch (int epoll_fd, int fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

  return epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

int
main (int argc, char **argv)
{
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  Program program = { 0 };
  Slot slots[IN_FLIGHT];
  int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  int device_fd, signal_fd;
  sigset_t signals;

  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  sigprocmask (SIG_BLOCK, &signals, NULL);
  signal_fd = signalfd (-1, &signals, SFD_CLOEXEC);

  for (guint i = 0; i < IN_FLIGHT; i++)
    slots[i].program = &program;
  device = vuc_device_connect_async (argc > 1 ? argv[1] : "/run/device.sock", NULL, NULL,
                                     on_connected, slots, NULL);
  device_fd = vuc_device_get_fd (device, &error);
  if (device_fd < 0)
    fail (&program, "cannot watch the device", error->message);
  else if (!watch (epoll_fd, device_fd) || !watch (epoll_fd, signal_fd))
    fail (&program, "cannot make a loop", g_strerror (errno));

  while (!program.over)
    {
      struct epoll_event events[8];
      int n = epoll_wait (epoll_fd, events, G_N_ELEMENTS (events), -1);

      for (int i = 0; i < n; i++)
        if (events[i].data.fd == device_fd)
          vuc_device_process (device); /* never waits; callbacks run in here */
        else
          program.over = TRUE;
    }
  if (program.done > 0)
    g_print ("%u reads, %d at a time, %.1f us each\n", program.done, IN_FLIGHT,
             (double) (g_get_monotonic_time () - program.begin_us) / program.done);

  vuc_device_close (device); /* the callbacks of what is still under way run in here */
  close (signal_fd);
  close (epoll_fd);
  return program.status;
}
