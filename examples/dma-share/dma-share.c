/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Shares memory with a device, and lets the DMA engine of the demo device copy in it.  The memory is
 * a memfd: the server maps it, and moves the bytes without a message.
 *
 * One thread, blocking calls only.  Knows the demo device's registers (its README.md).
 */

#ifndef _GNU_SOURCE
#  define _GNU_SOURCE /* memfd_create () */
#endif

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vfio-user-client/vfio-user-client.h>

#define SIZE        (16 * 1024 * 1024)
#define HALF        (SIZE / 2)
#define RAM_ADDRESS 0x100000000 /* as the device sees it */

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

/* Has the first half of the memory copied to the second one. */
static gboolean
copy (VucDevice *device, GError **error)
{
  const guint64 registers[] = { RAM_ADDRESS, RAM_ADDRESS + HALF, HALF };
  const guint32 start = 1;
  guint32 status[2];

  for (guint i = 0; i < G_N_ELEMENTS (registers); i++)
    if (!vuc_device_region_write (device, VUC_PCI_BAR0_REGION, COPY_SOURCE + 8 * i, &registers[i],
                                  sizeof registers[i], error))
      return FALSE;
  if (!vuc_device_region_write (device, VUC_PCI_BAR0_REGION, COPY_START, &start, sizeof start,
                                error))
    return FALSE;

  /* irq-wait.c shows how to be told. */
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
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  int fd = memfd_create ("guest RAM", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  guint8 *ram = NULL;
  int status = 1;

  if (fd >= 0 && ftruncate (fd, SIZE) == 0)
    ram = mmap (NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (ram == NULL || ram == MAP_FAILED)
    {
      perror ("dma-share: cannot make memory");
      return 1;
    }
  for (gsize i = 0; i < HALF; i++)
    ram[i] = (guint8) (i * i / 251);

  /* Sealed by this, so that the server cannot shorten it under our feet. */
  const VucDmaRegion region = {
    .iova = RAM_ADDRESS, .size = SIZE, .flags = VUC_DMA_READ | VUC_DMA_WRITE, .fd = fd, .vaddr = ram
  };

  device = vuc_device_connect (argc > 1 ? argv[1] : "/run/device.sock", NULL, &error);
  if (device != NULL && vuc_device_dma_map (device, &region, &error) && copy (device, &error)
      && vuc_device_dma_unmap (device, region.iova, region.size, &error))
    {
      /* The server has let go of the memory. */
      status = memcmp (ram, ram + HALF, HALF) == 0 ? 0 : 1;
      printf ("%s: %d bytes\n", status == 0 ? "copied" : "damaged", HALF);
    }
  else
    fprintf (stderr, "dma-share: %s\n", error->message);

  /* Without the device nobody else uses it, whatever went wrong. */
  g_clear_pointer (&device, vuc_device_unref);
  munmap (ram, SIZE);
  close (fd);
  return status;
}
