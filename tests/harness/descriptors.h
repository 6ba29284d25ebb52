/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which descriptors are open, by what /proc/self/fd says of them.
 *
 *   g_autoptr(GPtrArray) before = descriptors_list ();
 *   use_the_library ();
 *   g_autoptr(GPtrArray) after = descriptors_list ();
 *   g_autofree char *why = descriptors_difference (before, after);
 *
 *   if (why != NULL)
 *     puts (why);                "descriptor 7 was left open: anon_inode:[eventfd]"
 */

#ifndef HARNESS_DESCRIPTORS_H
#define HARNESS_DESCRIPTORS_H

#include <sys/resource.h>

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  int fd;
  char *what;
} Descriptor;

/* Of Descriptor, lowest first. */
GPtrArray *descriptors_list (void);

/* NULL if nothing was opened, closed or replaced between the two; else one line for each. */
char *descriptors_difference (const GPtrArray *before, const GPtrArray *after);

/* Closes all but those of standard input, output and error, and the @n_keep ones in @keep. */
void descriptors_close_all_but (const int *keep, gsize n_keep);

/* Lets no more be opened, until the limit that is returned is set again. */
struct rlimit descriptors_use_up (void);
void descriptors_allow (const struct rlimit *before);

G_END_DECLS

#endif /* HARNESS_DESCRIPTORS_H */
