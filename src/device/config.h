/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What a configuration says, for the files that connect.
 */

#ifndef VUC_DEVICE_CONFIG_H
#define VUC_DEVICE_CONFIG_H

#include <vfio-user-client/vuc-config.h>

typedef void (*VucHookFunc) (void); /* cast to what it is before it is called */

/* A function of the user's: shared by a configuration and the devices made with it. */
typedef struct
{
  gint ref_count;
  VucHookFunc func;
  gpointer user_data;
  GDestroyNotify destroy;
} VucHook;

typedef enum
{
  VUC_HOOK_MESSAGE, /* VucMessageFunc */
  VUC_HOOK_REOPEN,  /* VucReopenFunc */
  VUC_HOOK_EVENT,   /* VucEventFunc */
  VUC_N_HOOKS
} VucHookKind;

/* Units and ranges are those of the setters. */
typedef struct
{
  guint timeout_ms;
  guint long_timeout_ms;
  guint max_msg_fds;
  guint max_write_size;
  guint max_operations;
  guint max_queued_bytes;
  guint max_regions;
  guint max_irqs;
  guint max_irq_count;
  guint reconnect_min_ms;
  guint reconnect_max_ms;
  gboolean allow_unsealed_files;
  gboolean twin_socket;
  gboolean auto_reconnect;
  gboolean reset_on_reconnect;
  gboolean pipeline_dma;
  gboolean posted_writes;
  guint poll_us;
  VucAccessFlags access_flags;
  VucHook *hooks[VUC_N_HOOKS]; /* or NULL; a reference is held */
} VucSettings;

/* A copy of what config says, or of the defaults if it is NULL. */
void vuc_settings_init (VucSettings *settings, const VucConfig *config);
void vuc_settings_clear (VucSettings *settings);

#endif /* VUC_DEVICE_CONFIG_H */
