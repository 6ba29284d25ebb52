/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The virtual machine: KVM's descriptors, guest RAM in a memfd, memory slots, and a thread for
 * each vCPU that runs it and hands what is no memory to a bus.
 *
 * Does not know what is on the bus, nor that there is a library.  vm_add_memory() and
 * vm_remove_memory() are called by any thread, the other functions by the main thread.
 */

#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_SLOTS   64
#define TSS_ADDRESS 0xfffbd000 /* three pages that old Intel processors need for real mode */

/* What makes KVM_RUN of a vCPU return. */
#define KICK_SIGNAL SIGUSR1

#define STACK(number) (0xf000u - 0x800u * (number))

typedef struct
{
  Vm *vm;
  guint number;
  int fd;
  struct kvm_run *run;
  pthread_t thread;
} Vcpu;

struct _Vm
{
  int kvm_fd;
  int fd;
  int ram_fd;
  guint8 *ram;
  gsize ram_size;
  gsize run_size;
  guint n_vcpus;
  Vcpu *vcpus;
  guint n_running; /* threads */
  VmBus bus;
  gpointer user_data;
  gint stopping; /* atomic */

  GMutex lock;
  GCond changed;
  gboolean is_on;                                      /* guarded by lock */
  struct kvm_userspace_memory_region slots[MAX_SLOTS]; /* guarded by lock; size 0: free */
};

static void
set_error (GError **error, const char *what)
{
  int number = errno;

  g_set_error (error, VM_ERROR, 0, "%s: %s", what, g_strerror (number));
}

/* The guest. */

static gboolean
make_ram (Vm *vm, GError **error)
{
  vm->ram_fd = memfd_create ("guest RAM", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (vm->ram_fd < 0 || ftruncate (vm->ram_fd, vm->ram_size) != 0)
    {
      set_error (error, "guest RAM");
      return FALSE;
    }
  vm->ram = mmap (NULL, vm->ram_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->ram_fd, 0);
  if (vm->ram == MAP_FAILED)
    {
      vm->ram = NULL;
      set_error (error, "guest RAM");
      return FALSE;
    }
  if (vm_add_memory (vm, 0, vm->ram_size, vm->ram, FALSE) < 0)
    {
      set_error (error, "KVM_SET_USER_MEMORY_REGION");
      return FALSE;
    }
  return TRUE;
}

static gboolean
make_vcpu (Vm *vm, Vcpu *vcpu, GError **error)
{
  vcpu->vm = vm;
  vcpu->fd = ioctl (vm->fd, KVM_CREATE_VCPU, vcpu->number);
  if (vcpu->fd < 0)
    {
      set_error (error, "KVM_CREATE_VCPU");
      return FALSE;
    }
  vcpu->run = mmap (NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
  if (vcpu->run == MAP_FAILED)
    {
      vcpu->run = NULL;
      set_error (error, "a vCPU's memory");
      return FALSE;
    }
  return TRUE;
}

/* Interrupt controllers come before vCPUs, or those have no local APIC. */
static gboolean
make_machine (Vm *vm, GError **error)
{
  int run_size;

  vm->kvm_fd = open ("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (vm->kvm_fd < 0)
    {
      set_error (error, "/dev/kvm");
      return FALSE;
    }
  if (ioctl (vm->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
    {
      g_set_error (error, VM_ERROR, 0, "/dev/kvm: not API version %d", KVM_API_VERSION);
      return FALSE;
    }
  run_size = ioctl (vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
  vm->fd = ioctl (vm->kvm_fd, KVM_CREATE_VM, 0);
  if (vm->fd < 0 || run_size < (int) sizeof (struct kvm_run))
    {
      set_error (error, "KVM_CREATE_VM");
      return FALSE;
    }
  vm->run_size = run_size;
  if (ioctl (vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) != 0)
    {
      set_error (error, "KVM_SET_TSS_ADDR");
      return FALSE;
    }
  if (ioctl (vm->fd, KVM_CREATE_IRQCHIP, 0) != 0)
    {
      set_error (error, "KVM_CREATE_IRQCHIP");
      return FALSE;
    }
  return TRUE;
}

Vm *
vm_new (guint64 ram_size, guint n_vcpus, GError **error)
{
  g_autoptr (Vm) vm = g_new0 (Vm, 1);

  g_mutex_init (&vm->lock);
  g_cond_init (&vm->changed);
  vm->kvm_fd = vm->fd = vm->ram_fd = -1;
  vm->ram_size = ram_size;
  vm->n_vcpus = n_vcpus;
  vm->vcpus = g_new0 (Vcpu, n_vcpus);
  for (guint i = 0; i < n_vcpus; i++)
    {
      vm->vcpus[i].number = i;
      vm->vcpus[i].fd = -1;
    }

  if (!make_machine (vm, error) || !make_ram (vm, error))
    return NULL;
  for (guint i = 0; i < n_vcpus; i++)
    if (!make_vcpu (vm, &vm->vcpus[i], error))
      return NULL;
  return g_steal_pointer (&vm);
}

void
vm_free (Vm *vm)
{
  vm_stop (vm);
  for (guint i = 0; i < vm->n_vcpus; i++)
    {
      if (vm->vcpus[i].run != NULL)
        munmap (vm->vcpus[i].run, vm->run_size);
      if (vm->vcpus[i].fd >= 0)
        close (vm->vcpus[i].fd);
    }
  if (vm->ram != NULL)
    munmap (vm->ram, vm->ram_size);
  if (vm->ram_fd >= 0)
    close (vm->ram_fd);
  if (vm->fd >= 0)
    close (vm->fd);
  if (vm->kvm_fd >= 0)
    close (vm->kvm_fd);
  g_cond_clear (&vm->changed);
  g_mutex_clear (&vm->lock);
  g_free (vm->vcpus);
  g_free (vm);
}

int
vm_get_fd (Vm *vm)
{
  return vm->fd;
}

guint8 *
vm_get_ram (Vm *vm)
{
  return vm->ram;
}

guint64
vm_get_ram_size (Vm *vm)
{
  return vm->ram_size;
}

int
vm_get_ram_fd (Vm *vm)
{
  return vm->ram_fd;
}

guint
vm_get_tsc_khz (Vm *vm)
{
  int khz = ioctl (vm->vcpus[0].fd, KVM_GET_TSC_KHZ, 0);

  return MAX (khz, 0);
}

/* Memory slots. */

int
vm_add_memory (Vm *vm, guint64 address, guint64 size, gpointer memory, gboolean read_only)
{
  int slot = 0;

  g_mutex_lock (&vm->lock);
  while (slot < MAX_SLOTS && vm->slots[slot].memory_size != 0)
    slot++;
  if (slot == MAX_SLOTS)
    {
      errno = ENOSPC;
      slot = -1;
    }
  else
    {
      struct kvm_userspace_memory_region region = {
        .slot = slot,
        .flags = read_only ? KVM_MEM_READONLY : 0,
        .guest_phys_addr = address,
        .memory_size = size,
        .userspace_addr = (guintptr) memory,
      };

      if (ioctl (vm->fd, KVM_SET_USER_MEMORY_REGION, &region) == 0)
        vm->slots[slot] = region;
      else
        slot = -1;
    }
  g_mutex_unlock (&vm->lock);
  return slot;
}

void
vm_remove_memory (Vm *vm, int slot)
{
  g_mutex_lock (&vm->lock);
  vm->slots[slot].memory_size = 0;
  ioctl (vm->fd, KVM_SET_USER_MEMORY_REGION, &vm->slots[slot]);
  g_mutex_unlock (&vm->lock);
}

/* vCPUs. */

/* Real mode, but for the limit of the data segments, which only protected mode could set. */
static gboolean
set_registers (Vcpu *vcpu, guint32 address)
{
  struct kvm_regs registers = {
    .rip = address, .rsp = STACK (vcpu->number), .rbx = vcpu->number, .rflags = 2
  };
  struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
  struct kvm_sregs system;
  struct kvm_segment *data[] = { &system.ds, &system.es, &system.fs, &system.gs };

  if (ioctl (vcpu->fd, KVM_GET_SREGS, &system) != 0)
    return FALSE;
  system.cs.selector = system.ss.selector = 0;
  system.cs.base = system.ss.base = 0;
  for (guint i = 0; i < G_N_ELEMENTS (data); i++)
    {
      data[i]->selector = 0;
      data[i]->base = 0;
      data[i]->limit = 0xffffffff;
      data[i]->g = 1;
    }
  return ioctl (vcpu->fd, KVM_SET_SREGS, &system) == 0
         && ioctl (vcpu->fd, KVM_SET_REGS, &registers) == 0
         && ioctl (vcpu->fd, KVM_SET_MP_STATE, &runnable) == 0;
}

static void
handle_port (Vm *vm, struct kvm_run *run)
{
  guint8 *data = (guint8 *) run + run->io.data_offset;

  /* A string instruction comes as many accesses to one port. */
  for (guint32 i = 0; i < run->io.count; i++, data += run->io.size)
    if (run->io.direction == KVM_EXIT_IO_IN)
      vm->bus.port_read (vm->user_data, run->io.port, data, run->io.size);
    else
      vm->bus.port_write (vm->user_data, run->io.port, data, run->io.size);
}

/* Returns whether the vCPU goes on. */
static gboolean
handle_exit (Vcpu *vcpu)
{
  Vm *vm = vcpu->vm;
  struct kvm_run *run = vcpu->run;
  g_autofree char *why = NULL;

  switch (run->exit_reason)
    {
    case KVM_EXIT_IO:
      handle_port (vm, run);
      return TRUE;
    case KVM_EXIT_MMIO:
      if (run->mmio.is_write)
        vm->bus.memory_write (vm->user_data, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
      else
        vm->bus.memory_read (vm->user_data, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
      return TRUE;
    case KVM_EXIT_INTR:
      return TRUE;
    case KVM_EXIT_INTERNAL_ERROR:
      why = g_strdup_printf ("vCPU %u: KVM_EXIT_INTERNAL_ERROR, suberror %u", vcpu->number,
                             run->internal.suberror);
      break;
    default:
      why = g_strdup_printf ("vCPU %u: exit reason %u", vcpu->number, run->exit_reason);
      break;
    }
  vm->bus.crashed (vm->user_data, why);
  return FALSE;
}

static void *
run_vcpu (void *data)
{
  Vcpu *vcpu = data;
  Vm *vm = vcpu->vm;

  if (vcpu->number > 0)
    {
      g_mutex_lock (&vm->lock);
      while (!vm->is_on)
        g_cond_wait (&vm->changed, &vm->lock);
      g_mutex_unlock (&vm->lock);
    }
  while (!g_atomic_int_get (&vm->stopping))
    if (ioctl (vcpu->fd, KVM_RUN, 0) == 0)
      {
        if (!handle_exit (vcpu))
          break;
      }
    else if (errno != EINTR && errno != EAGAIN)
      {
        g_autofree char *why = g_strdup_printf ("vCPU %u: KVM_RUN: %s", vcpu->number,
                                                g_strerror (errno));

        vm->bus.crashed (vm->user_data, why);
        break;
      }
  return NULL;
}

static void
on_kick (int signal G_GNUC_UNUSED)
{
}

gboolean
vm_start (Vm *vm, guint32 address, const VmBus *bus, gpointer user_data, GError **error)
{
  struct sigaction kick = { .sa_handler = on_kick }; /* without SA_RESTART */

  vm->bus = *bus;
  vm->user_data = user_data;
  sigaction (KICK_SIGNAL, &kick, NULL);
  for (guint i = 0; i < vm->n_vcpus; i++)
    if (!set_registers (&vm->vcpus[i], address))
      {
        set_error (error, "a vCPU's registers");
        return FALSE;
      }
  for (guint i = 0; i < vm->n_vcpus; i++, vm->n_running++)
    {
      errno = pthread_create (&vm->vcpus[i].thread, NULL, run_vcpu, &vm->vcpus[i]);
      if (errno != 0)
        {
          set_error (error, "a vCPU's thread");
          return FALSE;
        }
    }
  return TRUE;
}

void
vm_power_on (Vm *vm)
{
  g_mutex_lock (&vm->lock);
  vm->is_on = TRUE;
  g_cond_broadcast (&vm->changed);
  g_mutex_unlock (&vm->lock);
}

/* A signal that comes just before KVM_RUN would be lost; immediate_exit is not. */
void
vm_stop (Vm *vm)
{
  g_atomic_int_set (&vm->stopping, TRUE);
  vm_power_on (vm);
  for (guint i = 0; i < vm->n_running; i++)
    {
      __atomic_store_n (&vm->vcpus[i].run->immediate_exit, 1, __ATOMIC_SEQ_CST);
      pthread_kill (vm->vcpus[i].thread, KICK_SIGNAL);
    }
  for (; vm->n_running > 0; vm->n_running--)
    pthread_join (vm->vcpus[vm->n_running - 1].thread, NULL);
}
