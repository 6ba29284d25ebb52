/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Conversations with a device that was made with libvfio-user: that what we say is understood, and
 * what it says, by people who have not read each other's code.
 */

#include "harness/harness.h"

#include <errno.h>
#include <string.h>
#include <vfio-user-client/vfio-user-client.h>

#include "conversation/connect.h"
#include "conversation/guest.h"
#include "interop/device.h"
#include "interop/fixture.h"

/* A server that took what we want for its own, or the reverse, would find nothing here. */
#define GUEST_ADDRESS G_GUINT64_CONSTANT (0x123400000000)

/* Each half takes several messages, the last of them short. */
#define GUEST_SIZE (2 * ((4 << 20) + 0x3000))

/* Returns what the device says became of it. */
static int
copy (VucDevice *device, guint64 from, guint64 to, guint64 length, guint64 command)
{
  write_register (device, INTEROP_SOURCE, from);
  write_register (device, INTEROP_DESTINATION, to);
  write_register (device, INTEROP_LENGTH, length);
  write_register (device, INTEROP_COPY, command);
  return (int) read_register (device, INTEROP_STATUS);
}

static void
copy_exactly (VucDevice *device, Guest *guest, guint64 command, guint64 seed)
{
  guint64 half = guest->size / 2;

  guest_fill (guest, seed);
  ck_assert_int_eq (copy (device, guest->region.iova, guest->region.iova + half, half, command), 0);
  guest_expect_copy (guest, seed);
}

/* --- Information and accesses --- */

static void
what_the_device_has_is_understood (void)
{
  Fixture fixture;
  const VucDeviceInfo *info;
  const VucRegionInfo *memory, *registers;

  SET_UP (&fixture, TRUE, NULL);
  info = vuc_device_get_info (fixture.device);
  memory = vuc_device_get_region_info (fixture.device, VUC_PCI_BAR2_REGION);
  registers = vuc_device_get_region_info (fixture.device, VUC_PCI_BAR0_REGION);

  ck_assert_uint_eq (info->flags, VUC_DEVICE_RESET | VUC_DEVICE_PCI);
  ck_assert_uint_ge (info->num_regions, VUC_PCI_NUM_REGIONS);
  ck_assert_uint_eq (info->num_irqs, VUC_PCI_NUM_IRQS);
  ck_assert (info->twin_socket);
  ck_assert_uint_eq (info->max_msg_fds, 8);
  ck_assert_uint_eq (info->max_data_xfer_size, 1 << 20);
  ck_assert (info->pgsizes & 4096);

  ck_assert_uint_eq (registers->size, INTEROP_REGISTERS_SIZE);
  ck_assert_uint_eq (registers->flags, VUC_REGION_READ | VUC_REGION_WRITE);
  ck_assert_uint_eq (memory->size, INTEROP_MEMORY_SIZE);
  ck_assert_uint_eq (memory->flags, VUC_REGION_READ | VUC_REGION_WRITE | VUC_REGION_MMAP);
  ck_assert_uint_eq (memory->n_areas, 1);
  tear_down (&fixture);
}

static void
a_twin_socket_can_be_done_without (void)
{
  Fixture fixture;

  SET_UP (&fixture, FALSE, NULL);
  ck_assert (!vuc_device_get_info (fixture.device)->twin_socket);
  tear_down (&fixture);
}

static void
the_configuration_space_can_be_read (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  guint16 id[2];

  SET_UP (&fixture, TRUE, NULL);
  vuc_device_region_read (fixture.device, VUC_PCI_CONFIG_REGION, 0, id, sizeof id, &error);
  assert_no_error (error);
  ck_assert_uint_eq (id[0], INTEROP_VENDOR);
  ck_assert_uint_eq (id[1], INTEROP_DEVICE);
  tear_down (&fixture);
}

static void
fill (guint8 *data, gsize size)
{
  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) (i * i / 251);
}

static void
what_is_written_is_read (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  static guint8 written[INTEROP_MEMORY_SIZE], read[INTEROP_MEMORY_SIZE];

  SET_UP (&fixture, TRUE, NULL);
  fill (written, sizeof written);
  vuc_device_region_write_full (fixture.device, VUC_PCI_BAR2_REGION, 0, written, sizeof written,
                                VUC_ACCESS_MESSAGE_ONLY, &error);
  assert_no_error (error);
  vuc_device_region_read_full (fixture.device, VUC_PCI_BAR2_REGION, 0, read, sizeof read,
                               VUC_ACCESS_MESSAGE_ONLY, &error);
  assert_no_error (error);
  assert_same_bytes (read, sizeof read, written, sizeof written);
  tear_down (&fixture);
}

static void
what_is_written_shows_in_mapped_memory (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  g_autoptr (VucMapping) mapping = NULL;
  static guint8 written[INTEROP_MEMORY_SIZE];
  guint8 *mapped;

  SET_UP (&fixture, TRUE, NULL);
  mapping = vuc_device_map_region (fixture.device, VUC_PCI_BAR2_REGION, &error);
  assert_no_error (error);
  mapped = vuc_mapping_get_pointer (mapping, 0, sizeof written);
  ck_assert_ptr_nonnull (mapped);
  fill (written, sizeof written);
  vuc_device_region_write_full (fixture.device, VUC_PCI_BAR2_REGION, 0, written, sizeof written,
                                VUC_ACCESS_MESSAGE_ONLY, &error);
  assert_no_error (error);
  assert_same_bytes (mapped, sizeof written, written, sizeof written);
  tear_down (&fixture);
}

/* Its error replies have a payload, which nobody would read. */
/* --- Doorbells --- */

/* The entry at an offset of BAR0, or NULL. */
static const VucIoFd *
find_doorbell (VucDevice *device, guint64 offset)
{
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;

  vuc_device_get_region_io_fds (device, VUC_PCI_BAR0_REGION, &io_fds, &n_io_fds, &error);
  assert_no_error (error);
  for (gsize i = 0; i < n_io_fds; i++)
    {
      if (io_fds[i].offset == offset)
        return &io_fds[i];
    }
  return NULL;
}

static void
ring (VucDevice *device, guint64 offset, guint32 value, VucWay way)
{
  VucAccessCounters before, after;
  g_autoptr (GError) error = NULL;

  vuc_device_get_access_counters (device, &before);
  vuc_device_region_write (device, VUC_PCI_BAR0_REGION, offset, &value, sizeof value, &error);
  assert_no_error (error);
  vuc_device_get_access_counters (device, &after);
  ck_assert_uint_eq (after.parts[way], before.parts[way] + 1);
}

static void
a_doorbell_is_kicked (void)
{
  Fixture fixture;
  const VucIoFd *doorbell;

  SET_UP (&fixture, TRUE, NULL);
  doorbell = find_doorbell (fixture.device, INTEROP_DOORBELL);
  ck_assert_ptr_nonnull (doorbell);
  ck_assert_int_eq (doorbell->type, VUC_IO_FD_IOEVENTFD);
  for (guint i = 0; i < 3; i++)
    ring (fixture.device, INTEROP_DOORBELL, i, VUC_WAY_IOEVENTFD);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_KICKS), 3);
  tear_down (&fixture);
}

static void
a_shadow_doorbell_is_stored_and_kicked (void)
{
  Fixture fixture;
  const VucIoFd *doorbell;

  SET_UP (&fixture, TRUE, NULL);
  doorbell = find_doorbell (fixture.device, INTEROP_SHADOW_DOORBELL);
  if (doorbell == NULL)
    {
      tear_down (&fixture);
      harness_skip ("this libvfio-user was made without shadow ioeventfds");
    }
  ck_assert_int_eq (doorbell->type, VUC_IO_FD_SHADOW_IOEVENTFD);
  ring (fixture.device, INTEROP_SHADOW_DOORBELL, 17, VUC_WAY_SHADOW);
  ring (fixture.device, INTEROP_SHADOW_DOORBELL, 0x12345678, VUC_WAY_SHADOW);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_SHADOW), 0x12345678);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_SHADOW_KICKS), 2);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_KICKS), 0);
  tear_down (&fixture);
}

static void
doorbells_of_a_new_device_are_kicked (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;

  SET_UP (&fixture, TRUE, NULL);
  ck_assert_ptr_nonnull (find_doorbell (fixture.device, INTEROP_DOORBELL));
  ring (fixture.device, INTEROP_DOORBELL, 1, VUC_WAY_IOEVENTFD);
  device_process_kill (fixture.process);
  vuc_device_close (fixture.device);
  device_process_start (fixture.process, NULL);
  vuc_device_reconnect (fixture.device, &error);
  assert_no_error (error);
  ring (fixture.device, INTEROP_DOORBELL, 1, VUC_WAY_IOEVENTFD);
  ring (fixture.device, INTEROP_DOORBELL, 1, VUC_WAY_IOEVENTFD);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_KICKS), 2);
  if (find_doorbell (fixture.device, INTEROP_SHADOW_DOORBELL) != NULL)
    {
      ring (fixture.device, INTEROP_SHADOW_DOORBELL, 5, VUC_WAY_SHADOW);
      ck_assert_uint_eq (read_register (fixture.device, INTEROP_SHADOW), 5);
    }
  tear_down (&fixture);
}

static void
a_refused_access_does_not_lose_the_stream (void)
{
  Fixture fixture;

  SET_UP (&fixture, TRUE, NULL);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GError) error = NULL;
      guint32 half;

      ck_assert (!vuc_device_region_read (fixture.device, VUC_PCI_BAR0_REGION, 0, &half,
                                          sizeof half, &error));
      assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "REGION_READ");
      ck_assert_int_eq (vuc_error_get_errno (error), EINVAL);
      ck_assert_uint_eq (read_register (fixture.device, INTEROP_RESETS), 0);
    }
  tear_down (&fixture);
}

/* --- Resetting --- */

typedef struct
{
  const char *name;
  const char *option;
} Mood;

static const Mood moods[] = { { "at once", NULL }, { "when it has come to rest", "--quiesce" } };

static void
a_reset_clears_the_device (gconstpointer row)
{
  const Mood *mood = row;
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  guint32 value = 0x12345678;

  SET_UP (&fixture, TRUE, mood->option);
  vuc_device_region_write (fixture.device, VUC_PCI_BAR2_REGION, 16, &value, sizeof value, &error);
  assert_no_error (error);
  vuc_device_reset (fixture.device, &error);
  assert_no_error (error);
  vuc_device_region_read (fixture.device, VUC_PCI_BAR2_REGION, 16, &value, sizeof value, &error);
  assert_no_error (error);
  ck_assert_uint_eq (value, 0);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_RESETS), 1);
  tear_down (&fixture);
}

/* --- DMA --- */

typedef struct
{
  const char *name;
  GuestKind kind;
  guint64 command;
  gboolean with_twin;
  const char *option;
} Copy;

#define DIRECTLY   INTEROP_COPY_DIRECTLY
#define BY_MESSAGE INTEROP_COPY_BY_MESSAGE

static const Copy copies[] = {
  { "shared", GUEST_SHARED, DIRECTLY, TRUE, NULL },
  { "shared, by message", GUEST_SHARED, BY_MESSAGE, TRUE, NULL },
  { "file I/O", GUEST_SHARED_FILE, DIRECTLY, TRUE, NULL },
  { "file I/O, by message", GUEST_SHARED_FILE, BY_MESSAGE, TRUE, NULL },
  { "by message", GUEST_BY_MESSAGE, DIRECTLY, TRUE, NULL },
  { "by callback", GUEST_BY_CALLBACK, DIRECTLY, TRUE, NULL },
  { "shared, no twin socket", GUEST_SHARED, DIRECTLY, FALSE, NULL },
  { "shared, by message, no twin socket", GUEST_SHARED, BY_MESSAGE, FALSE, NULL },
  { "file I/O, no twin socket", GUEST_SHARED_FILE, DIRECTLY, FALSE, NULL },
  { "file I/O, by message, no twin socket", GUEST_SHARED_FILE, BY_MESSAGE, FALSE, NULL },
  { "by message, no twin socket", GUEST_BY_MESSAGE, DIRECTLY, FALSE, NULL },
  { "by callback, no twin socket", GUEST_BY_CALLBACK, DIRECTLY, FALSE, NULL },
  { "shared, of a device that comes to rest", GUEST_SHARED, DIRECTLY, TRUE, "--quiesce" },
  { "by message, of a device that comes to rest", GUEST_BY_MESSAGE, DIRECTLY, FALSE, "--quiesce" },
};

static void
memory_is_copied_exactly (gconstpointer row)
{
  const Copy *what = row;
  g_autoptr (Guest) guest = guest_new (what->kind, GUEST_ADDRESS, GUEST_SIZE);
  Fixture fixture;

  SET_UP (&fixture, what->with_twin, what->option);
  guest_map (guest, fixture.device);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_REGIONS), 1);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_QUIESCED), what->option != NULL);
  copy_exactly (fixture.device, guest, what->command, 1);
  copy_exactly (fixture.device, guest, what->command, 2);
  if (what->kind == GUEST_BY_CALLBACK)
    ck_assert (guest->n_reads > 0 && guest->n_writes > 0);
  guest_unmap (guest, fixture.device);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_REGIONS), 0);
  tear_down (&fixture);
}

static void
a_reset_keeps_mappings (void)
{
  g_autoptr (Guest) guest = guest_new (GUEST_BY_MESSAGE, GUEST_ADDRESS, GUEST_SIZE);
  g_autoptr (GError) error = NULL;
  Fixture fixture;

  SET_UP (&fixture, TRUE, NULL);
  guest_map (guest, fixture.device);
  vuc_device_reset (fixture.device, &error);
  assert_no_error (error);
  copy_exactly (fixture.device, guest, DIRECTLY, 1);
  tear_down (&fixture);
}

static void
what_was_unmapped_is_out_of_reach (gconstpointer row)
{
  const Copy *what = row;
  g_autoptr (Guest) guest = guest_new (what->kind, GUEST_ADDRESS, GUEST_SIZE);
  g_autoptr (Guest) other = guest_new (what->kind, GUEST_ADDRESS + 2 * GUEST_SIZE, GUEST_SIZE);
  Fixture fixture;

  SET_UP (&fixture, what->with_twin, what->option);
  guest_map (guest, fixture.device);
  guest_map (other, fixture.device);
  guest_unmap (guest, fixture.device);
  ck_assert_int_ne (copy (fixture.device, guest->region.iova, other->region.iova, 4096,
                          what->command),
                    0);
  ck_assert_int_ne (copy (fixture.device, other->region.iova, guest->region.iova, 4096,
                          what->command),
                    0);
  copy_exactly (fixture.device, other, what->command, 3);

  /* Its address is free again. */
  guest_map (guest, fixture.device);
  copy_exactly (fixture.device, guest, what->command, 4);
  tear_down (&fixture);
}

static void
all_can_be_unmapped (void)
{
  g_autoptr (GPtrArray) guests = g_ptr_array_new_with_free_func ((GDestroyNotify) guest_free);
  g_autoptr (GError) error = NULL;
  Fixture fixture;

  SET_UP (&fixture, FALSE, NULL);
  for (guint i = 0; i < 20; i++)
    {
      Guest *guest = guest_new (i % 4, GUEST_ADDRESS + i * G_GUINT64_CONSTANT (0x100000), 0x10000);

      g_ptr_array_add (guests, guest);
      guest_map (guest, fixture.device);
    }
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_REGIONS), 20);
  vuc_device_dma_unmap_all (fixture.device, &error);
  assert_no_error (error);
  ck_assert_uint_eq (read_register (fixture.device, INTEROP_REGIONS), 0);
  ck_assert_uint_eq (vuc_device_dma_get_count (fixture.device), 0);
  tear_down (&fixture);
}

static const Copy rights[] = {
  { "shared", GUEST_SHARED, DIRECTLY, TRUE, NULL },
  { "file I/O", GUEST_SHARED_FILE, DIRECTLY, TRUE, NULL },
  { "by message", GUEST_BY_MESSAGE, DIRECTLY, TRUE, NULL },
  { "by message, no twin socket", GUEST_BY_MESSAGE, DIRECTLY, FALSE, NULL },
};

static void
what_may_only_be_read_is_not_written (gconstpointer row)
{
  const Copy *what = row;
  g_autoptr (Guest) guest = guest_new (what->kind, GUEST_ADDRESS, GUEST_SIZE);
  g_autoptr (Guest)
    other = guest_new (GUEST_BY_MESSAGE, GUEST_ADDRESS + 2 * GUEST_SIZE, GUEST_SIZE);
  Fixture fixture;

  SET_UP (&fixture, what->with_twin, what->option);
  guest->region.flags &= ~(guint32) VUC_DMA_WRITE;
  guest_fill (guest, 1);
  guest_fill (other, 2);
  guest_map (guest, fixture.device);
  guest_map (other, fixture.device);
  ck_assert_int_ne (copy (fixture.device, other->region.iova, guest->region.iova, 4096,
                          what->command),
                    0);
  ck_assert_int_eq (copy (fixture.device, guest->region.iova, other->region.iova, 4096,
                          what->command),
                    0);
  assert_same_bytes (other->memory, 4096, guest->memory, 4096);
  tear_down (&fixture);
}

/* --- A device that goes and comes back --- */

static void
a_new_device_gets_the_memory_again (gconstpointer row)
{
  const Copy *what = row;
  g_autoptr (Guest) guest = guest_new (what->kind, GUEST_ADDRESS, GUEST_SIZE);
  Fixture fixture;

  SET_UP (&fixture, what->with_twin, what->option);
  guest_map (guest, fixture.device);
  copy_exactly (fixture.device, guest, what->command, 1);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      device_process_kill (fixture.process);
      vuc_device_close (fixture.device);
      device_process_start (fixture.process, what->option);
      vuc_device_reconnect (fixture.device, &error);
      assert_no_error (error);
      ck_assert_uint_eq (read_register (fixture.device, INTEROP_REGIONS), 1);
      copy_exactly (fixture.device, guest, what->command, i + 2);
    }
  guest_unmap (guest, fixture.device);
  tear_down (&fixture);
}

/* The server forgets memory when its client has left. */
static void
the_same_device_gets_the_memory_again (gconstpointer row)
{
  const Copy *what = row;
  g_autoptr (Guest) guest = guest_new (what->kind, GUEST_ADDRESS, GUEST_SIZE);
  Fixture fixture;

  SET_UP (&fixture, what->with_twin, what->option);
  guest_map (guest, fixture.device);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      vuc_device_close (fixture.device);
      vuc_device_reconnect (fixture.device, &error);
      assert_no_error (error);
      ck_assert_uint_eq (read_register (fixture.device, INTEROP_REGIONS), 1);
      copy_exactly (fixture.device, guest, what->command, i + 2);
    }
  tear_down (&fixture);
}

static const HarnessCase cases[] = { HARNESS_CASE (what_the_device_has_is_understood),
                                     HARNESS_CASE (a_twin_socket_can_be_done_without),
                                     HARNESS_CASE (the_configuration_space_can_be_read),
                                     HARNESS_CASE (what_is_written_is_read),
                                     HARNESS_CASE (what_is_written_shows_in_mapped_memory),
                                     HARNESS_CASE (a_refused_access_does_not_lose_the_stream),
                                     HARNESS_CASE (a_doorbell_is_kicked),
                                     HARNESS_CASE (a_shadow_doorbell_is_stored_and_kicked),
                                     HARNESS_CASE (doorbells_of_a_new_device_are_kicked),
                                     HARNESS_ROWS (a_reset_clears_the_device, moods),
                                     HARNESS_ROWS (memory_is_copied_exactly, copies),
                                     HARNESS_CASE (a_reset_keeps_mappings),
                                     HARNESS_ROWS (what_was_unmapped_is_out_of_reach, copies),
                                     HARNESS_CASE (all_can_be_unmapped),
                                     HARNESS_ROWS (what_may_only_be_read_is_not_written, rights),
                                     HARNESS_ROWS (a_new_device_gets_the_memory_again, copies),
                                     HARNESS_ROWS (the_same_device_gets_the_memory_again, copies),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "libvfio-user", cases);
}
