/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The table of guest memory.  Does not know who asks, nor what the server was told.  Any thread.
 *
 * A sorted array: a lookup is a binary search in keys that lie next to each other, which matters, as
 * each DMA message makes one; entering a region moves those behind it, which costs less than the
 * message that goes with it.
 */

#include "access/guest-table.h"

#include <errno.h>

#include "base/error.h"
#include "base/range.h"

typedef struct
{
  guint64 iova;
  VucGuestRegion *region; /* a reference */
} Entry;

struct _VucGuestTable
{
  GMutex lock;       /* a leaf; guards what follows, and the state of regions */
  GArray *entries;   /* ascending */
  GHashTable *files; /* those of the regions, as a set; no references; NULL: none was */
  guint n_fenced;
  guint64 link_number; /* the last connection that was told of what is MAPPED */
  guint n_restoring;   /* attempts to connect that are telling a server of them */
};

VucGuestTable *
vuc_guest_table_new (void)
{
  VucGuestTable *table = g_new0 (VucGuestTable, 1);

  g_mutex_init (&table->lock);
  table->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  return table;
}

void
vuc_guest_table_free (VucGuestTable *table)
{
  for (guint i = 0; i < table->entries->len; i++)
    vuc_guest_region_unref (g_array_index (table->entries, Entry, i).region);
  g_array_unref (table->entries);
  g_clear_pointer (&table->files, g_hash_table_unref);
  g_mutex_clear (&table->lock);
  g_free (table);
}

static void
set_state_locked (VucGuestTable *table, VucGuestRegion *region, VucGuestState state)
{
  table->n_fenced -= region->state == VUC_GUEST_FENCED;
  table->n_fenced += state == VUC_GUEST_FENCED;
  region->state = state;
  region->fenced |= state == VUC_GUEST_FENCED;
}

static VucGuestRegion *
get (VucGuestTable *table, guint i)
{
  return g_array_index (table->entries, Entry, i).region;
}

/* How many begin at or below an address: the last of them is the one that may hold it. */
static guint
count_up_to (const VucGuestTable *table, guint64 address)
{
  const Entry *entries = (const Entry *) table->entries->data;
  guint low = 0, high = table->entries->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (entries[middle].iova <= address)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

guint
vuc_guest_table_get_count (VucGuestTable *table)
{
  guint count;

  g_mutex_lock (&table->lock);
  count = table->entries->len;
  g_mutex_unlock (&table->lock);
  return count;
}

/* --- Files --- */

static VucSharedFile *
find_file_locked (VucGuestTable *table, const VucSharedFile *like)
{
  return table->files != NULL ? g_hash_table_lookup (table->files, like) : NULL;
}

VucSharedFile *
vuc_guest_table_share_file (VucGuestTable *table,
                            int fd,
                            gboolean writable,
                            gboolean unsafe,
                            GError **error)
{
  VucSharedFile *file = vuc_shared_file_new (fd, writable, unsafe, error);
  VucSharedFile *known;

  if (file == NULL)
    return NULL;
  g_mutex_lock (&table->lock);
  known = find_file_locked (table, file);
  if (known != NULL)
    vuc_shared_file_ref (known);
  g_mutex_unlock (&table->lock);
  if (known == NULL)
    return file;
  vuc_shared_file_unref (file);
  return known;
}

/* The set knows a file as long as a region in the table has it: the file's own count tells when the
 * last one goes, as only the table and commands that are served hold references to regions. */
static void
forget_file_locked (VucGuestTable *table, const VucGuestRegion *region)
{
  if (region->file == NULL || find_file_locked (table, region->file) != region->file)
    return;
  if (--region->file->n_regions == 0)
    g_hash_table_remove (table->files, region->file);
}

static void
note_file_locked (VucGuestTable *table, const VucGuestRegion *region)
{
  if (region->file == NULL)
    return;
  if (table->files == NULL)
    table->files = g_hash_table_new (vuc_shared_file_hash, vuc_shared_file_equal);
  if (find_file_locked (table, region->file) == NULL)
    g_hash_table_add (table->files, region->file);
  if (find_file_locked (table, region->file) == region->file)
    region->file->n_regions++;
}

/* --- Entering and removing --- */

static VucGuestRegion *
find_overlap_locked (VucGuestTable *table, const VucGuestRegion *region)
{
  guint i = count_up_to (table, region->iova);
  VucGuestRegion *before = i > 0 ? get (table, i - 1) : NULL;
  VucGuestRegion *behind = i < table->entries->len ? get (table, i) : NULL;

  if (before != NULL && vuc_range_overlaps (before->iova, before->size, region->iova, region->size))
    return before;
  if (behind != NULL && vuc_range_overlaps (behind->iova, behind->size, region->iova, region->size))
    return behind;
  return NULL;
}

gboolean
vuc_guest_table_add (VucGuestTable *table, VucGuestRegion *region, guint max, GError **error)
{
  const VucGuestRegion *other;
  gboolean ok = FALSE;

  g_mutex_lock (&table->lock);
  other = find_overlap_locked (table, region);
  if (other != NULL)
    vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
              "DMA region 0x%" G_GINT64_MODIFIER "x, size 0x%" G_GINT64_MODIFIER
              "x: it overlaps one at 0x%" G_GINT64_MODIFIER "x, size 0x%" G_GINT64_MODIFIER "x%s",
              region->iova, region->size, other->iova, other->size,
              other->state == VUC_GUEST_FENCED ? ", which the server may still have" : "");
  else if (table->entries->len >= max)
    vuc_fail (error, VUC_ERROR_LIMIT, "%u DMA regions are mapped already, the server takes %u",
              table->entries->len, max);
  else
    ok = TRUE;

  if (ok)
    {
      Entry entry = { region->iova, vuc_guest_region_ref (region) };

      region->fenced = FALSE;
      set_state_locked (table, region, VUC_GUEST_MAPPING);
      note_file_locked (table, region);
      g_array_insert_val (table->entries, count_up_to (table, region->iova), entry);
    }
  g_mutex_unlock (&table->lock);
  return ok;
}

VucGuestState
vuc_guest_table_get_state (VucGuestTable *table, VucGuestRegion *region)
{
  VucGuestState state;

  g_mutex_lock (&table->lock);
  state = region->state;
  g_mutex_unlock (&table->lock);
  return state;
}

gboolean
vuc_guest_table_confirm (VucGuestTable *table, VucGuestRegion *region, guint64 link_number)
{
  gboolean ok;

  g_mutex_lock (&table->lock);
  ok = region->state == VUC_GUEST_MAPPING && link_number >= table->link_number;
  if (ok)
    {
      set_state_locked (table, region, VUC_GUEST_MAPPED);
      region->link_number = link_number;
    }
  g_mutex_unlock (&table->lock);
  return ok;
}

void
vuc_guest_table_fence (VucGuestTable *table,
                       VucGuestRegion *region,
                       guint64 link_number,
                       guint16 call_id,
                       guint64 call_order)
{
  g_mutex_lock (&table->lock);
  if (region->state != VUC_GUEST_GONE)
    {
      set_state_locked (table, region, VUC_GUEST_FENCED);
      region->link_number = link_number;
      region->call_id = call_id;
      region->call_order = call_order;
    }
  g_mutex_unlock (&table->lock);
}

void
vuc_guest_table_keep (VucGuestTable *table, VucGuestRegion *region)
{
  g_mutex_lock (&table->lock);
  if (region->state != VUC_GUEST_GONE)
    set_state_locked (table, region, region->fenced ? VUC_GUEST_FENCED : VUC_GUEST_MAPPED);
  g_mutex_unlock (&table->lock);
}

static void
remove_index_locked (VucGuestTable *table, guint i)
{
  VucGuestRegion *region = get (table, i);

  set_state_locked (table, region, VUC_GUEST_GONE);
  forget_file_locked (table, region);
  g_array_remove_index (table->entries, i);
}

void
vuc_guest_table_remove (VucGuestTable *table, VucGuestRegion *region)
{
  gboolean found = FALSE;
  guint i;

  g_mutex_lock (&table->lock);
  i = count_up_to (table, region->iova);
  if (i > 0 && get (table, i - 1) == region)
    {
      found = TRUE;
      remove_index_locked (table, i - 1);
    }
  g_mutex_unlock (&table->lock);
  if (found)
    vuc_guest_region_unref (region);
}

/* --- Unmapping and restoring --- */

static gboolean
can_unmap (const VucGuestRegion *region)
{
  return region->state == VUC_GUEST_MAPPED || region->state == VUC_GUEST_FENCED;
}

static gboolean
check_can_unmap_locked (VucGuestTable *table, const VucGuestRegion *region, GError **error)
{
  if (table->n_restoring > 0)
    return vuc_fail (error, VUC_ERROR_DISCONNECTED,
                     "the device is being connected again, and gets its DMA regions just now");
  if (can_unmap (region))
    return TRUE;
  return vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                   "the DMA region at 0x%" G_GINT64_MODIFIER "x is being %s just now", region->iova,
                   region->state == VUC_GUEST_MAPPING ? "mapped" : "unmapped");
}

VucGuestRegion *
vuc_guest_table_begin_unmap (VucGuestTable *table, guint64 iova, guint64 size, GError **error)
{
  VucGuestRegion *region = NULL;
  guint i;

  g_mutex_lock (&table->lock);
  i = count_up_to (table, iova);
  if (i > 0)
    region = get (table, i - 1);
  if (region == NULL || region->iova != iova || region->size != size)
    {
      region = NULL;
      vuc_fail (error, VUC_ERROR_INVALID_ARGUMENT,
                "no DMA region is mapped at 0x%" G_GINT64_MODIFIER
                "x with size 0x%" G_GINT64_MODIFIER "x",
                iova, size);
    }
  else if (!check_can_unmap_locked (table, region, error))
    {
      region = NULL;
    }
  else
    {
      set_state_locked (table, region, VUC_GUEST_UNMAPPING);
      vuc_guest_region_ref (region);
    }
  g_mutex_unlock (&table->lock);
  return region;
}

static void
unref_region (gpointer region)
{
  vuc_guest_region_unref (region);
}

/* The last first: taking them out in this order moves nothing in the array. */
GPtrArray *
vuc_guest_table_begin_unmap_all (VucGuestTable *table, GError **error)
{
  GPtrArray *regions = g_ptr_array_new_with_free_func (unref_region);
  gboolean ok = TRUE;

  g_mutex_lock (&table->lock);
  for (guint i = table->entries->len; i-- > 0;)
    {
      VucGuestRegion *region = get (table, i);

      if (!check_can_unmap_locked (table, region, ok ? error : NULL))
        {
          ok = FALSE;
          continue;
        }
      set_state_locked (table, region, VUC_GUEST_UNMAPPING);
      g_ptr_array_add (regions, vuc_guest_region_ref (region));
    }
  g_mutex_unlock (&table->lock);
  return regions;
}

gboolean
vuc_guest_table_begin_roll_back (VucGuestTable *table, VucGuestRegion *region)
{
  gboolean ok;

  g_mutex_lock (&table->lock);
  ok = region->state == VUC_GUEST_MAPPED && table->n_restoring == 0;
  if (ok)
    set_state_locked (table, region, VUC_GUEST_UNMAPPING);
  g_mutex_unlock (&table->lock);
  return ok;
}

/* Moves all entries to regions that are in this state. */
static void
take_out_locked (VucGuestTable *table, GPtrArray *regions, VucGuestState state)
{
  guint n_left = 0;

  for (guint i = 0; i < table->entries->len; i++)
    {
      Entry entry = g_array_index (table->entries, Entry, i);

      if (entry.region->state != state)
        {
          g_array_index (table->entries, Entry, n_left++) = entry;
          continue;
        }
      set_state_locked (table, entry.region, VUC_GUEST_GONE);
      forget_file_locked (table, entry.region);
      g_ptr_array_add (regions, entry.region);
    }
  g_array_set_size (table->entries, n_left);
}

GPtrArray *
vuc_guest_table_begin_restore (VucGuestTable *table, guint64 link_number)
{
  GPtrArray *regions = g_ptr_array_new_with_free_func (unref_region);
  g_autoptr (GPtrArray) fenced = g_ptr_array_new_with_free_func (unref_region);

  g_mutex_lock (&table->lock);
  if (table->n_fenced > 0)
    take_out_locked (table, fenced, VUC_GUEST_FENCED);
  table->n_restoring++;
  table->link_number = link_number;
  for (guint i = 0; i < table->entries->len; i++)
    {
      VucGuestRegion *region = get (table, i);

      if (region->state != VUC_GUEST_MAPPED)
        continue;
      region->link_number = link_number;
      g_ptr_array_add (regions, vuc_guest_region_ref (region));
    }
  g_mutex_unlock (&table->lock);
  return regions;
}

void
vuc_guest_table_end_restore (VucGuestTable *table)
{
  g_mutex_lock (&table->lock);
  table->n_restoring--;
  g_mutex_unlock (&table->lock);
}

/* --- What is fenced --- */

GArray *
vuc_guest_table_get_fences (VucGuestTable *table)
{
  GArray *fences = NULL;

  g_mutex_lock (&table->lock);
  for (guint i = 0; i < table->entries->len && table->n_fenced > 0; i++)
    {
      VucGuestRegion *region = get (table, i);
      VucGuestFence fence = { region, region->iova, region->link_number, region->call_id,
                              region->call_order };

      if (region->state != VUC_GUEST_FENCED || region->call_order == 0)
        continue;
      if (fences == NULL)
        fences = g_array_new (FALSE, FALSE, sizeof fence);
      g_array_append_val (fences, fence);
    }
  g_mutex_unlock (&table->lock);
  return fences;
}

void
vuc_guest_table_lift (VucGuestTable *table, const VucGuestFence *fence)
{
  VucGuestRegion *region = NULL;
  guint i;

  g_mutex_lock (&table->lock);
  i = count_up_to (table, fence->iova);
  if (i > 0)
    region = get (table, i - 1);
  if (region == fence->region && region->state == VUC_GUEST_FENCED
      && region->link_number == fence->link_number && region->call_order == fence->call_order)
    remove_index_locked (table, i - 1);
  else
    region = NULL;
  g_mutex_unlock (&table->lock);
  if (region != NULL)
    vuc_guest_region_unref (region);
}

/* --- Finding --- */

int
vuc_guest_table_find (VucGuestTable *table,
                      guint64 address,
                      guint64 count,
                      guint32 right,
                      VucGuestRegion **regions,
                      guint max,
                      guint *n_regions)
{
  guint64 end = address + count;
  guint n = 0;
  int error = 0;
  guint i;

  g_mutex_lock (&table->lock);
  i = count_up_to (table, address);
  for (i = i > 0 ? i - 1 : 0; address < end && error == 0; i++)
    {
      VucGuestRegion *region = i < table->entries->len ? get (table, i) : NULL;

      if (region == NULL || region->fenced
          || !vuc_range_is_inside (address, 1, region->iova, region->size))
        error = EFAULT;
      else if ((region->flags & right) == 0)
        error = EACCES;
      else if (n == max)
        error = E2BIG;
      else
        {
          regions[n++] = region;
          address = region->iova + region->size;
        }
    }
  for (guint k = 0; k < n && error == 0; k++)
    vuc_guest_region_ref (regions[k]);
  g_mutex_unlock (&table->lock);
  if (error == 0)
    *n_regions = n;
  return error;
}
