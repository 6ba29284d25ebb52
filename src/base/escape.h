/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A peer's bytes in a line that a person reads, on a terminal perhaps.  Knows nothing of vfio-user.
 * Any thread.
 */

#ifndef VUC_ESCAPE_H
#define VUC_ESCAPE_H

#include <glib.h>

/* Appends bytes as printable ASCII: all else as \xNN, and a backslash twice.  Stops once max_length
 * characters were added, or up to three more; then the rest is only counted: "abc… (+7 bytes)". */
void vuc_escape_append (GString *line, const void *bytes, gsize size, gsize max_length);

/* Appends bytes as "01 02 ff"; the rest after max_bytes of them is only counted likewise. */
void vuc_escape_append_hex (GString *line, const void *bytes, gsize size, gsize max_bytes);

#endif /* VUC_ESCAPE_H */
