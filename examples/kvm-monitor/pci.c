/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The PCI bus: configuration accesses by ports 0xcf8 and 0xcfc go to the device's configuration
 * space, and what the guest wrote into it decides where the BARs are and which interrupts are on.
 *
 * The device is believed what kind a BAR is, and how large, once.  From then on BAR registers read
 * as what the guest wrote, rounded down to the size; servers are known that answer for BARs that
 * there are not.  A BAR is decoded only where BARs may be: whatever a server says and a guest
 * does, nothing ends up over guest memory or an interrupt controller.
 *
 * Does not know the library, nor KVM.  vCPU threads, and the main thread.  The lock is not held
 * while the device is asked something.  Not here: bridges, functions, expansion ROMs, MSI (a guest
 * that turns it on hears nothing), configuration space above 256 bytes.
 */

#include "pci.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "irq.h"
#include "machine.h"

#define CONFIG_REGION 7 /* VFIO's */
#define CONFIG_SIZE   256
#define N_BARS        6
#define COMMAND_BITS                                                                               \
  (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)

typedef struct
{
  /* Fixed. */
  guint64 size; /* a power of two; 0: there is none */
  gboolean is_port;
  gboolean is_64;
  guint8 type; /* the register's bits that cannot be written */

  /* Guarded by the lock. */
  gboolean is_placed;
  guint64 address;
} Bar;

struct _Pci
{
  Device *device;
  Irq *irq;
  guint8 msix; /* where the capability is; 0: nowhere */

  GMutex lock;
  guint32 selected;            /* guarded by lock: what was written to 0xcf8 */
  guint8 written[CONFIG_SIZE]; /* guarded by lock: what the guest wrote */
  Bar bars[N_BARS];
};

/* BARs. */

static gboolean
overlaps_locked (Pci *pci, guint number, guint64 address)
{
  const Bar *bar = &pci->bars[number];

  for (guint i = 0; i < N_BARS; i++)
    {
      const Bar *other = &pci->bars[i];

      if (i != number && other->is_placed && other->is_port == bar->is_port
          && address < other->address + other->size && other->address < address + bar->size)
        return TRUE;
    }
  return FALSE;
}

/* What the guest wrote into the BAR's one or two registers, without the bits that cannot be. */
static guint64
get_address_locked (Pci *pci, guint number)
{
  const Bar *bar = &pci->bars[number];
  guint32 low, high = 0;

  if (bar->size == 0)
    return 0;
  memcpy (&low, &pci->written[PCI_BASE_ADDRESS_0 + 4 * number], 4);
  if (bar->is_64)
    memcpy (&high, &pci->written[PCI_BASE_ADDRESS_0 + 4 * number + 4], 4);
  return ((guint64) GUINT32_FROM_LE (high) << 32 | GUINT32_FROM_LE (low)) & ~(bar->size - 1);
}

/* Whether the BAR is decoded, and at which address. */
static gboolean
find_place_locked (Pci *pci, guint number, guint64 *address)
{
  const Bar *bar = &pci->bars[number];
  const guint8 *command = &pci->written[PCI_COMMAND];
  guint64 begin = bar->is_port ? MACHINE_PORTS : MACHINE_BARS;
  guint64 end = bar->is_port ? MACHINE_PORTS_END : MACHINE_BARS_END;

  if (bar->size == 0 || (*command & (bar->is_port ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)) == 0)
    return FALSE;
  *address = get_address_locked (pci, number);
  return *address >= begin && *address < end && bar->size <= end - *address
         && !overlaps_locked (pci, number, *address);
}

static void
place_bars_locked (Pci *pci)
{
  for (guint i = 0; i < N_BARS; i++)
    {
      Bar *bar = &pci->bars[i];
      guint64 address = 0;
      gboolean place = find_place_locked (pci, i, &address);

      if (place == bar->is_placed && (!place || address == bar->address))
        continue;
      if (bar->is_placed)
        device_remove_bar (pci->device, i);
      bar->is_placed = place;
      bar->address = address;
      if (place)
        device_place_bar (pci->device, i, address);
    }
}

/* Which BAR an access hits, and where. */
static gboolean
find_bar (Pci *pci, gboolean is_port, guint64 address, guint size, guint *number, guint64 *offset)
{
  gboolean found = FALSE;

  g_mutex_lock (&pci->lock);
  for (guint i = 0; i < N_BARS && !found; i++)
    {
      const Bar *bar = &pci->bars[i];

      if (bar->is_placed && bar->is_port == is_port && address >= bar->address
          && address - bar->address < bar->size && size <= bar->size - (address - bar->address))
        {
          *number = i;
          *offset = address - bar->address;
          found = TRUE;
        }
    }
  g_mutex_unlock (&pci->lock);
  return found;
}

static gboolean
bar_read (Pci *pci, gboolean is_port, guint64 address, gpointer data, guint size)
{
  guint number;
  guint64 offset;

  if (!find_bar (pci, is_port, address, size, &number, &offset))
    return FALSE;
  if (device_is_there (pci->device) && irq_read (pci->irq, number, offset, data, size))
    return TRUE;
  irq_device_accessed (pci->irq);
  device_read (pci->device, number, offset, data, size);
  return TRUE;
}

static gboolean
bar_write (Pci *pci, gboolean is_port, guint64 address, gconstpointer data, guint size)
{
  guint number;
  guint64 offset;

  if (!find_bar (pci, is_port, address, size, &number, &offset))
    return FALSE;
  if (device_is_there (pci->device) && irq_write (pci->irq, number, offset, data, size))
    return TRUE;
  irq_device_accessed (pci->irq);
  device_write (pci->device, number, offset, data, size);
  return TRUE;
}

gboolean
pci_memory_read (Pci *pci, guint64 address, gpointer data, guint size)
{
  return bar_read (pci, FALSE, address, data, size);
}

gboolean
pci_memory_write (Pci *pci, guint64 address, gconstpointer data, guint size)
{
  return bar_write (pci, FALSE, address, data, size);
}

/* Configuration space. */

/* What the guest's writes mean to us; a vCPU that enables something waits until the server has done
   its part. */
static void
apply (Pci *pci)
{
  guint16 command, control = 0;

  g_mutex_lock (&pci->lock);
  place_bars_locked (pci);
  memcpy (&command, &pci->written[PCI_COMMAND], 2);
  if (pci->msix != 0)
    memcpy (&control, &pci->written[pci->msix + PCI_MSIX_FLAGS], 2);
  g_mutex_unlock (&pci->lock);

  command = GUINT16_FROM_LE (command);
  control = GUINT16_FROM_LE (control);
  irq_set_intx (pci->irq, (command & PCI_COMMAND_INTX_DISABLE) == 0);
  irq_set_msix (pci->irq, (control & PCI_MSIX_FLAGS_ENABLE) != 0,
                (control & PCI_MSIX_FLAGS_MASKALL) != 0);
}

static gboolean
touches (guint offset, guint size, guint begin, guint length)
{
  return offset < begin + length && begin < offset + size;
}

/* The registers of all BARs, as the guest reads them. */
static void
get_bar_registers (Pci *pci, guint32 registers[N_BARS])
{
  memset (registers, 0, N_BARS * sizeof registers[0]);
  g_mutex_lock (&pci->lock);
  for (guint i = 0; i < N_BARS; i++)
    {
      guint64 address = get_address_locked (pci, i);

      if (pci->bars[i].size == 0)
        continue;
      registers[i] = GUINT32_TO_LE ((guint32) address | pci->bars[i].type);
      if (pci->bars[i].is_64)
        registers[++i] = GUINT32_TO_LE (address >> 32);
    }
  g_mutex_unlock (&pci->lock);
}

/* At most 4 bytes, not across two registers. */
static void
config_read (Pci *pci, guint offset, gpointer data, guint size)
{
  guint32 registers[N_BARS];

  if (!device_read (pci->device, CONFIG_REGION, offset, data, size)
      || !touches (offset, size, PCI_BASE_ADDRESS_0, sizeof registers))
    return;
  get_bar_registers (pci, registers);
  memcpy (data, (guint8 *) registers + offset - PCI_BASE_ADDRESS_0, size);
}

static void
config_write (Pci *pci, guint offset, gconstpointer data, guint size)
{
  if (!device_write (pci->device, CONFIG_REGION, offset, data, size))
    return;
  g_mutex_lock (&pci->lock);
  memcpy (&pci->written[offset], data, size);
  g_mutex_unlock (&pci->lock);
  if (touches (offset, size, PCI_COMMAND, 2)
      || touches (offset, size, PCI_BASE_ADDRESS_0, 4 * N_BARS)
      || (pci->msix != 0 && touches (offset, size, pci->msix + PCI_MSIX_FLAGS, 2)))
    apply (pci);
}

/* Where in configuration space an access to 0xcfc and up goes: to the device's? */
static gboolean
find_config (Pci *pci, guint16 port, guint size, guint *offset)
{
  guint32 selected;

  g_mutex_lock (&pci->lock);
  selected = pci->selected;
  g_mutex_unlock (&pci->lock);
  *offset = (selected & 0xfc) + (port & 3);
  return (selected & ~0xffu) == (0x80000000u | MACHINE_SLOT << 11) && (port & 3) + size <= 4;
}

gboolean
pci_port_read (Pci *pci, guint16 port, gpointer data, guint size)
{
  guint offset;

  if (port == PORT_PCI && size == 4)
    {
      g_mutex_lock (&pci->lock);
      memcpy (data, &pci->selected, 4);
      g_mutex_unlock (&pci->lock);
      return TRUE;
    }
  if (port >= PORT_PCI + 4 && port < PORT_PCI + 8)
    {
      if (!find_config (pci, port, size, &offset))
        return FALSE;
      irq_device_accessed (pci->irq);
      config_read (pci, offset, data, size);
      return TRUE;
    }
  return bar_read (pci, TRUE, port, data, size);
}

gboolean
pci_port_write (Pci *pci, guint16 port, gconstpointer data, guint size)
{
  guint offset;

  if (port == PORT_PCI && size == 4)
    {
      g_mutex_lock (&pci->lock);
      memcpy (&pci->selected, data, 4);
      g_mutex_unlock (&pci->lock);
      return TRUE;
    }
  if (port >= PORT_PCI + 4 && port < PORT_PCI + 8)
    {
      if (find_config (pci, port, size, &offset))
        config_write (pci, offset, data, size);
      return TRUE;
    }
  return bar_write (pci, TRUE, port, data, size);
}

/* What the guest wrote is said again where it matters: the rest is as after the reset that the
   specification wants when a connection was lost. */
void
pci_restore (Pci *pci)
{
  guint8 written[CONFIG_SIZE];

  g_mutex_lock (&pci->lock);
  memcpy (written, pci->written, sizeof written);
  g_mutex_unlock (&pci->lock);

  for (guint i = 0; i < N_BARS; i++)
    device_restore (pci->device, CONFIG_REGION, PCI_BASE_ADDRESS_0 + 4 * i,
                    &written[PCI_BASE_ADDRESS_0 + 4 * i], 4);
  device_restore (pci->device, CONFIG_REGION, PCI_INTERRUPT_LINE, &written[PCI_INTERRUPT_LINE], 1);
  if (pci->msix != 0)
    device_restore (pci->device, CONFIG_REGION, pci->msix + PCI_MSIX_FLAGS,
                    &written[pci->msix + PCI_MSIX_FLAGS], 2);
  device_restore (pci->device, CONFIG_REGION, PCI_COMMAND, &written[PCI_COMMAND], 2);
  irq_restore (pci->irq);
}

/* Its life. */

static guint64
round_up_to_power_of_two (guint64 size)
{
  guint64 power = 16;

  while (power < size)
    power *= 2;
  return power;
}

static void
read_bars (Pci *pci, const guint8 *config)
{
  for (guint i = 0; i < N_BARS; i++)
    {
      Bar *bar = &pci->bars[i];
      guint64 size = device_get_region_size (pci->device, i);
      guint8 type = config[PCI_BASE_ADDRESS_0 + 4 * i];

      if (size == 0 || size > MACHINE_BARS_END - MACHINE_BARS)
        continue;
      bar->size = round_up_to_power_of_two (size);
      bar->is_port = (type & PCI_BASE_ADDRESS_SPACE_IO) != 0;
      bar->type = type & (bar->is_port ? ~PCI_BASE_ADDRESS_IO_MASK : ~PCI_BASE_ADDRESS_MEM_MASK);
      bar->is_64 = !bar->is_port && i + 1 < N_BARS
                   && (type & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
      device_prepare_bar (pci->device, i, bar->is_port);
      if (bar->is_64)
        i++;
    }
}

/* The list of capabilities may be a ring; nothing that is read is used unchecked. */
static void
find_msix (Pci *pci, const guint8 *config, MsixPlace *place)
{
  guint at = config[PCI_CAPABILITY_LIST] & ~3u;
  guint32 table, pending;
  guint16 control;

  if ((config[PCI_STATUS] & PCI_STATUS_CAP_LIST) == 0)
    return;
  for (guint n = 0; n < CONFIG_SIZE / 4 && at >= PCI_STD_HEADER_SIZEOF; n++)
    {
      if (config[at] == PCI_CAP_ID_MSIX && at + PCI_CAP_MSIX_SIZEOF <= CONFIG_SIZE)
        {
          memcpy (&control, &config[at + PCI_MSIX_FLAGS], 2);
          memcpy (&table, &config[at + PCI_MSIX_TABLE], 4);
          memcpy (&pending, &config[at + PCI_MSIX_PBA], 4);
          control = GUINT16_FROM_LE (control);
          table = GUINT32_FROM_LE (table);
          pending = GUINT32_FROM_LE (pending);
          place->n_vectors = (control & PCI_MSIX_FLAGS_QSIZE) + 1;
          place->table_bar = table & PCI_MSIX_TABLE_BIR;
          place->table_offset = table & PCI_MSIX_TABLE_OFFSET;
          place->pending_bar = pending & PCI_MSIX_PBA_BIR;
          place->pending_offset = pending & PCI_MSIX_PBA_OFFSET;
          pci->msix = at;
          return;
        }
      at = config[at + PCI_CAP_LIST_NEXT] & ~3u;
    }
}

/* Servers may share what it lies in, all the same. */
static void
trap_msix (Pci *pci, const MsixPlace *place)
{
  if (place->n_vectors == 0 || place->table_bar >= N_BARS || place->pending_bar >= N_BARS)
    return;
  device_trap (pci->device, place->table_bar, place->table_offset, irq_get_table_size (place));
  device_trap (pci->device, place->pending_bar, place->pending_offset,
               irq_get_pending_size (place));
}

Pci *
pci_new (Vm *vm, Device *device, gboolean use_irqfd, GError **error)
{
  g_autoptr (Pci) pci = g_new0 (Pci, 1);
  guint8 config[CONFIG_SIZE];
  MsixPlace msix = { 0 };
  gboolean has_pin;

  g_mutex_init (&pci->lock);
  pci->device = device;
  if (device_get_region_size (device, CONFIG_REGION) < CONFIG_SIZE
      || !device_read (device, CONFIG_REGION, 0, config, sizeof config))
    {
      g_set_error (error, VM_ERROR, 0, "the device's configuration space cannot be read");
      return NULL;
    }
  read_bars (pci, config);
  find_msix (pci, config, &msix);
  trap_msix (pci, &msix);
  has_pin = config[PCI_INTERRUPT_PIN] != 0;
  pci->irq = irq_new (vm, device, &msix, has_pin, use_irqfd, error);
  if (pci->irq == NULL)
    return NULL;
  /* What firmware does: the guest reads there what the pin is connected to. */
  if (has_pin)
    config_write (pci, PCI_INTERRUPT_LINE, &(guint8){ MACHINE_INTX }, 1);
  return g_steal_pointer (&pci);
}

void
pci_free (Pci *pci)
{
  g_clear_pointer (&pci->irq, irq_free);
  g_mutex_clear (&pci->lock);
  g_free (pci);
}
