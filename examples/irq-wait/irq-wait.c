/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Waits in a GLib main loop for interrupts of a device.  Nothing in the loop waits for the server:
 * it is told of each interrupt, and asks for the next one.
 *
 * One thread.  Knows a register of the demo device (its README.md): writing N to it raises vector N
 * of MSI-X.
 */

#include <vfio-user-client/vfio-user-client.h>

#define FIRE 0x140 /* in BAR0 */

typedef struct
{
  GMainLoop *loop;
  guint32 vector; /* the next one to raise; belongs to the write that is under way */
  guint n_vectors;
  int status; /* to exit with */
} Program;

static void
fail (Program *program, const char *what, const GError *error)
{
  g_printerr ("irq-wait: %s: %s\n", what, error->message);
  program->status = 1;
  g_main_loop_quit (program->loop);
}

/* The interrupt may have come before: a device need not wait for its own reply. */
static void
on_written (VucDevice *device G_GNUC_UNUSED,
            VucOperation operation G_GNUC_UNUSED,
            const GError *error,
            gpointer user_data)
{
  if (error != NULL)
    fail (user_data, "cannot ask for an interrupt", error);
}

static void
ask_for_next (Program *program, VucDevice *device)
{
  if (program->vector == program->n_vectors)
    {
      g_main_loop_quit (program->loop);
      return;
    }
  vuc_device_region_write_async (device, VUC_PCI_BAR0_REGION, FIRE, &program->vector,
                                 sizeof program->vector, on_written, program, NULL);
}

static void
on_interrupt (VucDevice *device,
              guint32 irq G_GNUC_UNUSED,
              guint32 vector,
              guint64 count,
              gpointer user_data)
{
  Program *program = user_data;

  g_print ("vector %u: %" G_GUINT64_FORMAT "\n", vector, count);
  if (vector != program->vector)
    return; /* somebody else's */
  program->vector++;
  ask_for_next (program, device);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  Program program = { .loop = loop };

  device = vuc_device_connect (argc > 1 ? argv[1] : "/run/device.sock", NULL, &error);
  if (device == NULL || !vuc_device_attach (device, NULL, &error))
    {
      fail (&program, "cannot connect", error);
      return program.status;
    }

  program.n_vectors = vuc_device_get_irq_info (device, VUC_PCI_MSIX_IRQ)->count;
  if (!vuc_device_watch_irq (device, VUC_PCI_MSIX_IRQ, 0, program.n_vectors, on_interrupt, &program,
                             NULL, &error))
    {
      fail (&program, "cannot watch interrupts", error);
      return program.status;
    }
  ask_for_next (&program, device);
  g_main_loop_run (loop);

  if (!vuc_device_unwatch_irq (device, VUC_PCI_MSIX_IRQ, &error))
    g_printerr ("irq-wait: %s\n", error->message);
  vuc_device_detach (device);
  vuc_device_close (device);
  return program.status;
}
