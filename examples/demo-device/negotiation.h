/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VERSION: what both ends speak and can take.
 */

#pragma once

#include "message.h"

/* What the client can do, and take. */
typedef struct
{
  Version version;
  guint32 max_msg_fds;
  guint64 max_data_xfer_size;
  gboolean twin_socket;
  gboolean write_multiple;
} Proposal;

/* Checks VERSION's payload, of which there is the fixed part at least. Returns FALSE if there can be
   no agreement. */
gboolean negotiation_parse (const guint8 *payload, gsize size, Proposal *proposal, GError **error);

/* Puts our answer into the reply: write_multiple, too, if that is still set in the proposal.
   TWIN_SOCKET, the client's end of it, goes along; -1: there is none. */
void negotiation_answer (const Proposal *proposal,
                         guint max_dma_maps,
                         int twin_socket,
                         Reply *reply);
