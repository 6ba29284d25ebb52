/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * BAR0: the device's registers, and behind them the doorbells (doorbells.h) and the memories that
 * can be reached by ioregionfds (ioregions.h).
 */

#pragma once

#include "engine.h"
#include "region.h"

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

  REGISTER_IOREGION_READS = 0x050,  /* by ioregionfds */
  REGISTER_IOREGION_WRITES = 0x054, /* likewise */
  REGISTER_MESSAGE_READS = 0x058,   /* of the same memories, by messages */
  REGISTER_MESSAGE_WRITES = 0x05c,  /* likewise */

  REGISTER_PING_ADDRESS = 0x080,     /* 64 bits; see ping.h */
  REGISTER_PING_COUNT = 0x088,       /* writing N sends N times DMA_READ */
  REGISTER_PING_DONE = 0x08c,        /* replies since the last write of a count */
  REGISTER_PING_ERRNO = 0x090,       /* of the last reply */
  REGISTER_PING_DATA = 0x098,        /* 64 bits, what was last read */
  REGISTER_PING_WRITE_COUNT = 0x0a0, /* writing N sends N times DMA_WRITE, with that */

  REGISTER_COPY_SOURCE = 0x100,      /* 64 bits; see engine.h */
  REGISTER_COPY_DESTINATION = 0x108, /* 64 bits */
  REGISTER_COPY_LENGTH = 0x110,      /* 64 bits, in bytes */
  REGISTER_COPY_VECTOR = 0x118,      /* of MSI-X, raised when a copy has ended */
  REGISTER_COPY_COMMAND = 0x11c,     /* one of CopyCommand */
  REGISTER_COPY_STATUS = 0x120,      /* an EngineStatus */
  REGISTER_COPY_ERRNO = 0x124,
  REGISTER_COPY_DONE = 0x128,     /* 64 bits, in bytes */
  REGISTER_COPY_MESSAGES = 0x130, /* DMA_READ and DMA_WRITE that it took */

  REGISTER_FIRE = 0x140,     /* writing N raises vector N of MSI-X */
  REGISTER_MASKED = 0x144,   /* how often a vector was masked */
  REGISTER_UNMASKED = 0x148, /* and unmasked */
} Register;

/* What can be written to REGISTER_COPY_COMMAND. */
typedef enum
{
  COPY_STOP,
  COPY_START,
  COPY_START_BY_MESSAGE, /* even where memory is shared */
} CopyCommand;

#define REGISTER_MAP_VERSION 0x00010000
#define ERROR_LATCHED        1u

/* Without HAS_IOREGIONFDS those memories can be reached by messages only. */
void registers_init (Region *region,
                     gboolean has_ioregionfds,
                     ServerCommands *commands,
                     Engine *engine,
                     Interrupts *interrupts);
