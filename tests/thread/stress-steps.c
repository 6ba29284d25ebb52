/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What steps have in common, and those that are no accesses: resets, questions, the main loop, the
 * end and what comes after it, commands of the server.  A step knows its actor and the device, not
 * the scenario.  On the actor's thread.
 */

#include "thread/stress-steps.h"

#include <errno.h>
#include <poll.h>

#include "thread/stress-op.h"

/* ---- What steps have in common ---- */

guint
choose (Actor *actor, guint n)
{
  return stress_random (&actor->random, n);
}

guint64
fork_random (Actor *actor)
{
  return (guint64) choose (actor, G_MAXINT32) << 32 | choose (actor, G_MAXINT32);
}

void
dawdle (Actor *actor, guint most_us)
{
  g_usleep (choose (actor, most_us));
}

gboolean
judge (Actor *actor, GError *error, guint also)
{
  return stress_judge (actor->stress, g_atomic_pointer_get (&actor->doing), error, also);
}

Slot *
take_slot (Actor *actor)
{
  const guint first = choose (actor, ACTOR_SLOTS);

  for (guint i = 0; i < ACTOR_SLOTS; i++)
    {
      Slot *slot = &actor->slots[(first + i) % ACTOR_SLOTS];

      if (slot_take (slot))
        return slot;
    }
  return NULL;
}

/* Without a callback; waits for it. */
static void
start_and_wait (Actor *actor, OpKind kind)
{
  Op *op = op_new (actor->stress, kind, NULL, fork_random (actor));

  op_start (op, actor->device, FALSE);
  op_wait (op, actor->device);
  op_unref (op);
}

static void
start_with_callback (Actor *actor, OpKind kind)
{
  Op *op = op_new (actor->stress, kind, NULL, fork_random (actor));

  op_start (op, actor->device, TRUE);
  op_unref (op);
}

/* ---- Resets, questions ---- */

static void
run_reset (Actor *actor)
{
  GError *error = NULL;

  stress_memory_upset_begin (&actor->stress->memory);
  vuc_device_reset (actor->device, &error);
  judge (actor, error, 0);
  stress_memory_upset_end (&actor->stress->memory);
  dawdle (actor, 3000);
}

const Step step_reset = { "a reset", run_reset };

static void
run_reset_async (Actor *actor)
{
  if (choose (actor, 2) == 0)
    start_with_callback (actor, OP_RESET);
  else
    start_and_wait (actor, OP_RESET);
  dawdle (actor, 3000);
}

const Step step_reset_async = { "an asynchronous reset", run_reset_async };

static void
run_io_fds (Actor *actor)
{
  const VucIoFd *io_fds;
  GError *error = NULL;
  gsize n_io_fds;

  if (choose (actor, 2) == 0)
    start_with_callback (actor, OP_IO_FDS);
  else if (choose (actor, 2) == 0)
    start_and_wait (actor, OP_IO_FDS);
  else
    {
      vuc_device_get_region_io_fds (actor->device, 0, &io_fds, &n_io_fds, &error);
      judge (actor, error, 0);
    }
  dawdle (actor, 1000);
}

const Step step_ask_io_fds = { "asking for IO descriptors", run_io_fds };

static void
run_look (Actor *actor)
{
  const VucDeviceInfo *info = vuc_device_get_info (actor->device);
  const guint64 generation = vuc_device_get_generation (actor->device);
  const VucDeviceState state = vuc_device_get_state (actor->device);

  dawdle (actor, 100);
  if (vuc_device_get_info (actor->device) != info)
    stress_fail (actor->stress, "the information has moved");
  if (vuc_device_get_generation (actor->device) < generation)
    stress_fail (actor->stress, "the generation went back");
  if ((guint) state > VUC_DEVICE_RECONNECTING)
    stress_fail (actor->stress, "state %d", (int) state);
}

const Step step_look = { "looking at the device", run_look };

/* What the library does by itself where it reconnects: a pause or an attempt; and when it was closed,
 * one more that was stopped, and has not been told so yet. */
static guint
count_own_operations (Stress *stress)
{
  if ((stress->scenario->flags & STRESS_AUTO_RECONNECT) == 0)
    return 0;
  return g_atomic_int_get (&stress->may_lose) ? 2 : 1;
}

/* Those that are refused for the limit are there as well, until they are told so. */
static void
run_load (Actor *actor)
{
  Stress *stress = actor->stress;
  const gint told = g_atomic_int_get (&stress->told);
  gint started;
  VucLoad load;

  vuc_device_get_load (actor->device, &load);
  started = g_atomic_int_get (&stress->started);
  if (load.operations > (guint) (started - told) + count_own_operations (stress))
    stress_fail (stress, "%u operations are under way, but %d were started, and %d of them told",
                 load.operations, started, told);
  dawdle (actor, 100);
}

const Step step_ask_load = { "asking for the load", run_load };

/* ---- The main loop ---- */

static void
run_attach (Actor *actor)
{
  Stress *stress = actor->stress;
  const guint which = choose (actor, stress->scenario->n_loops);
  GError *error = NULL;

  vuc_device_attach (actor->device, stress->contexts[which], &error);
  judge (actor, error, 0);
  dawdle (actor, 2000);
}

const Step step_attach = { "attaching", run_attach };

static void
run_detach (Actor *actor)
{
  vuc_device_detach (actor->device);
  dawdle (actor, 500);
}

const Step step_detach = { "detaching", run_detach };

static void
run_process (Actor *actor)
{
  GError *error = NULL;
  struct pollfd fd = { vuc_device_get_fd (actor->device, &error), POLLIN, 0 };

  judge (actor, error, 0);
  if (choose (actor, 8) != 0)
    poll (&fd, 1, 10);
  vuc_device_process (actor->device);
}

const Step step_process = { "processing", run_process };

/* ---- The end, and after ---- */

#define RECONNECT_ERRORS                                                                           \
  (LOSS_ERRORS | ERROR_BIT (VUC_ERROR_INVALID_ARGUMENT) | ERROR_BIT (VUC_ERROR_CONNECT)            \
   | ERROR_BIT (VUC_ERROR_TIMED_OUT))

static void
run_reconnect (Actor *actor)
{
  GError *error = NULL;

  dawdle (actor, 3000);
  if (vuc_device_get_state (actor->device) != VUC_DEVICE_LOST)
    return;

  switch (choose (actor, 4))
    {
    case 0:
      start_and_wait (actor, OP_RECONNECT);
      break;
    case 1:
      {
        Op *op = op_new (actor->stress, OP_RECONNECT, NULL, fork_random (actor));

        op_start (op, actor->device, FALSE);
        dawdle (actor, 1000);
        op_cancel (op, actor->device);
        op_wait (op, actor->device);
        op_unref (op);
        break;
      }
    default:
      vuc_device_reconnect (actor->device, &error);
      judge (actor, error, RECONNECT_ERRORS);
    }
}

const Step step_reconnect = { "reconnecting", run_reconnect };

static void
run_close (Actor *actor)
{
  dawdle (actor, 20000);
  vuc_device_close (actor->device);
  if (choose (actor, 2) == 0)
    vuc_device_close (actor->device);
}

const Step step_close_device = { "closing the device", run_close };

static void
run_kill (Actor *actor)
{
  dawdle (actor, 50000);
  stress_memory_upset_begin (&actor->stress->memory);
  stress_server_kill (actor->stress->server);
  stress_memory_upset_end (&actor->stress->memory);
  dawdle (actor, 50000);
}

const Step step_kill_server = { "killing the server", run_kill };

/* ---- Commands of the demo device ---- */

#define PING_COUNT 0x088
#define PING_DONE 0x08c
#define PING_ERRNO 0x090
#define PING_WRITE_COUNT 0x0a0
#define PING_PATIENCE_US (10 * G_USEC_PER_SEC)

static gboolean
access_register (Actor *actor, gboolean write, guint64 offset, guint32 *value)
{
  GError *error = NULL;

  if (write)
    vuc_device_region_write (actor->device, VUC_PCI_BAR0_REGION, offset, value, 4, &error);
  else
    vuc_device_region_read (actor->device, VUC_PCI_BAR0_REGION, offset, value, 4, &error);
  return judge (actor, error, 0);
}

/* Nothing is mapped, so each ping must be refused.  Only one actor of a device may do this. */
static void
run_ping (Actor *actor)
{
  const guint64 offset = choose (actor, 2) == 0 ? PING_COUNT : PING_WRITE_COUNT;
  const gint64 end = g_get_monotonic_time () + PING_PATIENCE_US;
  guint32 count = 1 + choose (actor, 16);
  guint32 done = 0;
  guint32 refusal;

  if (!access_register (actor, TRUE, offset, &count))
    return;
  while (done < count)
    {
      dawdle (actor, 500);
      if (!access_register (actor, FALSE, PING_DONE, &done))
        return;
      if (g_get_monotonic_time () > end)
        {
          stress_fail (actor->stress, "%u of %u pings were answered", done, count);
          return;
        }
    }
  if (access_register (actor, FALSE, PING_ERRNO, &refusal) && refusal != ENOTSUP
      && refusal != EFAULT)
    stress_fail (actor->stress, "a ping was answered with errno %u", refusal);
}

const Step step_ping = { "pinging", run_ping };
