/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The model of the server's memory, and the buffers of accesses to it.  Does not know how an access
 * is made.  Any thread.
 */

#include "thread/stress-memory.h"

#include <string.h>

#include "thread/stress.h"

#define GUARD 16
#define GUARD_BYTE 0xa5
#define UNREAD_BYTE 0xee
#define DEAD_BYTE 0xdb

#define MAX_GRAVES 128
#define MAX_READ 20000 /* some are received straight into the caller's buffer */

typedef struct
{
  guint8 *block;
  gsize size;
} Grave;

static char *
check_bytes (const guint8 *bytes, gsize size, guint8 expected, const char *what)
{
  for (gsize i = 0; i < size; i++)
    if (bytes[i] != expected)
      return g_strdup_printf ("%s: byte %zu of %zu is 0x%02x", what, i, size, bytes[i]);
  return NULL;
}

/* ---- Memory ---- */

void
stress_memory_init (StressMemory *memory, guint32 region, guint64 offset, gsize size)
{
  *memory = (StressMemory){ .region = region, .offset = offset, .size = size };
  g_mutex_init (&memory->lock);
  g_queue_init (&memory->graves);
}

static char *
grave_open (Grave *grave)
{
  char *why = check_bytes (grave->block, grave->size, DEAD_BYTE, "written after its completion");

  g_free (grave->block);
  g_free (grave);
  return why;
}

char *
stress_memory_clear (StressMemory *memory)
{
  char *why = NULL;
  Grave *grave;

  while ((grave = g_queue_pop_head (&memory->graves)) != NULL)
    {
      char *more = grave_open (grave);

      if (why == NULL)
        why = more;
      else
        g_free (more);
    }
  g_mutex_clear (&memory->lock);
  return why;
}

void
stress_memory_upset_begin (StressMemory *memory)
{
  g_atomic_int_inc (&memory->upsets_begun);
}

void
stress_memory_upset_end (StressMemory *memory)
{
  g_atomic_int_inc (&memory->upsets_done);
}

/* ---- Slots ---- */

void
slot_init (Slot *slot, guint64 offset, gsize size)
{
  *slot = (Slot){ .offset = offset, .size = size };
  slot->content = g_malloc0 (size);
  slot->known = g_malloc0 (size);
}

void
slot_clear (Slot *slot)
{
  g_free (slot->content);
  g_free (slot->known);
}

gboolean
slot_take (Slot *slot)
{
  return g_atomic_int_compare_and_exchange (&slot->taken, 0, 1);
}

void
slot_release (Slot *slot)
{
  g_atomic_int_set (&slot->taken, 0);
}

/* ---- Accesses ---- */

/* Mostly what registers are; now and then anything up to @limit. */
static gsize
choose_size (guint64 *random, gsize limit)
{
  static const gsize usual[] = { 1, 2, 4, 4, 4, 8 };
  const guint which = stress_random (random, 8);
  const gsize size = which < G_N_ELEMENTS (usual) ? usual[which]
                                                  : 1 + stress_random (random, (guint) limit);

  return MIN (size, limit);
}

/* Each way has its turn. */
static const VucAccessFlags ways[] = {
  VUC_ACCESS_ANY,
  VUC_ACCESS_NO_MAPPED,
  VUC_ACCESS_NO_POSTED,
  VUC_ACCESS_MESSAGE_ONLY,
};

/* Posted, or stored in memory that is shared with a server whose end nobody has noticed. */
static gboolean
may_be_lost (const Access *access)
{
  if ((access->flags & VUC_ACCESS_NO_MAPPED) == 0)
    return TRUE;
  return access->size <= 8 && (access->flags & VUC_ACCESS_NO_POSTED) == 0
         && g_atomic_int_get (&access->memory->is_posted_to);
}

void
access_prepare (Access *access, StressMemory *memory, Slot *slot, guint64 *random)
{
  const guint within = stress_random (random, (guint) slot->size);
  const gint done = g_atomic_int_get (&memory->upsets_done);
  gsize limit = slot->size - within;

  *access = (Access){ .memory = memory, .slot = slot };
  access->write = stress_random (random, 2) == 0;
  access->offset = slot->offset + within;
  if (!access->write)
    limit = (gsize) MIN (memory->offset + memory->size - access->offset, MAX_READ);
  access->size = choose_size (random, limit);

  access->flags = ways[stress_random (random, G_N_ELEMENTS (ways))];
  access->may_be_lost = access->write && may_be_lost (access);

  access->block = g_malloc (access->size + 2 * GUARD);
  access->data = access->block + GUARD;
  memset (access->block, GUARD_BYTE, access->size + 2 * GUARD);
  if (access->write)
    for (gsize i = 0; i < access->size; i++)
      access->data[i] = (guint8) stress_random (random, 256);
  else
    memset (access->data, UNREAD_BYTE, access->size);

  if (slot->epoch != done)
    memset (slot->known, 0, slot->size);
  slot->epoch = done;
}

static char *
check_guards (const Access *access)
{
  char *why = check_bytes (access->block, GUARD, GUARD_BYTE, "written before the buffer");

  if (why == NULL)
    why = check_bytes (access->data + access->size, GUARD, GUARD_BYTE, "written past the buffer");
  return why;
}

static char *
compare (const Access *access)
{
  const Slot *slot = access->slot;
  const gsize begin = (gsize) (access->offset - slot->offset);
  const gsize size = MIN (access->size, slot->size - begin);

  for (gsize i = 0; i < size; i++)
    if (slot->known[begin + i] && access->data[i] != slot->content[begin + i])
      return g_strdup_printf ("%zu bytes at 0x%" G_GINT64_MODIFIER "x: byte %zu is 0x%02x, but "
                              "0x%02x was written",
                              access->size, access->offset, i, access->data[i],
                              slot->content[begin + i]);
  return NULL;
}

char *
access_conclude (Access *access, gboolean ok)
{
  Slot *slot = access->slot;
  const gsize begin = (gsize) (access->offset - slot->offset);

  if (access->buried && ok)
    return g_strdup ("it succeeded, but was cancelled before");

  /* An upset that began since then, or was under way then, may have come before or after. */
  if (g_atomic_int_get (&access->memory->upsets_begun) != slot->epoch)
    memset (slot->known, 0, slot->size);
  else if (access->write)
    {
      ok = ok && !access->may_be_lost;
      if (ok)
        memcpy (slot->content + begin, access->data, access->size);
      memset (slot->known + begin, ok, access->size);
    }
  else if (ok)
    return compare (access);
  return NULL;
}

char *
access_bury (Access *access)
{
  char *why;

  if (access->buried)
    return NULL;
  why = check_guards (access);
  memset (access->block, DEAD_BYTE, access->size + 2 * GUARD);
  access->buried = TRUE;
  return why;
}

char *
access_clear (Access *access)
{
  StressMemory *memory = access->memory;
  Grave *grave = g_new (Grave, 1);
  Grave *oldest = NULL;

  *grave = (Grave){ access->block, access->size + 2 * GUARD };
  g_mutex_lock (&memory->lock);
  g_queue_push_tail (&memory->graves, grave);
  if (memory->graves.length > MAX_GRAVES)
    oldest = g_queue_pop_head (&memory->graves);
  g_mutex_unlock (&memory->lock);
  return oldest != NULL ? grave_open (oldest) : NULL;
}
