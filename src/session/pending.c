/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The table of message ids.  Does not know sockets or time.  Used under the session's lock.
 */

#include "session/pending.h"

#include "base/limits.h"

/* Enough for most devices' whole life; it grows while it is more than half full, so that a free id
 * is found at once. */
#define FIRST_CAPACITY 64

/* Replies with this much data or more are received straight into place, not read ahead and
 * copied. */
#define LARGE_REPLY 4096

/* The table is at most four times as large as what is in it. */
G_STATIC_ASSERT (4 * (VUC_LIMIT_PENDING + VUC_LIMIT_ABANDONED) <= VUC_PENDING_POSTED);

void
vuc_pending_init (VucPending *pending)
{
  *pending = (VucPending){ .slots = g_new0 (VucPendingSlot, FIRST_CAPACITY),
                           .capacity = FIRST_CAPACITY };
}

void
vuc_pending_clear (VucPending *pending)
{
  g_free (pending->slots);
}

static guint
n_used (const VucPending *pending)
{
  return pending->n_waiting + pending->n_abandoned;
}

static void
grow (VucPending *pending)
{
  guint capacity = pending->capacity * 2;

  pending->slots = g_renew (VucPendingSlot, pending->slots, capacity);
  for (guint i = pending->capacity; i < capacity; i++)
    pending->slots[i] = (VucPendingSlot){ .state = VUC_PENDING_FREE };
  pending->next = pending->capacity;
  pending->capacity = capacity;
}

gboolean
vuc_pending_is_full (const VucPending *pending)
{
  return pending->n_waiting >= VUC_LIMIT_PENDING;
}

gboolean
vuc_pending_add (VucPending *pending, VucCall *call)
{
  VucPendingSlot *slot;

  if (vuc_pending_is_full (pending))
    return FALSE;
  if (n_used (pending) >= pending->capacity / 2)
    grow (pending);

  while (pending->slots[pending->next & (pending->capacity - 1)].state != VUC_PENDING_FREE)
    pending->next++;
  call->id = (guint16) (pending->next++ & (pending->capacity - 1));

  slot = &pending->slots[call->id];
  slot->state = VUC_PENDING_WAITING;
  slot->command = call->command;
  slot->large = call->reply_data_capacity >= LARGE_REPLY;
  slot->exact = slot->large || vuc_command_reply_carries_fds (call->command);
  slot->sent = FALSE;
  slot->is_followed = call->is_followed;
  slot->order = call->order;
  call->id_is_known = TRUE;
  slot->call = call;
  pending->n_waiting++;
  pending->n_exact += slot->exact;
  pending->n_large += slot->large;
  return TRUE;
}

void
vuc_pending_note_sent (VucPending *pending, guint16 id)
{
  VucPendingSlot *slot = &pending->slots[id];

  pending->n_sent += !slot->sent;
  slot->sent = TRUE;
}

VucPendingSlot *
vuc_pending_find (VucPending *pending, guint16 id)
{
  if (id >= pending->capacity || pending->slots[id].state == VUC_PENDING_FREE)
    return NULL;
  return &pending->slots[id];
}

const VucCall *
vuc_pending_get_next (const VucPending *pending)
{
  for (guint i = 0; i < pending->capacity; i++)
    {
      const VucPendingSlot *slot = &pending->slots[(pending->next + i) & (pending->capacity - 1)];

      if (slot->state == VUC_PENDING_WAITING)
        return slot->call;
    }
  return NULL;
}

void
vuc_pending_abandon (VucPending *pending, guint16 id)
{
  VucPendingSlot *slot = &pending->slots[id];

  slot->state = VUC_PENDING_ABANDONED;
  slot->call = NULL;
  pending->n_waiting--;
  pending->n_abandoned++;
}

void
vuc_pending_remove (VucPending *pending, guint16 id)
{
  VucPendingSlot *slot = &pending->slots[id];

  if (slot->state == VUC_PENDING_WAITING)
    pending->n_waiting--;
  else
    pending->n_abandoned--;
  pending->n_exact -= slot->exact;
  pending->n_large -= slot->large;
  pending->n_sent -= slot->sent;
  slot->state = VUC_PENDING_FREE;
  slot->call = NULL;
}
