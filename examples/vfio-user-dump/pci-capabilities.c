/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Follows the two lists of capabilities in a configuration space and decodes those that tell most
 * about a virtual device, in the words that lspci uses. One function per capability, found through
 * one table per list. Does not know how they are shown. Any thread.
 */

#include "pci.h"

#define STATUS_HAS_LIST 0x10
#define LIST_START      0x34
#define VIRTIO_VENDOR   0x1af4

/* Decodes the capability at its offset: sets the title, adds details. */
typedef void (*Decoder) (PciCapability *capability,
                         const PciSpace *space,
                         const PciFunction *function);

typedef struct
{
  guint id;
  const char *name;
  Decoder decode; /* NULL: only the name is known */
} Kind;

static void G_GNUC_PRINTF (2, 3) set_title (PciCapability *capability, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_free (capability->title);
  capability->title = g_strdup_vprintf (format, args);
  va_end (args);
}

static void G_GNUC_PRINTF (2, 3) add_detail (PciCapability *capability, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (capability->details, g_strdup_vprintf (format, args));
  va_end (args);
}

static char
sign (guint value)
{
  return value != 0 ? '+' : '-';
}

static void
decode_power_management (PciCapability *capability,
                         const PciSpace *space,
                         const PciFunction *function G_GNUC_UNUSED)
{
  static const guint aux_milliamperes[] = { 0, 55, 100, 160, 220, 270, 320, 375 };
  guint16 pmc = pci_get16 (space, capability->offset + 2);
  guint16 pmcsr = pci_get16 (space, capability->offset + 4);

  set_title (capability, "Power Management version %d", pmc & 7);
  add_detail (capability,
              "Flags: PMEClk%c DSI%c D1%c D2%c AuxCurrent=%umA "
              "PME(D0%c,D1%c,D2%c,D3hot%c,D3cold%c)",
              sign (pmc & 0x0008), sign (pmc & 0x0020), sign (pmc & 0x0200), sign (pmc & 0x0400),
              aux_milliamperes[pmc >> 6 & 7], sign (pmc & 0x0800), sign (pmc & 0x1000),
              sign (pmc & 0x2000), sign (pmc & 0x4000), sign (pmc & 0x8000));
  add_detail (capability, "Status: D%d NoSoftRst%c PME-Enable%c DSel=%d DScale=%d PME%c", pmcsr & 3,
              sign (pmcsr & 0x0008), sign (pmcsr & 0x0100), pmcsr >> 9 & 0xf, pmcsr >> 13 & 3,
              sign (pmcsr & 0x8000));
}

/* Where the registers after the address are depends on its width. */
static void
decode_msi (PciCapability *capability,
            const PciSpace *space,
            const PciFunction *function G_GNUC_UNUSED)
{
  guint at = capability->offset;
  guint16 control = pci_get16 (space, at + 2);
  gboolean wide = (control & 0x0080) != 0;
  gboolean maskable = (control & 0x0100) != 0;
  guint data = at + (wide ? 12 : 8);
  guint mask = at + (wide ? 16 : 12);

  set_title (capability, "MSI: Enable%c Count=%u/%u Maskable%c 64bit%c", sign (control & 1),
             1u << (control >> 4 & 7), 1u << (control >> 1 & 7), sign (maskable), sign (wide));
  if (wide)
    add_detail (capability, "Address: %016" G_GINT64_MODIFIER "x  Data: %04x",
                pci_get64 (space, at + 4), pci_get16 (space, data));
  else
    add_detail (capability, "Address: %08x  Data: %04x", pci_get32 (space, at + 4),
                pci_get16 (space, data));
  if (maskable)
    add_detail (capability, "Masking: %08x  Pending: %08x", pci_get32 (space, mask),
                pci_get32 (space, mask + 4));
}

static void
decode_msix (PciCapability *capability,
             const PciSpace *space,
             const PciFunction *function G_GNUC_UNUSED)
{
  guint16 control = pci_get16 (space, capability->offset + 2);
  guint32 table = pci_get32 (space, capability->offset + 4);
  guint32 pending = pci_get32 (space, capability->offset + 8);

  set_title (capability, "MSI-X: Enable%c Count=%d Masked%c", sign (control & 0x8000),
             (control & 0x7ff) + 1, sign (control & 0x4000));
  add_detail (capability, "Vector table: BAR=%u offset=%08x", table & 7, table & ~7u);
  add_detail (capability, "PBA: BAR=%u offset=%08x", pending & 7, pending & ~7u);
}

/* Virtio devices describe where their structures are: Virtual I/O Device, 4.1.4. */
static void
decode_virtio (PciCapability *capability, const PciSpace *space)
{
  static const char *const structures[] = {
    [1] = "CommonCfg", [2] = "Notify",       [3] = "ISR",
    [4] = "DeviceCfg", [5] = "PCICfgAccess", [8] = "SharedMemory",
  };
  const guint notify = 2;
  guint at = capability->offset;
  guint8 type = pci_get8 (space, at + 3);
  const char *name = type < G_N_ELEMENTS (structures) ? structures[type] : NULL;

  set_title (capability, "Vendor Specific Information: VirtIO: %s",
             name != NULL ? name : "<unknown>");
  add_detail (capability, "BAR=%u offset=%08x size=%08x", pci_get8 (space, at + 4),
              pci_get32 (space, at + 8), pci_get32 (space, at + 12));
  if (type == notify)
    add_detail (capability, "multiplier=%08x", pci_get32 (space, at + 16));
}

static void
decode_vendor_specific (PciCapability *capability,
                        const PciSpace *space,
                        const PciFunction *function)
{
  const guint smallest_virtio = 16;
  guint8 length = pci_get8 (space, capability->offset + 2);

  if (function->vendor == VIRTIO_VENDOR && length >= smallest_virtio)
    decode_virtio (capability, space);
  else
    set_title (capability, "Vendor Specific Information: Len=%02x", length);
}

static void
decode_express (PciCapability *capability,
                const PciSpace *space,
                const PciFunction *function G_GNUC_UNUSED)
{
  static const char *const ports[16] = {
    [0] = "Endpoint",
    [1] = "Legacy Endpoint",
    [4] = "Root Port",
    [5] = "Upstream Port",
    [6] = "Downstream Port",
    [7] = "PCI-Express to PCI/PCI-X Bridge",
    [8] = "PCI/PCI-X to PCI-Express Bridge",
    [9] = "Root Complex Integrated Endpoint",
    [10] = "Root Complex Event Collector",
  };
  guint at = capability->offset;
  guint16 flags = pci_get16 (space, at + 2);
  const char *port = ports[flags >> 4 & 0xf];
  guint32 device = pci_get32 (space, at + 4);
  guint16 control = pci_get16 (space, at + 8);
  guint32 link = pci_get32 (space, at + 12);
  guint16 link_status = pci_get16 (space, at + 18);

  set_title (capability, "Express (v%d) %s, MSI %02x", flags & 0xf,
             port != NULL ? port : "unknown type", flags >> 9 & 0x1f);
  add_detail (capability, "DevCap: MaxPayload %u bytes, PhantFunc %u, ExtTag%c RBE%c FLReset%c",
              128u << (device & 7), (1u << (device >> 3 & 3)) - 1, sign (device & 0x20),
              sign (device & 0x8000), sign (device & 0x10000000));
  add_detail (capability, "DevCtl: MaxPayload %u bytes, MaxReadReq %u bytes",
              128u << (control >> 5 & 7), 128u << (control >> 12 & 7));
  add_detail (capability, "LnkCap: Speed code %u, Width x%u", link & 0xf, link >> 4 & 0x3f);
  add_detail (capability, "LnkSta: Speed code %d, Width x%d", link_status & 0xf,
              link_status >> 4 & 0x3f);
}

static void
decode_serial_number (PciCapability *capability,
                      const PciSpace *space,
                      const PciFunction *function G_GNUC_UNUSED)
{
  GString *title = g_string_new ("Device Serial Number ");

  for (guint i = 0; i < 8; i++)
    g_string_append_printf (title, "%s%02x", i > 0 ? "-" : "",
                            pci_get8 (space, capability->offset + 4 + 7 - i));
  set_title (capability, "%s", title->str);
  g_string_free (title, TRUE);
}

static void
decode_extended_vendor_specific (PciCapability *capability,
                                 const PciSpace *space,
                                 const PciFunction *function G_GNUC_UNUSED)
{
  guint32 header = pci_get32 (space, capability->offset + 4);

  set_title (capability, "Vendor Specific Information: ID=%04x Rev=%u Len=%03x", header & 0xffff,
             header >> 16 & 0xf, header >> 20);
}

static const Kind kinds[] = {
  { 0x01, "Power Management", decode_power_management },
  { 0x02, "AGP", NULL },
  { 0x03, "Vital Product Data", NULL },
  { 0x04, "Slot ID", NULL },
  { 0x05, "MSI", decode_msi },
  { 0x06, "CompactPCI hot-swap", NULL },
  { 0x07, "PCI-X", NULL },
  { 0x08, "HyperTransport", NULL },
  { 0x09, "Vendor Specific Information", decode_vendor_specific },
  { 0x0a, "Debug port", NULL },
  { 0x0b, "CompactPCI central resource control", NULL },
  { 0x0c, "Hot-plug capable", NULL },
  { 0x0d, "Bridge subsystem", NULL },
  { 0x0e, "AGP3", NULL },
  { 0x0f, "Secure device", NULL },
  { 0x10, "Express", decode_express },
  { 0x11, "MSI-X", decode_msix },
  { 0x12, "SATA HBA", NULL },
  { 0x13, "PCI Advanced Features", NULL },
  { 0x14, "Enhanced Allocation", NULL },
  { 0, NULL, NULL },
};

static const Kind extended_kinds[] = {
  { 0x01, "Advanced Error Reporting", NULL },
  { 0x02, "Virtual Channel", NULL },
  { 0x03, "Device Serial Number", decode_serial_number },
  { 0x04, "Power Budgeting", NULL },
  { 0x0b, "Vendor Specific Information", decode_extended_vendor_specific },
  { 0x0d, "Access Control Services", NULL },
  { 0x0e, "Alternative Routing-ID Interpretation (ARI)", NULL },
  { 0x0f, "Address Translation Service (ATS)", NULL },
  { 0x10, "Single Root I/O Virtualization (SR-IOV)", NULL },
  { 0x12, "Multicast", NULL },
  { 0x13, "Page Request Interface (PRI)", NULL },
  { 0x15, "Physical Resizable BAR", NULL },
  { 0x16, "Dynamic Power Allocation", NULL },
  { 0x17, "Transaction Processing Hints", NULL },
  { 0x18, "Latency Tolerance Reporting", NULL },
  { 0x19, "Secondary PCI Express", NULL },
  { 0x1b, "Process Address Space ID (PASID)", NULL },
  { 0x1d, "Downstream Port Containment", NULL },
  { 0x1e, "L1 PM Substates", NULL },
  { 0x1f, "Precision Time Measurement", NULL },
  { 0x23, "Designated Vendor-Specific", NULL },
  { 0x24, "VF Resizable BAR", NULL },
  { 0x25, "Data Link Feature", NULL },
  { 0x26, "Physical Layer 16.0 GT/s", NULL },
  { 0x2e, "Data Object Exchange", NULL },
  { 0, NULL, NULL },
};

static void
free_capability (gpointer data)
{
  PciCapability *capability = data;

  g_free (capability->title);
  g_ptr_array_unref (capability->details);
  g_free (capability);
}

static void
add_capability (PciFunction *function,
                const PciSpace *space,
                gboolean extended,
                guint offset,
                guint id)
{
  PciCapability *capability = g_new0 (PciCapability, 1);
  const Kind *kind = extended ? extended_kinds : kinds;

  capability->offset = offset;
  capability->id = id;
  capability->extended = extended;
  capability->details = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (function->capabilities, capability);

  while (kind->name != NULL && kind->id != id)
    kind++;

  if (kind->name == NULL)
    set_title (capability, "Unknown capability %0*x", extended ? 4 : 2, id);
  else
    set_title (capability, "%s", kind->name);
  if (kind->decode != NULL)
    kind->decode (capability, space, function);
}

/* A list that leads out of its part of the space, or round, is followed no further: whoever reads
   the dump should know. */
static gboolean
may_visit (PciFunction *function, GHashTable *visited, guint offset, guint first, gsize end)
{
  gboolean inside = offset >= first && offset < end;

  if (inside && g_hash_table_add (visited, GUINT_TO_POINTER (offset)))
    return TRUE;

  g_free (function->list_error);
  function->list_error = g_strdup_printf (inside
                                            ? "the list of capabilities leads back to %03x"
                                            : "the list of capabilities leads to %03x, where none "
                                              "can be",
                                          offset);
  return FALSE;
}

static void
follow_list (PciFunction *function, const PciSpace *space)
{
  g_autoptr (GHashTable) visited = g_hash_table_new (NULL, NULL);
  gsize end = MIN (space->size, PCI_SPACE_SIZE);
  guint offset = pci_get8 (space, LIST_START) & ~3u;

  while (offset != 0 && may_visit (function, visited, offset, PCI_HEADER_SIZE, end))
    {
      add_capability (function, space, FALSE, offset, pci_get8 (space, offset));
      offset = pci_get8 (space, offset + 1) & ~3u;
    }
}

/* The extended list begins where the conventional space ends; an id of 0 there, or all ones, is an
   empty list. */
static void
follow_extended_list (PciFunction *function, const PciSpace *space)
{
  g_autoptr (GHashTable) visited = g_hash_table_new (NULL, NULL);
  gsize end = MIN (space->size, PCI_EXTENDED_SPACE_SIZE);
  guint offset = PCI_SPACE_SIZE;

  if (space->size <= PCI_SPACE_SIZE || pci_get32 (space, offset) == 0
      || pci_get32 (space, offset) == G_MAXUINT32)
    return;

  while (offset != 0 && may_visit (function, visited, offset, PCI_SPACE_SIZE, end))
    {
      guint32 header = pci_get32 (space, offset);

      /* A null capability only points on. */
      if ((header & 0xffff) != 0)
        add_capability (function, space, TRUE, offset, header & 0xffff);
      offset = header >> 20 & ~3u;
    }
}

void
pci_find_capabilities (PciFunction *function, const PciSpace *space)
{
  function->capabilities = g_ptr_array_new_with_free_func (free_capability);

  if (function->status & STATUS_HAS_LIST)
    follow_list (function, space);
  follow_extended_list (function, space);
}
