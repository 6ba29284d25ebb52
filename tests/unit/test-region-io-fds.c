/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_IO_FDS, against literal bytes: what good replies mean, and what becomes of
 * damaged ones.  The region that is asked about is always number 2, of 4096 bytes, and 4096 bytes
 * of reply are taken.
 */

#include "wire/region-io-fds.h"

#include <string.h>

#include <vfio-user-client/vuc-error.h>
#include <vfio-user-client/vuc-io-fds.h>

#include "base/limits.h"
#include "harness/harness.h"
#include "harness/mutate.h"

/* What was asked, and how many descriptors came. */
#define FDS(n) ((VucRegionIoFdsQuery){ .index = 2, .argsz = 4096, .region_size = 4096, .n_fds = n })

/* ---- Good replies ---- */

/* The fixed part, and beginnings of entries.  A size is that of the whole payload. */
#define FIXED(argsz, count) \
  "u32:" #argsz "   # argsz    \n" \
  "u32:0            # flags    \n" \
  "u32:2            # index    \n" \
  "u32:" #count "   # count    \n"

#define IOEVENTFD "u32:0 "
#define IOREGIONFD "u32:1 "
#define SHADOW "u32:2 "
#define NONE "ffffffff "

static const char nothing[] = FIXED (16, 0);

/* As the draft of 2021 has them. */
static const char old_layout[] = FIXED (96, 2)
                                 "u64:0x10 u64:4        # entry 0: offset, size              \n"
                                 "u32:0 u32:0           #          fd_index, type ioeventfd  \n"
                                 "u32:1 u32:0           #          flags DATAMATCH, padding  \n"
                                 "u64:0x1234            #          datamatch                 \n"
                                 "u64:0x100 u64:0x100   # entry 1: offset, size              \n"
                                 "u32:1 u32:1           #          fd_index, type ioregionfd \n"
                                 "u32:2 u32:0           #          flags POSTED, padding     \n"
                                 "u64:0xfeedbeef        #          user_data                 \n";

/* As servers in the field have them. */
static const char new_layout[] = FIXED (160, 3)
                                 "u64:0x20 u64:2        # entry 0: offset, size              \n"
                                 "u32:1 u32:0           #          fd_index, type ioeventfd  \n"
                                 "u32:1 u32:0           #          flags DATAMATCH, padding  \n"
                                 "u64:0x5555            #          unused                    \n"
                                 "u64:7                 #          datamatch                 \n"
                                 "u64:0x800 u64:0x800   # entry 1: offset, size              \n"
                                 "u32:2 u32:1           #          fd_index, type ioregionfd \n"
                                 "u32:0 u32:0           #          flags, padding            \n"
                                 "u64:0xfeedbeef        #          user_data                 \n"
                                 "u64:0                 #          unused                    \n"
                                 "u64:0x30 u64:4        # entry 2: offset, size              \n"
                                 "u32:0 u32:2           #          fd_index, type shadow     \n"
                                 "u32:0 u32:2           #          flags, shadow fd index    \n"
                                 "u64:0x1000            #          shadow offset             \n"
                                 "u64:0                 #          datamatch                 \n";

/* ---- Decoding ---- */

static gboolean
decode (const char *text, VucRegionIoFdsQuery query, VucRegionIoFdsReply *reply, GError **error)
{
  g_autoptr(GBytes) payload = hex (text);

  return vuc_region_io_fds_decode (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload),
                                   &query, reply, error);
}

static VucRegionIoFdsReply
decode_or_fail (const char *text, VucRegionIoFdsQuery query)
{
  g_autoptr(GError) error = NULL;
  VucRegionIoFdsReply reply = { 0 };

  decode (text, query, &reply, &error);
  assert_no_error (error);
  return reply;
}

static void
assert_entry (const VucRegionIoFdsReply *reply, guint i, VucRegionIoFd expected)
{
  const VucRegionIoFd *entry;

  ck_assert_uint_lt (i, reply->n_entries);
  entry = &reply->entries[i];
  ck_assert_uint_eq (entry->type, expected.type);
  ck_assert_uint_eq (entry->flags, expected.flags);
  ck_assert_uint_eq (entry->offset, expected.offset);
  ck_assert_uint_eq (entry->size, expected.size);
  ck_assert_int_eq (entry->fd_index, expected.fd_index);
  ck_assert_int_eq (entry->shadow_fd_index, expected.shadow_fd_index);
  ck_assert_uint_eq (entry->datamatch, expected.datamatch);
  ck_assert_uint_eq (entry->user_data, expected.user_data);
  ck_assert_uint_eq (entry->shadow_offset, expected.shadow_offset);
}

/* ---- The fixed part ---- */

static void
a_request_names_the_index_and_argsz (void)
{
  guint8 payload[VUC_REGION_IO_FDS_SIZE];

  vuc_region_io_fds_encode (4, 1024, payload);

  assert_bytes (payload, sizeof payload,
                "u32:1024   # argsz    \n"
                "u32:0      # flags    \n"
                "u32:4      # index    \n"
                "u32:0      # count    \n");
}

static void
a_region_may_have_none (void)
{
  g_auto(VucRegionIoFdsReply) reply = decode_or_fail (nothing, FDS (0));

  ck_assert (reply.complete);
  ck_assert_uint_eq (reply.argsz, 16);
  ck_assert_uint_eq (reply.n_entries, 0);
  ck_assert_ptr_null (reply.entries);
}

static void
a_count_of_0_in_16_bytes_is_none_whatever_argsz_says (void)
{
  g_auto(VucRegionIoFdsReply) reply = decode_or_fail (FIXED (4096, 0), FDS (0));

  ck_assert (reply.complete);
  ck_assert_uint_eq (reply.n_entries, 0);
}

static void
a_reply_that_needs_more_space_says_nothing_else (void)
{
  g_auto(VucRegionIoFdsReply) reply = decode_or_fail ("u32:4112    # argsz    \n"
                                                      "ffffffff    # flags    \n"
                                                      "u32:2       # index    \n"
                                                      "ffffffff    # count    \n",
                                                      FDS (0));

  ck_assert (!reply.complete);
  ck_assert_uint_eq (reply.argsz, 4112);
  ck_assert_uint_eq (reply.n_entries, 0);
}

static void
argsz_may_ask_for_as_much_as_1_mib (void)
{
  g_auto(VucRegionIoFdsReply) reply = decode_or_fail (FIXED (1048576, 100), FDS (0));

  ck_assert (!reply.complete);
  ck_assert_uint_eq (reply.argsz, 1048576);
}

/* ---- Entries ---- */

static void
entries_of_40_bytes_have_the_old_layout (void)
{
  g_auto(VucRegionIoFdsReply) reply = decode_or_fail (old_layout, FDS (2));

  ck_assert (reply.complete);
  ck_assert_uint_eq (reply.argsz, 96);
  ck_assert_uint_eq (reply.n_entries, 2);
  assert_entry (&reply, 0, (VucRegionIoFd){ .type = VUC_IO_FD_IOEVENTFD,
                                            .flags = VUC_IO_FD_DATAMATCH,
                                            .offset = 0x10,
                                            .size = 4,
                                            .fd_index = 0,
                                            .shadow_fd_index = -1,
                                            .datamatch = 0x1234 });
  assert_entry (&reply, 1, (VucRegionIoFd){ .type = VUC_IO_FD_IOREGIONFD,
                                            .flags = VUC_IO_FD_POSTED_WRITES,
                                            .offset = 0x100,
                                            .size = 0x100,
                                            .fd_index = 1,
                                            .shadow_fd_index = -1,
                                            .user_data = 0xfeedbeef });
}

static void
entries_of_48_bytes_have_the_new_layout (void)
{
  g_auto(VucRegionIoFdsReply) reply = decode_or_fail (new_layout, FDS (3));

  ck_assert_uint_eq (reply.n_entries, 3);
  assert_entry (&reply, 0, (VucRegionIoFd){ .type = VUC_IO_FD_IOEVENTFD,
                                            .flags = VUC_IO_FD_DATAMATCH,
                                            .offset = 0x20,
                                            .size = 2,
                                            .fd_index = 1,
                                            .shadow_fd_index = -1,
                                            .datamatch = 7 });
  assert_entry (&reply, 1, (VucRegionIoFd){ .type = VUC_IO_FD_IOREGIONFD,
                                            .offset = 0x800,
                                            .size = 0x800,
                                            .fd_index = 2,
                                            .shadow_fd_index = -1,
                                            .user_data = 0xfeedbeef });
  assert_entry (&reply, 2, (VucRegionIoFd){ .type = VUC_IO_FD_SHADOW_IOEVENTFD,
                                            .offset = 0x30,
                                            .size = 4,
                                            .fd_index = 0,
                                            .shadow_fd_index = 2,
                                            .shadow_offset = 0x1000 });
}

static void
entries_of_47_bytes_have_the_old_layout (void)
{
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (110, 2)
                      "u64:0 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:11 | ff*7    \n"
                      "u64:4 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:22 | ff*7    \n",
                      FDS (1));

  ck_assert_uint_eq (reply.n_entries, 2);
  ck_assert_uint_eq (reply.entries[0].datamatch, 11);
  ck_assert_uint_eq (reply.entries[1].datamatch, 22);
}

static void
entries_of_56_bytes_have_the_new_layout (void)
{
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (128, 2)
                      "u64:0 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:11 | ff*8    \n"
                      "u64:4 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:22 | ff*8    \n",
                      FDS (1));

  ck_assert_uint_eq (reply.n_entries, 2);
  ck_assert_uint_eq (reply.entries[0].datamatch, 11);
  ck_assert_uint_eq (reply.entries[1].datamatch, 22);
}

static void
flag_bits_depend_on_the_type (void)
{
  const VucRegionIoFdsQuery port_io
    = { .index = 2, .argsz = 4096, .region_size = 8, .port_io = TRUE, .n_fds = 1 };
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (160, 3)
                      "u64:0 u64:2 u32:0" IOEVENTFD "u32:3 u32:0 u64:0 u64:1     \n"
                      "u64:2 u64:2 u32:0" IOREGIONFD "u32:3 u32:0 u64:0 u64:0    \n"
                      "u64:4 u64:4 u32:0" SHADOW "u32:2 u32:0 u64:0 u64:0        \n",
                      port_io);

  ck_assert_uint_eq (reply.n_entries, 3);
  ck_assert_uint_eq (reply.entries[0].flags, VUC_IO_FD_DATAMATCH | VUC_IO_FD_PIO);
  ck_assert_uint_eq (reply.entries[1].flags, VUC_IO_FD_POSTED_WRITES | VUC_IO_FD_PIO);
  ck_assert_uint_eq (reply.entries[2].flags, VUC_IO_FD_PIO);
}

static void
a_datamatch_without_its_flag_is_not_handed_on (void)
{
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (56, 1) "u64:0 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:11", FDS (1));

  ck_assert_uint_eq (reply.entries[0].datamatch, 0);
}

static void
a_shadow_entry_may_match_data (void)
{
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (64, 1) "u64:0 u64:8 u32:0" SHADOW "u32:1 u32:1 u64:64 u64:33",
                      FDS (2));

  assert_entry (&reply, 0, (VucRegionIoFd){ .type = VUC_IO_FD_SHADOW_IOEVENTFD,
                                            .flags = VUC_IO_FD_DATAMATCH,
                                            .size = 8,
                                            .fd_index = 0,
                                            .shadow_fd_index = 1,
                                            .datamatch = 33,
                                            .shadow_offset = 64 });
}

static void
size_0_is_any_size (void)
{
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (96, 2)
                      "u64:4095 u64:0 u32:0" IOEVENTFD "u32:0 u32:0 u64:0        \n"
                      "u64:0    u64:0 u32:0" IOREGIONFD "u32:2 u32:0 u64:5       \n",
                      FDS (1));

  ck_assert_uint_eq (reply.n_entries, 2);
  ck_assert_uint_eq (reply.entries[0].offset, 4095);
  ck_assert_uint_eq (reply.entries[0].size, 0);
  ck_assert_uint_eq (reply.entries[1].size, 0);
}

static void
an_entry_may_reach_the_end_of_the_region (void)
{
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (96, 2)
                      "u64:4088 u64:8 u32:0" IOEVENTFD "u32:0 u32:0 u64:0        \n"
                      "u64:0 u64:4096 u32:0" IOREGIONFD "u32:0 u32:0 u64:5       \n",
                      FDS (1));

  ck_assert_uint_eq (reply.n_entries, 2);
}

static void
without_a_descriptor_an_entry_is_left_out (void)
{
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (160, 3)
                      "u64:0 u64:4" NONE IOEVENTFD "u32:0 u32:0 u64:0 u64:0       \n"
                      "u64:8 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0      \n"
                      "u64:16 u64:4" NONE IOREGIONFD "u32:0 u32:0 u64:0 u64:0     \n",
                      FDS (1));

  ck_assert_uint_eq (reply.n_entries, 1);
  ck_assert_uint_eq (reply.entries[0].offset, 8);
}

static void
all_entries_may_be_left_out (void)
{
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (56, 1) "u64:0 u64:4" NONE IOEVENTFD "u32:0 u32:0 u64:0", FDS (0));

  ck_assert (reply.complete);
  ck_assert_uint_eq (reply.n_entries, 0);
}

static void
without_a_descriptor_a_shadow_entry_stores_only (void)
{
  g_auto(VucRegionIoFdsReply) reply
    = decode_or_fail (FIXED (64, 1) "u64:0 u64:4" NONE SHADOW "u32:0 u32:0 u64:64 u64:0", FDS (1));

  assert_entry (&reply, 0, (VucRegionIoFd){ .type = VUC_IO_FD_SHADOW_IOEVENTFD,
                                            .size = 4,
                                            .fd_index = -1,
                                            .shadow_fd_index = 0,
                                            .shadow_offset = 64 });
}

typedef struct
{
  const char *name;
  const char *payload;
  guint n_entries;
} Neighbours;

static const Neighbours neighbours[] = {
  { "at different offsets",
    FIXED (96, 2) "u64:0 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0\n"
                  "u64:2 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0\n", 2 },
  { "of different sizes",
    FIXED (96, 2) "u64:0 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0\n"
                  "u64:0 u64:8 u32:0" IOEVENTFD "u32:0 u32:0 u64:0\n", 2 },
  { "of different data",
    FIXED (96, 2) "u64:0 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:1\n"
                  "u64:0 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0\n", 2 },
  { "an ioeventfd within an ioregionfd",
    FIXED (96, 2) "u64:0 u64:64 u32:0" IOREGIONFD "u32:0 u32:0 u64:0\n"
                  "u64:0 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0\n", 2 },
  { "ioregionfds that overlap",
    FIXED (96, 2) "u64:0 u64:64 u32:0" IOREGIONFD "u32:0 u32:0 u64:0\n"
                  "u64:0 u64:64 u32:0" IOREGIONFD "u32:0 u32:0 u64:0\n", 2 },
  { "one that is left out",
    FIXED (96, 2) "u64:0 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0\n"
                  "u64:0 u64:4" NONE IOEVENTFD "u32:0 u32:0 u64:0\n", 1 },
};

static void
neighbours_may_live_side_by_side (gconstpointer row)
{
  const Neighbours *both = row;
  g_auto(VucRegionIoFdsReply) reply = decode_or_fail (both->payload, FDS (1));

  ck_assert_uint_eq (reply.n_entries, both->n_entries);
}

/* ---- As large as it gets ---- */

/* n entries of 4 bytes each, from the last to the first. */
static gboolean
decode_many (guint32 n, VucRegionIoFdsReply *reply, GError **error)
{
  const VucRegionIoFdsQuery query
    = { .index = 2, .argsz = VUC_LIMIT_ARGSZ, .region_size = G_MAXUINT64, .n_fds = 1 };
  const guint32 fixed[] = { 16 + n * 40, 0, 2, n };
  g_autofree guint8 *payload = g_malloc0 (fixed[0]);

  memcpy (payload, fixed, sizeof fixed);
  for (guint i = 0; i < n; i++)
    {
      const guint64 range[] = { (guint64) (n - i) * 4, 4 };

      memcpy (payload + 16 + i * 40, range, sizeof range);
    }
  return vuc_region_io_fds_decode (payload, fixed[0], &query, reply, error);
}

static void
as_many_entries_as_are_allowed_are_read (void)
{
  const guint32 n = VUC_LIMIT_IO_FDS;
  g_autoptr(GError) error = NULL;
  g_auto(VucRegionIoFdsReply) reply = { 0 };

  decode_many (n, &reply, &error);
  assert_no_error (error);
  ck_assert_uint_eq (reply.n_entries, n);
  for (guint i = 0; i < n; i++)
    ck_assert_uint_eq (reply.entries[i].offset, (n - i) * 4);
}

static void
more_entries_than_are_allowed_are_refused (void)
{
  const guint32 counts[] = { VUC_LIMIT_IO_FDS + 1, (VUC_LIMIT_ARGSZ - 16) / 40 };

  for (gsize i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autoptr(GError) error = NULL;
      g_auto(VucRegionIoFdsReply) reply = { 0 };
      g_autofree char *text = g_strdup_printf ("%u entries, allowed are 4096", counts[i]);

      ck_assert (!decode_many (counts[i], &reply, &error));
      assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED, text);
    }
}

/* ---- Damage ---- */

static void
assert_sound_entry (const VucRegionIoFd *entry, const VucRegionIoFdsQuery *query)
{
  ck_assert_uint_le (entry->type, VUC_IO_FD_SHADOW_IOEVENTFD);
  ck_assert_uint_lt (entry->offset, query->region_size);
  ck_assert_uint_le (entry->size, query->region_size - entry->offset);
  ck_assert_int_lt (entry->fd_index, (int) query->n_fds);
  ck_assert_int_lt (entry->shadow_fd_index, (int) query->n_fds);
  if ((entry->flags & VUC_IO_FD_PIO) != 0)
    ck_assert (query->port_io);

  if (entry->type == VUC_IO_FD_SHADOW_IOEVENTFD)
    ck_assert_int_ge (entry->shadow_fd_index, 0);
  else
    {
      ck_assert_int_ge (entry->fd_index, 0);
      ck_assert_int_eq (entry->shadow_fd_index, -1);
      ck_assert_uint_eq (entry->shadow_offset, 0);
    }

  if (entry->type == VUC_IO_FD_IOREGIONFD)
    {
      ck_assert_uint_eq (entry->flags & VUC_IO_FD_DATAMATCH, 0);
      ck_assert_uint_eq (entry->datamatch, 0);
      ck_assert (entry->size > 0 || (entry->flags & VUC_IO_FD_POSTED_WRITES));
    }
  else
    {
      ck_assert_uint_eq (entry->flags & VUC_IO_FD_POSTED_WRITES, 0);
      ck_assert_uint_eq (entry->user_data, 0);
      ck_assert_uint_le (entry->size, 8);
      ck_assert (entry->size > 0 || !(entry->flags & VUC_IO_FD_DATAMATCH));
    }
}

static void
check_damaged (const guint8 *data, gsize size, gpointer user_data G_GNUC_UNUSED)
{
  for (guint n_fds = 0; n_fds <= 3; n_fds++)
    {
      VucRegionIoFdsQuery query = FDS (n_fds);
      g_autoptr(GError) error = NULL;
      g_auto(VucRegionIoFdsReply) reply = { 0 };

      query.port_io = n_fds == 3;
      if (!vuc_region_io_fds_decode (data, size, &query, &reply, &error))
        {
          ck_assert (g_error_matches (error, VUC_ERROR, VUC_ERROR_PROTOCOL)
                     || g_error_matches (error, VUC_ERROR, VUC_ERROR_REJECTED));
          assert_contains (error->message, "reply of region 2: ");
          continue;
        }

      ck_assert_uint_ge (reply.argsz, VUC_REGION_IO_FDS_SIZE);
      ck_assert_uint_le (reply.argsz, VUC_LIMIT_ARGSZ);
      ck_assert_int_eq (reply.complete, reply.argsz <= query.argsz);
      for (guint i = 0; i < reply.n_entries; i++)
        assert_sound_entry (&reply.entries[i], &query);
    }
}

typedef struct
{
  const char *name;
  const char *payload;
} Good;

static const Good good_replies[] = {
  { "none", nothing },
  { "the old layout", old_layout },
  { "the new layout", new_layout },
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
  HARNESS_CASE (a_region_may_have_none),
  HARNESS_CASE (a_count_of_0_in_16_bytes_is_none_whatever_argsz_says),
  HARNESS_CASE (a_reply_that_needs_more_space_says_nothing_else),
  HARNESS_CASE (argsz_may_ask_for_as_much_as_1_mib),
  HARNESS_CASE (entries_of_40_bytes_have_the_old_layout),
  HARNESS_CASE (entries_of_48_bytes_have_the_new_layout),
  HARNESS_CASE (entries_of_47_bytes_have_the_old_layout),
  HARNESS_CASE (entries_of_56_bytes_have_the_new_layout),
  HARNESS_CASE (flag_bits_depend_on_the_type),
  HARNESS_CASE (a_datamatch_without_its_flag_is_not_handed_on),
  HARNESS_CASE (a_shadow_entry_may_match_data),
  HARNESS_CASE (size_0_is_any_size),
  HARNESS_CASE (an_entry_may_reach_the_end_of_the_region),
  HARNESS_CASE (without_a_descriptor_an_entry_is_left_out),
  HARNESS_CASE (all_entries_may_be_left_out),
  HARNESS_CASE (without_a_descriptor_a_shadow_entry_stores_only),
  HARNESS_ROWS (neighbours_may_live_side_by_side, neighbours),
  HARNESS_CASE (as_many_entries_as_are_allowed_are_read),
  HARNESS_CASE (more_entries_than_are_allowed_are_refused),
  HARNESS_ROWS (all_damage_is_an_error_or_a_sound_reply, good_replies),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "region-io-fds", cases);
}
