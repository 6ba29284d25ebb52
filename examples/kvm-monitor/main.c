/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * kvm-monitor: a virtual machine with a device of another process.  Options, the demo device if it
 * is wanted, the main loop that the device is attached to, and the order in which all of it is
 * made and taken down.
 *
 * Does not know KVM nor the library.  Everything here runs on the main thread, but for the
 * functions that say otherwise.
 */

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../vfio-user-dump/demo.h"
#include "board.h"
#include "machine.h"

#define MAX_VCPUS 8

extern const guint8 guest_image[], guest_image_end[];

typedef struct
{
  char *path;
  gboolean demo;
  gboolean bench;
  gboolean lose;
  gboolean reconnect;
  gboolean no_io_fds;
  gboolean no_irqfd;
  int fuzz_seconds;
  int n_vcpus;
  int seed;
} Options;

typedef struct
{
  Options options;
  GMainLoop *loop;
  Demo *server;
  Pci *pci;
  gint is_away; /* atomic: the demo device is not to be started */
  gint status;  /* atomic: to exit with */
} Monitor;

/* The device. */

/* The demo device, a new one each time; its end of the socket goes to the caller. */
static int
start_demo (gpointer user_data, GError **error)
{
  Monitor *monitor = user_data;

  if (g_atomic_int_get (&monitor->is_away))
    {
      g_set_error (error, VM_ERROR, 0, "the guest wants to be without the device");
      return -1;
    }
  g_clear_pointer (&monitor->server, demo_stop);
  monitor->server = demo_start (error);
  return monitor->server == NULL ? -1 : dup (demo_get_socket (monitor->server));
}

static void
on_lost (gpointer user_data G_GNUC_UNUSED, const GError *error)
{
  g_printerr ("kvm-monitor: the device is lost: %s\n", error->message);
}

static void
on_back (gpointer user_data)
{
  Monitor *monitor = user_data;

  g_printerr ("kvm-monitor: the device is back\n");
  pci_restore (monitor->pci);
}

static void
on_given_up (gpointer user_data G_GNUC_UNUSED, const GError *error)
{
  g_printerr ("kvm-monitor: the device does not come back: %s\n", error->message);
}

/* The guest; on vCPU threads. */

static gboolean
quit (gpointer user_data)
{
  Monitor *monitor = user_data;

  g_main_loop_quit (monitor->loop);
  return G_SOURCE_REMOVE;
}

static void
on_ended (gpointer user_data, int status)
{
  Monitor *monitor = user_data;

  g_atomic_int_set (&monitor->status, status);
  g_idle_add (quit, monitor);
}

static gboolean
kill_server (gpointer user_data)
{
  Monitor *monitor = user_data;

  if (monitor->server != NULL)
    kill (demo_get_pid (monitor->server), SIGKILL);
  return G_SOURCE_REMOVE;
}

static void
on_lose_device (gpointer user_data)
{
  Monitor *monitor = user_data;

  g_atomic_int_set (&monitor->is_away, TRUE);
  g_idle_add (kill_server, monitor);
}

static void
on_return_device (gpointer user_data)
{
  Monitor *monitor = user_data;

  g_atomic_int_set (&monitor->is_away, FALSE);
}

static void
load_guest (Monitor *monitor, Vm *vm)
{
  const Options *options = &monitor->options;
  guint32 parameters[N_PARAMETERS] = {
    [PARAMETER_MODE / 4] = (options->bench ? MODE_BENCH : 0) | (options->lose ? MODE_LOSE : 0)
                           | (options->reconnect ? MODE_BACK : 0)
                           | (options->fuzz_seconds > 0 ? MODE_FUZZ : 0),
    [PARAMETER_TSC_KHZ / 4] = vm_get_tsc_khz (vm),
    [PARAMETER_SECONDS / 4] = options->fuzz_seconds,
    [PARAMETER_VCPUS / 4] = options->n_vcpus,
    [PARAMETER_SEED / 4] = options->seed,
  };
  gsize size = guest_image_end - guest_image;

  g_assert (size <= MACHINE_GUEST_END - MACHINE_GUEST);
  memcpy (vm_get_ram (vm) + MACHINE_GUEST, guest_image, size);
  memcpy (vm_get_ram (vm) + MACHINE_PARAMETERS, parameters, sizeof parameters);
}

/* Made from the bottom up.  In the end the device goes first: that ends the waits of vCPUs. */
static gboolean
run (Monitor *monitor, GError **error)
{
  static const BoardFuncs funcs = { on_ended, on_lose_device, on_return_device };
  const Options *options = &monitor->options;
  DeviceOptions device_options = {
    .path = options->path,
    .open_socket = start_demo,
    .reconnect = options->reconnect,
    .io_fds = !options->no_io_fds,
    .dma_begin = options->fuzz_seconds > 0 ? MACHINE_DMA : 0,
    .lost = on_lost,
    .back = on_back,
    .given_up = on_given_up,
    .user_data = monitor,
  };
  g_autoptr (Vm) vm = NULL;
  g_autoptr (Device) device = NULL;
  g_autoptr (Pci) pci = NULL;
  g_autoptr (Board) board = NULL;
  DeviceCounters counters;
  gboolean ok;

  if ((vm = vm_new (MACHINE_RAM_SIZE, options->n_vcpus, error)) == NULL
      || (device = device_open (vm, &device_options, error)) == NULL
      || (pci = pci_new (vm, device, !options->no_irqfd, error)) == NULL)
    return FALSE;
  monitor->pci = pci;
  board = board_new (vm, device, pci, &funcs, monitor);
  load_guest (monitor, vm);

  ok = vm_start (vm, MACHINE_GUEST, board_get_bus (), board, error);
  if (ok)
    g_main_loop_run (monitor->loop);
  device_close (device);
  vm_stop (vm);

  device_get_counters (device, &counters);
  if (options->fuzz_seconds > 0)
    g_print ("fuzz: %" G_GUINT64_FORMAT " reads (%" G_GUINT64_FORMAT " failed), %" G_GUINT64_FORMAT
             " writes (%" G_GUINT64_FORMAT " dropped)\n",
             counters.reads, counters.failed_reads, counters.writes, counters.dropped_writes);
  return ok;
}

static gboolean
on_signal (gpointer user_data)
{
  on_ended (user_data, 1);
  return G_SOURCE_CONTINUE;
}

static gboolean
parse (Options *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "demo", 0, 0, G_OPTION_ARG_NONE, &options->demo, "Start the demo device, and use that",
      NULL },
    { "bench", 0, 0, G_OPTION_ARG_NONE, &options->bench, "Measure, inside the guest", NULL },
    { "lose", 0, 0, G_OPTION_ARG_NONE, &options->lose,
      "Wait until the server has gone (--demo: end it), and until it is back", NULL },
    { "reconnect", 0, 0, G_OPTION_ARG_NONE, &options->reconnect, "Connect a lost device again",
      NULL },
    { "fuzz", 0, 0, G_OPTION_ARG_INT, &options->fuzz_seconds,
      "Only access everything at random, for so long", "SECONDS" },
    { "seed", 0, 0, G_OPTION_ARG_INT, &options->seed, "Begin --fuzz with this number", "N" },
    { "vcpus", 0, 0, G_OPTION_ARG_INT, &options->n_vcpus, "How many vCPUs, 1 to 8", "N" },
    { "no-io-fds", 0, 0, G_OPTION_ARG_NONE, &options->no_io_fds,
      "Do not ask the server for ioeventfds", NULL },
    { "no-irqfd", 0, 0, G_OPTION_ARG_NONE, &options->no_irqfd,
      "Take interrupts through the main loop", NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[SOCKET]");

  g_option_context_set_summary (
    context, "Runs a virtual machine with the PCI device that a vfio-user server serves.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 2 || (*argc == 2) == options->demo)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "either SOCKET or --demo");
  else if (options->n_vcpus < 1 || options->n_vcpus > MAX_VCPUS)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "1 to %d vCPUs", MAX_VCPUS);
  else if (options->fuzz_seconds < 0)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "a number of seconds to fuzz");
  else
    {
      options->path = *argc == 2 ? (*argv)[1] : NULL;
      return TRUE;
    }
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  Monitor monitor = { .options = { .n_vcpus = 1, .seed = 1 }, .loop = loop };

  if (!parse (&monitor.options, &argc, &argv, &error))
    {
      g_printerr ("kvm-monitor: %s; see --help\n", error->message);
      return 2;
    }
  signal (SIGPIPE, SIG_IGN);
  g_unix_signal_add (SIGINT, on_signal, &monitor);
  g_unix_signal_add (SIGTERM, on_signal, &monitor);
  if (!run (&monitor, &error))
    {
      g_printerr ("kvm-monitor: %s\n", error->message);
      monitor.status = 1;
    }
  g_clear_pointer (&monitor.server, demo_stop);
  return g_atomic_int_get (&monitor.status);
}
