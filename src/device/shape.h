/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * All that is known of a device: what was agreed on, its regions and its interrupts.  A device has
 * one from its first connection on; each later connection reads another, which must be the same,
 * and only lends its descriptors to the first.
 */

#ifndef VUC_SHAPE_H
#define VUC_SHAPE_H

#include <vfio-user-client/vfio-user-client.h>

#include "base/fd-set.h"
#include "device/ways.h"
#include "wire/version.h"

/* The answer to DEVICE_GET_REGION_IO_FDS, kept from the first time on. */
typedef struct
{
  gboolean known;
  VucIoFd *entries;
  gsize n_entries;
  int *fds; /* what the entries' descriptors are taken from; -1 where unused */
  guint n_fds;
  int remote_errno;
} VucRegionIoFdsKept;

struct _VucRegion
{
  VucRegionInfo info;
  VucRegionArea *areas;
  int *fds; /* what the areas' descriptors are taken from */
  guint n_fds;

  /* Under the device's lock. */
  gboolean port_io;
  gboolean areas_handed_out; /* to the caller, who may give them to a hypervisor */
  gboolean io_fds_handed_out;
  VucPosting posting;
  gint posts;                /* atomic: what comes of these */
  VucRegionIoFdsKept io_fds; /* constant once known */

  VucWays ways;
};

typedef struct
{
  VucDeviceInfo info;
  VucRegion *regions; /* info.num_regions of them */
  VucIrqInfo *irqs;   /* info.num_irqs of them */
} VucShape;

/* The limits and switches of VERSION. */
void vuc_shape_keep_agreement (VucShape *shape, const VucVersion *agreed);

/* What info says how many there are of, empty. */
void vuc_shape_allocate (VucShape *shape);

/* Closes all descriptors. */
void vuc_shape_clear (VucShape *shape);

void vuc_region_io_fds_kept_clear (VucRegionIoFdsKept *kept);

/* FALSE with VUC_ERROR_REJECTED and a list of how now differs from before.  Limits may have grown. */
gboolean vuc_shape_compare (const VucShape *before, const VucShape *now, GError **error);

/* Puts the descriptors of now, which is the same, behind the numbers of before's.  FALSE if that
 * cannot be done: some of them may be renewed then. */
gboolean vuc_shape_renew_fds (VucShape *before, const VucShape *now, GError **error);

/* Takes all descriptors out of a set. */
int *vuc_shape_steal_fds (VucFdSet *set, guint *n_fds);

#endif /* VUC_SHAPE_H */
