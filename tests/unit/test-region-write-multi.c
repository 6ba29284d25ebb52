/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * REGION_WRITE_MULTI, against literal bytes.
 */

#include "wire/region-write-multi.h"

#include <string.h>

#include "harness/harness.h"

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

static const HarnessCase cases[] = {
  HARNESS_CASE (the_entries_are_counted_in_64_bits),
  HARNESS_CASE (an_entry_has_24_bytes),
  HARNESS_CASE (what_a_small_write_leaves_of_an_entry_is_zero),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "region-write-multi", cases);
}
