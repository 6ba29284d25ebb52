/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Writes to regions that nobody waits for: REGION_WRITE and REGION_WRITE_MULTI that want no reply.
 * One for each device.  Any thread.
 */

#ifndef VUC_POSTED_H
#define VUC_POSTED_H

#include <glib.h>

#include "base/limits.h"
#include "session/session.h"
#include "wire/region-access.h"

/* The longest payload of one message. */
#define VUC_POSTED_MAX_PAYLOAD                                                                     \
  (VUC_REGION_WRITE_MULTI_SIZE + VUC_LIMIT_POSTED_MERGED * VUC_REGION_WRITE_MULTI_ENTRY)

typedef struct _VucPosted VucPosted;

VucPosted *vuc_posted_new (VucSession *session);

/* Not before the session has gone. */
void vuc_posted_free (VucPosted *posted);

/* Whether REGION_WRITE_MULTI was negotiated.  Before anybody may use the connection. */
void vuc_posted_set_multiple (VucPosted *posted, gboolean multiple);

/*
 * link: the connection that it must go over (vuc_session_get_usable_link()); 0: any.  access: checked;
 * its count is 1 to 8.  The data is copied.
 *
 * TRUE: it was sent, or it is queued and will be sent without any further call.  FALSE: it cannot be
 * posted now, so send one that is acknowledged instead, at once: it keeps the order.  That is so
 * while not connected, or connected to another server, in serial mode, inside a callback, while too much is queued, and where the
 * socket takes no more and nobody would send it later.
 *
 * The device has executed it when vuc_session_has_unproven() is FALSE, or a fence was passed.
 */
gboolean vuc_posted_write (VucPosted *posted,
                           gint link,
                           const VucRegionAccess *access,
                           gconstpointer data);

/* How many messages were sent, since it was made. */
guint64 vuc_posted_get_n_messages (VucPosted *posted);

#endif /* VUC_POSTED_H */
