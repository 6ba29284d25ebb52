/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The names of what a PCI header's registers hold: tables from the PCI specification and its list
 * of class codes, and the functions that look into them. Any thread.
 */

#include "pci.h"

static const char *const device_select_choices[] = { "fast", "medium", "slow", "??" };

const PciField pci_command_fields[] = {
  { 0x0001, "I/O", NULL },       { 0x0002, "Mem", NULL },      { 0x0004, "BusMaster", NULL },
  { 0x0008, "SpecCycle", NULL }, { 0x0010, "MemWINV", NULL },  { 0x0020, "VGASnoop", NULL },
  { 0x0040, "ParErr", NULL },    { 0x0080, "Stepping", NULL }, { 0x0100, "SERR", NULL },
  { 0x0200, "FastB2B", NULL },   { 0x0400, "DisINTx", NULL },  { 0, NULL, NULL },
};

const PciField pci_status_fields[] = {
  { 0x0010, "Cap", NULL },     { 0x0020, "66MHz", NULL },
  { 0x0040, "UDF", NULL },     { 0x0080, "FastB2B", NULL },
  { 0x0100, "ParErr", NULL },  { 0x0600, "DEVSEL", device_select_choices },
  { 0x0800, ">TAbort", NULL }, { 0x1000, "<TAbort", NULL },
  { 0x2000, "<MAbort", NULL }, { 0x4000, ">SERR", NULL },
  { 0x8000, "<PERR", NULL },   { 0x0008, "INTx", NULL },
  { 0, NULL, NULL },
};

#define WHOLE_CLASS 0xff /* for a subclass: names the base class */

static const struct
{
  guint8 base;
  guint8 subclass;
  const char *name;
} classes[] = {
  { 0x00, 0x00, "Non-VGA unclassified device" },
  { 0x00, 0x01, "VGA compatible unclassified device" },
  { 0x00, WHOLE_CLASS, "Unclassified device" },
  { 0x01, 0x00, "SCSI storage controller" },
  { 0x01, 0x01, "IDE interface" },
  { 0x01, 0x04, "RAID bus controller" },
  { 0x01, 0x06, "SATA controller" },
  { 0x01, 0x07, "Serial Attached SCSI controller" },
  { 0x01, 0x08, "Non-Volatile memory controller" },
  { 0x01, 0x09, "Universal Flash Storage controller" },
  { 0x01, WHOLE_CLASS, "Mass storage controller" },
  { 0x02, 0x00, "Ethernet controller" },
  { 0x02, 0x07, "InfiniBand controller" },
  { 0x02, WHOLE_CLASS, "Network controller" },
  { 0x03, 0x00, "VGA compatible controller" },
  { 0x03, 0x02, "3D controller" },
  { 0x03, WHOLE_CLASS, "Display controller" },
  { 0x04, 0x00, "Multimedia video controller" },
  { 0x04, 0x01, "Multimedia audio controller" },
  { 0x04, 0x03, "Audio device" },
  { 0x04, WHOLE_CLASS, "Multimedia controller" },
  { 0x05, 0x00, "RAM memory" },
  { 0x05, 0x01, "FLASH memory" },
  { 0x05, 0x02, "CXL memory" },
  { 0x05, WHOLE_CLASS, "Memory controller" },
  { 0x06, 0x00, "Host bridge" },
  { 0x06, 0x01, "ISA bridge" },
  { 0x06, 0x04, "PCI bridge" },
  { 0x06, WHOLE_CLASS, "Bridge" },
  { 0x07, 0x00, "Serial controller" },
  { 0x07, 0x01, "Parallel controller" },
  { 0x07, WHOLE_CLASS, "Communication controller" },
  { 0x08, 0x00, "PIC" },
  { 0x08, 0x01, "DMA controller" },
  { 0x08, 0x02, "Timer" },
  { 0x08, 0x03, "RTC" },
  { 0x08, 0x05, "SD Host controller" },
  { 0x08, 0x06, "IOMMU" },
  { 0x08, WHOLE_CLASS, "System peripheral" },
  { 0x09, 0x00, "Keyboard controller" },
  { 0x09, WHOLE_CLASS, "Input device controller" },
  { 0x0a, WHOLE_CLASS, "Docking station" },
  { 0x0b, WHOLE_CLASS, "Processor" },
  { 0x0c, 0x03, "USB controller" },
  { 0x0c, 0x05, "SMBus" },
  { 0x0c, WHOLE_CLASS, "Serial bus controller" },
  { 0x0d, WHOLE_CLASS, "Wireless controller" },
  { 0x0e, WHOLE_CLASS, "Intelligent controller" },
  { 0x0f, WHOLE_CLASS, "Satellite communications controller" },
  { 0x10, WHOLE_CLASS, "Encryption controller" },
  { 0x11, WHOLE_CLASS, "Signal processing controller" },
  { 0x12, WHOLE_CLASS, "Processing accelerators" },
  { 0x13, WHOLE_CLASS, "Non-Essential Instrumentation" },
  { 0x40, WHOLE_CLASS, "Coprocessor" },
  { 0xff, WHOLE_CLASS, "Unassigned class" },
};

/* Subclasses precede the base class that they belong to, so the first match is the best. */
const char *
pci_class_name (guint32 class_code)
{
  guint8 base = (guint8) (class_code >> 16);
  guint8 subclass = (guint8) (class_code >> 8);

  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    {
      if (classes[i].base == base
          && (classes[i].subclass == subclass || classes[i].subclass == WHOLE_CLASS))
        return classes[i].name;
    }

  return "Unknown class";
}

char *
pci_fields (const PciField *fields, guint32 value)
{
  GString *text = g_string_new (NULL);

  for (; fields->name != NULL; fields++)
    {
      guint32 lowest_bit = fields->mask & (~fields->mask + 1);

      if (text->len > 0)
        g_string_append_c (text, ' ');
      g_string_append (text, fields->name);
      if (fields->choices != NULL)
        g_string_append_printf (text, "=%s", fields->choices[(value & fields->mask) / lowest_bit]);
      else
        g_string_append_c (text, value & fields->mask ? '+' : '-');
    }

  return g_string_free (text, FALSE);
}
