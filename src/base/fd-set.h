/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Descriptors that came with a message, and who closes them: the set does, unless somebody steals
 * one.  A slot whose descriptor was stolen holds -1; indexes stay as the message numbered them.
 * Knows nothing of vfio-user.  A set belongs to its caller; any thread.
 */

#ifndef VUC_FD_SET_H
#define VUC_FD_SET_H

#include <glib.h>

#include "base/limits.h"

typedef struct
{
  guint count;                /* at most VUC_LIMIT_MSG_FDS */
  int fds[VUC_LIMIT_MSG_FDS]; /* the first count are ours, or -1 */
} VucFdSet;

void vuc_fd_set_init (VucFdSet *set);

/* Closing a socket that a peer made shall not wait. */
void vuc_fd_forget_linger (int fd);

/* Closes a descriptor that a peer made: it may be of any kind, and closing it shall not wait. */
void vuc_fd_close_received (int fd);

/* Closes what is left, and empties the set. */
void vuc_fd_set_clear (VucFdSet *set);

/* Takes ownership of fd; closes it and returns FALSE if the set is full. */
gboolean vuc_fd_set_add (VucFdSet *set, int fd);

/* Moves all of from to the end of set, in order; closes and returns FALSE if it is too many. */
gboolean vuc_fd_set_move (VucFdSet *set, VucFdSet *from);

/* The descriptor, still the set's; -1 if there is no such index or it was stolen. */
int vuc_fd_set_peek (const VucFdSet *set, guint index);

/* The descriptor, now the caller's; -1 likewise. */
int vuc_fd_set_steal (VucFdSet *set, guint index);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VucFdSet, vuc_fd_set_clear)

#endif /* VUC_FD_SET_H */
