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

/* What was not offered stays as it is. */
static void
take_capabilities (const json_t *offered, Proposal *proposal)
{
  const json_t *max_msg_fds = json_object_get (offered, "max_msg_fds");
  const json_t *max_data = json_object_get (offered, "max_data_xfer_size");
  const json_t *twin_socket = json_object_get (offered, "twin_socket");

  if (max_msg_fds != NULL)
    proposal->max_msg_fds = MIN (json_integer_value (max_msg_fds), G_MAXUINT32);
  if (max_data != NULL)
    proposal->max_data_xfer_size = json_integer_value (max_data);
  proposal->write_multiple = json_is_true (json_object_get (offered, "write_multiple"));
  proposal->twin_socket = json_is_true (json_object_get (twin_socket, "supported"));
}

/* JSON is SIZE bytes, a terminating NUL included. */
static gboolean
parse_json (const char *json, gsize size, Proposal *proposal, GError **error)
{
  json_error_t json_error;
  json_t *root, *offered;
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

  if (valid)
    take_capabilities (offered, proposal);
  json_decref (root);
  return valid;
}

gboolean
negotiation_parse (const guint8 *payload, gsize size, Proposal *proposal, GError **error)
{
  Version version;

  memcpy (&version, payload, sizeof (version));
  if (version.major != PROTOCOL_MAJOR)
    {
      g_set_error (error, PROTOCOL_ERROR, 0, "the client speaks version %u.%u, not %u.x",
                   version.major, version.minor, PROTOCOL_MAJOR);
      return FALSE;
    }

  *proposal = (Proposal){
    .version = version,
    .max_msg_fds = DEFAULT_MAX_MSG_FDS,
    .max_data_xfer_size = DEFAULT_MAX_DATA_XFER_SIZE,
  };
  return size == sizeof (version)
         || parse_json ((const char *) payload + sizeof (version), size - sizeof (version),
                        proposal, error);
}

void
negotiation_answer (const Proposal *proposal, guint max_dma_maps, int twin_socket, Reply *reply)
{
  const Version version = {
    .major = proposal->version.major,
    .minor = MIN (proposal->version.minor, PROTOCOL_MINOR),
  };
  json_t *limits = json_object ();
  json_t *root = json_pack ("{s: o}", "capabilities", limits);
  char *json;

  json_object_set_new (limits, "max_msg_fds", json_integer (MAX_MSG_FDS));
  json_object_set_new (limits, "max_data_xfer_size", json_integer (MAX_DATA_XFER_SIZE));
  json_object_set_new (limits, "max_dma_maps", json_integer (max_dma_maps));
  json_object_set_new (limits, "pgsizes", json_integer (PAGE_SIZE_4K));
  json_object_set_new (limits, "migration", json_pack ("{s: i}", "pgsize", PAGE_SIZE_4K));
  if (proposal->write_multiple)
    json_object_set_new (limits, "write_multiple", json_true ());
  if (twin_socket >= 0)
    json_object_set_new (limits, "twin_socket",
                         json_pack ("{s: b, s: i}", "supported", TRUE, "fd_index",
                                    (int) reply_add_fd (reply, twin_socket)));

  json = json_dumps (root, JSON_COMPACT);
  reply_append (reply, &version, sizeof (version));
  reply_append (reply, json, strlen (json) + 1);

  free (json);
  json_decref (root);
}
