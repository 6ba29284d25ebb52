/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The canned part of a conversation: a client connects to a healthy device, which is a table.  One
 * entry of it may tell a lie, so that a test writes down the lie only:
 *
 *   static void
 *   a_region_that_answers_for_another_is_fatal (void)
 *   {
 *     static const ScriptRegion regions[] = {
 *       { .size = 4096, .flags = 3 },
 *       { .raw = "id u16:5 u32:48 u32:1 u32:0 | u32:32 u32:3 u32:7 u32:0 u64:4096 u64:0" },
 *     };
 *     const ScriptDevice device = { .regions = regions, .n_regions = 2 };
 *     g_autoptr(ScriptServer) server = script_server_new ();
 *
 *     script_handshake (server, &device);
 *     script_may_end_early (server);
 *     connect_and_expect (script_server_start (server), VUC_ERROR_PROTOCOL, "index 7, expected 1");
 *     script_server_finish (server);
 *   }
 *
 * The numbers in the client's requests are checked where the protocol fixes them.  argsz is taken
 * as it comes: where it is too small for a region's capabilities, the reply says so and has neither
 * them nor descriptors, and when all other queries were answered the client has to ask again.
 */

#ifndef HARNESS_SCRIPT_DEVICE_H
#define HARNESS_SCRIPT_DEVICE_H

#include "script-server.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 size;
  guint32 flags;            /* 1 READ, 2 WRITE, 4 MMAP; 8 CAPS is added where there are some */
  guint64 offset;           /* where the region begins in its descriptor */
  const char *capabilities; /* hex text: what follows the 32 bytes of the structure */
  const ScriptFd *fds;      /* that come with the reply, as by SCRIPT_FDS; NULL: none */
  guint32 error;            /* an error reply instead */
  const char *raw;          /* hex text: these bytes, with the descriptors, instead */
} ScriptRegion;

typedef struct
{
  guint32 flags;
  guint32 count;
  guint32 error;
  const char *raw;
} ScriptIrq;

typedef struct
{
  guint16 minor;
  const char *json; /* of the VERSION reply, without its NUL; NULL: none at all */
  guint32 flags;    /* 1 RESET, 2 PCI */
  const ScriptRegion *regions;
  guint n_regions;
  const ScriptIrq *irqs;
  guint n_irqs;
} ScriptDevice;

/* A PCI device: BAR0 4 KiB, BAR2 64 KiB that can be mapped, configuration space; INTx, 4 MSI. */
extern const ScriptDevice script_pci_device;

/*
 * All of a healthy connect, and its three parts: VERSION; DEVICE_GET_INFO; then the queries of all
 * regions and of all interrupts, in this order, and those of regions again that were cut short.
 * @device and its tables must stay until the server was started.
 */
void script_handshake (ScriptServer *server, const ScriptDevice *device);
void script_version (ScriptServer *server, const ScriptDevice *device);
void script_device_info (ScriptServer *server, const ScriptDevice *device);
void script_queries (ScriptServer *server, const ScriptDevice *device);

G_END_DECLS

#endif /* HARNESS_SCRIPT_DEVICE_H */
