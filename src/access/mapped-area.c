/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Mapping a file that the server gave.  Does not know regions.  Any thread.
 *
 * The danger is SIGBUS: a page that the file no longer has kills whoever touches it.  So the file
 * must not be able to shrink.  The order matters: first the seal, then the size; a size seen before
 * the seal may be gone when the seal is there.
 */

#include "access/mapped-area.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/range.h"

static gboolean
check_alignment (guint64 fd_offset,
                 guint64 size,
                 const char *whose,
                 guint64 page_size,
                 GError **error)
{
  if (fd_offset % page_size != 0)
    return vuc_fail_rejected (error,
                              "file offset 0x%" G_GINT64_MODIFIER
                              "x is not a multiple of %s page size, %" G_GUINT64_FORMAT,
                              fd_offset, whose, page_size);
  if (size == 0 || size % page_size != 0)
    return vuc_fail_rejected (error,
                              "size 0x%" G_GINT64_MODIFIER
                              "x is not a multiple of %s page size, %" G_GUINT64_FORMAT,
                              size, whose, page_size);
  return TRUE;
}

/* The kernel rounds up what is mapped of a file of huge pages, and unmaps no part of one. */
static gboolean
check_huge_pages (int fd, guint64 fd_offset, guint64 size, GError **error)
{
  struct statfs status;

  if (fstatfs (fd, &status) < 0)
    return vuc_fail_errno (error, VUC_ERROR_REJECTED, errno, "asking for the file's page size");
  return status.f_type != HUGETLBFS_MAGIC
         || check_alignment (fd_offset, size, "the file's", (guint64) status.f_bsize, error);
}

/* Whether the file cannot shrink, if need be from now on. */
static gboolean
ensure_sealed (int fd)
{
  int seals = fcntl (fd, F_GET_SEALS);

  if (seals < 0)
    return FALSE;
  return (seals & F_SEAL_SHRINK) != 0 || fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0;
}

/* Only regular files, memfds among them, have a size to compare with. */
static gboolean
check_size (int fd, guint64 fd_offset, guint64 size, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) < 0)
    return vuc_fail_errno (error, VUC_ERROR_REJECTED, errno, "asking for the file's size");
  if (S_ISREG (status.st_mode)
      && !vuc_range_is_inside (fd_offset, size, 0, (guint64) status.st_size))
    return vuc_fail_rejected (error,
                              "the file has 0x%" G_GINT64_MODIFIER
                              "x bytes, but 0x%" G_GINT64_MODIFIER "x from 0x%" G_GINT64_MODIFIER
                              "x on are to be mapped",
                              (guint64) status.st_size, size, fd_offset);
  return TRUE;
}

static gboolean
check_seal (int fd, gboolean allow_unsealed, GError **error)
{
  return ensure_sealed (fd) || allow_unsealed
         || vuc_fail_rejected (error, "the server can shrink the file, and it cannot be sealed "
                                      "against that");
}

static gboolean
check_file (int fd, guint64 fd_offset, guint64 size, gboolean allow_unsealed, GError **error)
{
  if (!check_alignment (fd_offset, size, "this host's", (guint64) sysconf (_SC_PAGESIZE), error)
      || !check_seal (fd, allow_unsealed, error))
    return FALSE;
  return check_size (fd, fd_offset, size, error) && check_huge_pages (fd, fd_offset, size, error);
}

gpointer
vuc_mapped_area_map (int fd,
                     guint64 fd_offset,
                     guint64 size,
                     int protection,
                     gboolean allow_unsealed,
                     GError **error)
{
  gpointer memory;

  if (!check_file (fd, fd_offset, size, allow_unsealed, error))
    return NULL;

  memory = mmap (NULL, size, protection, MAP_SHARED, fd, (off_t) fd_offset);
  if (memory != MAP_FAILED)
    return memory;
  vuc_fail_errno (error, VUC_ERROR_REJECTED, errno, "mapping the file");
  return NULL;
}

static gboolean
refuse_huge_pages (int fd, GError **error)
{
  struct statfs status;

  if (fstatfs (fd, &status) < 0)
    return vuc_fail_errno (error, VUC_ERROR_REJECTED, errno, "asking for the file's page size");
  return status.f_type != HUGETLBFS_MAGIC
         || vuc_fail_rejected (error,
                               "a file of huge pages cannot be mapped in the place of another");
}

/* Kernels before 5.16 cannot move huge pages, and say so when what was there has gone. */
gpointer
vuc_mapped_area_map_to_move (int fd,
                             guint64 fd_offset,
                             guint64 size,
                             int protection,
                             gboolean allow_unsealed,
                             GError **error)
{
  if (!refuse_huge_pages (fd, error))
    return NULL;
  return vuc_mapped_area_map (fd, fd_offset, size, protection, allow_unsealed, error);
}

gboolean
vuc_mapped_area_move (gpointer memory, gsize size, gpointer to, GError **error)
{
  return mremap (memory, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to
         || vuc_fail_errno (error, VUC_ERROR_REJECTED, errno, "moving the mapped file");
}

/* --- Of any offset and size --- */

/* The pages around what begins at an offset. */
static gsize
skip_in_page (guint64 offset)
{
  return (gsize) (offset % (guint64) sysconf (_SC_PAGESIZE));
}

static gsize
round_to_pages (gsize size)
{
  gsize page_size = (gsize) sysconf (_SC_PAGESIZE);

  return (size + page_size - 1) / page_size * page_size;
}

gpointer
vuc_mapped_area_map_around (int fd,
                            guint64 fd_offset,
                            guint64 size,
                            gboolean allow_unsealed,
                            gpointer at,
                            GError **error)
{
  gsize skip = skip_in_page (fd_offset);
  gsize mapped = round_to_pages (skip + (gsize) size);
  guint8 *memory;

  /* Of huge pages the kernel would map, move and unmap whole ones, and what is beside them. */
  if (!refuse_huge_pages (fd, error) || !check_seal (fd, allow_unsealed, error)
      || !check_size (fd, fd_offset, size, error))
    return NULL;

  memory = mmap (NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t) (fd_offset - skip));
  if (memory == MAP_FAILED)
    {
      vuc_fail_errno (error, VUC_ERROR_REJECTED, errno, "mapping the file");
      return NULL;
    }
  if (at == NULL)
    return memory + skip;
  if (vuc_mapped_area_move (memory, mapped, (guint8 *) at - skip, error))
    return at;
  munmap (memory, mapped);
  return NULL;
}

void
vuc_mapped_area_unmap_around (gpointer memory, guint64 size)
{
  gsize skip = skip_in_page (GPOINTER_TO_SIZE (memory));

  if (memory != NULL)
    munmap ((guint8 *) memory - skip, round_to_pages (skip + (gsize) size));
}
