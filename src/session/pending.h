/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The table of message ids: which command each one stands for, and who waits for its reply.  An id
 * whose waiter has gone stays taken until the late reply was swallowed, so that no reply can be
 * mistaken for another's.
 *
 * Constant cost per operation (but for _get_next, which is for error messages), no allocation in
 * the steady state.  Used under the session's lock.
 */

#ifndef VUC_PENDING_H
#define VUC_PENDING_H

#include <glib.h>

#include "session/call.h"

/* The id of all posted messages: no call that waits for a reply is ever given it. */
#define VUC_PENDING_POSTED 0xffff

typedef enum
{
  VUC_PENDING_FREE,
  VUC_PENDING_WAITING,  /* call waits for the reply */
  VUC_PENDING_ABANDONED /* nobody does: to be swallowed */
} VucPendingState;

typedef struct
{
  VucPendingState state;
  guint16 command;
  gboolean exact;       /* the reply may carry descriptors, or much data: do not read ahead */
  gboolean large;       /* the latter */
  gboolean sent;        /* at least in part: the server will deal with it */
  gboolean is_followed; /* what its late reply says matters */
  guint64 order;        /* the call's */
  VucCall *call;        /* with WAITING */
} VucPendingSlot;

typedef struct
{
  VucPendingSlot *slots; /* the index is the id */
  guint capacity;        /* a power of two */
  guint next;            /* where to look for a free one: ids are not used again at once */
  guint n_waiting;
  guint n_abandoned;
  guint n_exact;
  guint n_large;
  guint n_sent;
} VucPending;

void vuc_pending_init (VucPending *pending);
void vuc_pending_clear (VucPending *pending);

/* Whether there are VUC_LIMIT_PENDING already. */
gboolean vuc_pending_is_full (const VucPending *pending);

/* Gives call an id; FALSE if it is full. */
gboolean vuc_pending_add (VucPending *pending, VucCall *call);

/* It was sent, at least in part. */
void vuc_pending_note_sent (VucPending *pending, guint16 id);

/* What an id stands for, NULL if nothing. */
VucPendingSlot *vuc_pending_find (VucPending *pending, guint16 id);

/* Whose reply is due next: the call that has waited longest (about, if the table has just grown).
 * NULL if none waits. */
const VucCall *vuc_pending_get_next (const VucPending *pending);

/* The waiter goes, the id stays taken. */
void vuc_pending_abandon (VucPending *pending, guint16 id);

/* The id is free again. */
void vuc_pending_remove (VucPending *pending, guint16 id);

#endif /* VUC_PENDING_H */
