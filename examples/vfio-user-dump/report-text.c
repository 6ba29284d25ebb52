/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The device for a person to read, section by section, each written out before the server is asked
 * for the next. All of what it prints are our own words and numbers, but for the texts that pass
 * through printable(). Main thread.
 */

#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "hex-dump.h"
#include "names.h"

/* A server can describe some 65,000 areas or IO descriptors of one region. */
#define MAX_LINES_PER_LIST 64

static void G_GNUC_PRINTF (3, 4) row (Job *job, const char *label, const char *format, ...)
{
  va_list args;

  fprintf (job->out, "  %-13s ", label);
  va_start (args, format);
  vfprintf (job->out, format, args);
  va_end (args);
  fputc ('\n', job->out);
}

static void
more_lines (Job *job, gsize n)
{
  if (n > MAX_LINES_PER_LIST)
    fprintf (job->out, "      and %" G_GSIZE_FORMAT " more, --json shows all\n",
             n - MAX_LINES_PER_LIST);
}

/* Some servers name a size or two, others all from the smallest up. */
static char *
page_sizes (guint64 sizes)
{
  guint64 smallest = sizes & (~sizes + 1);
  gboolean all = sizes == ~(smallest - 1);
  GString *text = g_string_new (NULL);

  for (guint bit = 0; bit < 64; bit++)
    {
      guint64 size = G_GUINT64_CONSTANT (1) << bit;
      g_autofree char *human = human_size (size);

      if (size == smallest || (!all && (sizes & size) != 0))
        g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", human);
    }
  if (all)
    g_string_append (text, " and up");

  return g_string_free (text, FALSE);
}

static void
print_extensions (Job *job, const VucDeviceInfo *info)
{
  const struct
  {
    gboolean agreed;
    const char *name;
  } extensions[] = {
    { info->write_multiple, "multiple writes" },
    { info->twin_socket, "twin socket" },
    { info->sparse_mmap_fds, "mappable areas in several files" },
  };
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (extensions); i++)
    {
      if (extensions[i].agreed)
        g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", extensions[i].name);
    }
  if (text->len > 0)
    row (job, "extensions", "%s", text->str);
}

static void
print_device (Job *job)
{
  const VucDeviceInfo *info = vuc_device_get_info (job->device);
  const VucPeerCredentials *peer = vuc_device_get_peer_credentials (job->device);
  g_autofree char *where = printable (job->where);
  g_autofree char *transfer = human_size (info->max_data_xfer_size);
  g_autofree char *pages = page_sizes (info->pgsizes);

  fputs ("Device\n", job->out);
  row (job, "socket", "%s", where);
  if (job->demo_pid != 0)
    row (job, "server", "process %d, started for this", (int) job->demo_pid);
  else
    row (job, "server", "process %d, user %u, group %u", (int) peer->pid, (guint) peer->uid,
         (guint) peer->gid);
  row (job, "protocol", "vfio-user %u.%u", info->version_major, info->version_minor);
  row (job, "kind", "%s, %s", info->flags & VUC_DEVICE_PCI ? "PCI" : "not PCI",
       info->flags & VUC_DEVICE_RESET ? "can be reset" : "cannot be reset");
  row (job, "limits", "%u descriptor%s per message, %s per access", info->max_msg_fds,
       info->max_msg_fds == 1 ? "" : "s", transfer);
  row (job, "DMA", "%u mappings, pages of %s", info->max_dma_maps, pages);
  if (info->migration_pgsize != 0)
    {
      g_autofree char *page = human_size (info->migration_pgsize);

      row (job, "migration", "dirty pages of %s", page);
    }
  print_extensions (job, info);
}

static void
print_bar (Job *job, const PciBar *bar, guint i)
{
  const VucRegionInfo *info = vuc_device_get_region_info (job->device, i);
  guint64 size = info != NULL ? info->size : 0;
  g_autofree char *label = g_strdup_printf ("BAR%u", i);
  g_autofree char *human = human_size (size);

  /* An address without a region may be left over, a region without an address is not placed yet. */
  if (bar->kind == PCI_BAR_UPPER_HALF || (size == 0 && bar->address == 0))
    return;

  if (bar->kind == PCI_BAR_PORT_IO)
    row (job, label, "I/O ports at %04" PRIx64 " [size=%s]", bar->address, human);
  else
    row (job, label, "memory at %0*" PRIx64 " (%u-bit, %sprefetchable) [size=%s]",
         bar->bits == 64 ? 16 : 8, bar->address, bar->bits, bar->prefetchable ? "" : "non-", human);
}

static void
print_capabilities (Job *job, const PciFunction *function)
{
  for (guint i = 0; i < function->capabilities->len; i++)
    {
      const PciCapability *capability = g_ptr_array_index (function->capabilities, i);
      g_autofree char *label = g_strdup_printf (capability->extended ? "cap [%03x]" : "cap [%02x]",
                                                capability->offset);

      row (job, label, "%s", capability->title);
      for (guint j = 0; j < capability->details->len; j++)
        row (job, "", "  %s", (const char *) g_ptr_array_index (capability->details, j));
    }
  if (function->list_error != NULL)
    row (job, "cap", "%s", function->list_error);
}

static void
print_pci (Job *job, const PciFunction *function)
{
  static const char *const pins[] = { "none", "A", "B", "C", "D" };
  g_autofree char *command = pci_fields (pci_command_fields, function->command);
  g_autofree char *status = pci_fields (pci_status_fields, function->status);
  guint pin = function->interrupt_pin;

  fputs ("\nPCI function\n", job->out);
  row (job, "identity", "%04x:%04x (rev %02x)", function->vendor, function->device,
       function->revision);
  row (job, "class", "%06x %s", function->class_code, pci_class_name (function->class_code));
  if (function->has_subsystem)
    row (job, "subsystem", "%04x:%04x", function->subsystem_vendor, function->subsystem_device);
  if (function->header_type != 0 || function->multi_function)
    row (job, "header", "type %02x%s", function->header_type,
         function->multi_function ? ", one of several functions" : "");
  row (job, "control", "%s", command);
  row (job, "status", "%s", status);
  row (job, "latency", "%u, cache line %u bytes", function->latency, function->cache_line * 4u);
  if (pin != 0)
    row (job, "interrupt", "pin %s, line %u", pin < G_N_ELEMENTS (pins) ? pins[pin] : "?",
         function->interrupt_line);
  for (guint i = 0; i < function->n_bars; i++)
    print_bar (job, &function->bars[i], i);
  if (function->has_rom)
    row (job, "ROM", "memory at %08x [%s]", function->rom & ~0x7ffu,
         function->rom & 1 ? "enabled" : "disabled");
  print_capabilities (job, function);
}

static void
print_areas (Job *job, const VucRegionInfo *info)
{
  for (guint i = 0; i < MIN (info->n_areas, MAX_LINES_PER_LIST); i++)
    {
      const VucRegionArea *area = &info->areas[i];
      g_autofree char *human = human_size (area->size);

      fprintf (job->out,
               "      mappable 0x%" PRIx64 "-0x%" PRIx64 ", %s, at 0x%" PRIx64 " of file %u\n",
               area->offset, area->offset + area->size - 1, human, area->fd_offset,
               number_of_file (info, i));
    }
  more_lines (job, info->n_areas);
}

static void
print_region (Job *job, const VucRegionInfo *info)
{
  g_autofree char *name = name_of_region (job->device, info->index);
  g_autofree char *human = human_size (info->size);
  g_autofree char *flags = names_of_flags (region_flag_names, info->flags, " ");
  g_autofree char *caps = names_of_flags (region_cap_names, info->caps, ", ");

  if (info->remote_errno != 0)
    {
      row (job, name, "the server would not describe it (%s)", g_strerror (info->remote_errno));
      return;
    }

  fprintf (job->out, "  %-13s %10s  0x%-10" PRIx64 " %s\n", name, human, info->size,
           *flags != '\0' ? flags : "no access");
  if (*caps != '\0')
    fprintf (job->out, "      capabilities %s\n", caps);
  if (info->caps & VUC_REGION_CAP_TYPE)
    {
      const char *kind = name_of_region_type (info->type);

      fprintf (job->out, "      type 0x%x, subtype 0x%x%s%s\n", info->type, info->subtype,
               kind != NULL ? ", " : "", kind != NULL ? kind : "");
    }
  if (info->unmappable != NULL)
    {
      g_autofree char *reason = printable (info->unmappable);

      fprintf (job->out, "      not mappable: %s\n", reason);
    }
  print_areas (job, info);
}

static void
print_regions (Job *job)
{
  guint32 n_regions = vuc_device_get_info (job->device)->num_regions;
  guint n_empty = 0;

  fprintf (job->out, "\nRegions\n");
  for (guint32 i = 0; i < n_regions; i++)
    {
      const VucRegionInfo *info = vuc_device_get_region_info (job->device, i);

      if (info->size > 0 || info->remote_errno != 0)
        print_region (job, info);
      else
        n_empty++;
    }
  if (n_empty > 0)
    fprintf (job->out, "  (%u of %u are empty)\n", n_empty, n_regions);
}

static void
print_irqs (Job *job)
{
  guint32 n_irqs = vuc_device_get_info (job->device)->num_irqs;

  fputs ("\nInterrupts\n", job->out);
  for (guint32 i = 0; i < n_irqs; i++)
    {
      const VucIrqInfo *info = vuc_device_get_irq_info (job->device, i);
      g_autofree char *name = name_of_irq (job->device, i);
      g_autofree char *flags = names_of_flags (irq_flag_names, info->flags, " ");

      if (info->remote_errno != 0)
        row (job, name, "the server would not describe it (%s)", g_strerror (info->remote_errno));
      else
        row (job, name, "%5u%s%s", info->count, *flags != '\0' ? "  " : "", flags);
    }
  if (n_irqs == 0)
    fputs ("  none\n", job->out);
}

typedef struct
{
  Job *job;
  HexDump hex;
} TextDump;

static gboolean
print_bytes (const guint8 *data, const guint8 *readable, gsize count, gpointer user_data)
{
  TextDump *dump = user_data;

  hex_dump_add (&dump->hex, data, readable, count);
  return job_flush (dump->job);
}

static void
print_dump (Job *job, const DumpRange *range)
{
  g_autofree char *name = name_of_region (job->device, range->region);
  g_autofree char *human = human_size (range->length);
  TextDump dump = { .job = job };

  fprintf (job->out, "\nContents of %s, %s", name, human);
  if (range->offset > 0)
    fprintf (job->out, " from 0x%" PRIx64, range->offset);
  fputc ('\n', job->out);
  hex_dump_begin (&dump.hex, job->out, range->offset, range->offset + range->length);
  job_dump (job, range, print_bytes, &dump);
  hex_dump_end (&dump.hex);
  if (dump.hex.offset != range->offset + range->length)
    fputs ("  (the rest was not read)\n", job->out);
}

static void
print_io_fd (Job *job, const VucIoFd *io_fd)
{
  g_autofree char *flags = names_of_flags (io_fd_flag_names, io_fd->flags, " ");
  FILE *out = job->out;

  fprintf (out, "      0x%" PRIx64, io_fd->offset);
  if (io_fd->size > 0)
    fprintf (out, "-0x%" PRIx64, io_fd->offset + io_fd->size - 1);
  fprintf (out, " %s%s", name_of_io_fd_type (io_fd->type), io_fd->size == 0 ? ", any size" : "");
  if (*flags != '\0')
    fprintf (out, ", %s", flags);
  if (io_fd->flags & VUC_IO_FD_DATAMATCH)
    fprintf (out, " 0x%" PRIx64, io_fd->datamatch);
  if (io_fd->type == VUC_IO_FD_IOREGIONFD)
    fprintf (out, ", user data 0x%" PRIx64, io_fd->user_data);
  if (io_fd->type == VUC_IO_FD_SHADOW_IOEVENTFD)
    fprintf (out, ", stored at 0x%" PRIx64 " of its memory%s", io_fd->shadow_offset,
             io_fd->fd < 0 ? ", no eventfd" : "");
  fputc ('\n', out);
}

/* Returns whether there is anything to see. */
static gboolean
print_region_io_fds (Job *job, guint32 region)
{
  g_autofree char *name = name_of_region (job->device, region);
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;
  int refused;

  if (!job_ask_io_fds (job, region, &io_fds, &n_io_fds, &refused, &error))
    {
      g_autofree char *reason = printable (error->message);

      row (job, name, "%s", reason);
      return TRUE;
    }

  if (refused != 0)
    row (job, name, "the server refused to tell (%s)", g_strerror (refused));
  else if (n_io_fds > 0)
    row (job, name, "%" G_GSIZE_FORMAT, n_io_fds);

  for (gsize i = 0; i < MIN (n_io_fds, MAX_LINES_PER_LIST); i++)
    print_io_fd (job, &io_fds[i]);
  more_lines (job, n_io_fds);
  return refused != 0 || n_io_fds > 0;
}

static void
print_io_fds (Job *job)
{
  guint32 n_regions = vuc_device_get_info (job->device)->num_regions;
  gboolean any = FALSE;

  fputs ("\nIO descriptors\n", job->out);
  for (guint32 i = 0; i < n_regions && job_flush (job) && !job->stop; i++)
    {
      if (job_wants_io_fds (job, i))
        any |= print_region_io_fds (job, i);
    }
  if (job->stop)
    fputs ("  (the rest was not asked for)\n", job->out);
  else if (!any)
    fputs ("  none\n", job->out);
}

void
report_text (Job *job)
{
  g_autoptr (PciFunction) function = NULL;

  print_device (job);
  function = job_flush (job) ? job_read_config (job) : NULL;
  if (function != NULL)
    print_pci (job, function);
  print_regions (job);
  print_irqs (job);

  for (guint i = 0; i < job->ranges->len && job_flush (job); i++)
    print_dump (job, &g_array_index (job->ranges, DumpRange, i));

  if (job_flush (job))
    print_io_fds (job);
}
