/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_INFO, against servers that lie, each in one way, and against replies as large
 * as they can be.  The region that is asked about is always number 3; of a lie, 4096 bytes are
 * taken.
 */

#include "wire/region-info.h"

#include <string.h>

#include <vfio-user-client/vuc-error.h>
#include <vfio-user-client/vuc-region.h>

#include "base/limits.h"
#include "harness/harness.h"

#define INDEX 3
#define ARGSZ 4096

#define PREFIX "DEVICE_GET_REGION_INFO reply of region 3: "

/* The fixed part: argsz, flags and cap_offset differ; 64 KiB at 0x10000 of the file. */
#define FIXED(argsz, flags, cap_offset) \
  "u32:" #argsz "       # argsz                                  \n" \
  "u32:" #flags "       # flags: 1 READ, 2 WRITE, 4 MMAP, 8 CAPS \n" \
  "u32:3                # index                                  \n" \
  "u32:" #cap_offset "  # cap_offset                             \n" \
  "u64:0x10000          # size                                   \n" \
  "u64:0x10000          # offset                                 \n"

typedef struct
{
  const char *name;
  const char *payload;
  guint n_fds;
  const char *message;
} Lie;

/* The header of a sparse capability that is the last: id, version, next. */
#define SPARSE "u16:1 u16:1 u32:0 "
#define SPARSE_FDS "u16:0x8001 u16:1 u32:0 "

static const Lie lies[] = {
  /* The fixed part. */
  { "no payload", "", 0, PREFIX "payload 0, allowed are 32 to 4096" },
  { "a payload that is too short", "u32:32 u32:3 u32:3 u32:0 u64:0 u32:0", 0,
    "payload 28, allowed are 32 to 4096" },
  { "more than was asked for", FIXED (4096, 3, 0) "00*4065", 0,
    "payload 4097, allowed are 32 to 4096" },
  { "argsz below the fixed size", FIXED (31, 3, 0), 0, "argsz 31, allowed are 32 to 1048576" },
  { "argsz above 1 MiB", FIXED (1048577, 3, 0), 0, "argsz 1048577, allowed are 32 to 1048576" },
  { "another index", "u32:32 u32:3 u32:4 u32:0 u64:0 u64:0", 0, PREFIX "index 4, expected 3" },
  { "an end above 2^64", "u32:32 u32:3 u32:3 u32:0 u64:0x1000 u64:0xfffffffffffff000", 0,
    "offset 0xfffffffffffff000 + size 0x1000 overflows" },
  { "MMAP of nothing", "u32:32 u32:7 u32:3 u32:0 u64:0 u64:0", 1,
    "the MMAP flag is set, but the size is 0" },

  /* The chain. */
  { "a capability inside the fixed part", FIXED (80, 11, 24) "00*48", 0,
    PREFIX "capability at offset 24, allowed are 32 to 72" },
  { "a capability whose header does not fit", FIXED (80, 11, 73) "00*48", 0,
    "capability at offset 73, allowed are 32 to 72" },
  { "a capability beyond all", FIXED (80, 11, 0xfffffffc) "00*48", 0,
    "capability at offset 4294967292, allowed are 32 to 72" },
  { "capabilities without any bytes", FIXED (32, 11, 32), 0,
    "capability at offset 32 does not fit into the payload of 32 bytes" },
  { "a next inside the fixed part", FIXED (48, 11, 32) "u16:3 u16:1 u32:31 00*8", 0,
    "capability at offset 31, allowed are 32 to 40" },
  { "a next behind the end", FIXED (48, 11, 32) "u16:3 u16:1 u32:48 00*8", 0,
    "capability at offset 48, allowed are 32 to 40" },
  { "the next of an unknown capability behind the end",
    FIXED (48, 11, 32) "u16:0x7777 u16:9 u32:48 00*8", 0,
    "capability at offset 48, allowed are 32 to 40" },
  { "a capability that is its own next", FIXED (48, 11, 32) "u16:3 u16:1 u32:32 00*8", 0,
    "the chain of capabilities from offset 32 goes round in a loop" },
  { "an unknown capability that is its own next", FIXED (40, 11, 32) "u16:9 u16:9 u32:32", 0,
    "goes round in a loop" },
  { "a sparse capability that is its own next",
    FIXED (64, 15, 32) "u16:1 u16:1 u32:32 u32:1 u32:0 u64:0 u64:0x1000", 1,
    "goes round in a loop" },
  { "a loop forwards and back",
    FIXED (56, 11, 40) "u16:3 u16:1 u32:48 | u16:3 u16:1 u32:32 | u16:3 u16:1 u32:40", 0,
    "goes round in a loop" },
  { "a loop that begins later",
    FIXED (56, 11, 32) "u16:3 u16:1 u32:40 | u16:3 u16:1 u32:48 | u16:3 u16:1 u32:40", 0,
    "the chain of capabilities from offset 32 goes round in a loop" },
  { "a TYPE that is cut off", FIXED (47, 11, 32) "u16:2 u16:1 u32:0 u32:1 00*3", 0,
    "capability at offset 32 does not fit into the payload of 47 bytes" },
  { "a SPARSE_MMAP that is cut off", FIXED (47, 15, 32) SPARSE "u32:0 00*3", 1,
    "capability at offset 32 does not fit into the payload of 47 bytes" },
  { "two SPARSE_MMAP",
    FIXED (64, 15, 32) "u16:1 u16:1 u32:48 u32:0 u32:0" SPARSE "u32:0 u32:0", 1,
    "sparse mmap capabilities at offsets 32 and 48, one is allowed" },
  { "SPARSE_MMAP and SPARSE_MMAP_FDS",
    FIXED (64, 15, 32) "u16:1 u16:1 u32:48 u32:0 u32:0" SPARSE_FDS "u32:0 u32:0", 1,
    "sparse mmap capabilities at offsets 32 and 48, one is allowed" },
  { "SPARSE_MMAP_FDS and SPARSE_MMAP",
    FIXED (64, 15, 32) "u16:0x8001 u16:1 u32:48 u32:0 u32:0" SPARSE "u32:0 u32:0", 1,
    "sparse mmap capabilities at offsets 32 and 48, one is allowed" },

  /* The areas. */
  { "one area more than there are bytes for",
    FIXED (64, 15, 32) SPARSE "u32:2 u32:0 u64:0 u64:0x1000", 1,
    "capability at offset 32 has 2 sparse areas, the payload has room for 1" },
  { "more areas than there can be", FIXED (64, 15, 32) SPARSE "ffffffff u32:0 u64:0 u64:0x1000", 1,
    "has 4294967295 sparse areas, the payload has room for 1" },
  { "so many areas that 32 bits wrap to one",
    FIXED (64, 15, 32) SPARSE "u32:0x10000001 u32:0 u64:0 u64:0x1000", 1,
    "has 268435457 sparse areas, the payload has room for 1" },
  { "areas of several files of the size of plain ones",
    FIXED (80, 15, 32) SPARSE_FDS "u32:2 u32:0 u64:0 u64:0x1000 u64:0x1000 u64:0x1000", 1,
    "capability at offset 32 has 2 sparse areas, the payload has room for 1" },
  { "an empty area", FIXED (64, 15, 32) SPARSE "u32:1 u32:0 u64:0x1000 u64:0", 1,
    "sparse area 0 is empty" },
  { "an area that ends outside the region",
    FIXED (64, 15, 32) SPARSE "u32:1 u32:0 u64:0xf000 u64:0x1001", 1,
    "sparse area 0: offset 0xf000 + size 0x1001 is not inside the region of size 0x10000" },
  { "an area that begins outside the region",
    FIXED (64, 15, 32) SPARSE "u32:1 u32:0 u64:0x10000 u64:1", 1, "sparse area 0: offset 0x10000" },
  { "an area whose end wraps",
    FIXED (64, 15, 32) SPARSE "u32:1 u32:0 u64:0x1000 u64:0xffffffffffffffff", 1,
    "size 0xffffffffffffffff is not inside the region" },
  { "areas that overlap",
    FIXED (80, 15, 32) SPARSE "u32:2 u32:0 u64:0x1000 u64:0x1000 u64:0 u64:0x1001", 1,
    "sparse areas at offsets 0x0 and 0x1000 overlap" },
  { "the same area twice",
    FIXED (80, 15, 32) SPARSE "u32:2 u32:0 u64:0x1000 u64:0x1000 u64:0x1000 u64:0x1000", 1,
    "sparse areas at offsets 0x1000 and 0x1000 overlap" },
  { "areas that overlap and cannot be mapped",
    FIXED (80, 11, 32) SPARSE "u32:2 u32:0 u64:0x1000 u64:0x1000 u64:0 u64:0x1001", 0,
    "sparse areas at offsets 0x0 and 0x1000 overlap" },
  { "an area of a region of size 0",
    "u32:64 u32:11 u32:3 u32:32 u64:0 u64:0" SPARSE "u32:1 u32:0 u64:0 u64:1", 0,
    "is not inside the region of size 0x0" },
  { "an area in a file that did not come",
    FIXED (80, 15, 32) SPARSE_FDS "u32:1 u32:0 u64:0 u64:0 u64:0x1000 u32:1 u32:0", 1,
    "sparse area 0 has fd_index 1, allowed are 0 to 0" },
  { "an area in no file",
    FIXED (80, 15, 32) SPARSE_FDS "u32:1 u32:0 u64:0 u64:0 u64:0x1000 ffffffff u32:0", 1,
    "sparse area 0 has fd_index 4294967295" },
  { "an area whose end in the file wraps",
    FIXED (80, 15, 32) SPARSE_FDS
    "u32:1 u32:0 u64:0 u64:0xfffffffffffff000 u64:0x1000 u32:0 u32:0", 1,
    "sparse area 0: fd_offset 0xfffffffffffff000 + size 0x1000 overflows" },
};

static void
a_lie_is_fatal (gconstpointer row)
{
  const Lie *lie = row;
  g_autoptr(GBytes) payload = hex (lie->payload);
  g_autoptr(GError) error = NULL;
  VucRegionInfoReply reply = { .n_areas = 99 };

  ck_assert (!vuc_region_info_decode (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload),
                                      INDEX, ARGSZ, TRUE, lie->n_fds, &reply, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, lie->message);
  ck_assert_uint_eq (reply.n_areas, 99);
}

/* ---- As large as it gets ---- */

static gboolean
decode_largest (GByteArray *payload, VucRegionInfoReply *reply, GError **error)
{
  return vuc_region_info_decode (payload->data, payload->len, INDEX, VUC_LIMIT_ARGSZ, TRUE, 1,
                                 reply, error);
}

/* 1 MiB that begins like text; the rest is 0. */
static GByteArray *
largest_payload (const char *text)
{
  g_autoptr(GBytes) beginning = hex (text);
  gsize size = g_bytes_get_size (beginning);
  GByteArray *payload = g_bytes_unref_to_array (g_steal_pointer (&beginning));

  g_byte_array_set_size (payload, VUC_LIMIT_ARGSZ);
  memset (payload->data + size, 0, payload->len - size);
  return payload;
}

/* Unknown capabilities of a bare header each, as many as 1 MiB has room for. */
static GByteArray *
longest_chain (guint *last)
{
  GByteArray *payload = largest_payload (FIXED (1048576, 11, 32));

  for (guint32 offset = 32; offset < VUC_LIMIT_ARGSZ; offset += 8)
    {
      const guint32 next = offset + 8 < VUC_LIMIT_ARGSZ ? offset + 8 : 0;

      memcpy (payload->data + offset + 4, &next, sizeof next);
      *last = offset;
    }
  return payload;
}

static void
the_longest_chain_is_followed_to_its_end (void)
{
  guint last;
  g_autoptr(GByteArray) payload = longest_chain (&last);
  g_autoptr(GError) error = NULL;
  g_auto(VucRegionInfoReply) reply = { 0 };

  memcpy (payload->data + last, (const guint16[]){ 3, 1 }, 4); /* MSIX_MAPPABLE, version 1 */
  decode_largest (payload, &reply, &error);

  assert_no_error (error);
  ck_assert_uint_eq (reply.caps, VUC_REGION_CAP_MSIX_MAPPABLE);
}

static void
the_longest_loop_is_found (void)
{
  guint last;
  g_autoptr(GByteArray) payload = longest_chain (&last);
  g_autoptr(GError) error = NULL;
  VucRegionInfoReply reply;

  memcpy (payload->data + last + 4, &(const guint32){ 32 }, 4);

  ck_assert (!decode_largest (payload, &reply, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "goes round in a loop");
}

/* That many pages, the last first. */
static GByteArray *
payload_with_areas (guint32 n_areas)
{
  GByteArray *payload = largest_payload ("u32:1048576 u32:15 u32:3 u32:32    \n"
                                         "u64:0x100000000 u64:0              \n"
                                         "u16:1 u16:1 u32:0                  \n"
                                         "u32:0 u32:0  # nr_areas            \n");

  memcpy (payload->data + 40, &n_areas, sizeof n_areas);
  for (guint i = 0; i < n_areas; i++)
    {
      const guint64 area[] = { (guint64) (n_areas - 1 - i) * 0x1000, 0x1000 };

      memcpy (payload->data + 48 + i * sizeof area, area, sizeof area);
    }
  return payload;
}

static void
as_many_areas_as_are_allowed_are_sorted (void)
{
  g_autoptr(GByteArray) payload = payload_with_areas (VUC_LIMIT_AREAS);
  g_autoptr(GError) error = NULL;
  g_auto(VucRegionInfoReply) reply = { 0 };

  decode_largest (payload, &reply, &error);

  assert_no_error (error);
  ck_assert_uint_eq (reply.n_areas, VUC_LIMIT_AREAS);
  for (guint i = 0; i < VUC_LIMIT_AREAS; i++)
    ck_assert_uint_eq (reply.areas[i].offset, i * 0x1000);
}

static void
a_region_with_more_areas_cannot_be_mapped (void)
{
  g_autoptr(GByteArray) payload = payload_with_areas (VUC_LIMIT_AREAS + 1);
  g_autoptr(GError) error = NULL;
  g_auto(VucRegionInfoReply) reply = { 0 };

  decode_largest (payload, &reply, &error);

  assert_no_error (error);
  ck_assert_uint_eq (reply.n_areas, 0);
  ck_assert_str_eq (reply.unmappable, "it has too many sparse areas");
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_lie_is_fatal, lies),
  HARNESS_CASE (the_longest_chain_is_followed_to_its_end),
  HARNESS_CASE (the_longest_loop_is_found),
  HARNESS_CASE (as_many_areas_as_are_allowed_are_sorted),
  HARNESS_CASE (a_region_with_more_areas_cannot_be_mapped),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "region-info-lies", cases);
}
