/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is known of each interrupt's eventfds, and what is to be given to the server once more when
 * the device is connected again.
 */

#ifndef VUC_IRQ_STATE_H
#define VUC_IRQ_STATE_H

#include <vfio-user-client/vfio-user-client.h>

typedef struct _VucIrqWatch VucIrqWatch;

/* A duplicate of an eventfd, which the last reference closes. */
typedef struct
{
  gint ref_count; /* atomic */
  int fd;
} VucIrqFd;

/* NULL with VUC_ERROR_INVALID_ARGUMENT if fd is none, or VUC_ERROR_LIMIT. */
VucIrqFd *vuc_irq_fd_new (int fd, GError **error);
VucIrqFd *vuc_irq_fd_ref (VucIrqFd *eventfd);
void vuc_irq_fd_unref (VucIrqFd *eventfd); /* may be NULL */

/* The eventfds that an interrupt has; the order is that in which they are armed. */
typedef enum
{
  VUC_IRQ_TRIGGER,
  VUC_IRQ_MASK,
  VUC_IRQ_UNMASK,
  VUC_IRQ_N_KINDS
} VucIrqKind;

/* The orders are those of calls (session/call.h). */
typedef struct
{
  VucIrqFd *eventfd; /* that the server has; NULL: none */
  guint64 accepted;  /* the order of the last change that it accepted */
  guint64 unknown;   /* of the last one of which nobody knows */
} VucIrqCell;

typedef struct
{
  VucIrqCell cells[VUC_IRQ_N_KINDS];
  guint64 enabled; /* the order in which it was armed last */
} VucIrqVector;

typedef struct
{
  VucIrqVector *vectors; /* as many as the index has interrupts */
  guint64 disabled;      /* the order in which the index was disabled last */
  guint64 armed;         /* in which a whole set was armed last */
  VucIrqWatch *watch;    /* of the one who did that, if he watches; or NULL */
} VucIrqIndex;

/* A device's, under its lock. */
typedef struct
{
  guint64 link;          /* the connection to which it applies (VucTask) */
  VucIrqIndex **indexes; /* by interrupt index, each NULL until it is changed; NULL likewise */
  GQueue changes;        /* that were begun, and are not settled */
} VucIrqs;

void vuc_irqs_init (VucIrqs *irqs);

/* Nobody else uses the device any more. */
void vuc_irqs_clear (VucDevice *device);

/* --- Changes --- */

/* Eventfds of these interrupts, which the server is asked to take or to drop. */
typedef struct
{
  guint32 irq;
  guint32 start;
  guint32 count;
  gboolean disables; /* the whole index; else one kind */
  VucIrqKind kind;

  GList link; /* data is the change */
} VucIrqChange;

/* What became of a part of it. */
typedef struct
{
  guint32 start;
  guint32 count;
  guint64 order; /* of the call that asked for it */
  enum
  {
    VUC_IRQ_UNCHANGED,
    VUC_IRQ_ACCEPTED,
    VUC_IRQ_UNANSWERED
  } outcome;
} VucIrqOutcome;

/* From now on nothing is known of what it may change. */
void vuc_irq_change_begin (VucDevice *device, VucIrqChange *change);

/*
 * All is known that will be.  link: the connection on which it was asked for; eventfds: one for
 * each interrupt of the change, of which those accepted change places with those there were; NULL:
 * there are none any more.  watch: of who asked; it changes places as well if the whole is armed.
 *
 * FALSE if the device was connected anew meanwhile: then the change is forgotten.
 */
gboolean vuc_irq_change_settle (VucDevice *device,
                                VucIrqChange *change,
                                guint64 link,
                                const VucIrqOutcome *outcomes,
                                gsize n_outcomes,
                                VucIrqFd **eventfds,
                                VucIrqWatch **watch);

/* --- What is known --- */

/* How many interrupts the index was enabled with: one behind the last that was armed since it was
 * disabled. */
guint32 vuc_irq_count_enabled (VucDevice *device, guint32 irq);

/* Takes out the watch of an index, or of the first that has one; NULL if there is none. */
VucIrqWatch *vuc_irq_steal_watch (VucDevice *device, guint32 irq);
VucIrqWatch *vuc_irq_steal_any_watch (VucDevice *device);

/* A run of eventfds of one kind. */
typedef struct
{
  guint32 irq;
  guint32 start;
  guint32 count;
  VucIrqKind kind;
  guint first; /* of its eventfds among those of all runs */
} VucIrqRun;

/* There is a new connection, on which nothing is armed yet.  Appends to runs (VucIrqRun) what is to
 * be armed on it, none with more than max_fds, and a reference to each eventfd to eventfds. */
void vuc_irq_begin_link (VucDevice *device,
                         guint64 link,
                         guint32 max_fds,
                         GArray *runs,
                         GPtrArray *eventfds);

#endif /* VUC_IRQ_STATE_H */
