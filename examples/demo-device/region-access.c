/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * REGION_READ, REGION_WRITE and REGION_WRITE_MULTI: checks their sizes, and passes them on to the
 * device, which checks the rest.
 */

#include "region-access.h"

#include <errno.h>
#include <string.h>

int
region_read (Device *device, const Message *message, Reply *reply)
{
  RegionAccess access;

  memcpy (&access, message->payload, sizeof (access));
  if (access.count > MAX_DATA_XFER_SIZE)
    return EINVAL;

  reply_append (reply, &access, sizeof (access));
  return device_region_read (device, access.region, access.offset,
                             reply_extend (reply, access.count), access.count);
}

int
region_write (Device *device, const Message *message, Reply *reply)
{
  RegionAccess access;

  memcpy (&access, message->payload, sizeof (access));
  if (access.count != message->payload_size - sizeof (access))
    return EINVAL;

  reply_append (reply, &access, sizeof (access));
  return device_region_write (device, access.region, access.offset,
                              message->payload + sizeof (access), access.count);
}

static SingleWrite
get_write (const Message *message, guint64 i)
{
  SingleWrite write;

  memcpy (&write, message->payload + sizeof (WriteMulti) + i * sizeof (write), sizeof (write));
  return write;
}

/* Nothing of a malformed message is executed. */
static gboolean
is_well_formed (const Message *message, guint64 count)
{
  gsize size = message->payload_size - sizeof (WriteMulti);

  if (size % sizeof (SingleWrite) != 0 || size / sizeof (SingleWrite) != count)
    return FALSE;
  for (guint64 i = 0; i < count; i++)
    if (get_write (message, i).count > sizeof (get_write (message, i).data))
      return FALSE;
  return TRUE;
}

int
region_write_multi (Device *device, const Message *message, Reply *reply)
{
  WriteMulti asked, done = { 0 };

  memcpy (&asked, message->payload, sizeof (asked));
  if (!is_well_formed (message, asked.count))
    return EINVAL;

  while (done.count < asked.count)
    {
      SingleWrite write = get_write (message, done.count);

      if (device_region_write (device, write.region, write.offset, write.data, write.count) != 0)
        break;
      done.count++;
    }
  reply_append (reply, &done, sizeof (done));
  return 0;
}
