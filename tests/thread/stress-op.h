/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An asynchronous operation, and what must come true for it: it is told once, to its callback or to
 * who waits; its destroy function runs once, on the same thread; when it was cancelled it says so;
 * its memory is not touched after that.
 *
 *   Op *op = op_new (stress, OP_ACCESS, slot, actor->random);
 *
 *   op_start (op, device, FALSE);
 *   op_show (op, &actor->random);
 *   op_wait (op, device);
 *   op_unref (op);
 *
 * The library holds a reference until the destroy function.
 */

#ifndef THREAD_STRESS_OP_H
#define THREAD_STRESS_OP_H

#include "thread/stress.h"

G_BEGIN_DECLS

typedef enum
{
  OP_ACCESS,
  OP_RESET,
  OP_IO_FDS,
  OP_RECONNECT
} OpKind;

/* @slot, which has been taken, is for OP_ACCESS; it is released when the operation is told. */
Op *op_new (Stress *stress, OpKind kind, Slot *slot, guint64 random);
void op_unref (Op *op);

/* Starts it; without a callback somebody has to wait for it. */
void op_start (Op *op, VucDevice *device, gboolean with_callback);

/* Hands a reference to the device to the callback, which gives it back.  Before op_start(). */
void op_give (Op *op, VucDevice *device);

/* Waits.  FALSE if somebody else is told of it. */
gboolean op_wait (Op *op, VucDevice *device);
gboolean op_cancel (Op *op, VucDevice *device);

/* Lets everybody see it, who may cancel it or wait for it. */
void op_show (Op *op, guint64 *random);

/* One of those shown, with a reference; NULL if there is none. */
Op *op_look (Stress *stress, guint64 *random);
void op_clear_board (Stress *stress);

G_END_DECLS

#endif /* THREAD_STRESS_OP_H */
