/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the server's memory must contain, and buffers that must not be touched.
 *
 * The memory is divided into slots.  At most one access of a slot is under way, so what is read is
 * known: what was written, unless that was given up, or something upset all memory (a reset, the
 * server's death).
 *
 *   Access access;
 *
 *   if (slot_take (slot))
 *     {
 *       access_prepare (&access, memory, slot, &random);
 *       ok = access.write ? write (access.offset, access.data, access.size) : read (…);
 *       why = access_conclude (&access, ok);
 *       slot_release (slot);
 *       access_bury (&access);
 *     }
 */

#ifndef THREAD_STRESS_MEMORY_H
#define THREAD_STRESS_MEMORY_H

#include <glib.h>
#include <vfio-user-client/vuc-types.h>

G_BEGIN_DECLS

typedef struct _Stress Stress;

/* The memory of the server that is read and written. */
typedef struct
{
  guint32 region;
  guint64 offset;
  gsize size;

  /* Whoever upsets the memory counts before and after; while both are equal nobody does.  Atomic. */
  gint upsets_begun, upsets_done;

  gint is_posted_to; /* atomic: by short writes that do not say otherwise */

  GMutex lock;
  GQueue graves; /* lock: of buffers that are over */
} StressMemory;

typedef struct
{
  guint64 offset; /* in the region */
  gsize size;
  gint taken; /* atomic; whoever took it may use the rest */
  gint epoch; /* the upsets that were done when the content became known */
  guint8 *content;
  guint8 *known; /* for each byte, whether it is */
} Slot;

typedef struct
{
  StressMemory *memory;
  Slot *slot;
  gboolean write;
  guint64 offset; /* in the region */
  gsize size;
  guint8 *data;
  guint8 *block;   /* the data between two guards */
  gboolean buried; /* its content is known to be dead */
  VucAccessFlags flags;
  gboolean may_be_lost; /* it was not answered by the server, if there still is one, unless that is
                         * proven */
} Access;

void stress_memory_init (StressMemory *memory, guint32 region, guint64 offset, gsize size);

/* Looks into all graves: what is wrong, or NULL. */
char *stress_memory_clear (StressMemory *memory);

void stress_memory_upset_begin (StressMemory *memory);
void stress_memory_upset_end (StressMemory *memory);

void slot_init (Slot *slot, guint64 offset, gsize size);
void slot_clear (Slot *slot);
gboolean slot_take (Slot *slot);
void slot_release (Slot *slot);

/* Chooses a direction, a place and the data.  A read may be longer than the slot. */
void access_prepare (Access *access, StressMemory *memory, Slot *slot, guint64 *random);

/* Compares what was read, or remembers what was written.  Returns what is wrong, or NULL. */
char *access_conclude (Access *access, gboolean ok);

/* From now on nobody may touch the data.  Returns what is wrong, or NULL. */
char *access_bury (Access *access);

/* The data belongs to the memory's graves now, which keep some of them for a while to see whether
 * somebody touches them.  Returns what is wrong with the one that had to go, or NULL. */
char *access_clear (Access *access);

G_END_DECLS

#endif /* THREAD_STRESS_MEMORY_H */
