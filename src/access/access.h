/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An access to a region: part by part, each the fastest way that its region has.  A task, or, where
 * nothing has to be waited for, none.  Any thread.
 */

#ifndef VUC_REGION_ACCESS_TASK_H
#define VUC_REGION_ACCESS_TASK_H

#include <glib.h>
#include <vfio-user-client/vuc-types.h>

#include "access/fence.h"
#include "access/message.h"
#include "access/posted.h"
#include "access/route.h"

/* What the regions of a device share. */
typedef struct
{
  VucSession *session;
  VucPosted *posted;
  gsize counters[VUC_N_WAYS]; /* atomic: parts that took each way */
} VucTraffic;

/* What is wanted.  The range was checked: it lies inside the region. */
typedef struct
{
  VucTraffic *traffic;
  const VucRoutes *routes;
  guint32 region;
  gboolean writes;
  gboolean posts; /* writes to the region may be posted */
  VucAccessFlags flags;
  guint64 offset;
  guint8 *data; /* only a read touches it */
  gsize count;
} VucAccessWish;

typedef enum
{
  VUC_ACCESS_DONE,
  VUC_ACCESS_FAILED,    /* with error set */
  VUC_ACCESS_NOT_BEGUN, /* it is for a task */
} VucAccessResult;

/* Does the whole of it if that is a load, a store or a kick: nothing of the user's is called.  FALSE:
 * it is not, or must wait. */
gboolean vuc_access_at_once (const VucAccessWish *wish);

/* Does the whole of it, for a thread that may wait, if it is posted or goes by ioregionfd.  It may
 * take so many microseconds. */
VucAccessResult vuc_access_try (const VucAccessWish *wish, gint64 timeout_us, GError **error);

typedef struct
{
  VucTask task;
  VucAccessWish wish; /* what is left of it */
  gsize chunk;        /* the most data that a message may carry */
  gboolean may_wait;  /* a thread waits for it */
  gboolean is_fenced; /* what was posted before it is executed */
  enum
  {
    VUC_ACCESS_BEGINS,
    VUC_ACCESS_AWAITS_REPLY,
    VUC_ACCESS_AWAITS_FENCE
  } state;
  VucMessage message;
  VucFence fence;
} VucAccess;

void vuc_access_init (VucAccess *access,
                      const VucAccessWish *wish,
                      gsize chunk,
                      gboolean may_wait,
                      gint64 deadline);

/* Frees what an operation that was ended before its last step has left. */
void vuc_access_clear (gpointer access);

#endif /* VUC_REGION_ACCESS_TASK_H */
