/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How accesses travel, with the demo device: each way by itself, what is split, what falls back to
 * messages, how it is restricted, and that the counters tell.  Written for hosts with pages of 4 KiB.
 */

#include <string.h>

#include "conversation/connect.h"
#include "conversation/guest.h"
#include "conversation/outcome.h"
#include "harness/demo.h"
#include "harness/harness.h"

#define BAR0 VUC_PCI_BAR0_REGION
#define BAR2 VUC_PCI_BAR2_REGION

/* Registers of BAR0; see the demo device's README. */
#define SCRATCH          0x008
#define KICKS            0x020
#define KICKS_BY_MESSAGE 0x024
#define SHADOW_VALUE     0x028
#define DOORBELL         0x800
#define DOORBELL_1_OR_2  0x808
#define DOORBELL_ANY     0x810
#define DOORBELL_SHADOW  0x820

/* Areas of BAR2. */
#define AREA     0x2000
#define AREA_END 0x4000

/* Memories behind ioregionfds: A and B share one, writes to C want no response. */
#define IOREGION_A      0x900
#define IOREGION_B      0x940
#define IOREGION_C      0x980
#define IOREGION_READS  0x050
#define IOREGION_WRITES 0x054
#define PING_ADDRESS    0x080

typedef struct
{
  DemoDevice *demo;
  VucDevice *device;
  VucAccessCounters before;
} Fixture;

static Fixture
start_with (VucConfig *config)
{
  Fixture fixture = { .demo = demo_device_new () };

  fixture.device = connect_with (demo_device_start (fixture.demo), config);
  vuc_device_get_access_counters (fixture.device, &fixture.before);
  return fixture;
}

static Fixture
start (void)
{
  return start_with (NULL);
}

static void
finish (Fixture *fixture)
{
  vuc_device_unref (fixture->device);
  demo_device_stop (fixture->demo);
  demo_device_free (fixture->demo);
}

static void
ask_for_io_fds (Fixture *fixture)
{
  const VucIoFd *io_fds;
  gsize n_io_fds;
  g_autoptr (GError) error = NULL;

  ck_assert (vuc_device_get_region_io_fds (fixture->device, BAR0, &io_fds, &n_io_fds, &error));
  assert_no_error (error);
}

/* So many parts have taken each way since the last time. */
static void
expect_parts (Fixture *fixture, const guint expected[VUC_N_WAYS])
{
  VucAccessCounters now;

  vuc_device_get_access_counters (fixture->device, &now);
  for (guint way = 0; way < VUC_N_WAYS; way++)
    {
      harness_context ("way %u", way);
      ck_assert_uint_eq (now.parts[way] - fixture->before.parts[way], expected[way]);
    }
  fixture->before = now;
}

static void
expect_ways (Fixture *fixture, guint mapped, guint ioeventfd, guint shadow, guint message)
{
  expect_parts (fixture, (guint[VUC_N_WAYS]){ [VUC_WAY_MAPPED] = mapped,
                                              [VUC_WAY_IOEVENTFD] = ioeventfd,
                                              [VUC_WAY_SHADOW] = shadow,
                                              [VUC_WAY_MESSAGE] = message });
}

static void
expect_ioregion (Fixture *fixture, guint ioregionfd, guint message)
{
  expect_parts (fixture, (guint[VUC_N_WAYS]){
                           [VUC_WAY_IOREGIONFD] = ioregionfd, [VUC_WAY_MESSAGE] = message });
}

static void
read_with (Fixture *f, guint32 region, guint64 offset, gpointer data, gsize n, VucAccessFlags flags)
{
  g_autoptr (GError) error = NULL;

  ck_assert (vuc_device_region_read_full (f->device, region, offset, data, n, flags, &error));
  assert_no_error (error);
}

static void
write_with (Fixture *f,
            guint32 region,
            guint64 offset,
            gconstpointer data,
            gsize n,
            VucAccessFlags flags)
{
  g_autoptr (GError) error = NULL;

  ck_assert (vuc_device_region_write_full (f->device, region, offset, data, n, flags, &error));
  assert_no_error (error);
}

static guint32
get_register (Fixture *fixture, guint64 offset)
{
  guint32 value = 0;

  read_with (fixture, BAR0, offset, &value, sizeof value, VUC_ACCESS_ANY);
  return value;
}

/* ---- Mapped memory ---- */

typedef struct
{
  const char *name;
  gsize count;
  guint64 offset;
} Access;

static const Access inside[] = {
  { "1", 1, AREA + 3 },
  { "2", 2, AREA + 6 },
  { "4", 4, AREA + 12 },
  { "8", 8, AREA + 24 },
  { "3", 3, AREA + 5 },
  { "2, not aligned", 2, AREA + 7 },
  { "8, not aligned", 8, AREA + 1 },
  { "all of it", AREA_END - AREA, AREA },
  { "the last byte", 1, AREA_END - 1 },
};

static void
an_area_is_loaded_and_stored (gconstpointer row)
{
  const Access *access = row;
  g_autofree guint8 *data = g_malloc (access->count);
  g_autofree guint8 *back = g_malloc0 (access->count);
  Fixture fixture = start ();

  for (gsize i = 0; i < access->count; i++)
    data[i] = (guint8) (i * 7 + 1);
  write_with (&fixture, BAR2, access->offset, data, access->count, VUC_ACCESS_ANY);
  expect_ways (&fixture, 1, 0, 0, 0);
  read_with (&fixture, BAR2, access->offset, back, access->count, VUC_ACCESS_ANY);
  ck_assert_mem_eq (back, data, access->count);
  expect_ways (&fixture, 1, 0, 0, 0);

  /* The device has it, too. */
  memset (back, 0, access->count);
  read_with (&fixture, BAR2, access->offset, back, access->count, VUC_ACCESS_NO_MAPPED);
  ck_assert_mem_eq (back, data, access->count);
  expect_ways (&fixture, 0, 0, 0, 1);
  finish (&fixture);
}

typedef struct
{
  const char *name;
  guint64 offset;
  gsize count;
  guint n_mapped, n_messages;
} Straddle;

static const Straddle straddles[] = {
  { "into an area", AREA - 2, 4, 1, 1 },
  { "out of an area", AREA_END - 4, 8, 1, 1 },
  { "over an area", AREA - 1, AREA_END - AREA + 2, 1, 2 },
  { "over both areas", 0, 0x10000, 2, 3 },
  { "beside an area", AREA - 4, 4, 0, 1 },
};

static void
what_straddles_an_area_is_split (gconstpointer row)
{
  const Straddle *straddle = row;
  g_autofree guint8 *data = g_malloc (straddle->count);
  g_autofree guint8 *back = g_malloc0 (straddle->count);
  Fixture fixture = start ();

  for (gsize i = 0; i < straddle->count; i++)
    data[i] = (guint8) (i * 5 + (i >> 8) + 1);
  write_with (&fixture, BAR2, straddle->offset, data, straddle->count, VUC_ACCESS_ANY);
  expect_ways (&fixture, straddle->n_mapped, 0, 0, straddle->n_messages);
  read_with (&fixture, BAR2, straddle->offset, back, straddle->count, VUC_ACCESS_MESSAGE_ONLY);
  ck_assert_mem_eq (back, data, straddle->count);

  memset (back, 0, straddle->count);
  vuc_device_get_access_counters (fixture.device, &fixture.before);
  read_with (&fixture, BAR2, straddle->offset, back, straddle->count, VUC_ACCESS_ANY);
  ck_assert_mem_eq (back, data, straddle->count);
  expect_ways (&fixture, straddle->n_mapped, 0, 0, straddle->n_messages);
  finish (&fixture);
}

static void
a_device_may_be_restricted_to_messages (void)
{
  g_autoptr (VucConfig) config = vuc_config_new ();
  guint32 value = 77;
  Fixture fixture;

  vuc_config_set_access_flags (config, VUC_ACCESS_MESSAGE_ONLY);
  fixture = start_with (config);
  ask_for_io_fds (&fixture);
  write_with (&fixture, BAR2, AREA, &value, sizeof value, VUC_ACCESS_ANY);
  write_with (&fixture, BAR0, DOORBELL, &value, sizeof value, VUC_ACCESS_ANY);
  expect_ways (&fixture, 0, 0, 0, 2);
  ck_assert_uint_eq (get_register (&fixture, KICKS_BY_MESSAGE), 1);
  finish (&fixture);
}

static void
a_lost_device_is_not_read (void)
{
  Fixture fixture = start ();
  guint32 value = 0;
  g_autoptr (GError) error = NULL;

  read_with (&fixture, BAR2, AREA, &value, sizeof value, VUC_ACCESS_ANY);
  vuc_device_close (fixture.device);
  ck_assert (!vuc_device_region_read (fixture.device, BAR2, AREA, &value, sizeof value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "closed");
  finish (&fixture);
}

/* ---- Doorbells ---- */

static void
a_doorbell_goes_by_message_until_it_is_known (void)
{
  Fixture fixture = start ();
  guint32 value = 5;

  write_with (&fixture, BAR0, DOORBELL, &value, sizeof value, VUC_ACCESS_ANY);
  expect_ways (&fixture, 0, 0, 0, 1);
  ck_assert_uint_eq (get_register (&fixture, KICKS_BY_MESSAGE), 1);
  expect_ways (&fixture, 0, 0, 0, 1);

  ask_for_io_fds (&fixture);
  write_with (&fixture, BAR0, DOORBELL, &value, sizeof value, VUC_ACCESS_ANY);
  expect_ways (&fixture, 0, 1, 0, 0);
  ck_assert_uint_eq (get_register (&fixture, KICKS_BY_MESSAGE), 1);
  ck_assert_uint_eq (get_register (&fixture, KICKS), 2);
  finish (&fixture);
}

static void
only_the_values_that_are_meant_kick (void)
{
  const guint32 values[] = { 1, 2, 2 };
  guint32 other = 3;
  Fixture fixture = start ();
  g_autoptr (GError) error = NULL;

  ask_for_io_fds (&fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    write_with (&fixture, BAR0, DOORBELL_1_OR_2, &values[i], sizeof values[i], VUC_ACCESS_ANY);
  expect_ways (&fixture, 0, 3, 0, 0);
  ck_assert_uint_eq (get_register (&fixture, 0x034), 1);
  ck_assert_uint_eq (get_register (&fixture, 0x038), 2);

  ck_assert (
    !vuc_device_region_write (fixture.device, BAR0, DOORBELL_1_OR_2, &other, sizeof other, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "REGION_WRITE");
  finish (&fixture);
}

static void
a_doorbell_of_any_size_takes_each_width (void)
{
  const gsize widths[] = { 1, 2, 4, 8 };
  const guint64 value = 9;
  Fixture fixture = start ();

  ask_for_io_fds (&fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (widths); i++)
    write_with (&fixture, BAR0, DOORBELL_ANY, &value, widths[i], VUC_ACCESS_ANY);
  expect_ways (&fixture, 0, 4, 0, 0);
  ck_assert_uint_eq (get_register (&fixture, 0x03c), 4);
  ck_assert_uint_eq (get_register (&fixture, KICKS_BY_MESSAGE), 0);
  finish (&fixture);
}

static void
a_shadow_is_stored_then_kicked (void)
{
  const guint32 value = 0x12345678;
  Fixture fixture = start ();

  ask_for_io_fds (&fixture);
  write_with (&fixture, BAR0, DOORBELL_SHADOW, &value, sizeof value, VUC_ACCESS_ANY);
  expect_ways (&fixture, 0, 0, 1, 0);
  ck_assert_uint_eq (get_register (&fixture, SHADOW_VALUE), value);
  ck_assert_uint_eq (get_register (&fixture, 0x040), 1);
  ck_assert_uint_eq (get_register (&fixture, KICKS_BY_MESSAGE), 0);
  finish (&fixture);
}

static void
a_doorbell_may_be_rung_by_message (void)
{
  const guint32 value = 1;
  Fixture fixture = start ();

  ask_for_io_fds (&fixture);
  write_with (&fixture, BAR0, DOORBELL, &value, sizeof value, VUC_ACCESS_NO_IOEVENTFD);
  write_with (&fixture, BAR0, DOORBELL_SHADOW, &value, sizeof value, VUC_ACCESS_MESSAGE_ONLY);
  expect_ways (&fixture, 0, 0, 0, 2);
  ck_assert_uint_eq (get_register (&fixture, KICKS_BY_MESSAGE), 2);
  finish (&fixture);
}

/* ---- ioregionfds ---- */

static const Access by_ioregion[] = {
  { "1", 1, IOREGION_A + 3 },
  { "2", 2, IOREGION_A + 6 },
  { "4", 4, IOREGION_A + 12 },
  { "8", 8, IOREGION_A + 16 },
  { "4, not aligned", 4, IOREGION_A + 1 },
  { "what shares the descriptor", 4, IOREGION_B + 8 },
  { "what is posted", 4, IOREGION_C + 8 },
};

static void
an_ioregionfd_is_read_and_written (gconstpointer row)
{
  const Access *access = row;
  const guint8 data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
  guint8 back[8] = { 0 };
  Fixture fixture = start ();

  ask_for_io_fds (&fixture);
  write_with (&fixture, BAR0, access->offset, data, access->count, VUC_ACCESS_ANY);
  read_with (&fixture, BAR0, access->offset, back, access->count, VUC_ACCESS_ANY);
  ck_assert_mem_eq (back, data, access->count);
  expect_ioregion (&fixture, 2, 0);

  memset (back, 0, sizeof back);
  read_with (&fixture, BAR0, access->offset, back, access->count, VUC_ACCESS_NO_IOREGIONFD);
  ck_assert_mem_eq (back, data, access->count);
  expect_ioregion (&fixture, 0, 1);
  ck_assert_uint_eq (get_register (&fixture, IOREGION_READS), 1);
  ck_assert_uint_eq (get_register (&fixture, IOREGION_WRITES), 1);
  finish (&fixture);
}

static void
what_straddles_ioregionfds_is_split (void)
{
  guint8 data[0xc0], back[0xc0] = { 0 };
  Fixture fixture = start ();

  ask_for_io_fds (&fixture);
  for (gsize i = 0; i < sizeof data; i++)
    data[i] = (guint8) (i + 1);
  write_with (&fixture, BAR0, IOREGION_A, data, sizeof data, VUC_ACCESS_ANY);
  expect_ioregion (&fixture, 24, 0);
  read_with (&fixture, BAR0, IOREGION_A, back, sizeof back, VUC_ACCESS_MESSAGE_ONLY);
  ck_assert_mem_eq (back, data, sizeof data);
  expect_ioregion (&fixture, 0, 1);

  /* 4 bytes before A by message, which read as zeros; then 3 of A as 2 and 1. */
  read_with (&fixture, BAR0, IOREGION_A - 4, back, 7, VUC_ACCESS_ANY);
  expect_ioregion (&fixture, 2, 1);
  ck_assert_mem_eq (back, ((guint8[]){ 0, 0, 0, 0, 1, 2, 3 }), 7);
  finish (&fixture);
}

static void
asynchronous_accesses_go_by_message_instead (void)
{
  guint32 value = 0;
  Fixture fixture = start ();
  g_autoptr (GError) error = NULL;
  VucOperation operation;

  ask_for_io_fds (&fixture);
  write_with (&fixture, BAR0, IOREGION_A, "abcd", 4, VUC_ACCESS_ANY);
  operation = vuc_device_region_read_async (fixture.device, BAR0, IOREGION_A, &value, 4, NULL, NULL,
                                            NULL);
  ck_assert (vuc_device_wait (fixture.device, operation, &error));
  assert_no_error (error);
  ck_assert_mem_eq (&value, "abcd", 4);
  expect_ioregion (&fixture, 1, 1);
  finish (&fixture);
}

/* The device wants guest memory before it responds, and this is the only thread. */
static void
a_device_that_asks_before_it_responds_is_answered (void)
{
  g_autoptr (Guest) guest = guest_new (GUEST_BY_CALLBACK, 0x10000, 0x2000);
  const guint64 address = 0x10008;
  guint64 value = 0;
  Fixture fixture = start ();

  guest_fill (guest, 1);
  ask_for_io_fds (&fixture);
  guest_map (guest, fixture.device);
  write_with (&fixture, BAR0, PING_ADDRESS, &address, sizeof address, VUC_ACCESS_ANY);
  read_with (&fixture, BAR0, IOREGION_A + 0x38, &value, sizeof value, VUC_ACCESS_ANY);
  ck_assert_mem_eq (&value, guest->memory + 8, sizeof value);
  ck_assert_uint_eq (guest->n_reads, 1);
  finish (&fixture);
}

/* ---- Another server ---- */

static void
all_ways_lead_to_the_new_device (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (GError) error = NULL;
  const guint32 kick = 5;
  guint32 value = 0;
  Fixture fixture = { .demo = demo };

  fixture.device = vuc_device_connect (demo_device_listen (demo), NULL, &error);
  assert_no_error (error);
  ask_for_io_fds (&fixture);
  write_with (&fixture, BAR2, AREA, "abcd", 4, VUC_ACCESS_ANY);
  write_with (&fixture, BAR0, IOREGION_A, "abcd", 4, VUC_ACCESS_ANY);
  write_with (&fixture, BAR0, DOORBELL_SHADOW, "abcd", 4, VUC_ACCESS_ANY);

  vuc_device_close (fixture.device);
  demo_device_stop (demo);
  demo_device_listen (demo);
  ck_assert (vuc_device_reconnect (fixture.device, &error));
  assert_no_error (error);
  vuc_device_get_access_counters (fixture.device, &fixture.before);

  read_with (&fixture, BAR2, AREA, &value, 4, VUC_ACCESS_ANY);
  ck_assert_uint_eq (value, 0xb2b20000 + AREA);
  expect_ways (&fixture, 1, 0, 0, 0);
  read_with (&fixture, BAR0, IOREGION_A, &value, 4, VUC_ACCESS_ANY);
  ck_assert_uint_eq (value, 0);
  expect_ioregion (&fixture, 1, 0);
  write_with (&fixture, BAR0, DOORBELL_SHADOW, "efgh", 4, VUC_ACCESS_ANY);
  write_with (&fixture, BAR0, DOORBELL, &kick, 4, VUC_ACCESS_ANY);
  expect_ways (&fixture, 0, 1, 1, 0);
  value = get_register (&fixture, SHADOW_VALUE);
  ck_assert_mem_eq (&value, "efgh", 4);
  ck_assert_uint_eq (get_register (&fixture, KICKS), 2);
  ck_assert_uint_eq (get_register (&fixture, KICKS_BY_MESSAGE), 0);

  vuc_device_unref (fixture.device);
  demo_device_stop (demo);
}

/* ---- Asynchronous ones ---- */

static void
asynchronous_accesses_take_the_same_ways (void)
{
  Fixture fixture = start ();
  g_autofree guint8 *data = g_malloc (0x10000);
  g_autofree guint8 *back = g_malloc0 (0x10000);
  const guint32 kick = 5;
  g_autoptr (GError) error = NULL;
  VucOperation operation;

  ask_for_io_fds (&fixture);
  for (gsize i = 0; i < 0x10000; i++)
    data[i] = (guint8) (i * 3 + (i >> 8));
  operation = vuc_device_region_write_async (fixture.device, BAR2, 0, data, 0x10000, NULL, NULL,
                                             NULL);
  ck_assert (vuc_device_wait (fixture.device, operation, &error));
  operation = vuc_device_region_write_async (fixture.device, BAR0, DOORBELL, &kick, 4, NULL, NULL,
                                             NULL);
  ck_assert (vuc_device_wait (fixture.device, operation, &error));
  operation = vuc_device_region_read_full_async (fixture.device, BAR2, 0, back, 0x10000,
                                                 VUC_ACCESS_ANY, NULL, NULL, NULL);
  ck_assert (vuc_device_wait (fixture.device, operation, &error));
  assert_no_error (error);
  ck_assert_mem_eq (back, data, 0x10000);
  expect_ways (&fixture, 4, 1, 0, 6);
  ck_assert_uint_eq (get_register (&fixture, KICKS_BY_MESSAGE), 0);
  finish (&fixture);
}

static void
one_that_is_complete_at_once_is_told_later (void)
{
  Fixture fixture = start ();
  g_autoptr (Outcome) outcome = outcome_new ();
  guint32 value = 0;
  VucOperation operation;

  read_with (&fixture, BAR2, AREA, &value, sizeof value, VUC_ACCESS_ANY);
  outcome_starting (outcome);
  operation = vuc_device_region_read_async (fixture.device, BAR2, AREA, &value, sizeof value,
                                            OUTCOME (outcome));
  outcome_started (outcome);
  outcome_expect_nothing (outcome);
  outcome_process (outcome, fixture.device);
  outcome_expect_success (outcome, operation);
  ck_assert_uint_eq (value, 0xb2b20000 + AREA);
  finish (&fixture);
}

static const HarnessCase cases[] = { HARNESS_ROWS (an_area_is_loaded_and_stored, inside),
                                     HARNESS_ROWS (what_straddles_an_area_is_split, straddles),
                                     HARNESS_CASE (a_device_may_be_restricted_to_messages),
                                     HARNESS_CASE (a_lost_device_is_not_read),
                                     HARNESS_CASE (a_doorbell_goes_by_message_until_it_is_known),
                                     HARNESS_CASE (only_the_values_that_are_meant_kick),
                                     HARNESS_CASE (a_doorbell_of_any_size_takes_each_width),
                                     HARNESS_CASE (a_shadow_is_stored_then_kicked),
                                     HARNESS_CASE (a_doorbell_may_be_rung_by_message),
                                     HARNESS_ROWS (an_ioregionfd_is_read_and_written, by_ioregion),
                                     HARNESS_CASE (what_straddles_ioregionfds_is_split),
                                     HARNESS_CASE (asynchronous_accesses_go_by_message_instead),
                                     HARNESS_CASE (
                                       a_device_that_asks_before_it_responds_is_answered),
                                     HARNESS_CASE (all_ways_lead_to_the_new_device),
                                     HARNESS_CASE (asynchronous_accesses_take_the_same_ways),
                                     HARNESS_CASE (one_that_is_complete_at_once_is_told_later),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "ways", cases);
}
