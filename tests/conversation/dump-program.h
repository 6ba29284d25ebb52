/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Runs vfio-user-dump as its users do, and keeps what it says.
 *
 *   g_auto(Dump) dump = run_dump ("--demo", "--region", "bar0", NULL);
 *
 *   assert_success (&dump);
 *   assert_contains (dump.out, "BAR0");
 *
 * The program is the one that the environment variable VFIO_USER_DUMP names, or else the one in the
 * folder that this test was built in.
 */

#ifndef CONVERSATION_DUMP_PROGRAM_H
#define CONVERSATION_DUMP_PROGRAM_H

#include <glib.h>

G_BEGIN_DECLS

#define DUMP_MAX_ARGS 16

/* What a run of the program left behind. */
typedef struct
{
  int status; /* of its exit */
  char *out;
  char *err;
} Dump;

/* With these arguments, up to NULL. */
Dump run_dump (const char *first, ...) G_GNUC_NULL_TERMINATED;

/* The same; @argv[0] is filled in. */
Dump run_dump_argv (const char **argv);

/* All was well: it said nothing but what was asked for. */
void assert_success (const Dump *dump);

/* It ended with @status, and said why in one line, which contains @text. */
void assert_one_line (const Dump *dump, int status, const char *text);

void dump_clear (Dump *dump);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Dump, dump_clear)

G_END_DECLS

#endif /* CONVERSATION_DUMP_PROGRAM_H */
