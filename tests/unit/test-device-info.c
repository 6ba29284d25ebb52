/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_INFO, against literal bytes.
 */

#include "wire/device-info.h"

#include <vfio-user-client/vuc-device.h>
#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/mutate.h"

#define MAX_REGIONS 256
#define MAX_IRQS 64

static const char pci_device[] = "u32:16   # argsz                \n"
                                 "u32:3    # flags: RESET, PCI    \n"
                                 "u32:9    # num_regions          \n"
                                 "u32:5    # num_irqs             \n";

static gboolean
decode (const char *text, VucDeviceInfoReply *reply, GError **error)
{
  g_autoptr(GBytes) payload = hex (text);

  return vuc_device_info_decode (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload),
                                 MAX_REGIONS, MAX_IRQS, reply, error);
}

static VucDeviceInfoReply
decode_or_fail (const char *text)
{
  g_autoptr(GError) error = NULL;
  VucDeviceInfoReply reply;

  decode (text, &reply, &error);
  assert_no_error (error);
  return reply;
}

static void
a_request_says_only_how_large_the_reply_may_be (void)
{
  guint8 payload[VUC_DEVICE_INFO_SIZE];

  vuc_device_info_encode (payload);

  assert_bytes (payload, sizeof payload,
                "u32:16   # argsz                \n"
                "u32:0    # flags                \n"
                "u32:0    # num_regions          \n"
                "u32:0    # num_irqs             \n");
}

static void
every_field_is_read (void)
{
  VucDeviceInfoReply reply = decode_or_fail (pci_device);

  ck_assert_uint_eq (reply.flags, VUC_DEVICE_RESET | VUC_DEVICE_PCI);
  ck_assert_uint_eq (reply.num_regions, 9);
  ck_assert_uint_eq (reply.num_irqs, 5);
}

static void
a_device_may_have_nothing (void)
{
  VucDeviceInfoReply reply = decode_or_fail ("u32:16 u32:0 | u32:0 u32:0");

  ck_assert_uint_eq (reply.flags, 0);
  ck_assert_uint_eq (reply.num_regions, 0);
  ck_assert_uint_eq (reply.num_irqs, 0);
}

static void
a_device_may_have_as_much_as_is_allowed (void)
{
  VucDeviceInfoReply reply = decode_or_fail ("u32:16 u32:0 | u32:256 u32:64");

  ck_assert_uint_eq (reply.num_regions, MAX_REGIONS);
  ck_assert_uint_eq (reply.num_irqs, MAX_IRQS);
}

static void
unknown_flags_are_not_handed_on (void)
{
  ck_assert_uint_eq (decode_or_fail ("u32:16 ffffffff | u32:9 u32:5").flags,
                     VUC_DEVICE_RESET | VUC_DEVICE_PCI);
}

static void
a_server_may_have_more_to_say (void)
{
  ck_assert_uint_eq (decode_or_fail ("u32:24 u32:2 | u32:9 u32:5").num_regions, 9);
  ck_assert_uint_eq (decode_or_fail ("u32:1048576 u32:2 | u32:9 u32:5").num_regions, 9);
}

typedef struct
{
  const char *name;
  const char *payload;
  const char *message;
} Lie;

static const Lie lies[] = {
  { "no payload", "", "DEVICE_GET_INFO reply: payload 0, expected 16" },
  { "a payload that is too short", "u32:16 u32:2 u32:9", "payload 12, expected 16" },
  { "a payload that is too long", "u32:20 u32:2 u32:9 u32:5 u32:0", "payload 20, expected 16" },
  { "argsz below the fixed size", "u32:15 u32:2 u32:9 u32:5",
    "argsz 15, allowed are 16 to 1048576" },
  { "argsz above 1 MiB", "u32:1048577 u32:2 u32:9 u32:5", "argsz 1048577, allowed are 16 to" },
  { "one region too many", "u32:16 u32:2 u32:257 u32:5", "num_regions 257, allowed are 0 to 256" },
  { "all regions there are", "u32:16 u32:2 ffffffff u32:5", "num_regions 4294967295" },
  { "one interrupt index too many", "u32:16 u32:2 u32:9 u32:65",
    "num_irqs 65, allowed are 0 to 64" },
};

static void
a_lie_is_fatal (gconstpointer row)
{
  const Lie *lie = row;
  g_autoptr(GError) error = NULL;
  VucDeviceInfoReply reply = { .num_regions = 99 };

  ck_assert (!decode (lie->payload, &reply, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, lie->message);
  ck_assert_uint_eq (reply.num_regions, 99);
}

static void
check_damaged (const guint8 *data, gsize size, gpointer user_data G_GNUC_UNUSED)
{
  g_autoptr(GError) error = NULL;
  VucDeviceInfoReply reply;

  if (!vuc_device_info_decode (data, size, MAX_REGIONS, MAX_IRQS, &reply, &error))
    {
      assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "DEVICE_GET_INFO reply: ");
      return;
    }

  ck_assert_uint_eq (size, VUC_DEVICE_INFO_SIZE);
  ck_assert_uint_eq (reply.flags & ~(guint32) (VUC_DEVICE_RESET | VUC_DEVICE_PCI), 0);
  ck_assert_uint_le (reply.num_regions, MAX_REGIONS);
  ck_assert_uint_le (reply.num_irqs, MAX_IRQS);
}

static void
all_damage_is_an_error_or_a_sound_reply (void)
{
  g_autoptr(GBytes) good = hex (pci_device);

  mutate_truncations (good, check_damaged, NULL);
  mutate_bit_flips (good, check_damaged, NULL);
  mutate_random (good, 1000, check_damaged, NULL);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_request_says_only_how_large_the_reply_may_be),
  HARNESS_CASE (every_field_is_read),
  HARNESS_CASE (a_device_may_have_nothing),
  HARNESS_CASE (a_device_may_have_as_much_as_is_allowed),
  HARNESS_CASE (unknown_flags_are_not_handed_on),
  HARNESS_CASE (a_server_may_have_more_to_say),
  HARNESS_ROWS (a_lie_is_fatal, lies),
  HARNESS_CASE (all_damage_is_an_error_or_a_sound_reply),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "device-info", cases);
}
