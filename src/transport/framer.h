/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * From a stream of bytes and descriptors to messages: a pure state machine, without any I/O, that
 * can be fed in pieces of any size.
 *
 * Its user asks where the next bytes should go (_want), receives, says what came (_fed), and takes
 * events (_next) until more bytes are needed:
 *
 *   HEADER  a message has begun; say where its payload goes (_take), in as many steps as wanted,
 *           or end it
 *   TAKEN   what the last _take asked for is there
 *
 * A message that has nothing left to take is ended with _end, which closes the descriptors that
 * nobody has moved out of framer->fds.
 *
 * Small messages may be read ahead, many with one receive; a payload for which a place is known is
 * received straight into that place.
 *
 * Whoever holds the reader role uses it, under the session's lock; only the receive itself is done
 * without.
 */

#ifndef VUC_FRAMER_H
#define VUC_FRAMER_H

#include <sys/uio.h>

#include <glib.h>

#include "base/fd-set.h"
#include "wire/header.h"

/* How many bytes are read ahead. */
#define VUC_FRAMER_AHEAD 4096

/* The most places that one _take can name, and that _want needs for it. */
#define VUC_FRAMER_PLACES 2
#define VUC_FRAMER_WANTS  (VUC_FRAMER_PLACES + 1)

typedef enum
{
  VUC_FRAMER_NEEDS_BYTES,
  VUC_FRAMER_HEADER,
  VUC_FRAMER_TAKEN,
  VUC_FRAMER_BROKEN
} VucFramerEvent;

typedef struct
{
  guint32 max_size; /* the largest message that is accepted, header included, in bytes */

  /* The message that has begun, valid from HEADER to _end. */
  gboolean in_message;
  VucHeader header;
  guint32 left; /* bytes of its payload that were not taken yet */
  VucFdSet fds; /* its descriptors */

  /* What the last _take asked for and is not there yet; a NULL base throws bytes away. */
  struct iovec places[VUC_FRAMER_PLACES];
  gboolean taking;

  /* Bytes received and not handed on: buffer[start…end). */
  gsize start;
  gsize end;

  /* Positions in the stream, in bytes since it began. */
  guint64 received;    /* all that came */
  guint64 message_end; /* where the message that has begun ends */

  /* Descriptors of the receive of {held_start…held_end) that have no message yet. */
  VucFdSet held;
  guint64 held_start;
  guint64 held_end;

  /* The last, so that it need not be zeroed along with what it is part of. */
  guint8 buffer[VUC_FRAMER_AHEAD];
} VucFramer;

void vuc_framer_init (VucFramer *framer, guint32 max_size);

/* Closes all descriptors. */
void vuc_framer_clear (VucFramer *framer);

/* Whether no byte of an unfinished message is there. */
gboolean vuc_framer_is_idle (const VucFramer *framer);

/*
 * Where the next bytes should go; at least one byte fits.  A receive may go on into the messages that
 * follow as long as it has at most ahead bytes; else it stops at the next end of a header: so must it
 * be while a reply that may carry descriptors or much data is awaited, but for what is known to come
 * without any.
 *
 * Returns: how many of iov are filled.
 */
int vuc_framer_want (VucFramer *framer, gsize ahead, struct iovec iov[VUC_FRAMER_WANTS]);

/* count bytes came, to where the last _want said, and with them fds, which are emptied. */
void vuc_framer_fed (VucFramer *framer, gsize count, VucFdSet *fds);

/* BROKEN sets error, which is fatal; nothing can be done with the framer afterwards but _clear. */
VucFramerEvent vuc_framer_next (VucFramer *framer, GError **error);

/* The next bytes of the payload go to these places, in order.  Their sum is at most
 * framer->left. */
void vuc_framer_take (VucFramer *framer, const struct iovec *places, int n_places);

/* What the last _take asked for, and is not there yet, is thrown away when it comes. */
void vuc_framer_forget_places (VucFramer *framer);

/* Done with the message: all of it was taken, or thrown away. */
void vuc_framer_end (VucFramer *framer);

#endif /* VUC_FRAMER_H */
