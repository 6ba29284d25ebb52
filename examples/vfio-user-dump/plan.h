/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What to dump: the options, held against the device.
 */

#ifndef PLAN_H
#define PLAN_H

#include <vfio-user-client/vfio-user-client.h>

#include "options.h"

/* Bytes of one region, all of which it has. */
typedef struct
{
  guint32 region;
  guint64 offset;
  guint64 length; /* not 0 */
} DumpRange;

/* The ranges to dump, an array of DumpRange that may be empty. NULL if the options ask for what the
   device does not have (G_OPTION_ERROR) or what cannot be read (VUC_ERROR). */
GArray *plan_dumps (VucDevice *device, const Options *options, GError **error);

/* Whether there is anything in the region that can be read. */
gboolean plan_can_read (const VucRegionInfo *info);

#endif /* PLAN_H */
