/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the device and its tests agree on.
 */

#ifndef INTEROP_DEVICE_H
#define INTEROP_DEVICE_H

#define INTEROP_VENDOR 0x1234
#define INTEROP_DEVICE 0x0b0b

#define INTEROP_MEMORY_SIZE    0x10000
#define INTEROP_REGISTERS_SIZE 0x1000
#define INTEROP_N_VECTORS      16

/* Registers of 64 bits, at 8 times these; only whole ones can be read or written. */
enum
{
  INTEROP_SOURCE,
  INTEROP_DESTINATION,
  INTEROP_LENGTH,   /* in bytes */
  INTEROP_COPY,     /* written: copies, and is answered when that has ended */
  INTEROP_STATUS,   /* of the last copy: 0 or an errno */
  INTEROP_TRIGGER,  /* written: raises this vector */
  INTEROP_RESETS,   /* how many there were */
  INTEROP_REGIONS,  /* of memory, as of now */
  INTEROP_QUIESCED, /* how often it was asked to be quiet */
  INTEROP_KICKS,    /* of the doorbell, by its eventfd; reading it empties it */
  INTEROP_SHADOW_KICKS,
  INTEROP_SHADOW, /* what was written to that one last */
  INTEROP_N_REGISTERS
};

/* Doorbells of 4 bytes, in BAR0.  The second is there only if the library was made with shadow
 * ioeventfds. */
#define INTEROP_DOORBELL        0x800
#define INTEROP_SHADOW_DOORBELL 0x810
#define INTEROP_SHADOW_OFFSET   0x24 /* in its memory */

/* What can be written to INTEROP_COPY. */
#define INTEROP_COPY_DIRECTLY   1 /* through a mapping, or the file, where there is one */
#define INTEROP_COPY_BY_MESSAGE 2

#endif /* INTEROP_DEVICE_H */
