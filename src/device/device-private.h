/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the files of this floor share.
 *
 * A device has two counts.  ref_count is the callers': when it falls to zero the device is closed,
 * and everything under way is delivered.  holds are of those who only need the memory: the callers
 * together, each asynchronous operation, the source of a main context.
 */

#ifndef VUC_DEVICE_PRIVATE_H
#define VUC_DEVICE_PRIVATE_H

#include <vfio-user-client/vfio-user-client.h>

#include "access/access.h"
#include "access/dma-service.h"
#include "access/posted.h"
#include "device/config.h"
#include "device/irq-state.h"
#include "device/shape.h"
#include "session/session.h"
#include "session/task.h"

struct _VucDevice
{
  gint ref_count; /* atomic */
  gint holds;     /* atomic */

  /* Constant. */
  VucSettings settings;
  VucSession *session;
  char *path; /* NULL: made from a descriptor */
  VucDmaMemory memory;
  struct _VucMappings *mappings; /* mapping.h */
  VucTraffic traffic;

  gint fd_is_out; /* atomic: the caller has the session's descriptor */
  gint is_known;  /* atomic: the shape can be looked at; it is constant then, but for what says so */
  VucShape shape;

  GMutex ways_lock; /* guards what says so of the ways of regions; taken before any other */
  guint n_shadows;  /* under that: of all regions, whose memory is mapped */
  GMutex lock; /* a leaf: nothing is called with it held; guards what follows, and what regions say
                * is under it */
  int first_socket; /* the caller's descriptor, duplicated, until it is used; else -1 */
  guint64 n_attempts;     /* connections that were opened */
  GSource *source;        /* of the context that it is attached to, or NULL */
  GMainContext *context;  /* with source: a reference, so that it can be told of its end */
  guint64 chain;          /* of attempts by itself, the one that goes on just now; 0: none */
  guint64 n_chains;
  VucOperation reconnect; /* what is under way then, or 0 */
  gboolean closed;        /* by the caller, who has not connected it again */
  GSList *peers;          /* credentials that were handed out, the newest first */
  VucIrqs irqs;
};

/* Keeps the memory. */
VucDevice *vuc_device_hold (VucDevice *device);
void vuc_device_release (VucDevice *device);

/* A reference, unless the last one is gone. */
gboolean vuc_device_ref_if_alive (VucDevice *device);

/* By when an operation that begins now must be complete; the second is for what may legally take
 * long. */
gint64 vuc_device_deadline (const VucDevice *device);
gint64 vuc_device_long_deadline (const VucDevice *device);

/* The region, or NULL with an error. */
VucRegion *vuc_device_find_region (VucDevice *device, guint32 region, GError **error);

/* A decoder's error: if the server broke the protocol the connection ends with it. */
void vuc_device_note_error (VucTask *task, const GError *error);

/* dma.c: one command at a time while the server might take the next for the answer to its own. */
void vuc_device_update_serial (VucDevice *device);

/* --- reconnect.c: what happens to a device by itself (VucCallback) --- */

/* The connection was lost: tells the caller, and begins to reconnect if it shall. */
void vuc_device_on_lost (VucDevice *device,
                         VucOperation operation,
                         const GError *error,
                         gpointer user_data);
void vuc_device_on_reconnected (VucDevice *device,
                                VucOperation operation,
                                const GError *error,
                                gpointer user_data);

/* The caller has begun to connect it: it is not closed any more. */
void vuc_device_note_wanted (VucDevice *device);

/* The caller closes the device: no more attempts. */
void vuc_device_stop_reconnecting (VucDevice *device);

#endif /* VUC_DEVICE_PRIVATE_H */
