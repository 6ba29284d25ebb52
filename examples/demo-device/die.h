/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The end, where the system does not give us what we need to start.
 */

#pragma once

#include <errno.h>
#include <glib.h>
#include <stdlib.h>

/* Prints WHAT and the meaning of errno, and exits. */
static inline void G_GNUC_NORETURN
die (const char *what)
{
  g_printerr ("demo-device: %s: %s\n", what, g_strerror (errno));
  exit (EXIT_FAILURE);
}
