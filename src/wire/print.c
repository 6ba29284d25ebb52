/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Any message as one readable line.  Bad messages are those one most wants to see, so nothing here
 * is trusted and none of the validating decoders is used: tables say where fields are, the cursor
 * whether they came.  Every list is cut off, so that a line has at most some 3000 bytes.  Knows the
 * current dialect; not what was negotiated, nor what a reply answers.  Pure; any thread.
 */

#include "wire/print.h"

#include "base/cursor.h"
#include "base/escape.h"
#include "wire/print-fields.h"
#include "wire/print-lists.h"
#include "wire/protocol.h"

/* How much is shown of what has no bound of its own. */
#define SHOWN_RAW  32  /* bytes of a payload that has no fields, or is too short for them */
#define SHOWN_JSON 400 /* characters */

#define MAX_ERRNO 4095

static const char *const device_bits[] = { "RESET", "PCI", NULL };
static const char *const region_bits[] = { "READ", "WRITE", "MMAP", "CAPS", NULL };
static const char *const irq_bits[] = { "EVENTFD", "MASKABLE", "AUTOMASKED", "NORESIZE", NULL };
static const char *const set_irqs_bits[] = { "NONE",   "BOOL",    "EVENTFD", "MASK",
                                             "UNMASK", "TRIGGER", NULL };
static const char *const dma_map_bits[] = { "READ", "WRITE", "MMAP", "FILE_IO", NULL };

static const VucPrintField version_fields[] = {
  VUC_FIELD_DECIMAL ("major", 0, 2),
  VUC_FIELD_DECIMAL ("minor", 2, 2),
  VUC_FIELD_END,
};

static const VucPrintField device_info_fields[] = {
  VUC_FIELD_DECIMAL ("argsz", 0, 4),
  VUC_FIELD_BITS ("flags", 4, device_bits),
  VUC_FIELD_DECIMAL ("num_regions", 8, 4),
  VUC_FIELD_DECIMAL ("num_irqs", 12, 4),
  VUC_FIELD_END,
};

static const VucPrintField region_info_fields[] = {
  VUC_FIELD_DECIMAL ("index", 8, 4),
  VUC_FIELD_DECIMAL ("argsz", 0, 4),
  VUC_FIELD_BITS ("flags", 4, region_bits),
  VUC_FIELD_HEX ("size", 16, 8),
  VUC_FIELD_HEX ("offset", 24, 8),
  VUC_FIELD_DECIMAL ("cap_offset", 12, 4),
  VUC_FIELD_END,
};

static const VucPrintField region_io_fds_fields[] = {
  VUC_FIELD_DECIMAL ("index", 8, 4),
  VUC_FIELD_DECIMAL ("argsz", 0, 4),
  VUC_FIELD_HEX ("flags", 4, 4),
  VUC_FIELD_DECIMAL ("count", 12, 4),
  VUC_FIELD_END,
};

static const VucPrintField irq_info_fields[] = {
  VUC_FIELD_DECIMAL ("index", 8, 4),
  VUC_FIELD_DECIMAL ("argsz", 0, 4),
  VUC_FIELD_BITS ("flags", 4, irq_bits),
  VUC_FIELD_DECIMAL ("count", 12, 4),
  VUC_FIELD_END,
};

static const VucPrintField set_irqs_fields[] = {
  VUC_FIELD_DECIMAL ("index", 8, 4),          VUC_FIELD_DECIMAL ("argsz", 0, 4),
  VUC_FIELD_BITS ("flags", 4, set_irqs_bits), VUC_FIELD_DECIMAL ("start", 12, 4),
  VUC_FIELD_DECIMAL ("count", 16, 4),         VUC_FIELD_END,
};

static const VucPrintField region_access_fields[] = {
  VUC_FIELD_DECIMAL ("region", 8, 4),
  VUC_FIELD_HEX ("offset", 0, 8),
  VUC_FIELD_DECIMAL ("count", 12, 4),
  VUC_FIELD_END,
};

static const VucPrintField region_write_multi_fields[] = {
  VUC_FIELD_DECIMAL ("wr_cnt", 0, 8),
  VUC_FIELD_END,
};

static const VucPrintField dma_map_fields[] = {
  VUC_FIELD_HEX ("address", 16, 8),  VUC_FIELD_HEX ("size", 24, 8),
  VUC_FIELD_DECIMAL ("argsz", 0, 4), VUC_FIELD_BITS ("flags", 4, dma_map_bits),
  VUC_FIELD_HEX ("offset", 8, 8),    VUC_FIELD_END,
};

static const VucPrintField dma_unmap_fields[] = {
  VUC_FIELD_HEX ("address", 8, 8),
  VUC_FIELD_HEX ("size", 16, 8),
  VUC_FIELD_DECIMAL ("argsz", 0, 4),
  VUC_FIELD_HEX ("flags", 4, 4),
  VUC_FIELD_END,
};

static const VucPrintField dma_access_fields[] = {
  VUC_FIELD_HEX ("address", 0, 8),
  VUC_FIELD_DECIMAL ("count", 8, 8),
  VUC_FIELD_END,
};

static void
append_raw (GString *line, const guint8 *bytes, gsize size)
{
  if (size == 0)
    return;
  g_string_append (line, ": ");
  vuc_escape_append_hex (line, bytes, size, SHOWN_RAW);
}

static void
append_json (GString *line, VucCursor *cursor)
{
  gsize left = vuc_cursor_left (cursor);
  const guint8 *text = vuc_cursor_get_bytes (cursor, left);
  gboolean ends;

  if (left == 0)
    return;
  ends = text[left - 1] == '\0';
  g_string_append (line, ", JSON ");
  vuc_escape_append (line, text, ends ? left - 1 : left, SHOWN_JSON);
  if (!ends)
    g_string_append (line, " (no NUL at the end)");
}

typedef struct
{
  const VucPrintField *fields;
  guint8 size;                                            /* of the fields, in bytes */
  gboolean replies;                                       /* a reply has them too */
  void (*append_rest) (GString *line, VucCursor *cursor); /* the cursor stands behind the fields */
  gboolean bare;                                          /* or a reply has nothing at all */
} Layout;

/* By command.  Where there are no fields the payload is shown as it is. */
static const Layout layouts[] = {
  [VUC_COMMAND_VERSION] = { version_fields, 4, TRUE, append_json },
  [VUC_COMMAND_DMA_MAP] = { dma_map_fields, 32, FALSE, vuc_print_data },
  [VUC_COMMAND_DMA_UNMAP] = { dma_unmap_fields, 24, TRUE, vuc_print_data, TRUE },
  [VUC_COMMAND_DEVICE_GET_INFO] = { device_info_fields, 16, TRUE, vuc_print_data },
  [VUC_COMMAND_DEVICE_GET_REGION_INFO] = { region_info_fields, 32, TRUE, vuc_print_capabilities },
  [VUC_COMMAND_DEVICE_GET_REGION_IO_FDS] = { region_io_fds_fields, 16, TRUE, vuc_print_io_fds },
  [VUC_COMMAND_DEVICE_GET_IRQ_INFO] = { irq_info_fields, 16, TRUE, vuc_print_data },
  [VUC_COMMAND_DEVICE_SET_IRQS] = { set_irqs_fields, 20, FALSE, vuc_print_data },
  [VUC_COMMAND_REGION_READ] = { region_access_fields, 16, TRUE, vuc_print_data },
  [VUC_COMMAND_REGION_WRITE] = { region_access_fields, 16, TRUE, vuc_print_data },
  [VUC_COMMAND_DMA_READ] = { dma_access_fields, 16, TRUE, vuc_print_data },
  [VUC_COMMAND_DMA_WRITE] = { dma_access_fields, 16, TRUE, vuc_print_data },
  [VUC_COMMAND_REGION_WRITE_MULTI] = { region_write_multi_fields, 8, TRUE, vuc_print_writes },
};

static const Layout *
find_layout (guint16 command, gboolean is_reply)
{
  const Layout *layout = command < G_N_ELEMENTS (layouts) ? &layouts[command] : NULL;

  return layout != NULL && layout->fields != NULL && (layout->replies || !is_reply) ? layout : NULL;
}

static void
append_payload (GString *line, guint16 command, gboolean is_reply, VucCursor *cursor)
{
  const Layout *layout = find_layout (command, is_reply);
  gsize left = vuc_cursor_left (cursor);
  const guint8 *payload = vuc_cursor_get_bytes (cursor, left);

  if (layout != NULL && left >= layout->size)
    {
      VucCursor rest;

      g_string_append_c (line, ' ');
      vuc_print_fields (line, layout->fields, payload, layout->size);
      vuc_cursor_init (&rest, payload, left);
      vuc_cursor_skip (&rest, layout->size);
      layout->append_rest (line, &rest);
      return;
    }

  if (layout != NULL && (left > 0 || !is_reply || !layout->bare))
    g_string_append_printf (line, " payload %" G_GSIZE_FORMAT ", expected %u", left, layout->size);
  append_raw (line, payload, left);
}

static void
append_error (GString *line, guint32 number, VucCursor *cursor)
{
  gsize left = vuc_cursor_left (cursor);
  gboolean known = number >= 1 && number <= MAX_ERRNO;

  g_string_append_printf (line, " error: %s (errno %u)",
                          known ? g_strerror ((int) number) : "not an errno", number);
  if (left > 0)
    {
      g_string_append (line, ", payload ");
      vuc_escape_append_hex (line, vuc_cursor_get_bytes (cursor, left), left, SHOWN_RAW);
    }
}

/* "reply 7: REGION_READ", or "message 7 of type 5: REGION_READ" */
static void
append_kind (GString *line, guint32 flags, guint16 id, guint16 command)
{
  guint32 type = flags & VUC_HEADER_TYPE_MASK;
  char name[16];

  if (type == VUC_HEADER_TYPE_COMMAND)
    g_string_append_printf (line, "command %u", id);
  else if (type == VUC_HEADER_TYPE_REPLY)
    g_string_append_printf (line, "reply %u", id);
  else
    g_string_append_printf (line, "message %u of type %u", id, type);

  if ((flags & VUC_HEADER_NO_REPLY) != 0)
    g_string_append (line, " (no reply)");
  g_string_append_printf (line, ": %s", vuc_command_name (command, name, sizeof name));
}

char *
vuc_print_message (const guint8 *bytes, gsize size, guint n_fds)
{
  g_autoptr (GString) line = g_string_new (NULL);
  gboolean is_reply;
  VucCursor cursor;
  guint16 id, command;
  guint32 length, flags, number;

  vuc_cursor_init (&cursor, bytes, size);
  id = vuc_cursor_get_u16 (&cursor);
  command = vuc_cursor_get_u16 (&cursor);
  length = vuc_cursor_get_u32 (&cursor);
  flags = vuc_cursor_get_u32 (&cursor);
  number = vuc_cursor_get_u32 (&cursor);
  is_reply = (flags & VUC_HEADER_TYPE_MASK) == VUC_HEADER_TYPE_REPLY;

  if (vuc_cursor_ok (&cursor))
    {
      append_kind (line, flags, id, command);
      if (is_reply && (flags & VUC_HEADER_ERROR) != 0)
        append_error (line, number, &cursor);
      else
        append_payload (line, command, is_reply, &cursor);
      if (length != size)
        g_string_append_printf (line, " (header says %u bytes, here are %" G_GSIZE_FORMAT ")",
                                length, size);
    }
  else
    {
      g_string_append_printf (line, "header of %" G_GSIZE_FORMAT " bytes, expected %d", size,
                              VUC_HEADER_SIZE);
      append_raw (line, bytes, size);
    }

  if (n_fds > 0)
    g_string_append_printf (line, ", %u %s", n_fds, n_fds == 1 ? "descriptor" : "descriptors");
  return g_string_free (g_steal_pointer (&line), FALSE);
}
