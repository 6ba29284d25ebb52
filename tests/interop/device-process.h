/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The device of device.c, in a process of its own.
 */

#ifndef INTEROP_DEVICE_PROCESS_H
#define INTEROP_DEVICE_PROCESS_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct _DeviceProcess DeviceProcess;

DeviceProcess *device_process_new (void);

/* Ends it as well. */
void device_process_free (DeviceProcess *process);

/* Whether configure found what it is made with. */
gboolean device_process_is_there (void);

/* Starts it, and waits until it listens.  option: one, or NULL.  Returns the socket's path, which is
 * the same each time. */
const char *device_process_start (DeviceProcess *process, const char *option);

/* Kills it, so that its client loses it. */
void device_process_kill (DeviceProcess *process);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DeviceProcess, device_process_free)

G_END_DECLS

#endif /* INTEROP_DEVICE_PROCESS_H */
