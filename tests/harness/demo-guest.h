/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A client of the demo device that has memory, and lets the device's DMA engine work on it.
 *
 *   g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
 *
 *   demo_guest_map (guest, 0, 0x10000, DEMO_GUEST_SHARED);
 *   demo_guest_map (guest, 0x10000, 0x10000, DEMO_GUEST_BY_MESSAGE);
 *   demo_guest_copy (guest, 0, 0x10000, 0x10000, DEMO_COPY_START);
 *   demo_guest_await (guest);
 *   ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
 *
 * The memory is one memfd, which the windows show at the same offsets; so however the device gets at
 * it, the test sees it all in `memory`.  What the device asks for by message is answered from there,
 * whenever one of these functions waits.
 */

#ifndef HARNESS_DEMO_GUEST_H
#define HARNESS_DEMO_GUEST_H

#include <glib.h>

#include "demo.h"

G_BEGIN_DECLS

/* Where the memory is, as the device sees it. */
#define DEMO_GUEST_BASE G_GUINT64_CONSTANT (0x4000000000)
#define DEMO_GUEST_SIZE (32 * 1024 * 1024)

/* What DMA_MAP says. */
#define DEMO_GUEST_READ    (1u << 0)
#define DEMO_GUEST_WRITE   (1u << 1)
#define DEMO_GUEST_MMAP    (1u << 2)
#define DEMO_GUEST_FILE_IO (1u << 3)
#define DEMO_GUEST_BOTH    (DEMO_GUEST_READ | DEMO_GUEST_WRITE)

/* How a window is reached. */
typedef enum
{
  DEMO_GUEST_SHARED,
  DEMO_GUEST_FILE,
  DEMO_GUEST_BY_MESSAGE
} DemoGuestKind;

/* Registers in BAR0, and what is in them; see the demo device's README.md. */
typedef enum
{
  DEMO_COPY_SOURCE = 0x100,
  DEMO_COPY_DESTINATION = 0x108,
  DEMO_COPY_LENGTH = 0x110,
  DEMO_COPY_VECTOR = 0x118,
  DEMO_COPY_COMMAND = 0x11c,
  DEMO_COPY_STATUS = 0x120,
  DEMO_COPY_ERRNO = 0x124,
  DEMO_COPY_N_COPIED = 0x128,
  DEMO_COPY_MESSAGES = 0x130,
  DEMO_FIRE = 0x140,
  DEMO_MASKED = 0x144,
  DEMO_UNMASKED = 0x148
} DemoRegister;

enum
{
  DEMO_COPY_STOP,
  DEMO_COPY_START,
  DEMO_COPY_START_BY_MESSAGE
};

enum
{
  DEMO_COPY_IDLE,
  DEMO_COPY_BUSY,
  DEMO_COPY_DONE,
  DEMO_COPY_FAILED
};

typedef struct
{
  DemoDevice *demo;
  int fd;
  int twin; /* -1: none */
  int memory_fd;
  guint8 *memory;
  int done_fd; /* the eventfd of vector 0, that a copy raises if nothing else is said */

  /* What came by message, and what to make of it. */
  guint n_reads;
  guint n_writes;
  guint64 largest; /* count */
  int refusal;     /* an errno to answer; 0: none */
} DemoGuest;

/* Starts a device and connects to it; vector 0 of MSI-X is armed. */
DemoGuest *demo_guest_new (gboolean with_twin);

/* The same with a connected socket, and capabilities to propose (DEMO_PROPOSE_TWIN). */
DemoGuest *demo_guest_new_for (int fd, const char *proposal);

/* Closes the sockets, too; and ends the device, which must be well, if it was started here. */
void demo_guest_free (DemoGuest *guest);

/*
 * Says a message, serves the device until its reply comes, and returns the errno in that (0: none).
 * @file goes along, -1: nothing.
 */
int demo_guest_ask (DemoGuest *guest, const char *text, int file);

/* DMA_MAP, with any flags and any descriptor, and DMA_UNMAP; offsets in the memory. */
int demo_guest_try_map (DemoGuest *guest, guint64 offset, guint64 size, guint32 flags, int file);
int demo_guest_unmap (DemoGuest *guest, guint64 offset, guint64 size);

/* Maps with both rights; must succeed. */
void demo_guest_map (DemoGuest *guest, guint64 offset, guint64 size, DemoGuestKind kind);

/* A register; those that have them with 64 bits.  Writing returns the errno of the reply. */
guint64 demo_guest_read (DemoGuest *guest, DemoRegister reg);
int demo_guest_write (DemoGuest *guest, DemoRegister reg, guint64 value);

/* Fills in the registers, and gives the command, which must be taken. */
void demo_guest_copy (DemoGuest *guest, guint64 from, guint64 to, guint64 length, guint32 command);

/* Serves the device until the copy raises its interrupt. */
void demo_guest_await (DemoGuest *guest);

/* Serves one command of the device, that must be on its way. */
void demo_guest_serve (DemoGuest *guest);

/* SET_IRQS for MSI-X. */
int demo_guest_set_irqs (DemoGuest *guest, guint32 flags, guint start, guint count, int eventfd);

/* What an eventfd has counted since the last time. */
guint64 demo_guest_take_count (int eventfd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DemoGuest, demo_guest_free)

G_END_DECLS

#endif /* HARNESS_DEMO_GUEST_H */
