/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The only way to touch what a peer sent, and to lay out what we send.  Both cursors are bounds
 * checked, and their error is sticky: after one step too far every further step fails too, reads
 * yield 0, and nothing is touched; so a decoder reads all its fields and asks once.
 *
 * Integers are in host byte order, as the protocol has them, at any alignment.  Knows nothing of
 * vfio-user.  Any thread; a cursor belongs to its caller.
 */

#ifndef VUC_CURSOR_H
#define VUC_CURSOR_H

#include <string.h>

#include <glib.h>

typedef struct
{
  const guint8 *data;
  gsize size;
  gsize position; /* at most size */
  gboolean failed;
} VucCursor;

typedef struct
{
  guint8 *data;
  gsize size;
  gsize position; /* at most size */
  gboolean failed;
} VucWriter;

static inline void
vuc_cursor_init (VucCursor *cursor, const void *data, gsize size)
{
  /* So that even over nothing there is a place to point to. */
  *cursor = (VucCursor){ .data = data != NULL ? data : "", .size = size };
}

static inline gboolean
vuc_cursor_ok (const VucCursor *cursor)
{
  return !cursor->failed;
}

static inline gsize
vuc_cursor_left (const VucCursor *cursor)
{
  return cursor->size - cursor->position;
}

/* The next count bytes, or NULL; they belong to whoever owns the input. */
static inline const guint8 *
vuc_cursor_get_bytes (VucCursor *cursor, gsize count)
{
  const guint8 *bytes;

  if (cursor->failed || count > vuc_cursor_left (cursor))
    {
      cursor->failed = TRUE;
      return NULL;
    }

  bytes = cursor->data + cursor->position;
  cursor->position += count;
  return bytes;
}

static inline void
vuc_cursor_skip (VucCursor *cursor, gsize count)
{
  (void) vuc_cursor_get_bytes (cursor, count);
}

/* Goes to a position counted from the beginning. */
static inline void
vuc_cursor_seek (VucCursor *cursor, gsize position)
{
  if (cursor->failed || position > cursor->size)
    cursor->failed = TRUE;
  else
    cursor->position = position;
}

/* The copies are of a constant size: compilers make one load of each. */
#define VUC_DEFINE_CURSOR_GET(type, name)                                                          \
  static inline type vuc_cursor_get_##name (VucCursor *cursor)                                     \
  {                                                                                                \
    type value = 0;                                                                                \
    const guint8 *bytes = vuc_cursor_get_bytes (cursor, sizeof value);                             \
                                                                                                   \
    if (bytes != NULL)                                                                             \
      memcpy (&value, bytes, sizeof value);                                                        \
    return value;                                                                                  \
  }

VUC_DEFINE_CURSOR_GET (guint16, u16)
VUC_DEFINE_CURSOR_GET (guint32, u32)
VUC_DEFINE_CURSOR_GET (guint64, u64)

#undef VUC_DEFINE_CURSOR_GET

static inline void
vuc_writer_init (VucWriter *writer, void *data, gsize size)
{
  *writer = (VucWriter){ .data = data, .size = size };
}

static inline gboolean
vuc_writer_ok (const VucWriter *writer)
{
  return !writer->failed;
}

static inline void
vuc_writer_put_bytes (VucWriter *writer, const void *bytes, gsize count)
{
  if (writer->failed || count > writer->size - writer->position)
    {
      writer->failed = TRUE;
      return;
    }

  memcpy (writer->data + writer->position, bytes, count);
  writer->position += count;
}

#define VUC_DEFINE_WRITER_PUT(type, name)                                                          \
  static inline void vuc_writer_put_##name (VucWriter *writer, type value)                         \
  {                                                                                                \
    vuc_writer_put_bytes (writer, &value, sizeof value);                                           \
  }

VUC_DEFINE_WRITER_PUT (guint16, u16)
VUC_DEFINE_WRITER_PUT (guint32, u32)
VUC_DEFINE_WRITER_PUT (guint64, u64)

#undef VUC_DEFINE_WRITER_PUT

#endif /* VUC_CURSOR_H */
