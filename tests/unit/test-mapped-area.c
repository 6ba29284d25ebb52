/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which files are mapped, and that none of them can shrink afterwards.
 */

#include "access/mapped-area.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"

#define READ_WRITE (PROT_READ | PROT_WRITE)

static gsize
page (void)
{
  return (gsize) sysconf (_SC_PAGESIZE);
}

static int
make_memfd (guint flags, gsize pages)
{
  int fd = memfd_create ("memory", MFD_CLOEXEC | flags);

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (ftruncate (fd, (off_t) (pages * page ())), 0);
  return fd;
}

static int
make_file (gsize pages)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "file", NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (ftruncate (fd, (off_t) (pages * page ())), 0);
  return fd;
}

static void
refuse (int fd, guint64 offset, guint64 size, gboolean allow_unsealed, const char *why)
{
  g_autoptr(GError) error = NULL;

  ck_assert_ptr_null (vuc_mapped_area_map (fd, offset, size, READ_WRITE, allow_unsealed, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED, why);
}

static gpointer
map_or_fail (int fd, guint64 offset, guint64 size, gboolean allow_unsealed)
{
  g_autoptr(GError) error = NULL;
  gpointer memory = vuc_mapped_area_map (fd, offset, size, READ_WRITE, allow_unsealed, &error);

  assert_no_error (error);
  ck_assert_ptr_nonnull (memory);
  return memory;
}

static void
what_is_mapped_is_the_file (void)
{
  int fd = make_memfd (MFD_ALLOW_SEALING, 3);
  guint8 *memory = map_or_fail (fd, page (), 2 * page (), FALSE);
  guint8 byte = 0;

  memory[page () + 1] = 0x5a;
  ck_assert_int_eq (pread (fd, &byte, 1, (off_t) (2 * page () + 1)), 1);
  ck_assert_uint_eq (byte, 0x5a);

  munmap (memory, 2 * page ());
  close (fd);
}

static void
the_protection_is_what_was_asked_for (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = make_memfd (MFD_ALLOW_SEALING, 1);
  int reader;
  gpointer memory;

  ck_assert_int_eq (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
  path = g_strdup_printf ("/proc/self/fd/%d", fd);
  reader = open (path, O_RDONLY | O_CLOEXEC);

  memory = vuc_mapped_area_map (reader, 0, page (), PROT_READ, FALSE, &error);
  assert_no_error (error);
  ck_assert_uint_eq (*(guint8 *) memory, 0);
  munmap (memory, page ());

  refuse (reader, 0, page (), FALSE, "mapping the file");
  close (reader);
  close (fd);
}

/* --- Shrinking --- */

static void
a_file_that_can_be_sealed_is_sealed (void)
{
  int fd = make_memfd (MFD_ALLOW_SEALING, 2);
  guint8 *memory = map_or_fail (fd, 0, 2 * page (), FALSE);

  ck_assert_int_ne (fcntl (fd, F_GET_SEALS) & F_SEAL_SHRINK, 0);
  ck_assert_int_eq (ftruncate (fd, (off_t) page ()), -1);
  ck_assert_int_eq (errno, EPERM);
  memory[2 * page () - 1] = 1;

  /* Growing does no harm, and is the server's business. */
  ck_assert_int_eq (ftruncate (fd, (off_t) (3 * page ())), 0);
  munmap (memory, 2 * page ());
  close (fd);
}

static void
a_file_that_was_sealed_already_is_mapped (void)
{
  int fd = make_memfd (MFD_ALLOW_SEALING, 1);
  const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  gpointer memory;

  ck_assert_int_eq (fcntl (fd, F_ADD_SEALS, seals), 0);
  memory = map_or_fail (fd, 0, page (), FALSE);

  ck_assert_int_eq (fcntl (fd, F_GET_SEALS), seals);
  munmap (memory, page ());
  close (fd);
}

static void
a_file_that_cannot_be_sealed_is_refused (void)
{
  int without_sealing = make_memfd (0, 1);
  int sealed_for_growing = make_memfd (MFD_ALLOW_SEALING, 1);
  int file = make_file (1);

  ck_assert_int_eq (fcntl (sealed_for_growing, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL), 0);

  refuse (without_sealing, 0, page (), FALSE, "the server can shrink the file");
  refuse (sealed_for_growing, 0, page (), FALSE, "the server can shrink the file");
  refuse (file, 0, page (), FALSE, "the server can shrink the file");
  close (without_sealing);
  close (sealed_for_growing);
  close (file);
}

static void
a_file_that_cannot_be_sealed_is_mapped_if_that_is_allowed (void)
{
  int memfd = make_memfd (0, 1);
  int file = make_file (1);
  gpointer first = map_or_fail (memfd, 0, page (), TRUE);
  gpointer second = map_or_fail (file, 0, page (), TRUE);

  munmap (first, page ());
  munmap (second, page ());
  close (memfd);
  close (file);
}

/* Being allowed to trust is no reason to leave open what can be closed. */
static void
a_file_is_sealed_even_where_that_is_not_asked_for (void)
{
  int fd = make_memfd (MFD_ALLOW_SEALING, 1);
  gpointer memory = map_or_fail (fd, 0, page (), TRUE);

  ck_assert_int_ne (fcntl (fd, F_GET_SEALS) & F_SEAL_SHRINK, 0);
  munmap (memory, page ());
  close (fd);
}

/* --- Sizes --- */

static const struct
{
  const char *name;
  guint64 offset; /* in pages and bytes */
  guint64 offset_bytes;
  guint64 size;
  guint64 size_bytes;
  const char *why;
} places[] = {
  { "an offset in the middle of a page", 0, 1, 1, 0, "file offset 0x1 is not a multiple" },
  { "a size that ends in a page", 0, 0, 1, 1, "is not a multiple of this host's page size" },
  { "half a page", 0, 0, 0, 512, "size 0x200 is not a multiple" },
  { "no size", 0, 0, 0, 0, "size 0x0 is not a multiple" },
  { "a page too many", 0, 0, 3, 0, "are to be mapped" },
  { "a page behind the end", 2, 0, 1, 0, "the file has 0x" },
  { "half behind the end", 1, 0, 2, 0, "are to be mapped" },
  { "an offset above 2^63", G_MAXUINT64 / 4096 - 2, 0, 1, 0, "are to be mapped" },
  { "a size above 2^63", 0, 0, G_MAXUINT64 / 4096 - 2, 0, "are to be mapped" },
};

static void
a_place_that_the_file_does_not_have_is_refused (gconstpointer row)
{
  const __typeof__ (places[0]) *place = row;
  int fd = make_memfd (MFD_ALLOW_SEALING, 2);
  guint64 offset = place->offset * page () + place->offset_bytes;
  guint64 size = place->size * page () + place->size_bytes;

  refuse (fd, offset, size, FALSE, place->why);
  refuse (fd, offset, size, TRUE, place->why);
  close (fd);
}

/* --- What is no file --- */

static void
what_cannot_be_mapped_is_refused (void)
{
  int pair[2];
  int event = eventfd (0, EFD_CLOEXEC);
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  refuse (event, 0, page (), FALSE, "cannot be sealed");
  refuse (pair[0], 0, page (), FALSE, "cannot be sealed");
  refuse (null, 0, page (), FALSE, "cannot be sealed");
  refuse (-1, 0, page (), FALSE, "cannot be sealed");

  refuse (event, 0, page (), TRUE, "mapping the file");
  refuse (pair[0], 0, page (), TRUE, "mapping the file");
  refuse (null, 0, page (), TRUE, "mapping the file");
  refuse (-1, 0, page (), TRUE, "asking for the file's size");
  close (event);
  close (null);
  close (pair[0]);
  close (pair[1]);
}

/* A device has no size to compare with; it is for who trusts the server. */
static void
a_device_is_mapped_only_if_that_is_allowed (void)
{
  int zero = open ("/dev/zero", O_RDWR | O_CLOEXEC);
  gpointer memory;

  refuse (zero, 0, page (), FALSE, "cannot be sealed");
  memory = map_or_fail (zero, 0, page (), TRUE);
  munmap (memory, page ());
  close (zero);
}

/* --- In the place of another --- */

static void
an_area_is_put_where_another_was (void)
{
  const gsize size = 4 * page ();
  int fd = make_memfd (MFD_ALLOW_SEALING, 5);
  int before = make_memfd (MFD_ALLOW_SEALING, 6);
  guint8 *memory = map_or_fail (before, 0, 6 * page (), FALSE);
  guint8 *fresh;
  g_autoptr(GError) error = NULL;
  guint8 byte = 0x11;

  /* What is there may consist of several mappings. */
  memset (memory, 0x5a, 6 * page ());
  ck_assert_int_eq (mprotect (memory + 2 * page (), page (), PROT_READ), 0);
  ck_assert_int_eq (pwrite (fd, &byte, 1, (off_t) page ()), 1);
  fresh = vuc_mapped_area_map_to_move (fd, page (), size, READ_WRITE, FALSE, &error);
  assert_no_error (error);
  ck_assert_uint_eq (memory[page ()], 0x5a);

  ck_assert (vuc_mapped_area_move (fresh, size, memory + page (), &error));
  assert_no_error (error);
  ck_assert_uint_eq (memory[0], 0x5a);
  ck_assert_uint_eq (memory[page () - 1], 0x5a);
  ck_assert_uint_eq (memory[page ()], 0x11);
  ck_assert_uint_eq (memory[5 * page () - 1], 0);
  ck_assert_uint_eq (memory[5 * page ()], 0x5a);

  memory[2 * page () + 1] = 0x22; /* it is shared, and can be written */
  ck_assert_int_eq (pread (fd, &byte, 1, (off_t) (2 * page () + 1)), 1);
  ck_assert_uint_eq (byte, 0x22);
  munmap (memory, 6 * page ());
  close (fd);
  close (before);
}

/* An mmap over something else that fails may have unmapped that already. */
static void
what_cannot_be_mapped_fails_before_it_is_put_anywhere (void)
{
  const int seals = F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE;
  int fd = make_memfd (MFD_ALLOW_SEALING, 1);
  g_autoptr(GError) error = NULL;

  if (fcntl (fd, F_ADD_SEALS, seals) != 0)
    {
      close (fd);
      harness_skip ("no F_SEAL_FUTURE_WRITE");
    }
  ck_assert_ptr_null (vuc_mapped_area_map_to_move (fd, 0, page (), READ_WRITE, FALSE, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED, "mapping the file: ");
  close (fd);
}

/* --- Of any offset and size --- */

static void
a_few_bytes_are_mapped_wherever_they_are (void)
{
  const guint64 offsets[] = { 0, 8, page () - 4, page () + 0x10, 2 * page () - 8 };

  for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
    {
      int fd = make_memfd (MFD_ALLOW_SEALING, 2);
      g_autoptr(GError) error = NULL;
      guint8 back[8] = { 0 };
      guint8 *memory = vuc_mapped_area_map_around (fd, offsets[i], 8, FALSE, NULL, &error);

      harness_context ("at 0x%" G_GINT64_MODIFIER "x", offsets[i]);
      assert_no_error (error);
      ck_assert_int_ne (fcntl (fd, F_GET_SEALS) & F_SEAL_SHRINK, 0);
      memcpy (memory, "shadowed", 8);
      ck_assert_int_eq (pread (fd, back, 8, (off_t) offsets[i]), 8);
      ck_assert_mem_eq (back, "shadowed", 8);

      /* No page of it stays. */
      vuc_mapped_area_unmap_around (memory, 8);
      ck_assert_int_eq (msync (memory - offsets[i] % page (), page (), MS_ASYNC), -1);
      ck_assert_int_eq (errno, ENOMEM);
      close (fd);
    }
}

static void
a_few_bytes_are_put_where_others_were (void)
{
  const guint64 offset = page () - 4; /* over the end of a page */
  int before = make_memfd (MFD_ALLOW_SEALING, 2);
  int fd = make_memfd (MFD_ALLOW_SEALING, 2);
  g_autoptr(GError) error = NULL;
  guint8 *memory = vuc_mapped_area_map_around (before, offset, 8, FALSE, NULL, &error);
  guint8 back[8] = { 0 };

  assert_no_error (error);
  ck_assert_ptr_eq (vuc_mapped_area_map_around (fd, offset, 8, FALSE, memory, &error), memory);
  assert_no_error (error);
  memcpy (memory, "shadowed", 8);
  ck_assert_int_eq (pread (fd, back, 8, (off_t) offset), 8);
  ck_assert_mem_eq (back, "shadowed", 8);
  ck_assert_int_eq (pread (before, back, 8, (off_t) offset), 8);
  ck_assert_mem_eq (back, "\0\0\0\0\0\0\0", 8);
  vuc_mapped_area_unmap_around (memory, 8);
  close (before);
  close (fd);
}

static void
a_few_bytes_that_are_not_safe_are_refused (void)
{
  int small = make_memfd (MFD_ALLOW_SEALING, 1);
  int shrinks = make_memfd (0, 1);
  g_autoptr(GError) behind = NULL;
  g_autoptr(GError) over = NULL;
  g_autoptr(GError) unsealed = NULL;
  gpointer memory;

  ck_assert_ptr_null (vuc_mapped_area_map_around (small, page (), 8, FALSE, NULL, &behind));
  assert_error (behind, VUC_ERROR, VUC_ERROR_REJECTED, "are to be mapped");
  ck_assert_ptr_null (vuc_mapped_area_map_around (small, page () - 4, 8, FALSE, NULL, &over));
  assert_error (over, VUC_ERROR, VUC_ERROR_REJECTED, "are to be mapped");
  ck_assert_ptr_null (vuc_mapped_area_map_around (shrinks, 8, 8, FALSE, NULL, &unsealed));
  assert_error (unsealed, VUC_ERROR, VUC_ERROR_REJECTED, "the server can shrink the file");

  memory = vuc_mapped_area_map_around (shrinks, 8, 8, TRUE, NULL, NULL);
  ck_assert_ptr_nonnull (memory);
  vuc_mapped_area_unmap_around (memory, 8);
  vuc_mapped_area_unmap_around (NULL, 8);
  close (small);
  close (shrinks);
}

/* --- Huge pages: the kernel maps whole ones, whatever it was asked for --- */

#define HUGE ((guint64) 2 * 1024 * 1024)

/* -1: not here.  No page of it is set aside before it is mapped. */
static int
make_huge_memfd (void)
{
  int fd = memfd_create ("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_HUGE_2MB);

  if (fd >= 0)
    ck_assert_int_eq (ftruncate (fd, (off_t) (2 * HUGE)), 0);
  return fd;
}

static void
a_part_of_a_huge_page_is_refused (void)
{
  const guint64 huge = HUGE;
  int fd = make_huge_memfd ();
  g_autoptr(GError) error = NULL;

  if (fd < 0)
    harness_skip ("no huge pages of 2 MiB: %s", g_strerror (errno));
  refuse (fd, 0, page (), FALSE, "is not a multiple of the file's page size, 2097152");
  refuse (fd, 0, huge + page (), FALSE, "is not a multiple of the file's page size, 2097152");
  refuse (fd, page (), huge, FALSE, "file offset 0x1000 is not a multiple of the file's page size");

  ck_assert_ptr_null (vuc_mapped_area_map_to_move (fd, 0, huge, READ_WRITE, FALSE, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED,
                "a file of huge pages cannot be mapped in the place of another");
  close (fd);
}

static void
refuse_around (int fd, guint64 offset, gpointer at)
{
  g_autoptr(GError) error = NULL;

  ck_assert_ptr_null (vuc_mapped_area_map_around (fd, offset, 8, FALSE, at, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED,
                "a file of huge pages cannot be mapped in the place of another");
}

/* Neither at first, as a few bytes could not be unmapped any more, nor where something is already,
 * which is still there then. */
static void
a_few_bytes_of_a_huge_page_are_not_mapped (void)
{
  int before = make_memfd (MFD_ALLOW_SEALING, 2);
  int fd = make_huge_memfd ();
  g_autoptr(GError) error = NULL;
  guint8 *memory;
  guint8 byte = 0x5a;

  if (fd < 0)
    {
      close (before);
      harness_skip ("no huge pages of 2 MiB: %s", g_strerror (errno));
    }
  refuse_around (fd, 0, NULL);
  refuse_around (fd, 8, NULL);
  refuse_around (fd, HUGE + page () - 4, NULL);

  ck_assert_int_eq (pwrite (before, &byte, 1, 8), 1);
  memory = vuc_mapped_area_map_around (before, 8, 8, FALSE, NULL, &error);
  assert_no_error (error);
  refuse_around (fd, 8, memory);
  ck_assert_uint_eq (*memory, 0x5a);
  vuc_mapped_area_unmap_around (memory, 8);
  close (before);
  close (fd);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (what_is_mapped_is_the_file),
  HARNESS_CASE (the_protection_is_what_was_asked_for),
  HARNESS_CASE (a_file_that_can_be_sealed_is_sealed),
  HARNESS_CASE (a_file_that_was_sealed_already_is_mapped),
  HARNESS_CASE (a_file_that_cannot_be_sealed_is_refused),
  HARNESS_CASE (a_file_that_cannot_be_sealed_is_mapped_if_that_is_allowed),
  HARNESS_CASE (a_file_is_sealed_even_where_that_is_not_asked_for),
  HARNESS_ROWS (a_place_that_the_file_does_not_have_is_refused, places),
  HARNESS_CASE (what_cannot_be_mapped_is_refused),
  HARNESS_CASE (a_device_is_mapped_only_if_that_is_allowed),
  HARNESS_CASE (an_area_is_put_where_another_was),
  HARNESS_CASE (what_cannot_be_mapped_fails_before_it_is_put_anywhere),
  HARNESS_CASE (a_few_bytes_are_mapped_wherever_they_are),
  HARNESS_CASE (a_few_bytes_are_put_where_others_were),
  HARNESS_CASE (a_few_bytes_that_are_not_safe_are_refused),
  HARNESS_CASE (a_part_of_a_huge_page_is_refused),
  HARNESS_CASE (a_few_bytes_of_a_huge_page_are_not_mapped),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "mapped-area", cases);
}
