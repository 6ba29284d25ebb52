/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How things are measured and printed.  Knows nothing of what they are.
 *
 * Machines are noisy, so each figure is taken in many short slices that alternate between the two
 * sides; the ratio of each pair is taken, and the median of those is the figure.
 */

#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <vfio-user-client/vfio-user-client.h>

typedef struct
{
  const char *name;
  int server_cpu; /* the client's is 0 */
} Placement;

extern const Placement one_cpu;
extern const Placement two_cpus;

/* What a slice works on. */
typedef struct
{
  const Placement *placement;
  VucDevice *device; /* the library's connection */
  int bare;          /* the bare client's */
  char *path;        /* of a listening peer */
  void *buffer;      /* of 1 MiB */
  gpointer own;      /* the figure's, from its begin to its end */
} Subject;

/* Does count operations. */
typedef void (*Slice) (Subject *subject, guint count);

/* What must be so while a figure is taken. */
typedef struct
{
  char *(*begin) (Subject *subject); /* returns why it cannot be so here, or NULL */
  void (*end) (Subject *subject);
} Setting;

typedef struct
{
  const char *name;
  Slice library;
  Slice bare;
  guint per_slice; /* operations */
  guint n_slices;  /* 0: the usual number */
  double bound;    /* 0: there is none, the line is only reported */

  gboolean at_least;      /* the bound is on bare / library, from below; else on library / bare */
  gboolean across;        /* it counts across two CPUs, else on one */
  const Setting *setting; /* or NULL */
} Figure;

void measure (const Figure *figure, Subject *subject);

/* A line of what cannot be measured here, and why. */
void measure_skip (const Placement *placement,
                   const char *name,
                   const char *bound,
                   const char *why);

/* A line; for the ratio of two sizes or the like. */
void measure_report (const Placement *placement,
                     const char *name,
                     double ratio,
                     const char *bound,
                     gboolean ok,
                     double library,
                     double bare);

#endif /* BENCH_MEASURE_H */
