/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VERSION: the two version numbers and the JSON behind them.
 *
 * Pure functions; the caller decides what happens after a refusal. A wrong type or an impossible
 * value is refused, because it tells of a client that was not tested; a name that we do not know
 * is ignored, because it tells of a newer one.
 */

#include "negotiation.h"

#include <jansson.h>
#include <string.h>

typedef struct
{
  const char *object; /* inside `capabilities`; NULL: directly */
  const char *name;
  enum
  {
    INTEGER,
    BOOLEAN,
    OBJECT
  } type;
  json_int_t minimum; /* of an integer */
} Capability;

static const Capability capabilities[] = {
  { .name = "max_msg_fds", .type = INTEGER, .minimum = 0 },
  { .name = "max_data_xfer_size", .type = INTEGER, .minimum = 1 },
  { .name = "max_dma_maps", .type = INTEGER, .minimum = 0 },
  { .name = "pgsizes", .type = INTEGER, .minimum = 1 },
  { .name = "write_multiple", .type = BOOLEAN },
  { .name = "twin_socket", .type = OBJECT },
  { .object = "twin_socket", .name = "supported", .type = BOOLEAN },
  { .name = "migration", .type = OBJECT },
  { .object = "migration", .name = "pgsize", .type = INTEGER, .minimum = 1 },
};

static gboolean
is_valid (const json_t *value, const Capability *capability)
{
  switch (capability->type)
    {
    case INTEGER:
      return json_is_integer (value) && json_integer_value (value) >= capability->minimum;
    case BOOLEAN:
      return json_is_boolean (value);
    case OBJECT:
      return json_is_object (value);
    }
  g_assert_not_reached ();
}

static gboolean
check_capabilities (const json_t *offered, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (capabilities); i++)
    {
      const Capability *capability = &capabilities[i];
      const json_t *object = capability->object == NULL
                               ? offered
                               : json_object_get (offered, capability->object);
      const json_t *value = json_object_get (object, capability->name);

      if (value != NULL && !is_valid (value, capability))
        {
          g_set_error (error, PROTOCOL_ERROR, 0, "capability %s has a wrong type or value",
                       capability->name);
          return FALSE;
        }
    }
  return TRUE;
}

/* JSON is SIZE bytes, a terminating NUL included. */
static gboolean
parse_proposal (const char *json, gsize size, guint32 *client_max_msg_fds, GError **error)
{
  json_error_t json_error;
  json_t *root, *offered, *max_msg_fds;
  gboolean valid = FALSE;

  if (memchr (json, '\0', size) != json + size - 1)
    {
      g_set_error_literal (error, PROTOCOL_ERROR, 0,
                           "the version JSON does not end with its only NUL");
      return FALSE;
    }
  if (size == 1)
    return TRUE;

  root = json_loadb (json, size - 1, JSON_REJECT_DUPLICATES, &json_error);
  offered = json_object_get (root, "capabilities");
  if (root == NULL)
    g_set_error (error, PROTOCOL_ERROR, 0, "version JSON: %s", json_error.text);
  else if (!json_is_object (root) || (offered != NULL && !json_is_object (offered)))
    g_set_error_literal (error, PROTOCOL_ERROR, 0, "the version JSON is not made of objects");
  else
    valid = check_capabilities (offered, error);

  max_msg_fds = json_object_get (offered, "max_msg_fds");
  if (valid && max_msg_fds != NULL)
    *client_max_msg_fds = MIN (json_integer_value (max_msg_fds), G_MAXUINT32);

  json_decref (root);
  return valid;
}

static void
append_answer (Reply *reply, const Version *version)
{
  json_t *limits = json_object ();
  json_t *root = json_pack ("{s: o}", "capabilities", limits);
  char *json;

  json_object_set_new (limits, "max_msg_fds", json_integer (MAX_MSG_FDS));
  json_object_set_new (limits, "max_data_xfer_size", json_integer (MAX_DATA_XFER_SIZE));
  json_object_set_new (limits, "max_dma_maps", json_integer (MAX_DMA_MAPS));
  json_object_set_new (limits, "pgsizes", json_integer (PAGE_SIZE_4K));
  json_object_set_new (limits, "migration", json_pack ("{s: i}", "pgsize", PAGE_SIZE_4K));

  json = json_dumps (root, JSON_COMPACT);
  reply_append (reply, version, sizeof (*version));
  reply_append (reply, json, strlen (json) + 1);

  free (json);
  json_decref (root);
}

gboolean
negotiate (const guint8 *proposal,
           gsize size,
           guint32 *client_max_msg_fds,
           Reply *reply,
           GError **error)
{
  Version version;

  memcpy (&version, proposal, sizeof (version));
  if (version.major != PROTOCOL_MAJOR)
    {
      g_set_error (error, PROTOCOL_ERROR, 0, "the client speaks version %u.%u, not %u.x",
                   version.major, version.minor, PROTOCOL_MAJOR);
      return FALSE;
    }

  *client_max_msg_fds = DEFAULT_MAX_MSG_FDS;
  if (size > sizeof (version)
      && !parse_proposal ((const char *) proposal + sizeof (version), size - sizeof (version),
                          client_max_msg_fds, error))
    return FALSE;

  version.minor = MIN (version.minor, PROTOCOL_MINOR);
  append_answer (reply, &version);
  return TRUE;
}
