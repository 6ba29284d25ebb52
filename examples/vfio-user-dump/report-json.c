/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The device as one JSON document, for a program to read. It is complete even if the server did not
 * survive to the end: then the member "errors" says what happened. Main thread.
 *
 * Sizes, offsets and counts are numbers, or, above what JSON readers hold exactly, hexadecimal
 * strings; identifiers and values of registers are always such strings.
 */

#include "report.h"

#include <inttypes.h>
#include <jansson.h>

#include "names.h"

#define MAX_EXACT_NUMBER (G_GUINT64_CONSTANT (1) << 53)

/* A document is put together in memory. */
#define MAX_DUMP_BYTES (64 * 1024 * 1024)

static json_t *
hex_string (guint64 value, guint digits)
{
  return json_sprintf ("0x%0*" PRIx64, (int) digits, value);
}

static json_t *
number (guint64 value)
{
  return value <= MAX_EXACT_NUMBER ? json_integer ((json_int_t) value) : hex_string (value, 1);
}

static void
set (json_t *object, const char *name, json_t *value)
{
  json_object_set_new (object, name, value);
}

/* Takes over a text of our own. */
static json_t *
take_string (char *text)
{
  json_t *string = json_string (text);

  g_free (text);
  return string;
}

/* A text that may repeat what a server said; it may be anything. */
static json_t *
foreign_string (const char *text)
{
  return take_string (printable (text));
}

static json_t *
flag_array (const FlagName *names, guint32 flags)
{
  json_t *array = json_array ();

  for (; names->name != NULL; names++)
    {
      if (flags & names->flag)
        json_array_append_new (array, json_string (names->name));
    }

  return array;
}

static json_t *
errno_string (int value)
{
  return json_string (g_strerror (value));
}

/* "bar0", "region 9": as --region takes them, if there is a name. */
static json_t *
lower_string (char *text)
{
  g_autofree char *name = text;

  return take_string (g_ascii_strdown (name, -1));
}

static json_t *
describe_server (Job *job)
{
  const VucPeerCredentials *peer = vuc_device_get_peer_credentials (job->device);
  json_t *object = json_object ();

  set (object, "pid", json_integer (job->demo_pid != 0 ? job->demo_pid : peer->pid));
  set (object, "uid", json_integer (peer->uid));
  set (object, "gid", json_integer (peer->gid));
  return object;
}

static json_t *
describe_protocol (const VucDeviceInfo *info)
{
  json_t *object = json_object ();

  set (object, "major", json_integer (info->version_major));
  set (object, "minor", json_integer (info->version_minor));
  set (object, "max_msg_fds", json_integer (info->max_msg_fds));
  set (object, "max_data_xfer_size", number (info->max_data_xfer_size));
  set (object, "max_dma_maps", json_integer (info->max_dma_maps));
  set (object, "pgsizes", number (info->pgsizes));
  set (object, "migration_pgsize", number (info->migration_pgsize));
  set (object, "migration_max_bitmap_size", number (info->migration_max_bitmap_size));
  set (object, "write_multiple", json_boolean (info->write_multiple));
  set (object, "twin_socket", json_boolean (info->twin_socket));
  set (object, "sparse_mmap_fds", json_boolean (info->sparse_mmap_fds));
  return object;
}

/* The names of the fields that are set, those with choices as "DEVSEL=fast". */
static json_t *
describe_fields (const PciField *fields, guint32 value)
{
  g_autofree char *text = pci_fields (fields, value);
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  json_t *array = json_array ();

  for (char **word = words; *word != NULL; word++)
    {
      if (g_str_has_suffix (*word, "+"))
        json_array_append_new (array, json_stringn (*word, strlen (*word) - 1));
      else if (!g_str_has_suffix (*word, "-"))
        json_array_append_new (array, json_string (*word));
    }

  return array;
}

static json_t *
describe_bars (Job *job, const PciFunction *function)
{
  json_t *array = json_array ();

  for (guint i = 0; i < function->n_bars; i++)
    {
      const PciBar *bar = &function->bars[i];
      const VucRegionInfo *info = vuc_device_get_region_info (job->device, i);
      guint64 size = info != NULL ? info->size : 0;
      json_t *object;

      /* As in the text: neither a region nor an address is no BAR. */
      if (bar->kind == PCI_BAR_UPPER_HALF || (size == 0 && bar->address == 0))
        continue;

      object = json_object ();
      set (object, "index", json_integer (i));
      set (object, "kind", json_string (bar->kind == PCI_BAR_PORT_IO ? "port-io" : "memory"));
      set (object, "address", hex_string (bar->address, 1));
      set (object, "size", number (size));
      set (object, "bits", json_integer (bar->bits));
      set (object, "prefetchable", json_boolean (bar->prefetchable));
      json_array_append_new (array, object);
    }

  return array;
}

static json_t *
describe_capabilities (const PciFunction *function)
{
  json_t *array = json_array ();

  for (guint i = 0; i < function->capabilities->len; i++)
    {
      const PciCapability *capability = g_ptr_array_index (function->capabilities, i);
      json_t *object = json_object ();
      json_t *details = json_array ();

      for (guint j = 0; j < capability->details->len; j++)
        json_array_append_new (details, json_string (g_ptr_array_index (capability->details, j)));

      set (object, "offset", json_integer (capability->offset));
      set (object, "id", hex_string (capability->id, capability->extended ? 4 : 2));
      set (object, "extended", json_boolean (capability->extended));
      set (object, "title", json_string (capability->title));
      set (object, "details", details);
      json_array_append_new (array, object);
    }

  return array;
}

static json_t *
describe_pci (Job *job, const PciFunction *function)
{
  json_t *object = json_object ();

  set (object, "vendor", hex_string (function->vendor, 4));
  set (object, "device", hex_string (function->device, 4));
  set (object, "revision", hex_string (function->revision, 2));
  set (object, "class", hex_string (function->class_code, 6));
  set (object, "class_name", json_string (pci_class_name (function->class_code)));
  if (function->has_subsystem)
    {
      set (object, "subsystem_vendor", hex_string (function->subsystem_vendor, 4));
      set (object, "subsystem_device", hex_string (function->subsystem_device, 4));
    }
  set (object, "header_type", json_integer (function->header_type));
  set (object, "multi_function", json_boolean (function->multi_function));
  set (object, "command", describe_fields (pci_command_fields, function->command));
  set (object, "status", describe_fields (pci_status_fields, function->status));
  set (object, "latency", json_integer (function->latency));
  set (object, "cache_line_size", json_integer (function->cache_line * 4));
  set (object, "interrupt_pin", json_integer (function->interrupt_pin));
  set (object, "interrupt_line", json_integer (function->interrupt_line));
  set (object, "bars", describe_bars (job, function));
  set (object, "capabilities", describe_capabilities (function));
  if (function->list_error != NULL)
    set (object, "capabilities_error", json_string (function->list_error));
  return object;
}

static json_t *
describe_areas (const VucRegionInfo *info)
{
  json_t *array = json_array ();

  for (guint i = 0; i < info->n_areas; i++)
    {
      json_t *object = json_object ();

      set (object, "offset", number (info->areas[i].offset));
      set (object, "size", number (info->areas[i].size));
      set (object, "file", json_integer (number_of_file (info, i)));
      set (object, "file_offset", number (info->areas[i].fd_offset));
      json_array_append_new (array, object);
    }

  return array;
}

static json_t *
describe_region (Job *job, guint32 region)
{
  const VucRegionInfo *info = vuc_device_get_region_info (job->device, region);
  json_t *object = json_object ();

  set (object, "index", json_integer (info->index));
  set (object, "name", lower_string (name_of_region (job->device, region)));
  set (object, "size", number (info->size));
  set (object, "flags", flag_array (region_flag_names, info->flags));
  set (object, "capabilities", flag_array (region_cap_names, info->caps));
  if (info->caps & VUC_REGION_CAP_TYPE)
    {
      set (object, "type", hex_string (info->type, 1));
      set (object, "subtype", hex_string (info->subtype, 1));
    }
  set (object, "areas", describe_areas (info));
  if (info->unmappable != NULL)
    set (object, "unmappable", foreign_string (info->unmappable));
  if (info->remote_errno != 0)
    set (object, "refused", errno_string (info->remote_errno));
  return object;
}

static json_t *
describe_regions (Job *job)
{
  guint32 n_regions = vuc_device_get_info (job->device)->num_regions;
  json_t *array = json_array ();

  for (guint32 i = 0; i < n_regions; i++)
    json_array_append_new (array, describe_region (job, i));

  return array;
}

static json_t *
describe_irqs (Job *job)
{
  guint32 n_irqs = vuc_device_get_info (job->device)->num_irqs;
  json_t *array = json_array ();

  for (guint32 i = 0; i < n_irqs; i++)
    {
      const VucIrqInfo *info = vuc_device_get_irq_info (job->device, i);
      json_t *object = json_object ();

      set (object, "index", json_integer (info->index));
      set (object, "name", lower_string (name_of_irq (job->device, i)));
      set (object, "count", json_integer (info->count));
      set (object, "flags", flag_array (irq_flag_names, info->flags));
      if (info->remote_errno != 0)
        set (object, "refused", errno_string (info->remote_errno));
      json_array_append_new (array, object);
    }

  return array;
}

typedef struct
{
  GString *hex;
  json_t *unreadable; /* array of {offset, length} */
  guint64 offset;     /* of the next byte, in the region */
  guint64 run;        /* unreadable bytes before it */
} JsonDump;

static void
end_run (JsonDump *dump)
{
  json_t *object;

  if (dump->run == 0)
    return;

  object = json_object ();
  set (object, "offset", number (dump->offset - dump->run));
  set (object, "length", number (dump->run));
  json_array_append_new (dump->unreadable, object);
  dump->run = 0;
}

static gboolean
add_bytes (const guint8 *data, const guint8 *readable, gsize count, gpointer user_data)
{
  static const char digits[] = "0123456789abcdef";
  JsonDump *dump = user_data;

  for (gsize i = 0; i < count; i++)
    {
      g_string_append_c (dump->hex, digits[data[i] >> 4]);
      g_string_append_c (dump->hex, digits[data[i] & 0xf]);
      if (readable[i])
        end_run (dump);
      else
        dump->run++;
      dump->offset++;
    }

  return TRUE;
}

static json_t *
describe_dump (Job *job, const DumpRange *range)
{
  g_autoptr (GString) hex = g_string_new (NULL);
  JsonDump dump = { .hex = hex, .unreadable = json_array (), .offset = range->offset };
  json_t *object = json_object ();

  job_dump (job, range, add_bytes, &dump);
  end_run (&dump);

  set (object, "region", json_integer (range->region));
  set (object, "name", lower_string (name_of_region (job->device, range->region)));
  set (object, "offset", number (range->offset));
  set (object, "length", number (range->length));
  set (object, "data", json_stringn (hex->str, hex->len));
  set (object, "unreadable", dump.unreadable);
  return object;
}

static json_t *
describe_dumps (Job *job)
{
  json_t *array = json_array ();
  guint64 left = MAX_DUMP_BYTES;

  for (guint i = 0; i < job->ranges->len; i++)
    {
      const DumpRange *range = &g_array_index (job->ranges, DumpRange, i);
      g_autofree char *name = name_of_region (job->device, range->region);

      if (range->length > left)
        {
          job_fail (job,
                    "%s is not in the document: it holds %u MiB of dumps; choose less with "
                    "--offset and --length, or use --raw",
                    name, MAX_DUMP_BYTES >> 20);
          continue;
        }
      left -= range->length;
      json_array_append_new (array, describe_dump (job, range));
    }

  return array;
}

static json_t *
describe_io_fd (const VucIoFd *io_fd)
{
  json_t *object = json_object ();

  set (object, "type", json_string (name_of_io_fd_type (io_fd->type)));
  set (object, "flags", flag_array (io_fd_flag_names, io_fd->flags));
  set (object, "offset", number (io_fd->offset));
  set (object, "size", number (io_fd->size));
  set (object, "has_fd", json_boolean (io_fd->fd >= 0));
  if (io_fd->flags & VUC_IO_FD_DATAMATCH)
    set (object, "datamatch", hex_string (io_fd->datamatch, 1));
  if (io_fd->type == VUC_IO_FD_IOREGIONFD)
    set (object, "user_data", hex_string (io_fd->user_data, 1));
  if (io_fd->type == VUC_IO_FD_SHADOW_IOEVENTFD)
    set (object, "shadow_offset", number (io_fd->shadow_offset));
  return object;
}

static void
add_io_fds (Job *job, guint32 region, json_t *object)
{
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;
  int refused;
  json_t *array;

  if (!job_ask_io_fds (job, region, &io_fds, &n_io_fds, &refused, &error))
    {
      set (object, "io_fds_error", foreign_string (error->message));
      return;
    }

  array = json_array ();
  for (gsize i = 0; i < n_io_fds; i++)
    json_array_append_new (array, describe_io_fd (&io_fds[i]));
  set (object, "io_fds", array);
  if (refused != 0)
    set (object, "io_fds_refused", errno_string (refused));
}

void
report_json (Job *job)
{
  const VucDeviceInfo *info = vuc_device_get_info (job->device);
  g_autoptr (PciFunction) function = job_read_config (job);
  json_t *document = json_object ();
  json_t *regions = describe_regions (job);

  set (document, "socket", foreign_string (job->where));
  set (document, "server", describe_server (job));
  set (document, "protocol", describe_protocol (info));
  set (document, "flags", flag_array (device_flag_names, info->flags));
  if (function != NULL)
    set (document, "pci", describe_pci (job, function));
  set (document, "regions", regions);
  set (document, "interrupts", describe_irqs (job));
  set (document, "dumps", describe_dumps (job));

  for (guint32 i = 0; i < info->num_regions && !job->stop; i++)
    {
      if (job_wants_io_fds (job, i))
        add_io_fds (job, i, json_array_get (regions, i));
    }

  if (job->failures->len > 0)
    {
      json_t *errors = json_array ();

      for (guint i = 0; i < job->failures->len; i++)
        json_array_append_new (errors, foreign_string (g_ptr_array_index (job->failures, i)));
      set (document, "errors", errors);
    }

  json_dumpf (document, job->out, JSON_INDENT (2));
  fputc ('\n', job->out);
  json_decref (document);
}
