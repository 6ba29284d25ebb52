/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Memory of a guest, in each of the four ways in which a device can get at it.
 *
 *   static void
 *   a_device_copies_memory (void)
 *   {
 *     g_autoptr (Guest) guest = guest_new (GUEST_BY_MESSAGE, 0x1000000, size);
 *     ...
 *     guest_fill (guest, 1);
 *     guest_map (guest, device);
 *     ... have the device copy the first half to the second ...
 *     guest_expect_copy (guest, 1);
 *   }
 */

#ifndef CONVERSATION_GUEST_H
#define CONVERSATION_GUEST_H

#include <vfio-user-client/vfio-user-client.h>

G_BEGIN_DECLS

typedef enum
{
  GUEST_SHARED,      /* a descriptor and nothing else: the library has to map it itself */
  GUEST_SHARED_FILE, /* one for file I/O */
  GUEST_BY_MESSAGE,
  GUEST_BY_CALLBACK
} GuestKind;

typedef struct
{
  VucDmaRegion region; /* as it is mapped; rights may be taken away before */
  guint8 *memory;
  gsize size;
  guint n_reads; /* calls of the callbacks */
  guint n_writes;
} Guest;

Guest *guest_new (GuestKind kind, guint64 iova, gsize size);

/* No device may reach it any more. */
void guest_free (Guest *guest);

/* The first half with numbers that depend on the seed, the second one with zeros. */
void guest_fill (Guest *guest, guint64 seed);

/* That both halves have these numbers. */
void guest_expect_copy (const Guest *guest, guint64 seed);

/* Maps it, and takes it away; neither may fail. */
void guest_map (const Guest *guest, VucDevice *device);
void guest_unmap (const Guest *guest, VucDevice *device);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Guest, guest_free)

G_END_DECLS

#endif /* CONVERSATION_GUEST_H */
