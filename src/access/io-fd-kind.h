/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Whether a descriptor that the server gave is what it claims to be: what only the kernel can tell.
 * Any thread.
 */

#ifndef VUC_IO_FD_KIND_H
#define VUC_IO_FD_KIND_H

#include <glib.h>

/* It is an eventfd.  Asks /proc; without it nothing is taken for one. */
gboolean vuc_io_fd_is_eventfd (int fd);

/* It is a connected stream socket: writing to a pipe could raise SIGPIPE. */
gboolean vuc_io_fd_is_stream_socket (int fd);

/* It is a regular file or a memfd, with size bytes from offset on. */
gboolean vuc_io_fd_is_file_with (int fd, guint64 offset, guint64 size);

#endif /* VUC_IO_FD_KIND_H */
