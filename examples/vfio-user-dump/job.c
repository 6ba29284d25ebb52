/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What all reports need from a device: its configuration space, the bytes to dump, IO descriptors,
 * and one place for what goes wrong. Does not know what a report looks like. Main thread.
 */

#include "job.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "names.h"
#include "reader.h"
#include "terminal.h"

void
job_clear (Job *job)
{
  g_clear_pointer (&job->device, vuc_device_unref);
  g_clear_pointer (&job->where, g_free);
  g_clear_pointer (&job->ranges, g_array_unref);
  g_clear_pointer (&job->failures, g_ptr_array_unref);
}

void
job_fail (Job *job, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (job->failures, g_strdup_vprintf (format, args));
  va_end (args);
}

/* An answer that is of no use, or a refusal, is an answer: the server can be asked something else.
   One that did not answer at all would keep us waiting each time. */
static gboolean
can_go_on (const GError *error)
{
  return g_error_matches (error, VUC_ERROR, VUC_ERROR_REMOTE)
         || g_error_matches (error, VUC_ERROR, VUC_ERROR_REJECTED)
         || g_error_matches (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED);
}

void
job_fail_on (Job *job, const char *activity, const GError *error)
{
  g_autofree char *advice = advice_on (activity, error);

  job_fail (job, "%s", advice);
  if (!can_go_on (error))
    job->stop = TRUE;
}

gboolean
job_flush (Job *job)
{
  if (job->out_errno == 0 && (fflush (job->out) != 0 || ferror (job->out)))
    {
      job->out_errno = errno;
      job->stop = TRUE;
    }

  return job->out_errno == 0;
}

/* Gets what can be read of a range that is known to be inside the region. */
static void
read_range (Job *job,
            Reader *reader,
            const char *name,
            const DumpRange *range,
            DumpFunc func,
            gpointer user_data)
{
  g_autofree guint8 *data = g_malloc (READER_BLOCK);
  g_autofree guint8 *readable = g_malloc (READER_BLOCK);
  g_autofree char *activity = g_strdup_printf ("reading %s", name);
  g_autoptr (GError) error = NULL;
  gboolean same_terminal = isatty (fileno (job->out));
  Progress progress;
  guint64 done = 0;

  /* Messages that are shown are progress enough. */
  progress_begin (&progress, name, job->options->verbose ? 0 : range->length);
  while (done < range->length && error == NULL)
    {
      guint64 offset = range->offset + done;

      /* Blocks end where a multiple of their size does, as pages and registers do. */
      gsize count = (gsize) MIN (range->length - done, READER_BLOCK - offset % READER_BLOCK);
      gsize got = reader_read (reader, offset, data, readable, count, &error);

      if (same_terminal)
        progress_hide (&progress);
      if (!func (data, readable, got, user_data))
        break;

      done += got;
      progress_show (&progress, done);
    }
  progress_end (&progress);

  if (error != NULL)
    {
      g_prefix_error (&error, "at 0x%" G_GINT64_MODIFIER "x: ", range->offset + done);
      job_fail_on (job, activity, error);
    }
  if (reader->refused > 0)
    job_fail (job,
              "%s: %" G_GUINT64_FORMAT " bytes are missing: %s; see whether another --width helps",
              name, reader->refused, reader->last_refusal);
}

static gboolean
keep_config (const guint8 *data, const guint8 *readable, gsize count, gpointer user_data)
{
  Job *job = user_data;

  memcpy (job->config + job->config_size, data, count);
  memcpy (job->config_readable + job->config_size, readable, count);
  job->config_size += count;
  return TRUE;
}

static void
tell_port_io (Job *job, const PciFunction *function)
{
  for (guint i = 0; i < function->n_bars; i++)
    {
      if (vuc_device_get_region_info (job->device, i) != NULL
          && function->bars[i].kind == PCI_BAR_PORT_IO)
        vuc_device_set_region_port_io (job->device, i, TRUE);
    }
}

PciFunction *
job_read_config (Job *job)
{
  const VucRegionInfo *info = vuc_device_get_region_info (job->device, VUC_PCI_CONFIG_REGION);
  DumpRange range = { .region = VUC_PCI_CONFIG_REGION };
  g_auto (Reader) reader = { 0 };
  PciFunction *function;

  if (!is_pci_device (job->device) || !plan_can_read (info))
    return NULL;

  reader_init (&reader, job->device, range.region, job->options->width);
  range.length = MIN (info->size, PCI_EXTENDED_SPACE_SIZE);
  read_range (job, &reader, "the configuration space", &range, keep_config, job);

  /* All ones may be an empty slot, but not if nobody would tell. */
  if (job->config_size == 0 || !job->config_readable[0])
    return NULL;

  function = pci_function_new (&(PciSpace){ .data = job->config, .size = job->config_size });
  if (function != NULL)
    tell_port_io (job, function);

  return function;
}

/* A file that cannot be mapped safely is a failure, but its bytes can still be asked for. */
static void
map_region (Job *job, Reader *reader, const char *name)
{
  g_autoptr (GError) error = NULL;

  if (!reader_map (reader, &error))
    job_fail (job, "%s cannot be mapped: %s; it was read by message instead%s", name,
              error->message,
              job->options->allow_unsealed ? "" : ", --allow-unsealed trusts more files");
}

/* What job_read_config() has got is all there is once the server does not answer any more. */
static gboolean
dump_from_config (Job *job, const DumpRange *range, DumpFunc func, gpointer user_data)
{
  gsize left;

  if (range->region != VUC_PCI_CONFIG_REGION || range->offset >= job->config_size)
    return FALSE;

  left = job->config_size - (gsize) range->offset;
  if (range->length > left && !job->stop)
    return FALSE;

  func (job->config + range->offset, job->config_readable + range->offset,
        (gsize) MIN (range->length, left), user_data);
  return TRUE;
}

void
job_dump (Job *job, const DumpRange *range, DumpFunc func, gpointer user_data)
{
  g_autofree char *name = name_of_region (job->device, range->region);
  g_auto (Reader) reader = { 0 };

  if (dump_from_config (job, range, func, user_data) || job->stop)
    return;

  reader_init (&reader, job->device, range->region, job->options->width);
  if (job->options->mmap)
    map_region (job, &reader, name);
  read_range (job, &reader, name, range, func, user_data);
}

gboolean
job_wants_io_fds (Job *job, guint32 region)
{
  const VucRegionInfo *info = vuc_device_get_region_info (job->device, region);

  return info->size > 0 && (info->flags & (VUC_REGION_READ | VUC_REGION_WRITE)) != 0;
}

gboolean
job_ask_io_fds (Job *job,
                guint32 region,
                const VucIoFd **io_fds,
                gsize *n_io_fds,
                int *refused,
                GError **error)
{
  g_autofree char *name = name_of_region (job->device, region);
  g_autofree char *activity = g_strdup_printf ("asking for the IO descriptors of %s", name);
  g_autoptr (GError) local_error = NULL;

  if (vuc_device_get_region_io_fds (job->device, region, io_fds, n_io_fds, &local_error))
    {
      *refused = vuc_device_get_region_io_fds_errno (job->device, region);
      return TRUE;
    }

  job_fail_on (job, activity, local_error);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}
