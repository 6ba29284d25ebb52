/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The socket that clients connect to.
 */

#pragma once

#include <glib.h>

/* A listening socket at PATH; "@name" is in the abstract namespace. Returns -1 on failure. */
int listener_open (const char *path, GError **error);

/* Closes it, and removes PATH. */
void listener_close (int listener, const char *path);

/* The next client. Returns -1, with no error if there is none after all. */
int listener_accept (int listener, GError **error);

/* Whether FD is a connected socket of the right kind. */
gboolean listener_is_connected_socket (int fd);
