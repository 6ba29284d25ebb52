/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The demo device, as a process of our own.
 */

#ifndef DEMO_H
#define DEMO_H

#include <sys/types.h>

#include <glib.h>

typedef struct _Demo Demo;

/* Starts the demo device on one end of a socket pair; NULL, with an error that says what to do, if
   that fails. */
Demo *demo_start (GError **error);

/* Our end; it belongs to the demo. */
int demo_get_socket (const Demo *demo);
pid_t demo_get_pid (const Demo *demo);

/* Ends the process, waits for it, and frees DEMO. */
void demo_stop (Demo *demo);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Demo, demo_stop)

#endif /* DEMO_H */
