/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One run of the program on one device: what all reports need, and what went wrong so far.
 *
 * Failures are collected and told at the end, after everything that could be read was written.
 */

#ifndef JOB_H
#define JOB_H

#include <stdio.h>
#include <sys/types.h>

#include <vfio-user-client/vfio-user-client.h>

#include "options.h"
#include "pci.h"
#include "plan.h"

typedef struct
{
  const Options *options;
  VucDevice *device;
  char *where;    /* what the device is called: its socket */
  pid_t demo_pid; /* the demo device's process; 0: it is not one of ours */
  GArray *ranges; /* of DumpRange */
  FILE *out;
  int out_errno; /* why the output failed; 0: it did not, so far */

  /* The beginning of the configuration space, once job_read_config() was called. */
  guint8 config[PCI_EXTENDED_SPACE_SIZE];
  guint8 config_readable[PCI_EXTENDED_SPACE_SIZE];
  gsize config_size; /* bytes read; 0 if there are none */

  GPtrArray *failures; /* of char *, a line each */
  gboolean stop;       /* it makes no sense to ask the server for more */
} Job;

void job_clear (Job *job);

void job_fail (Job *job, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* ACTIVITY ("reading BAR0") failed: remembers why, and whether to go on. */
void job_fail_on (Job *job, const char *activity, const GError *error);

/* Whether what was written so far reached the output. */
gboolean job_flush (Job *job);

/* Reads the beginning of the configuration space, if the device has one, for all to look at; and
   tells the library which BARs it says are port IO. NULL if it cannot be decoded. */
PciFunction *job_read_config (Job *job);

/* Gets the next COUNT bytes of a range; FALSE ends the dump. */
typedef gboolean (*DumpFunc) (const guint8 *data,
                              const guint8 *readable,
                              gsize count,
                              gpointer user_data);

/* Hands a range to FUNC piece by piece, as far as it can be read. What job_read_config() has read
   is not read again, so that what was decoded is what is dumped. */
void job_dump (Job *job, const DumpRange *range, DumpFunc func, gpointer user_data);

/* Only what can be accessed at all is worth the question. */
gboolean job_wants_io_fds (Job *job, guint32 region);

/* The IO descriptors of a region; if the server refused to tell, there are none, and REFUSED is its
   errno. FALSE, with an error that has been counted as a failure, if they are not to be had. */
gboolean job_ask_io_fds (Job *job,
                         guint32 region,
                         const VucIoFd **io_fds,
                         gsize *n_io_fds,
                         int *refused,
                         GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

#endif /* JOB_H */
