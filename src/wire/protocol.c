/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The table of commands.  Pure; any thread.
 */

#include "wire/protocol.h"

static const struct
{
  const char *name;
  gboolean reply_carries_fds;
} commands[] = {
  [VUC_COMMAND_VERSION] = { "VERSION", TRUE },
  [VUC_COMMAND_DMA_MAP] = { "DMA_MAP", FALSE },
  [VUC_COMMAND_DMA_UNMAP] = { "DMA_UNMAP", FALSE },
  [VUC_COMMAND_DEVICE_GET_INFO] = { "DEVICE_GET_INFO", FALSE },
  [VUC_COMMAND_DEVICE_GET_REGION_INFO] = { "DEVICE_GET_REGION_INFO", TRUE },
  [VUC_COMMAND_DEVICE_GET_REGION_IO_FDS] = { "DEVICE_GET_REGION_IO_FDS", TRUE },
  [VUC_COMMAND_DEVICE_GET_IRQ_INFO] = { "DEVICE_GET_IRQ_INFO", FALSE },
  [VUC_COMMAND_DEVICE_SET_IRQS] = { "DEVICE_SET_IRQS", FALSE },
  [VUC_COMMAND_REGION_READ] = { "REGION_READ", FALSE },
  [VUC_COMMAND_REGION_WRITE] = { "REGION_WRITE", FALSE },
  [VUC_COMMAND_DMA_READ] = { "DMA_READ", FALSE },
  [VUC_COMMAND_DMA_WRITE] = { "DMA_WRITE", FALSE },
  [VUC_COMMAND_DEVICE_RESET] = { "DEVICE_RESET", FALSE },
  [VUC_COMMAND_DIRTY_PAGES] = { "DIRTY_PAGES", FALSE },
  [VUC_COMMAND_REGION_WRITE_MULTI] = { "REGION_WRITE_MULTI", FALSE },
  [VUC_COMMAND_DEVICE_FEATURE] = { "DEVICE_FEATURE", FALSE },
  [VUC_COMMAND_MIG_DATA_READ] = { "MIG_DATA_READ", FALSE },
  [VUC_COMMAND_MIG_DATA_WRITE] = { "MIG_DATA_WRITE", FALSE },
};

const char *
vuc_command_name (guint16 command, char *buffer, gsize size)
{
  if (command < G_N_ELEMENTS (commands) && commands[command].name != NULL)
    return commands[command].name;

  g_snprintf (buffer, size, "command %u", command);
  return buffer;
}

gboolean
vuc_command_reply_carries_fds (guint16 command)
{
  return command < G_N_ELEMENTS (commands) && commands[command].reply_carries_fds;
}
