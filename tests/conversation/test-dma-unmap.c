/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What becomes of guest memory when the server refuses, does not answer in time, answers late, or is
 * lost: what is served, which addresses are taken, and what frees them.
 */

#include <errno.h>
#include <sys/mman.h>

#include "conversation/connect.h"
#include "conversation/dma-memory.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define IOVA 0x100000
#define SIZE 4096

/* A DMA_READ of the server, of 4 bytes at IOVA, and two answers. */
#define READ    "u16:77 u16:11 u32:32 u32:0 u32:0 | u64:0x100000 u64:4"
#define DATA    "u16:77 u16:11 u32:36 u32:1 u32:0 | u64:0x100000 u64:4 | 00 07 0e 15"
#define NO_DATA "u16:77 u16:11 u32:16 u32:0x21 u32:14"

typedef struct
{
  ScriptServer *server;
  VucDevice *device;
  DmaMemory ram;
  VucDmaRegion region;
  gboolean counts; /* set before connecting: how many messages were sent */
  guint n_sent;
} Fixture;

static void
fixture_init (Fixture *it)
{
  *it = (Fixture){ .server = script_server_new () };
  dma_memory_init (&it->ram, SIZE);
  it->region = dma_memory_region (&it->ram, IOVA, DMA_BOTH);
  script_handshake (it->server, &script_pci_device);
}

static void
fixture_connect (Fixture *it, guint timeout_ms, guint long_timeout_ms, gboolean pipelined)
{
  g_autoptr (VucConfig) config = config_with_timeout (timeout_ms);

  vuc_config_set_long_timeout_ms (config, long_timeout_ms);
  vuc_config_set_pipeline_dma (config, pipelined);
  if (it->counts)
    vuc_config_set_message_func (config, count_sent, &it->n_sent, NULL);
  it->device = connect_with (script_server_start (it->server), config);
}

static void
fixture_clear (Fixture *it)
{
  close_and_finish (it->device, it->server);
  vuc_device_unref (it->device);
  script_server_free (it->server);
  dma_memory_clear (&it->ram);
}

/* A read of the client's, within which the server reads, too. */
static void
script_dma_read (ScriptServer *server, const char *answer)
{
  script_expect_command (server, 9, "u64:0 | u32:7 | u32:4");
  script_send (server, READ);
  script_expect (server, answer);
  script_reply (server, "u64:0 | u32:7 | u32:4 | 'here'");
}

/* Nobody touches the memory: it may go. */
static void
hide_memory (Fixture *it)
{
  ck_assert_int_eq (mprotect (it->ram.bytes, SIZE, PROT_NONE), 0);
}

static void
expect_no_unmap (Fixture *it, VucError code, const char *text)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!vuc_device_dma_unmap (it->device, IOVA, SIZE, &error));
  assert_error (error, VUC_ERROR, code, text);
  if (code != VUC_ERROR_INVALID_ARGUMENT)
    assert_contains (error->message, "the server may still have the memory");
}

static void
expect_no_map (Fixture *it, VucError code, const char *text)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!vuc_device_dma_map (it->device, &it->region, &error));
  assert_error (error, VUC_ERROR, code, text);
}

static void
expect_count (Fixture *it, guint n)
{
  ck_assert_uint_eq (vuc_device_dma_get_count (it->device), n);
}

/* --- Refused --- */

static void
a_mapping_that_is_refused_leaves_nothing (void)
{
  Fixture it;

  fixture_init (&it);
  script_expect_dma_map (it.server, IOVA, SIZE, 3);
  script_reply_error (it.server, EEXIST);
  script_dma_read (it.server, NO_DATA);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_dma_read (it.server, DATA);
  fixture_connect (&it, PATIENCE_MS, 0, FALSE);
  expect_no_map (&it, VUC_ERROR_REMOTE, "the server refused DMA_MAP");
  expect_count (&it, 0);
  expect_sign_of_life (it.device);
  dma_map_or_fail (it.device, &it.region);
  expect_sign_of_life (it.device);
  fixture_clear (&it);
}

static void
an_unmapping_that_is_refused_can_be_repeated (void)
{
  Fixture it;

  fixture_init (&it);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_expect_dma_unmap (it.server, IOVA, SIZE);
  script_reply_error (it.server, EBUSY);
  script_dma_read (it.server, NO_DATA);
  script_expect_dma_unmap (it.server, IOVA, SIZE);
  script_send (it.server, READ); /* not even now */
  script_expect (it.server, NO_DATA);
  script_reply_error (it.server, EBUSY);
  script_dma_unmap (it.server, IOVA, SIZE);
  script_dma_map (it.server, IOVA, SIZE, 3);
  fixture_connect (&it, PATIENCE_MS, 0, FALSE);
  dma_map_or_fail (it.device, &it.region);
  expect_no_unmap (&it, VUC_ERROR_REMOTE, "the server refused DMA_UNMAP");
  hide_memory (&it);
  expect_count (&it, 1);
  expect_no_map (&it, VUC_ERROR_INVALID_ARGUMENT, "which the server may still have");
  expect_sign_of_life (it.device);
  expect_no_unmap (&it, VUC_ERROR_REMOTE, "the server refused DMA_UNMAP");
  dma_unmap_or_fail (it.device, &it.region);
  expect_count (&it, 0);
  dma_map_or_fail (it.device, &it.region);
  fixture_clear (&it);
}

static void
unmap_all_goes_on_after_an_error (void)
{
  g_autoptr (GError) error = NULL;
  VucDmaRegion other;
  Fixture it;

  fixture_init (&it);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_dma_map (it.server, IOVA + SIZE, SIZE, 3);
  script_expect_dma_unmap (it.server, IOVA + SIZE, SIZE);
  script_reply_error (it.server, EBUSY);
  script_dma_unmap (it.server, IOVA, SIZE);
  fixture_connect (&it, PATIENCE_MS, 0, FALSE);
  other = it.region;
  other.iova += SIZE;
  dma_map_or_fail (it.device, &it.region);
  dma_map_or_fail (it.device, &other);
  ck_assert (!vuc_device_dma_unmap_all (it.device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "the server refused DMA_UNMAP");
  expect_count (&it, 1);
  fixture_clear (&it);
}

static void
unmap_all_says_if_something_is_being_mapped_just_now (void)
{
  g_autoptr (Outcome) outcome = outcome_new ();
  g_autoptr (GError) error = NULL;
  VucOperation operation;
  Fixture it;

  fixture_init (&it);
  script_expect_dma_map (it.server, IOVA, SIZE, 3);
  script_wait_for_sign (it.server);
  script_reply (it.server, "");
  fixture_connect (&it, PATIENCE_MS, 0, FALSE);
  operation = vuc_device_dma_map_async (it.device, &it.region, OUTCOME (outcome));
  ck_assert (!vuc_device_dma_unmap_all (it.device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "being mapped just now");
  script_server_give_sign (it.server);
  outcome_process (outcome, it.device);
  outcome_expect_success (outcome, operation);
  expect_count (&it, 1);
  fixture_clear (&it);
}

/* --- Late --- */

static void
memory_is_served_until_the_reply (void)
{
  Fixture it;

  fixture_init (&it);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_expect_dma_unmap (it.server, IOVA, SIZE);
  script_send (it.server, READ);
  script_expect (it.server, DATA);
  script_reply (it.server, "");
  script_dma_read (it.server, NO_DATA);
  fixture_connect (&it, PATIENCE_MS, 0, FALSE);
  dma_map_or_fail (it.device, &it.region);
  dma_unmap_or_fail (it.device, &it.region);
  hide_memory (&it);
  expect_sign_of_life (it.device);
  fixture_clear (&it);
}

typedef struct
{
  const char *name;
  const char *reply; /* the late one */
  guint n_left;
} LateRow;

static const LateRow late_replies[] = {
  { "that it is done", "id u16:3 u32:16 u32:1 u32:0", 0 },
  { "that it is done, at length",
    "id u16:3 u32:40 u32:1 u32:0 | u32:24 u32:0 u64:0x100000 u64:4096", 0 },
  { "that it is not", "id u16:3 u32:16 u32:0x21 u32:16", 1 },
};

static void
the_late_reply_tells (gconstpointer data)
{
  const LateRow *row = data;
  Fixture it;

  fixture_init (&it);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_expect_dma_unmap (it.server, IOVA, SIZE);
  script_wait_for_sign (it.server);
  script_send (it.server, READ);
  script_expect (it.server, NO_DATA);
  script_send (it.server, row->reply);
  script_sign_of_life (it.server);
  if (row->n_left > 0)
    script_dma_unmap (it.server, IOVA, SIZE);
  script_dma_map (it.server, IOVA, SIZE, 3);
  fixture_connect (&it, PATIENCE_MS, patient_deadline_ms (), FALSE);
  dma_map_or_fail (it.device, &it.region);
  expect_no_unmap (&it, VUC_ERROR_TIMED_OUT, "DMA_UNMAP: the server did not reply in time");
  hide_memory (&it);
  expect_count (&it, 1);
  expect_no_map (&it, VUC_ERROR_INVALID_ARGUMENT, "which the server may still have");
  script_server_give_sign (it.server);
  expect_sign_of_life (it.device); /* one command at a time: behind the late reply */
  expect_count (&it, row->n_left);
  if (row->n_left > 0)
    dma_unmap_or_fail (it.device, &it.region);
  dma_map_or_fail (it.device, &it.region);
  fixture_clear (&it);
}

/* And the late reply, which comes after all, is no reply to the second one. */
static void
an_unmapping_that_was_not_answered_can_be_repeated (void)
{
  Fixture it;

  fixture_init (&it);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_expect_dma_unmap (it.server, IOVA, SIZE);
  script_expect_dma_unmap (it.server, IOVA, SIZE);
  script_reply_to (it.server, 0, "");
  script_reply_to (it.server, 1, "");
  script_sign_of_life (it.server);
  fixture_connect (&it, PATIENCE_MS, patient_deadline_ms (), TRUE);
  dma_map_or_fail (it.device, &it.region);
  expect_no_unmap (&it, VUC_ERROR_TIMED_OUT, "did not reply in time");
  dma_unmap_or_fail (it.device, &it.region);
  expect_count (&it, 0);
  expect_sign_of_life (it.device);
  expect_count (&it, 0);
  fixture_clear (&it);
}

static void
a_mapping_that_was_not_answered_has_to_be_unmapped (void)
{
  Fixture it;

  fixture_init (&it);
  script_expect_dma_map (it.server, IOVA, SIZE, 3);
  script_wait_for_sign (it.server);
  script_reply (it.server, "");
  script_dma_read (it.server, NO_DATA);
  script_dma_unmap (it.server, IOVA, SIZE);
  fixture_connect (&it, patient_deadline_ms (), 0, FALSE);
  expect_no_map (&it, VUC_ERROR_TIMED_OUT, "DMA_MAP: the server did not reply in time");
  hide_memory (&it);
  expect_count (&it, 1);
  script_server_give_sign (it.server);
  expect_sign_of_life (it.device);
  expect_count (&it, 1);
  dma_unmap_or_fail (it.device, &it.region);
  expect_count (&it, 0);
  fixture_clear (&it);
}

/* --- Cancelled --- */

static void
what_is_cancelled_is_fenced (void)
{
  g_autoptr (Outcome) map = outcome_new ();
  g_autoptr (Outcome) unmap = outcome_new ();
  VucOperation operation;
  guint n_before;
  Fixture it;

  fixture_init (&it);
  script_expect_dma_map (it.server, IOVA, SIZE, 3);
  script_reply (it.server, "");
  script_expect_dma_unmap (it.server, IOVA, SIZE);
  script_wait_for_sign (it.server);
  script_send (it.server, READ);
  script_expect (it.server, NO_DATA);
  script_reply (it.server, "");
  script_sign_of_life (it.server);
  it.counts = TRUE;
  fixture_connect (&it, PATIENCE_MS, 0, FALSE);
  n_before = it.n_sent;
  operation = vuc_device_dma_map_async (it.device, &it.region, OUTCOME (map));
  ck_assert (vuc_device_cancel (it.device, operation));
  outcome_process (map, it.device);
  outcome_expect_error (map, operation, VUC_ERROR_CANCELLED, "DMA_MAP: cancelled");
  expect_count (&it, 1);
  operation = vuc_device_dma_unmap_async (it.device, IOVA, SIZE, OUTCOME (unmap));
  process_until_sent (it.device, &it.n_sent, n_before + 2);
  ck_assert (vuc_device_cancel (it.device, operation));
  outcome_process (unmap, it.device);
  outcome_expect_error (unmap, operation, VUC_ERROR_CANCELLED, "the server may still have");
  hide_memory (&it);
  expect_count (&it, 1);
  script_server_give_sign (it.server);
  expect_sign_of_life (it.device);
  expect_count (&it, 0);
  fixture_clear (&it);
}

/* --- What was never sent: another command is under way, and only one may be --- */

static void
a_mapping_that_was_never_sent_leaves_nothing (void)
{
  g_autoptr (Outcome) outcome = outcome_new ();
  VucOperation operation;
  Fixture it;

  fixture_init (&it);
  script_expect_command (it.server, 13, "");
  script_wait_for_sign (it.server);
  script_reply (it.server, "");
  script_dma_map (it.server, IOVA, SIZE, 3);
  fixture_connect (&it, patient_deadline_ms (), 0, FALSE);
  operation = vuc_device_reset_async (it.device, OUTCOME (outcome));
  expect_no_map (&it, VUC_ERROR_TIMED_OUT, "DMA_MAP: the server did not take the command in time");
  expect_count (&it, 0);
  script_server_give_sign (it.server);
  outcome_process (outcome, it.device);
  outcome_expect_success (outcome, operation);
  dma_map_or_fail (it.device, &it.region);
  fixture_clear (&it);
}

static void
an_unmapping_that_was_never_sent_frees_nothing (void)
{
  g_autoptr (Outcome) reset = outcome_new ();
  g_autoptr (Outcome) unmap = outcome_new ();
  VucOperation operations[2];
  Fixture it;

  fixture_init (&it);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_expect_command (it.server, 13, "");
  script_wait_for_sign (it.server);
  script_reply (it.server, "");
  script_dma_unmap (it.server, IOVA, SIZE);
  fixture_connect (&it, PATIENCE_MS, 0, FALSE);
  dma_map_or_fail (it.device, &it.region);
  operations[0] = vuc_device_reset_async (it.device, OUTCOME (reset));
  operations[1] = vuc_device_dma_unmap_async (it.device, IOVA, SIZE, OUTCOME (unmap));
  ck_assert (vuc_device_cancel (it.device, operations[1]));
  script_server_give_sign (it.server);
  outcome_process (reset, it.device);
  outcome_process (unmap, it.device);
  outcome_expect_success (reset, operations[0]);
  outcome_expect_error (unmap, operations[1], VUC_ERROR_CANCELLED, "the server may still have");
  expect_count (&it, 1);
  dma_unmap_or_fail (it.device, &it.region);
  expect_count (&it, 0);
  fixture_clear (&it);
}

/* --- Lost --- */

static void
of_a_lost_device_memory_is_simply_forgotten (void)
{
  g_autoptr (GError) error = NULL;
  VucDmaRegion other;
  char data[4];
  Fixture it;

  fixture_init (&it);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_dma_map (it.server, IOVA + SIZE, SIZE, 3);
  script_expect_command (it.server, 9, NULL);
  script_close (it.server);
  fixture_connect (&it, PATIENCE_MS, 0, FALSE);
  other = it.region;
  other.iova += SIZE;
  dma_map_or_fail (it.device, &it.region);
  dma_map_or_fail (it.device, &other);
  ck_assert (!vuc_device_region_read (it.device, 7, 0, data, 4, NULL));
  expect_count (&it, 2);
  dma_unmap_or_fail (it.device, &it.region);
  expect_count (&it, 1);
  ck_assert (vuc_device_dma_unmap_all (it.device, &error));
  expect_count (&it, 0);
  expect_no_map (&it, VUC_ERROR_DISCONNECTED, "the server closed the connection");
  expect_count (&it, 0);
  fixture_clear (&it);
}

static void
an_unmapping_that_is_under_way_when_the_device_is_lost_succeeds (void)
{
  Fixture it;

  fixture_init (&it);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_expect_dma_unmap (it.server, IOVA, SIZE);
  script_close (it.server);
  fixture_connect (&it, PATIENCE_MS, 0, FALSE);
  dma_map_or_fail (it.device, &it.region);
  dma_unmap_or_fail (it.device, &it.region);
  expect_count (&it, 0);
  fixture_clear (&it);
}

static void
what_was_fenced_is_free_when_the_device_is_lost (void)
{
  char data[4];
  Fixture it;

  fixture_init (&it);
  script_dma_map (it.server, IOVA, SIZE, 3);
  script_expect_dma_unmap (it.server, IOVA, SIZE);
  script_wait_for_sign (it.server);
  script_close (it.server);
  fixture_connect (&it, PATIENCE_MS, short_deadline_ms (), TRUE);
  dma_map_or_fail (it.device, &it.region);
  expect_no_unmap (&it, VUC_ERROR_TIMED_OUT, "did not reply in time");
  expect_count (&it, 1);
  script_server_give_sign (it.server);
  ck_assert (!vuc_device_region_read (it.device, 7, 0, data, 4, NULL));
  expect_count (&it, 0);
  fixture_clear (&it);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_mapping_that_is_refused_leaves_nothing),
  HARNESS_CASE (an_unmapping_that_is_refused_can_be_repeated),
  HARNESS_CASE (unmap_all_goes_on_after_an_error),
  HARNESS_CASE (unmap_all_says_if_something_is_being_mapped_just_now),
  HARNESS_CASE (memory_is_served_until_the_reply),
  HARNESS_ROWS (the_late_reply_tells, late_replies),
  HARNESS_CASE (an_unmapping_that_was_not_answered_can_be_repeated),
  HARNESS_CASE (a_mapping_that_was_not_answered_has_to_be_unmapped),
  HARNESS_CASE (what_is_cancelled_is_fenced),
  HARNESS_CASE (a_mapping_that_was_never_sent_leaves_nothing),
  HARNESS_CASE (an_unmapping_that_was_never_sent_frees_nothing),
  HARNESS_CASE (of_a_lost_device_memory_is_simply_forgotten),
  HARNESS_CASE (an_unmapping_that_is_under_way_when_the_device_is_lost_succeeds),
  HARNESS_CASE (what_was_fenced_is_free_when_the_device_is_lost),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "dma-unmap", cases);
}
