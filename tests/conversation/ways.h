/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Which way accesses take: words that are written, and what is counted of them.
 *
 *   write_word (device, 0, 0x20, "ring");
 *   ck_assert_uint_eq (count_parts (device, VUC_WAY_SHADOW), 1);
 */

#ifndef CONVERSATION_WAYS_H
#define CONVERSATION_WAYS_H

#include <vfio-user-client/vfio-user-client.h>

G_BEGIN_DECLS

/* 4 bytes, which must succeed. */
void write_word (VucDevice *device, guint32 region, guint64 offset, const char *word);

/* How many parts of accesses have taken this way so far. */
guint64 count_parts (VucDevice *device, VucWay way);

G_END_DECLS

#endif /* CONVERSATION_WAYS_H */
