/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* See late-fixture.h.  Does not know what is asked.  On the thread that runs the case, and on its own. */

#include "unit/late-fixture.h"

#include "device/device-private.h"
#include "harness/harness.h"
#include "session/session-private.h"
#include "unit/session-fixture.h"

static struct
{
  GMutex lock;
  GCond changed;
  gboolean is_asleep; /* the late caller is */
  gboolean is_held;   /* it is at the gate */
  gboolean is_open;
} gate;

/* On the late thread. */
static GPrivate sleeper; /* the Late, until it sleeps */
static GPrivate held_at; /* the lock, or any_lock */
static GMutex any_lock;

gboolean __real_g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time);
gboolean __wrap_g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time);
void __real_g_mutex_lock (GMutex *mutex);
void __wrap_g_mutex_lock (GMutex *mutex);

static void
set_at_gate (gboolean *what)
{
  g_mutex_lock (&gate.lock);
  *what = TRUE;
  g_cond_broadcast (&gate.changed);
  g_mutex_unlock (&gate.lock);
}

static void
wait_at_gate (const gboolean *what)
{
  g_mutex_lock (&gate.lock);
  while (!*what)
    g_cond_wait (&gate.changed, &gate.lock);
  g_mutex_unlock (&gate.lock);
}

/* Nobody can answer before this lets go of the mutex. */
gboolean
__wrap_g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  const Late *late = g_private_get (&sleeper);
  gboolean in_time;

  if (late == NULL)
    return __real_g_cond_wait_until (cond, mutex, end_time);

  g_private_set (&sleeper, NULL);
  set_at_gate (&gate.is_asleep);
  if (late->lateness != LATE_AWAKE)
    {
      in_time = __real_g_cond_wait_until (cond, mutex, end_time);
      g_private_set (&held_at, late->lateness == LATE_TO_GO_ON ? mutex : &any_lock);
      return in_time;
    }
  g_mutex_unlock (mutex);
  wait_at_gate (&gate.is_open);
  g_mutex_lock (mutex);
  return TRUE;
}

void
__wrap_g_mutex_lock (GMutex *mutex)
{
  const GMutex *held = g_private_get (&held_at);

  if (held != NULL && (held == mutex || (held == &any_lock && mutex != &gate.lock)))
    {
      g_private_set (&held_at, NULL);
      set_at_gate (&gate.is_held);
      wait_at_gate (&gate.is_open);
    }
  __real_g_mutex_lock (mutex);
}

/* --- The callers --- */

static gpointer
read_until_the_end (gpointer device)
{
  char data[4];

  return GINT_TO_POINTER (vuc_device_region_read (device, 7, 0, data, sizeof data, NULL));
}

static gpointer
ask_and_sleep (gpointer data)
{
  Late *late = data;

  if (late->lateness == LATE_TO_BEGIN)
    g_private_set (&held_at, &late->device->session->lock);
  else
    g_private_set (&sleeper, late);
  late->ok = late->ask (late->device, &late->error);
  return NULL;
}

void
script_both (ScriptServer *server, guint16 command, const char *payload)
{
  script_expect_command (server, 9, "u64:0 u32:7 u32:4");
  script_expect_command (server, command, payload);
  script_wait_for_sign (server);
}

void
script_next_server (ScriptServer *server)
{
  script_close (server);
  script_accept (server);
}

void
late_ask (Late *late)
{
  GThread *reader;

  gate.is_asleep = gate.is_held = gate.is_open = FALSE;
  if (late->lateness == LATE_TO_BEGIN)
    {
      late->thread = g_thread_new ("late", ask_and_sleep, late);
      wait_at_gate (&gate.is_held);
      return;
    }

  reader = g_thread_new ("reader", read_until_the_end, late->device);
  wait_for_sleepers (late->device->session, 0);
  late->thread = g_thread_new ("late", ask_and_sleep, late);
  wait_at_gate (&gate.is_asleep);
  script_server_give_sign (late->server);
  if (late->lateness != LATE_AWAKE)
    {
      wait_at_gate (&gate.is_held);
      script_server_give_sign (late->server);
    }
  ck_assert_msg (g_thread_join (reader) == NULL, "there was no answer for who reads");
}

void
late_look (Late *late)
{
  set_at_gate (&gate.is_open);
  g_thread_join (late->thread);
}

void
late_expect_error (Late *late, VucError code, const char *text)
{
  ck_assert_msg (!late->ok, "what was asked of the server before succeeded");
  assert_error (late->error, VUC_ERROR, code, text);
  g_clear_error (&late->error);
}
