/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A client that is a few system calls: it says exact bytes and hears exact bytes.  For tests of
 * servers: the script server and the demo device.  Texts are those of hex.h, ?? is any byte.
 *
 *   static void
 *   a_version_without_nul_is_refused (void)
 *   {
 *     g_autoptr(DemoDevice) demo = demo_device_new ();
 *     int fd = demo_device_start (demo);
 *
 *     client_say (fd, "u16:1 u16:1 u32:22 u32:0 u32:0 | u16:0 u16:0 '{}'");
 *     client_hear (fd, "u16:1 u16:1 u32:16 u32:0x21 u32:22");
 *     client_hear_end (fd);
 *     close (fd);
 *     demo_device_stop (demo);
 *   }
 */

#ifndef HARNESS_CLIENT_H
#define HARNESS_CLIENT_H

#include <glib.h>

G_BEGIN_DECLS

/* Connects to a path, or makes a socket that listens there; the descriptor is the caller's. */
int client_connect (const char *path);
int client_listen (const char *path);

void client_say (int fd, const char *text);

/* With descriptors on the first byte; they stay the caller's. */
void client_say_with_fds (int fd, const char *text, const int *fds, gsize n_fds);

/* Fails the test unless these bytes come; they may come in pieces. */
void client_hear (int fd, const char *text);

/* The same, but takes the descriptors that come with them, up to @max; returns how many. */
gsize client_hear_with_fds (int fd, const char *text, int *fds, gsize max);

/* Whatever the next receive gets, up to @max bytes; returns how many, 0 at the end. */
gsize client_hear_some (int fd, gpointer data, gsize max);

/* Reads, and forgets, all up to the end. */
void client_hear_end (int fd);

G_END_DECLS

#endif /* HARNESS_CLIENT_H */
