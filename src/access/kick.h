/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Kicking an eventfd of the server's.  Any thread.
 */

#ifndef VUC_KICK_H
#define VUC_KICK_H

#include <glib.h>

/* Whether a kick sleeps while the counter is full: the server may have made it so. */
gboolean vuc_kick_may_block (int fd);

/* A full counter is a kick that is due anyway, so this cannot fail. */
void vuc_kick (int fd, gboolean may_block);

#endif /* VUC_KICK_H */
