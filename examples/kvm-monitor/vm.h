/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A virtual machine: memory, vCPUs, interrupt controllers.
 */

#ifndef VM_H
#define VM_H

#include <glib.h>

typedef struct _Vm Vm;

/* Who is asked for what is no memory.  Called on vCPU threads, several at once, with no lock held;
   1, 2, 4 or 8 bytes, little-endian.  Reads fill all of DATA. */
typedef struct
{
  void (*memory_read) (gpointer user_data, guint64 address, gpointer data, guint size);
  void (*memory_write) (gpointer user_data, guint64 address, gconstpointer data, guint size);
  void (*port_read) (gpointer user_data, guint16 port, gpointer data, guint size);
  void (*port_write) (gpointer user_data, guint16 port, gconstpointer data, guint size);
  void (*crashed) (gpointer user_data, const char *why); /* a vCPU has ended by itself */
} VmBus;

/* VM_ERROR: the host refused something, the message says what. */
#define VM_ERROR (g_quark_from_static_string ("vm-error"))

Vm *vm_new (guint64 ram_size, guint n_vcpus, GError **error);
void vm_free (Vm *vm); /* stops it, if it runs */

/* For requests of others, as KVM_IRQFD: the virtual machine's descriptor. */
int vm_get_fd (Vm *vm);
guint8 *vm_get_ram (Vm *vm);
guint64 vm_get_ram_size (Vm *vm);
int vm_get_ram_fd (Vm *vm);
guint vm_get_tsc_khz (Vm *vm);

/* All vCPUs begin at ADDRESS, in real mode, with data segments of 4 GiB at 0; EBX is their number.
   The first one runs at once, the others when vm_power_on() is called. */
gboolean vm_start (Vm *vm, guint32 address, const VmBus *bus, gpointer user_data, GError **error);
void vm_power_on (Vm *vm);
/* When it has returned no vCPU runs; one that waits in the bus is waited for.  Not from a vCPU. */
void vm_stop (Vm *vm);

/* Memory of others, without an exit.  Returns the slot, or -1 where KVM refuses.  Any thread. */
int vm_add_memory (Vm *vm, guint64 address, guint64 size, gpointer memory, gboolean read_only);
void vm_remove_memory (Vm *vm, int slot);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Vm, vm_free)

#endif /* VM_H */
