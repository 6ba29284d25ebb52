/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Plays a healthy device while a client connects: VERSION, DEVICE_GET_INFO and the queries of
 * regions and interrupts are answered from a table.  It knows the layout of these messages, by its
 * own structures.  The play_ functions run in the server's process, the others in the test's.
 */

#include "script-device.h"

#include "script-private.h"

#include <string.h>

#define FLAG_CAPS 8u

typedef struct
{
  guint32 argsz;
  guint32 flags;
  guint32 num_regions;
  guint32 num_irqs;
} DeviceInfo;

typedef struct
{
  guint32 argsz;
  guint32 flags;
  guint32 index;
  guint32 cap_offset;
  guint64 size;
  guint64 offset;
} RegionInfo;

typedef struct
{
  guint32 argsz;
  guint32 flags;
  guint32 index;
  guint32 count;
} IrqInfo;

G_STATIC_ASSERT (sizeof (DeviceInfo) == 16);
G_STATIC_ASSERT (sizeof (RegionInfo) == 32);
G_STATIC_ASSERT (sizeof (IrqInfo) == 16);

static const ScriptRegion pci_regions[9] = {
  [0] = { .size = 4096, .flags = 3 },
  [2] = {
    .size = 65536, .flags = 7, .offset = 4096,
    .fds = SCRIPT_FDS ({ SCRIPT_FD_SEALED_MEMFD, 69632 })
  },
  [7] = { .size = 256, .flags = 3 },
};

static const ScriptIrq pci_irqs[5] = {
  [0] = { .flags = 7, .count = 1 },
  [1] = { .flags = 9, .count = 4 },
};

const ScriptDevice script_pci_device = {
  .json = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}",
  .flags = 3,
  .regions = pci_regions,
  .n_regions = G_N_ELEMENTS (pci_regions),
  .irqs = pci_irqs,
  .n_irqs = G_N_ELEMENTS (pci_irqs),
};

/* ---- Requests ---- */

/* Reads a command, whose payload begins with argsz; the rest of it is as @rest (hex text) says. */
static gboolean
read_request (ScriptPlayer *player, guint16 command, const char *rest, guint32 *argsz)
{
  g_autofree char *text = g_strconcat ("?? ?? ?? ?? ", rest, NULL);
  g_autofree char *difference = NULL;
  g_autofree char *why = NULL;
  g_autoptr(HexPattern) payload = hex_pattern_new (text, &why);
  const GByteArray *message = player->message;
  ScriptHeader header;

  if (!script_player_read_message (player, &header))
    return FALSE;

  if ((header.flags & SCRIPT_TYPE_MASK) == SCRIPT_REPLY || header.command != command)
    difference = hex_dump (message->data, message->len);
  else
    difference = hex_pattern_difference (payload, message->data + sizeof (header),
                                         message->len - sizeof (header));
  if (difference != NULL)
    return script_player_fail (player, "command %u (%s) came, expected %s with %s\n%s",
                               header.command, script_command_name (header.command),
                               script_command_name (command), text, difference);
  memcpy (argsz, message->data + sizeof (header), sizeof (*argsz));

  return TRUE;
}

/* A reply as the entry of a table wants it: these bytes, an error, or else the good one. */
static gboolean
answer (ScriptPlayer *player, const ScriptManner *manner, const char *raw, guint32 error,
        gconstpointer payload, gsize size)
{
  const ScriptCommand *command = script_player_get_command (player, 0);

  if (raw != NULL)
    {
      g_autoptr(HexPattern) text = script_parse_sent (raw);

      return script_player_send_text (player, manner, text);
    }
  if (error != 0)
    return script_player_reply_error (player, manner, command, error);

  return script_player_reply (player, manner, command, payload, size);
}

/* ---- VERSION and DEVICE_GET_INFO ---- */

static gboolean
play_version (ScriptPlayer *player, const ScriptStep *step)
{
  const ScriptDevice *device = step->device;
  const guint16 version[2] = { 0, device->minor };
  g_autoptr(GByteArray) payload = g_byte_array_new ();
  ScriptHeader header;

  if (!script_player_read_message (player, &header))
    return FALSE;
  if (header.command != 1 || header.size < sizeof (header) + sizeof (version))
    return script_player_fail (player, "command %u (%s) of %u bytes came, expected VERSION",
                               header.command, script_command_name (header.command), header.size);

  g_byte_array_append (payload, (const guint8 *) version, sizeof (version));
  if (device->json != NULL)
    g_byte_array_append (payload, (const guint8 *) device->json, strlen (device->json) + 1);

  return answer (player, &step->manner, NULL, 0, payload->data, payload->len);
}

static gboolean
play_device_info (ScriptPlayer *player, const ScriptStep *step)
{
  const ScriptDevice *device = step->device;
  DeviceInfo info = {
    .flags = device->flags, .num_regions = device->n_regions, .num_irqs = device->n_irqs
  };

  if (!read_request (player, 4, "u32:0 u32:0 u32:0", &info.argsz))
    return FALSE;
  info.argsz = sizeof (info);

  return answer (player, &step->manner, NULL, 0, &info, sizeof (info));
}

/* ---- Regions and interrupts ---- */

/* Says in @cut_short whether the client has to ask again. */
static gboolean
answer_region (ScriptPlayer *player, const ScriptStep *step, guint index, gboolean *cut_short)
{
  const ScriptRegion *region = &step->device->regions[index];
  g_autofree char *rest = g_strdup_printf ("u32:0 u32:%u u32:0 u64:0 u64:0", index);
  g_autoptr(GBytes) capabilities = hex (region->capabilities != NULL ? region->capabilities : "");
  g_autoptr(GByteArray) payload = g_byte_array_new ();
  RegionInfo info = {
    .flags = region->flags, .index = index, .size = region->size, .offset = region->offset
  };
  ScriptManner manner = { .fds = NULL };
  gsize n_capabilities;
  const guint8 *bytes = g_bytes_get_data (capabilities, &n_capabilities);
  guint32 argsz;

  if (!read_request (player, 5, rest, &argsz))
    return FALSE;

  info.argsz = sizeof (info) + n_capabilities;
  *cut_short = info.argsz > argsz && region->raw == NULL && region->error == 0;
  if (!*cut_short && n_capabilities > 0)
    {
      info.flags |= FLAG_CAPS;
      info.cap_offset = sizeof (info);
    }
  g_byte_array_append (payload, (const guint8 *) &info, sizeof (info));
  if (!*cut_short && n_capabilities > 0)
    g_byte_array_append (payload, bytes, n_capabilities);

  if (!*cut_short && region->error == 0)
    manner.fds = region->fds;

  return answer (player, &manner, region->raw, region->error, payload->data, payload->len);
}

static gboolean
answer_irq (ScriptPlayer *player, const ScriptStep *step, guint index)
{
  const ScriptIrq *irq = &step->device->irqs[index];
  g_autofree char *rest = g_strdup_printf ("u32:0 u32:%u u32:0", index);
  IrqInfo info = { .flags = irq->flags, .index = index, .count = irq->count };

  if (!read_request (player, 7, rest, &info.argsz))
    return FALSE;
  info.argsz = sizeof (info);

  return answer (player, &step->manner, irq->raw, irq->error, &info, sizeof (info));
}

static gboolean
play_queries (ScriptPlayer *player, const ScriptStep *step)
{
  const ScriptDevice *device = step->device;
  g_autofree gboolean *cut_short = g_new0 (gboolean, device->n_regions);

  for (guint i = 0; i < device->n_regions; i++)
    if (!answer_region (player, step, i, &cut_short[i]))
      return FALSE;
  for (guint i = 0; i < device->n_irqs; i++)
    if (!answer_irq (player, step, i))
      return FALSE;
  for (guint i = 0; i < device->n_regions; i++)
    if (cut_short[i] && !answer_region (player, step, i, &cut_short[i]))
      return FALSE;

  return TRUE;
}

/* ---- Steps ---- */

void
script_version (ScriptServer *server, const ScriptDevice *device)
{
  script_server_add (server, play_version, "VERSION")->device = device;
}

void
script_device_info (ScriptServer *server, const ScriptDevice *device)
{
  script_server_add (server, play_device_info, "DEVICE_GET_INFO")->device = device;
}

/* A mistake in a text is to fail the test here, not the server's process there. */
static void
check_text (const char *text)
{
  if (text != NULL)
    hex_pattern_free (script_parse_sent (text));
}

void
script_queries (ScriptServer *server, const ScriptDevice *device)
{
  for (guint i = 0; i < device->n_regions; i++)
    {
      check_text (device->regions[i].raw);
      check_text (device->regions[i].capabilities);
    }
  for (guint i = 0; i < device->n_irqs; i++)
    check_text (device->irqs[i].raw);

  script_server_add (server, play_queries, "queries of regions and interrupts")->device = device;
}

void
script_handshake (ScriptServer *server, const ScriptDevice *device)
{
  script_version (server, device);
  script_device_info (server, device);
  script_queries (server, device);
}
