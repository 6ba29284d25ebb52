/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_IRQ_INFO, against literal bytes.
 */

#include "wire/irq-info.h"

#include <vfio-user-client/vuc-error.h>
#include <vfio-user-client/vuc-irq.h>

#include "harness/harness.h"
#include "harness/mutate.h"

#define ALL_FLAGS (VUC_IRQ_EVENTFD | VUC_IRQ_MASKABLE | VUC_IRQ_AUTOMASKED | VUC_IRQ_NORESIZE)
#define MAX_COUNT 2048

static const char msix[] = "u32:16   # argsz                       \n"
                           "u32:9    # flags: EVENTFD, NORESIZE    \n"
                           "u32:2    # index                       \n"
                           "u32:16   # count                       \n";

/* Of what was asked about index 2. */
static gboolean
decode (const char *text, VucIrqInfoReply *reply, GError **error)
{
  g_autoptr(GBytes) payload = hex (text);

  return vuc_irq_info_decode (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload), 2,
                              MAX_COUNT, reply, error);
}

static VucIrqInfoReply
decode_or_fail (const char *text)
{
  g_autoptr(GError) error = NULL;
  VucIrqInfoReply reply;

  decode (text, &reply, &error);
  assert_no_error (error);
  return reply;
}

static void
a_request_names_the_index (void)
{
  guint8 payload[VUC_IRQ_INFO_SIZE];

  vuc_irq_info_encode (3, payload);

  assert_bytes (payload, sizeof payload,
                "u32:16   # argsz    \n"
                "u32:0    # flags    \n"
                "u32:3    # index    \n"
                "u32:0    # count    \n");
}

static void
every_field_is_read (void)
{
  VucIrqInfoReply reply = decode_or_fail (msix);

  ck_assert_uint_eq (reply.flags, VUC_IRQ_EVENTFD | VUC_IRQ_NORESIZE);
  ck_assert_uint_eq (reply.count, 16);
}

static void
each_flag_has_its_bit (void)
{
  ck_assert_uint_eq (decode_or_fail ("u32:16 u32:1 u32:2 u32:1").flags, VUC_IRQ_EVENTFD);
  ck_assert_uint_eq (decode_or_fail ("u32:16 u32:2 u32:2 u32:1").flags, VUC_IRQ_MASKABLE);
  ck_assert_uint_eq (decode_or_fail ("u32:16 u32:4 u32:2 u32:1").flags, VUC_IRQ_AUTOMASKED);
  ck_assert_uint_eq (decode_or_fail ("u32:16 u32:8 u32:2 u32:1").flags, VUC_IRQ_NORESIZE);
}

static void
unknown_flags_are_not_handed_on (void)
{
  ck_assert_uint_eq (decode_or_fail ("u32:16 ffffffff u32:2 u32:1").flags, ALL_FLAGS);
}

static void
an_index_may_have_no_interrupts (void)
{
  ck_assert_uint_eq (decode_or_fail ("u32:16 u32:1 u32:2 u32:0").count, 0);
}

static void
an_index_may_have_as_many_as_are_allowed (void)
{
  ck_assert_uint_eq (decode_or_fail ("u32:16 u32:1 u32:2 u32:2048").count, MAX_COUNT);
}

static void
a_server_may_have_more_to_say (void)
{
  ck_assert_uint_eq (decode_or_fail ("u32:20 u32:1 u32:2 u32:1").count, 1);
  ck_assert_uint_eq (decode_or_fail ("u32:1048576 u32:1 u32:2 u32:1").count, 1);
}

typedef struct
{
  const char *name;
  const char *payload;
  const char *message;
} Lie;

static const Lie lies[] = {
  { "no payload", "", "DEVICE_GET_IRQ_INFO reply of index 2: payload 0, expected 16" },
  { "a payload that is too short", "u32:16 u32:1 u32:2", "payload 12, expected 16" },
  { "a payload that is too long", "u32:20 u32:1 u32:2 u32:1 u32:0", "payload 20, expected 16" },
  { "argsz below the fixed size", "u32:15 u32:1 u32:2 u32:1",
    "argsz 15, allowed are 16 to 1048576" },
  { "argsz above 1 MiB", "u32:1048577 u32:1 u32:2 u32:1", "argsz 1048577, allowed are 16 to" },
  { "another index", "u32:16 u32:1 u32:3 u32:1", "of index 2: index 3, expected 2" },
  { "one interrupt too many", "u32:16 u32:1 u32:2 u32:2049", "count 2049, allowed are 0 to 2048" },
  { "all interrupts there are", "u32:16 u32:1 u32:2 ffffffff", "count 4294967295" },
};

static void
a_lie_is_fatal (gconstpointer row)
{
  const Lie *lie = row;
  g_autoptr(GError) error = NULL;
  VucIrqInfoReply reply = { .count = 99 };

  ck_assert (!decode (lie->payload, &reply, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, lie->message);
  ck_assert_uint_eq (reply.count, 99);
}

static void
check_damaged (const guint8 *data, gsize size, gpointer user_data G_GNUC_UNUSED)
{
  g_autoptr(GError) error = NULL;
  VucIrqInfoReply reply;

  if (!vuc_irq_info_decode (data, size, 2, MAX_COUNT, &reply, &error))
    {
      assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "DEVICE_GET_IRQ_INFO reply of index 2: ");
      return;
    }

  ck_assert_uint_eq (size, VUC_IRQ_INFO_SIZE);
  ck_assert_uint_eq (reply.flags & ~(guint32) ALL_FLAGS, 0);
  ck_assert_uint_le (reply.count, MAX_COUNT);
}

static void
all_damage_is_an_error_or_a_sound_reply (void)
{
  g_autoptr(GBytes) good = hex (msix);

  mutate_truncations (good, check_damaged, NULL);
  mutate_bit_flips (good, check_damaged, NULL);
  mutate_random (good, 1000, check_damaged, NULL);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_request_names_the_index),
  HARNESS_CASE (every_field_is_read),
  HARNESS_CASE (each_flag_has_its_bit),
  HARNESS_CASE (unknown_flags_are_not_handed_on),
  HARNESS_CASE (an_index_may_have_no_interrupts),
  HARNESS_CASE (an_index_may_have_as_many_as_are_allowed),
  HARNESS_CASE (a_server_may_have_more_to_say),
  HARNESS_ROWS (a_lie_is_fatal, lies),
  HARNESS_CASE (all_damage_is_an_error_or_a_sound_reply),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "irq-info", cases);
}
