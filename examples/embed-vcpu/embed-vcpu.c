/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The threads of a hypervisor around one device.  vCPU threads read and write a region, and wait
 * for each access.  An I/O thread runs the main context that the device is attached to.  On SIGINT
 * or SIGTERM the main thread has the device reset, and cancels that if it takes too long; then it
 * closes the device, which ends every wait, whatever the server does.
 *
 * Knows one thing about the device: BAR2 is memory, as the demo device's.  docs/embedding.md quotes
 * this file.
 */

#include <signal.h>
#include <unistd.h>
#include <vfio-user-client/vfio-user-client.h>

#define N_VCPUS  4
#define REGION   VUC_PCI_BAR2_REGION
#define PATIENCE G_TIME_SPAN_SECOND

typedef struct
{
  VucDevice *device;
  GMainContext *context;
  gboolean lost; /* the I/O thread's */
  VucOperation reset;
  GMutex lock;
  GCond changed;
  gboolean reset_over; /* guarded by lock */
} Machine;

typedef struct
{
  Machine *machine;
  guint number;
  guint64 accesses;
} Vcpu;

/* A vCPU whose guest stores what it has read, for ever. */
static gpointer
run_vcpu (gpointer data)
{
  Vcpu *vcpu = data;
  VucDevice *device = vcpu->machine->device;
  guint64 offset = vcpu->number * sizeof (guint32);
  g_autoptr (GError) error = NULL;
  guint32 word;

  while (vuc_device_region_read (device, REGION, offset, &word, sizeof word, &error)
         && vuc_device_region_write (device, REGION, offset, &word, sizeof word, &error))
    vcpu->accesses += 2;
  if (!g_error_matches (error, VUC_ERROR, VUC_ERROR_DISCONNECTED))
    g_printerr ("embed-vcpu: vCPU %u: %s\n", vcpu->number, error->message);
  return NULL;
}

/* Runs in the I/O thread; after vuc_device_close () as well. */
static void
on_event (VucDevice *device G_GNUC_UNUSED, VucEvent event, const GError *error, gpointer user_data)
{
  Machine *machine = user_data;

  if (event != VUC_EVENT_LOST)
    return;
  g_print ("lost: %s\n", error->message);
  machine->lost = TRUE;
  kill (getpid (), SIGTERM); /* tells the main thread, if it does not know */
}

static gpointer
run_io (gpointer data)
{
  Machine *machine = data;

  while (!machine->lost)
    g_main_context_iteration (machine->context, TRUE);
  return NULL;
}

static gpointer
wait_for_reset (gpointer data)
{
  Machine *machine = data;
  g_autoptr (GError) error = NULL;
  gboolean ok = vuc_device_wait (machine->device, machine->reset, &error);

  g_print ("reset: %s\n", ok ? "done" : error->message);
  g_mutex_lock (&machine->lock);
  machine->reset_over = TRUE;
  g_cond_signal (&machine->changed);
  g_mutex_unlock (&machine->lock);
  return NULL;
}

/* A reset may take as long as the server likes: one thread waits, another one loses patience. */
static void
reset (Machine *machine)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;
  GThread *waiter;

  machine->reset = vuc_device_reset_async (machine->device, NULL, NULL, NULL);
  waiter = g_thread_new ("reset", wait_for_reset, machine);

  g_mutex_lock (&machine->lock);
  while (!machine->reset_over && g_cond_wait_until (&machine->changed, &machine->lock, deadline))
    continue;
  g_mutex_unlock (&machine->lock);

  vuc_device_cancel (machine->device, machine->reset); /* harmless if it is over */
  g_thread_join (waiter);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  Machine machine = { .context = context };
  Vcpu vcpus[N_VCPUS];
  GThread *vcpu_threads[N_VCPUS], *io_thread;
  sigset_t signals;
  int signal;

  /* For sigwait (), and so in all threads. */
  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &signals, NULL);

  vuc_config_set_event_func (config, on_event, &machine, NULL);
  device = vuc_device_connect (argc > 1 ? argv[1] : "/run/device.sock", config, &error);
  if (device == NULL || !vuc_device_attach (device, context, &error))
    {
      g_printerr ("embed-vcpu: %s\n", error->message);
      return 1;
    }
  machine.device = device;

  io_thread = g_thread_new ("io", run_io, &machine);
  for (guint i = 0; i < N_VCPUS; i++)
    {
      vcpus[i] = (Vcpu){ .machine = &machine, .number = i };
      vcpu_threads[i] = g_thread_new ("vcpu", run_vcpu, &vcpus[i]);
    }
  g_print ("running: %d vCPUs\n", N_VCPUS);
  sigwait (&signals, &signal);

  reset (&machine);
  vuc_device_close (device); /* every call that waits fails now, and every later one */
  for (guint i = 0; i < N_VCPUS; i++)
    {
      g_thread_join (vcpu_threads[i]);
      g_print ("vCPU %u: %" G_GUINT64_FORMAT " accesses\n", i, vcpus[i].accesses);
    }
  g_thread_join (io_thread);
  return 0;
}
