/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The doorbells of BAR0: places where a write is a kick and nothing else.
 *
 * A client may kick in two ways: by writing to a doorbell's eventfd (and storing the value in
 * shadow memory first, where the doorbell has some), or by a message. Both count alike.
 */

#pragma once

#include "region.h"

/* Where they are in BAR0. */
#define DOORBELL_PLAIN  0x800 /* 4 bytes */
#define DOORBELL_SHARED 0x804 /* 4 bytes, the same eventfd as the one before */
#define DOORBELL_MATCH  0x808 /* 4 bytes, of value 1 or 2, each its own eventfd */
#define DOORBELL_ANY    0x810 /* 1, 2, 4 or 8 bytes */
#define DOORBELL_SHADOW 0x820 /* 4 bytes, with shadow memory */

/* What is counted: one counter per eventfd. */
typedef enum
{
  KICKS_PLAIN_OR_SHARED,
  KICKS_MATCH_1,
  KICKS_MATCH_2,
  KICKS_ANY,
  KICKS_SHADOW,
  N_KICKS,
} Kicks;

typedef struct _Doorbells Doorbells;

Doorbells *doorbells_new (void);
void doorbells_free (Doorbells *doorbells);
void doorbells_reset (Doorbells *doorbells);

/* Lists them, as IoFd. */
void doorbells_list (const Doorbells *doorbells, GArray *io_fds);

/* A write that came as a message. Returns FALSE if no doorbell is meant by it. */
gboolean doorbells_write (Doorbells *doorbells, guint64 offset, const guint8 *data, gsize count);

/* Counts what the eventfds have to say; the numbers below are as of the last time. */
void doorbells_poll (Doorbells *doorbells);
guint32 doorbells_get_kicks (const Doorbells *doorbells, Kicks kicks);
guint32 doorbells_get_kicks_by_message (const Doorbells *doorbells);

/* The value last written to DOORBELL_SHADOW, little-endian as it was written. */
guint32 doorbells_get_shadow_value (const Doorbells *doorbells);
