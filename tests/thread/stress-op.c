/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Operations from their start to their end.  Knows what must become of one, not why it is started.
 * Any thread; callbacks run where the library calls them.
 */

#include "thread/stress-op.h"

#include "harness/harness.h"

struct _Op
{
  gint refs; /* atomic */
  Stress *stress;
  OpKind kind;
  guint64 random;
  VucDevice *given;
  gboolean has_callback;
  gint exposed;     /* atomic: may be cancelled, or waited for by others */
  GThread *starter; /* atomic: who is inside the call that starts it */

  gint told, destroyed, cancelled; /* atomic: how often */
  int code;                        /* of whoever told it: -1 is success */
  GThread *teller, *destroyer;

  GMutex lock;
  VucOperation id; /* lock: 0 until it was started */
  Access access;   /* lock: its content, once it was told or cancelled */
};

static const char *const names[] = {
  [OP_ACCESS] = "an asynchronous access",
  [OP_RESET] = "an asynchronous reset",
  [OP_IO_FDS] = "asking for IO descriptors",
  [OP_RECONNECT] = "an asynchronous reconnect",
};

/* Takes what a check returned. */
static void
note_wrong (Op *op, char *why)
{
  if (why != NULL)
    stress_fail (op->stress, "%s: %s", names[op->kind], why);
  g_free (why);
}

Op *
op_new (Stress *stress, OpKind kind, Slot *slot, guint64 random)
{
  Op *op = g_new0 (Op, 1);

  op->refs = 1;
  op->stress = stress;
  op->kind = kind;
  op->random = random;
  g_mutex_init (&op->lock);
  if (kind == OP_ACCESS)
    access_prepare (&op->access, &stress->memory, slot, &op->random);
  return op;
}

static void
check_end (Op *op)
{
  if (op->told != 1 || op->destroyed != 1)
    stress_fail (op->stress, "%s was told %d times and destroyed %d times", names[op->kind],
                 op->told, op->destroyed);
  else if (op->teller != op->destroyer)
    stress_fail (op->stress, "%s was destroyed on another thread than it was told on",
                 names[op->kind]);
  if (op->cancelled > 1 || (op->cancelled == 1) != (op->code == VUC_ERROR_CANCELLED))
    stress_fail (op->stress, "%s was cancelled %d times, its error is %d", names[op->kind],
                 op->cancelled, op->code);
}

void
op_unref (Op *op)
{
  if (!g_atomic_int_dec_and_test (&op->refs))
    return;
  check_end (op);
  if (op->kind == OP_ACCESS)
    note_wrong (op, access_clear (&op->access));
  g_mutex_clear (&op->lock);
  g_free (op);
}

void
op_give (Op *op, VucDevice *device)
{
  op->given = device;
}

/* ---- Told ---- */

/* A reset that was given up may still happen: the answer to what comes after it proves that it has,
 * as servers execute in order.  (Of another connection they read nothing before the first ends.) */
static void
settle_reset (Op *op, VucDevice *device)
{
  const StressMemory *memory = &op->stress->memory;
  gboolean again = op->code == VUC_ERROR_CANCELLED || op->code == VUC_ERROR_TIMED_OUT;
  guint32 word;

  while (again)
    {
      g_autoptr(GError) error = NULL;

      vuc_device_region_read (device, memory->region, memory->offset, &word, 4, &error);
      again = error != NULL && error->code == VUC_ERROR_TIMED_OUT;
    }
  stress_memory_upset_end (&op->stress->memory);
}

/* Callbacks may wait for the server. */
static void
read_word (Op *op, VucDevice *device)
{
  const StressMemory *memory = &op->stress->memory;
  GError *error = NULL;
  guint32 word;

  vuc_device_region_read (device, memory->region, memory->offset, &word, 4, &error);
  stress_judge (op->stress, "a read inside a callback", error, ERROR_BIT (VUC_ERROR_DISCONNECTED));
}

static void
tell (Op *op, VucDevice *device, GError *error)
{
  Slot *slot = op->access.slot;
  guint also = g_atomic_int_get (&op->exposed) ? ERROR_BIT (VUC_ERROR_CANCELLED) : 0;
  gboolean ok;

  if (g_atomic_int_add (&op->told, 1) != 0)
    {
      stress_fail (op->stress, "%s was told twice", names[op->kind]);
      return;
    }
  op->teller = g_thread_self ();
  op->code = error != NULL ? error->code : -1;
  if (op->kind == OP_RECONNECT)
    also |= LOSS_ERRORS | ERROR_BIT (VUC_ERROR_CONNECT) | ERROR_BIT (VUC_ERROR_TIMED_OUT)
            | ERROR_BIT (VUC_ERROR_INVALID_ARGUMENT);
  ok = stress_judge (op->stress, names[op->kind], error, also);

  if (op->kind == OP_ACCESS)
    {
      g_mutex_lock (&op->lock);
      note_wrong (op, access_conclude (&op->access, ok));
      note_wrong (op, access_bury (&op->access));
      g_mutex_unlock (&op->lock);
      slot_release (slot);
    }
  else if (op->kind == OP_RESET)
    settle_reset (op, device);
  g_atomic_int_inc (&op->stress->told);
}

/* A callback may start what it likes. */
static void
start_next (Op *op, VucDevice *device)
{
  Slot *slot = op->access.slot;
  Op *next;

  if (op->kind != OP_ACCESS || !slot_take (slot))
    return;
  next = op_new (op->stress, OP_ACCESS, slot, op->random);
  op_start (next, device, TRUE);
  op_unref (next);
}

static void
on_told (VucDevice *device, VucOperation operation, const GError *error, gpointer data)
{
  Op *op = data;
  const guint what = stress_random (&op->random, 32);

  g_mutex_lock (&op->lock);
  if (op->id != 0 && op->id != operation)
    stress_fail (op->stress, "operation %" G_GUINT64_FORMAT " is called %" G_GUINT64_FORMAT, op->id,
                 operation);
  g_mutex_unlock (&op->lock);
  if (g_atomic_pointer_get (&op->starter) == g_thread_self ())
    stress_fail (op->stress, "%s was told inside the call that started it", names[op->kind]);

  tell (op, device, error != NULL ? g_error_copy (error) : NULL);
  if (what == 0)
    read_word (op, device);
  else if (what < 12)
    start_next (op, device);
  g_clear_pointer (&op->given, vuc_device_unref);
}

/* Somebody may wait for the last one. */
static void
note_destroyed (Stress *stress)
{
  g_atomic_int_inc (&stress->destroyed);
  if (!stress_stops (stress))
    return;
  g_mutex_lock (&stress->lock);
  g_cond_broadcast (&stress->changed);
  g_mutex_unlock (&stress->lock);
}

static void
on_destroy (gpointer data)
{
  Op *op = data;

  op->destroyer = g_thread_self ();
  g_atomic_int_inc (&op->destroyed);
  note_destroyed (op->stress);
  op_unref (op);
}

/* ---- Started, waited for, cancelled ---- */

static VucOperation
call (Op *op, VucDevice *device, VucCallback callback)
{
  const Access *access = &op->access;

  switch (op->kind)
    {
    case OP_ACCESS:
      if (access->write)
        return vuc_device_region_write_full_async (device, access->memory->region, access->offset,
                                                   access->data, access->size, access->flags,
                                                   callback, op, on_destroy);
      return vuc_device_region_read_full_async (device, access->memory->region, access->offset,
                                                access->data, access->size, access->flags,
                                                callback, op, on_destroy);
    case OP_RESET:
      stress_memory_upset_begin (&op->stress->memory);
      return vuc_device_reset_async (device, callback, op, on_destroy);
    case OP_IO_FDS:
      return vuc_device_get_region_io_fds_async (device, 0, callback, op, on_destroy);
    case OP_RECONNECT:
      return vuc_device_reconnect_async (device, callback, op, on_destroy);
    }
  g_assert_not_reached ();
}

void
op_start (Op *op, VucDevice *device, gboolean with_callback)
{
  VucOperation id;

  g_atomic_int_inc (&op->refs);
  g_atomic_int_inc (&op->stress->started);
  op->has_callback = with_callback;
  g_atomic_pointer_set (&op->starter, g_thread_self ());
  id = call (op, device, with_callback ? on_told : NULL);
  g_atomic_pointer_set (&op->starter, NULL);
  if (id == 0)
    stress_fail (op->stress, "%s has the number 0", names[op->kind]);

  g_mutex_lock (&op->lock);
  op->id = id;
  g_mutex_unlock (&op->lock);
}

static VucOperation
get_id (Op *op)
{
  VucOperation id;

  g_mutex_lock (&op->lock);
  id = op->id;
  g_mutex_unlock (&op->lock);
  return id;
}

gboolean
op_wait (Op *op, VucDevice *device)
{
  GError *error = NULL;
  const gboolean ok = vuc_device_wait (device, get_id (op), &error);

  if (ok != (error == NULL))
    stress_fail (op->stress, "waiting: returned %d, but the error is %s", ok,
                 error != NULL ? error->message : "not set");

  /* A reconnect may also say so itself; it is not shown, so nobody else waits for it. */
  if (error != NULL && error->code == VUC_ERROR_INVALID_ARGUMENT && op->kind != OP_RECONNECT)
    {
      if (!op->has_callback && !g_atomic_int_get (&op->exposed))
        stress_fail (op->stress, "waiting for %s: %s", names[op->kind], error->message);
      g_error_free (error);
      return FALSE;
    }
  tell (op, device, error);
  return TRUE;
}

gboolean
op_cancel (Op *op, VucDevice *device)
{
  g_atomic_int_set (&op->exposed, 1);
  if (!vuc_device_cancel (device, get_id (op)))
    return FALSE;

  g_atomic_int_inc (&op->cancelled);
  if (op->kind == OP_ACCESS)
    {
      g_mutex_lock (&op->lock);
      note_wrong (op, access_bury (&op->access));
      g_mutex_unlock (&op->lock);
    }
  return TRUE;
}

/* ---- The board ---- */

void
op_show (Op *op, guint64 *random)
{
  Stress *stress = op->stress;
  Op **place = &stress->board[stress_random (random, STRESS_BOARD_SIZE)];
  Op *former;

  g_atomic_int_inc (&op->refs);
  g_atomic_int_set (&op->exposed, 1);
  g_mutex_lock (&stress->lock);
  former = *place;
  *place = op;
  g_mutex_unlock (&stress->lock);
  if (former != NULL)
    op_unref (former);
}

Op *
op_look (Stress *stress, guint64 *random)
{
  const guint place = stress_random (random, STRESS_BOARD_SIZE);
  Op *op;

  g_mutex_lock (&stress->lock);
  op = stress->board[place];
  if (op != NULL)
    g_atomic_int_inc (&op->refs);
  g_mutex_unlock (&stress->lock);
  return op;
}

void
op_clear_board (Stress *stress)
{
  for (guint i = 0; i < STRESS_BOARD_SIZE; i++)
    {
      Op *op;

      g_mutex_lock (&stress->lock);
      op = g_steal_pointer (&stress->board[i]);
      g_mutex_unlock (&stress->lock);
      if (op != NULL)
        op_unref (op);
    }
}
