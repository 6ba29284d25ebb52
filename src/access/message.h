/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A part of an access that travels as a message with a reply: REGION_READ or REGION_WRITE.  Part of a
 * task.
 */

#ifndef VUC_MESSAGE_H
#define VUC_MESSAGE_H

#include <glib.h>

#include "session/task.h"
#include "wire/region-access.h"

typedef struct
{
  VucRegionAccess access; /* a count of 0: nothing was asked for yet */
  guint8 reply[VUC_REGION_ACCESS_SIZE];
  VucCall call;
} VucMessage;

void vuc_message_init (VucMessage *message);

/* Frees what a message whose outcome was not taken has left. */
void vuc_message_clear (VucMessage *message);

/* task->command says which; the range was checked: it lies inside the region.  Only a read touches
 * data. */
void vuc_message_submit (VucMessage *message,
                         VucTask *task,
                         const VucRegionAccess *access,
                         void *data);

/* Its reply is in.  A reply that does not echo what was asked for ends the connection. */
gboolean vuc_message_finish (VucMessage *message, VucTask *task, GError **error);

#endif /* VUC_MESSAGE_H */
