/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A caller that is late: a thread that sleeps for its answer, while another one reads.  It is held
 * where it wakes up, or where it goes on, which a busy machine may do as well, until the test lets it
 * look.
 *
 *   Late late = { .server = server, .device = device, .ask = a_function_that_asks };
 *
 *   late_ask (&late);
 *   reconnect (device);
 *   late_look (&late);
 *   late_expect_error (&late, VUC_ERROR_DISCONNECTED, "anew");
 *
 * The program is linked with --wrap=g_cond_wait_until,--wrap=g_mutex_lock.
 */

#ifndef UNIT_LATE_FIXTURE_H
#define UNIT_LATE_FIXTURE_H

#include <vfio-user-client/vfio-user-client.h>

#include "harness/script-server.h"

G_BEGIN_DECLS

typedef enum
{
  LATE_AWAKE,     /* it does not wake up before it is let */
  LATE_TO_GO_ON,  /* it does, and is held where it takes the session's lock next */
  LATE_AT_A_LOCK, /* or where it takes any lock next */
  LATE_TO_BEGIN   /* it is held where it takes the session's lock first */
} Lateness;

typedef struct
{
  ScriptServer *server;
  VucDevice *device;
  gboolean (*ask) (VucDevice *device, GError **error);
  Lateness lateness;
  GThread *thread;
  gboolean ok;
  GError *error;
} Late;

/* The script: what the one that reads asks for, then what the late one does; both are there before
 * that is answered.  One that is late after it woke up needs a sign more, behind its answer. */
void script_both (ScriptServer *server, guint16 command, const char *payload);

/* The script: the end of this connection, and the next. */
void script_next_server (ScriptServer *server);

/* Until the answer has come and the connection is lost.  Of one that is late to begin: until it is. */
void late_ask (Late *late);

/* It is let, and has returned. */
void late_look (Late *late);

void late_expect_error (Late *late, VucError code, const char *text);

G_END_DECLS

#endif /* UNIT_LATE_FIXTURE_H */
