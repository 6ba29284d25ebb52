/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How a connected socket comes about.  Any thread.
 */

#ifndef VUC_CONNECT_H
#define VUC_CONNECT_H

#include <glib.h>

typedef enum
{
  VUC_CONNECT_DONE,
  VUC_CONNECT_AGAIN, /* the server's backlog is full: try again later */
  VUC_CONNECT_FAILED /* error is set */
} VucConnectStatus;

/* Tries to connect a new CLOEXEC socket to path, or to the abstract name if path begins with '@'.
 * Does not wait.  *socket is set when DONE. */
VucConnectStatus vuc_connect_path (const char *path, int *socket, GError **error);

/* A CLOEXEC duplicate of fd, if it is a connected UNIX stream socket; -1 with error set. */
int vuc_connect_adopt (int fd, GError **error);

#endif /* VUC_CONNECT_H */
