/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The capability JSON of VERSION as one table, which serves both ways: names, types, ranges
 * (protocol, "Negotiation: VERSION").  Jansson parses; it refuses what is not JSON or not UTF-8, a
 * byte order mark, names that occur twice, escaped NULs, and numbers that fit neither into 64 bits
 * with a sign nor into a double, even as values of names that we would ignore: no server needs
 * them.  Does not know what was proposed.  Pure; any thread.
 */

#include "wire/version-json.h"

#include <jansson.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/limits.h"

/* How much of a wrong value is shown. */
#define SHOWN_LENGTH 60

/* What draft servers count besides the data of a read or write: header, offset, region, count. */
#define DRAFT_OVERHEAD (VUC_HEADER_SIZE + VUC_REGION_ACCESS_SIZE)

typedef enum
{
  NUMBER, /* a guint64 */
  SWITCH  /* a gboolean */
} Kind;

typedef enum
{
  NEVER,
  IF_SET, /* if it is not 0 or FALSE: an absent name is the safest way to say no */
  ALWAYS
} Proposed;

/* Where values go. */
typedef struct
{
  VucVersion version;
  guint64 twin_socket_fd_index;
} Said;

typedef struct
{
  const char *object; /* of capabilities, that has the name; NULL: capabilities itself */
  const char *name;
  Kind kind;
  gsize offset; /* in Said */
  Proposed proposed;
  guint64 min, max;
  guint64 overhead; /* is subtracted */
} Capability;

#define SAID(field) G_STRUCT_OFFSET (Said, field)

/*
 * What cannot be used is refused here: no data at all, no page size.  0 descriptors, or 0 DMA maps,
 * are answers of a device that has no use for them; then none can be sent.  A later row wins: the
 * names of the draft come first.
 */
static const Capability table[] = {
  { NULL, "max_fds", NUMBER, SAID (version.max_msg_fds), NEVER, 0, G_MAXINT64, 0 },
  { NULL, "max_msg_fds", NUMBER, SAID (version.max_msg_fds), ALWAYS, 0, G_MAXINT64, 0 },
  { NULL, "max_msg_size", NUMBER, SAID (version.max_data_xfer_size), NEVER, 4096, G_MAXINT64,
    DRAFT_OVERHEAD },
  { NULL, "max_data_xfer_size", NUMBER, SAID (version.max_data_xfer_size), ALWAYS, 1, G_MAXINT64,
    0 },
  { NULL, "max_dma_maps", NUMBER, SAID (version.max_dma_maps), ALWAYS, 0, G_MAXINT64, 0 },
  { NULL, "pgsizes", NUMBER, SAID (version.pgsizes), ALWAYS, 1, G_MAXINT64, 0 },
  { NULL, "write_multiple", SWITCH, SAID (version.write_multiple), IF_SET, 0, 0, 0 },
  { NULL, "sparse_mmap_fds", SWITCH, SAID (version.sparse_mmap_fds), IF_SET, 0, 0, 0 },
  { "twin_socket", "supported", SWITCH, SAID (version.twin_socket), IF_SET, 0, 0, 0 },
  { "twin_socket", "fd_index", NUMBER, SAID (twin_socket_fd_index), NEVER, 0, G_MAXINT64, 0 },
  { "migration", "pgsize", NUMBER, SAID (version.migration_pgsize), IF_SET, 0, G_MAXINT64, 0 },
  { "migration", "max_bitmap_size", NUMBER, SAID (version.migration_max_bitmap_size), IF_SET, 0,
    G_MAXINT64, 0 },
};

static int
append_text (const char *text, size_t size, void *line)
{
  g_string_append_len (line, text, (gssize) size);
  return 0;
}

/* What jansson allocates may not be ours to free, so let it allocate nothing that lasts. */
static gboolean
dump (const json_t *value, GString *text)
{
  return json_dump_callback (value, append_text, text, JSON_COMPACT | JSON_ENCODE_ANY) == 0;
}

static gboolean
is_set (const Capability *row, const Said *said)
{
  return row->kind == SWITCH ? G_STRUCT_MEMBER (gboolean, said, row->offset)
                             : G_STRUCT_MEMBER (guint64, said, row->offset) != 0;
}

static void
append_value (GString *text, const Capability *row, const Said *said)
{
  char digits[20];
  gsize first = sizeof digits;
  guint64 number;

  if (row->kind == SWITCH)
    {
      g_string_append (text, G_STRUCT_MEMBER (gboolean, said, row->offset) ? "true" : "false");
      return;
    }
  number = G_STRUCT_MEMBER (guint64, said, row->offset);
  do
    digits[--first] = (char) ('0' + number % 10);
  while ((number /= 10) > 0);
  g_string_append_len (text, digits + first, (gssize) (sizeof digits - first));
}

/* Our own names with numbers and booleans: nothing to escape, so it is written as it is; building a
 * tree of it first took as long as a round trip.  Rows of one object follow each other. */
char *
vuc_version_json_encode (const VucVersion *proposal)
{
  const Said said = { .version = *proposal };
  GString *text = g_string_sized_new (256);
  const char *object = NULL;
  const char *comma = "";

  g_string_append (text, "{\"capabilities\":{");
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    {
      const Capability *row = &table[i];

      if (row->proposed == NEVER || (row->proposed == IF_SET && !is_set (row, &said)))
        continue;

      if (g_strcmp0 (object, row->object) != 0)
        {
          g_string_append (text, object != NULL ? "}" : "");
          object = row->object;
          if (object != NULL)
            {
              g_string_append (text, comma);
              g_string_append_c (text, '"');
              g_string_append (text, object);
              g_string_append (text, "\":{");
              comma = "";
            }
        }
      g_string_append (text, comma);
      g_string_append_c (text, '"');
      g_string_append (text, row->name);
      g_string_append (text, "\":");
      append_value (text, row, &said);
      comma = ",";
    }
  g_string_append (text, object != NULL ? "}}}" : "}}");
  return g_string_free (text, FALSE);
}

/* "VERSION reply: capabilities.migration.pgsize: expected a whole number …, got 8.0".  The path
 * ends where object or name is NULL. */
static gboolean
fail_value (GError **error,
            const char *object,
            const char *name,
            const char *expected,
            const json_t *got)
{
  g_autofree char *path = g_strjoin (".", "capabilities", object, name, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GString) shown = g_string_new (NULL);

  if (dump (got, text))
    vuc_escape_append (shown, text->str, text->len, SHOWN_LENGTH);

  return vuc_fail_protocol (error, "VERSION reply: %s: expected %s, got %s", path, expected,
                            shown->str);
}

static gboolean
fail_row (GError **error, const Capability *row, const char *expected, const json_t *got)
{
  return row->object != NULL ? fail_value (error, row->object, row->name, expected, got)
                             : fail_value (error, row->name, NULL, expected, got);
}

static gboolean
decode_switch (const Capability *row, const json_t *value, Said *said, GError **error)
{
  if (!json_is_boolean (value))
    return fail_row (error, row, "true or false", value);

  G_STRUCT_MEMBER (gboolean, said, row->offset) = json_is_true (value);
  return TRUE;
}

/* A fraction is none of our numbers, not even where it is a whole one (8.0, 1e3): a double is not
 * exact, and no server has reason to write it. */
static gboolean
decode_number (const Capability *row, const json_t *value, Said *said, GError **error)
{
  json_int_t number = json_integer_value (value);

  if (!json_is_integer (value) || number < 0 || (guint64) number < row->min
      || (guint64) number > row->max)
    {
      g_autofree char *expected = g_strdup_printf ("a whole number of %" G_GUINT64_FORMAT
                                                   " to %" G_GUINT64_FORMAT,
                                                   row->min, row->max);
      return fail_row (error, row, expected, value);
    }

  G_STRUCT_MEMBER (guint64, said, row->offset) = (guint64) number - row->overhead;
  return TRUE;
}

static gboolean
decode_row (const Capability *row, json_t *capabilities, Said *said, GError **error)
{
  json_t *holder = capabilities;
  json_t *value;

  if (row->object != NULL)
    {
      holder = json_object_get (capabilities, row->object);
      if (holder != NULL && !json_is_object (holder))
        return fail_value (error, row->object, NULL, "an object", holder);
    }

  value = json_object_get (holder, row->name);
  if (value == NULL)
    return TRUE;

  return row->kind == SWITCH ? decode_switch (row, value, said, error)
                             : decode_number (row, value, said, error);
}

/* Jansson's own limit is 2048 levels; this one recurses no deeper than it allows. */
static gboolean
is_deeper_than (json_t *value, guint levels)
{
  const char *name;
  json_t *child;
  size_t i;

  if (!json_is_object (value) && !json_is_array (value))
    return FALSE;

  if (levels == 0)
    return TRUE;

  json_object_foreach (value, name, child)
  {
    if (is_deeper_than (child, levels - 1))
      return TRUE;
  }
  json_array_foreach (value, i, child)
  {
    if (is_deeper_than (child, levels - 1))
      return TRUE;
  }
  return FALSE;
}

/* Jansson quotes what it stumbles over. */
static gboolean
fail_syntax (GError **error, const json_error_t *cause)
{
  g_autoptr (GString) text = g_string_new (NULL);

  vuc_escape_append (text, cause->text, strlen (cause->text), JSON_ERROR_TEXT_LENGTH);
  return vuc_fail_protocol (error, "VERSION reply: JSON, after %d bytes: %s", cause->position,
                            text->str);
}

gboolean
vuc_version_json_decode (const char *text, gsize length, VucVersion *version, GError **error)
{
  Said said = { .version = *version, .twin_socket_fd_index = VUC_VERSION_JSON_NO_FD_INDEX };
  json_auto_t *root = NULL;
  json_error_t cause;
  json_t *capabilities;

  root = json_loadb (text, length, JSON_REJECT_DUPLICATES, &cause);
  if (root == NULL)
    return fail_syntax (error, &cause);

  if (is_deeper_than (root, VUC_LIMIT_JSON_DEPTH))
    return vuc_fail_protocol (error, "VERSION reply: JSON nests deeper than %d levels",
                              VUC_LIMIT_JSON_DEPTH);

  /* Jansson takes an array too. */
  if (!json_is_object (root))
    return vuc_fail_protocol (error, "VERSION reply: JSON: expected an object, got an array");

  capabilities = json_object_get (root, "capabilities");
  if (capabilities == NULL)
    return TRUE;
  if (!json_is_object (capabilities))
    return fail_value (error, NULL, NULL, "an object", capabilities);

  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    {
      if (!decode_row (&table[i], capabilities, &said, error))
        return FALSE;
    }

  *version = said.version;
  version->twin_socket_fd_index = (guint) MIN (said.twin_socket_fd_index,
                                               VUC_VERSION_JSON_NO_FD_INDEX);
  return TRUE;
}
