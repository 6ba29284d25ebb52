/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What REGION_READ and REGION_WRITE have before the data, against literal bytes.
 */

#include "wire/region-access.h"

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/mutate.h"

/* Four bytes at 0x10 of the configuration space. */
static const VucRegionAccess asked = { .offset = 0x10, .region = 7, .count = 4 };

static const char echo[] = "u64:0x10   # offset    \n"
                           "u32:7      # region    \n"
                           "u32:4      # count     \n";

static gboolean
decode (const char *text, guint16 command, const VucRegionAccess *access, GError **error)
{
  g_autoptr(GBytes) payload = hex (text);

  return vuc_region_access_decode (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload),
                                   command, access, error);
}

static void
a_request_has_16_bytes (void)
{
  VucRegionAccess access = { .offset = 0x123456789abcdef0, .region = 2, .count = 32768 };
  guint8 payload[VUC_REGION_ACCESS_SIZE];

  vuc_region_access_encode (&access, payload);

  assert_bytes (payload, sizeof payload,
                "u64:0x123456789abcdef0   # offset    \n"
                "u32:2                    # region    \n"
                "u32:32768                # count     \n");
}

static void
a_reply_that_echoes_is_good (void)
{
  g_autoptr(GError) error = NULL;

  ck_assert (decode (echo, VUC_COMMAND_REGION_READ, &asked, &error));
  ck_assert (decode (echo, VUC_COMMAND_REGION_WRITE, &asked, &error));
  assert_no_error (error);
}

static void
an_access_of_nothing_may_be_answered_with_nothing (void)
{
  const VucRegionAccess nothing = { .offset = 0x10, .region = 7, .count = 0 };
  g_autoptr(GError) error = NULL;

  ck_assert (decode ("", VUC_COMMAND_REGION_READ, &nothing, &error));
  ck_assert (decode ("", VUC_COMMAND_REGION_WRITE, &nothing, &error));
  ck_assert (decode ("u64:0x10 u32:7 u32:0", VUC_COMMAND_REGION_READ, &nothing, &error));
  assert_no_error (error);
}

typedef struct
{
  const char *name;
  guint16 command;
  const char *payload;
  const char *message;
} Lie;

static const Lie lies[] = {
  { "a read without anything", VUC_COMMAND_REGION_READ, "",
    "REGION_READ reply: payload 0, expected 20" },
  { "a read that is bare data", VUC_COMMAND_REGION_READ, "86 80 00 10",
    "REGION_READ reply: payload 4, expected 20" },
  { "a write without anything", VUC_COMMAND_REGION_WRITE, "",
    "REGION_WRITE reply: payload 0, expected 16" },
  { "a write that is one byte short", VUC_COMMAND_REGION_WRITE, "00*15",
    "REGION_WRITE reply: payload 15, expected 16" },
  { "another region", VUC_COMMAND_REGION_READ, "u64:0x10 u32:8 u32:4",
    "REGION_READ reply: region 8, offset 0x10, count 4; expected region 7, offset 0x10, count 4" },
  { "another offset", VUC_COMMAND_REGION_WRITE, "u64:0x1000000010 u32:7 u32:4",
    "REGION_WRITE reply: region 7, offset 0x1000000010, count 4; expected region 7" },
  { "less data", VUC_COMMAND_REGION_READ, "u64:0x10 u32:7 u32:3", "count 3; expected" },
  { "more data", VUC_COMMAND_REGION_READ, "u64:0x10 u32:7 u32:5", "count 5; expected" },
  { "no count", VUC_COMMAND_REGION_WRITE, "u64:0x10 u32:7 u32:0", "count 0; expected" },
};

static void
a_lie_is_fatal (gconstpointer row)
{
  const Lie *lie = row;
  g_autoptr(GError) error = NULL;

  ck_assert (!decode (lie->payload, lie->command, &asked, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, lie->message);
}

static void
check_damaged (const guint8 *data, gsize size, gpointer user_data G_GNUC_UNUSED)
{
  g_autoptr(GError) error = NULL;

  ck_assert (!vuc_region_access_decode (data, size, VUC_COMMAND_REGION_READ, &asked, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "REGION_READ reply: ");
}

static void
all_damage_is_an_error (void)
{
  g_autoptr(GBytes) good = hex (echo);

  mutate_truncations (good, check_damaged, NULL);
  mutate_bit_flips (good, check_damaged, NULL);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_request_has_16_bytes),
  HARNESS_CASE (a_reply_that_echoes_is_good),
  HARNESS_CASE (an_access_of_nothing_may_be_answered_with_nothing),
  HARNESS_ROWS (a_lie_is_fatal, lies),
  HARNESS_CASE (all_damage_is_an_error),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "region-access", cases);
}
