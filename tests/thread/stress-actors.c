/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the actors do: steps, and roles, which are sets of them.  A step knows its actor and the
 * device, not the scenario.  Each actor is a thread of its own; all of this runs there.
 */

#include <errno.h>
#include <poll.h>

#include "thread/stress-op.h"
#include "thread/stress.h"

/* ---- What steps have in common ---- */

static guint
choose (Actor *actor, guint n)
{
  return stress_random (&actor->random, n);
}

static guint64
fork_random (Actor *actor)
{
  return (guint64) choose (actor, G_MAXINT32) << 32 | choose (actor, G_MAXINT32);
}

/* Lets time go by, which is part of the play. */
static void
dawdle (Actor *actor, guint most_us)
{
  g_usleep (choose (actor, most_us));
}

static gboolean
judge (Actor *actor, GError *error, guint also)
{
  return stress_judge (actor->stress, g_atomic_pointer_get (&actor->doing), error, also);
}

/* One of the actor's own that is free, taken; NULL if all have accesses under way. */
static Slot *
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

/* ---- Accesses ---- */

/* What the server answers after a write, on the same connection, proves that it was there to be written
 * to, and has executed it. */
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

static const Step blocking_access = { "a blocking access", run_access };

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

static const Step start_one = { "starting an access", run_start };

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

static const Step start_many = { "starting many accesses", run_burst };

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

static const Step wait_own = { "waiting for an access", run_wait };

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

static const Step wait_in_reverse = { "waiting for accesses in reverse", run_wait_in_reverse };

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

static const Step cancel_own = { "cancelling an own access", run_cancel_own };

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

static const Step cancel_other = { "cancelling another's operation", run_cancel_other };

static void
run_wait_other (Actor *actor)
{
  Op *op = op_look (actor->stress, &actor->random);

  if (op == NULL)
    return;
  op_wait (op, actor->device);
  op_unref (op);
}

static const Step wait_other = { "waiting for another's operation", run_wait_other };

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

static const Step misuse = { "waiting for nothing", run_misuse };

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

static const Step reset = { "a reset", run_reset };

static void
run_reset_async (Actor *actor)
{
  if (choose (actor, 2) == 0)
    start_with_callback (actor, OP_RESET);
  else
    start_and_wait (actor, OP_RESET);
  dawdle (actor, 3000);
}

static const Step reset_async = { "an asynchronous reset", run_reset_async };

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

static const Step ask_io_fds = { "asking for IO descriptors", run_io_fds };

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

static const Step look = { "looking at the device", run_look };

/* Those that are refused for the limit are there as well, until they are told so; and one of the
 * library's own, where it reconnects by itself. */
static void
run_load (Actor *actor)
{
  Stress *stress = actor->stress;
  const guint own = stress->scenario->flags & STRESS_AUTO_RECONNECT ? 1 : 0;
  const gint told = g_atomic_int_get (&stress->told);
  gint started;
  VucLoad load;

  vuc_device_get_load (actor->device, &load);
  started = g_atomic_int_get (&stress->started);
  if (load.operations > (guint) (started - told) + own)
    stress_fail (stress, "%u operations are under way, but %d were started, and %d of them told",
                 load.operations, started, told);
  dawdle (actor, 100);
}

static const Step ask_load = { "asking for the load", run_load };

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

static const Step attach = { "attaching", run_attach };

static void
run_detach (Actor *actor)
{
  vuc_device_detach (actor->device);
  dawdle (actor, 500);
}

static const Step detach = { "detaching", run_detach };

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

static const Step process = { "processing", run_process };

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

static const Step reconnect = { "reconnecting", run_reconnect };

static void
run_close (Actor *actor)
{
  dawdle (actor, 20000);
  vuc_device_close (actor->device);
  if (choose (actor, 2) == 0)
    vuc_device_close (actor->device);
}

static const Step close_device = { "closing the device", run_close };

static void
run_kill (Actor *actor)
{
  dawdle (actor, 50000);
  stress_memory_upset_begin (&actor->stress->memory);
  stress_server_kill (actor->stress->server);
  stress_memory_upset_end (&actor->stress->memory);
  dawdle (actor, 50000);
}

static const Step kill_server = { "killing the server", run_kill };

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

static const Step ping = { "pinging", run_ping };

/* ---- Roles ---- */

const Role role_blocking = { { &blocking_access } };
const Role role_starting = { { &start_one, &start_one, &start_many, &ask_load } };
const Role role_waiting = { { &wait_own, &wait_in_reverse, &cancel_own } };
const Role role_mixed = {
  { &blocking_access, &blocking_access, &start_one, &start_many, &wait_own, &wait_in_reverse },
};
const Role role_canceller = { { &cancel_other, &cancel_other, &cancel_own, &wait_other, &misuse } };
const Role role_resetter = { { &reset, &reset_async } };
const Role role_asker = { { &look, &ask_load, &ask_io_fds } };
const Role role_mover = { { &attach, &attach, &detach } };
const Role role_processor = { { &process } };
const Role role_interrupter = { { &close_device, &reconnect, &reconnect, &reconnect } };
const Role role_reconnecter = { { &reconnect } };
const Role role_pinger = { { &ping } };
const Role role_killer = { { &kill_server } };

/* Who moved the device about leaves it attached: its operations are to be told somewhere. */
static void
tidy_up (Actor *actor)
{
  if (actor->role == &role_mover)
    run_attach (actor);
}

/* Now and then the reference goes with an operation, to its callback. */
static void
give_back_device (Actor *actor)
{
  Slot *slot = actor->stress->scenario->n_loops > 0 && actor->role == &role_starting
                 ? take_slot (actor)
                 : NULL;

  if (slot != NULL)
    {
      Op *op = op_new (actor->stress, OP_ACCESS, slot, fork_random (actor));

      op_give (op, actor->device);
      op_start (op, actor->device, TRUE);
      op_unref (op);
    }
  else
    vuc_device_unref (actor->device);
}

static GPrivate current;

Actor *
actor_get_current (void)
{
  return g_private_get (&current);
}

void
actor_play (Actor *actor)
{
  guint n_steps = 0;

  g_private_set (&current, actor);
  while (actor->role->steps[n_steps] != NULL)
    n_steps++;
  while (!stress_stops (actor->stress))
    {
      const Step *step = actor->role->steps[choose (actor, n_steps)];

      g_atomic_pointer_set (&actor->doing, step->doing);
      step->run (actor);
      g_atomic_int_inc (&actor->progress);
    }
  tidy_up (actor);
  g_private_set (&current, NULL);
  g_atomic_pointer_set (&actor->doing, "giving the device back");
  give_back_device (actor);
}
