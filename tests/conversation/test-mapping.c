/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Mapping regions: where the areas are, what may be done with them, how long they last, and which
 * files are too dangerous to be mapped.  Written for hosts with pages of 4 KiB.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conversation/connect.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define SPARSE_TWO(a, size_a, b, size_b) \
  "u16:1 u16:1 u32:0 u32:2 u32:0 u64:" #a " u64:" #size_a " u64:" #b " u64:" #size_b

static VucDevice *
connect_to_region (ScriptServer *server, const ScriptRegion *region, VucConfig *config)
{
  const ScriptDevice script = { .regions = region, .n_regions = 1 };

  script_handshake (server, &script);
  return connect_with (script_server_start (server), config);
}

static VucMapping *
map (VucDevice *device, guint32 region)
{
  g_autoptr(GError) error = NULL;
  VucMapping *mapping = vuc_device_map_region (device, region, &error);

  assert_no_error (error);
  ck_assert_ptr_nonnull (mapping);
  return mapping;
}

/* What the process may do with the page that pointer is in: "rw-s" and so on. */
static char *
get_protection (gconstpointer pointer)
{
  g_autofree char *maps = NULL;
  g_auto(GStrv) lines = NULL;

  ck_assert (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      char *rest;
      const guint64 from = g_ascii_strtoull (*line, &rest, 16);
      const guint64 to = *rest == '-' ? g_ascii_strtoull (rest + 1, &rest, 16) : 0;

      if (from <= (gsize) pointer && (gsize) pointer < to)
        return g_strndup (rest + 1, 4);
    }
  return g_strdup ("none");
}

/* The words of a file are their own offsets in it. */
static guint64
word_at (VucMapping *mapping, guint64 offset)
{
  const volatile guint64 *word = vuc_mapping_get_pointer (mapping, offset, sizeof *word);

  ck_assert_ptr_nonnull ((const void *) word);
  return *word;
}

/* ---- Areas ---- */

static void
a_whole_region_begins_at_its_offset_in_the_file (void)
{
  const ScriptRegion region = { .size = 0x2000, .flags = 7, .offset = 0x3000,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x5000 }) };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region, NULL);
  g_autoptr(VucMapping) mapping = map (device, 0);

  ck_assert_uint_eq (word_at (mapping, 0), 0x3000);
  ck_assert_uint_eq (word_at (mapping, 0x1ff8), 0x4ff8);
  close_and_finish (device, server);
}

static void
only_what_lies_in_one_area_has_a_pointer (void)
{
  const ScriptRegion region = { .size = 0x10000, .flags = 7, .offset = 0x1000,
                                .capabilities = SPARSE_TWO (0x2000, 0x1000, 0x3000, 0x2000),
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x11000 }) };
  const struct
  {
    guint64 offset;
    gsize count;
    gboolean mapped;
  } rows[] = {
    { 0x2000, 1, TRUE },
    { 0x2000, 0x1000, TRUE },
    { 0x2fff, 1, TRUE },
    { 0x3000, 0x2000, TRUE },
    { 0x2fff, 2, FALSE }, /* over two areas, although they touch */
    { 0x2000, 0x3000, FALSE },
    { 0x1fff, 1, FALSE },
    { 0x1fff, 2, FALSE },
    { 0x5000, 1, FALSE },
    { 0x2000, 0, FALSE },
    { 0x2001, G_MAXSIZE, FALSE },
    { G_MAXUINT64, 1, FALSE },
  };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region, NULL);
  g_autoptr(VucMapping) mapping = map (device, 0);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      harness_context ("row %u", (guint) i);
      ck_assert_int_eq (vuc_mapping_get_pointer (mapping, rows[i].offset, rows[i].count) != NULL,
                        rows[i].mapped);
    }
  ck_assert_uint_eq (word_at (mapping, 0x2000), 0x3000);
  ck_assert_uint_eq (word_at (mapping, 0x3000), 0x4000);
  ck_assert_uint_eq (word_at (mapping, 0x4ff8), 0x5ff8);
  close_and_finish (device, server);
}

static void
each_area_is_of_its_own_file (void)
{
  const ScriptRegion region = {
    .size = 0x10000, .flags = 7,
    .capabilities = "u16:0x8001 u16:1 u32:0 u32:2 u32:0"
                    "| u64:0      u64:0x1000 u64:0x1000 u32:1 u32:0"
                    "| u64:0x8000 u64:0x2000 u64:0x1000 u32:0 u32:0",
    .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x3000 }, { SCRIPT_FD_SEALED_MEMFD, 0x2000 })
  };
  const ScriptDevice script = { .json = "{\"capabilities\":{\"sparse_mmap_fds\":true}}",
                                .regions = &region, .n_regions = 1 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(VucMapping) mapping = NULL;

  script_handshake (server, &script);
  device = connect_to (script_server_start (server));
  mapping = map (device, 0);
  ck_assert_uint_eq (word_at (mapping, 0), 0x1000);
  ck_assert_uint_eq (word_at (mapping, 0x8000), 0x2000);
  close_and_finish (device, server);
}

/* ---- Life ---- */

static void
a_mapping_outlives_its_device (void)
{
  const ScriptRegion region = { .size = 0x2000, .flags = 7,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x2000 }) };
  g_autoptr(ScriptServer) server = script_server_new ();
  VucDevice *device = connect_to_region (server, &region, NULL);
  g_autoptr(VucMapping) mapping = map (device, 0);
  g_autoptr(VucMapping) other = vuc_mapping_ref (mapping);

  vuc_device_unref (device);
  script_server_finish (server);
  ck_assert_uint_eq (word_at (mapping, 0x1000), 0x1000);
  vuc_mapping_unref (g_steal_pointer (&mapping));
  ck_assert_uint_eq (word_at (other, 0x1000), 0x1000);
}

static void
the_last_reference_unmaps (void)
{
  const ScriptRegion region = { .size = 0x2000, .flags = 7,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x2000 }) };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region, NULL);
  VucMapping *mapping = map (device, 0);
  gconstpointer pointer = vuc_mapping_get_pointer (mapping, 0, 1);
  g_autofree char *before = get_protection (pointer);
  g_autofree char *after = NULL;

  vuc_mapping_unref (mapping);
  after = get_protection (pointer);
  ck_assert_str_eq (before, "rw-s");
  ck_assert_str_eq (after, "none");
  close_and_finish (device, server);
}

static void
what_the_device_uses_itself_stays_mapped (void)
{
  const ScriptRegion region = { .size = 0x2000, .flags = 7,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x2000 }) };
  g_autoptr(ScriptServer) server = script_server_new ();
  VucDevice *device = connect_to_region (server, &region, NULL);
  VucMapping *mapping = map (device, 0);
  gconstpointer pointer = vuc_mapping_get_pointer (mapping, 0, 1);
  g_autofree char *used = NULL;
  g_autofree char *gone = NULL;
  guint64 word = 0;

  ck_assert (vuc_device_region_read (device, 0, 8, &word, sizeof word, NULL));
  ck_assert_uint_eq (word, 8);
  vuc_mapping_unref (mapping);
  used = get_protection (pointer);
  ck_assert_str_eq (used, "rw-s");

  mapping = map (device, 0);
  ck_assert_ptr_eq (vuc_mapping_get_pointer (mapping, 0, 1), pointer);
  vuc_mapping_unref (mapping);
  close_and_finish (device, server);
  vuc_device_unref (device);
  gone = get_protection (pointer);
  ck_assert_str_eq (gone, "none");
}

typedef struct
{
  const char *name; /* as /proc/self/maps says it */
  guint32 flags;
} ProtectionRow;

static const ProtectionRow protections[] = {
  { "r--s", 5 },
  { "-w-s", 6 },
  { "rw-s", 7 },
};

static void
a_mapping_allows_what_the_regions_flags_allow (gconstpointer data)
{
  const ProtectionRow *row = data;
  const ScriptRegion region = { .size = 0x1000, .flags = row->flags,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x1000 }) };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region, NULL);
  g_autoptr(VucMapping) mapping = map (device, 0);
  g_autofree char *protection = get_protection (vuc_mapping_get_pointer (mapping, 0, 1));

  ck_assert_str_eq (protection, row->name);
  close_and_finish (device, server);
}

/* ---- Files ---- */

static void
a_file_that_can_be_sealed_is_sealed (void)
{
  const ScriptRegion region = { .size = 0x2000, .flags = 7,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 0x2000 }) };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region, NULL);
  g_autoptr(VucMapping) mapping = map (device, 0);
  const int fd = vuc_device_get_region_info (device, 0)->areas[0].fd;

  ck_assert_uint_eq (word_at (mapping, 0x1000), 0x1000);
  ck_assert_int_lt (ftruncate (fd, 0x1000), 0);
  ck_assert_int_eq (errno, EPERM);
  ck_assert_int_eq (ftruncate (fd, 0x3000), 0);
  close_and_finish (device, server);
}

typedef struct
{
  const char *name;
  ScriptRegion region;
  gboolean allow_unsealed;
  const char *text;
} RefusedRow;

static const RefusedRow refused[] = {
  { "a memfd that cannot be sealed",
    { .size = 0x1000, .flags = 7, .fds = SCRIPT_FDS ({ SCRIPT_FD_NO_SEAL_MEMFD, 0x1000 }) }, FALSE,
    "mapping area 0 of region 0: the server can shrink the file" },
  { "a file on a disk",
    { .size = 0x1000, .flags = 7, .fds = SCRIPT_FDS ({ SCRIPT_FD_FILE, 0x1000 }) }, FALSE,
    "the server can shrink the file, and it cannot be sealed against that" },
  { "a file that is too small",
    { .size = 0x3000, .flags = 7, .fds = SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 0x2fff }) }, FALSE,
    "the file has 0x2fff bytes, but 0x3000 from 0x0 on are to be mapped" },
  { "a file that is too small behind the region's offset",
    { .size = 0x1000, .flags = 7, .offset = 0x1000,
      .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x1000 }) }, FALSE,
    "the file has 0x1000 bytes, but 0x1000 from 0x1000 on are to be mapped" },
  { "a file that is too small, of a trusted server",
    { .size = 0x2000, .flags = 7, .fds = SCRIPT_FDS ({ SCRIPT_FD_FILE, 0x1000 }) }, TRUE,
    "the file has 0x1000 bytes" },
  { "an offset that no page has",
    { .size = 0x1000, .flags = 7, .offset = 0x800,
      .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x4000 }) }, FALSE,
    "file offset 0x800 is not a multiple of this host's page size, " },
  { "a size that no page has",
    { .size = 0x1001, .flags = 7, .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x4000 }) }, FALSE,
    "size 0x1001 is not a multiple of this host's page size, " },
  { "the second area only",
    { .size = 0x10000, .flags = 7, .capabilities = SPARSE_TWO (0, 0x1000, 0x4000, 0x10),
      .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x10000 }) }, FALSE,
    "mapping area 1 of region 0: size 0x10 is not a multiple" },
  { "a pipe", { .size = 0x1000, .flags = 7, .fds = SCRIPT_FDS ({ SCRIPT_FD_PIPE, 0 }) }, TRUE,
    "mapping the file: " },
};

static void
what_is_not_safe_to_touch_is_not_mapped (gconstpointer data)
{
  const RefusedRow *row = data;
  const ScriptRegion regions[8] = { [0] = row->region, [7] = { .size = 256, .flags = 1 } };
  const ScriptDevice script = { .regions = regions, .n_regions = G_N_ELEMENTS (regions) };
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;

  vuc_config_set_allow_unsealed_files (config, row->allow_unsealed);
  script_handshake (server, &script);
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  ck_assert_ptr_null (vuc_device_map_region (device, 0, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED, row->text);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

static void
files_of_a_trusted_server_need_not_be_sealed (void)
{
  const ScriptRegion region = { .size = 0x2000, .flags = 7,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_FILE, 0x2000 }) };
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(VucMapping) mapping = NULL;

  vuc_config_set_allow_unsealed_files (config, TRUE);
  device = connect_to_region (server, &region, config);
  mapping = map (device, 0);
  ck_assert_uint_eq (word_at (mapping, 0x1000), 0x1000);
  close_and_finish (device, server);
}

static void
nothing_is_mapped_of_what_is_not_there (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) index_error = NULL;
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script_pci_device);
  device = connect_to (script_server_start (server));
  ck_assert_ptr_null (vuc_device_map_region (device, 7, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED,
                "region 7 cannot be mapped: the server offers no part of it");
  ck_assert_ptr_null (vuc_device_map_region (device, 9, &index_error));
  assert_error (index_error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "there is no region 9");
  close_and_finish (device, server);
}

/* ---- The demo device ---- */

static void
the_demo_device_says_the_same_both_ways (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  g_autoptr(VucMapping) mapping = map (device, VUC_PCI_BAR2_REGION);
  const VucRegionInfo *info = vuc_device_get_region_info (device, VUC_PCI_BAR2_REGION);
  g_autoptr(GError) error = NULL;
  guint8 data[0x4000];
  guint32 *word;

  ck_assert_uint_eq (info->n_areas, 2);
  for (guint i = 0; i < info->n_areas; i++)
    {
      const VucRegionArea *area = &info->areas[i];
      gconstpointer memory = vuc_mapping_get_pointer (mapping, area->offset, area->size);

      ck_assert_uint_le (area->size, sizeof data);
      ck_assert (vuc_device_region_read (device, VUC_PCI_BAR2_REGION, area->offset, data,
                                         area->size, &error));
      assert_no_error (error);
      assert_same_bytes (memory, area->size, data, area->size);
    }

  /* What is written one way is read the other way. */
  word = vuc_mapping_get_pointer (mapping, 0x8004, 4);
  *word = 0xfeedbeef;
  ck_assert (vuc_device_region_read (device, VUC_PCI_BAR2_REGION, 0x8004, data, 4, &error));
  assert_no_error (error);
  assert_bytes (data, 4, "u32:0xfeedbeef");
  ck_assert (vuc_device_region_write (device, VUC_PCI_BAR2_REGION, 0x8004, "back", 4, &error));
  assert_no_error (error);
  assert_bytes (word, 4, "'back'");
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_whole_region_begins_at_its_offset_in_the_file),
  HARNESS_CASE (only_what_lies_in_one_area_has_a_pointer),
  HARNESS_CASE (each_area_is_of_its_own_file),
  HARNESS_CASE (a_mapping_outlives_its_device),
  HARNESS_CASE (the_last_reference_unmaps),
  HARNESS_CASE (what_the_device_uses_itself_stays_mapped),
  HARNESS_ROWS (a_mapping_allows_what_the_regions_flags_allow, protections),
  HARNESS_CASE (a_file_that_can_be_sealed_is_sealed),
  HARNESS_ROWS (what_is_not_safe_to_touch_is_not_mapped, refused),
  HARNESS_CASE (files_of_a_trusted_server_need_not_be_sealed),
  HARNESS_CASE (nothing_is_mapped_of_what_is_not_there),
  HARNESS_CASE (the_demo_device_says_the_same_both_ways),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "mapping", cases);
}
