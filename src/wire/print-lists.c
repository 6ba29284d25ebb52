/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What follows the fields of region info and region IO FDs: a chain of capabilities, an array of
 * entries.  Numbers in the message say where and how many; they are believed as far as there are
 * bytes, and up to what is shown.  Pure; any thread.
 */

#include "wire/print-lists.h"

#include "base/escape.h"
#include "wire/print-fields.h"
#include "wire/protocol.h"

/* How much is shown. */
#define SHOWN_DATA         16 /* bytes */
#define SHOWN_CAPABILITIES 6
#define SHOWN_AREAS        4
#define SHOWN_IO_FDS       8
#define SHOWN_WRITES       8

/* Where the fields are that say how to read the rest. */
#define REGION_INFO_CAP_OFFSET     12
#define NR_AREAS_OFFSET            8
#define REGION_IO_FDS_ARGSZ_OFFSET 0
#define REGION_IO_FDS_COUNT_OFFSET 12
#define IO_FD_TYPE_OFFSET          20

static const char *const ioeventfd_bits[] = { "DATAMATCH", "PIO", NULL };
static const char *const ioregionfd_bits[] = { "PIO", "POSTED_WRITES", NULL };
static const char *const no_bits[] = { NULL };
static const char *const io_fd_kinds[] = { "ioeventfd", "ioregionfd", "shadow ioeventfd", NULL };

/* Region capabilities, each with its header of 8 bytes, and the areas that may follow. */
static const VucPrintField sparse_mmap_fields[] = {
  VUC_FIELD_DECIMAL ("nr_areas", NR_AREAS_OFFSET, 4),
  VUC_FIELD_END,
};
static const VucPrintField area_fields[] = {
  VUC_FIELD_HEX ("offset", 0, 8),
  VUC_FIELD_HEX ("size", 8, 8),
  VUC_FIELD_END,
};
static const VucPrintField fd_area_fields[] = {
  VUC_FIELD_HEX ("offset", 0, 8),
  VUC_FIELD_HEX ("size", 16, 8),
  VUC_FIELD_FD_INDEX ("fd_index", 24),
  VUC_FIELD_HEX ("fd_offset", 8, 8),
  VUC_FIELD_END,
};
static const VucPrintField type_fields[] = {
  VUC_FIELD_HEX ("type", 8, 4),
  VUC_FIELD_HEX ("subtype", 12, 4),
  VUC_FIELD_END,
};

typedef struct
{
  guint16 id;
  const char *name;
  const VucPrintField *fields;      /* or NULL */
  const VucPrintField *area_fields; /* or NULL: it has no areas */
  guint8 size;                      /* in bytes, without areas */
  guint8 area_size;
} Capability;

static const Capability capabilities[] = {
  { 1, "SPARSE_MMAP", sparse_mmap_fields, area_fields, 16, 16 },
  { 2, "TYPE", type_fields, NULL, 16, 0 },
  { 3, "MSIX_MAPPABLE", NULL, NULL, 8, 0 },
  { 0x8001, "SPARSE_MMAP_FDS", sparse_mmap_fields, fd_area_fields, 16, 32 },
};

/* Entries of region IO FDs.  What the numbers at 32 and 40 are depends on the type and the stride:
 * below 48 bytes there is only the first. */
#define IO_FD_MIN_STRIDE  40
#define IO_FD_LONG_STRIDE 48

#define IO_FD_FIELDS(bits)                                                                         \
  VUC_FIELD_KIND ("type", IO_FD_TYPE_OFFSET, io_fd_kinds), VUC_FIELD_HEX ("offset", 0, 8),         \
    VUC_FIELD_DECIMAL ("size", 8, 8), VUC_FIELD_FD_INDEX ("fd_index", 16),                         \
    VUC_FIELD_BITS ("flags", 24, bits)

static const VucPrintField unknown_io_fd_fields[] = {
  IO_FD_FIELDS (no_bits),
  VUC_FIELD_END,
};
static const VucPrintField ioeventfd_fields[] = {
  IO_FD_FIELDS (ioeventfd_bits),
  VUC_FIELD_HEX ("datamatch", 32, 8),
  VUC_FIELD_END,
};
static const VucPrintField long_ioeventfd_fields[] = {
  IO_FD_FIELDS (ioeventfd_bits),
  VUC_FIELD_HEX ("datamatch", 40, 8),
  VUC_FIELD_END,
};
static const VucPrintField ioregionfd_fields[] = {
  IO_FD_FIELDS (ioregionfd_bits),
  VUC_FIELD_HEX ("user_data", 32, 8),
  VUC_FIELD_END,
};
static const VucPrintField shadow_fields[] = {
  IO_FD_FIELDS (ioeventfd_bits),
  VUC_FIELD_HEX ("datamatch", 40, 8),
  VUC_FIELD_FD_INDEX ("shadow fd_index", 28),
  VUC_FIELD_HEX ("shadow offset", 32, 8),
  VUC_FIELD_END,
};

/* By type; short stride, long stride. */
static const VucPrintField *const io_fd_fields[][2] = {
  { ioeventfd_fields, long_ioeventfd_fields },
  { ioregionfd_fields, ioregionfd_fields },
  { shadow_fields, shadow_fields },
};

/* Entries of REGION_WRITE_MULTI. */
#define WRITE_SIZE         24
#define WRITE_COUNT_OFFSET 12
#define WRITE_DATA_OFFSET  16

static const VucPrintField write_fields[] = {
  VUC_FIELD_DECIMAL ("region", 8, 4),
  VUC_FIELD_HEX ("offset", 0, 8),
  VUC_FIELD_DECIMAL ("count", WRITE_COUNT_OFFSET, 4),
  VUC_FIELD_END,
};

/* A field on which depends how the rest is read; 0 if it did not come. */
static guint32
get_u32_at (const guint8 *bytes, gsize size, gsize offset)
{
  VucCursor cursor;

  vuc_cursor_init (&cursor, bytes, size);
  vuc_cursor_seek (&cursor, offset);
  return vuc_cursor_get_u32 (&cursor);
}

void
vuc_print_data (GString *line, VucCursor *cursor)
{
  gsize left = vuc_cursor_left (cursor);

  if (left == 0)
    return;
  g_string_append (line, ": ");
  vuc_escape_append_hex (line, vuc_cursor_get_bytes (cursor, left), left, SHOWN_DATA);
}

static void
append_entry (GString *line, const VucPrintField *fields, const guint8 *entry, gsize size)
{
  g_string_append (line, " [");
  vuc_print_fields (line, fields, entry, size);
  g_string_append_c (line, ']');
}

/* " … (+3)": what the message counts, but is not shown or did not come. */
static void
append_count (GString *line, guint32 count)
{
  if (count > 0)
    g_string_append_printf (line, " … (+%u)", count);
}

static void
append_areas (GString *line, VucCursor *cursor, const Capability *capability, guint32 count)
{
  guint32 shown;

  for (shown = 0; shown < count && shown < SHOWN_AREAS; shown++)
    {
      const guint8 *area = vuc_cursor_get_bytes (cursor, capability->area_size);

      if (area == NULL)
        break;
      append_entry (line, capability->area_fields, area, capability->area_size);
    }
  append_count (line, count - shown);
}

static const Capability *
find_capability (guint16 id)
{
  for (gsize i = 0; i < G_N_ELEMENTS (capabilities); i++)
    {
      if (capabilities[i].id == id)
        return &capabilities[i];
    }
  return NULL;
}

/* A capability of a kind that we know; the cursor stands at its beginning. */
static void
append_known_capability (GString *line, const Capability *capability, VucCursor *cursor)
{
  const guint8 *bytes = vuc_cursor_get_bytes (cursor, capability->size);

  if (bytes == NULL)
    {
      g_string_append (line, " cut short");
      return;
    }
  if (capability->fields == NULL)
    return;

  g_string_append_c (line, ' ');
  vuc_print_fields (line, capability->fields, bytes, capability->size);
  if (capability->area_fields != NULL)
    append_areas (line, cursor, capability, get_u32_at (bytes, capability->size, NR_AREAS_OFFSET));
}

/* The capability at an offset in the payload.  Returns where the next one is; 0: nowhere. */
static guint32
append_capability (GString *line, const VucCursor *payload, guint32 offset)
{
  VucCursor cursor = *payload;
  const Capability *capability;
  guint16 id, version;
  guint32 next;

  vuc_cursor_seek (&cursor, offset);
  id = vuc_cursor_get_u16 (&cursor);
  version = vuc_cursor_get_u16 (&cursor);
  next = vuc_cursor_get_u32 (&cursor);
  if (!vuc_cursor_ok (&cursor))
    {
      g_string_append_printf (line, "; capability at %u: outside the message", offset);
      return 0;
    }

  capability = find_capability (id);
  if (capability != NULL)
    g_string_append_printf (line, "; %s", capability->name);
  else
    g_string_append_printf (line, "; capability %u", id);
  if (version != 1)
    g_string_append_printf (line, " version %u", version);

  vuc_cursor_seek (&cursor, offset);
  if (capability != NULL)
    append_known_capability (line, capability, &cursor);
  return next;
}

/* A chain may be a ring: it ends with what is shown. */
void
vuc_print_capabilities (GString *line, VucCursor *cursor)
{
  guint32 offset = get_u32_at (cursor->data, cursor->size, REGION_INFO_CAP_OFFSET);

  if (offset == 0)
    vuc_print_data (line, cursor);

  for (guint shown = 0; shown < SHOWN_CAPABILITIES && offset != 0; shown++)
    offset = append_capability (line, cursor, offset);
  if (offset != 0)
    g_string_append (line, "; …");
}

/* The stride is what the message makes it. */
void
vuc_print_io_fds (GString *line, VucCursor *cursor)
{
  guint32 argsz = get_u32_at (cursor->data, cursor->size, REGION_IO_FDS_ARGSZ_OFFSET);
  guint32 count = get_u32_at (cursor->data, cursor->size, REGION_IO_FDS_COUNT_OFFSET);
  guint32 stride = 0;
  guint32 shown;

  if (count > 0 && argsz > VUC_REGION_IO_FDS_SIZE)
    stride = (argsz - VUC_REGION_IO_FDS_SIZE) / count;
  if (stride < IO_FD_MIN_STRIDE)
    {
      vuc_print_data (line, cursor);
      return;
    }

  for (shown = 0; shown < count && shown < SHOWN_IO_FDS; shown++)
    {
      const guint8 *entry = vuc_cursor_get_bytes (cursor, stride);
      const VucPrintField *fields = unknown_io_fd_fields;
      guint32 type;

      if (entry == NULL)
        break;
      type = get_u32_at (entry, stride, IO_FD_TYPE_OFFSET);
      if (type < G_N_ELEMENTS (io_fd_fields))
        fields = io_fd_fields[type][stride >= IO_FD_LONG_STRIDE];
      append_entry (line, fields, entry, stride);
    }
  append_count (line, count - shown);
}

/* A reply counts them, too, but has none.  What does not fill an entry is shown as it is. */
void
vuc_print_writes (GString *line, VucCursor *cursor)
{
  gsize count = vuc_cursor_left (cursor) / WRITE_SIZE;

  for (gsize i = 0; i < MIN (count, SHOWN_WRITES); i++)
    {
      const guint8 *entry = vuc_cursor_get_bytes (cursor, WRITE_SIZE);
      guint32 size = MIN (get_u32_at (entry, WRITE_SIZE, WRITE_COUNT_OFFSET),
                          WRITE_SIZE - WRITE_DATA_OFFSET);

      g_string_append (line, " [");
      vuc_print_fields (line, write_fields, entry, WRITE_SIZE);
      if (size > 0)
        g_string_append (line, ": ");
      vuc_escape_append_hex (line, entry + WRITE_DATA_OFFSET, size, SHOWN_DATA);
      g_string_append_c (line, ']');
    }
  if (count > SHOWN_WRITES)
    append_count (line, (guint32) (count - SHOWN_WRITES));
  else
    vuc_print_data (line, cursor);
}
