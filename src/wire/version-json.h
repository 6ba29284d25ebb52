/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The capability JSON of VERSION, both ways.  Pure; any thread.
 */

#ifndef VUC_VERSION_JSON_H
#define VUC_VERSION_JSON_H

#include <glib.h>

#include "wire/version.h"

/* An fd_index that was not named, or that is far too large. */
#define VUC_VERSION_JSON_NO_FD_INDEX G_MAXUINT

/* The proposal's capabilities as JSON text, without white space. */
char *vuc_version_json_encode (const VucVersion *proposal);

/*
 * text: length bytes of JSON, without the NUL that ends it in the message.  Changes in *version
 * what the JSON names, each value being of the right type and range by itself, and leaves all else
 * as it is; only twin_socket_fd_index becomes VUC_VERSION_JSON_NO_FD_INDEX if it is not named.  On
 * FALSE *version is untouched; every error is fatal.
 */
gboolean vuc_version_json_decode (const char *text,
                                  gsize length,
                                  VucVersion *version,
                                  GError **error);

#endif /* VUC_VERSION_JSON_H */
