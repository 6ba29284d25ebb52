/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which way an access goes: each kind of way, hits and misses of doorbells, where an access is split,
 * what overlaps, and that nothing depends on the order in which the ways were found.
 */

#include "access/route.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define PAGE 0x1000

/*
 * The region that most tests look at:
 *
 *   0x0000  messages; doorbells at 0x10 (4 bytes), 0x20 (4 bytes, 1 and 2 are meant), 0x30 (any
 *           size), 0x40 (8 bytes, shadow); a point of an ioregionfd at 0x50
 *   0x1000  mapped
 *   0x2000  messages
 *   0x3000  an ioregionfd
 *   0x3100  messages
 *   0x4000  mapped, two areas that touch
 *   0x6000  messages
 */
static guint8 memory[3 * PAGE];
static guint64 shadow;
static VucIoregion *ioregion;

static gpointer
copy_of (gconstpointer array, gsize size)
{
  gpointer copy = g_malloc (size);

  memcpy (copy, array, size);
  return copy;
}

static VucIoregion *
new_ioregion (void)
{
  int sockets[2];
  VucIoregion *made;

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
  made = vuc_ioregion_new (sockets[0], NULL);
  ck_assert_ptr_nonnull (made);
  close (sockets[0]);
  close (sockets[1]);
  return made;
}

static VucRoutes *
usual_routes (void)
{
  const VucStretch stretches[] = {
    { .way = VUC_WAY_MAPPED, .offset = 0x5000, .size = PAGE, .memory = memory + 2 * PAGE },
    { .way = VUC_WAY_IOREGIONFD,
      .offset = 0x3000,
      .size = 0x100,
      .ioregion = ioregion,
      .origin = 0x3000 },
    { .way = VUC_WAY_MAPPED, .offset = 0x1000, .size = PAGE, .memory = memory },
    { .way = VUC_WAY_MAPPED, .offset = 0x4000, .size = PAGE, .memory = memory + PAGE },
  };
  const VucPoint points[] = {
    { .way = VUC_WAY_IOREGIONFD, .offset = 0x50, .fd = -1, .ioregion = ioregion },
    { .way = VUC_WAY_SHADOW, .offset = 0x40, .size = 8, .fd = 7, .shadow = (guint8 *) &shadow },
    { .way = VUC_WAY_IOEVENTFD,
      .offset = 0x20,
      .size = 4,
      .has_datamatch = TRUE,
      .datamatch = 1,
      .fd = 4 },
    { .way = VUC_WAY_IOEVENTFD,
      .offset = 0x20,
      .size = 4,
      .has_datamatch = TRUE,
      .datamatch = 2,
      .fd = 5 },
    { .way = VUC_WAY_IOEVENTFD, .offset = 0x30, .fd = 6 },
    { .way = VUC_WAY_IOEVENTFD, .offset = 0x10, .size = 4, .fd = 3 },
  };

  return vuc_routes_new (copy_of (stretches, sizeof stretches), G_N_ELEMENTS (stretches),
                         copy_of (points, sizeof points), G_N_ELEMENTS (points));
}

typedef struct
{
  const char *name;
  gboolean writes;
  guint64 offset;
  gsize count;
  guint64 value; /* what is written */
  VucAccessFlags flags;
  VucWay way;
  gsize part;
  int fd; /* of the doorbell that is rung */
} Row;

#define READ  FALSE
#define WRITE TRUE

static const Row rows[] = {
  { "a read of nothing in particular", READ, 0, 4, 0, 0, VUC_WAY_MESSAGE, 4, 0 },
  { "a write to nothing in particular", WRITE, 0, 4, 0, 0, VUC_WAY_MESSAGE, 4, 0 },

  { "a byte of an area", READ, 0x1fff, 1, 0, 0, VUC_WAY_MAPPED, 1, 0 },
  { "the first bytes of an area", WRITE, 0x1000, 8, 0, 0, VUC_WAY_MAPPED, 8, 0 },
  { "a whole area", READ, 0x1000, PAGE, 0, 0, VUC_WAY_MAPPED, PAGE, 0 },
  { "into an area", READ, 0xffe, 4, 0, 0, VUC_WAY_MESSAGE, 2, 0 },
  { "out of an area", WRITE, 0x1ffe, 4, 0, 0, VUC_WAY_MAPPED, 2, 0 },
  { "over an area", READ, 0xfff, PAGE + 2, 0, 0, VUC_WAY_MESSAGE, 1, 0 },
  { "from one area to the next", READ, 0x4ffc, 8, 0, 0, VUC_WAY_MAPPED, 4, 0 },
  { "behind the last area", READ, 0x6000, 4, 0, 0, VUC_WAY_MESSAGE, 4, 0 },
  { "an area that may not be used", READ, 0x1000, 4, 0, VUC_ACCESS_NO_MAPPED, VUC_WAY_MESSAGE, 4,
    0 },
  { "into an area that may not be used", READ, 0xffe, 4, 0, VUC_ACCESS_NO_MAPPED, VUC_WAY_MESSAGE,
    4, 0 },

  { "a doorbell", WRITE, 0x10, 4, 9, 0, VUC_WAY_IOEVENTFD, 4, 3 },
  { "a doorbell is not read", READ, 0x10, 4, 0, 0, VUC_WAY_MESSAGE, 4, 0 },
  { "a doorbell of another width", WRITE, 0x10, 2, 9, 0, VUC_WAY_MESSAGE, 2, 0 },
  { "a doorbell, one byte off", WRITE, 0x11, 4, 9, 0, VUC_WAY_MESSAGE, 4, 0 },
  { "a doorbell among others", WRITE, 0xc, 8, 9, 0, VUC_WAY_MESSAGE, 8, 0 },
  { "a doorbell that may not be rung", WRITE, 0x10, 4, 9, VUC_ACCESS_NO_IOEVENTFD, VUC_WAY_MESSAGE,
    4, 0 },
  { "the first of two values", WRITE, 0x20, 4, 1, 0, VUC_WAY_IOEVENTFD, 4, 4 },
  { "the second of two values", WRITE, 0x20, 4, 2, 0, VUC_WAY_IOEVENTFD, 4, 5 },
  { "neither of two values", WRITE, 0x20, 4, 3, 0, VUC_WAY_MESSAGE, 4, 0 },
  { "a doorbell of any size: 1", WRITE, 0x30, 1, 9, 0, VUC_WAY_IOEVENTFD, 1, 6 },
  { "a doorbell of any size: 2", WRITE, 0x30, 2, 9, 0, VUC_WAY_IOEVENTFD, 2, 6 },
  { "a doorbell of any size: 4", WRITE, 0x30, 4, 9, 0, VUC_WAY_IOEVENTFD, 4, 6 },
  { "a doorbell of any size: 8", WRITE, 0x30, 8, 9, 0, VUC_WAY_IOEVENTFD, 8, 6 },
  { "a doorbell of any size: 3", WRITE, 0x30, 3, 9, 0, VUC_WAY_MESSAGE, 3, 0 },
  { "a doorbell of any size: 16", WRITE, 0x30, 16, 9, 0, VUC_WAY_MESSAGE, 16, 0 },
  { "a shadow", WRITE, 0x40, 8, 9, 0, VUC_WAY_SHADOW, 8, 7 },
  { "a shadow that may not be used", WRITE, 0x40, 8, 9, VUC_ACCESS_NO_IOEVENTFD, VUC_WAY_MESSAGE, 8,
    0 },

  { "a register of an ioregionfd", READ, 0x3010, 4, 0, 0, VUC_WAY_IOREGIONFD, 4, 0 },
  { "seven bytes of an ioregionfd", WRITE, 0x3010, 7, 0, 0, VUC_WAY_IOREGIONFD, 4, 0 },
  { "many bytes of an ioregionfd", READ, 0x3010, 64, 0, 0, VUC_WAY_IOREGIONFD, 8, 0 },
  { "the end of an ioregionfd", READ, 0x30fd, 8, 0, 0, VUC_WAY_IOREGIONFD, 2, 0 },
  { "into an ioregionfd", WRITE, 0x2fff, 8, 0, 0, VUC_WAY_MESSAGE, 1, 0 },
  { "an ioregionfd that may not be used", READ, 0x3010, 4, 0, VUC_ACCESS_NO_IOREGIONFD,
    VUC_WAY_MESSAGE, 4, 0 },
  { "a point of an ioregionfd, written", WRITE, 0x50, 2, 0, 0, VUC_WAY_IOREGIONFD, 2, 0 },
  { "a point of an ioregionfd, read", READ, 0x50, 8, 0, 0, VUC_WAY_IOREGIONFD, 8, 0 },
  { "a point of an ioregionfd, missed", READ, 0x51, 1, 0, 0, VUC_WAY_MESSAGE, 1, 0 },
  { "by message only", WRITE, 0x1000, 4, 0, VUC_ACCESS_MESSAGE_ONLY, VUC_WAY_MESSAGE, 4, 0 },
};

static void
each_access_goes_its_way (gconstpointer data)
{
  const Row *row = data;
  g_autofree guint8 *bytes = g_malloc0 (row->count + sizeof row->value);
  VucRoutes *routes;
  VucPart part;

  ioregion = new_ioregion ();
  routes = usual_routes ();
  memcpy (bytes, &row->value, sizeof row->value);

  part = vuc_routes_find (routes, row->offset, row->writes ? bytes : NULL, row->count, row->flags);
  ck_assert_int_eq (part.way, row->way);
  ck_assert_uint_eq (part.count, row->part);
  ck_assert_int_eq (part.point != NULL || part.stretch != NULL, row->way != VUC_WAY_MESSAGE);
  if (row->fd != 0)
    ck_assert_int_eq (part.point->fd, row->fd);
  if (row->way == VUC_WAY_MAPPED)
    {
      ck_assert_uint_le (part.stretch->offset, row->offset);
      ck_assert_uint_ge (part.stretch->offset + part.stretch->size, row->offset + row->part);
    }

  vuc_routes_free (routes);
  vuc_ioregion_unref (ioregion);
}

static void
nothing_known_is_by_message (void)
{
  VucRoutes *routes = vuc_routes_new (NULL, 0, NULL, 0);
  VucPart part = vuc_routes_find (routes, G_MAXUINT64 - 8, NULL, 8, VUC_ACCESS_ANY);

  ck_assert_int_eq (part.way, VUC_WAY_MESSAGE);
  ck_assert_uint_eq (part.count, 8);
  vuc_routes_free (routes);
}

/* ---- Values that are meant ---- */

/* Doorbells of each width, and what each of them means. */
static const VucPoint meant[] = {
  { .offset = 0x100, .size = 1, .datamatch = 0x81, .fd = 1 },
  { .offset = 0x110, .size = 2, .datamatch = 0x8281, .fd = 2 },
  { .offset = 0x120, .size = 4, .datamatch = 0x84838281, .fd = 4 },
  { .offset = 0x130, .size = 8, .datamatch = 0x8887868584838281, .fd = 8 },
};

typedef struct
{
  const char *name;
  guint64 offset;
  gsize count;
  guint64 value;
  int fd; /* of the doorbell that is rung; 0: none */
} ValueRow;

static const ValueRow values[] = {
  { "1 byte", 0x100, 1, 0x81, 1 },
  { "1 byte, missed", 0x100, 1, 0x82, 0 },
  { "1 byte, 0", 0x100, 1, 0, 0 },
  { "1 byte, 2 are written", 0x100, 2, 0x81, 0 },
  { "1 byte, 4 are written", 0x100, 4, 0x81, 0 },
  { "1 byte, 8 are written", 0x100, 8, 0x81, 0 },

  { "2 bytes", 0x110, 2, 0x8281, 2 },
  { "2 bytes, missed", 0x110, 2, 0x8280, 0 },
  { "2 bytes, their highest is another", 0x110, 2, 0x8381, 0 },
  { "2 bytes, their highest is 0", 0x110, 2, 0x81, 0 },
  { "2 bytes, 1 is written", 0x110, 1, 0x8281, 0 },
  { "2 bytes, 4 are written", 0x110, 4, 0x8281, 0 },
  { "2 bytes, 8 are written", 0x110, 8, 0x8281, 0 },

  { "4 bytes", 0x120, 4, 0x84838281, 4 },
  { "4 bytes, missed", 0x120, 4, 0x84838280, 0 },
  { "4 bytes, their highest is another", 0x120, 4, 0x85838281, 0 },
  { "4 bytes, their highest is 0", 0x120, 4, 0x838281, 0 },
  { "4 bytes, 2 are written", 0x120, 2, 0x84838281, 0 },
  { "4 bytes, 8 are written", 0x120, 8, 0x84838281, 0 },

  { "8 bytes", 0x130, 8, 0x8887868584838281, 8 },
  { "8 bytes, missed", 0x130, 8, 0x8887868584838280, 0 },
  { "8 bytes, their highest is another", 0x130, 8, 0x8987868584838281, 0 },
  { "8 bytes, their highest is 0", 0x130, 8, 0x87868584838281, 0 },
  { "8 bytes, the lower 4 are written", 0x130, 4, 0x84838281, 0 },
};

/* As the host writes a number of so many bytes. */
static void
put_value (guint8 *bytes, guint64 value, gsize count)
{
  const guint16 two = (guint16) value;
  const guint32 four = (guint32) value;

  if (count == 1)
    bytes[0] = (guint8) value;
  else
    memcpy (bytes, count == 2 ? (gconstpointer) &two : count == 4 ? &four : (gconstpointer) &value,
            count);
}

static void
only_the_value_that_is_meant_rings (gconstpointer data)
{
  const ValueRow *row = data;
  VucPoint *points = copy_of (meant, sizeof meant);
  guint8 bytes[sizeof row->value];
  VucRoutes *routes;
  VucPart part;

  for (guint i = 0; i < G_N_ELEMENTS (meant); i++)
    {
      points[i].way = VUC_WAY_IOEVENTFD;
      points[i].has_datamatch = TRUE;
    }
  routes = vuc_routes_new (NULL, 0, points, G_N_ELEMENTS (meant));
  memset (bytes, 0x55, sizeof bytes); /* nobody may look behind what is written */
  put_value (bytes, row->value, row->count);

  part = vuc_routes_find (routes, row->offset, bytes, row->count, VUC_ACCESS_ANY);
  ck_assert_int_eq (part.way, row->fd != 0 ? VUC_WAY_IOEVENTFD : VUC_WAY_MESSAGE);
  ck_assert_uint_eq (part.count, row->count);
  if (row->fd != 0)
    ck_assert_int_eq (part.point->fd, row->fd);
  else
    ck_assert_ptr_null (part.point);
  vuc_routes_free (routes);
}

/* ---- What overlaps ---- */

static VucStretch
mapped (guint64 offset, guint64 size)
{
  return (VucStretch){ .way = VUC_WAY_MAPPED, .offset = offset, .size = size, .memory = memory };
}

static VucStretch
by_ioregion (guint64 offset, guint64 size)
{
  return (VucStretch){ .way = VUC_WAY_IOREGIONFD,
                       .offset = offset,
                       .size = size,
                       .ioregion = ioregion,
                       .origin = offset };
}

static void
expect_stretch (const VucRoutes *routes, guint i, VucWay way, guint64 offset, guint64 size)
{
  ck_assert_uint_lt (i, routes->n_stretches);
  ck_assert_int_eq (routes->stretches[i].way, way);
  ck_assert_uint_eq (routes->stretches[i].offset, offset);
  ck_assert_uint_eq (routes->stretches[i].size, size);
}

static void
an_area_cuts_an_ioregionfd_in_two (void)
{
  const VucStretch stretches[] = { mapped (0x100, 0x100), by_ioregion (0x80, 0x200) };
  VucRoutes *routes = vuc_routes_new (copy_of (stretches, sizeof stretches), 2, NULL, 0);

  ck_assert_uint_eq (routes->n_stretches, 3);
  expect_stretch (routes, 0, VUC_WAY_IOREGIONFD, 0x80, 0x80);
  expect_stretch (routes, 1, VUC_WAY_MAPPED, 0x100, 0x100);
  expect_stretch (routes, 2, VUC_WAY_IOREGIONFD, 0x200, 0x80);
  ck_assert_uint_eq (routes->stretches[2].origin, 0x80);
  ck_assert_ptr_eq (routes->stretches[1].memory, memory);
  vuc_routes_free (routes);
}

static void
the_first_of_two_that_overlap_wins (void)
{
  const VucStretch stretches[] = { by_ioregion (0x100, 0x100), by_ioregion (0x180, 0x100),
                                   by_ioregion (0x140, 0x20), by_ioregion (0x0, 0x400) };
  VucRoutes *routes = vuc_routes_new (copy_of (stretches, sizeof stretches), 4, NULL, 0);

  ck_assert_uint_eq (routes->n_stretches, 4);
  expect_stretch (routes, 0, VUC_WAY_IOREGIONFD, 0, 0x100);
  expect_stretch (routes, 1, VUC_WAY_IOREGIONFD, 0x100, 0x100);
  expect_stretch (routes, 2, VUC_WAY_IOREGIONFD, 0x200, 0x80);
  expect_stretch (routes, 3, VUC_WAY_IOREGIONFD, 0x280, 0x180);
  ck_assert_uint_eq (routes->stretches[2].origin, 0x180);
  ck_assert_uint_eq (routes->stretches[3].origin, 0);
  vuc_routes_free (routes);
}

static void
a_cut_area_keeps_its_memory (void)
{
  const VucStretch stretches[] = { by_ioregion (0x0, 0x40), mapped (0x0, 0x100) };
  VucRoutes *routes = vuc_routes_new (copy_of (stretches, sizeof stretches), 2, NULL, 0);

  expect_stretch (routes, 1, VUC_WAY_MAPPED, 0x40, 0xc0);
  ck_assert_ptr_eq (routes->stretches[1].memory, memory + 0x40);
  vuc_routes_free (routes);
}

/* ---- Many ---- */

#define MANY 1000

static void
each_of_many_doorbells_is_found (void)
{
  VucPoint *points = g_new0 (VucPoint, MANY);
  VucRoutes *routes;
  guint32 value = 1;

  for (guint i = 0; i < MANY; i++)
    points[i] = (VucPoint){ .way = VUC_WAY_IOEVENTFD,
                            .offset = 4 * ((i * 7) % MANY),
                            .size = 4,
                            .fd = (int) ((i * 7) % MANY) };
  routes = vuc_routes_new (NULL, 0, points, MANY);
  for (guint i = 0; i < MANY; i++)
    {
      VucPart part = vuc_routes_find (routes, 4 * i, &value, 4, VUC_ACCESS_ANY);

      ck_assert_int_eq (part.way, VUC_WAY_IOEVENTFD);
      ck_assert_int_eq (part.point->fd, (int) i);
    }
  vuc_routes_free (routes);
}

static void
each_of_many_areas_is_found (void)
{
  VucStretch *stretches = g_new0 (VucStretch, MANY);
  VucRoutes *routes;

  for (guint i = 0; i < MANY; i++)
    stretches[i] = mapped (0x20 * (guint64) ((i * 7) % MANY), 0x10);
  routes = vuc_routes_new (stretches, MANY, NULL, 0);
  for (guint64 i = 0; i < MANY; i++)
    {
      VucPart in = vuc_routes_find (routes, 0x20 * i + 0xf, NULL, 2, VUC_ACCESS_ANY);
      VucPart between = vuc_routes_find (routes, 0x20 * i + 0x10, NULL, 0x20, VUC_ACCESS_ANY);

      ck_assert_int_eq (in.way, VUC_WAY_MAPPED);
      ck_assert_uint_eq (in.count, 1);
      ck_assert_int_eq (between.way, VUC_WAY_MESSAGE);
      ck_assert_uint_eq (between.count, i == MANY - 1 ? 0x20 : 0x10);
    }
  vuc_routes_free (routes);
}

static const HarnessCase cases[] = { HARNESS_ROWS (each_access_goes_its_way, rows),
                                     HARNESS_CASE (nothing_known_is_by_message),
                                     HARNESS_ROWS (only_the_value_that_is_meant_rings, values),
                                     HARNESS_CASE (an_area_cuts_an_ioregionfd_in_two),
                                     HARNESS_CASE (the_first_of_two_that_overlap_wins),
                                     HARNESS_CASE (a_cut_area_keeps_its_memory),
                                     HARNESS_CASE (each_of_many_doorbells_is_found),
                                     HARNESS_CASE (each_of_many_areas_is_found),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "route", cases);
}
