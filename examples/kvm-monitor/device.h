/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The device of another process, as a machine uses it: by the library.
 */

#ifndef DEVICE_H
#define DEVICE_H

#include "vm.h"

typedef struct _Device Device;

typedef struct
{
  const char *path;                                        /* the server's socket; NULL: */
  int (*open_socket) (gpointer user_data, GError **error); /* a new one, each time */
  gboolean reconnect;                                      /* whether to come back after a loss */
  gboolean io_fds;   /* whether to ask the server for IO descriptors */
  guint64 dma_begin; /* from here on guest memory is the device's, too */
  /* Main thread: the device is lost, connected again (ERROR is NULL), or will not be any more. */
  void (*lost) (gpointer user_data, const GError *error);
  void (*back) (gpointer user_data);
  void (*given_up) (gpointer user_data, const GError *error);
  gpointer user_data;
} DeviceOptions;

typedef struct
{
  guint64 reads;
  guint64 failed_reads;
  guint64 writes;
  guint64 dropped_writes;
} DeviceCounters;

/* OPTIONS are kept, not copied. */
Device *device_open (Vm *vm, const DeviceOptions *options, GError **error);
/* Ends the waits of other threads; what is asked later fails.  Main thread, once nobody runs the
   loop any more. */
void device_close (Device *device);
void device_free (Device *device);

/* Any thread, and several at once: */

/* Whether the guest finds it. */
gboolean device_is_there (Device *device);
/* A function that is gone from a PCI bus reads as all ones, and ignores writes; so does an access
   that the device refuses.  Returns whether it did not. */
gboolean device_read (Device *device, guint32 region, guint64 offset, gpointer data, guint size);
gboolean device_write (Device *device,
                       guint32 region,
                       guint64 offset,
                       gconstpointer data,
                       guint size);
/* The same, for who was told that the device is back: until that function has returned, the guest
   still finds nothing. */
gboolean device_restore (Device *device,
                         guint32 region,
                         guint64 offset,
                         gconstpointer data,
                         guint size);
guint64 device_get_region_size (Device *device, guint32 region);
void device_get_counters (Device *device, DeviceCounters *counters);

/* Maps what can be mapped of a BAR, and asks for its IO descriptors.  Before the machine runs, and
   before it is placed for the first time. */
void device_prepare_bar (Device *device, guint bar, gboolean is_port);
/* Likewise: accesses to this part of a BAR come as exits even where it is mapped. */
void device_trap (Device *device, guint bar, guint64 offset, guint64 size);
/* The guest has put the BAR at ADDRESS: memory slots and ioeventfds follow.  The caller does not do
   two of these at a time. */
void device_place_bar (Device *device, guint bar, guint64 address);
void device_remove_bar (Device *device, guint bar);
gboolean device_post_writes (Device *device, guint bar, GError **error);

/* Interrupts.  What is asked of the server can fail: FALSE, and it was said on standard error. */
guint device_get_n_irqs (Device *device, guint32 irq);
gboolean device_needs_whole_set (Device *device, guint32 irq);
gboolean device_arm (Device *device, guint32 irq, guint start, const int *eventfds, guint n);
gboolean device_disarm (Device *device, guint32 irq);
void device_unmask (Device *device, guint32 irq);
gboolean device_raise (Device *device, guint32 irq);
/* Whether an eventfd that the server has, too, was signalled; then it is not any more. */
gboolean device_take_event (int eventfd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Device, device_free)

#endif /* DEVICE_H */
