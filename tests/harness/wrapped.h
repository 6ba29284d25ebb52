/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * System calls that come to the test first, where its program is linked with --wrap for them: the
 * library calls __wrap_, which the test defines, and the kernel's is __real_.
 *
 *   gssize
 *   __wrap_send (int fd, const void *data, gsize size, int flags)
 *   {
 *     n_sends++;
 *     return __real_send (fd, data, size, flags);
 *   }
 *
 *   tests_unit_test_thing_LDFLAGS = -Wl,--wrap=send
 */

#ifndef HARNESS_WRAPPED_H
#define HARNESS_WRAPPED_H

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <glib.h>

G_BEGIN_DECLS

int __real_connect (int fd, const struct sockaddr *address, socklen_t size);
gssize __real_send (int fd, const void *data, gsize size, int flags);
gssize __real_sendmsg (int fd, const struct msghdr *message, int flags);
gssize __real_recv (int fd, void *data, gsize size, int flags);
gssize __real_recvmsg (int fd, struct msghdr *message, int flags);
int __real_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout,
                  const sigset_t *mask);

int __wrap_connect (int fd, const struct sockaddr *address, socklen_t size);
gssize __wrap_send (int fd, const void *data, gsize size, int flags);
gssize __wrap_sendmsg (int fd, const struct msghdr *message, int flags);
gssize __wrap_recv (int fd, void *data, gsize size, int flags);
gssize __wrap_recvmsg (int fd, struct msghdr *message, int flags);
int __wrap_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout,
                  const sigset_t *mask);

G_END_DECLS

#endif /* HARNESS_WRAPPED_H */
