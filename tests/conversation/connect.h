/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Connecting to the harness's servers, as tests of the public API need it.
 *
 *   static void
 *   a_device_can_be_closed (void)
 *   {
 *     g_autoptr(ScriptServer) server = script_server_new ();
 *     g_autoptr(VucDevice) device = NULL;
 *
 *     script_handshake (server, &script_pci_device);
 *     device = connect_to (script_server_start (server));
 *     close_and_finish (device, server);
 *   }
 */

#ifndef CONVERSATION_CONNECT_H
#define CONVERSATION_CONNECT_H

#include <vfio-user-client/vfio-user-client.h>

#include "harness/script-server.h"

G_BEGIN_DECLS

/* Connects, which must succeed.  Closes fd: the device has its own. */
VucDevice *connect_to (int fd);
VucDevice *connect_with (int fd, VucConfig *config);

/* The same by a path; and again, when the device is lost. */
VucDevice *connect_to_path (const char *path, VucConfig *config);
void reconnect (VucDevice *device);

/* Connects, which must fail in this way.  Closes fd. */
void connect_and_expect (int fd, VucConfig *config, VucError code, const char *text);

/* A deadline that tests can wait for, yet long enough to connect; longer where all is slow:
 * under valgrind, with sanitizers. */
guint short_deadline_ms (void);
guint patient_deadline_ms (void); /* on a machine that is busy, too */

/* Long after those deadlines, and before the 5 s that are the default; or, where too many others run
 * to tell them apart, for ever. */
guint late_ms (void);

gboolean runs_under_valgrind (void);

/* A configuration with everything else at its default. */
VucConfig *config_with_timeout (guint ms);

/* Hangs up; then the script must have been followed to its end. */
void close_and_finish (VucDevice *device, ScriptServer *server);

/* Reads 4 bytes at offset 0 of region 7 of script_pci_device, and is answered: it still lives.  The
 * first function is for the script, the second for the test. */
void script_sign_of_life (ScriptServer *server);
void expect_sign_of_life (VucDevice *device);

/* The script: a server that hangs up where the client reads, and accepts the next one.  The test: a
 * read, which fails of that. */
void script_loss (ScriptServer *server);
void lose (VucDevice *device);

/* Attaches it, which must succeed. */
void attach (VucDevice *device, GMainContext *context);

/* How many files and sockets are open: all descriptors but those that the library may make for
 * itself at any time (eventfd, epoll, timerfd). */
guint count_files (void);

/* Milliseconds since start, a g_get_monotonic_time (). */
guint ms_since (gint64 start);

G_END_DECLS

#endif /* CONVERSATION_CONNECT_H */
