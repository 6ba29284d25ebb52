/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * BAR2: memory. Two areas are shared with the client, who maps them; the holes between are trapped:
 * only messages reach them. By message the whole region can be accessed, and an area shows the same
 * bytes as through a mapping.
 *
 * The shared memory is a memfd, sealed so that nobody can make it smaller under the other's feet
 * (touching a page that has gone is a SIGBUS). The region begins at a non-zero offset in it, and
 * what it contains in place of the holes is not the device's memory: a client that gets either
 * wrong sees zeros.
 */

#include "areas.h"

#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "die.h"

#define PAGE        0x1000  /* that of the areas; hosts may have larger ones */
#define FILE_OFFSET 0x10000 /* of the region; a multiple of any host's page size */

static const Area areas[] = {
  { 0x2000, 0x2000 },
  { 0x8000, 0x4000 },
};

typedef struct
{
  gsize size; /* of the region */
  int memory_fd;
  guint8 *mapping; /* of the whole memfd */
  guint8 *trapped; /* `size` bytes, used where there are holes */
  guint8 **pages;  /* each in `mapping` or in `trapped` */
} Areas;

static int
make_memory (gsize size)
{
  int fd = memfd_create ("demo-device-bar2", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 || ftruncate (fd, size) < 0
      || fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
    die ("cannot make a sealed memfd");
  return fd;
}

static guint8 *
map_memory (int fd, gsize size)
{
  guint8 *mapping = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  if (mapping == MAP_FAILED)
    die ("cannot map a memfd");
  return mapping;
}

static void
fill_page_table (Areas *self)
{
  for (guint i = 0; i < self->size / PAGE; i++)
    self->pages[i] = self->trapped + i * PAGE;

  for (guint i = 0; i < G_N_ELEMENTS (areas); i++)
    for (guint64 offset = areas[i].offset; offset < areas[i].offset + areas[i].size; offset += PAGE)
      self->pages[offset / PAGE] = self->mapping + FILE_OFFSET + offset;
}

static guint8 *
locate (Areas *self, guint64 offset)
{
  return self->pages[offset / PAGE] + offset % PAGE;
}

/* How many of COUNT bytes from OFFSET on are in the same page. */
static gsize
in_page (guint64 offset, gsize count)
{
  return MIN (count, PAGE - offset % PAGE);
}

static int
on_read (gpointer state, guint64 offset, guint8 *data, gsize count)
{
  for (gsize done = 0, n; done < count; done += n)
    {
      n = in_page (offset + done, count - done);
      memcpy (data + done, locate (state, offset + done), n);
    }
  return 0;
}

static int
on_write (gpointer state, guint64 offset, const guint8 *data, gsize count)
{
  for (gsize done = 0, n; done < count; done += n)
    {
      n = in_page (offset + done, count - done);
      memcpy (locate (state, offset + done), data + done, n);
    }
  return 0;
}

/* Each word tells its own offset. */
static void
on_reset (gpointer state)
{
  const Areas *self = state;

  for (guint32 offset = 0; offset < self->size; offset += sizeof (guint32))
    {
      guint32 word = GUINT32_TO_LE (0xb2b20000 + offset);

      on_write (state, offset, (const guint8 *) &word, sizeof (word));
    }
}

static void
on_free (gpointer state)
{
  Areas *self = state;

  munmap (self->mapping, FILE_OFFSET + self->size);
  close (self->memory_fd);
  g_free (self->trapped);
  g_free (self->pages);
  g_free (self);
}

void
areas_init (Region *region, gsize size)
{
  Areas *self = g_new0 (Areas, 1);

  self->size = size;
  self->memory_fd = make_memory (FILE_OFFSET + size);
  self->mapping = map_memory (self->memory_fd, FILE_OFFSET + size);
  self->trapped = g_malloc0 (size);
  self->pages = g_new (guint8 *, size / PAGE);
  fill_page_table (self);

  *region = (Region){
    .size = size,
    .flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
    .areas = areas,
    .n_areas = G_N_ELEMENTS (areas),
    .memory_fd = self->memory_fd,
    .memory_offset = FILE_OFFSET,
    .read = on_read,
    .write = on_write,
    .reset = on_reset,
    .free = on_free,
    .state = self,
  };
}
