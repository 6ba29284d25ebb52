/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * INTx, which is level triggered: the server signals an eventfd and masks the interrupt; KVM (an
 * irqfd with resample) raises the line, and when the guest has ended the interrupt lowers it and
 * signals another eventfd; then the interrupt is unmasked, and comes again if the device is not
 * satisfied.
 *
 * The server could listen to that second eventfd by itself (vuc_device_set_irq_unmask_eventfds()),
 * but servers are known that take it and never look.  So the main loop does, and unmasks by
 * message.
 *
 * Where the kernel refuses such irqfds the main loop listens to the first one, too.  The end of an
 * interrupt cannot be seen then; the guest's next access to the device is taken for it.
 *
 * Does not know MSI-X.  Any thread; the lock is held for KVM's requests only.
 */

#include "intx.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "machine.h"

#define IRQ 0 /* VFIO's index */

struct _Intx
{
  Vm *vm;
  Device *device;
  gboolean use_irqfd;
  int begin_fd;
  int end_fd;
  guint watch;  /* the main loop's source */
  gint is_high; /* atomic; without irqfd: the line was raised, and not lowered yet */

  GMutex lock;
  gboolean is_connected; /* guarded by lock */
  gboolean is_pending;   /* guarded by lock; without irqfd: it came, and was not connected */
};

static gboolean
set_irqfd (Intx *intx, guint32 flags)
{
  struct kvm_irqfd irqfd = { .fd = intx->begin_fd,
                             .gsi = MACHINE_INTX,
                             .flags = KVM_IRQFD_FLAG_RESAMPLE | flags,
                             .resamplefd = intx->end_fd };

  return ioctl (vm_get_fd (intx->vm), KVM_IRQFD, &irqfd) == 0;
}

static void
set_line (Intx *intx, gboolean high)
{
  struct kvm_irq_level level = { .irq = MACHINE_INTX, .level = high };

  ioctl (vm_get_fd (intx->vm), KVM_IRQ_LINE, &level);
}

static void
raise_locked (Intx *intx)
{
  intx->is_pending = FALSE;
  g_atomic_int_set (&intx->is_high, TRUE);
  set_line (intx, TRUE);
}

void
intx_connect (Intx *intx, gboolean connect)
{
  g_mutex_lock (&intx->lock);
  if (connect != intx->is_connected && intx->use_irqfd
      && !set_irqfd (intx, connect ? 0 : KVM_IRQFD_FLAG_DEASSIGN))
    g_printerr ("kvm-monitor: KVM_IRQFD for INTx: %s\n", g_strerror (errno));
  intx->is_connected = connect;
  if (connect && intx->is_pending)
    raise_locked (intx);
  g_mutex_unlock (&intx->lock);
}

void
intx_arm (Intx *intx)
{
  device_arm (intx->device, IRQ, 0, &intx->begin_fd, 1);
}

void
intx_disarm (Intx *intx)
{
  device_disarm (intx->device, IRQ);
}

void
intx_device_accessed (Intx *intx)
{
  if (g_atomic_int_compare_and_exchange (&intx->is_high, TRUE, FALSE))
    {
      set_line (intx, FALSE);
      device_unmask (intx->device, IRQ);
    }
}

/* The main loop. */

static gboolean
on_end (int fd, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
  Intx *intx = user_data;
  eventfd_t count;

  if (eventfd_read (fd, &count) == 0)
    device_unmask (intx->device, IRQ);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_begin (int fd, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
  Intx *intx = user_data;

  g_mutex_lock (&intx->lock);
  if (device_take_event (fd))
    {
      intx->is_pending = TRUE;
      if (intx->is_connected)
        raise_locked (intx);
    }
  g_mutex_unlock (&intx->lock);
  return G_SOURCE_CONTINUE;
}

/* Its life. */

/* Tries, as whether the kernel can do it depends on more than one of its capabilities. */
static gboolean
can_use_irqfd (Intx *intx)
{
  if (set_irqfd (intx, 0) && set_irqfd (intx, KVM_IRQFD_FLAG_DEASSIGN))
    return TRUE;
  g_printerr ("kvm-monitor: KVM_IRQFD for INTx: %s; the main loop does it\n", g_strerror (errno));
  return FALSE;
}

Intx *
intx_new (Vm *vm, Device *device, gboolean use_irqfd, GError **error)
{
  g_autoptr (Intx) intx = g_new0 (Intx, 1);

  g_mutex_init (&intx->lock);
  intx->vm = vm;
  intx->device = device;
  intx->begin_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  intx->end_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (intx->begin_fd < 0 || intx->end_fd < 0)
    {
      g_set_error (error, VM_ERROR, 0, "eventfd: %s", g_strerror (errno));
      return NULL;
    }
  intx->use_irqfd = use_irqfd && can_use_irqfd (intx);
  if (intx->use_irqfd)
    intx->watch = g_unix_fd_add (intx->end_fd, G_IO_IN, on_end, intx);
  else
    intx->watch = g_unix_fd_add (intx->begin_fd, G_IO_IN, on_begin, intx);
  return g_steal_pointer (&intx);
}

void
intx_free (Intx *intx)
{
  if (intx->watch != 0)
    g_source_remove (intx->watch);
  if (intx->begin_fd >= 0)
    close (intx->begin_fd);
  if (intx->end_fd >= 0)
    close (intx->end_fd);
  g_mutex_clear (&intx->lock);
  g_free (intx);
}
