/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VERSION: the two version numbers, then perhaps JSON that ends with a NUL (protocol, "Negotiation:
 * VERSION").  What is agreed on, from what was proposed and what was answered.  Does not know what
 * the capabilities are called in JSON: see version-json.c.  Pure; any thread.
 */

#include "wire/version.h"

#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "wire/version-json.h"

GByteArray *
vuc_version_encode (const VucVersion *proposal)
{
  GByteArray *payload = g_byte_array_sized_new (256);
  g_autofree char *json = vuc_version_json_encode (proposal);
  guint8 fixed[VUC_VERSION_FIXED_SIZE];
  VucWriter writer;

  vuc_writer_init (&writer, fixed, sizeof fixed);
  vuc_writer_put_u16 (&writer, proposal->major);
  vuc_writer_put_u16 (&writer, proposal->minor);

  g_byte_array_append (payload, fixed, sizeof fixed);
  g_byte_array_append (payload, (const guint8 *) json, (guint) strlen (json) + 1);
  return payload;
}

/* What follows the fixed part has one NUL, at its end.  Nothing, or the NUL alone, is no JSON. */
static gboolean
check_text (const guint8 *text, gsize size, GError **error)
{
  const guint8 *nul;

  if (size == 0)
    return TRUE;

  if (size > VUC_LIMIT_JSON_SIZE)
    return vuc_fail_protocol (error,
                              "VERSION reply: JSON of %" G_GSIZE_FORMAT " bytes with its NUL,"
                              " at most %d are allowed",
                              size, VUC_LIMIT_JSON_SIZE);

  nul = memchr (text, '\0', size);
  if (nul == NULL)
    return vuc_fail_protocol (error,
                              "VERSION reply: JSON of %" G_GSIZE_FORMAT " bytes does not end with"
                              " a NUL",
                              size);

  if (nul != text + size - 1)
    return vuc_fail_protocol (error,
                              "VERSION reply: JSON of %" G_GSIZE_FORMAT " bytes has a NUL at byte"
                              " %d, only the last may be one",
                              size, (int) (nul - text));

  return TRUE;
}

/* What an absent capability means. */
static const VucVersion defaults = {
  .max_msg_fds = VUC_DEFAULT_MAX_MSG_FDS,
  .max_data_xfer_size = VUC_DEFAULT_MAX_DATA_XFER_SIZE,
  .max_dma_maps = VUC_DEFAULT_MAX_DMA_MAPS,
  .pgsizes = VUC_DEFAULT_PGSIZES,
};

/* A limit is what the server can take, whatever we proposed; a switch is on if both say so. */
static gboolean
agree (const VucVersion *proposal, guint n_fds, VucVersion *reply, GError **error)
{
  if (reply->twin_socket && !proposal->twin_socket)
    return vuc_fail_protocol (error, "VERSION reply: capabilities.twin_socket.supported: true,"
                                     " although it was not proposed");

  if (reply->twin_socket && reply->twin_socket_fd_index >= n_fds)
    return vuc_fail_protocol (error,
                              "VERSION reply: capabilities.twin_socket.fd_index: names none of the"
                              " %u descriptors that came",
                              n_fds);

  if (!reply->twin_socket)
    reply->twin_socket_fd_index = 0;

  reply->write_multiple = reply->write_multiple && proposal->write_multiple;
  reply->sparse_mmap_fds = reply->sparse_mmap_fds && proposal->sparse_mmap_fds;

  /* The kernel sends no more in one message. */
  reply->max_msg_fds = MIN (reply->max_msg_fds, VUC_LIMIT_MSG_FDS);
  return TRUE;
}

gboolean
vuc_version_decode (const guint8 *payload,
                    gsize size,
                    const VucVersion *proposal,
                    guint n_fds,
                    VucVersion *agreed,
                    GError **error)
{
  VucVersion reply = defaults;
  VucCursor cursor;
  const guint8 *text;
  gsize text_size;

  vuc_cursor_init (&cursor, payload, size);
  reply.major = vuc_cursor_get_u16 (&cursor);
  reply.minor = vuc_cursor_get_u16 (&cursor);
  if (!vuc_cursor_ok (&cursor))
    return vuc_fail_protocol (error,
                              "VERSION reply: payload %" G_GSIZE_FORMAT ", expected at least %d",
                              size, VUC_VERSION_FIXED_SIZE);

  if (reply.major != proposal->major)
    return vuc_fail_protocol (error, "VERSION reply: major version %u, expected %u", reply.major,
                              proposal->major);

  if (reply.minor > proposal->minor)
    return vuc_fail_protocol (error, "VERSION reply: minor version %u, allowed are 0 to %u",
                              reply.minor, proposal->minor);

  text_size = vuc_cursor_left (&cursor);
  text = vuc_cursor_get_bytes (&cursor, text_size);
  if (!check_text (text, text_size, error))
    return FALSE;

  if (text_size > 1 && !vuc_version_json_decode ((const char *) text, text_size - 1, &reply, error))
    return FALSE;

  if (!agree (proposal, n_fds, &reply, error))
    return FALSE;

  *agreed = reply;
  return TRUE;
}
