/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VucDevice: how a device comes and goes.  Does not know what is asked of it while it lives.  Any
 * thread.
 */

#include <linux/vfio.h>
#include <unistd.h>

#include "base/error.h"
#include "device/irq-watch.h"
#include "device/mapping.h"
#include "device/operation.h"
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
  const VucHook *hook = user_data;
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
  ((VucMessageFunc) hook->func) (&event, hook->user_data);
}

/* The session's lock is held.  Who closes a device has said so before the connection ends. */
static void
on_died (gpointer data)
{
  VucDevice *device = data;
  gboolean closed;

  g_mutex_lock (&device->lock);
  closed = device->closed;
  g_mutex_unlock (&device->lock);
  vuc_mappings_note_death (device->mappings, closed);
}

static VucSession *
make_session (VucDevice *device)
{
  const VucSettings *settings = &device->settings;
  VucHook *trace = settings->hooks[VUC_HOOK_MESSAGE];

  return vuc_session_new (&(VucSessionOptions){
    .device = device,
    .max_msg_fds = settings->max_msg_fds,
    .timeout_ms = settings->timeout_ms,
    .max_operations = settings->max_operations,
    .max_queued_bytes = settings->max_queued_bytes,
    .poll_us = settings->poll_us,
    .trace = trace != NULL ? trace_message : NULL,
    .trace_data = trace,
    .lost = vuc_device_on_lost,
    .reconnected = vuc_device_on_reconnected,
    .died = on_died,
    .died_data = device,
    .service = &vuc_dma_service,
    .service_data = &device->memory,
  });
}

/* --- Its life --- */

static VucDevice *
device_new (const char *path, VucConfig *config)
{
  VucDevice *device = g_new0 (VucDevice, 1);

  device->ref_count = 1;
  device->holds = 1;
  device->first_socket = -1;
  device->path = g_strdup (path);
  vuc_settings_init (&device->settings, config);
  g_mutex_init (&device->ways_lock);
  g_mutex_init (&device->lock);
  device->memory.table = vuc_guest_table_new ();
  device->memory.log = vuc_dma_log_new ();
  device->mappings = vuc_mappings_new ();
  vuc_irqs_init (&device->irqs);
  device->session = make_session (device);
  device->traffic.posted = vuc_posted_new (device->session);
  device->traffic.session = device->session;
  return device;
}

VucDevice *
vuc_device_hold (VucDevice *device)
{
  g_atomic_int_inc (&device->holds);
  return device;
}

void
vuc_device_release (VucDevice *device)
{
  if (!g_atomic_int_dec_and_test (&device->holds))
    return;
  vuc_irqs_clear (device);
  vuc_session_free (device->session);
  vuc_posted_free (device->traffic.posted);
  vuc_guest_table_free (device->memory.table);
  vuc_dma_log_free (device->memory.log);
  vuc_mappings_unref (device->mappings);
  vuc_shape_clear (&device->shape);
  if (device->first_socket >= 0)
    close (device->first_socket);
  g_slist_free_full (device->peers, g_free);
  g_mutex_clear (&device->ways_lock);
  g_mutex_clear (&device->lock);
  vuc_settings_clear (&device->settings);
  g_free (device->path);
  g_free (device);
}

VucDevice *
vuc_device_ref (VucDevice *device)
{
  g_return_val_if_fail (device != NULL, NULL);

  g_atomic_int_inc (&device->ref_count);
  return device;
}

gboolean
vuc_device_ref_if_alive (VucDevice *device)
{
  for (;;)
    {
      gint count = g_atomic_int_get (&device->ref_count);

      if (count == 0)
        return FALSE;
      if (g_atomic_int_compare_and_exchange (&device->ref_count, count, count + 1))
        return TRUE;
    }
}

/* Everything that is under way ends, and is delivered here.  There is still one reference, so that
 * callbacks may take more and give them back. */
static void
shut_down (VucDevice *device)
{
  g_autoptr (GError) cause = NULL;
  VucIrqWatch *watch;

  vuc_fail (&cause, VUC_ERROR_DISCONNECTED, "the last reference to the device went");
  vuc_device_detach (device);
  vuc_device_stop_reconnecting (device);
  vuc_session_shut_down (device->session, cause);
  while ((watch = vuc_irq_steal_any_watch (device)) != NULL)
    vuc_irq_watch_stop (watch);
}

void
vuc_device_unref (VucDevice *device)
{
  g_return_if_fail (device != NULL);

  for (;;)
    {
      gint count = g_atomic_int_get (&device->ref_count);

      if (count == 1)
        break;
      if (g_atomic_int_compare_and_exchange (&device->ref_count, count, count - 1))
        return;
    }

  shut_down (device);
  if (g_atomic_int_dec_and_test (&device->ref_count))
    vuc_device_release (device);
}

void
vuc_device_close (VucDevice *device)
{
  g_autoptr (VucDevice) in_use = NULL;
  g_autoptr (GError) cause = NULL;
  gboolean attached;

  g_return_if_fail (device != NULL);

  in_use = vuc_device_ref (device);
  vuc_fail (&cause, VUC_ERROR_DISCONNECTED, "the device was closed");
  vuc_device_stop_reconnecting (device);
  vuc_session_end (device->session, cause);

  g_mutex_lock (&device->lock);
  attached = device->source != NULL;
  g_mutex_unlock (&device->lock);
  if (!attached)
    vuc_session_deliver_all (device->session);
}

/* --- Connecting --- */

static void
adopt_first_socket (VucDevice *device, int fd, GError **error)
{
  device->first_socket = vuc_connect_adopt (fd, error);
}

VucDevice *
vuc_device_connect (const char *path, VucConfig *config, GError **error)
{
  g_autoptr (VucDevice) device = NULL;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  device = device_new (path, config);
  if (!vuc_device_connect_now (device, error))
    return NULL;
  return g_steal_pointer (&device);
}

VucDevice *
vuc_device_connect_fd (int fd, VucConfig *config, GError **error)
{
  g_autoptr (VucDevice) device = NULL;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  device = device_new (NULL, config);
  adopt_first_socket (device, fd, error);
  if (device->first_socket < 0 || !vuc_device_connect_now (device, error))
    return NULL;
  return g_steal_pointer (&device);
}

VucDevice *
vuc_device_connect_async (const char *path,
                          VucConfig *config,
                          VucOperation *operation,
                          VucCallback callback,
                          gpointer user_data,
                          GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };
  VucDevice *device;
  VucOperation number;

  g_return_val_if_fail (path != NULL, NULL);

  device = device_new (path, config);
  number = vuc_device_connect_later (device, TRUE, &receiver);
  if (operation != NULL)
    *operation = number;
  return device;
}

VucDevice *
vuc_device_connect_fd_async (int fd,
                             VucConfig *config,
                             VucOperation *operation,
                             VucCallback callback,
                             gpointer user_data,
                             GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };
  VucDevice *device = device_new (NULL, config);
  GError *error = NULL;
  VucOperation number;

  adopt_first_socket (device, fd, &error);
  if (error != NULL)
    number = vuc_device_start_failed (device, error, &receiver);
  else
    number = vuc_device_connect_later (device, TRUE, &receiver);
  if (operation != NULL)
    *operation = number;
  return device;
}

gboolean
vuc_device_reconnect (VucDevice *device, GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  return vuc_device_connect_now (device, error);
}

VucOperation
vuc_device_reconnect_async (VucDevice *device,
                            VucCallback callback,
                            gpointer user_data,
                            GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);

  return vuc_device_connect_later (device, TRUE, &receiver);
}

/* --- What is known --- */

VucDeviceState
vuc_device_get_state (VucDevice *device)
{
  gboolean connecting;

  g_return_val_if_fail (device != NULL, VUC_DEVICE_LOST);

  switch (vuc_session_get_state (device->session, &connecting))
    {
    case VUC_SESSION_CONNECTED:
      return VUC_DEVICE_CONNECTED;
    case VUC_SESSION_NEW:
      return connecting ? VUC_DEVICE_CONNECTING : VUC_DEVICE_LOST;
    default:
      return connecting ? VUC_DEVICE_RECONNECTING : VUC_DEVICE_LOST;
    }
}

guint64
vuc_device_get_generation (VucDevice *device)
{
  g_return_val_if_fail (device != NULL, 0);

  return vuc_session_get_generation (device->session);
}

const VucDeviceInfo *
vuc_device_get_info (VucDevice *device)
{
  static const VucDeviceInfo nothing;

  g_return_val_if_fail (device != NULL, NULL);

  return g_atomic_int_get (&device->is_known) ? &device->shape.info : &nothing;
}

typedef struct
{
  VucPeerCredentials credentials;
  guint64 generation;
} Peer;

/* Each answer stays, as it was handed out. */
const VucPeerCredentials *
vuc_device_get_peer_credentials (VucDevice *device)
{
  struct ucred credentials;
  guint64 generation;
  Peer *peer;

  g_return_val_if_fail (device != NULL, NULL);

  generation = vuc_session_get_peer (device->session, &credentials);
  g_mutex_lock (&device->lock);
  peer = device->peers != NULL ? device->peers->data : NULL;
  if (peer == NULL || peer->generation != generation)
    {
      peer = g_new0 (Peer, 1);
      peer->generation = generation;
      peer->credentials = (VucPeerCredentials){ .pid = credentials.pid,
                                                .uid = credentials.uid,
                                                .gid = credentials.gid };
      device->peers = g_slist_prepend (device->peers, peer);
    }
  g_mutex_unlock (&device->lock);
  return &peer->credentials;
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
vuc_device_note_error (VucTask *task, const GError *error)
{
  if (g_error_matches (error, VUC_ERROR, VUC_ERROR_PROTOCOL))
    vuc_session_end_by (task, error);
}
