/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What to dump: the options, held against what the device has. Asks the server nothing. Any thread.
 */

#include "plan.h"

#include "names.h"
#include "pci.h"

gboolean
plan_can_read (const VucRegionInfo *info)
{
  return info != NULL && info->size > 0 && (info->flags & VUC_REGION_READ) != 0;
}

static gboolean
has_config (VucDevice *device)
{
  return is_pci_device (device)
         && plan_can_read (vuc_device_get_region_info (device, VUC_PCI_CONFIG_REGION));
}

/* What a message can offer instead of a region that does not exist. */
static char *
list_regions (VucDevice *device)
{
  guint32 n_regions = vuc_device_get_info (device)->num_regions;
  GString *text = g_string_new (NULL);

  for (guint32 i = 0; i < n_regions; i++)
    {
      g_autofree char *name = name_of_region (device, i);

      if (vuc_device_get_region_info (device, i)->size > 0)
        g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", name);
    }
  if (text->len == 0)
    g_string_append (text, "no region at all");

  return g_string_free (text, FALSE);
}

static gboolean
check_region (VucDevice *device, guint32 region, GError **error)
{
  const VucRegionInfo *info = vuc_device_get_region_info (device, region);
  g_autofree char *name = name_of_region (device, region);
  g_autofree char *there_is = list_regions (device);

  if (info == NULL || (info->size == 0 && info->remote_errno == 0))
    return usage_error (error, "the device has no %s, choose from what it has: %s", name, there_is);

  if (info->remote_errno != 0)
    {
      g_set_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "the server would not describe %s (%s)",
                   name, g_strerror (info->remote_errno));
      return FALSE;
    }
  if (!plan_can_read (info))
    {
      g_set_error (error, VUC_ERROR, VUC_ERROR_NOT_SUPPORTED,
                   "%s cannot be read, its flags do not say read; choose another region", name);
      return FALSE;
    }

  return TRUE;
}

static gboolean
add_range (GArray *ranges,
           VucDevice *device,
           const Options *options,
           guint32 region,
           GError **error)
{
  guint64 size = vuc_device_get_region_info (device, region)->size;
  DumpRange range = { .region = region, .offset = options->offset };
  g_autofree char *name = name_of_region (device, region);

  if (options->offset >= size)
    return usage_error (error,
                        "--offset: %s ends at 0x%" G_GINT64_MODIFIER "x, so 0x%" G_GINT64_MODIFIER
                        "x is not in it: choose less",
                        name, size, options->offset);

  range.length = options->has_length ? options->length : size - options->offset;
  if (range.length > size - options->offset)
    return usage_error (error,
                        "--length: %s ends at 0x%" G_GINT64_MODIFIER
                        "x, so it has only %" G_GUINT64_FORMAT " bytes from 0x%" G_GINT64_MODIFIER
                        "x on: choose less",
                        name, size, size - options->offset, options->offset);

  g_array_append_val (ranges, range);
  return TRUE;
}

static gboolean
add_all (GArray *ranges, VucDevice *device, const Options *options, GError **error)
{
  guint32 n_regions = vuc_device_get_info (device)->num_regions;

  for (guint32 i = 0; i < n_regions; i++)
    {
      if (plan_can_read (vuc_device_get_region_info (device, i))
          && !add_range (ranges, device, options, i, error))
        return FALSE;
    }

  return TRUE;
}

/* Nothing was chosen: the configuration space, or nothing where there is none. Nobody asked for
   the rest of one that claims to be larger than it can be. */
static gboolean
add_default (GArray *ranges, VucDevice *device, const Options *options, GError **error)
{
  gboolean whole = !options->has_offset && !options->has_length;

  if (has_config (device))
    {
      if (!add_range (ranges, device, options, VUC_PCI_CONFIG_REGION, error))
        return FALSE;
      if (whole)
        {
          DumpRange *range = &g_array_index (ranges, DumpRange, 0);

          range->length = MIN (range->length, PCI_EXTENDED_SPACE_SIZE);
        }
      return TRUE;
    }

  if (whole && options->report != REPORT_RAW)
    return TRUE;

  return usage_error (error,
                      "the device has no configuration space: choose a region with --region");
}

static gboolean
add_chosen (GArray *ranges, VucDevice *device, const Options *options, GError **error)
{
  const RegionChoice *choice = &options->region;

  switch (choice->kind)
    {
    case REGION_CHOICE_DEFAULT:
      return add_default (ranges, device, options, error);

    case REGION_CHOICE_ALL:
      return add_all (ranges, device, options, error);

    case REGION_CHOICE_NAME:
      if (!is_pci_device (device))
        return usage_error (error,
                            "--region: this is no PCI device: choose the region by its number");
      break;

    case REGION_CHOICE_NUMBER:
      break;
    }

  return check_region (device, choice->index, error)
         && add_range (ranges, device, options, choice->index, error);
}

GArray *
plan_dumps (VucDevice *device, const Options *options, GError **error)
{
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (DumpRange));

  if (!add_chosen (ranges, device, options, error))
    return NULL;

  return g_steal_pointer (&ranges);
}
