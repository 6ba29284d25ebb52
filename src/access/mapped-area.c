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
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/range.h"

static gboolean
check_alignment (guint64 fd_offset, guint64 size, GError **error)
{
  guint64 page_size = (guint64) sysconf (_SC_PAGESIZE);

  if (fd_offset % page_size != 0)
    return vuc_fail_rejected (error,
                              "file offset 0x%" G_GINT64_MODIFIER
                              "x is not a multiple of this host's page size, %" G_GUINT64_FORMAT,
                              fd_offset, page_size);
  if (size == 0 || size % page_size != 0)
    return vuc_fail_rejected (error,
                              "size 0x%" G_GINT64_MODIFIER
                              "x is not a multiple of this host's page size, %" G_GUINT64_FORMAT,
                              size, page_size);
  return TRUE;
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

gpointer
vuc_mapped_area_map (int fd,
                     guint64 fd_offset,
                     guint64 size,
                     int protection,
                     gboolean allow_unsealed,
                     GError **error)
{
  gpointer memory;

  if (!check_alignment (fd_offset, size, error))
    return NULL;
  if (!ensure_sealed (fd) && !allow_unsealed)
    {
      vuc_fail_rejected (error,
                         "the server can shrink the file, and it cannot be sealed against that");
      return NULL;
    }
  if (!check_size (fd, fd_offset, size, error))
    return NULL;

  memory = mmap (NULL, size, protection, MAP_SHARED, fd, (off_t) fd_offset);
  if (memory == MAP_FAILED)
    {
      vuc_fail_errno (error, VUC_ERROR_REJECTED, errno, "mapping the file");
      return NULL;
    }
  return memory;
}
