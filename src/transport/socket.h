/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One send, one receive, on a connected UNIX stream socket, neither of which sleeps, but for a
 * receive that is asked to.  Any thread; that only one sends and only one receives is the session's
 * business.
 */

#ifndef VUC_SOCKET_H
#define VUC_SOCKET_H

#include <sys/uio.h>

#include <glib.h>

#include "base/fd-set.h"

typedef enum
{
  VUC_IO_DONE,  /* at least one byte went or came */
  VUC_IO_AGAIN, /* nothing now: poll */
  VUC_IO_ENDED, /* the peer has closed its end */
  VUC_IO_FAILED /* error is set */
} VucIoStatus;

/*
 * Sends what iov holds, with copies of fds on its first byte.  The kernel takes less than
 * everything only of messages too large for one of its buffers: the caller sends the rest, without
 * descriptors. *sent is set when DONE.
 */
VucIoStatus vuc_socket_send (int socket,
                             const struct iovec *iov,
                             int n_iov,
                             const int *fds,
                             guint n_fds,
                             gsize *sent,
                             GError **error);

/*
 * Receives into iov; descriptors that came, CLOEXEC, go into the empty set fds.  Descriptors that
 * were lost on the way are an error.  *received is set when DONE.
 */
VucIoStatus vuc_socket_receive (int socket,
                                gboolean sleeps,
                                struct iovec *iov,
                                int n_iov,
                                VucFdSet *fds,
                                gsize *received,
                                GError **error);

/* How many bytes are there to be received, up to max, none of which has descriptors; 0 if that is more
 * than anybody can say.  Looks without taking. */
gsize vuc_socket_peek_plain (int socket, gpointer scratch, gsize max);

/* As vuc_socket_send(), without descriptors, but sleeps while the kernel has no room, as long as that was allowed;
 * what goes meanwhile is much more than goes at once. */
VucIoStatus vuc_socket_send_patiently (int socket,
                                       const struct iovec *iov,
                                       int n_iov,
                                       gsize *sent,
                                       GError **error);

/* A receive that sleeps may do so for this many microseconds.  is_foreign: somebody else has made the
 * socket, and may have set flags on it.  The second is for sends that sleep, after the first. */
void vuc_socket_set_patience (int socket, gboolean is_foreign, gint64 us);
void vuc_socket_set_send_patience (int socket, gint64 us);

#endif /* VUC_SOCKET_H */
