/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What a configuration says, for the files that connect.
 */

#ifndef VUC_DEVICE_CONFIG_H
#define VUC_DEVICE_CONFIG_H

#include <vfio-user-client/vuc-config.h>

/* Who sees the messages: shared by a configuration and the devices made with it. */
typedef struct
{
  gint ref_count;
  VucMessageFunc func;
  gpointer user_data;
  GDestroyNotify destroy;
} VucTrace;

/* Units and ranges are those of the setters. */
typedef struct
{
  guint timeout_ms;
  guint long_timeout_ms;
  guint max_msg_fds;
  guint max_write_size;
  guint max_regions;
  guint max_irqs;
  guint max_irq_count;
  gboolean allow_unsealed_files;
  VucTrace *trace; /* or NULL; a reference is held */
} VucSettings;

/* A copy of what config says, or of the defaults if it is NULL. */
void vuc_settings_init (VucSettings *settings, const VucConfig *config);
void vuc_settings_clear (VucSettings *settings);

#endif /* VUC_DEVICE_CONFIG_H */
