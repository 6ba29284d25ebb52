/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What becomes of guest memory when things are cut short: a command that is cancelled before the
 * server has heard of it, a connection that is made anew meanwhile, a server that falls silent.
 */

#include <string.h>

#include "conversation/connect.h"
#include "conversation/dma-memory.h"
#include "conversation/outcome.h"
#include "harness/descriptors.h"
#include "harness/harness.h"
#include "harness/script-device.h"

static guint8 memory[2][4096];

#define MAP_OF(address) "u32:32 | u32:3 | u64:0 | u64:" #address " | u64:0x1000"
#define UNMAP_OF(address) "u32:24 | u32:0 | u64:" #address " | u64:0x1000"

static const VucDmaRegion regions[] = {
  { .iova = 0x1000, .size = 0x1000, .flags = 3, .fd = -1, .vaddr = memory[0] },
  { .iova = 0x2000, .size = 0x1000, .flags = 3, .fd = -1, .vaddr = memory[1] },
};

static void
map_or_fail (VucDevice *device, guint i)
{
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_dma_map (device, &regions[i], &error));
  assert_no_error (error);
}

static void
unmap_or_fail (VucDevice *device, guint i)
{
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_dma_unmap (device, regions[i].iova, regions[i].size, &error));
  assert_no_error (error);
}

static void
expect_no_unmap (VucDevice *device, guint i, VucError code, const char *text)
{
  g_autoptr(GError) error = NULL;

  ck_assert (!vuc_device_dma_unmap (device, regions[i].iova, regions[i].size, &error));
  assert_error (error, VUC_ERROR, code, text);
}

static void
script_answered (ScriptServer *server, guint16 command, const char *payload)
{
  script_expect_command (server, command, payload);
  script_reply (server, "");
}

/* ---- Cancelled before it was sent: without a twin socket one command is under way at a time ---- */

static void
an_unmapping_that_was_never_sent_leaves_the_region_there (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) read = outcome_new ();
  g_autoptr(Outcome) unmapping = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  char data[4];

  script_handshake (server, &script_pci_device);
  script_answered (server, 2, MAP_OF (0x1000));
  script_expect_command (server, 9, NULL);
  script_wait_for_sign (server);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  script_answered (server, 3, UNMAP_OF (0x1000));
  device = connect_to (script_server_start (server));
  map_or_fail (device, 0);

  vuc_device_region_read_async (device, 7, 0, data, sizeof data, OUTCOME (read));
  operation = vuc_device_dma_unmap_async (device, 0x1000, 0x1000, OUTCOME (unmapping));
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (unmapping, device);
  outcome_expect_error (unmapping, operation, VUC_ERROR_CANCELLED, "DMA_UNMAP");
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 1);

  script_server_give_sign (server);
  outcome_process (read, device);
  unmap_or_fail (device, 0);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  close_and_finish (device, server);
}

static void
a_mapping_that_was_never_sent_is_forgotten (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) read = outcome_new ();
  g_autoptr(Outcome) mapping = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;
  char data[4];

  script_handshake (server, &script_pci_device);
  script_answered (server, 2, MAP_OF (0x1000));
  script_expect_command (server, 9, NULL);
  script_wait_for_sign (server);
  script_reply (server, "u64:0 u32:7 u32:4 'here'");
  script_answered (server, 2, MAP_OF (0x2000));
  device = connect_to (script_server_start (server));
  map_or_fail (device, 0);

  vuc_device_region_read_async (device, 7, 0, data, sizeof data, OUTCOME (read));
  operation = vuc_device_dma_map_async (device, &regions[1], OUTCOME (mapping));
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (mapping, device);
  outcome_expect_error (mapping, operation, VUC_ERROR_CANCELLED, "DMA_MAP");
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 1);

  script_server_give_sign (server);
  outcome_process (read, device);
  map_or_fail (device, 1);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 2);
  close_and_finish (device, server);
}

/* ---- While it is connected again ---- */

static void
count_mappings (const VucMessageEvent *event, gpointer n)
{
  if (event->direction == VUC_MESSAGE_SENT && strstr (event->text, "DMA_MAP") != NULL)
    ++*(guint *) n;
}

static void
process_until_mapped (VucDevice *device, const guint *n_mappings, guint n)
{
  while (*n_mappings < n)
    {
      ck_assert (wait_for_work (device, PATIENCE_MS));
      vuc_device_process (device);
    }
}

static void
nothing_is_unmapped_while_it_is_restored (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  guint n_mappings = 0;
  VucOperation operation;

  vuc_config_set_message_func (config, count_mappings, &n_mappings, NULL);
  script_handshake (server, &script_pci_device);
  script_answered (server, 2, MAP_OF (0x1000));
  script_loss (server);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 2, MAP_OF (0x1000));
  script_wait_for_sign (server);
  script_reply (server, "");
  script_answered (server, 3, UNMAP_OF (0x1000));
  device = connect_to_path (script_server_listen (server), config);
  map_or_fail (device, 0);
  lose (device);

  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  process_until_mapped (device, &n_mappings, 2);
  expect_no_unmap (device, 0, VUC_ERROR_DISCONNECTED, "being connected again");
  ck_assert (!vuc_device_dma_unmap_all (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "being connected again");
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 1);

  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, operation);
  unmap_or_fail (device, 0);
  close_and_finish (device, server);
}

/* An attempt that has failed has nothing to say of the one that is under way. */
static void
the_outcome_of_an_older_attempt_does_not_let_unmap (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  guint n_mappings = 0;
  VucOperation first, second;

  vuc_config_set_message_func (config, count_mappings, &n_mappings, NULL);
  script_handshake (server, &script_pci_device);
  script_answered (server, 2, MAP_OF (0x1000));
  script_loss (server);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 2, MAP_OF (0x1000));
  script_reply_error (server, 12);
  script_expect_eof (server);
  script_close (server);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 2, MAP_OF (0x1000));
  script_wait_for_sign (server);
  script_reply (server, "");
  script_answered (server, 3, UNMAP_OF (0x1000));
  device = connect_to_path (script_server_listen (server), config);
  map_or_fail (device, 0);
  lose (device);

  first = vuc_device_reconnect_async (device, NULL, NULL, NULL);
  process_until_mapped (device, &n_mappings, 2);
  while (vuc_device_get_state (device) != VUC_DEVICE_LOST)
    {
      ck_assert (wait_for_work (device, PATIENCE_MS));
      vuc_device_process (device);
    }
  second = vuc_device_reconnect_async (device, OUTCOME (outcome));
  process_until_mapped (device, &n_mappings, 3);
  ck_assert (!vuc_device_wait (device, first, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "restoring the DMA region at 0x1000");
  expect_no_unmap (device, 0, VUC_ERROR_DISCONNECTED, "being connected again");

  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_success (outcome, second);
  unmap_or_fail (device, 0);
  close_and_finish (device, server);
}

/* ---- Many that are mapped at once, and are not all of them ---- */

/* So many commands are sent before any is looked at. */
#define LOT 256

/* A lot and one more: pages that lie side by side. */
static VucOperation
map_a_lot_and_one (VucDevice *device, Outcome *outcome)
{
  VucDmaRegion many[LOT + 1];

  for (guint i = 0; i <= LOT; i++)
    {
      many[i] = regions[0];
      many[i].iova = 0x1000 * (guint64) (i + 1);
    }
  return vuc_device_dma_map_many_async (device, many, LOT + 1, OUTCOME (outcome));
}

static void
script_many (ScriptServer *server, guint n, guint16 command)
{
  for (guint i = 0; i < n; i++)
    script_answered (server, command, NULL);
}

static void
expect_overlap (VucDevice *device, guint i)
{
  g_autoptr(GError) error = NULL;

  ck_assert (!vuc_device_dma_map (device, &regions[i], &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "which the server may still have");
}

/* The server has said yes to the first of them. */
static void
what_was_mapped_before_the_others_were_given_up_has_to_be_unmapped (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  guint n_mappings = 0;
  VucOperation operation;

  vuc_config_set_message_func (config, count_mappings, &n_mappings, NULL);
  script_handshake (server, &script_pci_device);
  script_many (server, LOT, 2);
  script_expect_command (server, 2, "u32:32 u32:3 u64:0 u64:0x101000 u64:0x1000");
  script_wait_for_sign (server);
  script_reply (server, "");
  script_many (server, LOT + 1, 3);
  device = connect_with (script_server_start (server), config);
  operation = map_a_lot_and_one (device, outcome);
  process_until_mapped (device, &n_mappings, LOT + 1);
  ck_assert (vuc_device_cancel (device, operation));
  script_server_give_sign (server);
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "DMA_MAP");

  ck_assert_uint_eq (vuc_device_dma_get_count (device), LOT + 1);
  expect_overlap (device, 0);
  expect_overlap (device, 1);
  vuc_device_dma_unmap_all (device, &error);
  assert_no_error (error);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  close_and_finish (device, server);
}

static void
count_unmappings (const VucMessageEvent *event, gpointer n)
{
  if (event->direction == VUC_MESSAGE_SENT && strstr (event->text, "DMA_UNMAP") != NULL)
    ++*(guint *) n;
}

/* Until the server has said that it let go, which it may do late. */
static void
what_was_being_taken_back_is_not_free_before_the_reply (void)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  guint n_unmappings = 0;
  VucOperation operation;

  vuc_config_set_message_func (config, count_unmappings, &n_unmappings, NULL);
  script_handshake (server, &script_pci_device);
  script_answered (server, 2, MAP_OF (0x1000));
  script_expect_command (server, 2, MAP_OF (0x2000));
  script_reply_error (server, 12);
  script_expect_command (server, 3, UNMAP_OF (0x1000));
  script_wait_for_sign (server);
  script_reply (server, "");
  script_sign_of_life (server);
  script_answered (server, 2, MAP_OF (0x1000));
  device = connect_with (script_server_start (server), config);

  operation = vuc_device_dma_map_many_async (device, regions, 2, OUTCOME (outcome));
  process_until_mapped (device, &n_unmappings, 1);
  ck_assert (vuc_device_cancel (device, operation));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_CANCELLED, "DMA_UNMAP");
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 1);
  expect_overlap (device, 0);

  script_server_give_sign (server);
  expect_sign_of_life (device);
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  map_or_fail (device, 0);
  close_and_finish (device, server);
}

/* ---- What cannot be shared ---- */

static void
without_a_descriptor_left_memory_is_not_shared (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  VucDmaRegion region;
  struct rlimit before;
  DmaMemory ram;

  script_handshake (server, &script_pci_device);
  script_answered (server, 2, MAP_OF (0x1000)); /* of the one without a descriptor */
  device = connect_to (script_server_start (server));
  dma_memory_init (&ram, 0x1000);
  region = dma_memory_shared (&ram, 0x1000, DMA_BOTH);
  before = descriptors_use_up ();
  ck_assert (!vuc_device_dma_map (device, &region, &error));
  descriptors_allow (&before);
  assert_error (error, VUC_ERROR, VUC_ERROR_LIMIT, "duplicating descriptor");
  ck_assert_uint_eq (vuc_device_dma_get_count (device), 0);
  map_or_fail (device, 0);
  close_and_finish (device, server);
  dma_memory_clear (&ram);
}

/* ---- A server that falls silent ---- */

/* The deadline of a reset, by default none, is the reset's alone. */
static void
a_server_that_falls_silent_after_its_reset_is_given_up (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  vuc_config_set_reset_on_reconnect (config, TRUE);
  script_handshake (server, &script_pci_device);
  script_answered (server, 2, MAP_OF (0x1000));
  script_loss (server);
  script_handshake (server, &script_pci_device);
  script_answered (server, 13, "");
  script_expect_command (server, 2, MAP_OF (0x1000));
  script_expect_eof (server);
  device = connect_to_path (script_server_listen (server), config);
  map_or_fail (device, 0);
  lose (device);
  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "DMA_MAP");
  close_and_finish (device, server);
}

static void
a_server_that_falls_silent_after_its_reset_is_given_up_by_the_loop (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(Outcome) outcome = outcome_new ();
  g_autoptr(VucDevice) device = NULL;
  VucOperation operation;

  vuc_config_set_reset_on_reconnect (config, TRUE);
  script_handshake (server, &script_pci_device);
  script_answered (server, 2, MAP_OF (0x1000));
  script_loss (server);
  script_handshake (server, &script_pci_device);
  script_answered (server, 13, "");
  script_expect_command (server, 2, MAP_OF (0x1000));
  script_expect_eof (server);
  device = connect_to_path (script_server_listen (server), config);
  map_or_fail (device, 0);
  lose (device);
  operation = vuc_device_reconnect_async (device, OUTCOME (outcome));
  outcome_process (outcome, device);
  outcome_expect_error (outcome, operation, VUC_ERROR_TIMED_OUT, "DMA_MAP");
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (an_unmapping_that_was_never_sent_leaves_the_region_there),
  HARNESS_CASE (a_mapping_that_was_never_sent_is_forgotten),
  HARNESS_CASE (nothing_is_unmapped_while_it_is_restored),
  HARNESS_CASE (the_outcome_of_an_older_attempt_does_not_let_unmap),
  HARNESS_CASE (what_was_mapped_before_the_others_were_given_up_has_to_be_unmapped),
  HARNESS_CASE (what_was_being_taken_back_is_not_free_before_the_reply),
  HARNESS_CASE (without_a_descriptor_left_memory_is_not_shared),
  HARNESS_CASE (a_server_that_falls_silent_after_its_reset_is_given_up),
  HARNESS_CASE (a_server_that_falls_silent_after_its_reset_is_given_up_by_the_loop),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "dma-fates", cases);
}
