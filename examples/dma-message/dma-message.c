/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Serves a device's DMA without sharing anything: the server asks for each piece, by DMA_READ and
 * DMA_WRITE.  The source is memory of this process, which the library answers from by itself; the
 * destination is a pair of functions, as a vIOMMU or the memory of another device would be.
 *
 * The answers are given by whoever reads: here by the blocking calls, on the only thread.  Knows the
 * demo device's registers (its README.md).
 */

#include <stdio.h>
#include <string.h>
#include <vfio-user-client/vfio-user-client.h>

#define SIZE        (4 * 1024 * 1024)
#define SOURCE      0x100000000 /* as the device sees them */
#define DESTINATION 0x200000000

/* Registers in BAR0. */
#define COPY_SOURCE 0x100 /* source, destination and length: 64 bits each */
#define COPY_START  0x11c
#define COPY_STATUS 0x120 /* and the errno */

enum
{
  IDLE,
  BUSY,
  DONE,
  FAILED
};

typedef struct
{
  guint8 *memory;
  guint n_writes;
} Destination;

/* The range lies inside the region, and the device has the right to write it: that was checked. */
static int
on_write (guint64 iova, gconstpointer data, gsize count, gpointer user_data)
{
  Destination *destination = user_data;

  memcpy (destination->memory + (iova - DESTINATION), data, count);
  destination->n_writes++;
  return 0;
}

static gboolean
copy (VucDevice *device, GError **error)
{
  const guint64 registers[] = { SOURCE, DESTINATION, SIZE };
  const guint32 start = 1;
  guint32 status[2];

  for (guint i = 0; i < G_N_ELEMENTS (registers); i++)
    if (!vuc_device_region_write (device, VUC_PCI_BAR0_REGION, COPY_SOURCE + 8 * i, &registers[i],
                                  sizeof registers[i], error))
      return FALSE;
  if (!vuc_device_region_write (device, VUC_PCI_BAR0_REGION, COPY_START, &start, sizeof start,
                                error))
    return FALSE;

  /* While this waits for its reply it answers the device.  A program that has something else to do
   * attaches the device to its main loop: then that answers. */
  do
    if (!vuc_device_region_read (device, VUC_PCI_BAR0_REGION, COPY_STATUS, status, sizeof status,
                                 error))
      return FALSE;
  while (status[0] == BUSY);
  if (status[0] != DONE)
    g_set_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "the copy failed: %s",
                 g_strerror ((int) status[1]));
  return status[0] == DONE;
}

int
main (int argc, char **argv)
{
  static const VucDmaOps ops = { .write = on_write };
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *source = g_malloc (SIZE);
  g_autofree guint8 *memory = g_malloc0 (SIZE);
  Destination destination = { .memory = memory };
  const VucDmaRegion regions[] = {
    { .iova = SOURCE, .size = SIZE, .flags = VUC_DMA_READ, .fd = -1, .vaddr = source },
    { .iova = DESTINATION,
      .size = SIZE,
      .flags = VUC_DMA_WRITE,
      .fd = -1,
      .ops = &ops,
      .user_data = &destination },
  };
  g_autoptr (VucDevice) device = NULL; /* goes before what it uses */
  gboolean is_same;

  for (gsize i = 0; i < SIZE; i++)
    source[i] = (guint8) (i * i / 251);

  device = vuc_device_connect (argc > 1 ? argv[1] : "/run/device.sock", NULL, &error);
  if (device == NULL || !vuc_device_dma_map_many (device, regions, G_N_ELEMENTS (regions), &error)
      || !copy (device, &error) || !vuc_device_dma_unmap_all (device, &error))
    {
      fprintf (stderr, "dma-message: %s\n", error->message);
      return 1;
    }

  is_same = memcmp (source, memory, SIZE) == 0;
  printf ("%s: %d bytes in %u writes\n", is_same ? "copied" : "damaged", SIZE,
          destination.n_writes);
  return is_same ? 0 : 1;
}
