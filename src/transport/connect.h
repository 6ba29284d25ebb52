/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How a connected socket comes about.  Any thread.
 */

#ifndef VUC_CONNECT_H
#define VUC_CONNECT_H

#include <sys/socket.h>

#include <glib.h>

/* A new CLOEXEC socket connected to path, or to the abstract name if path begins with '@'; -1 with
 * error set.  deadline: g_get_monotonic_time() at which it gives up. */
int vuc_connect_path (const char *path, gint64 deadline, GError **error);

/* A CLOEXEC duplicate of fd, if it is a connected UNIX stream socket; -1 with error set. */
int vuc_connect_adopt (int fd, GError **error);

/* Who is at the other end. */
gboolean vuc_connect_get_peer (int socket, struct ucred *credentials, GError **error);

#endif /* VUC_CONNECT_H */
