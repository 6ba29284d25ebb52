/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reading all information about a device, its regions and its interrupts, while connecting.  Part of
 * the connecting task: none of these functions waits.
 */

#ifndef VUC_QUERY_H
#define VUC_QUERY_H

#include "device/config.h"
#include "device/shape.h"
#include "session/task.h"

typedef struct
{
  VucTask *task;
  const VucSettings *settings;
  VucShape *shape; /* info is filled in; the rest is filled by the queries */

  GArray *queries; /* all of this round */
  GArray *again;   /* for the next round; NULL in the last */
  guint first;     /* of those under way */
  guint n;
  guint8 *replies; /* of those */
} VucQueries;

/* Asks for everything; shape was allocated. */
void vuc_queries_init (VucQueries *queries,
                       VucTask *task,
                       const VucSettings *settings,
                       VucShape *shape);
void vuc_queries_clear (VucQueries *queries);

/* What was submitted last is over: uses it, and submits what comes next. */
VucTaskStatus vuc_queries_step (VucQueries *queries, GError **error);

#endif /* VUC_QUERY_H */
