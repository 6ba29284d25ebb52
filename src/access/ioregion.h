/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client of an ioregionfd: accesses to sub-regions travel as commands of 32 bytes on a socket of
 * their own.
 */

#ifndef VUC_IOREGION_H
#define VUC_IOREGION_H

#include <glib.h>

#include "session/session.h"

/* One for each descriptor, however many sub-regions share it; reference counted.  Any thread. */
typedef struct _VucIoregion VucIoregion;

/* fd: a connected stream socket, of which a duplicate is made.  NULL with VUC_ERROR_LIMIT. */
VucIoregion *vuc_ioregion_new (int fd, GError **error);

VucIoregion *vuc_ioregion_ref (VucIoregion *ioregion);
void vuc_ioregion_unref (VucIoregion *ioregion);

/* After a reconnect: the socket behind it is another one now, of which nothing is owed.  Accesses that
 * are under way on the old one fail with VUC_ERROR_DISCONNECTED, soon.  FALSE with VUC_ERROR_LIMIT: it
 * cannot be used any more. */
gboolean vuc_ioregion_renew (VucIoregion *ioregion, int fd, GError **error);

/* FALSE once the socket has ended or failed: accesses go by message then.  Takes no lock. */
gboolean vuc_ioregion_is_usable (VucIoregion *ioregion);

/* For tests: how many accesses wait for their turn. */
guint vuc_ioregion_get_n_waiting (VucIoregion *ioregion);

/*
 * An access of size bytes, 1, 2, 4 or 8, offset bytes into the sub-region that has this user_data.
 * link: the connection that it must go over (vuc_session_get_usable_link()); deadline:
 * g_get_monotonic_time(); G_MAXINT64: none.  The session is served meanwhile.  posted: no
 * response is awaited; the sub-region must be one of those.
 *
 * Errors: VUC_ERROR_TIMED_OUT: no response in time, so it is not known whether the access was made; or
 * the command could not be sent, and it was not.  VUC_ERROR_DISCONNECTED: this socket is of no use
 * any more.  VUC_ERROR_INVALID_ARGUMENT: inside a callback that must not wait.
 */
gboolean vuc_ioregion_read (VucIoregion *ioregion,
                            VucSession *session,
                            gint link,
                            guint64 user_data,
                            guint64 offset,
                            gpointer data,
                            guint size,
                            gint64 deadline,
                            GError **error);
gboolean vuc_ioregion_write (VucIoregion *ioregion,
                             VucSession *session,
                             gint link,
                             guint64 user_data,
                             guint64 offset,
                             gconstpointer data,
                             guint size,
                             gboolean posted,
                             gint64 deadline,
                             GError **error);

#endif /* VUC_IOREGION_H */
