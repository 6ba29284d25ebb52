/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Files that are shared with the server: that it gets a descriptor that can do no more than it may,
 * and a file that cannot shrink; and which files are refused.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "access/shared-file.h"
#include "harness/harness.h"

#define SIZE 8192

typedef enum
{
  MEMFD,        /* can be sealed */
  SEALED,       /* cannot shrink */
  CLOSED,       /* may shrink, and takes no seal any more */
  NO_SEALS,     /* a memfd of the plain kind */
  FILE_ON_DISK, /* knows no seals */
  A_PIPE,
  A_SOCKET
} Kind;

static int
open_file (const char *name, int mode)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), name, NULL);
  int fd = open (path, mode | O_CREAT | O_CLOEXEC, 0600);

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (truncate (path, SIZE), 0);
  return fd;
}

static int
make_end (Kind kind)
{
  int ends[2];

  if (kind == A_PIPE)
    ck_assert_int_eq (pipe2 (ends, O_CLOEXEC), 0);
  else
    ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  close (ends[0]);
  return ends[1];
}

static int
make (Kind kind, int mode)
{
  g_autofree char *path = NULL;
  int fd, other;

  if (kind == FILE_ON_DISK)
    return open_file ("file", mode);
  if (kind == A_PIPE || kind == A_SOCKET)
    return make_end (kind);

  fd = memfd_create ("ram", MFD_CLOEXEC | (kind == NO_SEALS ? 0 : MFD_ALLOW_SEALING));
  ck_assert_int_eq (ftruncate (fd, SIZE), 0);
  if (kind == SEALED)
    ck_assert_int_eq (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
  if (kind == CLOSED)
    ck_assert_int_eq (fcntl (fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
  if (mode == O_RDWR)
    return fd;
  path = g_strdup_printf ("/proc/self/fd/%d", fd);
  other = open (path, mode | O_CLOEXEC);
  close (fd);
  return other;
}

typedef struct
{
  const char *name;
  Kind kind;
  int mode;
  gboolean writable;
  gboolean unsafe;
  int code; /* 0: shared */
  const char *text;
} Row;

static const Row rows[] = {
  { "a memfd", MEMFD, O_RDWR, TRUE, FALSE, 0, NULL },
  { "a memfd to be read", MEMFD, O_RDWR, FALSE, FALSE, 0, NULL },
  { "a memfd that can be read only", MEMFD, O_RDONLY, FALSE, FALSE, 0, NULL },
  { "a sealed memfd", SEALED, O_RDWR, TRUE, FALSE, 0, NULL },
  { "a sealed memfd to be read", SEALED, O_RDWR, FALSE, FALSE, 0, NULL },
  { "a memfd that takes no seal", CLOSED, O_RDWR, TRUE, FALSE, VUC_ERROR_NOT_SUPPORTED,
    "could shrink the file" },
  { "a memfd that takes no seal, to be read", CLOSED, O_RDWR, FALSE, FALSE, 0, NULL },
  { "a memfd that takes no seal, if the caller insists", CLOSED, O_RDWR, TRUE, TRUE, 0, NULL },
  { "a memfd without seals", NO_SEALS, O_RDWR, TRUE, FALSE, VUC_ERROR_NOT_SUPPORTED,
    "cannot be sealed" },
  { "a file", FILE_ON_DISK, O_RDWR, TRUE, FALSE, VUC_ERROR_NOT_SUPPORTED, "cannot be sealed" },
  { "a file, if the caller insists", FILE_ON_DISK, O_RDWR, TRUE, TRUE, 0, NULL },
  { "a file to be read", FILE_ON_DISK, O_RDWR, FALSE, FALSE, 0, NULL },
  { "a file that can be read only", FILE_ON_DISK, O_RDONLY, FALSE, FALSE, 0, NULL },
  { "to be written, but open for reading", FILE_ON_DISK, O_RDONLY, TRUE, FALSE,
    VUC_ERROR_INVALID_ARGUMENT, "is not open for reading and writing" },
  { "to be written, but open for reading, however much the caller insists", MEMFD, O_RDONLY, TRUE,
    TRUE, VUC_ERROR_INVALID_ARGUMENT, "is not open for reading and writing" },
  { "open for writing only", FILE_ON_DISK, O_WRONLY, FALSE, TRUE, VUC_ERROR_INVALID_ARGUMENT,
    "is not open for reading" },
  { "a pipe", A_PIPE, O_RDWR, FALSE, FALSE, VUC_ERROR_INVALID_ARGUMENT, "is not open for reading" },
  { "a socket", A_SOCKET, O_RDWR, TRUE, FALSE, VUC_ERROR_NOT_SUPPORTED, "cannot be sealed" },
  { "a socket to be read", A_SOCKET, O_RDWR, FALSE, FALSE, VUC_ERROR_NOT_SUPPORTED,
    "opening the file again, to read only" },
};

static void
expect_no_more_than_it_may (const Row *row, const VucSharedFile *file)
{
  int mode = fcntl (file->fd, F_GETFL) & O_ACCMODE;

  ck_assert_int_eq (mode, row->writable ? O_RDWR : O_RDONLY);
  ck_assert_int_eq (fcntl (file->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  if (!row->unsafe)
    ck_assert_int_ne (ftruncate (file->fd, SIZE / 2), 0);
  if (!row->writable)
    {
      ck_assert_int_lt (pwrite (file->fd, "x", 1, 0), 0);
      ck_assert_ptr_eq (mmap (NULL, SIZE, PROT_WRITE, MAP_SHARED, file->fd, 0), MAP_FAILED);
    }
}

static void
a_file_is_shared_safely_or_not_at_all (gconstpointer data)
{
  const Row *row = data;
  g_autoptr (GError) error = NULL;
  int fd = make (row->kind, row->mode);
  VucSharedFile *file = vuc_shared_file_new (fd, row->writable, row->unsafe, &error);

  ck_assert_int_ge (fcntl (fd, F_GETFD), 0); /* it stays the caller's */
  close (fd);
  if (row->code != 0)
    {
      ck_assert_ptr_null (file);
      assert_error (error, VUC_ERROR, row->code, row->text);
      return;
    }
  assert_no_error (error);
  ck_assert (vuc_shared_file_holds (file, 0, SIZE));
  expect_no_more_than_it_may (row, file);
  vuc_shared_file_unref (file);
}

static void
what_is_no_descriptor_is_refused (void)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (vuc_shared_file_new (987654, TRUE, TRUE, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "descriptor 987654");
}

static void
a_range_is_inside_or_not (void)
{
  int fd = make (MEMFD, O_RDWR);
  VucSharedFile *file = vuc_shared_file_new (fd, TRUE, FALSE, NULL);

  ck_assert (vuc_shared_file_holds (file, SIZE - 1, 1));
  ck_assert (!vuc_shared_file_holds (file, SIZE - 1, 2));
  ck_assert (!vuc_shared_file_holds (file, SIZE, 1));
  ck_assert (!vuc_shared_file_holds (file, G_MAXUINT64, 1));
  ck_assert (!vuc_shared_file_holds (file, G_MAXUINT64 - 1, 4));
  ck_assert_int_eq (ftruncate (fd, 2 * SIZE), 0); /* growing is no harm */
  ck_assert (vuc_shared_file_holds (file, SIZE, SIZE));
  vuc_shared_file_unref (file);
  close (fd);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_file_is_shared_safely_or_not_at_all, rows),
  HARNESS_CASE (what_is_no_descriptor_is_refused),
  HARNESS_CASE (a_range_is_inside_or_not),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "shared-file", cases);
}
