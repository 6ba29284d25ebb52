/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How errors are made.  Each maker returns FALSE, so that a check reads
 * "if (bad) return vuc_fail_protocol (error, …)".  Any thread.
 */

#ifndef VUC_BASE_ERROR_H
#define VUC_BASE_ERROR_H

#include <vfio-user-client/vuc-error.h>

/* The server broke the protocol: whoever holds the connection must shut it. */
gboolean vuc_fail_protocol (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* What the server said is unusable, but the connection lives. */
gboolean vuc_fail_rejected (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Any other code. */
gboolean vuc_fail (GError **error, VucError code, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* With an errno at the end, where vuc_error_get_errno() finds it: "format: text (errno n)". */
gboolean vuc_fail_errno (GError **error, VucError code, int number, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

#endif /* VUC_BASE_ERROR_H */
