/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The table of guest memory: what may be entered, what is found, what becomes of a region; and that
 * it agrees with a simple model whatever is done to it.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "access/guest-table.h"
#include "harness/harness.h"

#define PAGE      4096
#define NO_LIMIT  65535
#define BOTH      (VUC_DMA_READ | VUC_DMA_WRITE)
#define MAX_FOUND 8

static VucGuestRegion *
enter (VucGuestTable *table, guint64 iova, guint64 size, guint32 flags)
{
  g_autoptr (GError) error = NULL;
  VucGuestRegion *region = vuc_guest_region_new (iova, size, flags);

  vuc_guest_table_add (table, region, NO_LIMIT, &error);
  assert_no_error (error);
  vuc_guest_region_unref (region); /* the table has one */
  return region;
}

static VucGuestRegion *
enter_mapped (VucGuestTable *table, guint64 iova, guint64 size)
{
  VucGuestRegion *region = enter (table, iova, size, BOTH);

  ck_assert (vuc_guest_table_confirm (table, region, 1));
  return region;
}

static void
expect_refused (VucGuestTable *table, guint64 iova, guint64 size, guint max, int code, const char *text)
{
  g_autoptr (GError) error = NULL;
  VucGuestRegion *region = vuc_guest_region_new (iova, size, BOTH);

  ck_assert (!vuc_guest_table_add (table, region, max, &error));
  assert_error (error, VUC_ERROR, code, text);
  vuc_guest_region_unref (region);
}

static int
find (VucGuestTable *table, guint64 address, guint64 count, guint32 right)
{
  VucGuestRegion *regions[MAX_FOUND];
  guint n = 0;
  int error = vuc_guest_table_find (table, address, count, right, regions, MAX_FOUND, &n);

  for (guint i = 0; i < n; i++)
    vuc_guest_region_unref (regions[i]);
  return error;
}

static void
unmap (VucGuestTable *table, guint64 iova, guint64 size)
{
  g_autoptr (GError) error = NULL;
  VucGuestRegion *region = vuc_guest_table_begin_unmap (table, iova, size, &error);

  assert_no_error (error);
  vuc_guest_table_remove (table, region);
  vuc_guest_region_unref (region);
}

static void
expect_no_unmap (VucGuestTable *table, guint64 iova, guint64 size, int code, const char *text)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (vuc_guest_table_begin_unmap (table, iova, size, &error));
  assert_error (error, VUC_ERROR, code, text);
}

/* --- Entering --- */

typedef struct
{
  const char *name;
  guint64 iova, size; /* beside a region of 4 pages at page 16 */
  gboolean fits;
} PlaceRow;

static const PlaceRow places[] = {
  { "far below", 0, PAGE, TRUE },
  { "right below", 15 * PAGE, PAGE, TRUE },
  { "over its beginning", 15 * PAGE, 2 * PAGE, FALSE },
  { "the same", 16 * PAGE, 4 * PAGE, FALSE },
  { "shorter", 16 * PAGE, PAGE, FALSE },
  { "longer", 16 * PAGE, 5 * PAGE, FALSE },
  { "inside", 17 * PAGE, PAGE, FALSE },
  { "over its end", 19 * PAGE, 2 * PAGE, FALSE },
  { "right above", 20 * PAGE, PAGE, TRUE },
  { "around", 0, 64 * PAGE, FALSE },
  { "at the very end", G_MAXUINT64 - (2 * PAGE - 1), PAGE, TRUE },
};

static void
regions_do_not_overlap (gconstpointer data)
{
  const PlaceRow *row = data;
  VucGuestTable *table = vuc_guest_table_new ();

  enter (table, 16 * PAGE, 4 * PAGE, BOTH);
  if (row->fits)
    enter (table, row->iova, row->size, BOTH);
  else
    expect_refused (table, row->iova, row->size, NO_LIMIT, VUC_ERROR_INVALID_ARGUMENT,
                    "it overlaps one at 0x10000, size 0x4000");
  ck_assert_uint_eq (vuc_guest_table_get_count (table), row->fits ? 2 : 1);
  vuc_guest_table_free (table);
}

static void
no_more_are_entered_than_the_server_takes (void)
{
  VucGuestTable *table = vuc_guest_table_new ();
  VucGuestRegion *region;

  expect_refused (table, 0, PAGE, 0, VUC_ERROR_LIMIT, "0 DMA regions are mapped already");
  region = enter (table, 0, PAGE, BOTH);
  enter (table, PAGE, PAGE, BOTH);
  expect_refused (table, 2 * PAGE, PAGE, 2, VUC_ERROR_LIMIT,
                  "2 DMA regions are mapped already, the server takes 2");
  vuc_guest_table_remove (table, region);
  enter (table, 2 * PAGE, PAGE, BOTH);
  vuc_guest_table_free (table);
}

/* --- Finding --- */

typedef struct
{
  const char *name;
  guint64 address, count;
  guint32 right;
  int error;
} FindRow;

/* Pages 1 and 2: both; 3: read only; 5: write only. */
static const FindRow finds[] = {
  { "a byte", PAGE, 1, VUC_DMA_READ, 0 },
  { "a whole region", PAGE, 2 * PAGE, VUC_DMA_WRITE, 0 },
  { "over two", 3 * PAGE - 1, 2, VUC_DMA_READ, 0 },
  { "two of them", PAGE, 3 * PAGE, VUC_DMA_READ, 0 },
  { "its last byte", 4 * PAGE - 1, 1, VUC_DMA_READ, 0 },
  { "below all", 0, 1, VUC_DMA_READ, EFAULT },
  { "from below into it", PAGE - 1, 2, VUC_DMA_READ, EFAULT },
  { "into a gap", 4 * PAGE - 1, 2, VUC_DMA_READ, EFAULT },
  { "a gap", 4 * PAGE, PAGE, VUC_DMA_READ, EFAULT },
  { "over a gap", 3 * PAGE, 3 * PAGE, VUC_DMA_READ, EFAULT },
  { "above all", 6 * PAGE, 1, VUC_DMA_READ, EFAULT },
  { "far above", G_MAXUINT64 - 1, 1, VUC_DMA_READ, EFAULT },
  { "a write to what can be read", 3 * PAGE, 1, VUC_DMA_WRITE, EACCES },
  { "a write of which the end can be read only", 3 * PAGE - 1, 2, VUC_DMA_WRITE, EACCES },
  { "a read of what can be written", 5 * PAGE, 1, VUC_DMA_READ, EACCES },
};

static void
only_what_is_mapped_is_found (gconstpointer data)
{
  const FindRow *row = data;
  VucGuestTable *table = vuc_guest_table_new ();

  enter (table, 5 * PAGE, PAGE, VUC_DMA_WRITE);
  enter (table, PAGE, 2 * PAGE, BOTH);
  enter (table, 3 * PAGE, PAGE, VUC_DMA_READ);
  ck_assert_int_eq (find (table, row->address, row->count, row->right), row->error);
  vuc_guest_table_free (table);
}

static void
no_more_regions_are_found_than_there_is_room_for (void)
{
  VucGuestTable *table = vuc_guest_table_new ();

  for (guint64 i = 0; i <= MAX_FOUND; i++)
    enter (table, i * PAGE, PAGE, BOTH);
  ck_assert_int_eq (find (table, 0, MAX_FOUND * PAGE, VUC_DMA_READ), 0);
  ck_assert_int_eq (find (table, 1, MAX_FOUND * PAGE, VUC_DMA_READ), E2BIG);
  vuc_guest_table_free (table);
}

static void
what_is_found_stays_when_it_is_removed (void)
{
  VucGuestTable *table = vuc_guest_table_new ();
  VucGuestRegion *found;
  guint n;

  enter_mapped (table, PAGE, PAGE);
  ck_assert_int_eq (vuc_guest_table_find (table, PAGE, 1, VUC_DMA_READ, &found, 1, &n), 0);
  ck_assert_uint_eq (n, 1);
  unmap (table, PAGE, PAGE);
  ck_assert_int_eq (find (table, PAGE, 1, VUC_DMA_READ), EFAULT);
  ck_assert_uint_eq (found->size, PAGE);
  ck_assert_int_eq (vuc_guest_table_get_state (table, found), VUC_GUEST_GONE);
  vuc_guest_region_unref (found);
  vuc_guest_table_free (table);
}

/* --- Unmapping --- */

static void
only_exactly_what_was_mapped_is_unmapped (void)
{
  VucGuestTable *table = vuc_guest_table_new ();

  expect_no_unmap (table, PAGE, PAGE, VUC_ERROR_INVALID_ARGUMENT, "no DMA region is mapped at 0x1000");
  enter_mapped (table, PAGE, 2 * PAGE);
  expect_no_unmap (table, PAGE, PAGE, VUC_ERROR_INVALID_ARGUMENT, "with size 0x1000");
  expect_no_unmap (table, PAGE, 3 * PAGE, VUC_ERROR_INVALID_ARGUMENT, "no DMA region");
  expect_no_unmap (table, 2 * PAGE, PAGE, VUC_ERROR_INVALID_ARGUMENT, "no DMA region");
  expect_no_unmap (table, 0, 2 * PAGE, VUC_ERROR_INVALID_ARGUMENT, "no DMA region");
  unmap (table, PAGE, 2 * PAGE);
  ck_assert_uint_eq (vuc_guest_table_get_count (table), 0);
  vuc_guest_table_free (table);
}

static void
one_at_a_time_does_something_to_a_region (void)
{
  g_autoptr (GError) error = NULL;
  VucGuestTable *table = vuc_guest_table_new ();
  VucGuestRegion *region = enter (table, PAGE, PAGE, BOTH);

  expect_no_unmap (table, PAGE, PAGE, VUC_ERROR_INVALID_ARGUMENT, "being mapped just now");
  ck_assert (vuc_guest_table_confirm (table, region, 1));
  ck_assert_ptr_eq (vuc_guest_table_begin_unmap (table, PAGE, PAGE, &error), region);
  expect_no_unmap (table, PAGE, PAGE, VUC_ERROR_INVALID_ARGUMENT, "being unmapped just now");
  ck_assert_int_eq (find (table, PAGE, 1, VUC_DMA_READ), 0); /* a device may drain */
  vuc_guest_table_keep (table, region);
  vuc_guest_region_unref (region);
  unmap (table, PAGE, PAGE);
  vuc_guest_table_free (table);
}

/* What can be is chosen; that something can not is said. */
static void
all_are_unmapped_the_last_first (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) regions = NULL;
  g_autoptr (GPtrArray) again = NULL;
  VucGuestTable *table = vuc_guest_table_new ();

  for (guint64 i = 0; i < 3; i++)
    enter_mapped (table, i * PAGE, PAGE);
  regions = vuc_guest_table_begin_unmap_all (table, &error);
  assert_no_error (error);
  ck_assert_uint_eq (regions->len, 3);
  for (guint i = 0; i < 3; i++)
    ck_assert_uint_eq (((VucGuestRegion *) regions->pdata[i])->iova, (2 - i) * PAGE);
  again = vuc_guest_table_begin_unmap_all (table, &error);
  ck_assert_uint_eq (again->len, 0);
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "being unmapped just now");
  vuc_guest_table_free (table);
}

/* --- What the server may still have --- */

static void
what_is_fenced_is_not_served_any_more (void)
{
  g_autoptr (GError) error = NULL;
  VucGuestTable *table = vuc_guest_table_new ();
  VucGuestRegion *region = enter_mapped (table, PAGE, PAGE);

  vuc_guest_table_fence (table, region, 1, 7, 99);
  ck_assert_int_eq (find (table, PAGE, 1, VUC_DMA_READ), EFAULT);
  ck_assert_uint_eq (vuc_guest_table_get_count (table), 1);
  expect_refused (table, PAGE, PAGE, NO_LIMIT, VUC_ERROR_INVALID_ARGUMENT,
                  "which the server may still have");

  /* Its owner may have freed the memory: so not while it is unmapped again, either. */
  ck_assert_ptr_eq (vuc_guest_table_begin_unmap (table, PAGE, PAGE, &error), region);
  ck_assert_int_eq (find (table, PAGE, 1, VUC_DMA_READ), EFAULT);
  vuc_guest_table_keep (table, region);
  vuc_guest_region_unref (region);
  ck_assert_int_eq (find (table, PAGE, 1, VUC_DMA_READ), EFAULT);
  ck_assert_int_eq (vuc_guest_table_get_state (table, region), VUC_GUEST_FENCED);
  unmap (table, PAGE, PAGE);
  vuc_guest_table_free (table);
}

static void
a_fence_is_lifted_once_and_only_if_nothing_else_has_happened (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) fences = NULL;
  VucGuestTable *table = vuc_guest_table_new ();
  VucGuestRegion *region = enter_mapped (table, PAGE, PAGE);
  VucGuestFence fence;

  ck_assert_ptr_null (vuc_guest_table_get_fences (table));
  vuc_guest_table_fence (table, region, 1, 0, 0); /* nothing will tell */
  ck_assert_ptr_null (vuc_guest_table_get_fences (table));
  vuc_guest_table_fence (table, region, 1, 7, 99);
  fences = vuc_guest_table_get_fences (table);
  ck_assert_uint_eq (fences->len, 1);
  fence = g_array_index (fences, VucGuestFence, 0);
  ck_assert_uint_eq (fence.call_id, 7);
  ck_assert_uint_eq (fence.call_order, 99);
  ck_assert_uint_eq (fence.link_number, 1);

  ck_assert_ptr_eq (vuc_guest_table_begin_unmap (table, PAGE, PAGE, &error), region);
  vuc_guest_table_lift (table, &fence);
  ck_assert_uint_eq (vuc_guest_table_get_count (table), 1);
  vuc_guest_table_fence (table, region, 1, 8, 100);
  vuc_guest_table_lift (table, &fence);
  ck_assert_uint_eq (vuc_guest_table_get_count (table), 1);
  vuc_guest_region_unref (region);

  fence.call_order = 100;
  vuc_guest_table_lift (table, &fence);
  ck_assert_uint_eq (vuc_guest_table_get_count (table), 0);
  vuc_guest_table_lift (table, &fence);
  vuc_guest_table_free (table);
}

/* --- Another connection --- */

static void
what_is_mapped_is_restored_and_what_is_fenced_is_forgotten (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) regions = NULL;
  g_autoptr (GPtrArray) none = NULL;
  VucGuestTable *table = vuc_guest_table_new ();
  VucGuestRegion *mapping, *unmapping;

  enter_mapped (table, PAGE, PAGE);
  mapping = enter (table, 2 * PAGE, PAGE, BOTH);
  vuc_guest_table_fence (table, enter_mapped (table, 3 * PAGE, PAGE), 1, 0, 0);
  enter_mapped (table, 4 * PAGE, PAGE);
  unmapping = vuc_guest_table_begin_unmap (table, 4 * PAGE, PAGE, NULL);
  enter_mapped (table, 5 * PAGE, PAGE);

  regions = vuc_guest_table_begin_restore (table, 2);
  ck_assert_uint_eq (regions->len, 2);
  ck_assert_uint_eq (((VucGuestRegion *) regions->pdata[0])->iova, PAGE);
  ck_assert_uint_eq (((VucGuestRegion *) regions->pdata[1])->iova, 5 * PAGE);
  ck_assert_uint_eq (vuc_guest_table_get_count (table), 4);
  expect_no_unmap (table, PAGE, PAGE, VUC_ERROR_DISCONNECTED, "being connected again");
  none = vuc_guest_table_begin_unmap_all (table, &error);
  ck_assert_uint_eq (none->len, 0);
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "being connected again");
  ck_assert (!vuc_guest_table_begin_roll_back (table, regions->pdata[0]));

  /* The reply of the server before: this one was not told of it. */
  ck_assert (!vuc_guest_table_confirm (table, mapping, 1));
  vuc_guest_table_remove (table, mapping);
  vuc_guest_table_remove (table, unmapping);
  vuc_guest_region_unref (unmapping);

  vuc_guest_table_end_restore (table);
  ck_assert (vuc_guest_table_begin_roll_back (table, regions->pdata[0]));
  ck_assert (!vuc_guest_table_begin_roll_back (table, regions->pdata[0]));
  unmap (table, 5 * PAGE, PAGE);
  vuc_guest_table_free (table);
}

/* --- Files --- */

static VucGuestRegion *
enter_file (VucGuestTable *table, guint64 iova, int fd, gboolean writable)
{
  g_autoptr (GError) error = NULL;
  VucSharedFile *file = vuc_guest_table_share_file (table, fd, writable, FALSE, &error);
  VucGuestRegion *region = vuc_guest_region_new (iova, PAGE, BOTH);

  assert_no_error (error);
  region->file = file;
  vuc_guest_table_add (table, region, NO_LIMIT, &error);
  assert_no_error (error);
  vuc_guest_table_confirm (table, region, 1);
  vuc_guest_region_unref (region);
  return region;
}

static void
regions_of_one_file_share_one_duplicate (void)
{
  VucGuestTable *table = vuc_guest_table_new ();
  int fd = memfd_create ("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int other = memfd_create ("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int same = dup (fd);
  VucGuestRegion *a = enter_file (table, 0, fd, TRUE);
  VucGuestRegion *b = enter_file (table, PAGE, same, TRUE);
  VucGuestRegion *c = enter_file (table, 2 * PAGE, fd, FALSE);
  VucGuestRegion *d = enter_file (table, 3 * PAGE, other, TRUE);
  int shared = a->file->fd;

  ck_assert_ptr_eq (a->file, b->file);
  ck_assert_ptr_ne (a->file, c->file);
  ck_assert_ptr_ne (a->file, d->file);
  unmap (table, 0, PAGE);
  ck_assert_ptr_eq (enter_file (table, 4 * PAGE, fd, TRUE)->file, b->file);
  unmap (table, PAGE, PAGE);
  unmap (table, 4 * PAGE, PAGE);
  ck_assert_int_lt (fcntl (shared, F_GETFD), 0);
  enter_file (table, 0, fd, TRUE);
  vuc_guest_table_free (table);
  close (fd);
  close (same);
  close (other);
}

/* --- At random, against a model --- */

#define N_PAGES 64
#define N_STEPS 20000

static void
it_agrees_with_a_model (void)
{
  VucGuestTable *table = vuc_guest_table_new ();
  GRand *random = g_rand_new_with_seed (1);
  guint begins[N_PAGES]; /* of the region that a page is in, plus 1; 0: none */
  guint n = 0;

  memset (begins, 0, sizeof begins);
  for (guint step = 0; step < N_STEPS; step++)
    {
      guint first = (guint) g_rand_int_range (random, 0, N_PAGES);
      guint count = (guint) g_rand_int_range (random, 1, MIN (6, N_PAGES - first + 1));
      gboolean is_free = TRUE, is_mapped = TRUE, is_exact;

      for (guint i = first; i < first + count; i++)
        {
          is_free &= begins[i] == 0;
          is_mapped &= begins[i] != 0;
        }
      is_exact = is_mapped && begins[first] == first + 1 && begins[first + count - 1] == first + 1
                 && (first + count == N_PAGES || begins[first + count] != first + 1);

      ck_assert_int_eq (find (table, first * PAGE, count * PAGE, VUC_DMA_READ),
                        is_mapped ? 0 : EFAULT);
      if (is_free)
        enter_mapped (table, first * PAGE, count * PAGE);
      else if (is_exact)
        unmap (table, first * PAGE, count * PAGE);
      else
        expect_no_unmap (table, first * PAGE, count * PAGE, VUC_ERROR_INVALID_ARGUMENT, "");
      for (guint i = first; i < first + count && (is_free || is_exact); i++)
        begins[i] = is_free ? first + 1 : 0;
      n += is_free;
      n -= !is_free && is_exact;
      ck_assert_uint_eq (vuc_guest_table_get_count (table), n);
    }
  g_rand_free (random);
  vuc_guest_table_free (table);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (regions_do_not_overlap, places),
  HARNESS_CASE (no_more_are_entered_than_the_server_takes),
  HARNESS_ROWS (only_what_is_mapped_is_found, finds),
  HARNESS_CASE (no_more_regions_are_found_than_there_is_room_for),
  HARNESS_CASE (what_is_found_stays_when_it_is_removed),
  HARNESS_CASE (only_exactly_what_was_mapped_is_unmapped),
  HARNESS_CASE (one_at_a_time_does_something_to_a_region),
  HARNESS_CASE (all_are_unmapped_the_last_first),
  HARNESS_CASE (what_is_fenced_is_not_served_any_more),
  HARNESS_CASE (a_fence_is_lifted_once_and_only_if_nothing_else_has_happened),
  HARNESS_CASE (what_is_mapped_is_restored_and_what_is_fenced_is_forgotten),
  HARNESS_CASE (regions_of_one_file_share_one_duplicate),
  HARNESS_CASE (it_agrees_with_a_model),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "guest-table", cases);
}
