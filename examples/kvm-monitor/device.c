/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Everything that touches the library: connecting, guest memory, accesses, interrupts, and what
 * becomes of a device whose server has gone.  BARs that the guest has placed become memory slots
 * and ioeventfds here.
 *
 * Does not know PCI's configuration space, nor where interrupts go.  Any thread calls it; vCPU
 * threads wait for the server in it.  The lock is held for lists and for KVM's requests, never
 * while the server is asked something.  Events come from the main loop.
 */

#include "device.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vfio-user-client/vfio-user-client.h>

#define N_BARS  6
#define N_TRAPS 2 /* of a BAR: MSI-X has a table and pending bits */

typedef struct
{
  /* Fixed once the BAR is prepared. */
  VucMapping *mapping; /* NULL: none */
  gboolean read_only;
  gboolean has_io_fds;
  struct
  {
    guint64 begin, end; /* multiples of the page size */
  } traps[N_TRAPS];
  guint n_traps;

  /* Guarded by the lock. */
  gboolean is_placed;
  guint64 address;
  GArray *slots; /* int, -1 where KVM has refused */
  GArray *kicks; /* VucKvmIoeventfd, as KVM has them, each with a descriptor of ours */
} Bar;

struct _Device
{
  const DeviceOptions *options;
  Vm *vm;
  VucDevice *vuc;
  GMutex lock;
  atomic_bool is_there; /* and ready for the guest; only the main loop changes it, under the lock */
  gboolean is_closed;   /* the main thread's */
  Bar bars[N_BARS];
  atomic_ullong reads, failed_reads, writes, dropped_writes;
};

/* Doorbells. */

/* KVM finds the ioeventfd to remove by its file.  The descriptor's number has another file behind
   it after a reconnect, and so what KVM gets is a duplicate that we keep. */
static void
add_kicks_locked (Device *device, guint number)
{
  Bar *bar = &device->bars[number];
  const VucIoFd *io_fds;
  gsize n_io_fds;

  if (!bar->is_placed || !bar->has_io_fds || !device->is_there
      || !vuc_device_get_region_io_fds (device->vuc, number, &io_fds, &n_io_fds, NULL))
    return;
  for (gsize i = 0; i < n_io_fds; i++)
    {
      VucKvmIoeventfd kick;

      if (!vuc_io_fd_get_kvm_ioeventfd (&io_fds[i], bar->address, &kick))
        continue; /* of another type: the library makes the best of it when there is an exit */
      kick.fd = fcntl (kick.fd, F_DUPFD_CLOEXEC, 0);
      if (kick.fd < 0)
        continue;
      if (ioctl (vm_get_fd (device->vm), KVM_IOEVENTFD, &kick) == 0)
        g_array_append_val (bar->kicks, kick);
      else /* without it there is an exit, and the same write */
        close (kick.fd);
    }
}

static void
remove_kicks_locked (Device *device, guint number)
{
  Bar *bar = &device->bars[number];

  for (guint i = 0; i < bar->kicks->len; i++)
    {
      VucKvmIoeventfd *kick = &g_array_index (bar->kicks, VucKvmIoeventfd, i);

      kick->flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
      ioctl (vm_get_fd (device->vm), KVM_IOEVENTFD, kick);
      close (kick->fd);
    }
  g_array_set_size (bar->kicks, 0);
}

/* BARs. */

void
device_prepare_bar (Device *device, guint number, gboolean is_port)
{
  const VucRegionInfo *info = vuc_device_get_region_info (device->vuc, number);
  Bar *bar = &device->bars[number];
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;

  vuc_device_set_region_port_io (device->vuc, number, is_port);
  if (!is_port && (info->flags & VUC_REGION_MMAP) != 0)
    {
      bar->mapping = vuc_device_map_region (device->vuc, number, &error);
      bar->read_only = (info->flags & VUC_REGION_WRITE) == 0;
      if (bar->mapping == NULL)
        g_printerr ("kvm-monitor: BAR%u is not mapped: %s\n", number, error->message);
      g_clear_error (&error);
    }
  if (device->options->io_fds)
    {
      bar->has_io_fds = vuc_device_get_region_io_fds (device->vuc, number, &io_fds, &n_io_fds,
                                                      &error);
      if (!bar->has_io_fds)
        g_printerr ("kvm-monitor: BAR%u has no ioeventfds: %s\n", number, error->message);
    }
}

void
device_trap (Device *device, guint number, guint64 offset, guint64 size)
{
  Bar *bar = &device->bars[number];
  guint64 page_size = sysconf (_SC_PAGESIZE);

  g_return_if_fail (bar->n_traps < N_TRAPS);
  bar->traps[bar->n_traps].begin = offset & ~(page_size - 1);
  bar->traps[bar->n_traps].end = (offset + size + page_size - 1) & ~(page_size - 1);
  bar->n_traps++;
}

/* Slots for the part of an area from BEGIN to END, where no trap from FIRST_TRAP on lies. */
static void
add_slots_locked (Device *device,
                  Bar *bar,
                  const VucMappedArea *area,
                  guint64 begin,
                  guint64 end,
                  guint first_trap)
{
  int slot;

  if (begin >= end)
    return;
  for (guint i = first_trap; i < bar->n_traps; i++)
    if (begin < bar->traps[i].end && bar->traps[i].begin < end)
      {
        add_slots_locked (device, bar, area, begin, bar->traps[i].begin, i + 1);
        add_slots_locked (device, bar, area, bar->traps[i].end, end, i + 1);
        return;
      }
  slot = vm_add_memory (device->vm, bar->address + begin, end - begin,
                        (guint8 *) area->memory + (begin - area->offset), bar->read_only);
  g_array_append_val (bar->slots, slot);
}

/* The address of a slot cannot be changed, so a BAR that moves is removed, then placed.  The memory
   is the mapping's: it stays where it is even when the server goes, and so do the slots. */
void
device_place_bar (Device *device, guint number, guint64 address)
{
  Bar *bar = &device->bars[number];
  const VucMappedArea *areas = NULL;
  gsize n_areas = 0;

  if (bar->mapping != NULL)
    areas = vuc_mapping_get_areas (bar->mapping, &n_areas);
  g_mutex_lock (&device->lock);
  bar->is_placed = TRUE;
  bar->address = address;
  for (gsize i = 0; i < n_areas; i++)
    add_slots_locked (device, bar, &areas[i], areas[i].offset, areas[i].offset + areas[i].size, 0);
  add_kicks_locked (device, number);
  g_mutex_unlock (&device->lock);
}

void
device_remove_bar (Device *device, guint number)
{
  Bar *bar = &device->bars[number];

  g_mutex_lock (&device->lock);
  remove_kicks_locked (device, number);
  for (guint i = 0; i < bar->slots->len; i++)
    if (g_array_index (bar->slots, int, i) >= 0)
      vm_remove_memory (device->vm, g_array_index (bar->slots, int, i));
  g_array_set_size (bar->slots, 0);
  bar->is_placed = FALSE;
  g_mutex_unlock (&device->lock);
}

/* KVM has the doorbells, so a kick may overtake such a write: for guests that do not mind. */
gboolean
device_post_writes (Device *device, guint bar, GError **error)
{
  return vuc_device_set_region_posting (device->vuc, bar, VUC_POSTING_INSIST, error);
}

/* Accesses. */

/* A loss is known to the library first, a return to the main loop last. */
gboolean
device_is_there (Device *device)
{
  return device->is_there && vuc_device_get_state (device->vuc) == VUC_DEVICE_CONNECTED;
}

gboolean
device_read (Device *device, guint32 region, guint64 offset, gpointer data, guint size)
{
  atomic_fetch_add_explicit (&device->reads, 1, memory_order_relaxed);
  if (device_is_there (device)
      && vuc_device_region_read (device->vuc, region, offset, data, size, NULL))
    return TRUE;
  memset (data, 0xff, size);
  atomic_fetch_add_explicit (&device->failed_reads, 1, memory_order_relaxed);
  return FALSE;
}

gboolean
device_write (Device *device, guint32 region, guint64 offset, gconstpointer data, guint size)
{
  atomic_fetch_add_explicit (&device->writes, 1, memory_order_relaxed);
  if (device_is_there (device)
      && vuc_device_region_write (device->vuc, region, offset, data, size, NULL))
    return TRUE;
  atomic_fetch_add_explicit (&device->dropped_writes, 1, memory_order_relaxed);
  return FALSE;
}

gboolean
device_restore (Device *device, guint32 region, guint64 offset, gconstpointer data, guint size)
{
  return vuc_device_region_write (device->vuc, region, offset, data, size, NULL);
}

guint64
device_get_region_size (Device *device, guint32 region)
{
  const VucRegionInfo *info = vuc_device_get_region_info (device->vuc, region);

  return info == NULL ? 0 : info->size;
}

void
device_get_counters (Device *device, DeviceCounters *counters)
{
  counters->reads = device->reads;
  counters->failed_reads = device->failed_reads;
  counters->writes = device->writes;
  counters->dropped_writes = device->dropped_writes;
}

/* Interrupts. */

/* Of a device that is lost one line was printed already. */
static gboolean
tell (Device *device, gboolean ok, const char *what, const GError *error)
{
  if (!ok && vuc_device_get_state (device->vuc) == VUC_DEVICE_CONNECTED)
    g_printerr ("kvm-monitor: %s: %s\n", what, error->message);
  return ok;
}

guint
device_get_n_irqs (Device *device, guint32 irq)
{
  const VucIrqInfo *info = vuc_device_get_irq_info (device->vuc, irq);

  return info == NULL || (info->flags & VUC_IRQ_EVENTFD) == 0 ? 0 : info->count;
}

gboolean
device_needs_whole_set (Device *device, guint32 irq)
{
  const VucIrqInfo *info = vuc_device_get_irq_info (device->vuc, irq);

  return info != NULL && (info->flags & VUC_IRQ_NORESIZE) != 0;
}

gboolean
device_arm (Device *device, guint32 irq, guint start, const int *eventfds, guint n)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = vuc_device_set_irq_eventfds (device->vuc, irq, start, eventfds, n, &error);

  return tell (device, ok, "an interrupt is not armed", error);
}

gboolean
device_disarm (Device *device, guint32 irq)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = vuc_device_disable_irq (device->vuc, irq, &error);

  return tell (device, ok, "an interrupt is not disabled", error);
}

static void
on_unmasked (VucDevice *vuc G_GNUC_UNUSED,
             VucOperation operation G_GNUC_UNUSED,
             const GError *error,
             gpointer user_data)
{
  tell (user_data, error == NULL, "an interrupt is not unmasked", error);
}

/* Not waited for: neither the main loop nor the guest's access has to. */
void
device_unmask (Device *device, guint32 irq)
{
  vuc_device_unmask_irqs_async (device->vuc, irq, 0, 1, on_unmasked, device, NULL);
}

gboolean
device_raise (Device *device, guint32 irq)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = vuc_device_trigger_irqs (device->vuc, irq, 0, 1, &error);

  return tell (device, ok, "an interrupt is not raised", error);
}

/* The server has the same open file, and could have made it blocking: a read must not wait. */
gboolean
device_take_event (int eventfd)
{
  guint64 count;
  struct iovec where = { &count, sizeof count };

  return preadv2 (eventfd, &where, 1, -1, RWF_NOWAIT) == sizeof count;
}

/* Its life. */

/* Without its ioeventfds the guest's kicks come as exits, and are dropped as all writes are, rather
   than go into eventfds that nobody reads. */
static void
set_there (Device *device, gboolean is_there)
{
  g_mutex_lock (&device->lock);
  device->is_there = is_there;
  for (guint i = 0; i < N_BARS; i++)
    {
      remove_kicks_locked (device, i);
      add_kicks_locked (device, i);
    }
  g_mutex_unlock (&device->lock);
}

static void
on_event (VucDevice *vuc G_GNUC_UNUSED, VucEvent event, const GError *error, gpointer user_data)
{
  Device *device = user_data;

  if (device->is_closed) /* which counts as a loss, too */
    return;
  switch (event)
    {
    case VUC_EVENT_LOST:
      set_there (device, FALSE);
      device->options->lost (device->options->user_data, error);
      break;
    case VUC_EVENT_RECONNECTED:
      device->options->back (device->options->user_data);
      set_there (device, TRUE);
      break;
    case VUC_EVENT_GIVEN_UP:
      device->options->given_up (device->options->user_data, error);
      break;
    default:
      break;
    }
}

static VucDevice *
connect_device (Device *device, GError **error)
{
  const DeviceOptions *options = device->options;
  g_autoptr (VucConfig) config = vuc_config_new ();
  VucDevice *vuc;
  int socket;

  vuc_config_set_event_func (config, on_event, device, NULL);
  vuc_config_set_auto_reconnect (config, options->reconnect);
  vuc_config_set_reset_on_reconnect (config, TRUE);
  if (options->path != NULL)
    return vuc_device_connect (options->path, config, error);

  vuc_config_set_reopen_func (config, options->open_socket, options->user_data, NULL);
  socket = options->open_socket (options->user_data, error);
  if (socket < 0)
    return NULL;
  vuc = vuc_device_connect_fd (socket, config, error);
  close (socket);
  return vuc;
}

/* Attached before it can reach memory: somebody must answer it. */
Device *
device_open (Vm *vm, const DeviceOptions *options, GError **error)
{
  g_autoptr (Device) device = g_new0 (Device, 1);
  VucDmaRegion ram = {
    .iova = options->dma_begin,
    .size = vm_get_ram_size (vm) - options->dma_begin,
    .flags = VUC_DMA_READ | VUC_DMA_WRITE,
    .fd = vm_get_ram_fd (vm),
    .fd_offset = options->dma_begin,
    .vaddr = vm_get_ram (vm) + options->dma_begin,
  };
  const VucDeviceInfo *info;

  device->options = options;
  device->vm = vm;
  g_mutex_init (&device->lock);
  for (guint i = 0; i < N_BARS; i++)
    {
      device->bars[i].slots = g_array_new (FALSE, FALSE, sizeof (int));
      device->bars[i].kicks = g_array_new (FALSE, FALSE, sizeof (VucKvmIoeventfd));
    }
  device->is_there = TRUE;

  device->vuc = connect_device (device, error);
  if (device->vuc == NULL || !vuc_device_attach (device->vuc, NULL, error))
    return NULL;
  info = vuc_device_get_info (device->vuc);
  if ((info->flags & VUC_DEVICE_PCI) == 0 || info->num_regions <= VUC_PCI_CONFIG_REGION)
    {
      g_set_error (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED, "not a PCI device");
      return NULL;
    }
  /* A machine that is switched on finds its devices as after a reset. */
  if ((info->flags & VUC_DEVICE_RESET) != 0 && !vuc_device_reset (device->vuc, error))
    return NULL;
  if (!vuc_device_dma_map (device->vuc, &ram, error))
    return NULL;
  return g_steal_pointer (&device);
}

void
device_close (Device *device)
{
  if (device->vuc == NULL)
    return;
  device->is_closed = TRUE;
  vuc_device_detach (device->vuc);
  vuc_device_close (device->vuc);
}

void
device_free (Device *device)
{
  device_close (device);
  for (guint i = 0; i < N_BARS; i++)
    {
      device_remove_bar (device, i);
      g_array_unref (device->bars[i].slots);
      g_array_unref (device->bars[i].kicks);
      g_clear_pointer (&device->bars[i].mapping, vuc_mapping_unref);
    }
  g_clear_pointer (&device->vuc, vuc_device_unref);
  g_mutex_clear (&device->lock);
  g_free (device);
}
