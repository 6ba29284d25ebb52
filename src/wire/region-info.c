/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_INFO with its chain of capabilities (protocol, "Device, region and IRQ
 * information").  Does not see the descriptors, only how many came; whether a file is as large as
 * it must be, and whether this host's pages fit, is checked where it is mapped.  Pure; any thread.
 */

#include "wire/region-info.h"

#include <stdlib.h>

#include <vfio-user-client/vuc-types.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/range.h"

#define REPLY "DEVICE_GET_REGION_INFO reply of region %u: "
#define HEX64 "0x%" G_GINT64_MODIFIER "x"

#define FLAG_CAPS   (1u << 3)
#define KNOWN_FLAGS (VUC_REGION_READ | VUC_REGION_WRITE | VUC_REGION_MMAP)
#define SPARSE_CAPS (VUC_REGION_CAP_SPARSE_MMAP | VUC_REGION_CAP_SPARSE_MMAP_FDS)

#define CAP_HEADER_SIZE 8
#define CAP_VERSION     1 /* of every kind that we know */

/* What is known while a reply is decoded. */
typedef struct
{
  /* What was asked for, and what came. */
  const guint8 *payload;
  gsize size;
  guint32 index;
  gboolean sparse_mmap_fds;
  guint n_fds;

  /* The fixed part. */
  guint32 flags;
  guint32 cap_offset;
  guint64 region_size;
  guint64 fd_offset;

  /* The capabilities so far. */
  guint32 caps; /* VucRegionCaps */
  guint32 type;
  guint32 subtype;
  guint32 sparse_offset; /* of the sparse mmap capability; 0: none yet */
  gboolean too_many_areas;
  guint n_areas;
  VucRegionInfoArea *areas; /* owned */
} Decoder;

typedef struct
{
  guint16 id;
  VucRegionCaps cap;
  gboolean (*parse) (Decoder *decoder, VucCursor *cursor, guint32 offset, GError **error);
} CapabilityKind;

void
vuc_region_info_encode (guint32 index, guint32 argsz, guint8 payload[VUC_REGION_INFO_SIZE])
{
  VucWriter writer;

  vuc_writer_init (&writer, payload, VUC_REGION_INFO_SIZE);
  vuc_writer_put_u32 (&writer, argsz);
  vuc_writer_put_u32 (&writer, 0); /* flags */
  vuc_writer_put_u32 (&writer, index);
  vuc_writer_put_u32 (&writer, 0); /* cap_offset */
  vuc_writer_put_u64 (&writer, 0); /* size */
  vuc_writer_put_u64 (&writer, 0); /* offset */
}

static gboolean
fail_short_capability (const Decoder *decoder, guint32 offset, GError **error)
{
  return vuc_fail_protocol (error,
                            REPLY "capability at offset %u does not fit into the payload of "
                                  "%" G_GSIZE_FORMAT " bytes",
                            decoder->index, offset, decoder->size);
}

static gboolean
fail_loop (const Decoder *decoder, GError **error)
{
  return vuc_fail_protocol (error,
                            REPLY "the chain of capabilities from offset %u goes round in a loop",
                            decoder->index, decoder->cap_offset);
}

/* One entry of a sparse capability.  The bounds of the payload have been checked. */
static gboolean
parse_area (Decoder *decoder, VucCursor *cursor, guint i, gboolean with_fds, GError **error)
{
  VucRegionInfoArea *area = &decoder->areas[i];

  area->offset = vuc_cursor_get_u64 (cursor);
  if (with_fds)
    area->fd_offset = vuc_cursor_get_u64 (cursor);
  area->size = vuc_cursor_get_u64 (cursor);
  if (with_fds)
    {
      area->fd_index = vuc_cursor_get_u32 (cursor);
      vuc_cursor_skip (cursor, sizeof (guint32)); /* padding */
    }

  if (area->size == 0)
    return vuc_fail_protocol (error, REPLY "sparse area %u is empty", decoder->index, i);

  if (!vuc_range_is_inside (area->offset, area->size, 0, decoder->region_size))
    return vuc_fail_protocol (error,
                              REPLY "sparse area %u: offset " HEX64 " + size " HEX64
                                    " is not inside the region of size " HEX64,
                              decoder->index, i, area->offset, area->size, decoder->region_size);

  if (!with_fds)
    {
      /* Cannot overflow: the area is inside the region, whose end was checked.  Older servers send
       * one descriptor for each area, current ones a single one. */
      area->fd_offset = decoder->fd_offset + area->offset;
      area->fd_index = decoder->n_fds > 1 ? i : 0;
      return TRUE;
    }

  if (!vuc_range_is_valid (area->fd_offset, area->size))
    return vuc_fail_protocol (error,
                              REPLY "sparse area %u: fd_offset " HEX64 " + size " HEX64
                                    " overflows",
                              decoder->index, i, area->fd_offset, area->size);

  /* Without any descriptor nothing is mapped, which is less than fatal. */
  if (decoder->n_fds > 0 && area->fd_index >= decoder->n_fds)
    return vuc_fail_protocol (error, REPLY "sparse area %u has fd_index %u, allowed are 0 to %u",
                              decoder->index, i, area->fd_index, decoder->n_fds - 1);
  return TRUE;
}

static int
compare_areas (gconstpointer a, gconstpointer b)
{
  const VucRegionInfoArea *first = a, *second = b;

  return first->offset < second->offset ? -1 : first->offset > second->offset;
}

static gboolean
parse_areas (Decoder *decoder, VucCursor *cursor, guint32 offset, gboolean with_fds, GError **error)
{
  const gsize stride = with_fds ? 32 : 16;
  VucRegionInfoArea *areas;
  guint32 n_areas;
  gsize room;

  if (offset == decoder->sparse_offset)
    return fail_loop (decoder, error);
  if (decoder->sparse_offset != 0)
    return vuc_fail_protocol (error,
                              REPLY "sparse mmap capabilities at offsets %u and %u, one is allowed",
                              decoder->index, decoder->sparse_offset, offset);
  decoder->sparse_offset = offset;

  n_areas = vuc_cursor_get_u32 (cursor);
  vuc_cursor_skip (cursor, sizeof (guint32)); /* reserved */
  if (!vuc_cursor_ok (cursor))
    return fail_short_capability (decoder, offset, error);

  room = vuc_cursor_left (cursor) / stride;
  if (n_areas > room)
    return vuc_fail_protocol (error,
                              REPLY "capability at offset %u has %u sparse areas, the payload has "
                                    "room for %" G_GSIZE_FORMAT,
                              decoder->index, offset, n_areas, room);
  decoder->too_many_areas = n_areas > VUC_LIMIT_AREAS;
  if (n_areas == 0 || decoder->too_many_areas)
    return TRUE;

  areas = decoder->areas = g_try_new (VucRegionInfoArea, n_areas);
  if (areas == NULL)
    return vuc_fail (error, VUC_ERROR_LIMIT, REPLY "no memory for %u sparse areas", decoder->index,
                     n_areas);
  decoder->n_areas = n_areas;

  for (guint i = 0; i < n_areas; i++)
    {
      if (!parse_area (decoder, cursor, i, with_fds, error))
        return FALSE;
    }

  qsort (areas, n_areas, sizeof *areas, compare_areas);
  for (guint i = 1; i < n_areas; i++)
    {
      if (areas[i].offset - areas[i - 1].offset < areas[i - 1].size)
        return vuc_fail_protocol (error,
                                  REPLY "sparse areas at offsets " HEX64 " and " HEX64 " overlap",
                                  decoder->index, areas[i - 1].offset, areas[i].offset);
    }
  return TRUE;
}

static gboolean
parse_sparse_mmap (Decoder *decoder, VucCursor *cursor, guint32 offset, GError **error)
{
  return parse_areas (decoder, cursor, offset, FALSE, error);
}

static gboolean
parse_sparse_mmap_fds (Decoder *decoder, VucCursor *cursor, guint32 offset, GError **error)
{
  return parse_areas (decoder, cursor, offset, TRUE, error);
}

static gboolean
parse_type (Decoder *decoder, VucCursor *cursor, guint32 offset, GError **error)
{
  guint32 type = vuc_cursor_get_u32 (cursor);
  guint32 subtype = vuc_cursor_get_u32 (cursor);

  if (!vuc_cursor_ok (cursor))
    return fail_short_capability (decoder, offset, error);

  /* The protocol does not say what a second one means: the first counts. */
  if ((decoder->caps & VUC_REGION_CAP_TYPE) == 0)
    {
      decoder->type = type;
      decoder->subtype = subtype;
    }
  return TRUE;
}

static const CapabilityKind capability_kinds[] = {
  { 1, VUC_REGION_CAP_SPARSE_MMAP, parse_sparse_mmap },
  { 2, VUC_REGION_CAP_TYPE, parse_type },
  { 3, VUC_REGION_CAP_MSIX_MAPPABLE, NULL }, /* a header and nothing else */
  { 0x8001, VUC_REGION_CAP_SPARSE_MMAP_FDS, parse_sparse_mmap_fds },
};

/* NULL: to be skipped. */
static const CapabilityKind *
find_capability_kind (const Decoder *decoder, guint16 id, guint16 version)
{
  if (version != CAP_VERSION)
    return NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (capability_kinds); i++)
    {
      const CapabilityKind *kind = &capability_kinds[i];

      if (kind->id != id)
        continue;
      if (kind->cap == VUC_REGION_CAP_SPARSE_MMAP_FDS && !decoder->sparse_mmap_fds)
        return NULL;
      return kind;
    }
  return NULL;
}

static gboolean
parse_capability (Decoder *decoder, guint32 offset, guint32 *next, GError **error)
{
  const CapabilityKind *kind;
  VucCursor cursor;
  guint16 id, version;

  vuc_cursor_init (&cursor, decoder->payload, decoder->size);
  vuc_cursor_seek (&cursor, offset);
  id = vuc_cursor_get_u16 (&cursor);
  version = vuc_cursor_get_u16 (&cursor);
  *next = vuc_cursor_get_u32 (&cursor);

  kind = find_capability_kind (decoder, id, version);
  if (kind == NULL)
    return TRUE;

  if (kind->parse != NULL && !kind->parse (decoder, &cursor, offset, error))
    return FALSE;
  decoder->caps |= kind->cap;
  return TRUE;
}

/*
 * Capabilities may lie in any order and overlap, so what must not be is only that the chain comes
 * back to an offset.  There are `places` offsets at which one can begin: a chain that visits none
 * twice has at most that many steps, and one that goes round has more.  So counting steps tells the
 * two apart exactly, in linear time (1 MiB at the most) and without remembering offsets.
 */
static gboolean
parse_capabilities (Decoder *decoder, GError **error)
{
  const gsize first = VUC_REGION_INFO_SIZE;
  const gsize end = decoder->size;
  const gsize places = end < first + CAP_HEADER_SIZE ? 0 : end - first - CAP_HEADER_SIZE + 1;
  guint32 offset = decoder->cap_offset;

  for (gsize n_visited = 0; offset != 0; n_visited++)
    {
      if (places == 0)
        return fail_short_capability (decoder, offset, error);

      if (offset < first || offset - first >= places)
        return vuc_fail_protocol (error,
                                  REPLY "capability at offset %u, allowed are %u to "
                                        "%" G_GSIZE_FORMAT,
                                  decoder->index, offset, VUC_REGION_INFO_SIZE,
                                  end - CAP_HEADER_SIZE);

      if (n_visited == places)
        return fail_loop (decoder, error);

      if (!parse_capability (decoder, offset, &offset, error))
        return FALSE;
    }
  return TRUE;
}

/* Why nothing can be mapped although the server spoke of it, or NULL. */
static const char *
find_unmappable_reason (const Decoder *decoder)
{
  if ((decoder->flags & VUC_REGION_MMAP) == 0)
    return decoder->n_fds == 0 ? NULL : "a descriptor came without the MMAP flag";

  if (decoder->too_many_areas)
    return "it has too many sparse areas";

  if ((decoder->caps & SPARSE_CAPS) != 0 && decoder->n_areas == 0)
    return "the sparse mmap capability names no area";

  if (decoder->n_fds == 0)
    return "the MMAP flag came without a descriptor";

  if ((decoder->caps & VUC_REGION_CAP_SPARSE_MMAP_FDS) != 0)
    return decoder->n_fds <= decoder->n_areas ? NULL : "more descriptors than sparse areas came";

  if ((decoder->caps & VUC_REGION_CAP_SPARSE_MMAP) != 0)
    return decoder->n_fds == 1 || decoder->n_fds == decoder->n_areas
             ? NULL
             : "neither one descriptor came nor one for each sparse area";

  return decoder->n_fds == 1 ? NULL
                             : "more than one descriptor came without a sparse mmap "
                               "capability";
}

static gboolean
decode_body (Decoder *decoder, VucRegionInfoReply *reply, GError **error)
{
  VucRegionInfoReply result = { .complete = TRUE };

  if (!vuc_range_is_valid (decoder->fd_offset, decoder->region_size))
    return vuc_fail_protocol (error, REPLY "offset " HEX64 " + size " HEX64 " overflows",
                              decoder->index, decoder->fd_offset, decoder->region_size);

  if ((decoder->flags & VUC_REGION_MMAP) != 0 && decoder->region_size == 0)
    return vuc_fail_protocol (error, REPLY "the MMAP flag is set, but the size is 0",
                              decoder->index);

  if ((decoder->flags & FLAG_CAPS) != 0 && !parse_capabilities (decoder, error))
    return FALSE;

  result.flags = decoder->flags & KNOWN_FLAGS;
  result.caps = decoder->caps;
  result.size = decoder->region_size;
  result.type = decoder->type;
  result.subtype = decoder->subtype;
  result.unmappable = find_unmappable_reason (decoder);

  if ((decoder->flags & VUC_REGION_MMAP) != 0 && result.unmappable == NULL)
    {
      if ((decoder->caps & SPARSE_CAPS) == 0)
        {
          decoder->areas = g_try_new (VucRegionInfoArea, 1);
          if (decoder->areas == NULL)
            return vuc_fail (error, VUC_ERROR_LIMIT, REPLY "no memory for its area",
                             decoder->index);
          decoder->areas[0] = (VucRegionInfoArea){ .size = decoder->region_size,
                                                   .fd_offset = decoder->fd_offset };
          decoder->n_areas = 1;
        }
      result.n_areas = decoder->n_areas;
      result.areas = g_steal_pointer (&decoder->areas);
    }

  *reply = result;
  return TRUE;
}

gboolean
vuc_region_info_decode (const guint8 *payload,
                        gsize size,
                        guint32 index,
                        guint32 argsz,
                        gboolean sparse_mmap_fds,
                        guint n_fds,
                        VucRegionInfoReply *reply,
                        GError **error)
{
  Decoder decoder = { .payload = payload,
                      .size = size,
                      .index = index,
                      .sparse_mmap_fds = sparse_mmap_fds,
                      .n_fds = n_fds };
  VucCursor cursor;
  guint32 needed, echo;
  gboolean decoded;

  if (size < VUC_REGION_INFO_SIZE || size > argsz)
    return vuc_fail_protocol (error, REPLY "payload %" G_GSIZE_FORMAT ", allowed are %u to %u",
                              index, size, VUC_REGION_INFO_SIZE, argsz);

  vuc_cursor_init (&cursor, payload, size);
  needed = vuc_cursor_get_u32 (&cursor);
  decoder.flags = vuc_cursor_get_u32 (&cursor);
  echo = vuc_cursor_get_u32 (&cursor);
  decoder.cap_offset = vuc_cursor_get_u32 (&cursor);
  decoder.region_size = vuc_cursor_get_u64 (&cursor);
  decoder.fd_offset = vuc_cursor_get_u64 (&cursor);

  if (needed < VUC_REGION_INFO_SIZE || needed > VUC_LIMIT_ARGSZ)
    return vuc_fail_protocol (error, REPLY "argsz %u, allowed are %u to %u", index, needed,
                              VUC_REGION_INFO_SIZE, VUC_LIMIT_ARGSZ);

  /* Cut short: flags and capabilities may be anything (CAPS set with a cap_offset at the very end
   * is seen in the field). */
  if (needed > argsz)
    {
      *reply = (VucRegionInfoReply){ .argsz = needed, .complete = FALSE };
      return TRUE;
    }

  if (echo != index)
    return vuc_fail_protocol (error, REPLY "index %u, expected %u", index, echo, index);

  decoded = decode_body (&decoder, reply, error);
  if (decoded)
    reply->argsz = needed;
  g_free (decoder.areas);
  return decoded;
}

void
vuc_region_info_reply_clear (VucRegionInfoReply *reply)
{
  g_free (reply->areas);
  *reply = (VucRegionInfoReply){ 0 };
}
