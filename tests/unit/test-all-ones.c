/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Memory that reads all ones, in the place of a file: all of it, nothing beside it, at no cost.
 */

#include "access/all-ones.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/harness.h"

#define MIB ((gsize) 1024 * 1024)
#define GIB (1024 * MIB)
#define TILE (2 * MIB)
#define READ_WRITE (PROT_READ | PROT_WRITE)

static gsize
page (void)
{
  return (gsize) sysconf (_SC_PAGESIZE);
}

static int
make_file (gsize size)
{
  int fd = memfd_create ("server", MFD_CLOEXEC);

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (ftruncate (fd, (off_t) size), 0);
  return fd;
}

static guint8 *
map (int fd, gsize size)
{
  guint8 *memory = mmap (NULL, size, READ_WRITE, MAP_SHARED, fd, 0);

  ck_assert_ptr_ne (memory, MAP_FAILED);
  return memory;
}

/* A shared file as it comes from a server, full of 0x5a where it was filled. */
static guint8 *
map_file (gsize size, gsize filled)
{
  int fd = make_file (size);
  guint8 *memory = map (fd, size);

  memset (memory, 0x5a, filled);
  close (fd);
  return memory;
}

static void
expect_all (const guint8 *memory, gsize size, guint8 byte)
{
  for (gsize i = 0; i < size; i++)
    if (memory[i] != byte)
      harness_fail ("byte 0x%zx is 0x%02x, expected 0x%02x", i, memory[i], byte);
}

/* How many kernel mappings begin in this range; *what: the protection of the first one. */
static guint
count_mappings (gconstpointer memory, gsize size, char **what)
{
  g_autofree char *maps = NULL;
  g_auto(GStrv) lines = NULL;
  guint n = 0;

  ck_assert (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      char *rest;
      const gsize from = g_ascii_strtoull (*line, &rest, 16);

      if (*rest != '-' || from < (gsize) memory || from >= (gsize) memory + size)
        continue;
      g_ascii_strtoull (rest + 1, &rest, 16);
      if (n++ == 0 && what != NULL)
        *what = g_strndup (rest + 1, 4);
    }
  return n;
}

typedef struct
{
  const char *name;
  gsize tiles;
  gsize pages; /* besides */
} SizeRow;

static const SizeRow sizes[] = {
  { "a page", 0, 1 },
  { "a few pages", 0, 5 },
  { "one tile", 1, 0 },
  { "a tile and a page", 1, 1 },
  { "some tiles and some pages", 3, 7 },
};

static void
it_is_all_ones_and_nothing_beside_it_changes (gconstpointer data)
{
  const SizeRow *row = data;
  const gsize size = row->tiles * TILE + row->pages * page ();
  const gsize whole = size + 2 * page ();
  guint8 *memory = map_file (whole, whole);

  ck_assert (vuc_all_ones_map (memory + page (), size, READ_WRITE));
  expect_all (memory, page (), 0x5a);
  expect_all (memory + page (), size, 0xff);
  expect_all (memory + page () + size, page (), 0x5a);
  ck_assert_uint_eq (count_mappings (memory + page (), size, NULL), vuc_all_ones_count (size));
  munmap (memory, whole);
}

static void
the_file_that_was_there_is_left_alone (void)
{
  int fd = make_file (page ());
  guint8 *memory = map (fd, page ());
  guint8 *other = map (fd, page ());

  memset (memory, 0x5a, page ());
  ck_assert (vuc_all_ones_map (memory, page (), READ_WRITE));
  memory[0] = 1;
  expect_all (other, page (), 0x5a);
  munmap (memory, page ());
  munmap (other, page ());
  close (fd);
}

static void
what_is_written_is_private_and_goes_with_it (void)
{
  guint8 *memory = map_file (2 * TILE, page ());
  guint8 *other = map_file (page (), page ());

  ck_assert (vuc_all_ones_map (memory, 2 * TILE, READ_WRITE));
  ck_assert (vuc_all_ones_map (other, page (), READ_WRITE));
  memset (memory, 0x11, page ());
  expect_all (memory, page (), 0x11);
  expect_all (memory + page (), 2 * TILE - page (), 0xff); /* of the second tile, too */
  expect_all (other, page (), 0xff);

  ck_assert (vuc_all_ones_map (memory, 2 * TILE, READ_WRITE));
  expect_all (memory, 2 * TILE, 0xff);
  munmap (memory, 2 * TILE);
  munmap (other, page ());
}

typedef struct
{
  const char *name; /* as /proc/self/maps says it */
  int protection;
} ProtectionRow;

static const ProtectionRow protections[] = {
  { "r--p", PROT_READ },
  { "-w-p", PROT_WRITE },
  { "rw-p", READ_WRITE },
};

static void
its_protection_is_what_was_asked_for (gconstpointer data)
{
  const ProtectionRow *row = data;
  guint8 *memory = map_file (page (), page ());
  g_autofree char *what = NULL;

  ck_assert (vuc_all_ones_map (memory, page (), row->protection));
  ck_assert_uint_eq (count_mappings (memory, page (), &what), 1);
  ck_assert_str_eq (what, row->name);
  munmap (memory, page ());
}

/* --- What it costs --- */

static guint64
get_private_kib (void)
{
  g_autofree char *status = NULL;
  const char *line;

  ck_assert (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  line = strstr (status, "RssAnon:");
  return line != NULL ? g_ascii_strtoull (line + strlen ("RssAnon:"), NULL, 10) : 0;
}

static void
what_is_huge_costs_next_to_nothing (void)
{
  const gsize size = 8 * GIB;
  guint8 *memory = map_file (size, page ());
  const guint64 before = get_private_kib ();

  ck_assert (vuc_all_ones_map (memory, size, READ_WRITE));
  for (gsize i = 0; i < size; i += 509 * MIB)
    expect_all (memory + i, page (), 0xff);
  expect_all (memory + size - page (), page (), 0xff);
  memory[size / 2] = 0x22;
  ck_assert_uint_eq (memory[size / 2], 0x22);
  ck_assert_uint_eq (memory[size / 2 + 32 * MIB], 0xff);

  ck_assert_uint_eq (vuc_all_ones_count (size), 256);
  ck_assert_uint_eq (count_mappings (memory, size, NULL), 256);
  ck_assert_uint_lt (get_private_kib () - before, 16 * 1024);
  munmap (memory, size);
}

static void
its_number_of_mappings_is_known_before (void)
{
  ck_assert_uint_eq (vuc_all_ones_count (page ()), 1);
  ck_assert_uint_eq (vuc_all_ones_count (TILE), 1);
  ck_assert_uint_eq (vuc_all_ones_count (TILE + 1), 2);
  ck_assert_uint_eq (vuc_all_ones_count (2 * GIB), 1024);
  ck_assert_uint_eq (vuc_all_ones_count (2 * GIB + page ()), 65);
  ck_assert_uint_eq (vuc_all_ones_count (512 * GIB), 16384);
  ck_assert_uint_eq (vuc_all_ones_count (G_MAXUINT64), G_MAXUINT64 / (32 * MIB) + 1);
}

static void
what_it_is_made_of_is_kept_while_it_is_held (void)
{
  const guint before = harness_count_descriptors ();
  guint8 *memory = map_file (TILE, page ());

  ck_assert (vuc_all_ones_map (memory, TILE, READ_WRITE));
  ck_assert_uint_eq (harness_count_descriptors (), before);

  vuc_all_ones_hold ();
  ck_assert_uint_eq (harness_count_descriptors (), before);
  for (guint i = 0; i < 3; i++)
    {
      ck_assert (vuc_all_ones_map (memory, TILE, READ_WRITE));
      ck_assert_uint_eq (harness_count_descriptors (), before + 1);
    }
  vuc_all_ones_hold ();
  vuc_all_ones_release ();
  ck_assert_uint_eq (harness_count_descriptors (), before + 1);
  vuc_all_ones_release ();
  ck_assert_uint_eq (harness_count_descriptors (), before);
  expect_all (memory, TILE, 0xff);
  munmap (memory, TILE);
}

/* --- Where something is missing --- */

static void
forbid_descriptors (struct rlimit *before)
{
  struct rlimit none;

  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, before), 0);
  none = *before;
  none.rlim_cur = 0;
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &none), 0);
}

static void
without_a_descriptor_it_is_filled (void)
{
  const gsize size = TILE + 3 * page ();
  guint8 *memory = map_file (size, size);
  g_autofree char *what = NULL;
  struct rlimit before;

  forbid_descriptors (&before);
  ck_assert (vuc_all_ones_map (memory, size, PROT_READ));
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &before), 0);
  expect_all (memory, size, 0xff);
  count_mappings (memory, size, &what);
  ck_assert_str_eq (what, "r--p");
  munmap (memory, size);
}

/* A server must not be able to make us fill what it has not. */
static void
what_is_filled_is_64_MiB_at_the_most (void)
{
  const gsize size = 8 * GIB;
  guint8 *memory = map_file (size, page ());
  struct rlimit before;

  memory[64 * MIB] = memory[size - 1] = 0x5a;
  forbid_descriptors (&before);
  ck_assert (vuc_all_ones_map (memory, size, READ_WRITE));
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &before), 0);
  ck_assert_uint_eq (memory[0], 0xff);
  ck_assert_uint_eq (memory[64 * MIB - 1], 0xff);
  ck_assert_uint_eq (memory[64 * MIB], 0);
  ck_assert_uint_eq (memory[size - 1], 0);
  munmap (memory, size);
}

/* Every other page has another protection, so each is a mapping, until there are no more. */
static void
take_all_mappings (guint8 *pages, gsize size)
{
  gsize i = page ();

  while (i < size - page () && mprotect (pages + i, page (), PROT_READ) == 0)
    i += 2 * page ();
  ck_assert_uint_lt (i, size - page ());
}

static void
where_there_are_no_more_mappings_it_is_filled (void)
{
  g_autofree char *text = NULL;
  const gsize size = 4 * TILE;
  guint8 *memory, *pages;
  gsize limit, reserve;

  ck_assert (g_file_get_contents ("/proc/sys/vm/max_map_count", &text, NULL, NULL));
  limit = (gsize) g_ascii_strtoull (text, NULL, 10);
  if (limit > 100000 || g_getenv ("LD_PRELOAD") != NULL)
    harness_skip ("vm.max_map_count is %zu", limit);
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  harness_skip ("a sanitizer needs mappings of its own");
#endif

  reserve = (limit + 16) * 2 * page ();
  memory = map_file (size, size);
  vuc_all_ones_hold ();
  pages = mmap (NULL, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ck_assert_ptr_ne (pages, MAP_FAILED);
  take_all_mappings (pages, reserve);
  ck_assert (vuc_all_ones_map (memory, size, READ_WRITE));
  munmap (pages, reserve);
  vuc_all_ones_release ();
  expect_all (memory, size, 0xff);
  ck_assert_uint_lt (count_mappings (memory, size, NULL), 4);
  munmap (memory, size);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (it_is_all_ones_and_nothing_beside_it_changes, sizes),
  HARNESS_CASE (the_file_that_was_there_is_left_alone),
  HARNESS_CASE (what_is_written_is_private_and_goes_with_it),
  HARNESS_ROWS (its_protection_is_what_was_asked_for, protections),
  HARNESS_CASE (what_is_huge_costs_next_to_nothing),
  HARNESS_CASE (its_number_of_mappings_is_known_before),
  HARNESS_CASE (what_it_is_made_of_is_kept_while_it_is_held),
  HARNESS_CASE (without_a_descriptor_it_is_filled),
  HARNESS_CASE (what_is_filled_is_64_MiB_at_the_most),
  HARNESS_CASE (where_there_are_no_more_mappings_it_is_filled),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "all-ones", cases);
}
