/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * BAR0: the device's registers, and behind them the doorbells (doorbells.h).
 */

#pragma once

#include "region.h"
#include "server-commands.h"

#define REGISTERS_SIZE 0x1000

/* Offsets. All registers are little-endian, as PCI wants it, and have 32 bits if nothing else is
   said. */
typedef enum
{
  REGISTER_IDENTITY = 0x000, /* the bytes "VUCD" */
  REGISTER_VERSION = 0x004,  /* of this register map */
  REGISTER_SCRATCH_0 = 0x008,
  REGISTER_SCRATCH_1 = 0x00c,
  REGISTER_ERROR = 0x010,        /* bit 0: a bad write is latched; write 1 to clear it */
  REGISTER_ERROR_OFFSET = 0x014, /* of the last bad write */
  REGISTER_ERROR_SIZE = 0x018,
  REGISTER_KICKS_TOTAL = 0x020,
  REGISTER_KICKS_BY_MESSAGE = 0x024, /* those of the total that were not made by eventfd */
  REGISTER_SHADOW_VALUE = 0x028,     /* last written to the shadow doorbell */
  REGISTER_KICKS = 0x030,            /* one register for each counter of doorbells.h */

  REGISTER_PING_ADDRESS = 0x080,     /* 64 bits; see ping.h */
  REGISTER_PING_COUNT = 0x088,       /* writing N sends N times DMA_READ */
  REGISTER_PING_DONE = 0x08c,        /* replies since the last write of a count */
  REGISTER_PING_ERRNO = 0x090,       /* of the last reply */
  REGISTER_PING_DATA = 0x098,        /* 64 bits, what was last read */
  REGISTER_PING_WRITE_COUNT = 0x0a0, /* writing N sends N times DMA_WRITE, with that */
} Register;

#define REGISTER_MAP_VERSION 0x00010000
#define ERROR_LATCHED        1u

void registers_init (Region *region, ServerCommands *commands);
