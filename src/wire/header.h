/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The 16 bytes that begin every message.  Pure; any thread.
 */

#ifndef VUC_HEADER_H
#define VUC_HEADER_H

#include <glib.h>

#include "wire/protocol.h"

typedef struct
{
  guint16 id;      /* the sender's; a reply echoes it */
  guint16 command; /* VucCommand, or what the peer sent */
  guint32 size;    /* of the whole message, in bytes; at least VUC_HEADER_SIZE once decoded */
  gboolean is_reply;
  gboolean no_reply; /* commands: no reply is wanted */
  gboolean is_error; /* replies only */
  int error_number;  /* 1 to 4095 if is_error, else 0 */
} VucHeader;

void vuc_header_encode (const VucHeader *header, guint8 bytes[VUC_HEADER_SIZE]);

/* max_size: the largest message that may come, header included.  An errno outside 1…4095 becomes
 * EIO; bits that the protocol reserves are ignored. */
gboolean vuc_header_decode (const guint8 bytes[VUC_HEADER_SIZE],
                            guint32 max_size,
                            VucHeader *header,
                            GError **error);

#endif /* VUC_HEADER_H */
