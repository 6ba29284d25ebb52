/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What things are called, for people and in JSON: tables, and the functions that look into them.
 * Does not know where a name is printed. Any thread.
 */

#include "names.h"

#include <string.h>

const FlagName device_flag_names[] = {
  { VUC_DEVICE_RESET, "reset" },
  { VUC_DEVICE_PCI, "pci" },
  { 0, NULL },
};

const FlagName region_flag_names[] = {
  { VUC_REGION_READ, "read" },
  { VUC_REGION_WRITE, "write" },
  { VUC_REGION_MMAP, "mmap" },
  { 0, NULL },
};

const FlagName region_cap_names[] = {
  { VUC_REGION_CAP_SPARSE_MMAP, "sparse-mmap" },
  { VUC_REGION_CAP_TYPE, "type" },
  { VUC_REGION_CAP_MSIX_MAPPABLE, "msix-mappable" },
  { VUC_REGION_CAP_SPARSE_MMAP_FDS, "sparse-mmap-fds" },
  { 0, NULL },
};

const FlagName irq_flag_names[] = {
  { VUC_IRQ_EVENTFD, "eventfd" },
  { VUC_IRQ_MASKABLE, "maskable" },
  { VUC_IRQ_AUTOMASKED, "automasked" },
  { VUC_IRQ_NORESIZE, "noresize" },
  { 0, NULL },
};

const FlagName io_fd_flag_names[] = {
  { VUC_IO_FD_DATAMATCH, "datamatch" },
  { VUC_IO_FD_PIO, "port-io" },
  { VUC_IO_FD_POSTED_WRITES, "posted-writes" },
  { 0, NULL },
};

static const char *const pci_region_names[VUC_PCI_NUM_REGIONS] = {
  [VUC_PCI_BAR0_REGION] = "BAR0", [VUC_PCI_BAR1_REGION] = "BAR1",
  [VUC_PCI_BAR2_REGION] = "BAR2", [VUC_PCI_BAR3_REGION] = "BAR3",
  [VUC_PCI_BAR4_REGION] = "BAR4", [VUC_PCI_BAR5_REGION] = "BAR5",
  [VUC_PCI_ROM_REGION] = "ROM",   [VUC_PCI_CONFIG_REGION] = "config",
  [VUC_PCI_VGA_REGION] = "VGA",
};

static const char *const pci_irq_names[VUC_PCI_NUM_IRQS] = {
  [VUC_PCI_INTX_IRQ] = "INTx", [VUC_PCI_MSI_IRQ] = "MSI", [VUC_PCI_MSIX_IRQ] = "MSI-X",
  [VUC_PCI_ERR_IRQ] = "ERR",   [VUC_PCI_REQ_IRQ] = "REQ",
};

static const char *const io_fd_type_names[] = {
  [VUC_IO_FD_IOEVENTFD] = "ioeventfd",
  [VUC_IO_FD_IOREGIONFD] = "ioregionfd",
  [VUC_IO_FD_SHADOW_IOEVENTFD] = "shadow ioeventfd",
};

/* VFIO_REGION_TYPE_* */
static const char *const region_type_names[] = {
  [1] = "graphics",
  [2] = "channel I/O",
  [3] = "migration",
};

char *
names_of_flags (const FlagName *names, guint32 flags, const char *separator)
{
  GString *text = g_string_new (NULL);

  for (; names->name != NULL; names++)
    {
      if ((flags & names->flag) == 0)
        continue;
      if (text->len > 0)
        g_string_append (text, separator);
      g_string_append (text, names->name);
    }

  return g_string_free (text, FALSE);
}

const char *
name_of_pci_region (guint32 index)
{
  return pci_region_names[index];
}

gboolean
is_pci_device (VucDevice *device)
{
  return (vuc_device_get_info (device)->flags & VUC_DEVICE_PCI) != 0;
}

char *
name_of_region (VucDevice *device, guint32 index)
{
  if (is_pci_device (device) && index < VUC_PCI_NUM_REGIONS)
    return g_strdup (pci_region_names[index]);

  return g_strdup_printf ("region %u", index);
}

char *
name_of_irq (VucDevice *device, guint32 index)
{
  if (is_pci_device (device) && index < VUC_PCI_NUM_IRQS)
    return g_strdup (pci_irq_names[index]);

  return g_strdup_printf ("interrupt %u", index);
}

const char *
name_of_io_fd_type (VucIoFdType type)
{
  return io_fd_type_names[type];
}

const char *
name_of_region_type (guint32 type)
{
  return type < G_N_ELEMENTS (region_type_names) ? region_type_names[type] : NULL;
}

/* Which number a descriptor has in this process says nothing to anybody. */
guint
number_of_file (const VucRegionInfo *info, guint area)
{
  guint first = 0;

  while (info->areas[first].fd != info->areas[area].fd)
    first++;

  return first;
}

char *
human_size (guint64 size)
{
  static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  guint unit = 0;

  if (size == 1)
    return g_strdup ("1 byte");

  while (size != 0 && size % 1024 == 0)
    {
      size /= 1024;
      unit++;
    }

  return g_strdup_printf ("%" G_GUINT64_FORMAT " %s", size, units[unit]);
}

char *
printable (const char *text)
{
  GString *safe = g_string_new (NULL);
  const char *end = text + strlen (text);

  while (text < end)
    {
      /* "Is print" is no for control and for formatting characters: a text may not turn itself
         round, either. */
      gunichar c = g_utf8_get_char_validated (text, end - text);
      gboolean valid = c != (gunichar) -1 && c != (gunichar) -2;
      const char *next = valid ? g_utf8_next_char (text) : text + 1;

      if (valid && g_unichar_isprint (c))
        g_string_append_len (safe, text, next - text);
      else
        for (const char *p = text; p < next; p++)
          g_string_append_printf (safe, "\\x%02x", (guint8) *p);
      text = next;
    }

  return g_string_free (safe, FALSE);
}
