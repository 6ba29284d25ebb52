/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_INFO and its capabilities, against literal bytes: what good replies mean, and
 * what becomes of damaged ones.  The region that is asked about is always number 3, and 4096 bytes
 * of reply are taken.
 */

#include "wire/region-info.h"

#include <vfio-user-client/vuc-error.h>
#include <vfio-user-client/vuc-region.h>

#include "base/limits.h"
#include "harness/harness.h"
#include "harness/mutate.h"

#define INDEX 3
#define ARGSZ 4096

/* ---- Good replies ---- */

/* The fixed part: argsz, flags and cap_offset differ; 64 KiB at 0x10000 of the file. */
#define FIXED(argsz, flags, cap_offset) \
  "u32:" #argsz "       # argsz                                  \n" \
  "u32:" #flags "       # flags: 1 READ, 2 WRITE, 4 MMAP, 8 CAPS \n" \
  "u32:3                # index                                  \n" \
  "u32:" #cap_offset "  # cap_offset                             \n" \
  "u64:0x10000          # size                                   \n" \
  "u64:0x10000          # offset                                 \n"

static const char plain[] = FIXED (32, 3, 0);
static const char whole[] = FIXED (32, 7, 0);

static const char sparse[] = FIXED (80, 15, 32)
                             "u16:1 u16:1 u32:0         # 32: SPARSE_MMAP, version, next  \n"
                             "u32:2 u32:0               #     nr_areas, reserved          \n"
                             "u64:0x1000 u64:0x1000     #     area 0: offset, size        \n"
                             "u64:0x4000 u64:0x2000     #     area 1                      \n";

static const char sparse_fds[] =
  FIXED (112, 15, 32)
  "u16:0x8001 u16:1 u32:0              # 32: SPARSE_MMAP_FDS, version, next       \n"
  "u32:2 u32:0                         #     nr_areas, reserved                   \n"
  "u64:0x8000 u64:0x3000 u64:0x1000    #     area 0: offset, fd_offset, size      \n"
  "u32:1 u32:0                         #             fd_index, padding            \n"
  "u64:0 u64:0x7000 u64:0x1000         #     area 1                               \n"
  "u32:0 u32:0                                                                    \n";

/* Every kind, in an order that is not that of their offsets. */
static const char every_kind[] = FIXED (104, 15, 80)
                                 "u16:3 u16:1 u32:40        # 32: MSIX_MAPPABLE, next 40    \n"
                                 "u16:2 u16:1 u32:56        # 40: TYPE, next 56             \n"
                                 "u32:0x8086 u32:2          #     type, subtype             \n"
                                 "u16:0x7777 u16:1 u32:0    # 56: unknown, the last         \n"
                                 "ff*16                     #     whatever it has           \n"
                                 "u16:1 u16:1 u32:32        # 80: SPARSE_MMAP, next 32      \n"
                                 "u32:0 u32:0               #     no areas                  \n"
                                 "u64:0                     #     nothing                   \n";

/* ---- Decoding ---- */

static gboolean
decode_bytes (GBytes *payload, gboolean with_fds, guint n_fds, VucRegionInfoReply *reply,
              GError **error)
{
  return vuc_region_info_decode (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload),
                                 INDEX, ARGSZ, with_fds, n_fds, reply, error);
}

static gboolean
decode (const char *text, guint n_fds, VucRegionInfoReply *reply, GError **error)
{
  g_autoptr(GBytes) payload = hex (text);

  return decode_bytes (payload, TRUE, n_fds, reply, error);
}

static VucRegionInfoReply
decode_or_fail (const char *text, guint n_fds)
{
  g_autoptr(GError) error = NULL;
  VucRegionInfoReply reply = { 0 };

  decode (text, n_fds, &reply, &error);
  assert_no_error (error);
  return reply;
}

static void
assert_area (const VucRegionInfoReply *reply, guint i, VucRegionInfoArea expected)
{
  ck_assert_uint_lt (i, reply->n_areas);
  ck_assert_uint_eq (reply->areas[i].offset, expected.offset);
  ck_assert_uint_eq (reply->areas[i].size, expected.size);
  ck_assert_uint_eq (reply->areas[i].fd_offset, expected.fd_offset);
  ck_assert_uint_eq (reply->areas[i].fd_index, expected.fd_index);
}

static void
assert_nothing_mappable (const VucRegionInfoReply *reply, const char *why)
{
  ck_assert (reply->complete);
  ck_assert_uint_eq (reply->n_areas, 0);
  ck_assert_ptr_null (reply->areas);
  ck_assert_str_eq (reply->unmappable != NULL ? reply->unmappable : "no reason", why);
}

/* ---- The fixed part ---- */

static void
a_request_names_the_index_and_argsz (void)
{
  guint8 payload[VUC_REGION_INFO_SIZE];

  vuc_region_info_encode (5, 1024, payload);

  assert_bytes (payload, sizeof payload,
                "u32:1024   # argsz         \n"
                "u32:0      # flags         \n"
                "u32:5      # index         \n"
                "u32:0      # cap_offset    \n"
                "u64:0      # size          \n"
                "u64:0      # offset        \n");
}

static void
a_plain_region_has_flags_and_a_size (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (plain, 0);

  ck_assert (reply.complete);
  ck_assert_uint_eq (reply.argsz, 32);
  ck_assert_uint_eq (reply.flags, VUC_REGION_READ | VUC_REGION_WRITE);
  ck_assert_uint_eq (reply.caps, 0);
  ck_assert_uint_eq (reply.size, 0x10000);
  ck_assert_uint_eq (reply.n_areas, 0);
  ck_assert_ptr_null (reply.areas);
  ck_assert_ptr_null (reply.unmappable);
}

static void
a_region_that_is_not_there_has_size_0 (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail ("u32:32 u32:0 u32:3 u32:0 u64:0 u64:0", 0);

  ck_assert (reply.complete);
  ck_assert_uint_eq (reply.size, 0);
  ck_assert_uint_eq (reply.flags, 0);
}

static void
unknown_flags_are_not_handed_on (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (FIXED (32, 0xffffffff, 0), 1);

  ck_assert_uint_eq (reply.flags, VUC_REGION_READ | VUC_REGION_WRITE | VUC_REGION_MMAP);
}

static void
a_region_may_be_as_large_as_numbers_go (void)
{
  g_auto(VucRegionInfoReply) reply
    = decode_or_fail ("u32:32 u32:7 u32:3 u32:0 ffffffffffffffff u64:0", 1);

  ck_assert_uint_eq (reply.size, G_MAXUINT64);
  assert_area (&reply, 0, (VucRegionInfoArea){ .size = G_MAXUINT64 });
}

/* ---- argsz ---- */

static void
a_reply_that_needs_more_space_says_nothing_else (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail ("u32:4097   # argsz                     \n"
                                                     "ffffffff   # flags                     \n"
                                                     "u32:99     # index                     \n"
                                                     "u32:40     # cap_offset, at the end    \n"
                                                     "ff*16      # size, offset              \n"
                                                     "ff*8                                   \n",
                                                     1);

  ck_assert (!reply.complete);
  ck_assert_uint_eq (reply.argsz, 4097);
  ck_assert_uint_eq (reply.flags, 0);
  ck_assert_uint_eq (reply.size, 0);
  ck_assert_uint_eq (reply.n_areas, 0);
}

static void
argsz_may_ask_for_as_much_as_1_mib (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (FIXED (1048576, 15, 32), 0);

  ck_assert (!reply.complete);
  ck_assert_uint_eq (reply.argsz, 1048576);
}

static void
a_payload_may_be_shorter_than_argsz_if_nothing_is_missing (void)
{
  g_auto(VucRegionInfoReply) fixed_only = decode_or_fail (FIXED (4096, 3, 0), 0);
  g_auto(VucRegionInfoReply) with_type
    = decode_or_fail (FIXED (4096, 11, 32) "u16:2 u16:1 u32:0 u32:1 u32:2", 0);

  ck_assert (fixed_only.complete);
  ck_assert (with_type.complete);
  ck_assert_uint_eq (with_type.caps, VUC_REGION_CAP_TYPE);
}

/* ---- Capabilities ---- */

static void
a_chain_may_be_in_any_order (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (every_kind, 0);

  ck_assert_uint_eq (reply.caps, VUC_REGION_CAP_MSIX_MAPPABLE | VUC_REGION_CAP_TYPE
                                   | VUC_REGION_CAP_SPARSE_MMAP);
  ck_assert_uint_eq (reply.type, 0x8086);
  ck_assert_uint_eq (reply.subtype, 2);
}

static void
the_caps_flag_without_an_offset_means_none (void)
{
  g_auto(VucRegionInfoReply) reply
    = decode_or_fail (FIXED (48, 11, 0) "u16:2 u16:1 u32:0 u32:1 u32:2", 0);

  ck_assert_uint_eq (reply.caps, 0);
}

static void
an_offset_without_the_caps_flag_means_none (void)
{
  g_auto(VucRegionInfoReply) at_a_capability
    = decode_or_fail (FIXED (48, 3, 32) "u16:2 u16:1 u32:0 u32:1 u32:2", 0);
  g_auto(VucRegionInfoReply) nowhere = decode_or_fail (FIXED (32, 3, 0xffffffff), 0);

  ck_assert_uint_eq (at_a_capability.caps, 0);
  ck_assert_uint_eq (nowhere.caps, 0);
}

static void
capabilities_need_no_alignment (void)
{
  g_auto(VucRegionInfoReply) reply
    = decode_or_fail (FIXED (49, 11, 33) "00 | u16:2 u16:1 u32:0 u32:7 u32:9", 0);

  ck_assert_uint_eq (reply.type, 7);
  ck_assert_uint_eq (reply.subtype, 9);
}

static void
capabilities_may_overlap (void)
{
  /* What 32 has for its subtype is the header of 44. */
  g_auto(VucRegionInfoReply) reply = decode_or_fail (FIXED (52, 11, 32)
                                                     "u16:2 u16:1 u32:44    # 32: TYPE       \n"
                                                     "u32:1                 #     type       \n"
                                                     "u16:3 u16:1 u32:0     # 44: MSIX       \n",
                                                     0);

  ck_assert_uint_eq (reply.caps, VUC_REGION_CAP_TYPE | VUC_REGION_CAP_MSIX_MAPPABLE);
  ck_assert_uint_eq (reply.subtype, 0x10003);
}

static void
of_two_types_the_first_counts (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (FIXED (64, 11, 48)
                                                     "u16:2 u16:1 u32:0 u32:3 u32:4     # 32 \n"
                                                     "u16:2 u16:1 u32:32 u32:1 u32:2    # 48 \n",
                                                     0);

  ck_assert_uint_eq (reply.type, 1);
  ck_assert_uint_eq (reply.subtype, 2);
}

static void
another_version_is_skipped (void)
{
  g_auto(VucRegionInfoReply) type
    = decode_or_fail (FIXED (48, 11, 32) "u16:2 u16:2 u32:0 u32:1 u32:2", 0);
  g_auto(VucRegionInfoReply) two_sparse
    = decode_or_fail (FIXED (56, 11, 32)
                      "u16:1 u16:0 u32:40             # 32: SPARSE_MMAP, version 0    \n"
                      "u16:1 u16:1 u32:0 u32:0 u32:0  # 40: SPARSE_MMAP, no areas     \n",
                      0);

  ck_assert_uint_eq (type.caps, 0);
  ck_assert_uint_eq (type.type, 0);
  ck_assert_uint_eq (two_sparse.caps, VUC_REGION_CAP_SPARSE_MMAP);
}

/* ---- Areas ---- */

static void
mmap_without_a_sparse_capability_is_the_whole_region (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (whole, 1);

  ck_assert_uint_eq (reply.n_areas, 1);
  assert_area (&reply, 0, (VucRegionInfoArea){ 0, 0x10000, 0x10000, 0 });
}

static void
sparse_areas_are_at_the_offset_of_the_region_and_their_own (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (sparse, 1);

  ck_assert_uint_eq (reply.caps, VUC_REGION_CAP_SPARSE_MMAP);
  ck_assert_uint_eq (reply.n_areas, 2);
  assert_area (&reply, 0, (VucRegionInfoArea){ 0x1000, 0x1000, 0x11000, 0 });
  assert_area (&reply, 1, (VucRegionInfoArea){ 0x4000, 0x2000, 0x14000, 0 });
}

static void
older_servers_send_a_descriptor_for_each_area (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (sparse, 2);

  ck_assert_uint_eq (reply.n_areas, 2);
  assert_area (&reply, 0, (VucRegionInfoArea){ 0x1000, 0x1000, 0x11000, 0 });
  assert_area (&reply, 1, (VucRegionInfoArea){ 0x4000, 0x2000, 0x14000, 1 });
}

static void
areas_come_out_ascending_with_their_own_descriptor (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (FIXED (96, 15, 32)
                                                     "u16:1 u16:1 u32:0 u32:3 u32:0    \n"
                                                     "u64:0x8000 u64:0x8000            \n"
                                                     "u64:0x0000 u64:0x1000            \n"
                                                     "u64:0x1000 u64:0x1000            \n",
                                                     3);

  ck_assert_uint_eq (reply.n_areas, 3);
  assert_area (&reply, 0, (VucRegionInfoArea){ 0x0000, 0x1000, 0x10000, 1 });
  assert_area (&reply, 1, (VucRegionInfoArea){ 0x1000, 0x1000, 0x11000, 2 });
  assert_area (&reply, 2, (VucRegionInfoArea){ 0x8000, 0x8000, 0x18000, 0 });
}

static void
areas_of_several_files_name_theirs (void)
{
  g_auto(VucRegionInfoReply) reply = decode_or_fail (sparse_fds, 2);

  ck_assert_uint_eq (reply.caps, VUC_REGION_CAP_SPARSE_MMAP_FDS);
  ck_assert_uint_eq (reply.n_areas, 2);
  assert_area (&reply, 0, (VucRegionInfoArea){ 0x0000, 0x1000, 0x7000, 0 });
  assert_area (&reply, 1, (VucRegionInfoArea){ 0x8000, 0x1000, 0x3000, 1 });
}

static void
several_files_that_were_not_agreed_on_are_an_unknown_capability (void)
{
  g_autoptr(GBytes) payload = hex (sparse_fds);
  g_autoptr(GError) error = NULL;
  g_auto(VucRegionInfoReply) reply = { 0 };

  ck_assert (decode_bytes (payload, FALSE, 1, &reply, &error));

  ck_assert_uint_eq (reply.caps, 0);
  ck_assert_uint_eq (reply.n_areas, 1);
  assert_area (&reply, 0, (VucRegionInfoArea){ 0, 0x10000, 0x10000, 0 });
}

static void
without_the_mmap_flag_areas_are_not_handed_out (void)
{
  g_auto(VucRegionInfoReply) reply
    = decode_or_fail (FIXED (64, 11, 32) "u16:1 u16:1 u32:0 u32:1 u32:0 u64:0 u64:0x1000", 0);

  ck_assert_uint_eq (reply.caps, VUC_REGION_CAP_SPARSE_MMAP);
  ck_assert_uint_eq (reply.n_areas, 0);
  ck_assert_ptr_null (reply.unmappable);
}

typedef struct
{
  const char *name;
  const char *payload;
  guint n_fds;
  const char *why;
} Misfit;

static const Misfit misfits[] = {
  { "MMAP without a descriptor", whole, 0, "the MMAP flag came without a descriptor" },
  { "MMAP with sparse areas but no descriptor", sparse, 0,
    "the MMAP flag came without a descriptor" },
  { "MMAP with several files but no descriptor", sparse_fds, 0,
    "the MMAP flag came without a descriptor" },
  { "a descriptor without MMAP", plain, 1, "a descriptor came without the MMAP flag" },
  { "two descriptors for a whole region", whole, 2,
    "more than one descriptor came without a sparse mmap capability" },
  { "three descriptors for two areas", sparse, 3,
    "neither one descriptor came nor one for each sparse area" },
  { "three descriptors for two areas that name theirs", sparse_fds, 3,
    "more descriptors than sparse areas came" },
  { "no areas", FIXED (48, 15, 32) "u16:1 u16:1 u32:0 u32:0 u32:0", 1,
    "the sparse mmap capability names no area" },
  { "no areas of several files", FIXED (48, 15, 32) "u16:0x8001 u16:1 u32:0 u32:0 u32:0", 1,
    "the sparse mmap capability names no area" },
};

static void
nothing_can_be_mapped (gconstpointer row)
{
  const Misfit *misfit = row;
  g_auto(VucRegionInfoReply) reply = decode_or_fail (misfit->payload, misfit->n_fds);

  assert_nothing_mappable (&reply, misfit->why);
}

/* ---- Damage ---- */

static void
assert_sound (const VucRegionInfoReply *reply, guint n_fds)
{
  guint64 end = 0;

  ck_assert_uint_ge (reply->argsz, VUC_REGION_INFO_SIZE);
  ck_assert_uint_le (reply->argsz, VUC_LIMIT_ARGSZ);
  ck_assert_int_eq (reply->complete, reply->argsz <= ARGSZ);
  ck_assert_uint_lt (reply->flags, 8);
  ck_assert_uint_lt (reply->caps, 16);
  ck_assert_int_eq (reply->n_areas == 0, reply->areas == NULL);

  if (reply->n_areas > 0)
    {
      ck_assert (reply->flags & VUC_REGION_MMAP);
      ck_assert_ptr_null (reply->unmappable);
    }
  else if (reply->complete)
    ck_assert_int_eq (reply->unmappable != NULL, (reply->flags & VUC_REGION_MMAP) || n_fds > 0);

  for (guint i = 0; i < reply->n_areas; i++)
    {
      const VucRegionInfoArea *area = &reply->areas[i];

      ck_assert_uint_gt (area->size, 0);
      ck_assert_uint_ge (area->offset, end);
      ck_assert_uint_le (area->size, G_MAXUINT64 - area->offset);
      end = area->offset + area->size;
      ck_assert_uint_le (end, reply->size);
      ck_assert_uint_le (area->size, G_MAXUINT64 - area->fd_offset);
      ck_assert_uint_lt (area->fd_index, n_fds);
    }
}

static void
check_damaged (const guint8 *data, gsize size, gpointer user_data G_GNUC_UNUSED)
{
  for (guint n_fds = 0; n_fds <= 3; n_fds++)
    {
      g_autoptr(GError) error = NULL;
      g_auto(VucRegionInfoReply) reply = { 0 };

      if (vuc_region_info_decode (data, size, INDEX, ARGSZ, TRUE, n_fds, &reply, &error))
        assert_sound (&reply, n_fds);
      else
        assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "reply of region 3: ");
    }
}

typedef struct
{
  const char *name;
  const char *payload;
} Good;

static const Good good_replies[] = {
  { "a plain region", plain },
  { "a whole region", whole },
  { "sparse areas", sparse },
  { "sparse areas of several files", sparse_fds },
  { "every kind of capability", every_kind },
};

static void
all_damage_is_an_error_or_a_sound_reply (gconstpointer row)
{
  const Good *good = row;
  g_autoptr(GBytes) payload = hex (good->payload);

  mutate_truncations (payload, check_damaged, NULL);
  mutate_bit_flips (payload, check_damaged, NULL);
  mutate_random (payload, 5000, check_damaged, NULL);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_request_names_the_index_and_argsz),
  HARNESS_CASE (a_plain_region_has_flags_and_a_size),
  HARNESS_CASE (a_region_that_is_not_there_has_size_0),
  HARNESS_CASE (unknown_flags_are_not_handed_on),
  HARNESS_CASE (a_region_may_be_as_large_as_numbers_go),
  HARNESS_CASE (a_reply_that_needs_more_space_says_nothing_else),
  HARNESS_CASE (argsz_may_ask_for_as_much_as_1_mib),
  HARNESS_CASE (a_payload_may_be_shorter_than_argsz_if_nothing_is_missing),
  HARNESS_CASE (a_chain_may_be_in_any_order),
  HARNESS_CASE (the_caps_flag_without_an_offset_means_none),
  HARNESS_CASE (an_offset_without_the_caps_flag_means_none),
  HARNESS_CASE (capabilities_need_no_alignment),
  HARNESS_CASE (capabilities_may_overlap),
  HARNESS_CASE (of_two_types_the_first_counts),
  HARNESS_CASE (another_version_is_skipped),
  HARNESS_CASE (mmap_without_a_sparse_capability_is_the_whole_region),
  HARNESS_CASE (sparse_areas_are_at_the_offset_of_the_region_and_their_own),
  HARNESS_CASE (older_servers_send_a_descriptor_for_each_area),
  HARNESS_CASE (areas_come_out_ascending_with_their_own_descriptor),
  HARNESS_CASE (areas_of_several_files_name_theirs),
  HARNESS_CASE (several_files_that_were_not_agreed_on_are_an_unknown_capability),
  HARNESS_CASE (without_the_mmap_flag_areas_are_not_handed_out),
  HARNESS_ROWS (nothing_can_be_mapped, misfits),
  HARNESS_ROWS (all_damage_is_an_error_or_a_sound_reply, good_replies),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "region-info", cases);
}
