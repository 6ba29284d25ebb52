/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * From errors to what one can do about them.
 */

#ifndef ADVICE_H
#define ADVICE_H

#include <glib.h>

/* Why connecting to the server's socket failed, and what to do. */
char *advice_on_connecting (const char *path, const GError *error);

/* Why ACTIVITY ("reading BAR0") failed, and what to do. */
char *advice_on (const char *activity, const GError *error);

#endif /* ADVICE_H */
