/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An access to a region that travels as messages.  Any thread.
 */

#ifndef VUC_MESSAGE_H
#define VUC_MESSAGE_H

#include <glib.h>

#include "session/session.h"
#include "wire/region-access.h"

/* Both split into messages of at most chunk bytes of data and wait for the last, all within the
 * deadline.  The range was checked: it lies inside the region. */
gboolean vuc_message_read (VucSession *session,
                           guint32 region,
                           guint64 offset,
                           guint8 *data,
                           gsize count,
                           gsize chunk,
                           gint64 deadline,
                           GError **error);
gboolean vuc_message_write (VucSession *session,
                            guint32 region,
                            guint64 offset,
                            const guint8 *data,
                            gsize count,
                            gsize chunk,
                            gint64 deadline,
                            GError **error);

#endif /* VUC_MESSAGE_H */
