/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Descriptors of others, which whoever processes a session looks at as well: for the files of this
 * floor.  What the floors above call is in session.h.
 */

#ifndef VUC_WATCHED_H
#define VUC_WATCHED_H

#include "session/session.h"

/* A session's, under its lock. */
typedef struct
{
  int epoll; /* -1: nothing was ever watched */
} VucWatchedSet;

void vuc_watched_init (VucWatchedSet *set);
void vuc_watched_clear (VucWatchedSet *set);

/* Some of them are ready: they stand in the queue of what is to be delivered then. */
void vuc_watched_look_locked (VucSession *session);

#endif /* VUC_WATCHED_H */
