/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Memory of a guest.  Does not know which device gets it.  The callbacks run on whatever thread
 * reads; the rest on the one that runs the case.
 */

#include "conversation/guest.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/harness.h"

static int
on_read (guint64 iova, gpointer data, gsize count, gpointer user_data)
{
  Guest *guest = user_data;

  memcpy (data, guest->memory + (iova - guest->region.iova), count);
  guest->n_reads++;
  return 0;
}

static int
on_write (guint64 iova, gconstpointer data, gsize count, gpointer user_data)
{
  Guest *guest = user_data;

  memcpy (guest->memory + (iova - guest->region.iova), data, count);
  guest->n_writes++;
  return 0;
}

static const VucDmaOps ops = { on_read, on_write };

static gboolean
is_shared (GuestKind kind)
{
  return kind == GUEST_SHARED || kind == GUEST_SHARED_FILE;
}

Guest *
guest_new (GuestKind kind, guint64 iova, gsize size)
{
  Guest *guest = g_new0 (Guest, 1);
  int flags = is_shared (kind) ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  int fd = -1;

  if (is_shared (kind))
    {
      fd = memfd_create ("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
      ck_assert_int_ge (fd, 0);
      ck_assert_int_eq (ftruncate (fd, (off_t) size), 0);
    }
  guest->size = size;
  guest->memory = mmap (NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  ck_assert_ptr_ne (guest->memory, MAP_FAILED);
  guest->region = (VucDmaRegion){
    .iova = iova, .size = size, .flags = VUC_DMA_READ | VUC_DMA_WRITE, .fd = fd, .user_data = guest
  };
  if (kind == GUEST_SHARED_FILE)
    guest->region.flags |= VUC_DMA_FILE_IO;
  if (kind == GUEST_BY_CALLBACK)
    guest->region.ops = &ops;
  else if (kind != GUEST_SHARED)
    guest->region.vaddr = guest->memory;
  return guest;
}

void
guest_free (Guest *guest)
{
  if (guest == NULL)
    return;
  munmap (guest->memory, guest->size);
  if (guest->region.fd >= 0)
    close (guest->region.fd);
  g_free (guest);
}

/* xorshift: fast, and no two words that lie near each other are the same. */
static guint64
next_number (guint64 *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* Never 0, where that would stay. */
static guint64
first_state (guint64 seed)
{
  return seed * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) + 1;
}

void
guest_fill (Guest *guest, guint64 seed)
{
  guint64 *words = (guint64 *) guest->memory;
  gsize n_words = guest->size / 2 / sizeof *words;
  guint64 state = first_state (seed);

  for (gsize i = 0; i < n_words; i++)
    words[i] = next_number (&state);
  memset (words + n_words, 0, guest->size / 2);
}

void
guest_expect_copy (const Guest *guest, guint64 seed)
{
  const guint64 *words = (const guint64 *) guest->memory;
  gsize n_words = guest->size / 2 / sizeof *words;
  guint64 state = first_state (seed);

  for (gsize i = 0; i < n_words; i++)
    {
      guint64 number = next_number (&state);

      if (words[i] != number || words[n_words + i] != number)
        harness_fail ("at byte %" G_GSIZE_FORMAT " there is %016" G_GINT64_MODIFIER
                      "x, at its copy %016" G_GINT64_MODIFIER
                      "x; both should be %016" G_GINT64_MODIFIER "x",
                      i * sizeof *words, words[i], words[n_words + i], number);
    }
}

void
guest_map (const Guest *guest, VucDevice *device)
{
  g_autoptr (GError) error = NULL;

  vuc_device_dma_map (device, &guest->region, &error);
  assert_no_error (error);
}

void
guest_unmap (const Guest *guest, VucDevice *device)
{
  g_autoptr (GError) error = NULL;

  vuc_device_dma_unmap (device, guest->region.iova, guest->region.size, &error);
  assert_no_error (error);
}
