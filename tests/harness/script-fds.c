/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Makes the descriptors that a script sends.  It does not know what for.  Called in the server's
 * process, which has one thread; what fails here cannot fail because of the client, and ends the
 * process.
 */

#include "script-private.h"

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILLED_SIZE (1 << 20)

static int
check (int result, const char *what)
{
  if (result < 0)
    g_error ("script server: %s: %s", what, g_strerror (errno));

  return result;
}

static int
fill (int fd, guint64 size)
{
  gsize filled = MIN (size, FILLED_SIZE) / sizeof (guint64) * sizeof (guint64);
  g_autofree guint64 *words = g_malloc (filled);

  for (gsize i = 0; i < filled / sizeof (guint64); i++)
    words[i] = i * sizeof (guint64);
  check (ftruncate (fd, size), "ftruncate");
  if (pwrite (fd, words, filled, 0) != (gssize) filled)
    check (-1, "pwrite");

  return fd;
}

static int
make_memfd (guint64 size, int seals)
{
  int fd = check (memfd_create ("script-server", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create");

  fill (fd, size);
  if (seals != 0)
    check (fcntl (fd, F_ADD_SEALS, seals), "F_ADD_SEALS");

  return fd;
}

/* Not filled, as that takes pages that were set aside, which there may be none of. */
static int
make_huge_memfd (guint64 size)
{
  guint flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_HUGE_2MB;
  int fd = check (memfd_create ("script-server", flags), "memfd_create");

  check (ftruncate (fd, size), "ftruncate");

  return fd;
}

static int
make_file (guint64 size)
{
  g_autofree char *path = g_build_filename (harness_temp_dir (), "file-XXXXXX", NULL);
  int fd = check (g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600), "g_mkstemp_full");

  unlink (path);

  return fill (fd, size);
}

static int
make_socket (int *other_end)
{
  int ends[2];

  check (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  *other_end = ends[0];

  return ends[1];
}

static int
make_pipe (int *other_end)
{
  int ends[2];

  check (pipe2 (ends, O_CLOEXEC), "pipe2");
  *other_end = ends[0];

  return ends[1];
}

int
script_fd_make (const ScriptFd *fd, int *other_end)
{
  *other_end = -1;

  switch (fd->kind)
    {
    case SCRIPT_FD_MEMFD:
      return make_memfd (fd->size, 0);
    case SCRIPT_FD_SEALED_MEMFD:
      return make_memfd (fd->size, F_SEAL_SHRINK);
    case SCRIPT_FD_NO_SEAL_MEMFD:
      return make_memfd (fd->size, F_SEAL_SEAL);
    case SCRIPT_FD_HUGE_MEMFD:
      return make_huge_memfd (fd->size);
    case SCRIPT_FD_FILE:
      return make_file (fd->size);
    case SCRIPT_FD_EVENTFD:
      return check (eventfd (0, EFD_CLOEXEC), "eventfd");
    case SCRIPT_FD_SOCKET:
      return make_socket (other_end);
    case SCRIPT_FD_PIPE:
      return make_pipe (other_end);
    case SCRIPT_FD_DEV_NULL:
      return check (open ("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");
    case SCRIPT_FD_END:
      break;
    }

  g_error ("script server: kind %d is no descriptor", fd->kind);
}
