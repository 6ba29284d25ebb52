/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the parts of test-stress share.  A scenario names a server and a cast; it is played in
 * rounds.  A round is one device, on which each actor, a thread, does one random step after the
 * other, until the round ends in one of the ways in which a device can go.
 *
 * All that is random comes from one number, the seed.  Threads still meet as they like: a seed
 * brings back what was done, and most probably, but not surely, what went wrong.
 *
 * Actors report what goes wrong with stress_fail(), as Check's assertions are for the thread of the
 * case only.
 */

#ifndef THREAD_STRESS_H
#define THREAD_STRESS_H

#include <vfio-user-client/vfio-user-client.h>

#include "thread/stress-memory.h"
#include "thread/stress-server.h"

G_BEGIN_DECLS

typedef struct _Actor Actor;
typedef struct _Op Op;

/* ---- Scenarios ---- */

/* One thing that an actor does; "doing" is what a hang is reported with. */
typedef struct
{
  const char *doing;
  void (*run) (Actor *actor);
} Step;

/* Steps that an actor chooses from; one that is there twice is done twice as often. */
typedef struct
{
  const Step *steps[24];
} Role;

typedef struct
{
  const Role *role;
  guint count;
} Cast;

/* A set of VucError codes. */
#define ERROR_BIT(code) (1u << (code))
#define LOSS_ERRORS (ERROR_BIT (VUC_ERROR_DISCONNECTED) | ERROR_BIT (VUC_ERROR_PROTOCOL))

typedef enum
{
  STRESS_TRACE = 1 << 0,          /* with a message function */
  STRESS_SMALL_LIMITS = 1 << 1,   /* few operations, little queued */
  STRESS_SPLIT_WRITES = 1 << 2,   /* many messages for one write */
  STRESS_AUTO_RECONNECT = 1 << 3, /* the device comes back by itself */
  STRESS_ENDS_BUSY = 1 << 4,      /* ends with operations under way, always */
  STRESS_NO_TWIN = 1 << 5,        /* server commands on the main socket */
  STRESS_OWN_SERVER = 1 << 6      /* not with any server: it is killed, or must know more */
} StressFlags;

typedef struct
{
  const char *name;
  StressServerKind server;
  guint mischief; /* StressMischief, of that kind of server */
  guint flags;
  guint timeout_ms; /* 0: so late that it must not be reached */
  guint n_loops;    /* main contexts, each run by a thread; the device is attached to the first */
  guint expected;   /* ERROR_BIT()s that are no failure */
  Cast cast[8];
} Scenario;

/* ---- A round ---- */

#define STRESS_MAX_LOOPS 3
#define STRESS_MAX_ACTORS 16
#define STRESS_BOARD_SIZE 32

struct _Stress
{
  const Scenario *scenario;
  StressServer *server;
  StressMemory memory;
  guint64 seed;

  /* Of this round. */
  guint round;
  VucDevice *device; /* atomic; NULL before there is one and when this round gives it back */
  GMainContext *contexts[STRESS_MAX_LOOPS];
  gint stop;              /* atomic: actors leave after their step */
  gint may_lose;          /* atomic: the round ends by losing the device, so all may be told so */
  gint lost, reconnected; /* atomic: events */

  gint started, told, destroyed; /* atomic: operations, of all rounds */
  gint n_ok, n_errors[16];       /* atomic: outcomes, by code */
  gint traced;                   /* atomic: messages */

  GMutex lock;
  GCond changed;
  guint n_running;              /* lock: actors */
  char *why;                    /* lock: the first failure */
  Op *board[STRESS_BOARD_SIZE]; /* lock: operations that others may cancel, or wait for */
};

/* Says what went wrong, and ends the round.  The first one counts. */
void stress_fail (Stress *stress, const char *format, ...) G_GNUC_PRINTF (2, 3);
gboolean stress_stops (Stress *stress);

/*
 * Counts an outcome; fails unless it is a success, expected by the scenario, in @also, or due to
 * the round's end.  Returns whether it was a success.  Frees the error.
 */
gboolean stress_judge (Stress *stress, const char *doing, GError *error, guint also);

/* What the scenario wants; its functions report to @stress. */
VucConfig *stress_make_config (Stress *stress, guint64 *random);

/* A number from 0 to n - 1; @random is what it is made from. */
guint stress_random (guint64 *random, guint n);

/* ---- Actors ---- */

#define ACTOR_SLOTS 8

struct _Actor
{
  Stress *stress;
  const Role *role;
  guint number;
  VucDevice *device; /* a reference of its own */
  guint64 random;
  Slot slots[ACTOR_SLOTS];
  GThread *thread;
  const char *doing; /* atomic */
  gint progress;     /* atomic: steps done */
};

/* Until the round ends; gives the reference back. */
void actor_play (Actor *actor);

/* The one whose thread this is, or NULL. */
Actor *actor_get_current (void);

extern const Role role_blocking;  /* reads and writes, and waits for them */
extern const Role role_starting;  /* starts operations that have callbacks */
extern const Role role_waiting;   /* starts operations, shows them to all, and waits for them */
extern const Role role_mixed;     /* all three */
extern const Role role_canceller; /* cancels others' operations, or waits for them */
extern const Role role_resetter;
extern const Role role_asker; /* IO descriptors, state, load */
extern const Role role_mover; /* attaches and detaches */
extern const Role role_processor;
extern const Role role_interrupter; /* closes and reconnects */
extern const Role role_reconnecter; /* reconnects what somebody else has lost */
extern const Role role_killer;      /* of the server */
extern const Role role_pinger;      /* makes the server send commands */

G_END_DECLS

#endif /* THREAD_STRESS_H */
