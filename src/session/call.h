/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One command and its reply.  It belongs to a task (task.h), whose step fills it in, submits it, and
 * looks at its outcome; between those two the memory, and all that it points to, is the session's.
 * One that is posted (posting.h) has neither task nor reply.
 */

#ifndef VUC_CALL_H
#define VUC_CALL_H

#include <glib.h>

#include "base/fd-set.h"
#include "wire/protocol.h"

/* The largest fixed part of a request. */
#define VUC_CALL_REQUEST_SIZE 32

typedef struct _VucTask VucTask;

typedef struct
{
  /* The request. */
  guint16 command;
  union
  {
    struct
    {
      guint8 header[VUC_HEADER_SIZE];        /* the session's */
      guint8 request[VUC_CALL_REQUEST_SIZE]; /* the payload's fixed part */
    };
    guint8 head[VUC_HEADER_SIZE + VUC_CALL_REQUEST_SIZE]; /* both, as they are sent */
  };
  gsize request_size;
  const void *request_data; /* the rest of the payload, sent from where it is */
  gsize request_data_size;
  const int *request_fds; /* sent with the first byte; the caller's */
  guint n_request_fds;

  /* Where the payload of a success reply goes: first reply, then reply_data.  More than both hold,
   * or less than reply_min, is a broken reply. */
  gsize reply_min;
  void *reply;
  gsize reply_capacity;
  void *reply_data;
  gsize reply_data_capacity;
  VucFdSet *reply_fds; /* an empty set for descriptors; NULL: they are closed */

  /* The outcome. */
  gsize reply_size; /* bytes of payload that came */
  GError *error;    /* NULL after success; else owned until vuc_call_clear() */
  guint64 order;    /* in which the calls of a session are sent: the greater, the later */

  gboolean is_followed; /* set with the request: should nobody wait for it any more, it matters what
                         * the late reply says; see vuc_session_get_late_reply() */

  gboolean is_unproven; /* set with the request: unless a thread waits for the task, it counts as
                         * posted (posting.h) until the reply is in */

  /* The session's, under its lock. */
  VucTask *task;        /* NULL if posted */
  guint16 id;           /* while it is in the table of ids */
  gboolean id_is_known; /* it has had one */
  gboolean done;        /* has its outcome; it is over once it is not pinned any more, either */
  gboolean crowded;     /* waits for room, and has no id yet */
  gboolean queued;      /* in the outbox */
  gboolean sending;     /* pinned: a sender reads the request without the lock */
  gboolean receiving;   /* pinned: the reader writes the reply without the lock */
  gboolean was_sent;    /* at least its first byte */
  gboolean posted;      /* wants no reply: it is over when it leaves the outbox */
  gboolean traced;
  GList queue_link; /* in the outbox, or among the crowded; data is the call */
  GList task_link;  /* among its task's calls that are not over; likewise */
} VucCall;

/* A command without data, without reply. */
void vuc_call_init (VucCall *call, guint16 command);

/* Frees the error, so that the call can be filled in anew.  It must be over. */
void vuc_call_clear (VucCall *call);

#endif /* VUC_CALL_H */
