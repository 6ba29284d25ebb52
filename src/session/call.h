/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One command and its reply.  The memory is the caller's, from vuc_session_submit() until
 * vuc_session_wait() has returned; all that it points to as well.
 */

#ifndef VUC_CALL_H
#define VUC_CALL_H

#include <glib.h>

#include "base/fd-set.h"
#include "wire/protocol.h"

/* The largest fixed part of a request. */
#define VUC_CALL_REQUEST_SIZE 32

typedef struct
{
  /* The request: set by the caller, read until completion. */
  guint16 command;
  gint64 deadline;                       /* g_get_monotonic_time(); G_MAXINT64 for none */
  guint8 request[VUC_CALL_REQUEST_SIZE]; /* the payload's fixed part */
  gsize request_size;
  const void *request_data; /* the rest of the payload, sent from where it is */
  gsize request_data_size;

  /* Where the payload of a success reply goes: first reply, then reply_data.  More than both hold,
   * or less than reply_min, is a broken reply. */
  gsize reply_min;
  void *reply;
  gsize reply_capacity;
  void *reply_data;
  gsize reply_data_capacity;
  VucFdSet *reply_fds; /* an empty set for descriptors; NULL: they are closed */

  /* The outcome, valid once vuc_session_wait() has returned. */
  gsize reply_size; /* bytes of payload that came */
  GError *error;    /* NULL after success; else owned until vuc_call_clear() */

  /* The session's, under its lock. */
  guint16 id;
  guint8 header[VUC_HEADER_SIZE];
  gboolean done;    /* completed, and forgotten by the session but for its pins */
  gboolean queued;  /* in the outbox */
  gboolean sending; /* pinned: a sender reads the request without the lock */
  gboolean traced;
  gboolean sleeping; /* its waiter sleeps on cond */
  GCond cond;
  GList outbox_link;  /* data is the call */
  GList sleeper_link; /* likewise */
} VucCall;

/* A command without data, whose reply fits into one piece: the usual case. */
void vuc_call_init (VucCall *call, guint16 command, gint64 deadline);

/* Frees the error.  The call must not be under way. */
void vuc_call_clear (VucCall *call);

#endif /* VUC_CALL_H */
