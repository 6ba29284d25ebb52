/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the files of this floor share.  All but what says otherwise is written while connecting, by
 * one thread, and constant from then on.
 */

#ifndef VUC_DEVICE_PRIVATE_H
#define VUC_DEVICE_PRIVATE_H

#include <vfio-user-client/vfio-user-client.h>

#include "device/config.h"
#include "session/session.h"

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

typedef struct
{
  VucRegionInfo info;
  VucRegionArea *areas;
  int *fds; /* what the areas' descriptors are taken from */
  guint n_fds;
  gboolean port_io;          /* guarded by io_fds_lock */
  VucRegionIoFdsKept io_fds; /* likewise; constant once known */
} VucRegion;

struct _VucDevice
{
  gint ref_count; /* atomic */
  VucSettings settings;
  VucSession *session;
  VucDeviceInfo info;
  VucPeerCredentials peer;
  VucRegion *regions; /* info.num_regions of them */
  VucIrqInfo *irqs;   /* info.num_irqs of them */
  GMutex io_fds_lock; /* a leaf: nothing is called with it held */
};

/* By when a call that begins now must be complete; the second is for what may legally take long. */
gint64 vuc_device_deadline (const VucDevice *device);
gint64 vuc_device_long_deadline (const VucDevice *device);

/* The region, or NULL with VUC_ERROR_INVALID_ARGUMENT. */
VucRegion *vuc_device_find_region (VucDevice *device, guint32 region, GError **error);

/* A decoder's error: if the server broke the protocol the session ends with it. */
void vuc_device_note_error (VucDevice *device, const GError *error);

/* Takes all descriptors out of a set. */
int *vuc_device_steal_fds (VucFdSet *set, guint *n_fds);
void vuc_device_close_fds (int *fds, guint n_fds);

/* handshake.c: VERSION */
gboolean vuc_handshake (VucDevice *device, gint64 deadline, GError **error);

/* io-fds.c */
void vuc_region_io_fds_kept_clear (VucRegionIoFdsKept *kept);

#endif /* VUC_DEVICE_PRIVATE_H */
