/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VERSION: what both ends speak and can take.
 */

#pragma once

#include "message.h"

/* Checks the client's proposal and puts our answer into the reply. Returns FALSE if there can be
   no agreement. */
gboolean negotiate (const guint8 *proposal,
                    gsize size,
                    guint32 *client_max_msg_fds,
                    Reply *reply,
                    GError **error);
