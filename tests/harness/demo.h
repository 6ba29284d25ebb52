/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The demo device (examples/demo-device), in a process of its own.
 *
 *   static void
 *   the_demo_device_can_be_read (void)
 *   {
 *     g_autoptr(DemoDevice) demo = demo_device_new ();
 *     g_autoptr(GError) error = NULL;
 *     g_autoptr(VucDevice) device = NULL;
 *
 *     device = vuc_device_connect (demo_device_listen (demo), NULL, &error);
 *     assert_no_error (error);
 *     vuc_device_close (device);
 *     demo_device_stop (demo);
 *   }
 *
 * The program is the one that the environment variable DEMO_DEVICE names, or else the one in the
 * folder that this test was built in.  It is forked where it is started, so start it before any
 * thread.
 */

#ifndef HARNESS_DEMO_H
#define HARNESS_DEMO_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct _DemoDevice DemoDevice;

DemoDevice *demo_device_new (void);
void demo_device_free (DemoDevice *demo);

/* What the next start says besides: "--shape=1". May be said several times. */
void demo_device_add_option (DemoDevice *demo, const char *option);

/* Starts it with --fd=N on one end of a socket pair.  Returns the other end, the caller's. */
int demo_device_start (DemoDevice *demo);

/*
 * Starts it with --socket-path=PATH in the case's temporary folder.  Returns the path, when it is
 * being listened on.
 */
const char *demo_device_listen (DemoDevice *demo);

/*
 * Ends it with SIGTERM.  Fails the test if it does not exit with status 0, so it must be up: have
 * heard from it, or be listening.
 */
void demo_device_stop (DemoDevice *demo);

/* The program's path; fails the test if there is none. */
char *demo_device_find (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DemoDevice, demo_device_free)

G_END_DECLS

#endif /* HARNESS_DEMO_H */
