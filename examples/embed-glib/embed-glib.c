/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A device in a GLib main loop; nothing in it waits for the server.  Connects, resets the device,
 * reads who it is, and stays until SIGINT or SIGTERM.  When the server goes away the device is
 * connected again by itself, reset, and read again.
 *
 * One thread.  Does not know what the device is for.  docs/embedding.md quotes this file.
 */

#include <glib-unix.h>
#include <signal.h>
#include <vfio-user-client/vfio-user-client.h>

typedef struct
{
  GMainLoop *loop;
  guint16 id[2]; /* belongs to the read that is under way, until on_read () */
  int status;    /* to exit with */
} Program;

static void
fail (Program *program, const char *what, const GError *error)
{
  g_printerr ("embed-glib: %s: %s\n", what, error->message);
  program->status = 1;
  g_main_loop_quit (program->loop);
}

static void
on_read (VucDevice *device G_GNUC_UNUSED,
         VucOperation operation G_GNUC_UNUSED,
         const GError *error,
         gpointer user_data)
{
  Program *program = user_data;

  if (error == NULL)
    g_print ("identity: %04x:%04x\n", program->id[0], program->id[1]);
  else /* if the connection was lost, on_event () comes next */
    g_print ("identity: %s\n", error->message);
}

static void
read_identity (Program *program, VucDevice *device)
{
  vuc_device_region_read_async (device, VUC_PCI_CONFIG_REGION, 0, program->id, sizeof program->id,
                                on_read, program, NULL);
}

static void
on_reset (VucDevice *device,
          VucOperation operation G_GNUC_UNUSED,
          const GError *error,
          gpointer user_data)
{
  g_print ("reset: %s\n", error == NULL ? "done" : error->message);
  read_identity (user_data, device);
}

static void
on_connected (VucDevice *device,
              VucOperation operation G_GNUC_UNUSED,
              const GError *error,
              gpointer user_data)
{
  if (error != NULL)
    {
      fail (user_data, "cannot connect", error);
      return;
    }
  g_print ("connected: %u regions\n", vuc_device_get_info (device)->num_regions);
  vuc_device_reset_async (device, on_reset, user_data, NULL);
}

static void
on_event (VucDevice *device, VucEvent event, const GError *error, gpointer user_data)
{
  switch (event)
    {
    case VUC_EVENT_LOST: /* each operation that was under way has told its callback already */
      g_print ("lost: %s\n", error->message);
      break;
    case VUC_EVENT_RECONNECTED: /* and reset, see main () */
      g_print ("connected again: generation %" G_GUINT64_FORMAT "\n",
               vuc_device_get_generation (device));
      read_identity (user_data, device);
      break;
    case VUC_EVENT_GIVEN_UP:
      fail (user_data, "cannot connect again", error);
      break;
    default:
      break;
    }
}

static gboolean
on_signal (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  Program program = { .loop = loop };

  vuc_config_set_auto_reconnect (config, TRUE);
  vuc_config_set_reset_on_reconnect (config, TRUE);
  vuc_config_set_event_func (config, on_event, &program, NULL);

  device = vuc_device_connect_async (argc > 1 ? argv[1] : "/run/device.sock", config, NULL,
                                     on_connected, &program, NULL);
  if (!vuc_device_attach (device, NULL, &error))
    {
      fail (&program, "cannot attach", error);
      return program.status;
    }
  g_unix_signal_add (SIGINT, on_signal, loop);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_main_loop_run (loop);

  /* Nobody runs the loop any more.  Detached, the device calls what is left inside close. */
  vuc_device_detach (device);
  vuc_device_close (device);
  return program.status;
}
