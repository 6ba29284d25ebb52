/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Memory that reads all ones.  Does not know what was there before, nor why it has gone.  Any thread;
 * the lock is a leaf.
 *
 * It is a tile: a file full of ones that is mapped again and again, privately, so a page costs memory
 * only when it is written to.  A tile is made when it is needed first, one for the whole process.
 * Each time that it is mapped is a kernel mapping, of which a process has some 65,000; so there is a
 * larger tile for what is huge.
 */

#include "access/all-ones.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1024 * 1024)

/* From this size on it is the larger tile. */
#define HUGE_SIZE (2048 * (guint64) MIB)

/* Without a tile the memory has to be real: at the most so much for an area, what is behind it reads
 * as zeros. */
#define MAX_FILLED (64 * MIB)

/* Since Linux 6.3; some hosts allow no other. */
#ifndef MFD_NOEXEC_SEAL
#  define MFD_NOEXEC_SEAL 8U
#endif

typedef struct
{
  gsize size;
  int fd; /* -1: not made */
} Tile;

static GMutex lock; /* guards what follows */
static Tile tiles[] = { { 2 * MIB, -1 }, { 32 * MIB, -1 } };
static guint n_holds;
static gpointer spare; /* a page that is only there to be given back; NULL: it was */

/* --- Tiles --- */

static Tile *
find_tile (guint64 size)
{
  return &tiles[size > HUGE_SIZE];
}

guint64
vuc_all_ones_count (guint64 size)
{
  guint64 tile = find_tile (size)->size;

  return size / tile + (size % tile != 0);
}

/* By writing, which fails where there is no memory; touching it would be a SIGBUS. */
static gboolean
fill (int fd, gsize size)
{
  guint8 ones[16384];

  memset (ones, 0xff, sizeof ones);
  for (gsize done = 0; done < size;)
    {
      ssize_t n = pwrite (fd, ones, MIN (sizeof ones, size - done), (off_t) done);

      if (n <= 0 && errno != EINTR)
        return FALSE;
      done += (gsize) MAX (n, 0);
    }
  return TRUE;
}

static int
make_file (gsize size)
{
  const char *name = "vfio-user-all-ones";
  int fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

  if (fd < 0 && errno == EINVAL)
    fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0)
    return -1;
  if (fill (fd, size)
      && fcntl (fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return fd;
  close (fd);
  return -1;
}

static void
close_tiles_locked (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (tiles); i++)
    {
      if (tiles[i].fd >= 0)
        close (tiles[i].fd);
      tiles[i].fd = -1;
    }
}

/* Where a process has all the mappings that it may have, not even one can be replaced; with one less it
 * can.  A shared page is never part of another mapping. */
static void
keep_spare_locked (void)
{
  if (spare != NULL)
    return;
  spare = mmap (NULL, (gsize) sysconf (_SC_PAGESIZE), PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (spare == MAP_FAILED)
    spare = NULL;
}

static void
give_spare_back_locked (void)
{
  if (spare != NULL)
    munmap (spare, (gsize) sysconf (_SC_PAGESIZE));
  spare = NULL;
}

void
vuc_all_ones_hold (void)
{
  g_mutex_lock (&lock);
  n_holds++;
  keep_spare_locked ();
  g_mutex_unlock (&lock);
}

void
vuc_all_ones_release (void)
{
  g_mutex_lock (&lock);
  if (--n_holds == 0)
    {
      close_tiles_locked ();
      give_spare_back_locked ();
    }
  g_mutex_unlock (&lock);
}

/* --- Mapping --- */

/* Where the kernel commits no more memory than it has (vm.overcommit_memory 2) it may refuse what can
 * be written, and have unmapped what was there.  Then at least it can be read. */
static gboolean
lay_tile (gpointer memory, gsize size, int protection, int fd)
{
  int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;

  return mmap (memory, size, protection, flags, fd, 0) != MAP_FAILED
         || ((protection & PROT_WRITE) != 0
             && mmap (memory, size, PROT_READ, flags, fd, 0) != MAP_FAILED);
}

/* How many bytes tiles were laid on. */
static gsize
lay_tiles_locked (guint8 *memory, gsize size, int protection)
{
  Tile *tile = find_tile (size);
  gsize done = 0, n;

  if (tile->fd < 0)
    tile->fd = make_file (tile->size);
  for (; tile->fd >= 0 && done < size; done += n)
    {
      n = MIN (tile->size, size - done);
      if (!lay_tile (memory + done, n, protection, tile->fd))
        break;
    }
  return done;
}

/* In one piece whatever was there: huge pages cannot be replaced in parts, and a process that has too
 * many mappings gets some back.  It reads as zeros for a moment. */
static gboolean
map_anonymous_locked (guint8 *memory, gsize size, int protection)
{
  gsize done;

  give_spare_back_locked ();
  if (mmap (memory, size, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0)
      == MAP_FAILED)
    return FALSE;

  done = lay_tiles_locked (memory, size, protection);
  if (done == size)
    return TRUE;
  memset (memory + done, 0xff, MIN (size - done, MAX_FILLED));
  return mprotect (memory + done, size - done, protection) == 0;
}

gboolean
vuc_all_ones_map (gpointer memory, gsize size, int protection)
{
  gboolean ok;

  g_mutex_lock (&lock);
  ok = lay_tiles_locked (memory, size, protection) == size
       || map_anonymous_locked (memory, size, protection);
  if (n_holds > 0)
    keep_spare_locked ();
  else
    close_tiles_locked ();
  g_mutex_unlock (&lock);
  return ok;
}
