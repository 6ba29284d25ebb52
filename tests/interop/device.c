/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A device made with libvfio-user, the library that most servers in the field are made with.  One
 * thread; one client after the other, whose predecessors' memory is forgotten and whose registers are
 * kept.
 *
 *   device [--quiesce] SOCKET
 *
 * Prints a line when it listens.  With --quiesce it first says that it is busy, whenever it should
 * let go of memory or be reset, so that such commands are answered late.
 *
 *   BAR0  registers, below
 *   BAR2  64 KiB of memory, which can be mapped
 *
 * It can be reset, which clears memory and registers, and has 16 vectors of MSI-X.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <vfio-user/libvfio-user.h>

#include "interop/device.h"

/* What is copied at a time: more than one message takes. */
#define PIECE_SIZE ((size_t) 3 << 20)

typedef struct
{
  vfu_ctx_t *context;
  uint64_t registers[INTEROP_N_REGISTERS];
  uint8_t *memory;
  int doorbell;
  int shadow_doorbell;
  uint8_t *shadow; /* a page */
  uint8_t *piece;
  dma_sg_t *entry;
} Device;

/* --- DMA --- */

/* Returns 0 or an errno. */
static int
transfer (Device *device, uint64_t address, size_t size, bool is_write, int flags)
{
  int protection = is_write ? PROT_WRITE : PROT_READ;
  int n_entries;
  int result;

  errno = EFAULT; /* where it says nothing: in more than one region */
  n_entries = vfu_addr_to_sgl (device->context, (vfu_dma_addr_t) (uintptr_t) address, size,
                               device->entry, 1, protection);
  if (n_entries != 1)
    return errno != 0 ? errno : EFAULT;
  result = is_write ? vfu_sgl_write (device->context, device->entry, 1, device->piece, flags)
                    : vfu_sgl_read (device->context, device->entry, 1, device->piece, flags);
  return result == 0 ? 0 : errno;
}

static int
copy (Device *device, int flags)
{
  uint64_t source = device->registers[INTEROP_SOURCE];
  uint64_t destination = device->registers[INTEROP_DESTINATION];
  uint64_t left = device->registers[INTEROP_LENGTH];
  int error = 0;

  while (left > 0 && error == 0)
    {
      size_t size = left < PIECE_SIZE ? (size_t) left : PIECE_SIZE;

      error = transfer (device, source, size, false, flags);
      if (error == 0)
        error = transfer (device, destination, size, true, flags);
      source += size;
      destination += size;
      left -= size;
    }
  return error;
}

/* --- Registers --- */

/* Returns 0 or an errno. */
static int
write_register (Device *device, size_t i, uint64_t value)
{
  switch (i)
    {
    case INTEROP_SOURCE:
    case INTEROP_DESTINATION:
    case INTEROP_LENGTH:
      device->registers[i] = value;
      return 0;
    case INTEROP_COPY:
      if (value != INTEROP_COPY_DIRECTLY && value != INTEROP_COPY_BY_MESSAGE)
        return EINVAL;
      device->registers[INTEROP_STATUS] = (uint64_t) copy (device, value == INTEROP_COPY_DIRECTLY
                                                                     ? VFU_SGL_DIRECT_ACCESS
                                                                     : 0);
      return 0;
    case INTEROP_TRIGGER:
      return vfu_irq_trigger (device->context, (uint32_t) value) == 0 ? 0 : errno;
    default:
      return EPERM;
    }
}

static uint64_t
take_kicks (int fd)
{
  uint64_t count = 0;

  return read (fd, &count, sizeof count) == (ssize_t) sizeof count ? count : 0;
}

static uint64_t
read_register (Device *device, size_t i)
{
  uint32_t shadow;

  switch (i)
    {
    case INTEROP_KICKS:
      return take_kicks (device->doorbell);
    case INTEROP_SHADOW_KICKS:
      return take_kicks (device->shadow_doorbell);
    case INTEROP_SHADOW:
      memcpy (&shadow, device->shadow + INTEROP_SHADOW_OFFSET, sizeof shadow);
      return shadow;
    default:
      return device->registers[i];
    }
}

static ssize_t
access_registers (vfu_ctx_t *context, char *data, size_t count, loff_t offset, bool is_write)
{
  Device *device = vfu_get_private (context);
  size_t i = (size_t) offset / sizeof device->registers[0];
  uint64_t value;

  if (count != sizeof value || (size_t) offset % sizeof value != 0 || i >= INTEROP_N_REGISTERS)
    {
      errno = EINVAL;
      return -1;
    }
  if (!is_write)
    {
      value = read_register (device, i);
      memcpy (data, &value, sizeof value);
      return (ssize_t) count;
    }
  memcpy (&value, data, sizeof value);
  errno = write_register (device, i, value);
  return errno == 0 ? (ssize_t) count : -1;
}

static ssize_t
access_memory (vfu_ctx_t *context, char *data, size_t count, loff_t offset, bool is_write)
{
  Device *device = vfu_get_private (context);

  if ((size_t) offset > INTEROP_MEMORY_SIZE || count > INTEROP_MEMORY_SIZE - (size_t) offset)
    {
      errno = EINVAL;
      return -1;
    }
  if (is_write)
    memcpy (device->memory + offset, data, count);
  else
    memcpy (data, device->memory + offset, count);
  return (ssize_t) count;
}

/* --- What happens to it --- */

static int
on_reset (vfu_ctx_t *context, vfu_reset_type_t type)
{
  Device *device = vfu_get_private (context);
  uint64_t n_resets = device->registers[INTEROP_RESETS];

  /* A client that has left is told as a reset, too. */
  if (type != VFU_RESET_DEVICE)
    return 0;
  memset (device->registers, 0, sizeof device->registers);
  memset (device->memory, 0, INTEROP_MEMORY_SIZE);
  device->registers[INTEROP_RESETS] = n_resets + 1;
  return 0;
}

static void
on_map (vfu_ctx_t *context, vfu_dma_info_t *info)
{
  Device *device = vfu_get_private (context);

  (void) info;
  device->registers[INTEROP_REGIONS]++;
}

static void
on_unmap (vfu_ctx_t *context, vfu_dma_info_t *info)
{
  Device *device = vfu_get_private (context);

  (void) info;
  device->registers[INTEROP_REGIONS]--;
}

/* Not now: the main loop says when. */
static int
on_quiesce (vfu_ctx_t *context)
{
  Device *device = vfu_get_private (context);

  device->registers[INTEROP_QUIESCED]++;
  errno = EBUSY;
  return -1;
}

static void
on_log (vfu_ctx_t *context, int level, const char *message)
{
  (void) context;
  (void) level;
  fprintf (stderr, "# device: %s\n", message);
}

/* --- Making it --- */

static bool
add_msix (vfu_ctx_t *context)
{
  struct msixcap capability = {
    .hdr.id = PCI_CAP_ID_MSIX,
    .mxc.ts = INTEROP_N_VECTORS - 1,
    .mtab = { .tbir = 4, .to = 0 },
    .mpba = { .pbir = 4, .pbao = 0x1000 >> 3 },
  };

  return vfu_pci_add_capability (context, 0, 0, &capability) >= 0
         && vfu_setup_device_nr_irqs (context, VFU_DEV_MSIX_IRQ, INTEROP_N_VECTORS) == 0;
}

static bool
add_memory (Device *device)
{
  int fd = memfd_create ("device memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 || ftruncate (fd, INTEROP_MEMORY_SIZE) != 0)
    return false;
  device->memory = mmap (NULL, INTEROP_MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return device->memory != MAP_FAILED
         && vfu_setup_region (device->context, VFU_PCI_DEV_BAR2_REGION_IDX, INTEROP_MEMORY_SIZE,
                              access_memory, VFU_REGION_FLAG_RW | VFU_REGION_FLAG_MEM, NULL, 0, fd,
                              0)
              == 0;
}

static bool
add_doorbell (Device *device)
{
  device->doorbell = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  return device->doorbell >= 0
         && vfu_create_ioeventfd (device->context, VFU_PCI_DEV_BAR0_REGION_IDX, device->doorbell,
                                  INTEROP_DOORBELL, sizeof (uint32_t), 0, 0, -1, 0)
              == 0;
}

/* Not every build of the library can. */
static bool
add_shadow_doorbell (Device *device)
{
  size_t size = (size_t) sysconf (_SC_PAGESIZE);
  int fd = memfd_create ("shadow", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  device->shadow_doorbell = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0 || device->shadow_doorbell < 0 || ftruncate (fd, (off_t) size) != 0)
    return false;
  device->shadow = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (device->shadow == MAP_FAILED)
    return false;
  (void) vfu_create_ioeventfd (device->context, VFU_PCI_DEV_BAR0_REGION_IDX,
                               device->shadow_doorbell, INTEROP_SHADOW_DOORBELL, sizeof (uint32_t),
                               0, 0, fd, INTEROP_SHADOW_OFFSET);
  return true;
}

static bool
make_device (Device *device, const char *path, bool quiesces)
{
  vfu_ctx_t *context = vfu_create_ctx (VFU_TRANS_SOCK, path, 0, device, VFU_DEV_TYPE_PCI);

  if (context == NULL)
    return false;
  device->context = context;
  device->piece = malloc (PIECE_SIZE);
  device->entry = malloc (dma_sg_size ());
  if (device->piece == NULL || device->entry == NULL
      || vfu_setup_log (context, on_log, LOG_ERR) != 0
      || vfu_pci_init (context, VFU_PCI_TYPE_EXPRESS, PCI_HEADER_TYPE_NORMAL, 0) != 0)
    return false;

  vfu_pci_set_id (context, INTEROP_VENDOR, INTEROP_DEVICE, 0, 0);
  if (quiesces)
    vfu_setup_device_quiesce_cb (context, on_quiesce);
  return add_msix (context) && add_memory (device)
         && vfu_setup_region (context, VFU_PCI_DEV_BAR0_REGION_IDX, INTEROP_REGISTERS_SIZE,
                              access_registers, VFU_REGION_FLAG_RW | VFU_REGION_FLAG_MEM, NULL, 0,
                              -1, 0)
              == 0
         && add_doorbell (device) && add_shadow_doorbell (device)
         && vfu_setup_device_reset_cb (context, on_reset) == 0
         && vfu_setup_device_dma (context, LIBVFIO_USER_MAX_DMA_REGIONS, on_map, on_unmap) == 0
         && vfu_realize_ctx (context) == 0;
}

/* Until the client has left. */
static void
serve (Device *device)
{
  for (;;)
    {
      if (vfu_run_ctx (device->context) >= 0)
        continue;
      if (errno == EBUSY && vfu_device_quiesced (device->context, 0) == 0)
        continue;
      if (errno != EINTR)
        return;
    }
}

int
main (int argc, char **argv)
{
  bool quiesces = argc > 1 && strcmp (argv[1], "--quiesce") == 0;
  static Device device;

  if (argc != (quiesces ? 3 : 2))
    {
      fprintf (stderr, "usage: %s [--quiesce] SOCKET\n", argv[0]);
      return 2;
    }
  if (!make_device (&device, argv[argc - 1], quiesces))
    {
      perror ("device");
      return 1;
    }
  printf ("listens\n");
  fflush (stdout);

  for (;;)
    if (vfu_attach_ctx (device.context) == 0)
      serve (&device);
}
