/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VucDevice: how a device comes and goes.  Does not know what is asked of it while it lives.  Any
 * thread.
 */

#include <linux/vfio.h>
#include <unistd.h>

#include "base/error.h"
#include "device/device-private.h"
#include "device/query.h"
#include "transport/connect.h"
#include "wire/header.h"
#include "wire/print.h"

/* Our names stand for the kernel's numbers. */
G_STATIC_ASSERT (VUC_PCI_BAR0_REGION == (int) VFIO_PCI_BAR0_REGION_INDEX);
G_STATIC_ASSERT (VUC_PCI_BAR5_REGION == (int) VFIO_PCI_BAR5_REGION_INDEX);
G_STATIC_ASSERT (VUC_PCI_ROM_REGION == (int) VFIO_PCI_ROM_REGION_INDEX);
G_STATIC_ASSERT (VUC_PCI_CONFIG_REGION == (int) VFIO_PCI_CONFIG_REGION_INDEX);
G_STATIC_ASSERT (VUC_PCI_VGA_REGION == (int) VFIO_PCI_VGA_REGION_INDEX);
G_STATIC_ASSERT (VUC_PCI_NUM_REGIONS == (int) VFIO_PCI_NUM_REGIONS);
G_STATIC_ASSERT (VUC_PCI_INTX_IRQ == (int) VFIO_PCI_INTX_IRQ_INDEX);
G_STATIC_ASSERT (VUC_PCI_MSI_IRQ == (int) VFIO_PCI_MSI_IRQ_INDEX);
G_STATIC_ASSERT (VUC_PCI_MSIX_IRQ == (int) VFIO_PCI_MSIX_IRQ_INDEX);
G_STATIC_ASSERT (VUC_PCI_ERR_IRQ == (int) VFIO_PCI_ERR_IRQ_INDEX);
G_STATIC_ASSERT (VUC_PCI_REQ_IRQ == (int) VFIO_PCI_REQ_IRQ_INDEX);
G_STATIC_ASSERT (VUC_PCI_NUM_IRQS == (int) VFIO_PCI_NUM_IRQS);
G_STATIC_ASSERT (VUC_DEVICE_RESET == VFIO_DEVICE_FLAGS_RESET);
G_STATIC_ASSERT (VUC_DEVICE_PCI == VFIO_DEVICE_FLAGS_PCI);
G_STATIC_ASSERT (VUC_REGION_READ == VFIO_REGION_INFO_FLAG_READ);
G_STATIC_ASSERT (VUC_REGION_WRITE == VFIO_REGION_INFO_FLAG_WRITE);
G_STATIC_ASSERT (VUC_REGION_MMAP == VFIO_REGION_INFO_FLAG_MMAP);
G_STATIC_ASSERT (VUC_IRQ_EVENTFD == VFIO_IRQ_INFO_EVENTFD);
G_STATIC_ASSERT (VUC_IRQ_MASKABLE == VFIO_IRQ_INFO_MASKABLE);
G_STATIC_ASSERT (VUC_IRQ_AUTOMASKED == VFIO_IRQ_INFO_AUTOMASKED);
G_STATIC_ASSERT (VUC_IRQ_NORESIZE == VFIO_IRQ_INFO_NORESIZE);

static void
trace_message (gboolean sent, const guint8 *bytes, gsize size, guint n_fds, gpointer user_data)
{
  const VucTrace *trace = user_data;
  g_autofree char *text = vuc_print_message (bytes, size, n_fds);
  VucMessageEvent event = {
    .direction = sent ? VUC_MESSAGE_SENT : VUC_MESSAGE_RECEIVED,
    .time_us = g_get_monotonic_time (),
    .n_fds = n_fds,
    .text = text,
  };
  VucHeader header;

  /* What is sent and received has a sound header. */
  if (vuc_header_decode (bytes, G_MAXUINT32, &header, NULL))
    event.size = header.size;
  trace->func (&event, trace->user_data);
}

static VucSession *
open_session (int socket, const VucSettings *settings, GError **error)
{
  VucSessionOptions options = {
    .max_msg_fds = settings->max_msg_fds,
    .timeout_ms = settings->timeout_ms,
    .trace = settings->trace != NULL ? trace_message : NULL,
    .trace_data = settings->trace,
  };

  return vuc_session_new (socket, &options, error);
}

/* Makes a device of a connected socket, which is closed if that fails. */
static gboolean
set_up (VucDevice *device, int socket, gint64 deadline, GError **error)
{
  struct ucred credentials;

  device->session = open_session (socket, &device->settings, error);
  if (device->session == NULL || !vuc_connect_get_peer (socket, &credentials, error))
    return FALSE;

  device->peer = (VucPeerCredentials){ .pid = credentials.pid,
                                       .uid = credentials.uid,
                                       .gid = credentials.gid };
  return vuc_handshake (device, deadline, error) && vuc_query_all (device, deadline, error);
}

static VucDevice *
device_new (VucConfig *config)
{
  VucDevice *device = g_new0 (VucDevice, 1);

  device->ref_count = 1;
  vuc_settings_init (&device->settings, config);
  g_mutex_init (&device->io_fds_lock);
  return device;
}

VucDevice *
vuc_device_connect (const char *path, VucConfig *config, GError **error)
{
  g_autoptr (VucDevice) device = NULL;
  gint64 deadline;
  int socket;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  device = device_new (config);
  deadline = vuc_device_deadline (device);
  socket = vuc_connect_path (path, deadline, error);
  if (socket < 0 || !set_up (device, socket, deadline, error))
    return NULL;
  return g_steal_pointer (&device);
}

VucDevice *
vuc_device_connect_fd (int fd, VucConfig *config, GError **error)
{
  g_autoptr (VucDevice) device = NULL;
  int socket;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  device = device_new (config);
  socket = vuc_connect_adopt (fd, error);
  if (socket < 0 || !set_up (device, socket, vuc_device_deadline (device), error))
    return NULL;
  return g_steal_pointer (&device);
}

VucDevice *
vuc_device_ref (VucDevice *device)
{
  g_return_val_if_fail (device != NULL, NULL);

  g_atomic_int_inc (&device->ref_count);
  return device;
}

static void
free_regions (VucDevice *device)
{
  for (guint32 i = 0; device->regions != NULL && i < device->info.num_regions; i++)
    {
      VucRegion *region = &device->regions[i];

      vuc_device_close_fds (region->fds, region->n_fds);
      g_free (region->areas);
      vuc_region_io_fds_kept_clear (&region->io_fds);
    }
  g_free (device->regions);
}

void
vuc_device_unref (VucDevice *device)
{
  g_return_if_fail (device != NULL);

  if (!g_atomic_int_dec_and_test (&device->ref_count))
    return;
  if (device->session != NULL)
    vuc_session_free (device->session);
  free_regions (device);
  g_free (device->irqs);
  g_mutex_clear (&device->io_fds_lock);
  vuc_settings_clear (&device->settings);
  g_free (device);
}

void
vuc_device_close (VucDevice *device)
{
  g_autoptr (GError) cause = NULL;

  g_return_if_fail (device != NULL);

  vuc_fail (&cause, VUC_ERROR_DISCONNECTED, "the device was closed");
  vuc_session_end (device->session, cause);
}

const VucDeviceInfo *
vuc_device_get_info (VucDevice *device)
{
  g_return_val_if_fail (device != NULL, NULL);

  return &device->info;
}

const VucPeerCredentials *
vuc_device_get_peer_credentials (VucDevice *device)
{
  g_return_val_if_fail (device != NULL, NULL);

  return &device->peer;
}

gint64
vuc_device_deadline (const VucDevice *device)
{
  return g_get_monotonic_time () + device->settings.timeout_ms * (gint64) 1000;
}

gint64
vuc_device_long_deadline (const VucDevice *device)
{
  if (device->settings.long_timeout_ms == 0)
    return G_MAXINT64;
  return g_get_monotonic_time () + device->settings.long_timeout_ms * (gint64) 1000;
}

void
vuc_device_note_error (VucDevice *device, const GError *error)
{
  if (g_error_matches (error, VUC_ERROR, VUC_ERROR_PROTOCOL))
    vuc_session_end (device->session, error);
}

int *
vuc_device_steal_fds (VucFdSet *set, guint *n_fds)
{
  int *fds = g_new (int, set->count);

  *n_fds = set->count;
  for (guint i = 0; i < set->count; i++)
    fds[i] = vuc_fd_set_steal (set, i);
  return fds;
}

void
vuc_device_close_fds (int *fds, guint n_fds)
{
  for (guint i = 0; i < n_fds; i++)
    vuc_fd_close_received (fds[i]);
  g_free (fds);
}
