/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The doorbells: eventfds, shadow memory and counters.
 *
 * A device with work to do would have its main loop watch the eventfds (g_unix_fd_add ()). This one
 * only counts, so it looks when it is asked how many there were.
 */

#include "doorbells.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "die.h"
#include "protocol.h"

#define SHADOW_FILE_SIZE PAGE_SIZE_4K
#define SHADOW_OFFSET    0x40 /* not 0, so that a client has to look */

static const struct
{
  guint64 offset;
  guint64 size; /* 0: any */
  Kicks kicks;
  guint32 type;
  guint32 flags;
  guint64 datamatch;
} doorbells[] = {
  { DOORBELL_PLAIN, 4, KICKS_PLAIN_OR_SHARED, IO_FD_TYPE_IOEVENTFD, 0, 0 },
  { DOORBELL_SHARED, 4, KICKS_PLAIN_OR_SHARED, IO_FD_TYPE_IOEVENTFD, 0, 0 },
  { DOORBELL_MATCH, 4, KICKS_MATCH_1, IO_FD_TYPE_IOEVENTFD, IO_FD_FLAG_DATAMATCH, 1 },
  { DOORBELL_MATCH, 4, KICKS_MATCH_2, IO_FD_TYPE_IOEVENTFD, IO_FD_FLAG_DATAMATCH, 2 },
  { DOORBELL_ANY, 0, KICKS_ANY, IO_FD_TYPE_IOEVENTFD, 0, 0 },
  { DOORBELL_SHADOW, 4, KICKS_SHADOW, IO_FD_TYPE_SHADOW, 0, 0 },
};

struct _Doorbells
{
  int eventfds[N_KICKS];
  int shadow_fd;
  guint8 *shadow; /* a mapping of shadow_fd */

  guint32 kicks[N_KICKS];
  guint32 kicks_by_message;
};

static void
make_shadow_memory (Doorbells *self)
{
  self->shadow_fd = memfd_create ("demo-device-shadow", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (self->shadow_fd < 0 || ftruncate (self->shadow_fd, SHADOW_FILE_SIZE) < 0
      || fcntl (self->shadow_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
    die ("cannot make a sealed memfd");

  self->shadow = mmap (NULL, SHADOW_FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->shadow_fd,
                       0);
  if (self->shadow == MAP_FAILED)
    die ("cannot map a memfd");
}

Doorbells *
doorbells_new (void)
{
  Doorbells *self = g_new0 (Doorbells, 1);

  for (guint i = 0; i < N_KICKS; i++)
    {
      self->eventfds[i] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (self->eventfds[i] < 0)
        die ("cannot make an eventfd");
    }
  make_shadow_memory (self);
  return self;
}

void
doorbells_list (const Doorbells *self, GArray *io_fds)
{
  for (guint i = 0; i < G_N_ELEMENTS (doorbells); i++)
    {
      const IoFd io_fd = {
        .offset = doorbells[i].offset,
        .size = doorbells[i].size,
        .type = doorbells[i].type,
        .flags = doorbells[i].flags,
        .datamatch = doorbells[i].datamatch,
        .fd = self->eventfds[doorbells[i].kicks],
        .shadow_fd = self->shadow_fd,
        .shadow_offset = SHADOW_OFFSET,
      };

      g_array_append_val (io_fds, io_fd);
    }
}

void
doorbells_free (Doorbells *self)
{
  for (guint i = 0; i < N_KICKS; i++)
    close (self->eventfds[i]);
  munmap (self->shadow, SHADOW_FILE_SIZE);
  close (self->shadow_fd);
  g_free (self);
}

void
doorbells_reset (Doorbells *self)
{
  doorbells_poll (self); /* kicks from before the reset must not count later */
  memset (self->kicks, 0, sizeof (self->kicks));
  self->kicks_by_message = 0;
  memset (self->shadow, 0, SHADOW_FILE_SIZE);
}

static guint64
get_value (const guint8 *data, gsize count)
{
  guint64 value = 0;

  memcpy (&value, data, count);
  return GUINT64_FROM_LE (value);
}

static gboolean
is_hit (guint i, guint64 offset, const guint8 *data, gsize count)
{
  if (doorbells[i].offset != offset)
    return FALSE;
  if (doorbells[i].size != 0 ? doorbells[i].size != count
                             : count != 1 && count != 2 && count != 4 && count != 8)
    return FALSE;
  return !(doorbells[i].flags & IO_FD_FLAG_DATAMATCH)
         || doorbells[i].datamatch == get_value (data, count);
}

gboolean
doorbells_write (Doorbells *self, guint64 offset, const guint8 *data, gsize count)
{
  for (guint i = 0; i < G_N_ELEMENTS (doorbells); i++)
    {
      if (!is_hit (i, offset, data, count))
        continue;
      if (doorbells[i].type == IO_FD_TYPE_SHADOW)
        memcpy (self->shadow + SHADOW_OFFSET, data, count);
      self->kicks[doorbells[i].kicks]++;
      self->kicks_by_message++;
      return TRUE;
    }
  return FALSE;
}

/* An eventfd is shared with the client, who can make it blocking whenever it likes. RWF_NOWAIT
   never blocks (for eventfds: since Linux 5.8). */
static guint64
take_kicks (int eventfd)
{
  guint64 n_kicks = 0;
  struct iovec iov = { .iov_base = &n_kicks, .iov_len = sizeof (n_kicks) };

  return preadv2 (eventfd, &iov, 1, -1, RWF_NOWAIT) == sizeof (n_kicks) ? n_kicks : 0;
}

void
doorbells_poll (Doorbells *self)
{
  for (guint i = 0; i < N_KICKS; i++)
    self->kicks[i] += take_kicks (self->eventfds[i]);
}

guint32
doorbells_get_kicks (const Doorbells *self, Kicks kicks)
{
  return self->kicks[kicks];
}

guint32
doorbells_get_kicks_by_message (const Doorbells *self)
{
  return self->kicks_by_message;
}

guint32
doorbells_get_shadow_value (const Doorbells *self)
{
  guint32 value;

  memcpy (&value, self->shadow + SHADOW_OFFSET, sizeof (value));
  return value;
}
