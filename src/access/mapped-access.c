/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Loads and stores in memory that the server shares.  Does not know whose memory it is.  Any thread.
 *
 * The server may change the memory at any time, and may act on a store.  So each is an atomic access
 * of the width that the pointer has: it is made once, does not tear, and keeps its place among the
 * others, as that of a register would.
 */

#include "access/mapped-access.h"

#include <string.h>

/* What the processor loads at once for certain. */
#define WIDEST sizeof (gpointer)

/* The widest access that the address and what is left allow. */
static inline gsize
width_at (gconstpointer memory, gsize left)
{
  gsize width = WIDEST;

  while (width > left || (GPOINTER_TO_SIZE (memory) & (width - 1)) != 0)
    width /= 2;
  return width;
}

#define LOAD(Type)                                                                                 \
  do                                                                                               \
    {                                                                                              \
      Type value = __atomic_load_n ((const volatile Type *) memory, __ATOMIC_SEQ_CST);             \
                                                                                                   \
      memcpy (data, &value, sizeof value);                                                         \
    }                                                                                              \
  while (0)

#define STORE(Type)                                                                                \
  do                                                                                               \
    {                                                                                              \
      Type value;                                                                                  \
                                                                                                   \
      memcpy (&value, data, sizeof value);                                                         \
      __atomic_store_n ((volatile Type *) memory, value, __ATOMIC_SEQ_CST);                        \
    }                                                                                              \
  while (0)

static inline void
load (gconstpointer memory, gpointer data, gsize width)
{
  if (width == 4)
    LOAD (guint32);
  else if (width == 1)
    LOAD (guint8);
  else if (width == 2)
    LOAD (guint16);
#if GLIB_SIZEOF_VOID_P == 8
  else
    LOAD (guint64);
#endif
}

static inline void
store (gpointer memory, gconstpointer data, gsize width)
{
  if (width == 4)
    STORE (guint32);
  else if (width == 1)
    STORE (guint8);
  else if (width == 2)
    STORE (guint16);
#if GLIB_SIZEOF_VOID_P == 8
  else
    STORE (guint64);
#endif
}

void
vuc_mapped_load (const guint8 *memory, gpointer data, gsize count)
{
  for (guint8 *to = data; count > 0;)
    {
      gsize width = width_at (memory, count);

      load (memory, to, width);
      memory += width;
      to += width;
      count -= width;
    }
}

void
vuc_mapped_store (guint8 *memory, gconstpointer data, gsize count)
{
  for (const guint8 *from = data; count > 0;)
    {
      gsize width = width_at (memory, count);

      store (memory, from, width);
      memory += width;
      from += width;
      count -= width;
    }
}
