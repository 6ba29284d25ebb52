/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the tests of a device's mappings have in common.  On the thread of the case, except at(),
 * which may be called by any.
 */

#include "unit/mappings-fixture.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/harness.h"

gsize
page (void)
{
  return (gsize) sysconf (_SC_PAGESIZE);
}

static int
make_file (gsize size, guint8 content)
{
  g_autofree guint8 *bytes = g_malloc (size);
  int fd = memfd_create ("region", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  ck_assert_int_ge (fd, 0);
  memset (bytes, content, size);
  ck_assert_int_eq (write (fd, bytes, size), (gssize) size);
  return fd;
}

void
server_init (Server *server, guint8 content)
{
  memset (server, 0, sizeof *server);
  server->shape.info.num_regions = N_REGIONS;
  server->shape.regions = server->regions;
  for (guint r = 0; r < N_REGIONS; r++)
    {
      VucRegionInfo *info = &server->regions[r].info;

      server->fds[r] = make_file (2 * N_AREAS * page (), content + r);
      for (guint i = 0; i < N_AREAS; i++)
        server->areas[r][i] = (VucRegionArea){ .offset = 2 * i * page (),
                                               .size = page (),
                                               .fd = server->fds[r],
                                               .fd_offset = 2 * i * page () };
      info->index = r;
      info->flags = VUC_REGION_READ | VUC_REGION_WRITE | VUC_REGION_MMAP;
      info->size = 2 * N_AREAS * page ();
      info->n_areas = N_AREAS;
      info->areas = server->areas[r];
    }
}

void
server_clear (Server *server)
{
  for (guint r = 0; r < N_REGIONS; r++)
    close (server->fds[r]);
}

void
restore (VucMappings *list, const Server *server)
{
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_mappings_restore (list, &server->shape, FALSE, &error));
  assert_no_error (error);
}

void
connect_to (VucMappings *list, const Server *server)
{
  vuc_mappings_begin_connecting (list);
  restore (list, server);
  vuc_mappings_open (list);
}

guint8 *
at (VucMapping *mapping, guint64 offset)
{
  guint8 *pointer = vuc_mapping_get_pointer (mapping, offset, 1);

  ck_assert_ptr_nonnull (pointer);
  return pointer;
}
