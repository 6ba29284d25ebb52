/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * REGION_WRITE_MULTI, against literal bytes.
 */

#include "wire/region-write-multi.h"

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/mutate.h"

static void
the_entries_are_counted_in_64_bits (void)
{
  guint8 payload[VUC_REGION_WRITE_MULTI_SIZE];

  vuc_region_write_multi_encode (256, payload);
  assert_bytes (payload, sizeof payload, "00 01 00 00 00 00 00 00");
}

static void
an_entry_has_24_bytes (void)
{
  VucRegionAccess access = { .offset = 0x123456789abcdef0, .region = 2, .count = 8 };
  guint8 entry[VUC_REGION_WRITE_MULTI_ENTRY];

  vuc_region_write_multi_encode_entry (&access, "\x01\x02\x03\x04\x05\x06\x07\x08", entry);
  assert_bytes (entry, sizeof entry,
                "u64:0x123456789abcdef0   # offset \n"
                "u32:2                    # region \n"
                "u32:8                    # count  \n"
                "01 02 03 04 05 06 07 08  # data   \n");
}

/* Nothing that the memory held before is sent. */
static void
what_a_small_write_leaves_of_an_entry_is_zero (void)
{
  VucRegionAccess access = { .offset = 0xfff, .region = 7, .count = 1 };
  guint8 entry[VUC_REGION_WRITE_MULTI_ENTRY];

  memset (entry, 0xee, sizeof entry);
  vuc_region_write_multi_encode_entry (&access, "\xff", entry);
  assert_bytes (entry, sizeof entry, "u64:0xfff u32:7 u32:1 | ff 00*7");
}

static gboolean
decode (const char *text, guint64 sent, guint64 *done, GError **error)
{
  g_autoptr(GBytes) payload = hex (text);

  return vuc_region_write_multi_decode (g_bytes_get_data (payload, NULL),
                                        g_bytes_get_size (payload), sent, done, error);
}

static void
a_reply_tells_how_many_were_done (void)
{
  g_autoptr(GError) error = NULL;
  guint64 done = 4711;

  ck_assert (decode ("u64:3", 3, &done, &error));
  ck_assert_uint_eq (done, 3);
  ck_assert (decode ("u64:0", 3, &done, &error));
  ck_assert_uint_eq (done, 0);
  assert_no_error (error);
}

typedef struct
{
  const char *name;
  const char *payload;
  const char *message;
} Lie;

static const Lie lies[] = {
  { "nothing", "", "REGION_WRITE_MULTI reply: payload 0, expected 8" },
  { "half a count", "u32:3", "REGION_WRITE_MULTI reply: payload 4, expected 8" },
  { "something behind it", "u64:3 00", "REGION_WRITE_MULTI reply: payload 9, expected 8" },
  { "one more than was sent", "u64:4", "REGION_WRITE_MULTI reply: wr_cnt 4, sent were 3" },
  { "many more", "ff*8", "REGION_WRITE_MULTI reply: wr_cnt 18446744073709551615, sent were 3" },
};

static void
a_bad_reply_is_fatal (gconstpointer data)
{
  const Lie *lie = data;
  g_autoptr(GError) error = NULL;
  guint64 done = 4711;

  ck_assert (!decode (lie->payload, 3, &done, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, lie->message);
  ck_assert_uint_eq (done, 4711);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (the_entries_are_counted_in_64_bits),
  HARNESS_CASE (an_entry_has_24_bytes),
  HARNESS_CASE (what_a_small_write_leaves_of_an_entry_is_zero),
  HARNESS_CASE (a_reply_tells_how_many_were_done),
  HARNESS_ROWS (a_bad_reply_is_fatal, lies),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "region-write-multi", cases);
}
