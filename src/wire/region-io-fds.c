/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_IO_FDS (protocol, "Region IO FDs"): the parts of a region that have an
 * ioeventfd, an ioregionfd or a shadow ioeventfd.  Does not see the descriptors, only how many
 * came: what they really are is checked where they are.  Pure; any thread.
 */

#include "wire/region-io-fds.h"

#include <stdlib.h>

#include <vfio-user-client/vuc-types.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/range.h"

#define REPLY "DEVICE_GET_REGION_IO_FDS reply of region %u: "
#define ENTRY REPLY "entry %u: "
#define HEX64 "0x%" G_GINT64_MODIFIER "x"

/* The size of an entry is not said, only implied: from 40 bytes on it has the layout without shadow
 * memory, from 48 on the one with it, and what follows is of no concern to us. */
#define OLD_STRIDE 40
#define NEW_STRIDE 48

#define NO_FD 0xffffffffu

#define N_FLAG_BITS 2

typedef struct
{
  const char *name;
  gboolean is_ioregionfd;
  gboolean has_shadow;
  guint32 flags[N_FLAG_BITS]; /* by bit of the wire: VucIoFdFlags */
} IoFdKind;

/* By VucIoFdType.  Further flags of an ioeventfd (DEASSIGN and so on) are KVM's, and make no sense
 * from a server. */
static const IoFdKind io_fd_kinds[] = {
  [VUC_IO_FD_IOEVENTFD] = { .name = "ioeventfd", .flags = { VUC_IO_FD_DATAMATCH, VUC_IO_FD_PIO } },
  [VUC_IO_FD_IOREGIONFD] = { .name = "ioregionfd",
                             .is_ioregionfd = TRUE,
                             .flags = { VUC_IO_FD_PIO, VUC_IO_FD_POSTED_WRITES } },
  [VUC_IO_FD_SHADOW_IOEVENTFD] = { .name = "shadow ioeventfd",
                                   .has_shadow = TRUE,
                                   .flags = { VUC_IO_FD_DATAMATCH, VUC_IO_FD_PIO } },
};

/* An entry as it came. */
typedef struct
{
  guint64 offset;
  guint64 size;
  guint32 fd_index;
  guint32 type;
  guint32 flags;
  guint32 shadow_fd_index;
  guint64 user_data;
  guint64 shadow_offset; /* 0 in the old layout */
  guint64 datamatch;
} WireEntry;

void
vuc_region_io_fds_encode (guint32 index, guint32 argsz, guint8 payload[VUC_REGION_IO_FDS_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_REGION_IO_FDS_SIZE);
  vuc_writer_put_u32 (&writer, argsz);
  vuc_writer_put_u32 (&writer, 0); /* flags */
  vuc_writer_put_u32 (&writer, index);
  vuc_writer_put_u32 (&writer, 0); /* count */
}

/* The last two fields mean something else in each layout, and for each type. */
static void
read_entry (VucCursor *cursor, gsize stride, WireEntry *entry)
{
  guint64 at_32;

  entry->offset = vuc_cursor_get_u64 (cursor);
  entry->size = vuc_cursor_get_u64 (cursor);
  entry->fd_index = vuc_cursor_get_u32 (cursor);
  entry->type = vuc_cursor_get_u32 (cursor);
  entry->flags = vuc_cursor_get_u32 (cursor);
  entry->shadow_fd_index = vuc_cursor_get_u32 (cursor);
  at_32 = vuc_cursor_get_u64 (cursor);

  entry->user_data = at_32;
  if (stride >= NEW_STRIDE)
    {
      entry->shadow_offset = at_32;
      entry->datamatch = vuc_cursor_get_u64 (cursor);
      vuc_cursor_skip (cursor, stride - NEW_STRIDE);
    }
  else
    {
      entry->shadow_offset = 0;
      entry->datamatch = at_32;
      vuc_cursor_skip (cursor, stride - OLD_STRIDE);
    }
}

static guint32
translate_flags (const IoFdKind *kind, guint32 wire_flags)
{
  guint32 flags = 0;

  for (guint bit = 0; bit < N_FLAG_BITS; bit++)
    {
      if ((wire_flags & 1u << bit) != 0)
        flags |= kind->flags[bit];
    }
  return flags;
}

/* -1 where none is named. */
static int
translate_fd_index (guint32 wire_index)
{
  return wire_index == NO_FD ? -1 : (int) wire_index;
}

static gboolean
check_flags (const VucRegionIoFdsQuery *query,
             guint i,
             const IoFdKind *kind,
             const WireEntry *entry,
             guint32 flags,
             GError **error)
{
  if (entry->flags >> N_FLAG_BITS != 0)
    return vuc_fail_rejected (error, ENTRY "%s with flags 0x%x, allowed are 0x0 to 0x%x",
                              query->index, i, kind->name, entry->flags, (1u << N_FLAG_BITS) - 1);

  if ((flags & VUC_IO_FD_PIO) != 0 && !query->port_io)
    return vuc_fail_rejected (error, ENTRY "%s for port IO, but the region is not port IO",
                              query->index, i, kind->name);
  return TRUE;
}

/* Whether KVM would take an ioeventfd of this size. */
static gboolean
is_ioeventfd_size (guint64 size)
{
  return size == 0 || size == 1 || size == 2 || size == 4 || size == 8;
}

static gboolean
check_range (const VucRegionIoFdsQuery *query,
             guint i,
             const IoFdKind *kind,
             const WireEntry *entry,
             guint32 flags,
             GError **error)
{
  /* An empty one at the region's end is inside it, but there is nothing to access there. */
  if (entry->offset >= query->region_size
      || !vuc_range_is_inside (entry->offset, entry->size, 0, query->region_size))
    return vuc_fail_rejected (error,
                              ENTRY "%s at offset " HEX64 " of size " HEX64
                                    ", the region's size is " HEX64,
                              query->index, i, kind->name, entry->offset, entry->size,
                              query->region_size);

  if (kind->is_ioregionfd)
    {
      if (entry->size == 0 && (flags & VUC_IO_FD_POSTED_WRITES) == 0)
        return vuc_fail_rejected (error, ENTRY "ioregionfd of size 0 without POSTED_WRITES",
                                  query->index, i);
      return TRUE;
    }

  if (!is_ioeventfd_size (entry->size))
    return vuc_fail_rejected (error,
                              ENTRY "%s of size %" G_GUINT64_FORMAT
                                    ", allowed are 0, 1, 2, 4 and 8",
                              query->index, i, kind->name, entry->size);

  if (entry->size == 0 && (flags & VUC_IO_FD_DATAMATCH) != 0)
    return vuc_fail_rejected (error, ENTRY "%s of size 0 with DATAMATCH", query->index, i,
                              kind->name);

  if (kind->has_shadow && !vuc_range_is_valid (entry->shadow_offset, entry->size))
    return vuc_fail_rejected (error, ENTRY "%s: shadow offset " HEX64 " + size " HEX64 " overflows",
                              query->index, i, kind->name, entry->shadow_offset, entry->size);
  return TRUE;
}

static gboolean
check_fd_index (const VucRegionIoFdsQuery *query,
                guint i,
                const char *field,
                guint32 fd_index,
                GError **error)
{
  if (fd_index != NO_FD && fd_index >= query->n_fds)
    return vuc_fail_rejected (error, ENTRY "%s %u, but %u descriptors came", query->index, i, field,
                              fd_index, query->n_fds);
  return TRUE;
}

static gboolean
decode_entry (const VucRegionIoFdsQuery *query,
              guint i,
              gsize stride,
              const WireEntry *entry,
              VucRegionIoFd *io_fd,
              GError **error)
{
  const IoFdKind *kind;
  guint32 flags;

  if (entry->type >= G_N_ELEMENTS (io_fd_kinds))
    return vuc_fail_rejected (error, ENTRY "type %u, allowed are 0 to %u", query->index, i,
                              entry->type, (guint) G_N_ELEMENTS (io_fd_kinds) - 1);
  kind = &io_fd_kinds[entry->type];

  if (kind->has_shadow && stride < NEW_STRIDE)
    return vuc_fail_rejected (error, ENTRY "%s in %u bytes, it needs %u", query->index, i,
                              kind->name, (guint) stride, NEW_STRIDE);

  flags = translate_flags (kind, entry->flags);
  if (!check_flags (query, i, kind, entry, flags, error)
      || !check_range (query, i, kind, entry, flags, error)
      || !check_fd_index (query, i, "fd_index", entry->fd_index, error))
    return FALSE;

  if (kind->has_shadow && entry->shadow_fd_index == NO_FD)
    return vuc_fail_rejected (error, ENTRY "%s without shadow memory", query->index, i, kind->name);
  if (kind->has_shadow
      && !check_fd_index (query, i, "shadow fd_index", entry->shadow_fd_index, error))
    return FALSE;

  *io_fd = (VucRegionIoFd){
    .type = entry->type,
    .flags = flags,
    .offset = entry->offset,
    .size = entry->size,
    .fd_index = translate_fd_index (entry->fd_index),
    .shadow_fd_index = kind->has_shadow ? translate_fd_index (entry->shadow_fd_index) : -1,
    .datamatch = (flags & VUC_IO_FD_DATAMATCH) != 0 ? entry->datamatch : 0,
    .user_data = kind->is_ioregionfd ? entry->user_data : 0,
    .shadow_offset = kind->has_shadow ? entry->shadow_offset : 0,
  };
  return TRUE;
}

/* Whether there is a write that would kick both. */
static gboolean
claim_same_write (const VucRegionIoFd *a, const VucRegionIoFd *b)
{
  return a->offset == b->offset && (a->size == b->size || a->size == 0 || b->size == 0)
         && ((a->flags & VUC_IO_FD_DATAMATCH) == 0 || (b->flags & VUC_IO_FD_DATAMATCH) == 0
             || a->datamatch == b->datamatch);
}

#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b))

/* By offset, size, whether there is a datamatch, its value. */
static int
compare_claims (gconstpointer a, gconstpointer b)
{
  const VucRegionIoFd *first = *(const VucRegionIoFd *const *) a;
  const VucRegionIoFd *second = *(const VucRegionIoFd *const *) b;
  const guint32 first_matches = first->flags & VUC_IO_FD_DATAMATCH;
  const guint32 second_matches = second->flags & VUC_IO_FD_DATAMATCH;

  if (first->offset != second->offset)
    return COMPARE (first->offset, second->offset);
  if (first->size != second->size)
    return COMPARE (first->size, second->size);
  if (first_matches != second_matches)
    return COMPARE (first_matches, second_matches);
  return COMPARE (first->datamatch, second->datamatch);
}

/*
 * In this order neighbours tell: at one offset those that claim most come first, size 0 (which has
 * no datamatch) before all, within one size those without a datamatch before the others, and equal
 * datamatches side by side.  So if an entry claims the same write as any later one, then also the
 * same as the one right after it.
 */
static gboolean
check_claims (const VucRegionIoFdsQuery *query,
              const VucRegionIoFd *entries,
              guint n_entries,
              GError **error)
{
  g_autofree const VucRegionIoFd **claims = NULL;
  guint n_claims = 0;

  if (n_entries < 2)
    return TRUE;

  claims = g_try_new (const VucRegionIoFd *, n_entries);
  if (claims == NULL)
    return vuc_fail (error, VUC_ERROR_LIMIT, REPLY "no memory for %u entries", query->index,
                     n_entries);

  for (guint i = 0; i < n_entries; i++)
    {
      if (!io_fd_kinds[entries[i].type].is_ioregionfd)
        claims[n_claims++] = &entries[i];
    }

  qsort (claims, n_claims, sizeof *claims, compare_claims);
  for (guint i = 1; i < n_claims; i++)
    {
      if (claim_same_write (claims[i - 1], claims[i]))
        return vuc_fail_rejected (error,
                                  REPLY "two ioeventfds claim the same write at offset " HEX64,
                                  query->index, claims[i]->offset);
    }
  return TRUE;
}

/* Everything after the fixed part, which has been checked: count entries of stride bytes each. */
static gboolean
decode_entries (const VucRegionIoFdsQuery *query,
                VucCursor *cursor,
                guint count,
                gsize stride,
                VucRegionIoFdsReply *reply,
                GError **error)
{
  g_autofree VucRegionIoFd *entries = g_try_new (VucRegionIoFd, count);
  guint n_entries = 0;

  if (entries == NULL)
    return vuc_fail (error, VUC_ERROR_LIMIT, REPLY "no memory for %u entries", query->index, count);

  for (guint i = 0; i < count; i++)
    {
      VucRegionIoFd *io_fd = &entries[n_entries];
      WireEntry entry;

      read_entry (cursor, stride, &entry);
      if (!decode_entry (query, i, stride, &entry, io_fd, error))
        return FALSE;

      /* Without its descriptor only shadow memory is of use. */
      if (io_fd->fd_index >= 0 || io_fd->shadow_fd_index >= 0)
        n_entries++;
    }

  if (!check_claims (query, entries, n_entries, error))
    return FALSE;

  reply->n_entries = n_entries;
  reply->entries = g_steal_pointer (&entries);
  return TRUE;
}

/* What the server says of the entries must agree with the space that they have. */
static gboolean
find_stride (const VucRegionIoFdsQuery *query,
             gsize size,
             guint32 flags,
             guint32 count,
             gsize *stride,
             GError **error)
{
  const gsize space = size - VUC_REGION_IO_FDS_SIZE;

  if (flags != 0)
    return vuc_fail_rejected (error, REPLY "flags 0x%x, expected 0x0", query->index, flags);

  *stride = 0;
  if (count == 0 && space == 0)
    return TRUE;

  /* Among them a count without any entry although argsz says that all of it fits (nothing was left
   * out for the sake of our argsz), and entries that are not counted. */
  if (count == 0 || space % count != 0 || space / count < OLD_STRIDE)
    return vuc_fail_rejected (error,
                              REPLY "%u entries in %" G_GSIZE_FORMAT
                                    " bytes, allowed are equal ones of %u bytes and more",
                              query->index, count, space, OLD_STRIDE);

  if (count > VUC_LIMIT_IO_FDS)
    return vuc_fail_rejected (error, REPLY "%u entries, allowed are %d", query->index, count,
                              VUC_LIMIT_IO_FDS);

  *stride = space / count;
  return TRUE;
}

gboolean
vuc_region_io_fds_decode (const guint8 *payload,
                          gsize size,
                          const VucRegionIoFdsQuery *query,
                          VucRegionIoFdsReply *reply,
                          GError **error)
{
  VucRegionIoFdsReply result = { .complete = TRUE };
  VucCursor cursor;
  guint32 flags, echo, count;
  gsize stride;

  if (size < VUC_REGION_IO_FDS_SIZE || size > query->argsz)
    return vuc_fail_protocol (error, REPLY "payload %" G_GSIZE_FORMAT ", allowed are %u to %u",
                              query->index, size, VUC_REGION_IO_FDS_SIZE, query->argsz);

  vuc_cursor_init (&cursor, payload, size);
  result.argsz = vuc_cursor_get_u32 (&cursor);
  flags = vuc_cursor_get_u32 (&cursor);
  echo = vuc_cursor_get_u32 (&cursor);
  count = vuc_cursor_get_u32 (&cursor);

  if (result.argsz < VUC_REGION_IO_FDS_SIZE || result.argsz > VUC_LIMIT_ARGSZ)
    return vuc_fail_protocol (error, REPLY "argsz %u, allowed are %u to %u", query->index,
                              result.argsz, VUC_REGION_IO_FDS_SIZE, VUC_LIMIT_ARGSZ);

  if (echo != query->index)
    return vuc_fail_protocol (error, REPLY "index %u, expected %u", query->index, echo,
                              query->index);

  if (size != VUC_REGION_IO_FDS_SIZE && size != result.argsz)
    return vuc_fail_protocol (error,
                              REPLY "payload %" G_GSIZE_FORMAT ", allowed are %u and argsz %u",
                              query->index, size, VUC_REGION_IO_FDS_SIZE, result.argsz);

  /* Cut short: there is nothing but the fixed part. */
  if (result.argsz > query->argsz)
    {
      result.complete = FALSE;
      *reply = result;
      return TRUE;
    }

  if (!find_stride (query, size, flags, count, &stride, error))
    return FALSE;
  if (count > 0 && !decode_entries (query, &cursor, count, stride, &result, error))
    return FALSE;

  *reply = result;
  return TRUE;
}

void
vuc_region_io_fds_reply_clear (VucRegionIoFdsReply *reply)
{
  g_free (reply->entries);
  *reply = (VucRegionIoFdsReply){ 0 };
}
