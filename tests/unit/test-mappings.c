/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The list of a device's mappings: what is mapped when, as connections come and go in every order.
 * Several threads: test-mappings-threads.c.
 */

#include "device/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "unit/mappings-fixture.h"

static VucMapping *
get (VucMappings *list, const Server *server, guint region)
{
  g_autoptr(GError) error = NULL;
  VucMapping *mapping = vuc_mappings_get (list, &server->regions[region].info, FALSE, &error);

  assert_no_error (error);
  ck_assert_ptr_nonnull (mapping);
  return mapping;
}

static void
expect_refused (VucMappings *list, const Server *server, guint region)
{
  g_autoptr(GError) error = NULL;

  ck_assert_ptr_null (vuc_mappings_get (list, &server->regions[region].info, FALSE, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the device is not connected");
}

static void
expect_content (VucMapping *mapping, guint8 content)
{
  gsize n_areas;
  const VucMappedArea *areas = vuc_mapping_get_areas (mapping, &n_areas);

  ck_assert_uint_eq (n_areas, N_AREAS);
  for (gsize i = 0; i < n_areas; i++)
    for (gsize k = 0; k < areas[i].size; k++)
      if (((const guint8 *) areas[i].memory)[k] != content)
        harness_fail ("byte 0x%zx of area %zu is 0x%02x, expected 0x%02x", k, i,
                      ((const guint8 *) areas[i].memory)[k], content);
}

/* --- One for each region --- */

static void
a_region_has_one_mapping (void)
{
  VucMappings *list = vuc_mappings_new ();
  g_autoptr(VucMapping) first = NULL;
  g_autoptr(VucMapping) second = NULL;
  g_autoptr(VucMapping) other = NULL;
  Server server;

  server_init (&server, 0x10);
  connect_to (list, &server);
  first = get (list, &server, 0);
  second = get (list, &server, 0);
  other = get (list, &server, 1);
  ck_assert_ptr_eq (first, second);
  ck_assert_ptr_ne (first, other);
  expect_content (first, 0x10);
  expect_content (other, 0x11);
  vuc_mappings_unref (list);
  server_clear (&server);
}

static void
a_mapping_that_was_given_back_is_made_anew (void)
{
  VucMappings *list = vuc_mappings_new ();
  VucMapping *mapping;
  Server server;

  server_init (&server, 0x10);
  connect_to (list, &server);
  mapping = get (list, &server, 0);
  *at (mapping, 0) = 0x77;
  vuc_mapping_unref (mapping);
  mapping = get (list, &server, 0);
  ck_assert_uint_eq (*at (mapping, 0), 0x77); /* the file has it */
  vuc_mapping_unref (mapping);

  /* Nor is anything of it mapped when the connection goes, or comes again. */
  vuc_mappings_note_death (list, FALSE);
  connect_to (list, &server);
  vuc_mappings_unref (list);
  server_clear (&server);
}

static void
mappings_outlive_the_list_and_the_files (void)
{
  VucMappings *list = vuc_mappings_new ();
  VucMapping *mapping;
  Server server;

  server_init (&server, 0x10);
  connect_to (list, &server);
  mapping = get (list, &server, 0);
  vuc_mappings_note_death (list, TRUE);
  vuc_mappings_unref (list);
  server_clear (&server);
  expect_content (mapping, 0x10);
  vuc_mapping_unref (mapping);
}

static void
what_could_not_be_all_ones_is_not_mapped (void)
{
  const guint64 gib = 1024 * 1024 * 1024;
  int fd = memfd_create ("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  VucRegionArea areas[] = {
    { .offset = 0, .size = 500 * gib, .fd = fd },
    { .offset = 500 * gib, .size = 12 * gib + page (), .fd = fd },
  };
  VucRegionInfo info = { .index = 5, .flags = 7, .n_areas = 2, .areas = areas };
  VucMappings *list = vuc_mappings_new ();
  g_autoptr(GError) error = NULL;

  ck_assert_int_ge (fd, 0);
  vuc_mappings_begin_connecting (list);
  vuc_mappings_open (list);
  ck_assert_ptr_null (vuc_mappings_get (list, &info, FALSE, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED,
                "mapping region 5: its areas are too large: more than 16384 kernel mappings would "
                "be needed once the server is lost");
  vuc_mappings_unref (list);
  close (fd);
}

static void
every_offset_finds_its_area (void)
{
  enum { N = 33 };
  const gsize size = page ();
  int fd = memfd_create ("region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  VucRegionArea areas[N];
  VucRegionInfo info = { .flags = 7, .n_areas = N, .areas = areas };
  VucMappings *list = vuc_mappings_new ();
  g_autoptr(GError) error = NULL;
  VucMapping *mapping;
  const VucMappedArea *mapped;
  gsize n_mapped;

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (ftruncate (fd, (off_t) (N * size)), 0);
  for (guint i = 0; i < N; i++)
    areas[i] = (VucRegionArea){ .offset = (2 * i + 1) * size, .size = size, .fd = fd,
                                .fd_offset = i * size };
  vuc_mappings_begin_connecting (list);
  vuc_mappings_open (list);
  mapping = vuc_mappings_get (list, &info, FALSE, &error);
  assert_no_error (error);
  mapped = vuc_mapping_get_areas (mapping, &n_mapped);
  ck_assert_uint_eq (n_mapped, N);
  ck_assert_ptr_null (vuc_mapping_get_pointer (mapping, 0, 1));
  for (guint i = 0; i < N; i++)
    {
      guint8 *memory = mapped[i].memory;
      guint64 offset = areas[i].offset;

      harness_context ("area %u", i);
      ck_assert_ptr_eq (vuc_mapping_get_pointer (mapping, offset, size), memory);
      ck_assert_ptr_eq (vuc_mapping_get_pointer (mapping, offset + size - 1, 1), memory + size - 1);
      ck_assert_ptr_null (vuc_mapping_get_pointer (mapping, offset - 1, 1));
      ck_assert_ptr_null (vuc_mapping_get_pointer (mapping, offset - 1, 2));
      ck_assert_ptr_null (vuc_mapping_get_pointer (mapping, offset + size - 1, 2));
      ck_assert_ptr_null (vuc_mapping_get_pointer (mapping, offset + size, 1));
    }
  vuc_mapping_unref (mapping);
  vuc_mappings_unref (list);
  close (fd);
}

/* --- Connections --- */

static void
nothing_is_mapped_without_a_connection (void)
{
  VucMappings *list = vuc_mappings_new ();
  g_autoptr(VucMapping) mapping = NULL;
  g_autoptr(VucMapping) again = NULL;
  Server server;

  server_init (&server, 0x10);
  expect_refused (list, &server, 0);
  vuc_mappings_begin_connecting (list);
  expect_refused (list, &server, 0);
  vuc_mappings_open (list);
  mapping = get (list, &server, 0);
  vuc_mappings_note_death (list, FALSE);
  expect_refused (list, &server, 1);
  again = get (list, &server, 0); /* what there is already can be had */
  ck_assert_ptr_eq (mapping, again);
  vuc_mappings_begin_connecting (list);
  expect_refused (list, &server, 1);
  vuc_mappings_unref (list);
  server_clear (&server);
}

static void
a_lost_device_reads_all_ones_until_it_is_connected_again (void)
{
  VucMappings *list = vuc_mappings_new ();
  VucMapping *mappings[N_REGIONS];
  Server first, second;

  server_init (&first, 0x10);
  server_init (&second, 0x20);
  connect_to (list, &first);
  for (guint r = 0; r < N_REGIONS; r++)
    mappings[r] = get (list, &first, r);

  vuc_mappings_note_death (list, FALSE);
  for (guint r = 0; r < N_REGIONS; r++)
    expect_content (mappings[r], 0xff);
  *at (mappings[0], 2 * page ()) = 0; /* that nobody sees, and that does not stay */

  connect_to (list, &second);
  for (guint r = 0; r < N_REGIONS; r++)
    {
      expect_content (mappings[r], 0x20 + r);
      vuc_mapping_unref (mappings[r]);
    }
  vuc_mappings_unref (list);
  server_clear (&first);
  server_clear (&second);
}

static void
addresses_stay (void)
{
  VucMappings *list = vuc_mappings_new ();
  g_autoptr(VucMapping) mapping = NULL;
  guint8 *memory[N_AREAS];
  Server server;

  server_init (&server, 0x10);
  connect_to (list, &server);
  mapping = get (list, &server, 0);
  for (guint i = 0; i < N_AREAS; i++)
    memory[i] = at (mapping, 2 * i * page ());
  for (guint k = 0; k < 3; k++)
    {
      vuc_mappings_note_death (list, FALSE);
      for (guint i = 0; i < N_AREAS; i++)
        ck_assert_uint_eq (*memory[i], 0xff);
      connect_to (list, &server);
      for (guint i = 0; i < N_AREAS; i++)
        {
          ck_assert_ptr_eq (at (mapping, 2 * i * page ()), memory[i]);
          ck_assert_uint_eq (*memory[i], 0x10 + k);
          *memory[i] = 0x10 + k + 1;
        }
    }
  vuc_mappings_unref (list);
  server_clear (&server);
}

static void
a_device_that_was_closed_shows_what_it_showed (void)
{
  VucMappings *list = vuc_mappings_new ();
  g_autoptr(VucMapping) mapping = NULL;
  Server first, second;

  server_init (&first, 0x10);
  server_init (&second, 0x20);
  connect_to (list, &first);
  mapping = get (list, &first, 0);
  vuc_mappings_note_death (list, TRUE);
  expect_content (mapping, 0x10);

  /* An attempt that replaces nothing changes nothing. */
  vuc_mappings_begin_connecting (list);
  vuc_mappings_note_death (list, FALSE);
  expect_content (mapping, 0x10);
  connect_to (list, &second);
  expect_content (mapping, 0x20);
  vuc_mappings_unref (list);
  server_clear (&first);
  server_clear (&second);
}

static void
an_attempt_that_fails_early_leaves_what_was_written (void)
{
  VucMappings *list = vuc_mappings_new ();
  g_autoptr(VucMapping) mapping = NULL;
  Server server;

  server_init (&server, 0x10);
  connect_to (list, &server);
  mapping = get (list, &server, 0);
  vuc_mappings_note_death (list, FALSE);
  *at (mapping, 0) = 0x33;
  vuc_mappings_begin_connecting (list);
  vuc_mappings_note_death (list, FALSE);
  ck_assert_uint_eq (*at (mapping, 0), 0x33);
  vuc_mappings_unref (list);
  server_clear (&server);
}

typedef struct
{
  const char *name;
  gboolean restored; /* before the connection dies */
  gboolean opened;   /* after the rest; else before it */
  gboolean closed;   /* by the caller, who has not had the connection yet */
} DeathRow;

static const DeathRow deaths[] = {
  { "before the areas are mapped again", FALSE, FALSE, FALSE },
  { "before that, and closed", FALSE, FALSE, TRUE },
  { "after it", TRUE, FALSE, FALSE },
  { "after it, and closed", TRUE, FALSE, TRUE },
  { "when everybody may use it", TRUE, TRUE, FALSE },
};

/* The task that connects goes on meanwhile, and finds out later. */
static void
a_connection_that_dies_while_it_is_made_leaves_all_ones (gconstpointer data)
{
  const DeathRow *row = data;
  VucMappings *list = vuc_mappings_new ();
  g_autoptr(VucMapping) mapping = NULL;
  Server first, second;

  server_init (&first, 0x10);
  server_init (&second, 0x20);
  connect_to (list, &first);
  mapping = get (list, &first, 0);
  vuc_mappings_note_death (list, FALSE);

  vuc_mappings_begin_connecting (list);
  if (row->restored)
    {
      restore (list, &second);
      expect_content (mapping, 0x20);
    }
  if (row->opened)
    vuc_mappings_open (list);
  vuc_mappings_note_death (list, row->closed);
  expect_content (mapping, 0xff);
  if (!row->restored)
    restore (list, &second);
  if (!row->opened)
    vuc_mappings_open (list);
  expect_content (mapping, 0xff);
  expect_refused (list, &second, 1);

  connect_to (list, &second);
  expect_content (mapping, 0x20);
  vuc_mappings_unref (list);
  server_clear (&first);
  server_clear (&second);
}

static void
what_is_mapped_again_before_a_failure_reads_all_ones_in_the_end (void)
{
  VucMappings *list = vuc_mappings_new ();
  g_autoptr(VucMapping) good = NULL;
  g_autoptr(VucMapping) bad = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;
  Server first, second;

  server_init (&first, 0x10);
  server_init (&second, 0x20);
  connect_to (list, &first);
  good = get (list, &first, 0);
  bad = get (list, &first, 1);
  vuc_mappings_note_death (list, TRUE); /* so that there is something to see of it */

  ck_assert_int_eq (ftruncate (second.fds[1], (off_t) (4 * page ())), 0);
  vuc_mappings_begin_connecting (list);
  ck_assert (!vuc_mappings_restore (list, &second.shape, FALSE, &error));
  text = g_strdup_printf ("mapping area 2 of region 1 again: the file has 0x%zx bytes, but 0x%zx "
                          "from 0x%zx on are to be mapped",
                          4 * page (), page (), 4 * page ());
  ck_assert_str_eq (error->message, text);
  ck_assert (g_error_matches (error, VUC_ERROR, VUC_ERROR_REJECTED));
  expect_content (good, 0x20);
  expect_content (bad, 0x11); /* none of its areas was touched */
  vuc_mappings_note_death (list, FALSE);
  expect_content (good, 0xff);
  expect_content (bad, 0xff);

  /* Nor does one that fails after that leave anything, and what it has not come to is as it was. */
  g_clear_error (&error);
  vuc_mappings_begin_connecting (list);
  ck_assert (!vuc_mappings_restore (list, &second.shape, FALSE, &error));
  expect_content (good, 0x20);
  vuc_mappings_note_death (list, FALSE);
  expect_content (good, 0xff);
  expect_content (bad, 0xff);
  vuc_mappings_unref (list);
  server_clear (&first);
  server_clear (&second);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_region_has_one_mapping),
  HARNESS_CASE (a_mapping_that_was_given_back_is_made_anew),
  HARNESS_CASE (mappings_outlive_the_list_and_the_files),
  HARNESS_CASE (what_could_not_be_all_ones_is_not_mapped),
  HARNESS_CASE (every_offset_finds_its_area),
  HARNESS_CASE (nothing_is_mapped_without_a_connection),
  HARNESS_CASE (a_lost_device_reads_all_ones_until_it_is_connected_again),
  HARNESS_CASE (addresses_stay),
  HARNESS_CASE (a_device_that_was_closed_shows_what_it_showed),
  HARNESS_CASE (an_attempt_that_fails_early_leaves_what_was_written),
  HARNESS_ROWS (a_connection_that_dies_while_it_is_made_leaves_all_ones, deaths),
  HARNESS_CASE (what_is_mapped_again_before_a_failure_reads_all_ones_in_the_end),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "mappings", cases);
}
