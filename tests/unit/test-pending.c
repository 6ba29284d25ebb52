/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The table of message ids, and that it agrees with a simple model whatever happens in it.
 */

#include "session/pending.h"

#include "base/limits.h"

#include "harness/harness.h"
#include "harness/mutate.h"

#define PLAIN VUC_COMMAND_DEVICE_RESET

static void
add_or_fail (VucPending *pending, VucCall *call, guint16 command)
{
  *call = (VucCall){ .command = command };
  ck_assert (vuc_pending_add (pending, call));
}

static void
an_id_stands_for_its_call (void)
{
  VucPending pending;
  VucCall first, second;

  vuc_pending_init (&pending);
  add_or_fail (&pending, &first, PLAIN);
  add_or_fail (&pending, &second, VUC_COMMAND_REGION_READ);

  ck_assert_uint_ne (first.id, second.id);
  ck_assert_ptr_eq (vuc_pending_find (&pending, first.id)->call, &first);
  ck_assert_ptr_eq (vuc_pending_find (&pending, second.id)->call, &second);
  ck_assert_uint_eq (vuc_pending_find (&pending, second.id)->command, VUC_COMMAND_REGION_READ);
  vuc_pending_clear (&pending);
}

static void
what_was_never_given_out_stands_for_nothing (void)
{
  VucPending pending;
  VucCall call;

  vuc_pending_init (&pending);
  add_or_fail (&pending, &call, PLAIN);

  for (guint id = 0; id <= G_MAXUINT16; id++)
    if (id != call.id && vuc_pending_find (&pending, (guint16) id) != NULL)
      harness_fail ("id %u stands for something", id);
  vuc_pending_clear (&pending);
}

/* As full as it can be, and then long enough that each id would have had its turn. */
static void
nobody_gets_the_id_of_posted_messages (void)
{
  VucPending pending;
  g_autofree VucCall *calls = g_new (VucCall, VUC_LIMIT_PENDING);
  VucCall late;

  vuc_pending_init (&pending);
  for (guint i = 0; i < VUC_LIMIT_ABANDONED; i++)
    {
      add_or_fail (&pending, &late, PLAIN);
      vuc_pending_abandon (&pending, late.id);
    }
  for (guint i = 0; i < VUC_LIMIT_PENDING; i++)
    add_or_fail (&pending, &calls[i], PLAIN);

  for (guint i = 0; i < 2 * 65536; i++)
    {
      VucCall *call = &calls[i % VUC_LIMIT_PENDING];

      if (call->id == VUC_PENDING_POSTED)
        harness_fail ("call %u has it", i);
      vuc_pending_remove (&pending, call->id);
      *call = (VucCall){ .command = PLAIN };
      if (!vuc_pending_add (&pending, call))
        harness_fail ("call %u found no id", i);
    }
  vuc_pending_clear (&pending);
}

static void
a_removed_id_stands_for_nothing_and_is_not_used_again_at_once (void)
{
  VucPending pending;
  VucCall first, second;

  vuc_pending_init (&pending);
  add_or_fail (&pending, &first, PLAIN);
  vuc_pending_remove (&pending, first.id);

  ck_assert_ptr_null (vuc_pending_find (&pending, first.id));
  add_or_fail (&pending, &second, PLAIN);
  ck_assert_uint_ne (second.id, first.id);
  vuc_pending_clear (&pending);
}

static void
an_abandoned_id_is_taken_until_it_is_removed (void)
{
  VucPending pending;
  VucCall left, call;
  gboolean used_again = FALSE;

  vuc_pending_init (&pending);
  add_or_fail (&pending, &left, VUC_COMMAND_REGION_READ);
  vuc_pending_abandon (&pending, left.id);

  ck_assert_int_eq (vuc_pending_find (&pending, left.id)->state, VUC_PENDING_ABANDONED);
  ck_assert_ptr_null (vuc_pending_find (&pending, left.id)->call);
  ck_assert_uint_eq (vuc_pending_find (&pending, left.id)->command, VUC_COMMAND_REGION_READ);

  /* Often enough to come round to it many times. */
  for (guint i = 0; i < 1000; i++)
    {
      call = (VucCall){ .command = PLAIN };
      used_again = used_again || !vuc_pending_add (&pending, &call) || call.id == left.id;
      vuc_pending_remove (&pending, call.id);
    }
  ck_assert (!used_again);

  vuc_pending_remove (&pending, left.id);
  for (guint i = 0; i < 1000; i++)
    {
      call = (VucCall){ .command = PLAIN };
      used_again = used_again || (vuc_pending_add (&pending, &call) && call.id == left.id);
      vuc_pending_remove (&pending, call.id);
    }
  ck_assert (used_again);
  vuc_pending_clear (&pending);
}

static void
there_is_a_limit_of_waiting_calls (void)
{
  g_autofree VucCall *calls = g_new0 (VucCall, VUC_LIMIT_PENDING + 1);
  VucCall *one_more = &calls[VUC_LIMIT_PENDING];
  g_autofree gboolean *seen = g_new0 (gboolean, G_MAXUINT16 + 1);
  VucPending pending;

  vuc_pending_init (&pending);
  for (guint i = 0; i < VUC_LIMIT_PENDING; i++)
    {
      add_or_fail (&pending, &calls[i], PLAIN);
      if (seen[calls[i].id])
        harness_fail ("id %u was given out twice", calls[i].id);
      seen[calls[i].id] = TRUE;
    }
  ck_assert (!vuc_pending_add (&pending, one_more));

  /* The table has grown from nearly nothing, and every id means what it meant. */
  for (guint i = 0; i < VUC_LIMIT_PENDING; i++)
    if (vuc_pending_find (&pending, calls[i].id)->call != &calls[i])
      harness_fail ("id %u has changed", calls[i].id);

  vuc_pending_remove (&pending, calls[7].id);
  ck_assert (vuc_pending_add (&pending, one_more));
  vuc_pending_clear (&pending);
}

/* Those are bounded elsewhere, by the death of the session. */
static void
abandoned_ones_do_not_count_to_that_limit (void)
{
  g_autofree VucCall *calls = g_new0 (VucCall, VUC_LIMIT_PENDING + VUC_LIMIT_ABANDONED);
  VucPending pending;

  vuc_pending_init (&pending);
  for (guint i = 0; i < VUC_LIMIT_ABANDONED; i++)
    {
      ck_assert (vuc_pending_add (&pending, &calls[i]));
      vuc_pending_abandon (&pending, calls[i].id);
    }
  for (guint i = 0; i < VUC_LIMIT_PENDING; i++)
    ck_assert (vuc_pending_add (&pending, &calls[VUC_LIMIT_ABANDONED + i]));

  ck_assert_uint_eq (pending.n_abandoned, VUC_LIMIT_ABANDONED);
  ck_assert_uint_eq (pending.n_waiting, VUC_LIMIT_PENDING);
  vuc_pending_clear (&pending);
}

static const struct
{
  const char *name;
  guint16 command;
  gsize data_capacity;
  guint exact;
} replies[] = {
  { "no data", VUC_COMMAND_DEVICE_RESET, 0, 0 },
  { "a small read", VUC_COMMAND_REGION_READ, 4095, 0 },
  { "a large read", VUC_COMMAND_REGION_READ, 4096, 1 },
  { "VERSION, which may carry descriptors", VUC_COMMAND_VERSION, 0, 1 },
  { "region information, which may too", VUC_COMMAND_DEVICE_GET_REGION_INFO, 0, 1 },
  { "IO FDs, which are descriptors", VUC_COMMAND_DEVICE_GET_REGION_IO_FDS, 0, 1 },
  { "interrupt information", VUC_COMMAND_DEVICE_GET_IRQ_INFO, 0, 0 },
  { "a command that does not exist", 0xffff, 0, 0 },
};

/* Also a late one: its descriptors and data come all the same. */
static void
a_reply_that_must_be_read_exactly_is_counted_until_its_id_is_free (gconstpointer row)
{
  const __typeof__ (replies[0]) *reply = row;
  VucCall call = { .command = reply->command, .reply_data_capacity = reply->data_capacity };
  VucPending pending;

  vuc_pending_init (&pending);
  ck_assert (vuc_pending_add (&pending, &call));
  ck_assert_uint_eq (pending.n_exact, reply->exact);
  vuc_pending_abandon (&pending, call.id);
  ck_assert_uint_eq (pending.n_exact, reply->exact);
  vuc_pending_remove (&pending, call.id);
  ck_assert_uint_eq (pending.n_exact, 0);

  ck_assert (vuc_pending_add (&pending, &call));
  vuc_pending_remove (&pending, call.id);
  ck_assert_uint_eq (pending.n_exact, 0);
  vuc_pending_clear (&pending);
}

/* --- The model: what each id stands for, and nothing else --- */

#define N_CALLS 300
#define N_STEPS 200000

typedef struct
{
  VucCall call;
  VucPendingState state;
  gboolean exact;
} Known;

typedef struct
{
  Known known[N_CALLS];
  Known *by_id[G_MAXUINT16 + 1];
  guint n_waiting;
  guint n_abandoned;
  guint n_exact;
} Model;

static void
add_to_both (VucPending *pending, Model *model, Known *known, gboolean exact)
{
  known->call = (VucCall){ .command = exact ? VUC_COMMAND_VERSION : PLAIN };
  known->state = VUC_PENDING_WAITING;
  known->exact = exact;
  if (!vuc_pending_add (pending, &known->call) || model->by_id[known->call.id] != NULL)
    harness_fail ("no id, or one that is taken");
  model->by_id[known->call.id] = known;
  model->n_waiting++;
  model->n_exact += exact;
}

static void
abandon_in_both (VucPending *pending, Model *model, Known *known)
{
  vuc_pending_abandon (pending, known->call.id);
  known->state = VUC_PENDING_ABANDONED;
  model->n_waiting--;
  model->n_abandoned++;
}

static void
remove_from_both (VucPending *pending, Model *model, Known *known)
{
  vuc_pending_remove (pending, known->call.id);
  model->by_id[known->call.id] = NULL;
  model->n_exact -= known->exact;
  if (known->state == VUC_PENDING_WAITING)
    model->n_waiting--;
  else
    model->n_abandoned--;
  known->state = VUC_PENDING_FREE;
}

static void
check_counts (const VucPending *pending, const Model *model)
{
  if (pending->n_waiting != model->n_waiting || pending->n_abandoned != model->n_abandoned
      || pending->n_exact != model->n_exact)
    harness_fail ("%u waiting, %u abandoned, %u exact; expected %u, %u, %u", pending->n_waiting,
                  pending->n_abandoned, pending->n_exact, model->n_waiting, model->n_abandoned,
                  model->n_exact);
}

static void
check_id (VucPending *pending, const Model *model, guint16 id)
{
  const VucPendingSlot *slot = vuc_pending_find (pending, id);
  const Known *known = model->by_id[id];

  if ((slot != NULL) != (known != NULL))
    harness_fail ("id %u is %s", id, slot != NULL ? "taken" : "free");
  if (known != NULL && slot->call != (known->state == VUC_PENDING_WAITING ? &known->call : NULL))
    harness_fail ("id %u stands for another call", id);
}

static void
the_table_agrees_with_a_model (void)
{
  g_autofree Model *model = g_new0 (Model, 1);
  guint64 random = 1;
  VucPending pending;

  vuc_pending_init (&pending);
  for (guint step = 0; step < N_STEPS; step++)
    {
      guint64 number = mutate_next_number (&random);
      Known *known = &model->known[number % N_CALLS];

      harness_context ("step %u", step);
      if (known->state == VUC_PENDING_FREE)
        add_to_both (&pending, model, known, (number >> 32) % 4 == 0);
      else if (known->state == VUC_PENDING_WAITING && (number >> 32) % 3 == 0)
        abandon_in_both (&pending, model, known);
      else
        remove_from_both (&pending, model, known);

      check_counts (&pending, model);
      check_id (&pending, model, known->call.id);
    }
  for (guint id = 0; id <= G_MAXUINT16; id++)
    check_id (&pending, model, (guint16) id);
  vuc_pending_clear (&pending);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (an_id_stands_for_its_call),
  HARNESS_CASE (what_was_never_given_out_stands_for_nothing),
  HARNESS_CASE (nobody_gets_the_id_of_posted_messages),
  HARNESS_CASE (a_removed_id_stands_for_nothing_and_is_not_used_again_at_once),
  HARNESS_CASE (an_abandoned_id_is_taken_until_it_is_removed),
  HARNESS_CASE (there_is_a_limit_of_waiting_calls),
  HARNESS_CASE (abandoned_ones_do_not_count_to_that_limit),
  HARNESS_ROWS (a_reply_that_must_be_read_exactly_is_counted_until_its_id_is_free, replies),
  HARNESS_CASE (the_table_agrees_with_a_model),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "pending", cases);
}
