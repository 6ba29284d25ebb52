/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A file that is shared with the server.  Does not know what is in it.  Any thread.
 *
 * Two things must not be: that the server shrinks the file, for then the caller's own access to its
 * memory raises SIGBUS; and that it writes what it may only read.  A memfd can be sealed against the
 * first, and a descriptor that was opened for reading cannot do the second.  (Who may open the file
 * by its name, or by /proc, is for its permissions to say.)
 */

#include "access/shared-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/range.h"

static gboolean
can_shrink (int fd)
{
  int seals = fcntl (fd, F_GET_SEALS);

  if (seals >= 0 && (seals & F_SEAL_SHRINK) == 0 && fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0)
    return FALSE;
  return seals < 0 || (seals & F_SEAL_SHRINK) == 0;
}

/* A duplicate, or a second opening of the same file that can only read. */
static int
duplicate (int fd, gboolean reads_only)
{
  g_autofree char *name = NULL;

  if (!reads_only)
    return fcntl (fd, F_DUPFD_CLOEXEC, 0);
  name = g_strdup_printf ("/proc/self/fd/%d", fd);
  return open (name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

VucSharedFile *
vuc_shared_file_new (int fd, gboolean writable, gboolean unsafe, GError **error)
{
  int flags = fcntl (fd, F_GETFL);
  gboolean reads_only;
  struct stat status;
  VucSharedFile *file;
  int copy;

  if (flags < 0 || fstat (fd, &status) < 0)
    {
      vuc_fail_errno (error, VUC_ERROR_INVALID_ARGUMENT, errno, "descriptor %d", fd);
      return NULL;
    }
  if ((flags & O_ACCMODE) == O_WRONLY || (writable && (flags & O_ACCMODE) != O_RDWR))
    {
      vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT, "descriptor %d is not open for %s", fd,
                writable ? "reading and writing" : "reading");
      return NULL;
    }

  /* Whoever can only read cannot shrink it, either. */
  reads_only = !writable && (flags & O_ACCMODE) == O_RDWR;
  if (can_shrink (fd) && writable && !unsafe)
    {
      vuc_fail (error, VUC_ERROR_NOT_SUPPORTED,
                "descriptor %d: the server could shrink the file, and it cannot be sealed against "
                "that",
                fd);
      return NULL;
    }

  copy = duplicate (fd, reads_only);
  if (copy < 0 && reads_only && unsafe)
    copy = duplicate (fd, FALSE);
  if (copy < 0)
    {
      vuc_fail_errno (error, reads_only ? VUC_ERROR_NOT_SUPPORTED : VUC_ERROR_LIMIT, errno,
                      reads_only ? "descriptor %d: opening the file again, to read only"
                                 : "duplicating descriptor %d",
                      fd);
      return NULL;
    }

  file = g_new (VucSharedFile, 1);
  *file = (VucSharedFile){ .ref_count = 1,
                           .fd = copy,
                           .device = status.st_dev,
                           .inode = status.st_ino,
                           .writable = writable };
  return file;
}

VucSharedFile *
vuc_shared_file_ref (VucSharedFile *file)
{
  g_atomic_int_inc (&file->ref_count);
  return file;
}

void
vuc_shared_file_unref (VucSharedFile *file)
{
  if (!g_atomic_int_dec_and_test (&file->ref_count))
    return;
  close (file->fd);
  g_free (file);
}

gboolean
vuc_shared_file_holds (const VucSharedFile *file, guint64 offset, guint64 size)
{
  struct stat status;

  if (fstat (file->fd, &status) < 0)
    return FALSE;
  return !S_ISREG (status.st_mode)
         || vuc_range_is_inside (offset, size, 0, (guint64) status.st_size);
}

gboolean
vuc_shared_file_equal (gconstpointer a, gconstpointer b)
{
  const VucSharedFile *one = a, *other = b;

  return one->device == other->device && one->inode == other->inode
         && one->writable == other->writable;
}

guint
vuc_shared_file_hash (gconstpointer file)
{
  const VucSharedFile *key = file;

  return (guint) key->inode * 31 + (guint) key->device + (guint) key->writable;
}
