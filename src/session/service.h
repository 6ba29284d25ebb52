/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How a command of the server is served: the interface between the session, which reads it and
 * sends the answer, and a floor above that knows what it means.  Data goes straight to where it
 * belongs, and is sent from where it is.
 *
 *   fixed_size  how long the payload's fixed part is; 0: such a command is not known (ENOTSUP)
 *   begin       the fixed part is there.  Says where the data behind it goes, or refuses
 *   end         all is there.  Says what to answer
 *   release     the answer was sent, or never will be: what it was sent from is not needed any more.
 *               Called once for each command whose begin was called
 *   uses        whether a command that was begun touches what vuc_session_revoke() was asked for
 *
 * Called by the thread that reads, with no lock held, one command of a socket at a time; but for
 * uses, which only looks, and is called with the lock held.  None of them may wait for the server.
 */

#ifndef VUC_SERVICE_H
#define VUC_SERVICE_H

#include <sys/uio.h>

#include "wire/header.h"

/* The largest fixed part of a server command and of its answer. */
#define VUC_SERVICE_FIXED_SIZE 16

typedef struct
{
  VucHeader header;
  guint8 fixed[VUC_SERVICE_FIXED_SIZE];
  gsize data_size; /* bytes of payload behind the fixed part */

  /* Set by begin or end. */
  int error; /* an errno: the answer is that and nothing else; data is thrown away */
  const struct iovec *places; /* by begin: room for data_size bytes; none: they are thrown away */
  guint n_places;
  guint8 reply[VUC_SERVICE_FIXED_SIZE];
  gsize reply_size;
  const struct iovec *reply_data;
  guint n_reply_data;

  gpointer user_data; /* the service's own, from begin to release */
} VucServed;

typedef struct
{
  gsize (*fixed_size) (guint16 command);
  void (*begin) (VucServed *served, gpointer service_data);
  void (*end) (VucServed *served, gpointer service_data);
  void (*release) (VucServed *served, gpointer service_data);
  gboolean (*uses) (const VucServed *served, gconstpointer what);
} VucService;

#endif /* VUC_SERVICE_H */
