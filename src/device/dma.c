/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Guest memory: mapping it for the device, and taking it away again.  Does not know how DMA messages
 * are answered (access/dma-service.c).  Any thread.
 *
 * A region enters the table before DMA_MAP is sent, for the server may use it at once; and leaves it
 * when DMA_UNMAP was answered, for a device may drain what it has under way.  Then it is found no
 * more, and what is still being served from it is revoked: when that has returned nobody touches it.
 *
 * What the server did not answer in time is fenced: not served any more, but its IOVA is taken,
 * because the server may have it.  The late reply to an unmapping ends that; a mapping whose outcome
 * is not known has to be unmapped.
 */

#include "base/error.h"
#include "device/dma-bulk.h"
#include "device/dma-region.h"
#include "device/operation.h"

typedef struct
{
  VucTask task;
  VucDevice *device;
  gboolean has_begun;
  gboolean rolls_back; /* a mapping that has failed */
  guint64 iova, size;  /* what to unmap; size 0: everything */
  GPtrArray *regions;  /* of VucGuestRegion, with references */
  GPtrArray *made;     /* those of them that are to be unmapped again; no references */
  VucDmaBulk bulk;
  GError *first_error;
} DmaOperation;

/* --- What becomes of regions --- */

static gboolean
must_be_serial (VucDevice *device)
{
  return vuc_guest_table_get_count (device->memory.table) > 0 && !device->shape.info.twin_socket
         && !device->settings.pipeline_dma;
}

/* Another thread may do the same, and have seen another count: whoever is the last to say something
 * has looked again after that. */
void
vuc_device_update_serial (VucDevice *device)
{
  gboolean serial;

  do
    {
      serial = must_be_serial (device);
      vuc_session_set_serial (device->session, serial);
    }
  while (serial != must_be_serial (device));
}

static void
forget (VucDevice *device, VucGuestRegion *region)
{
  vuc_guest_table_remove (device->memory.table, region);
  vuc_session_revoke (device->session, region);
}

/* call: whose reply tells when the server has let go; NULL: none will. */
static void
fence (DmaOperation *operation, VucGuestRegion *region, const VucCall *call)
{
  VucDevice *device = operation->device;

  vuc_guest_table_fence (device->memory.table, region, operation->task.link_number,
                         call != NULL ? call->id : 0, call != NULL ? call->order : 0);
  vuc_session_revoke (device->session, region);
}

/* What is fenced is free again when the late reply has come, unless that refuses. */
static void
look_at_fenced (VucDevice *device)
{
  g_autoptr (GArray) fences = vuc_guest_table_get_fences (device->memory.table);
  gboolean changed = FALSE;

  for (guint i = 0; fences != NULL && i < fences->len; i++)
    {
      const VucGuestFence *it = &g_array_index (fences, VucGuestFence, i);

      if (vuc_session_get_late_reply (device->session, it->link_number, it->call_id, it->call_order)
          != VUC_LATE_REPLY_CAME)
        continue;
      vuc_guest_table_lift (device->memory.table, it);
      changed = TRUE;
    }
  if (changed)
    vuc_device_update_serial (device);
}

static void
note_error (DmaOperation *operation, const GError *error)
{
  if (operation->first_error == NULL)
    operation->first_error = g_error_copy (error);
}

static void
on_mapped (VucGuestRegion *region, const GError *error, gpointer data)
{
  DmaOperation *operation = data;
  g_autoptr (GError) lost = NULL;

  if (error == NULL)
    {
      if (vuc_guest_table_confirm (operation->device->memory.table, region,
                                   operation->task.link_number))
        return;
      lost = g_error_new (VUC_ERROR, VUC_ERROR_DISCONNECTED,
                          "the device was lost and connected again meanwhile");
      error = lost;
    }
  note_error (operation, error);
  forget (operation->device, region);
}

/* The connection whose server has it works, but is not for us yet: it was not asked. */
static gboolean
is_still_there (DmaOperation *operation, const VucGuestRegion *region)
{
  return vuc_session_is_up (operation->device->session, region->link_number);
}

/* A server that is gone has nothing any more.  Nor does that of a new connection, which was not told
 * of what was being unmapped already, have anything to refuse. */
static void
on_unmapped (VucGuestRegion *region, const GError *error, gpointer data)
{
  DmaOperation *operation = data;
  gboolean refused = g_error_matches (error, VUC_ERROR, VUC_ERROR_REMOTE);

  if (error == NULL || region->link_number != operation->task.link_number
      || (!refused && !is_still_there (operation, region)))
    {
      forget (operation->device, region);
      return;
    }
  note_error (operation, error);
  if (refused || operation->rolls_back)
    fence (operation, region, NULL);
  else
    vuc_guest_table_keep (operation->device->memory.table, region);
}

/* --- Mapping --- */

static gboolean
enter_regions (DmaOperation *operation, GError **error)
{
  VucDevice *device = operation->device;

  look_at_fenced (device);
  for (guint i = 0; i < operation->regions->len; i++)
    {
      if (vuc_guest_table_add (device->memory.table, operation->regions->pdata[i],
                               device->shape.info.max_dma_maps, error))
        continue;
      /* The server may have begun to use them already. */
      while (i-- > 0)
        forget (device, operation->regions->pdata[i]);
      return FALSE;
    }
  vuc_device_update_serial (device);
  return TRUE;
}

/* Those that were made, if one was not: all or nothing. */
static gboolean
begin_to_roll_back (DmaOperation *operation)
{
  VucGuestTable *table = operation->device->memory.table;

  operation->rolls_back = TRUE;
  operation->made = g_ptr_array_new ();
  for (guint i = operation->regions->len; i-- > 0;)
    {
      VucGuestRegion *region = operation->regions->pdata[i];

      if (vuc_guest_table_begin_roll_back (table, region))
        g_ptr_array_add (operation->made, region);
      else if (vuc_guest_table_get_state (table, region) == VUC_GUEST_MAPPED)
        fence (operation, region, NULL); /* a new connection is being told of it just now */
    }
  if (operation->made->len == 0)
    return FALSE;
  vuc_dma_bulk_clear (&operation->bulk);
  vuc_dma_bulk_init (&operation->bulk, &operation->task, VUC_COMMAND_DMA_UNMAP, operation->made,
                     on_unmapped, operation);
  return TRUE;
}

static VucTaskStatus
end_operation (DmaOperation *operation, GError **error)
{
  vuc_device_update_serial (operation->device);
  if (operation->first_error != NULL)
    g_propagate_error (error, g_steal_pointer (&operation->first_error));
  return VUC_TASK_ENDS;
}

static VucTaskStatus
map_step (VucTask *task, GError **error)
{
  DmaOperation *operation = (DmaOperation *) task;

  if (!operation->has_begun)
    {
      if (!enter_regions (operation, error))
        return VUC_TASK_ENDS;
      operation->has_begun = TRUE;
      vuc_dma_bulk_init (&operation->bulk, task, VUC_COMMAND_DMA_MAP, operation->regions, on_mapped,
                         operation);
    }
  if (vuc_dma_bulk_step (&operation->bulk))
    {
      /* However many there are, each lot of them has the time of one. */
      vuc_task_set_deadline (task, vuc_device_deadline (operation->device));
      return VUC_TASK_GOES_ON;
    }
  if (operation->first_error != NULL && !operation->rolls_back && begin_to_roll_back (operation)
      && vuc_dma_bulk_step (&operation->bulk))
    return VUC_TASK_GOES_ON;
  return end_operation (operation, error);
}

/* The call of a region whose outcome was not told, if the server has seen it. */
static const VucCall *
find_sent_call (const DmaOperation *operation, const VucGuestRegion *region)
{
  const VucCall *call = vuc_dma_bulk_find_call (&operation->bulk, region);

  return call != NULL && call->was_sent ? call : NULL;
}

/* It failed.  What it knows of was forgotten; what is left was ended in the middle. */
static void
settle_map (VucTask *task, GError **error)
{
  DmaOperation *operation = (DmaOperation *) task;

  if (*error == NULL || !operation->has_begun)
    return;
  vuc_dma_bulk_end (&operation->bulk);
  for (guint i = 0; i < operation->regions->len; i++)
    {
      VucGuestRegion *region = operation->regions->pdata[i];
      const VucCall *call = find_sent_call (operation, region);

      switch (vuc_guest_table_get_state (operation->device->memory.table, region))
        {
        case VUC_GUEST_MAPPED:
          fence (operation, region, NULL);
          break;
        case VUC_GUEST_MAPPING:
          if (call != NULL)
            fence (operation, region, NULL);
          else
            forget (operation->device, region);
          break;
        case VUC_GUEST_UNMAPPING:
          fence (operation, region, call);
          break;
        case VUC_GUEST_FENCED:
        case VUC_GUEST_GONE:
          break;
        }
    }
  vuc_device_update_serial (operation->device);
}

/* --- Unmapping --- */

static gboolean
choose_regions (DmaOperation *operation, GError **error)
{
  VucGuestTable *table = operation->device->memory.table;
  VucGuestRegion *region;

  look_at_fenced (operation->device);
  if (operation->size == 0)
    {
      operation->regions = vuc_guest_table_begin_unmap_all (table, &operation->first_error);
      return TRUE;
    }
  region = vuc_guest_table_begin_unmap (table, operation->iova, operation->size, error);
  if (region == NULL)
    return FALSE;
  operation->regions = g_ptr_array_new_with_free_func ((GDestroyNotify) vuc_guest_region_unref);
  g_ptr_array_add (operation->regions, region);
  return TRUE;
}

static VucTaskStatus
unmap_step (VucTask *task, GError **error)
{
  DmaOperation *operation = (DmaOperation *) task;

  if (!operation->has_begun)
    {
      if (!choose_regions (operation, error))
        return VUC_TASK_ENDS;
      operation->has_begun = TRUE;
      vuc_dma_bulk_init (&operation->bulk, task, VUC_COMMAND_DMA_UNMAP, operation->regions,
                         on_unmapped, operation);
    }
  if (vuc_dma_bulk_step (&operation->bulk))
    return VUC_TASK_GOES_ON;
  return end_operation (operation, error);
}

static void
settle_unmap (VucTask *task, GError **error)
{
  DmaOperation *operation = (DmaOperation *) task;

  if (*error == NULL || !operation->has_begun)
    return;
  vuc_dma_bulk_end (&operation->bulk);
  for (guint i = 0; i < operation->regions->len; i++)
    {
      VucGuestRegion *region = operation->regions->pdata[i];

      if (vuc_guest_table_get_state (operation->device->memory.table, region)
          == VUC_GUEST_UNMAPPING)
        fence (operation, region, find_sent_call (operation, region));
    }
  vuc_device_update_serial (operation->device);
  g_prefix_error (error, "unmapping: the server may still have the memory if it was shared: ");
}

/* --- The two forms --- */

static void
operation_clear (gpointer data)
{
  DmaOperation *operation = data;

  vuc_dma_bulk_clear (&operation->bulk);
  g_clear_pointer (&operation->made, g_ptr_array_unref);
  g_clear_pointer (&operation->regions, g_ptr_array_unref);
  g_clear_error (&operation->first_error);
}

static DmaOperation *
operation_new (VucDevice *device, guint16 command)
{
  DmaOperation *operation = g_new0 (DmaOperation, 1);
  gboolean maps = command == VUC_COMMAND_DMA_MAP;

  vuc_task_init (&operation->task, device->session, maps ? map_step : unmap_step,
                 maps ? vuc_device_deadline (device) : vuc_device_long_deadline (device));
  operation->task.command = command;
  operation->task.settle = maps ? settle_map : settle_unmap;
  operation->device = device;
  return operation;
}

static gboolean
run (VucDevice *device, DmaOperation *operation, GError **error)
{
  g_autoptr (VucDevice) in_use = vuc_device_ref (device);
  gboolean ok = operation != NULL && vuc_task_run (&operation->task, error);

  if (operation != NULL)
    operation_clear (operation);
  g_free (operation);
  return ok;
}

static VucOperation
start (VucDevice *device, DmaOperation *operation, GError *error, const VucReceiver *receiver)
{
  if (operation == NULL)
    return vuc_device_start_failed (device, error, receiver);
  return vuc_device_start (device, &operation->task, operation_clear, receiver);
}

static void
unref_file (gpointer file)
{
  vuc_shared_file_unref (file);
}

static DmaOperation *
prepare_map (VucDevice *device, const VucDmaRegion *regions, gsize n, GError **error)
{
  g_autoptr (GHashTable)
    files = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, unref_file);
  DmaOperation *operation;

  if (!g_atomic_int_get (&device->is_known))
    {
      vuc_fail (error, VUC_ERROR_DISCONNECTED, "the device is not connected yet");
      return NULL;
    }

  operation = operation_new (device, VUC_COMMAND_DMA_MAP);
  operation->regions = g_ptr_array_new_full ((guint) n, (GDestroyNotify) vuc_guest_region_unref);
  for (gsize i = 0; i < n; i++)
    {
      VucGuestRegion *region = vuc_dma_region_check (device, &regions[i], files, error);

      if (region != NULL)
        {
          g_ptr_array_add (operation->regions, region);
          continue;
        }
      operation_clear (operation);
      g_free (operation);
      return NULL;
    }
  return operation;
}

static DmaOperation *
prepare_unmap (VucDevice *device, guint64 iova, guint64 size)
{
  DmaOperation *operation = operation_new (device, VUC_COMMAND_DMA_UNMAP);

  operation->iova = iova;
  operation->size = size;
  return operation;
}

gboolean
vuc_device_dma_map_many (VucDevice *device,
                         const VucDmaRegion *regions,
                         gsize n_regions,
                         GError **error)
{
  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (regions != NULL || n_regions == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return run (device, prepare_map (device, regions, n_regions, error), error);
}

VucOperation
vuc_device_dma_map_many_async (VucDevice *device,
                               const VucDmaRegion *regions,
                               gsize n_regions,
                               VucCallback callback,
                               gpointer user_data,
                               GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };
  DmaOperation *operation;
  GError *error = NULL;

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (regions != NULL || n_regions == 0, 0);

  operation = prepare_map (device, regions, n_regions, &error);
  return start (device, operation, error, &receiver);
}

gboolean
vuc_device_dma_map (VucDevice *device, const VucDmaRegion *region, GError **error)
{
  return vuc_device_dma_map_many (device, region, 1, error);
}

VucOperation
vuc_device_dma_map_async (VucDevice *device,
                          const VucDmaRegion *region,
                          VucCallback callback,
                          gpointer user_data,
                          GDestroyNotify destroy)
{
  return vuc_device_dma_map_many_async (device, region, 1, callback, user_data, destroy);
}

gboolean
vuc_device_dma_unmap (VucDevice *device, guint64 iova, guint64 size, GError **error)
{
  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (size > 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return run (device, prepare_unmap (device, iova, size), error);
}

VucOperation
vuc_device_dma_unmap_async (VucDevice *device,
                            guint64 iova,
                            guint64 size,
                            VucCallback callback,
                            gpointer user_data,
                            GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (size > 0, 0);

  return start (device, prepare_unmap (device, iova, size), NULL, &receiver);
}

gboolean
vuc_device_dma_unmap_all (VucDevice *device, GError **error)
{
  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return run (device, prepare_unmap (device, 0, 0), error);
}

VucOperation
vuc_device_dma_unmap_all_async (VucDevice *device,
                                VucCallback callback,
                                gpointer user_data,
                                GDestroyNotify destroy)
{
  VucReceiver receiver = { callback, user_data, destroy };

  g_return_val_if_fail (device != NULL, 0);

  return start (device, prepare_unmap (device, 0, 0), NULL, &receiver);
}

guint
vuc_device_dma_get_count (VucDevice *device)
{
  g_return_val_if_fail (device != NULL, 0);

  look_at_fenced (device);
  return vuc_guest_table_get_count (device->memory.table);
}
