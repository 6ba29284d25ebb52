/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Steps that are accesses: blocking ones, asynchronous ones, and cancelling those.  What was read
 * is judged by stress-memory.c.  On the actor's thread.
 */

#include "thread/stress-op.h"
#include "thread/stress-steps.h"

static void
note_wrong (Actor *actor, char *why)
{
  if (why != NULL)
    stress_fail (actor->stress, "a blocking access: %s", why);
  g_free (why);
}

static Op *
start_access (Actor *actor, gboolean with_callback)
{
  Slot *slot = take_slot (actor);
  Op *op;

  if (slot == NULL)
    return NULL;
  op = op_new (actor->stress, OP_ACCESS, slot, fork_random (actor));
  op_start (op, actor->device, with_callback);
  return op;
}

/* ---- Accesses ---- */

/* What the server answers after a write, on the same connection, proves that it was there to be
 * written to, and has executed it. */
static void
prove (Actor *actor, Access *access, guint64 generation)
{
  const StressMemory *memory = access->memory;
  GError *error = NULL;
  guint8 byte;

  if (choose (actor, 2) == 0 && !vuc_device_flush (actor->device, &error))
    {
      (void) judge (actor, error, 0);
      return;
    }
  if (choose (actor, 4) == 0)
    return;
  if (vuc_device_region_read_full (actor->device, memory->region, memory->offset, &byte, 1,
                                   VUC_ACCESS_MESSAGE_ONLY, &error))
    access->may_be_lost = vuc_device_get_generation (actor->device) != generation;
  else
    (void) judge (actor, error, 0);
}

static void
run_access (Actor *actor)
{
  StressMemory *memory = &actor->stress->memory;
  Slot *slot = take_slot (actor);
  GError *error = NULL;
  Access access;
  guint64 generation;
  gboolean ok;

  if (slot == NULL)
    {
      dawdle (actor, 200);
      return;
    }
  access_prepare (&access, memory, slot, &actor->random);
  generation = vuc_device_get_generation (actor->device);
  if (access.write)
    ok = vuc_device_region_write_full (actor->device, memory->region, access.offset, access.data,
                                       access.size, access.flags, &error);
  else
    ok = vuc_device_region_read_full (actor->device, memory->region, access.offset, access.data,
                                      access.size, access.flags, &error);
  if (ok && access.may_be_lost)
    prove (actor, &access, generation);
  if (ok != (error == NULL))
    stress_fail (actor->stress, "an access returned %d and an error all the same", ok);
  ok = judge (actor, error, 0);
  note_wrong (actor, access_conclude (&access, ok));
  note_wrong (actor, access_bury (&access));
  slot_release (slot);
  note_wrong (actor, access_clear (&access));
  if (!ok)
    dawdle (actor, 2000);
}

const Step step_blocking_access = { "a blocking access", run_access };

static void
run_start (Actor *actor)
{
  Op *op = start_access (actor, TRUE);

  if (op == NULL)
    {
      dawdle (actor, 500);
      return;
    }
  if (choose (actor, 4) == 0)
    op_show (op, &actor->random);
  op_unref (op);
}

const Step step_start_one = { "starting an access", run_start };

static void
run_burst (Actor *actor)
{
  for (guint i = 0; i < ACTOR_SLOTS; i++)
    {
      Op *op = start_access (actor, TRUE);

      if (op == NULL)
        break;
      op_unref (op);
    }
  dawdle (actor, 500);
}

const Step step_start_many = { "starting many accesses", run_burst };

/* With a callback, whichever comes first is told. */
static void
run_wait (Actor *actor)
{
  Op *op = start_access (actor, choose (actor, 4) == 0);

  if (op == NULL)
    return;
  if (choose (actor, 2) == 0)
    op_show (op, &actor->random);
  if (choose (actor, 4) == 0)
    dawdle (actor, 300);
  op_wait (op, actor->device);
  op_unref (op);
}

const Step step_wait_own = { "waiting for an access", run_wait };

static void
run_wait_in_reverse (Actor *actor)
{
  Op *ops[4];
  guint n = 0;

  while (n < G_N_ELEMENTS (ops) && (ops[n] = start_access (actor, FALSE)) != NULL)
    n++;
  while (n > 0)
    {
      op_wait (ops[--n], actor->device);
      op_unref (ops[n]);
    }
}

const Step step_wait_in_reverse = { "waiting for accesses in reverse", run_wait_in_reverse };

/* ---- Cancelling ---- */

static void
run_cancel_own (Actor *actor)
{
  const gboolean with_callback = choose (actor, 2) == 0;
  Op *op = start_access (actor, with_callback);

  if (op == NULL)
    return;
  dawdle (actor, 100);
  op_cancel (op, actor->device);
  if (!with_callback)
    op_wait (op, actor->device);
  op_unref (op);
}

const Step step_cancel_own = { "cancelling an own access", run_cancel_own };

static void
run_cancel_other (Actor *actor)
{
  Op *op = op_look (actor->stress, &actor->random);

  dawdle (actor, 100);
  if (op == NULL)
    return;
  if (op_cancel (op, actor->device) && op_cancel (op, actor->device))
    stress_fail (actor->stress, "an operation can be cancelled twice");
  op_unref (op);
}

const Step step_cancel_other = { "cancelling another's operation", run_cancel_other };

static void
run_wait_other (Actor *actor)
{
  Op *op = op_look (actor->stress, &actor->random);

  if (op == NULL)
    return;
  op_wait (op, actor->device);
  op_unref (op);
}

const Step step_wait_other = { "waiting for another's operation", run_wait_other };

static void
run_misuse (Actor *actor)
{
  const VucOperation nobodys[] = { 0, G_MAXUINT64 };
  g_autoptr(GError) error = NULL;
  const VucOperation operation = nobodys[choose (actor, G_N_ELEMENTS (nobodys))];

  if (vuc_device_cancel (actor->device, operation))
    stress_fail (actor->stress, "an operation that does not exist was cancelled");
  if (vuc_device_wait (actor->device, operation, &error)
      || !g_error_matches (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT))
    stress_fail (actor->stress, "an operation that does not exist was waited for");
}

const Step step_misuse = { "waiting for nothing", run_misuse };
