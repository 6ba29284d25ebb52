/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Interrupts: the MSI-X table and its pending bits, which are ours and not the device's; an
 * eventfd for each vector, which the server signals and KVM (an irqfd) listens to, past us; the
 * routes that tell KVM what a vector is; and that INTx and MSI-X exclude each other.
 *
 * A vector that the guest has masked stays armed: only its irqfd is taken away.  What comes then
 * stays in the eventfd, which is the pending bit, and KVM injects it when it gets the irqfd back.
 * So masking, which guests do often, asks nothing of the server.
 *
 * Where the kernel has no irqfds the main loop listens, and injects by KVM_SIGNAL_MSI.
 *
 * Does not know how a server is told things.  vCPU threads, and the main loop; the lock is never
 * held while the server is asked something.
 */

#include "irq.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "intx.h"

#define INTX 0 /* VFIO's indexes */
#define MSIX 2

#define N_PINS    24 /* of the I/O APIC; the two PICs share the first 16 */
#define FIRST_MSI N_PINS

#define MSI_ADDRESS      0xfee00000
#define MSI_ADDRESS_MASK 0xfff00000
#define MSI_MODE(data)   (((data) >> 8) & 7)
#define MSI_FIXED        0
#define MSI_LOWEST       1

typedef struct
{
  Irq *irq;
  int eventfd;
  guint watch; /* the main loop's source, without irqfds */

  /* Guarded by the lock. */
  guint32 entry[PCI_MSIX_ENTRY_SIZE / 4]; /* as the guest sees it */
  gboolean is_armed;                      /* the server has the eventfd */
  gboolean is_heard;                      /* KVM has it, or is told by us */
  guint32 route[3];                       /* what KVM was told of the entry */
  gboolean is_pending;                    /* without irqfds */
} Vector;

struct _Irq
{
  Vm *vm;
  Device *device;
  MsixPlace place;
  gboolean use_irqfd;
  Vector *vectors;
  Intx *intx; /* NULL: the device has no pin */

  GMutex lock;
  gboolean msix_enabled; /* guarded by lock, as the two that follow */
  gboolean msix_masked;
  gboolean intx_enabled;
};

static gboolean
request (Irq *irq, unsigned long number, gpointer argument)
{
  return ioctl (vm_get_fd (irq->vm), number, argument) >= 0;
}

/* KVM's side. */

static gboolean
is_masked_locked (Irq *irq, const Vector *vector)
{
  return !irq->msix_enabled || irq->msix_masked
         || (vector->entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT) != 0;
}

/* Only what asks a processor for an interrupt; by other addresses and modes a guest could reset its
   processors, or run into its firmware. */
static gboolean
is_sane_locked (const Vector *vector)
{
  guint mode = MSI_MODE (vector->entry[2]);

  return (vector->entry[0] & MSI_ADDRESS_MASK) == MSI_ADDRESS && vector->entry[1] == 0
         && (mode == MSI_FIXED || mode == MSI_LOWEST);
}

static void
add_pin (struct kvm_irq_routing *routing, guint chip, guint pin, guint gsi)
{
  struct kvm_irq_routing_entry *entry = &routing->entries[routing->nr++];

  entry->gsi = gsi;
  entry->type = KVM_IRQ_ROUTING_IRQCHIP;
  entry->u.irqchip.irqchip = chip;
  entry->u.irqchip.pin = pin;
}

/* KVM takes the whole table at once, with the pins that it had by itself, and takes its time. */
static gboolean
set_routes_locked (Irq *irq)
{
  gsize most = N_PINS + 16 + irq->place.n_vectors;
  g_autofree struct kvm_irq_routing *routing = g_malloc0 (
    sizeof (struct kvm_irq_routing) + most * sizeof (struct kvm_irq_routing_entry));

  for (guint i = 0; i < 16; i++)
    add_pin (routing, i < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, i % 8, i);
  for (guint i = 0; i < N_PINS; i++)
    add_pin (routing, KVM_IRQCHIP_IOAPIC, i, i);
  for (guint i = 0; i < irq->place.n_vectors; i++)
    {
      const Vector *vector = &irq->vectors[i];
      struct kvm_irq_routing_entry *entry = &routing->entries[routing->nr];

      if (vector->route[0] == 0)
        continue;
      entry->gsi = FIRST_MSI + i;
      entry->type = KVM_IRQ_ROUTING_MSI;
      entry->u.msi.address_lo = vector->route[0];
      entry->u.msi.address_hi = vector->route[1];
      entry->u.msi.data = vector->route[2];
      routing->nr++;
    }
  return request (irq, KVM_SET_GSI_ROUTING, routing);
}

static void
signal_msi_locked (Irq *irq, Vector *vector)
{
  struct kvm_msi msi = { .address_lo = vector->entry[0],
                         .address_hi = vector->entry[1],
                         .data = vector->entry[2] };

  vector->is_pending = FALSE;
  request (irq, KVM_SIGNAL_MSI, &msi);
}

/* Brings KVM up to date with the vectors.  The route comes first: an interrupt that came in the
   meantime is injected as soon as KVM has the irqfd. */
static void
update_vectors_locked (Irq *irq)
{
  gboolean new_routes = FALSE;

  for (guint i = 0; i < irq->place.n_vectors; i++)
    {
      Vector *vector = &irq->vectors[i];

      if (!is_masked_locked (irq, vector) && is_sane_locked (vector)
          && memcmp (vector->route, vector->entry, sizeof vector->route) != 0)
        {
          memcpy (vector->route, vector->entry, sizeof vector->route);
          new_routes = TRUE;
        }
    }
  if (irq->use_irqfd && new_routes && !set_routes_locked (irq))
    g_printerr ("kvm-monitor: KVM_SET_GSI_ROUTING: %s\n", g_strerror (errno));

  for (guint i = 0; i < irq->place.n_vectors; i++)
    {
      Vector *vector = &irq->vectors[i];
      gboolean hear = !is_masked_locked (irq, vector) && is_sane_locked (vector);
      struct kvm_irqfd irqfd = { .fd = vector->eventfd,
                                 .gsi = FIRST_MSI + i,
                                 .flags = hear ? 0 : KVM_IRQFD_FLAG_DEASSIGN };

      if (hear == vector->is_heard)
        continue;
      vector->is_heard = hear;
      if (irq->use_irqfd && !request (irq, KVM_IRQFD, &irqfd))
        g_printerr ("kvm-monitor: KVM_IRQFD: %s\n", g_strerror (errno));
      if (!irq->use_irqfd && hear && vector->is_pending)
        signal_msi_locked (irq, vector);
    }
}

/* Without irqfds: the main loop. */

/* Under the lock from the beginning: an interrupt is in the eventfd, or pending, or on its way. */
static gboolean
on_vector (int fd, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
  Vector *vector = user_data;
  Irq *irq = vector->irq;

  g_mutex_lock (&irq->lock);
  if (device_take_event (fd))
    {
      vector->is_pending = TRUE;
      if (vector->is_heard)
        signal_msi_locked (irq, vector);
    }
  g_mutex_unlock (&irq->lock);
  return G_SOURCE_CONTINUE;
}

/* The server's side. */

static void
arm_vectors (Irq *irq)
{
  g_autofree int *eventfds = g_new (int, irq->place.n_vectors);
  gboolean whole = device_needs_whole_set (irq->device, MSIX);

  for (guint i = 0; i < irq->place.n_vectors; i++)
    {
      guint n = 0;

      /* As many as follow each other. */
      g_mutex_lock (&irq->lock);
      while (i + n < irq->place.n_vectors && irq->msix_enabled && !irq->vectors[i + n].is_armed
             && (whole || !is_masked_locked (irq, &irq->vectors[i + n])))
        {
          eventfds[n] = irq->vectors[i + n].eventfd;
          irq->vectors[i + n].is_armed = TRUE;
          n++;
        }
      g_mutex_unlock (&irq->lock);
      if (n > 0 && !device_arm (irq->device, MSIX, i, eventfds, n))
        {
          g_mutex_lock (&irq->lock);
          for (guint k = 0; k < n; k++)
            irq->vectors[i + k].is_armed = FALSE;
          g_mutex_unlock (&irq->lock);
        }
      i += n;
    }
}

/* A device has one kind of interrupts at a time. */
static void
connect_intx (Irq *irq)
{
  gboolean connect;

  g_mutex_lock (&irq->lock);
  connect = irq->intx_enabled && !irq->msix_enabled;
  g_mutex_unlock (&irq->lock);
  if (irq->intx != NULL)
    intx_connect (irq->intx, connect);
}

/* Servers have one array of eventfds for all kinds: the old kind is disabled before the new one is
   armed. */
void
irq_set_msix (Irq *irq, gboolean enabled, gboolean masked)
{
  gboolean was_enabled;

  g_mutex_lock (&irq->lock);
  was_enabled = irq->msix_enabled;
  irq->msix_enabled = enabled;
  irq->msix_masked = masked;
  update_vectors_locked (irq);
  if (!enabled)
    for (guint i = 0; i < irq->place.n_vectors; i++)
      irq->vectors[i].is_armed = FALSE;
  g_mutex_unlock (&irq->lock);

  connect_intx (irq);
  if (enabled && !was_enabled && irq->intx != NULL)
    intx_disarm (irq->intx);
  if (enabled)
    arm_vectors (irq);
  if (!enabled && was_enabled)
    {
      device_disarm (irq->device, MSIX);
      if (irq->intx != NULL)
        intx_arm (irq->intx);
    }
}

void
irq_set_intx (Irq *irq, gboolean enabled)
{
  g_mutex_lock (&irq->lock);
  irq->intx_enabled = enabled;
  g_mutex_unlock (&irq->lock);
  connect_intx (irq);
}

void
irq_device_accessed (Irq *irq)
{
  if (irq->intx != NULL)
    intx_device_accessed (irq->intx);
}

/* The library has armed again what was armed; what was to be armed while there was no server was
   not. */
void
irq_restore (Irq *irq)
{
  gboolean msix_enabled;

  g_mutex_lock (&irq->lock);
  msix_enabled = irq->msix_enabled;
  g_mutex_unlock (&irq->lock);
  if (msix_enabled)
    arm_vectors (irq);
  else if (irq->intx != NULL)
    intx_arm (irq->intx);
}

/* The table and the pending bits. */

guint
irq_get_table_size (const MsixPlace *place)
{
  return place->n_vectors * PCI_MSIX_ENTRY_SIZE;
}

guint
irq_get_pending_size (const MsixPlace *place)
{
  return (place->n_vectors + 63) / 64 * 8;
}

static gboolean
is_inside (guint64 offset, guint size, guint32 begin, guint32 length)
{
  return offset >= begin && size <= length && offset - begin <= length - size;
}

/* The word of pending bits at 64 * INDEX. */
static guint64
get_pending_locked (Irq *irq, guint index)
{
  guint64 bits = 0;

  for (guint i = 0; i < 64 && 64 * index + i < irq->place.n_vectors; i++)
    {
      Vector *vector = &irq->vectors[64 * index + i];
      struct pollfd readable = { .fd = vector->eventfd, .events = POLLIN };

      if (vector->is_pending || (!vector->is_heard && poll (&readable, 1, 0) > 0))
        bits |= G_GUINT64_CONSTANT (1) << i;
    }
  return GUINT64_TO_LE (bits);
}

gboolean
irq_read (Irq *irq, guint bar, guint64 offset, gpointer data, guint size)
{
  const MsixPlace *place = &irq->place;
  guint table_size = irq_get_table_size (place);
  guint pending_size = irq_get_pending_size (place);

  if (bar == place->table_bar && is_inside (offset, size, place->table_offset, table_size))
    {
      guint8 *bytes = data;

      offset -= place->table_offset;
      g_mutex_lock (&irq->lock);
      for (guint i = 0; i < size; i++, offset++)
        bytes[i] = ((guint8 *) irq->vectors[offset / PCI_MSIX_ENTRY_SIZE]
                      .entry)[offset % PCI_MSIX_ENTRY_SIZE];
      g_mutex_unlock (&irq->lock);
      return TRUE;
    }
  if (bar == place->pending_bar && is_inside (offset, size, place->pending_offset, pending_size))
    {
      guint64 bits;

      offset -= place->pending_offset;
      if (offset % 8 + size > 8)
        return FALSE;
      g_mutex_lock (&irq->lock);
      bits = get_pending_locked (irq, offset / 8);
      g_mutex_unlock (&irq->lock);
      memcpy (data, (guint8 *) &bits + offset % 8, size);
      return TRUE;
    }
  return FALSE;
}

/* Whole words, as the specification wants it; others are ignored. */
gboolean
irq_write (Irq *irq, guint bar, guint64 offset, gconstpointer data, guint size)
{
  const MsixPlace *place = &irq->place;
  guint table_size = irq_get_table_size (place);

  if (bar != place->table_bar || !is_inside (offset, size, place->table_offset, table_size))
    return FALSE;
  offset -= place->table_offset;
  if (offset % 4 != 0 || size % 4 != 0)
    return TRUE;

  g_mutex_lock (&irq->lock);
  for (guint i = 0; i < size; i += 4, offset += 4)
    {
      guint32 *word = &irq->vectors[offset / PCI_MSIX_ENTRY_SIZE].entry[offset / 4 % 4];

      memcpy (word, (const guint8 *) data + i, 4);
      if (offset / 4 % 4 == 3)
        *word &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
    }
  update_vectors_locked (irq);
  g_mutex_unlock (&irq->lock);
  arm_vectors (irq);
  return TRUE;
}

/* Its life. */

static gboolean
can_use_irqfd (Irq *irq)
{
  if (ioctl (vm_get_fd (irq->vm), KVM_CHECK_EXTENSION, KVM_CAP_IRQFD) > 0
      && set_routes_locked (irq))
    return TRUE;
  g_printerr ("kvm-monitor: KVM routes no interrupts; the main loop does it\n");
  return FALSE;
}

static gboolean
make_vector (Irq *irq, guint number, GError **error)
{
  Vector *vector = &irq->vectors[number];

  vector->eventfd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (vector->eventfd < 0)
    {
      g_set_error (error, VM_ERROR, 0, "eventfd: %s", g_strerror (errno));
      return FALSE;
    }
  vector->irq = irq;
  vector->entry[3] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
  if (!irq->use_irqfd)
    vector->watch = g_unix_fd_add (vector->eventfd, G_IO_IN, on_vector, vector);
  return TRUE;
}

Irq *
irq_new (Vm *vm,
         Device *device,
         const MsixPlace *msix,
         gboolean has_pin,
         gboolean use_irqfd,
         GError **error)
{
  g_autoptr (Irq) irq = g_new0 (Irq, 1);

  g_mutex_init (&irq->lock);
  irq->vm = vm;
  irq->device = device;
  irq->place = *msix;
  irq->place.n_vectors = MIN (msix->n_vectors, device_get_n_irqs (device, MSIX));
  irq->vectors = g_new0 (Vector, irq->place.n_vectors);
  for (guint i = 0; i < irq->place.n_vectors; i++)
    irq->vectors[i].eventfd = -1;
  irq->intx_enabled = TRUE;

  irq->use_irqfd = use_irqfd && can_use_irqfd (irq);
  for (guint i = 0; i < irq->place.n_vectors; i++)
    if (!make_vector (irq, i, error))
      return NULL;
  if (has_pin && device_get_n_irqs (device, INTX) > 0)
    {
      irq->intx = intx_new (vm, device, irq->use_irqfd, error);
      if (irq->intx == NULL)
        return NULL;
      connect_intx (irq);
      intx_arm (irq->intx);
    }
  return g_steal_pointer (&irq);
}

void
irq_free (Irq *irq)
{
  g_clear_pointer (&irq->intx, intx_free);
  for (guint i = 0; i < irq->place.n_vectors; i++)
    {
      if (irq->vectors[i].watch != 0)
        g_source_remove (irq->vectors[i].watch);
      if (irq->vectors[i].eventfd >= 0)
        close (irq->vectors[i].eventfd);
    }
  g_mutex_clear (&irq->lock);
  g_free (irq->vectors);
  g_free (irq);
}
