/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the tests of a device's mappings have in common: a list of them, and the regions of a server
 * that it is connected to.
 *
 *   VucMappings *list = vuc_mappings_new ();
 *   Server server;
 *
 *   server_init (&server, 0x10);
 *   connect_to (list, &server);
 *   ...
 *   vuc_mappings_unref (list);
 *   server_clear (&server);
 */

#ifndef TEST_MAPPINGS_FIXTURE_H
#define TEST_MAPPINGS_FIXTURE_H

#include "device/mapping.h"

#define N_REGIONS 2
#define N_AREAS   3

/* A server's regions: each has areas of one page, with a page between them, of one file, of which
 * every byte is the same. */
typedef struct
{
  VucShape shape;
  VucRegion regions[N_REGIONS];
  VucRegionArea areas[N_REGIONS][N_AREAS];
  int fds[N_REGIONS];
} Server;

/* Every byte of region i is content + i. */
void server_init (Server *server, guint8 content);
void server_clear (Server *server);

/* The size of one. */
gsize page (void);

/* Maps again what there is, which must succeed. */
void restore (VucMappings *list, const Server *server);

/* A connection from its beginning until everybody may use it. */
void connect_to (VucMappings *list, const Server *server);

/* A byte of the mapping: there must be one. */
guint8 *at (VucMapping *mapping, guint64 offset);

#endif /* TEST_MAPPINGS_FIXTURE_H */
