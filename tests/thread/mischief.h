/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A server that answers correctly, but in every inconvenient way that the protocol allows.  Its
 * region 2 is 64 KiB of memory, region 7 is 256 bytes; it can be reset.
 *
 *   mischief_serve (path, MISCHIEF_SPLIT | MISCHIEF_COMMANDS, seed, &calm);
 */

#ifndef THREAD_MISCHIEF_H
#define THREAD_MISCHIEF_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  MISCHIEF_SPLIT = 1 << 0,    /* what it sends comes in pieces of any size */
  MISCHIEF_LATE = 1 << 1,     /* some replies come some 60 ms late, others overtake them */
  MISCHIEF_COMMANDS = 1 << 2, /* commands of its own, which the client has to refuse */
  MISCHIEF_HANG_UP = 1 << 3   /* at any moment */
} StressMischief;

/*
 * Serves one client after the other, until SIGTERM; ends the process, with status 0 unless a client
 * broke the protocol.  Once *@calm is not 0 it hangs up no more.
 */
void mischief_serve (const char *path, guint mischief, guint64 seed, const gint *calm)
  G_GNUC_NORETURN;

G_END_DECLS

#endif /* THREAD_MISCHIEF_H */
