/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The four questions about the device, and the rule that they share, that of argsz: the request's
 * says how large an answer the client will take, the reply's how large the full answer is. If that
 * is more, the reply is the fixed structure alone, without descriptors, and the client asks again.
 *
 * Only reads the device's tables.
 */

#include "queries.h"

#include <errno.h>
#include <string.h>

int
query_device_info (const Device *device, const guint8 *payload, Reply *reply)
{
  DeviceInfo info;

  memcpy (&info, payload, sizeof (info));
  if (info.argsz < sizeof (info))
    return EINVAL;

  info = (DeviceInfo){
    .argsz = sizeof (info),
    .flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
    .num_regions = device->n_regions,
    .num_irqs = VFIO_PCI_NUM_IRQS,
  };
  reply_append (reply, &info, sizeof (info));
  return 0;
}

/* The capabilities that follow the region info structure, whose beginning their offsets count
   from. */
typedef struct
{
  GByteArray *bytes;
  gsize last; /* where the last one begins in bytes */
} Chain;

static void
append_capability (Chain *chain, guint16 id, gconstpointer data, gsize size)
{
  struct vfio_info_cap_header header = { .id = id, .version = 1 };
  guint32 offset = sizeof (struct vfio_region_info) + chain->bytes->len;

  if (chain->bytes->len > 0)
    memcpy (chain->bytes->data + chain->last + offsetof (struct vfio_info_cap_header, next),
            &offset, sizeof (offset));
  chain->last = chain->bytes->len;
  g_byte_array_append (chain->bytes, (const guint8 *) &header, sizeof (header));
  g_byte_array_append (chain->bytes, data, size);
}

static void
append_sparse_mmap (Chain *chain, const Region *region)
{
  const guint32 counts[] = { region->n_areas, 0 }; /* nr_areas, reserved */

  append_capability (chain, VFIO_REGION_INFO_CAP_SPARSE_MMAP, counts, sizeof (counts));
  for (guint i = 0; i < region->n_areas; i++)
    {
      struct vfio_region_sparse_mmap_area area = {
        .offset = region->areas[i].offset,
        .size = region->areas[i].size,
      };

      g_byte_array_append (chain->bytes, (const guint8 *) &area, sizeof (area));
    }
}

static void
append_type (Chain *chain, const Region *region)
{
  const guint32 type[] = { region->type, region->subtype };

  append_capability (chain, VFIO_REGION_INFO_CAP_TYPE, type, sizeof (type));
}

int
query_region_info (const Device *device, const guint8 *payload, Reply *reply)
{
  g_autoptr (GByteArray) capabilities = g_byte_array_new ();
  Chain chain = { .bytes = capabilities };
  struct vfio_region_info request, answer;
  const Region *region;

  memcpy (&request, payload, sizeof (request));
  if (request.argsz < sizeof (request) || request.index >= device->n_regions)
    return EINVAL;

  region = &device->regions[request.index];
  if (region->n_areas > 0)
    append_sparse_mmap (&chain, region);
  if (region->type != 0)
    append_type (&chain, region);

  answer = (struct vfio_region_info){
    .argsz = sizeof (answer) + capabilities->len,
    .flags = region->flags | (region->n_areas > 0 ? VFIO_REGION_INFO_FLAG_MMAP : 0)
             | (capabilities->len > 0 ? VFIO_REGION_INFO_FLAG_CAPS : 0),
    .index = request.index,
    .size = region->size,
    .offset = region->memory_offset,
  };

  if (answer.argsz > request.argsz)
    {
      reply_append (reply, &answer, sizeof (answer));
      return 0;
    }

  answer.cap_offset = capabilities->len > 0 ? sizeof (answer) : 0;
  reply_append (reply, &answer, sizeof (answer));
  reply_append (reply, capabilities->data, capabilities->len);
  if (region->n_areas > 0)
    reply_add_fd (reply, region->memory_fd);
  return 0;
}

static void
append_io_fd (Reply *reply, const IoFd *io_fd)
{
  IoFdEntry entry = {
    .offset = io_fd->offset,
    .size = io_fd->size,
    .fd_index = reply_add_fd (reply, io_fd->fd),
    .type = io_fd->type,
    .flags = io_fd->flags,
    .datamatch = io_fd->datamatch,
  };

  if (io_fd->type == IO_FD_TYPE_SHADOW)
    {
      entry.shadow_fd_index = reply_add_fd (reply, io_fd->shadow_fd);
      entry.shadow_offset = io_fd->shadow_offset;
    }
  else if (io_fd->type == IO_FD_TYPE_IOREGIONFD)
    entry.shadow_offset = io_fd->user_data;
  reply_append (reply, &entry, sizeof (entry));
}

int
query_region_io_fds (const Device *device, const guint8 *payload, Reply *reply)
{
  RegionIoFds request, answer;
  const Region *region;

  memcpy (&request, payload, sizeof (request));
  if (request.argsz < sizeof (request) || request.flags != 0 || request.count != 0
      || request.index >= device->n_regions)
    return EINVAL;

  region = &device->regions[request.index];
  answer = (RegionIoFds){
    .argsz = sizeof (answer) + region->n_io_fds * sizeof (IoFdEntry),
    .index = request.index,
    .count = region->n_io_fds,
  };
  reply_append (reply, &answer, sizeof (answer));

  if (answer.argsz <= request.argsz)
    for (guint i = 0; i < region->n_io_fds; i++)
      append_io_fd (reply, &region->io_fds[i]);
  return 0;
}

int
query_irq_info (const Device *device, const guint8 *payload, Reply *reply)
{
  struct vfio_irq_info info;

  memcpy (&info, payload, sizeof (info));
  if (info.argsz < sizeof (info) || !interrupts_describe (device->interrupts, &info))
    return EINVAL;

  info.argsz = sizeof (info);
  reply_append (reply, &info, sizeof (info));
  return 0;
}
