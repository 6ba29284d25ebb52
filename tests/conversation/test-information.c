/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is known of regions and interrupts after connecting, from what the server's bytes say; and
 * that finding it out takes no more round trips for many regions than for few.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "conversation/connect.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

/* Capabilities: id, version, offset of the next one, content. */
#define LAST "u32:0 "
#define SPARSE(next, n, areas) "u16:1 u16:1 " next "u32:" #n " u32:0 " areas
#define SPARSE_FDS(next, n, areas) "u16:0x8001 u16:1 " next "u32:" #n " u32:0 " areas
#define AREA(offset, size) "u64:" #offset " u64:" #size " "
#define AREA_FD(offset, fd_offset, size, index) \
  "u64:" #offset " u64:" #fd_offset " u64:" #size " u32:" #index " u32:0 "

/* Connects to a server that describes one region, which the device is handed out for. */
static VucDevice *
connect_to_region (ScriptServer *server, const ScriptRegion *region)
{
  const ScriptDevice script = {
    .json = "{\"capabilities\":{\"sparse_mmap_fds\":true}}", .regions = region, .n_regions = 1
  };

  script_handshake (server, &script);
  return connect_to (script_server_start (server));
}

static void
expect_area (const VucRegionInfo *info, guint i, guint64 offset, guint64 size, guint64 fd_offset)
{
  struct stat status;

  harness_context ("area %u", i);
  ck_assert_uint_lt (i, info->n_areas);
  ck_assert_uint_eq (info->areas[i].offset, offset);
  ck_assert_uint_eq (info->areas[i].size, size);
  ck_assert_uint_eq (info->areas[i].fd_offset, fd_offset);
  ck_assert_int_eq (fstat (info->areas[i].fd, &status), 0);
}

/* ---- Flags, sizes, interrupts ---- */

static void
flags_and_sizes_are_as_the_server_says (void)
{
  const ScriptRegion regions[] = {
    { .size = 1, .flags = 1 },
    { .size = G_MAXUINT64, .flags = 2 },
    { .size = 0 },
    { .size = 16, .flags = 0xfffffff3 & ~8u }, /* some that have not been invented */
  };
  const ScriptDevice script = { .regions = regions, .n_regions = G_N_ELEMENTS (regions) };
  const guint32 flags[] = { VUC_REGION_READ, VUC_REGION_WRITE, 0,
                            VUC_REGION_READ | VUC_REGION_WRITE };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script);
  device = connect_to (script_server_start (server));
  for (guint i = 0; i < G_N_ELEMENTS (regions); i++)
    {
      const VucRegionInfo *info = vuc_device_get_region_info (device, i);

      harness_context ("region %u", i);
      ck_assert_uint_eq (info->index, i);
      ck_assert_uint_eq (info->size, regions[i].size);
      ck_assert_uint_eq (info->flags, flags[i]);
      ck_assert_uint_eq (info->caps, 0);
      ck_assert_uint_eq (info->n_areas, 0);
      ck_assert_ptr_null (info->unmappable);
      ck_assert_int_eq (info->remote_errno, 0);
    }
  ck_assert_ptr_null (vuc_device_get_region_info (device, G_N_ELEMENTS (regions)));
  ck_assert_ptr_null (vuc_device_get_region_info (device, G_MAXUINT32));
  close_and_finish (device, server);
}

static void
interrupts_are_as_the_server_says (void)
{
  static const ScriptIrq irqs[] = {
    { .flags = 7, .count = 1 },
    { .flags = 0xfffffff9, .count = 2048 },
    { .flags = 0, .count = 0 },
  };
  const ScriptDevice script = { .irqs = irqs, .n_irqs = G_N_ELEMENTS (irqs) };
  const guint32 flags[] = { VUC_IRQ_EVENTFD | VUC_IRQ_MASKABLE | VUC_IRQ_AUTOMASKED,
                            VUC_IRQ_EVENTFD | VUC_IRQ_NORESIZE, 0 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script);
  device = connect_to (script_server_start (server));
  for (guint i = 0; i < G_N_ELEMENTS (irqs); i++)
    {
      const VucIrqInfo *info = vuc_device_get_irq_info (device, i);

      harness_context ("interrupt index %u", i);
      ck_assert_uint_eq (info->index, i);
      ck_assert_uint_eq (info->count, irqs[i].count);
      ck_assert_uint_eq (info->flags, flags[i]);
      ck_assert_int_eq (info->remote_errno, 0);
    }
  ck_assert_ptr_null (vuc_device_get_irq_info (device, G_N_ELEMENTS (irqs)));
  close_and_finish (device, server);
}

/* Such a device is used as it is; what it does not have is the caller's mistake. */
static void
a_PCI_device_may_have_too_few_regions (void)
{
  static const ScriptRegion regions[] = { { .size = 16, .flags = 3 }, { .size = 16, .flags = 3 } };
  const ScriptDevice script = { .flags = 2, .regions = regions, .n_regions = 2 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;
  guint8 byte;

  script_handshake (server, &script);
  device = connect_to (script_server_start (server));
  ck_assert_uint_eq (vuc_device_get_info (device)->flags, VUC_DEVICE_PCI);
  ck_assert (!vuc_device_region_read (device, VUC_PCI_CONFIG_REGION, 0, &byte, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT,
                "there is no region 7, the device has 0 to 1");
  close_and_finish (device, server);
}

static void
a_device_may_have_neither_regions_nor_interrupts (void)
{
  const ScriptDevice script = { .flags = 1 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(GError) error = NULL;
  char byte;

  script_handshake (server, &script);
  script_expect_command (server, 13, "");
  script_reply (server, "");
  device = connect_to (script_server_start (server));
  ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, 0);
  ck_assert_ptr_null (vuc_device_get_region_info (device, 0));
  ck_assert_ptr_null (vuc_device_get_irq_info (device, 0));
  ck_assert (!vuc_device_region_read (device, 0, 0, &byte, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT,
                "there is no region 0: the device has none");
  ck_assert (vuc_device_reset (device, NULL)); /* that is all it can do */
  close_and_finish (device, server);
}

/* The second family of servers answers with errno 0 too. */
static void
what_the_server_refuses_to_describe_is_empty (void)
{
  static const ScriptRegion regions[] = {
    { .error = EINVAL },
    { .raw = "id u16:5 u32:16 u32:0x21 u32:0" },
    /* The common server library: an error reply with a payload. */
    { .raw = "id u16:5 u32:32 u32:0x21 u32:22 | ff*16" },
    { .size = 256, .flags = 1 },
  };
  static const ScriptIrq irqs[] = { { .error = ENOTTY }, { .flags = 1, .count = 3 } };
  const ScriptDevice script = { .regions = regions, .n_regions = G_N_ELEMENTS (regions),
                                .irqs = irqs, .n_irqs = G_N_ELEMENTS (irqs) };
  const int numbers[] = { EINVAL, EIO, EINVAL, 0 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_handshake (server, &script);
  device = connect_to (script_server_start (server));
  for (guint i = 0; i < G_N_ELEMENTS (regions); i++)
    {
      const VucRegionInfo *info = vuc_device_get_region_info (device, i);

      harness_context ("region %u", i);
      ck_assert_int_eq (info->remote_errno, numbers[i]);
      ck_assert_uint_eq (info->size, regions[i].size);
      ck_assert_uint_eq (info->flags, regions[i].flags);
    }
  ck_assert_int_eq (vuc_device_get_irq_info (device, 0)->remote_errno, ENOTTY);
  ck_assert_uint_eq (vuc_device_get_irq_info (device, 0)->count, 0);
  ck_assert_uint_eq (vuc_device_get_irq_info (device, 1)->count, 3);
  close_and_finish (device, server);
}

/* A server that has more to say than we ask for: newer structures begin with the ones we know. */
static void
a_larger_argsz_of_what_has_a_fixed_size_is_no_reason_to_ask_again (void)
{
  static const ScriptIrq irqs[] = {
    { .raw = "id u16:7 u32:32 u32:1 u32:0 | u32:24 u32:1 u32:0 u32:3" },
  };
  const ScriptDevice script = { .irqs = irqs, .n_irqs = 1 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  script_version (server, &script);
  script_expect_command (server, 4, "u32:16 u32:0 u32:0 u32:0");
  script_reply (server, "u32:24 u32:0 u32:0 u32:1");
  script_queries (server, &script);
  device = connect_to (script_server_start (server));
  ck_assert_uint_eq (vuc_device_get_irq_info (device, 0)->count, 3);
  close_and_finish (device, server);
}

/* ---- Capabilities ---- */

static void
a_mappable_region_without_capabilities_is_one_area (void)
{
  const ScriptRegion region = { .size = 0x3000, .flags = 7, .offset = 0x1000,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x4000 }) };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region);
  const VucRegionInfo *info = vuc_device_get_region_info (device, 0);

  ck_assert_uint_eq (info->flags, VUC_REGION_READ | VUC_REGION_WRITE | VUC_REGION_MMAP);
  ck_assert_uint_eq (info->n_areas, 1);
  expect_area (info, 0, 0, 0x3000, 0x1000);
  close_and_finish (device, server);
}

static void
sparse_areas_share_one_file_and_come_in_order (void)
{
  const ScriptRegion region = {
    .size = 0x10000, .flags = 7, .offset = 0x4000,
    .capabilities = SPARSE (LAST, 2, AREA (0x8000, 0x2000) AREA (0x1000, 0x1000)),
    .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x14000 })
  };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region);
  const VucRegionInfo *info = vuc_device_get_region_info (device, 0);

  ck_assert_uint_eq (info->caps, VUC_REGION_CAP_SPARSE_MMAP);
  ck_assert_uint_eq (info->n_areas, 2);
  expect_area (info, 0, 0x1000, 0x1000, 0x5000);
  expect_area (info, 1, 0x8000, 0x2000, 0xc000);
  ck_assert_int_eq (info->areas[0].fd, info->areas[1].fd);
  close_and_finish (device, server);
}

/* Servers of 2021: descriptor i serves area i, at the same offsets as a single one would. */
static void
sparse_areas_may_have_a_file_each (void)
{
  const ScriptRegion region = {
    .size = 0x10000, .flags = 7,
    .capabilities = SPARSE (LAST, 2, AREA (0x8000, 0x2000) AREA (0x1000, 0x1000)),
    .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0xa000 }, { SCRIPT_FD_SEALED_MEMFD, 0x2000 })
  };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region);
  const VucRegionInfo *info = vuc_device_get_region_info (device, 0);
  struct stat status;

  ck_assert_uint_eq (info->n_areas, 2);
  expect_area (info, 0, 0x1000, 0x1000, 0x1000);
  expect_area (info, 1, 0x8000, 0x2000, 0x8000);
  ck_assert_int_eq (fstat (info->areas[0].fd, &status), 0);
  ck_assert_int_eq (status.st_size, 0x2000);
  ck_assert_int_eq (fstat (info->areas[1].fd, &status), 0);
  ck_assert_int_eq (status.st_size, 0xa000);
  close_and_finish (device, server);
}

static void
areas_may_name_their_files (void)
{
  const ScriptRegion region = {
    .size = 0x10000, .flags = 7,
    .capabilities = SPARSE_FDS (LAST, 3, AREA_FD (0x0000, 0x2000, 0x1000, 1)
                                         AREA_FD (0x4000, 0x0000, 0x1000, 0)
                                         AREA_FD (0x8000, 0x3000, 0x1000, 1)),
    .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x1000 }, { SCRIPT_FD_SEALED_MEMFD, 0x4000 })
  };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region);
  const VucRegionInfo *info = vuc_device_get_region_info (device, 0);

  ck_assert_uint_eq (info->caps, VUC_REGION_CAP_SPARSE_MMAP_FDS);
  ck_assert_uint_eq (info->n_areas, 3);
  expect_area (info, 0, 0x0000, 0x1000, 0x2000);
  expect_area (info, 1, 0x4000, 0x1000, 0x0000);
  expect_area (info, 2, 0x8000, 0x1000, 0x3000);
  ck_assert_int_eq (info->areas[0].fd, info->areas[2].fd);
  ck_assert_int_ne (info->areas[0].fd, info->areas[1].fd);
  close_and_finish (device, server);
}

static void
areas_may_name_their_files_only_if_both_sides_said_so (void)
{
  const ScriptRegion region = {
    .size = 0x10000, .flags = 7,
    .capabilities = SPARSE_FDS (LAST, 1, AREA_FD (0x0000, 0x2000, 0x1000, 0)),
    .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 0x10000 })
  };
  const ScriptDevice script = { .regions = &region, .n_regions = 1 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  const VucRegionInfo *info;

  script_handshake (server, &script);
  device = connect_to (script_server_start (server));
  info = vuc_device_get_region_info (device, 0);
  ck_assert_uint_eq (info->caps, 0);
  ck_assert_uint_eq (info->n_areas, 1);
  expect_area (info, 0, 0, 0x10000, 0);
  close_and_finish (device, server);
}

static void
a_device_specific_region_has_a_type (void)
{
  const ScriptRegion region = { .size = 256, .flags = 1,
                                .capabilities = "u16:2 u16:1 u32:0 | u32:0x80001234 u32:7" };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region);
  const VucRegionInfo *info = vuc_device_get_region_info (device, 0);

  ck_assert_uint_eq (info->caps, VUC_REGION_CAP_TYPE);
  ck_assert_uint_eq (info->type, 0x80001234);
  ck_assert_uint_eq (info->subtype, 7);
  close_and_finish (device, server);
}

/* The chain goes to its third place (offset 52) first, then back to the second one (44). */
static void
what_is_not_known_in_a_chain_is_passed_over (void)
{
  const ScriptRegion region = {
    .size = 4096, .flags = 3,
    .capabilities = "u16:777 u16:1 u32:52 | 00*4     # an id that we do not know  \n"
                    "u16:3   u16:1 u32:64            # MSIX_MAPPABLE              \n"
                    "u16:1   u16:2 u32:44 | 00*4     # SPARSE_MMAP, of the future \n"
                    "u16:2   u16:1 u32:0  | u32:1 u32:2                             "
  };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region);
  const VucRegionInfo *info = vuc_device_get_region_info (device, 0);

  ck_assert_uint_eq (info->caps, VUC_REGION_CAP_MSIX_MAPPABLE | VUC_REGION_CAP_TYPE);
  ck_assert_uint_eq (info->type, 1);
  close_and_finish (device, server);
}

typedef struct
{
  const char *name;
  ScriptRegion region;
} RegionRow;

static const RegionRow without_capabilities[] = {
  { "the flag without an offset",
    { .raw = "id u16:5 u32:48 u32:1 u32:0 | u32:32 u32:9 u32:0 u32:0 u64:16 u64:0" } },
  { "an offset without the flag",
    { .raw = "id u16:5 u32:64 u32:1 u32:0 | u32:48 u32:1 u32:0 u32:32 u64:16 u64:0"
             "| u16:2 u16:1 u32:0 u32:1 u32:2" } },
};

static void
there_are_no_capabilities (gconstpointer data)
{
  const RegionRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &row->region);

  ck_assert_uint_eq (vuc_device_get_region_info (device, 0)->caps, 0);
  ck_assert_uint_eq (vuc_device_get_region_info (device, 0)->size, 16);
  close_and_finish (device, server);
}

/* ---- What is said to be mappable and is not ---- */

static const RegionRow unmappable[] = {
  { "the MMAP flag came without a descriptor", { .size = 4096, .flags = 7 } },
  { "a descriptor came without the MMAP flag",
    { .size = 4096, .flags = 3, .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 4096 }) } },
  { "more than one descriptor came without a sparse mmap capability",
    { .size = 4096, .flags = 7,
      .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 4096 }, { SCRIPT_FD_SEALED_MEMFD, 4096 }) } },
  { "the sparse mmap capability names no area",
    { .size = 4096, .flags = 7, .capabilities = SPARSE (LAST, 0, ""),
      .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 4096 }) } },
  { "neither one descriptor came nor one for each sparse area",
    { .size = 0x3000, .flags = 7,
      .capabilities = SPARSE (LAST, 3, AREA (0, 1) AREA (0x1000, 1) AREA (0x2000, 1)),
      .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 4096 }, { SCRIPT_FD_SEALED_MEMFD, 4096 }) } },
  { "more descriptors than sparse areas came",
    { .size = 4096, .flags = 7, .capabilities = SPARSE_FDS (LAST, 1, AREA_FD (0, 0, 4096, 0)),
      .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 4096 }, { SCRIPT_FD_SEALED_MEMFD, 4096 }) } },
};

/* The row's name is the reason. */
static void
why_a_region_cannot_be_mapped_is_said (gconstpointer data)
{
  const RegionRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &row->region);
  const VucRegionInfo *info = vuc_device_get_region_info (device, 0);
  g_autoptr(GError) error = NULL;

  ck_assert_uint_eq (info->n_areas, 0);
  ck_assert_ptr_null (info->areas);
  ck_assert_str_eq (info->unmappable, row->name);
  ck_assert_ptr_null (vuc_device_map_region (device, 0, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED, row->name);
  assert_contains (error->message, "region 0 cannot be mapped");
  close_and_finish (device, server);
}

/* ---- Replies that do not fit ---- */

/* The text of a sparse capability with n areas of 4 KiB, at every other page. */
static char *
write_many_areas (guint n)
{
  GString *text = g_string_new (NULL);

  g_string_printf (text, "u16:1 u16:1 u32:0 | u32:%u u32:0 |", n);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "u64:%u u64:4096 ", i * 8192);
  return g_string_free (text, FALSE);
}

static void
a_reply_that_was_cut_short_is_asked_for_again (void)
{
  g_autofree char *areas = write_many_areas (200);
  const ScriptRegion region = { .size = 200 * 8192, .flags = 7, .capabilities = areas,
                                .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 200 * 8192 }) };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = connect_to_region (server, &region);
  const VucRegionInfo *info = vuc_device_get_region_info (device, 0);

  ck_assert_uint_eq (info->n_areas, 200);
  expect_area (info, 199, 199 * 8192, 4096, 199 * 8192);
  close_and_finish (device, server);
}

/* What servers do where the reply does not fit: flags, the offset of capabilities that are not
 * there or in the middle of one, a descriptor all the same.  None of that counts. */
static void
only_argsz_counts_in_a_reply_that_was_cut_short (void)
{
  const ScriptDevice script = { .n_regions = 1 };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  const VucRegionInfo *info;

  script_version (server, &script);
  script_device_info (server, &script);
  script_expect_command (server, 5, "?? ?? ?? ?? u32:0 u32:0 u32:0 u64:0 u64:0");
  script_reply_fds (server,
                    "u32:2000 u32:15 u32:99 u32:48 u64:0 u64:5 | u16:1 u16:1 u32:48 u32:99 00*4",
                    SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 }));
  script_expect_command (server, 5, "u32:2000 u32:0 u32:0 u32:0 u64:0 u64:0");
  script_reply (server, "u32:32 u32:1 u32:0 u32:0 u64:64 u64:0");
  device = connect_to (script_server_start (server));

  info = vuc_device_get_region_info (device, 0);
  ck_assert_uint_eq (info->size, 64);
  ck_assert_uint_eq (info->flags, VUC_REGION_READ);
  ck_assert_ptr_null (info->unmappable);
  close_and_finish (device, server);
}

/* ---- Round trips ---- */

typedef struct
{
  const char *name;
  guint n_regions;
  guint n_large; /* of them, whose reply has to be asked for again */
  guint expected;
} RoundTripRow;

static const RoundTripRow round_trips[] = {
  { "9 regions", 9, 0, 3 },
  { "9 regions, 2 of them large", 9, 2, 4 },
  { "200 regions", 200, 0, 3 },
  { "200 regions, all of them large", 200, 200, 4 },
};

static void
connecting_takes_as_many_round_trips_for_any_number_of_regions (gconstpointer data)
{
  const RoundTripRow *row = data;
  g_autofree char *areas = write_many_areas (70);
  g_autofree ScriptRegion *regions = g_new0 (ScriptRegion, row->n_regions);
  const ScriptIrq irqs[5] = { { .flags = 1, .count = 1 } };
  const ScriptDevice script = { .flags = 2, .regions = regions, .n_regions = row->n_regions,
                                .irqs = irqs, .n_irqs = G_N_ELEMENTS (irqs) };
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;

  for (guint i = 0; i < row->n_regions; i++)
    {
      regions[i] = (ScriptRegion) { .size = 1 << 20, .flags = 3 };
      if (i < row->n_large)
        regions[i].capabilities = areas;
    }
  script_count_round_trips (server);
  script_handshake (server, &script);
  device = connect_to (script_server_start (server));
  ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, row->n_regions);
  close_and_finish (device, server);
  ck_assert_uint_eq (script_server_get_round_trips (server), row->expected);
}

/* ---- The demo device ---- */

static void
the_demo_device_is_what_its_manual_says (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  const guint64 sizes[] = { 4096, 0, 65536, 0, 4096, 0, 0, 256, 0, 256 };
  const guint32 vectors[] = { 1, 4, 16, 1, 1 };
  const VucRegionInfo *info;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    ck_assert_uint_eq (vuc_device_get_region_info (device, i)->size, sizes[i]);
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    ck_assert_uint_eq (vuc_device_get_irq_info (device, i)->count, vectors[i]);

  info = vuc_device_get_region_info (device, VUC_PCI_BAR2_REGION);
  ck_assert_uint_eq (info->n_areas, 2);
  expect_area (info, 0, 0x2000, 0x2000, 0x12000);
  expect_area (info, 1, 0x8000, 0x4000, 0x18000);

  info = vuc_device_get_region_info (device, 9);
  ck_assert_uint_eq (info->flags, VUC_REGION_READ);
  ck_assert_uint_eq (info->caps, VUC_REGION_CAP_TYPE);
  ck_assert_uint_eq (info->type, 0x80001234);
  ck_assert_uint_eq (info->subtype, 1);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (flags_and_sizes_are_as_the_server_says),
  HARNESS_CASE (interrupts_are_as_the_server_says),
  HARNESS_CASE (a_PCI_device_may_have_too_few_regions),
  HARNESS_CASE (a_device_may_have_neither_regions_nor_interrupts),
  HARNESS_CASE (what_the_server_refuses_to_describe_is_empty),
  HARNESS_CASE (a_larger_argsz_of_what_has_a_fixed_size_is_no_reason_to_ask_again),
  HARNESS_CASE (a_mappable_region_without_capabilities_is_one_area),
  HARNESS_CASE (sparse_areas_share_one_file_and_come_in_order),
  HARNESS_CASE (sparse_areas_may_have_a_file_each),
  HARNESS_CASE (areas_may_name_their_files),
  HARNESS_CASE (areas_may_name_their_files_only_if_both_sides_said_so),
  HARNESS_CASE (a_device_specific_region_has_a_type),
  HARNESS_CASE (what_is_not_known_in_a_chain_is_passed_over),
  HARNESS_ROWS (there_are_no_capabilities, without_capabilities),
  HARNESS_ROWS (why_a_region_cannot_be_mapped_is_said, unmappable),
  HARNESS_CASE (a_reply_that_was_cut_short_is_asked_for_again),
  HARNESS_CASE (only_argsz_counts_in_a_reply_that_was_cut_short),
  HARNESS_ROWS (connecting_takes_as_many_round_trips_for_any_number_of_regions, round_trips),
  HARNESS_CASE (the_demo_device_is_what_its_manual_says),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "information", cases);
}
