/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The command line, parsed and checked as far as one can without a device.
 */

#ifndef OPTIONS_H
#define OPTIONS_H

#include "parse.h"

typedef enum
{
  REPORT_TEXT, /* for a person */
  REPORT_JSON, /* the same, for a program */
  REPORT_RAW   /* the bytes of one region, nothing else */
} ReportKind;

typedef struct
{
  char *message; /* if not NULL: print this (help, version) and do nothing else */

  char *socket_path; /* NULL with demo */
  gboolean demo;
  guint timeout_ms;
  gboolean verbose;

  ReportKind report;
  char *output_file; /* NULL: standard output */

  RegionChoice region;
  gboolean has_offset;
  guint64 offset; /* bytes */
  gboolean has_length;
  guint64 length; /* bytes */
  guint width;    /* of each access, in bytes; 0: whole blocks */
  gboolean mmap;
  gboolean allow_unsealed;
} Options;

/* NULL, with a one-line error, if the command line cannot be understood. ARGV is left alone. */
Options *options_parse (char **argv, GError **error);
void options_free (Options *options);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Options, options_free)

#endif /* OPTIONS_H */
