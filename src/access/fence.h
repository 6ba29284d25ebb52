/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A fence: a command with a reply, which proves that the device has executed all that was posted
 * before it.  Part of a task.
 */

#ifndef VUC_FENCE_H
#define VUC_FENCE_H

#include "session/task.h"

typedef struct
{
  VucTask *task;
  gboolean asked;
  VucCall call;
  guint8 reply[VUC_DEVICE_INFO_SIZE];
} VucFence;

/* The task must not move while the fence is under way. */
void vuc_fence_init (VucFence *fence, VucTask *task);
void vuc_fence_clear (VucFence *fence);

/* Asks whenever it is called for the first time: vuc_session_has_unproven() says whether it need be.
 * Ends when the reply is there, with an error if there is none. */
VucTaskStatus vuc_fence_step (VucFence *fence, GError **error);

#endif /* VUC_FENCE_H */
