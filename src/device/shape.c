/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is known of a device, and whether a device is still the same.  Does not ask the server.  A
 * shape that is being read belongs to the task that reads it.
 *
 * A reconnected server sends new descriptors for the same things.  They are put behind the numbers
 * that were handed out (dup3), so what the caller holds stays valid, and nobody can see a number in
 * between that stands for nothing.
 */

#include "device/shape.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* A list of differences is no longer than a person reads. */
#define MAX_DIFFERENCES 10

void
vuc_shape_allocate (VucShape *shape)
{
  shape->regions = g_new0 (VucRegion, shape->info.num_regions);
  shape->irqs = g_new0 (VucIrqInfo, shape->info.num_irqs);
  for (guint32 i = 0; i < shape->info.num_regions; i++)
    shape->regions[i].info.index = i;
  for (guint32 i = 0; i < shape->info.num_irqs; i++)
    shape->irqs[i].index = i;
}

void
vuc_shape_keep_agreement (VucShape *shape, const VucVersion *agreed)
{
  VucDeviceInfo *info = &shape->info;

  info->version_major = agreed->major;
  info->version_minor = agreed->minor;
  info->max_msg_fds = (guint32) agreed->max_msg_fds;
  info->max_dma_maps = (guint32) MIN (agreed->max_dma_maps, G_MAXUINT32);
  info->max_data_xfer_size = agreed->max_data_xfer_size;
  info->pgsizes = agreed->pgsizes;
  info->migration_pgsize = agreed->migration_pgsize;
  info->migration_max_bitmap_size = agreed->migration_max_bitmap_size;
  info->write_multiple = agreed->write_multiple;
  info->twin_socket = agreed->twin_socket;
  info->sparse_mmap_fds = agreed->sparse_mmap_fds;
}

static void
close_fds (int *fds, guint n_fds)
{
  for (guint i = 0; i < n_fds; i++)
    vuc_fd_close_received (fds[i]);
  g_free (fds);
}

void
vuc_region_io_fds_kept_clear (VucRegionIoFdsKept *kept)
{
  close_fds (kept->fds, kept->n_fds);
  g_free (kept->entries);
  *kept = (VucRegionIoFdsKept){ 0 };
}

void
vuc_shape_clear (VucShape *shape)
{
  for (guint32 i = 0; shape->regions != NULL && i < shape->info.num_regions; i++)
    {
      VucRegion *region = &shape->regions[i];

      vuc_ways_clear (&region->ways);
      close_fds (region->fds, region->n_fds);
      g_free (region->areas);
      vuc_region_io_fds_kept_clear (&region->io_fds);
    }
  g_free (shape->regions);
  g_free (shape->irqs);
  *shape = (VucShape){ 0 };
}

int *
vuc_shape_steal_fds (VucFdSet *set, guint *n_fds)
{
  int *fds = g_new (int, set->count);

  *n_fds = set->count;
  for (guint i = 0; i < set->count; i++)
    fds[i] = vuc_fd_set_steal (set, i);
  return fds;
}

/* --- Comparing --- */

typedef struct
{
  GString *text;
  guint n;
} Differences;

static void G_GNUC_PRINTF (2, 3) add_difference (Differences *differences, const char *format, ...)
{
  va_list args;

  if (differences->n++ >= MAX_DIFFERENCES)
    return;
  g_string_append (differences->text, differences->n > 1 ? "; " : "");
  va_start (args, format);
  g_string_append_vprintf (differences->text, format, args);
  va_end (args);
}

static void
compare_number (Differences *differences, const char *what, guint64 before, guint64 now)
{
  if (before != now)
    add_difference (differences, "%s was %" G_GUINT64_FORMAT ", is %" G_GUINT64_FORMAT, what,
                    before, now);
}

static void
compare_limit (Differences *differences, const char *what, guint64 before, guint64 now)
{
  if (now < before)
    compare_number (differences, what, before, now);
}

static void
compare_info (Differences *differences, const VucDeviceInfo *before, const VucDeviceInfo *now)
{
  compare_number (differences, "device flags", before->flags, now->flags);
  compare_number (differences, "num_regions", before->num_regions, now->num_regions);
  compare_number (differences, "num_irqs", before->num_irqs, now->num_irqs);
  compare_number (differences, "twin_socket", before->twin_socket, now->twin_socket);
  compare_number (differences, "sparse_mmap_fds", before->sparse_mmap_fds, now->sparse_mmap_fds);
  compare_limit (differences, "write_multiple", before->write_multiple, now->write_multiple);
  compare_limit (differences, "minor version", before->version_minor, now->version_minor);
  compare_limit (differences, "max_msg_fds", before->max_msg_fds, now->max_msg_fds);
  compare_limit (differences, "max_dma_maps", before->max_dma_maps, now->max_dma_maps);
  compare_limit (differences, "max_data_xfer_size", before->max_data_xfer_size,
                 now->max_data_xfer_size);
  compare_number (differences, "pgsizes", before->pgsizes, now->pgsizes);
  compare_number (differences, "migration pgsize", before->migration_pgsize, now->migration_pgsize);
}

/* Which of them it is: the numbers differ, their order must not. */
static guint
index_of (int fd, const int *fds, guint n_fds)
{
  guint i = 0;

  while (i < n_fds && (fd < 0 || fds[i] != fd))
    i++;
  return i;
}

static gboolean
areas_are_equal (const VucRegion *before, const VucRegion *now)
{
  if (before->info.n_areas != now->info.n_areas || before->n_fds != now->n_fds)
    return FALSE;
  for (guint i = 0; i < before->info.n_areas; i++)
    {
      const VucRegionArea *a = &before->areas[i], *b = &now->areas[i];

      if (a->offset != b->offset || a->size != b->size || a->fd_offset != b->fd_offset
          || index_of (a->fd, before->fds, before->n_fds) != index_of (b->fd, now->fds, now->n_fds))
        return FALSE;
    }
  return TRUE;
}

static gboolean
io_fds_are_equal (const VucRegionIoFdsKept *before, const VucRegionIoFdsKept *now)
{
  if (before->n_entries != now->n_entries || before->n_fds != now->n_fds)
    return FALSE;
  for (gsize i = 0; i < before->n_entries; i++)
    {
      const VucIoFd *a = &before->entries[i], *b = &now->entries[i];

      if (a->type != b->type || a->flags != b->flags || a->offset != b->offset || a->size != b->size
          || a->datamatch != b->datamatch || a->user_data != b->user_data
          || a->shadow_offset != b->shadow_offset
          || index_of (a->fd, before->fds, before->n_fds) != index_of (b->fd, now->fds, now->n_fds)
          || index_of (a->shadow_fd, before->fds, before->n_fds)
               != index_of (b->shadow_fd, now->fds, now->n_fds))
        return FALSE;
    }
  return TRUE;
}

static void
compare_region (Differences *differences, const VucRegion *before, const VucRegion *now)
{
  const VucRegionInfo *a = &before->info, *b = &now->info;

  if (a->size != b->size)
    add_difference (differences,
                    "size of region %u was 0x%" G_GINT64_MODIFIER "x, is 0x%" G_GINT64_MODIFIER "x",
                    a->index, a->size, b->size);
  if (a->flags != b->flags || a->caps != b->caps)
    add_difference (differences,
                    "flags of region %u were 0x%x (capabilities 0x%x), are 0x%x (0x%x)", a->index,
                    a->flags, a->caps, b->flags, b->caps);
  if (a->type != b->type || a->subtype != b->subtype)
    add_difference (differences, "type of region %u was %u, subtype %u, is %u, %u", a->index,
                    a->type, a->subtype, b->type, b->subtype);
  if (!areas_are_equal (before, now))
    add_difference (differences, "mappable areas of region %u", a->index);
  if (before->io_fds.known && now->io_fds.known
      && !io_fds_are_equal (&before->io_fds, &now->io_fds))
    add_difference (differences, "IO descriptors of region %u", a->index);
}

static void
compare_irq (Differences *differences, const VucIrqInfo *before, const VucIrqInfo *now)
{
  if (before->count != now->count)
    add_difference (differences, "count of interrupt index %u was %u, is %u", before->index,
                    before->count, now->count);
  if (before->flags != now->flags)
    add_difference (differences, "flags of interrupt index %u were 0x%x, are 0x%x", before->index,
                    before->flags, now->flags);
}

gboolean
vuc_shape_compare (const VucShape *before, const VucShape *now, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  Differences differences = { .text = text };

  compare_info (&differences, &before->info, &now->info);
  for (guint32 i = 0; i < MIN (before->info.num_regions, now->info.num_regions); i++)
    compare_region (&differences, &before->regions[i], &now->regions[i]);
  for (guint32 i = 0; i < MIN (before->info.num_irqs, now->info.num_irqs); i++)
    compare_irq (&differences, &before->irqs[i], &now->irqs[i]);

  if (differences.n == 0)
    return TRUE;
  if (differences.n > MAX_DIFFERENCES)
    g_string_append_printf (text, "; and %u more", differences.n - MAX_DIFFERENCES);
  return vuc_fail_rejected (error, "the device is not the same any more: %s", text->str);
}

/* --- Renewing --- */

static gboolean
renew (int *before, const int *now, guint n_fds, GError **error)
{
  for (guint i = 0; i < n_fds; i++)
    {
      /* That closes what was there. */
      vuc_fd_forget_linger (before[i]);
      if (before[i] >= 0 && now[i] >= 0 && dup3 (now[i], before[i], O_CLOEXEC) < 0)
        return vuc_fail_errno (error, VUC_ERROR_LIMIT, errno, "renewing descriptor %d", before[i]);
    }
  return TRUE;
}

gboolean
vuc_shape_renew_fds (VucShape *before, const VucShape *now, GError **error)
{
  for (guint32 i = 0; i < before->info.num_regions; i++)
    {
      VucRegion *a = &before->regions[i];
      const VucRegion *b = &now->regions[i];

      if (!renew (a->fds, b->fds, a->n_fds, error))
        return FALSE;
      if (a->io_fds.known && b->io_fds.known
          && !renew (a->io_fds.fds, b->io_fds.fds, a->io_fds.n_fds, error))
        return FALSE;
    }
  return TRUE;
}
