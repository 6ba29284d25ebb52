/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reconnecting to a device that has another shape: each difference is told, and the device keeps the
 * shape that it had.
 */

#include <string.h>

#include "conversation/connect.h"
#include "conversation/io-fds.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define JSON(limits) "{\"capabilities\":{" limits "}}"

/* ---- The device as it was ---- */

/* Version 1 of SPARSE_MMAP, and TYPE. */
#define SPARSE(text)        "u16:1 u16:1 u32:0 |" text
#define TYPE(type, subtype) "u16:2 u16:1 u32:0 u32:" #type " u32:" #subtype

#define FILE_64K .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 65536 })

enum
{
  N_REGIONS = 5,
  N_IRQS = 2
};

static const ScriptRegion usual_regions[N_REGIONS] = {
  { .size = 4096, .flags = 3 },
  { .size = 65536, .flags = 7, FILE_64K },
  { .size = 65536, .flags = 7, FILE_64K, .capabilities = SPARSE ("u32:1 u32:0 u64:4096 u64:8192") },
  { .size = 256, .flags = 1, .capabilities = TYPE (5, 6) },
  { .size = 0 },
};
static const ScriptIrq usual_irqs[N_IRQS] = { { .flags = 1, .count = 1 },
                                              { .flags = 9, .count = 4 } };

static const ScriptDevice usual = {
  .json = JSON ("\"max_msg_fds\":8,\"max_data_xfer_size\":65536,\"max_dma_maps\":16,"
                "\"pgsizes\":4096,\"write_multiple\":true"),
  .flags = 1,
  .regions = usual_regions,
  .n_regions = N_REGIONS,
  .irqs = usual_irqs,
  .n_irqs = N_IRQS,
};

/* ---- What has changed ---- */

typedef struct
{
  ScriptDevice device;
  ScriptRegion regions[N_REGIONS + 1];
  ScriptIrq irqs[N_IRQS + 1];
} Shape;

typedef struct
{
  const char *name;
  void (*change) (Shape *shape);
  const char *texts[4]; /* all of which the error has to have */
} ShapeRow;

static void
one_region_less (Shape *shape)
{
  shape->device.n_regions--;
}

static void
one_region_more (Shape *shape)
{
  shape->device.n_regions++;
}

static void
one_irq_index_less (Shape *shape)
{
  shape->device.n_irqs--;
}

static void
other_device_flags (Shape *shape)
{
  shape->device.flags = 0;
}

static void
a_smaller_region (Shape *shape)
{
  shape->regions[0].size = 2048;
}

static void
a_larger_region (Shape *shape)
{
  shape->regions[0].size = 8192;
}

static void
a_region_that_was_not_there (Shape *shape)
{
  shape->regions[4] = (ScriptRegion){ .size = 16, .flags = 3 };
}

static void
a_region_that_cannot_be_written (Shape *shape)
{
  shape->regions[0].flags = 1;
}

static void
a_region_that_cannot_be_mapped (Shape *shape)
{
  shape->regions[1].flags = 3;
  shape->regions[1].fds = NULL;
}

static void
an_area_elsewhere (Shape *shape)
{
  shape->regions[2].capabilities = SPARSE ("u32:1 u32:0 u64:8192 u64:8192");
}

static void
an_area_of_another_size (Shape *shape)
{
  shape->regions[2].capabilities = SPARSE ("u32:1 u32:0 u64:4096 u64:4096");
}

static void
an_area_more (Shape *shape)
{
  shape->regions[2].capabilities = SPARSE ("u32:2 u32:0 u64:4096 u64:8192 u64:16384 u64:4096");
}

static void
another_type (Shape *shape)
{
  shape->regions[3].capabilities = TYPE (5, 7);
}

static void
another_count_of_interrupts (Shape *shape)
{
  shape->irqs[1].count = 2;
}

static void
other_interrupt_flags (Shape *shape)
{
  shape->irqs[1].flags = 1;
}

static void
a_smaller_transfer_size (Shape *shape)
{
  shape->device.json = JSON ("\"max_msg_fds\":8,\"max_data_xfer_size\":4096,\"max_dma_maps\":16,"
                             "\"pgsizes\":4096,\"write_multiple\":true");
}

static void
fewer_descriptors (Shape *shape)
{
  shape->device.json = JSON ("\"max_msg_fds\":7,\"max_data_xfer_size\":65536,\"max_dma_maps\":16,"
                             "\"pgsizes\":4096,\"write_multiple\":true");
}

static void
several_things (Shape *shape)
{
  a_smaller_region (shape);
  another_count_of_interrupts (shape);
  other_device_flags (shape);
  a_smaller_transfer_size (shape);
}

/* Twelve differences, of which ten are said. */
static void
nearly_everything (Shape *shape)
{
  several_things (shape);
  a_region_that_cannot_be_written (shape);
  a_region_that_cannot_be_mapped (shape);
  an_area_elsewhere (shape);
  another_type (shape);
  a_region_that_was_not_there (shape);
  other_interrupt_flags (shape);
}

static const ShapeRow shapes[] = {
  { "one region less", one_region_less, { "num_regions was 5, is 4" } },
  { "one region more", one_region_more, { "num_regions was 5, is 6" } },
  { "one interrupt index less", one_irq_index_less, { "num_irqs was 2, is 1" } },
  { "other device flags", other_device_flags, { "device flags was 1, is 0" } },
  { "a smaller region", a_smaller_region, { "size of region 0 was 0x1000, is 0x800" } },
  { "a larger region", a_larger_region, { "size of region 0 was 0x1000, is 0x2000" } },
  { "a region that was not there",
    a_region_that_was_not_there,
    { "size of region 4 was 0x0, is 0x10", "flags of region 4 were 0x0" } },
  { "a region that cannot be written any more",
    a_region_that_cannot_be_written,
    { "flags of region 0 were 0x3", "are 0x1" } },
  { "a region that cannot be mapped any more",
    a_region_that_cannot_be_mapped,
    { "flags of region 1 were 0x7", "are 0x3", "mappable areas of region 1" } },
  { "an area elsewhere", an_area_elsewhere, { "mappable areas of region 2" } },
  { "an area of another size", an_area_of_another_size, { "mappable areas of region 2" } },
  { "an area more", an_area_more, { "mappable areas of region 2" } },
  { "another type", another_type, { "type of region 3 was 5, subtype 6, is 5, 7" } },
  { "another count of interrupts",
    another_count_of_interrupts,
    { "count of interrupt index 1 was 4, is 2" } },
  { "other flags of interrupts",
    other_interrupt_flags,
    { "flags of interrupt index 1 were 0x9, are 0x1" } },
  { "a smaller transfer size",
    a_smaller_transfer_size,
    { "max_data_xfer_size was 65536, is 4096" } },
  { "fewer descriptors in a message", fewer_descriptors, { "max_msg_fds was 8, is 7" } },
  { "several things at once",
    several_things,
    { "size of region 0 was 0x1000, is 0x800", "count of interrupt index 1 was 4, is 2",
      "device flags was 1, is 0", "max_data_xfer_size was 65536, is 4096" } },
  { "more than is said",
    nearly_everything,
    { "size of region 0 was 0x1000, is 0x800; ", "type of region 3 was 5, subtype 6, is 5, 7; ",
      "; and 2 more" } },
};

static void
init_shape (Shape *shape)
{
  memset (shape, 0, sizeof *shape);
  shape->device = usual;
  memcpy (shape->regions, usual_regions, sizeof usual_regions);
  memcpy (shape->irqs, usual_irqs, sizeof usual_irqs);
  shape->device.regions = shape->regions;
  shape->device.irqs = shape->irqs;
}

/* Connects to a server that hangs up then. */
static VucDevice *
connect_and_lose (ScriptServer *server)
{
  g_autoptr(GError) error = NULL;
  VucDevice *device = vuc_device_connect (script_server_listen (server), NULL, &error);

  assert_no_error (error);
  ck_assert (!vuc_device_region_read (device, 0, 0, (char[1]){ 0 }, 1, NULL));
  return device;
}

static void
another_shape_is_rejected (gconstpointer data)
{
  const ShapeRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  const VucRegionInfo *region;
  VucRegionInfo before;
  guint n_descriptors;
  Shape shape;

  init_shape (&shape);
  row->change (&shape);
  script_handshake (server, &usual);
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_handshake (server, &shape.device);
  script_expect_eof (server);
  script_close (server);
  script_handshake (server, &usual);
  device = connect_and_lose (server);
  region = vuc_device_get_region_info (device, 0);
  before = *region;
  n_descriptors = count_files ();

  ck_assert (!vuc_device_reconnect (device, &error));
  for (guint i = 0; i < G_N_ELEMENTS (row->texts) && row->texts[i] != NULL; i++)
    assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED, row->texts[i]);
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  ck_assert_uint_eq (vuc_device_get_generation (device), 1);
  ck_assert_uint_eq (count_files (), n_descriptors);
  ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, N_REGIONS);
  ck_assert_uint_eq (vuc_device_get_info (device)->max_data_xfer_size, 65536);
  ck_assert_ptr_eq (vuc_device_get_region_info (device, 0), region);
  ck_assert_uint_eq (region->size, before.size);
  ck_assert_uint_eq (region->flags, before.flags);

  /* When the device is its old self again it can be had. */
  g_clear_error (&error);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  ck_assert_uint_eq (vuc_device_get_generation (device), 2);
  close_and_finish (device, server);
}

/* ---- What may change ---- */

static void
higher_limits (Shape *shape)
{
  shape->device.json = JSON ("\"max_msg_fds\":16,\"max_data_xfer_size\":131072,"
                             "\"max_dma_maps\":32,\"pgsizes\":4096,\"write_multiple\":true");
}

static void
another_way_to_say_it (Shape *shape)
{
  shape->device.json = "{\"vendor\":[1,2],\"capabilities\":{\"max_data_xfer_size\":65536,"
                       "\"write_multiple\":true,\"max_msg_fds\":8,\"max_dma_maps\":16}}";
}

static const ScriptFd larger_file[] = { { SCRIPT_FD_SEALED_MEMFD, 1 << 20 }, { SCRIPT_FD_END, 0 } };

static void
a_larger_file (Shape *shape)
{
  shape->regions[1].fds = larger_file;
}

static void
unknown_flags (Shape *shape)
{
  shape->device.flags |= 0x100;
  shape->regions[0].flags |= 0x100;
  shape->irqs[0].flags |= 0x100;
}

static const ShapeRow equal_shapes[] = {
  { "higher limits", higher_limits, { NULL } },
  { "the same limits, said in another way", another_way_to_say_it, { NULL } },
  { "a larger file behind an area", a_larger_file, { NULL } },
  { "flags that mean nothing", unknown_flags, { NULL } },
};

static void
a_shape_that_is_as_good_is_accepted (gconstpointer data)
{
  const ShapeRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  Shape shape;

  init_shape (&shape);
  row->change (&shape);
  script_handshake (server, &usual);
  script_expect_command (server, 9, NULL);
  script_close (server);
  script_handshake (server, &shape.device);
  device = connect_and_lose (server);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  ck_assert_uint_eq (vuc_device_get_generation (device), 2);
  close_and_finish (device, server);
}

/* ---- IO descriptors ---- */

#define ONE_IO_FD IO_FDS (64, 0, 1) IO_FD_48 (0x10, 4, 0, 0, 0, 0, 0, 0)

typedef struct
{
  const char *name;
  const char *reply; /* to the second question */
  const ScriptFd *fds;
} IoFdRow;

#define EVENTFD SCRIPT_FDS ({ SCRIPT_FD_EVENTFD, 0 })

static const IoFdRow other_io_fds[] = {
  { "none any more", IO_FDS (16, 0, 0), NULL },
  { "another offset", IO_FDS (64, 0, 1) IO_FD_48 (0x20, 4, 0, 0, 0, 0, 0, 0), EVENTFD },
  { "another size", IO_FDS (64, 0, 1) IO_FD_48 (0x10, 8, 0, 0, 0, 0, 0, 0), EVENTFD },
  { "datamatch", IO_FDS (64, 0, 1) IO_FD_48 (0x10, 4, 0, 0, 1, 0, 0, 5), EVENTFD },
  { "one more",
    IO_FDS (112, 0, 2) IO_FD_48 (0x10, 4, 0, 0, 0, 0, 0, 0) IO_FD_48 (0x20, 4, 0, 0, 0, 0, 0, 0),
    EVENTFD },
};

static void
other_IO_descriptors_are_another_shape (gconstpointer data)
{
  const IoFdRow *row = data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  const VucIoFd *io_fds, *after;
  VucIoFd before;
  gsize n_io_fds;

  script_handshake (server, &usual);
  script_expect_command (server, 6, NULL);
  script_reply_fds (server, ONE_IO_FD, EVENTFD);
  script_close (server);
  script_handshake (server, &usual);
  script_expect_command (server, 6, NULL);
  if (row->fds != NULL)
    script_reply_fds (server, row->reply, row->fds);
  else
    script_reply (server, row->reply);
  script_expect_eof (server);
  device = vuc_device_connect (script_server_listen (server), NULL, &error);
  assert_no_error (error);
  ck_assert (vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error));
  before = io_fds[0];
  ck_assert (!vuc_device_region_read (device, 0, 0, (char[1]){ 0 }, 1, NULL));

  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED, "IO descriptors of region 0");
  ck_assert (vuc_device_get_region_io_fds (device, 0, &after, &n_io_fds, NULL));
  ck_assert_ptr_eq (after, io_fds);
  ck_assert_uint_eq (n_io_fds, 1);
  ck_assert_uint_eq (after->offset, before.offset);
  ck_assert_uint_eq (after->size, before.size);
  ck_assert_int_eq (after->fd, before.fd);
  script_server_finish (server);
}

/* What it was asked for before it is not known then, and it is asked once more. */
static void
a_server_that_goes_when_it_is_asked_for_IO_descriptors_can_be_had_later (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;

  for (guint i = 0; i < 3; i++)
    {
      script_handshake (server, &usual);
      script_expect_command (server, 6, NULL);
      if (i != 1)
        script_reply_fds (server, ONE_IO_FD, EVENTFD);
      if (i != 2)
        script_close (server);
    }
  device = vuc_device_connect (script_server_listen (server), NULL, &error);
  assert_no_error (error);
  ck_assert (vuc_device_get_region_io_fds (device, 0, &io_fds, &n_io_fds, &error));
  ck_assert (!vuc_device_region_read (device, 0, 0, (char[1]){ 0 }, 1, NULL));

  ck_assert (!vuc_device_reconnect (device, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "DEVICE_GET_REGION_IO_FDS");
  ck_assert_int_eq (vuc_device_get_state (device), VUC_DEVICE_LOST);
  g_clear_error (&error);
  ck_assert (vuc_device_reconnect (device, &error));
  assert_no_error (error);
  ck_assert_uint_eq (vuc_device_get_generation (device), 2);
  close_and_finish (device, server);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (another_shape_is_rejected, shapes),
  HARNESS_ROWS (a_shape_that_is_as_good_is_accepted, equal_shapes),
  HARNESS_ROWS (other_IO_descriptors_are_another_shape, other_io_fds),
  HARNESS_CASE (a_server_that_goes_when_it_is_asked_for_IO_descriptors_can_be_had_later),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "shapes", cases);
}
