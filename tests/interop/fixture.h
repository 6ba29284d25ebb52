/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A device of device.c, and a connection to it.
 */

#ifndef INTEROP_FIXTURE_H
#define INTEROP_FIXTURE_H

#include <vfio-user-client/vfio-user-client.h>

#include "harness/harness.h"
#include "interop/device-process.h"

G_BEGIN_DECLS

typedef struct
{
  DeviceProcess *process;
  VucDevice *device;
} Fixture;

/* Only in a case's own function: leaves it, as skipped, where there is no such device.  option: what
 * the device is started with, or NULL. */
#define SET_UP(fixture, with_twin, option)                                                         \
  do                                                                                               \
    {                                                                                              \
      if (!device_process_is_there ())                                                             \
        harness_skip ("libvfio-user was not found");                                               \
      set_up ((fixture), (with_twin), (option));                                                   \
    }                                                                                              \
  while (0)

void set_up (Fixture *fixture, gboolean with_twin, const char *option);
void tear_down (Fixture *fixture);

/* One of the registers of device.h; none may fail. */
guint64 read_register (VucDevice *device, guint number);
void write_register (VucDevice *device, guint number, guint64 value);

G_END_DECLS

#endif /* INTEROP_FIXTURE_H */
