/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the tests of an ioregionfd's client have in common: one on a socket, of which the server's end
 * is the case's, or a thread's.
 *
 *   static const char *const responses[] = { "u64:5 00*24", NULL };
 *   Fixture fixture = begin ();
 *   Server server;
 *
 *   start (&server, fixture.server, responses);
 *   ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
 *   join (&server, READ_COMMAND);
 *   finish (&fixture);
 */

#ifndef TEST_IOREGION_FIXTURE_H
#define TEST_IOREGION_FIXTURE_H

#include "access/ioregion.h"
#include "unit/session-fixture.h"

#define COMMAND_SIZE 32

typedef struct
{
  VucSession *session; /* not connected: nothing of it is wanted here */
  VucIoregion *ioregion;
  int server; /* the server's end */
  int shared; /* its duplicate of ours */
} Fixture;

Fixture begin (void);
void finish (Fixture *fixture);

/* By the server: at once. */
void say (const Fixture *fixture, const char *text);

/* What has come must be there already, and nothing else. */
void assert_came (int fd, const char *text);
void assert_nothing_came (int fd);

/* 4 bytes at 4. */
gboolean read_by (Fixture *fixture, gint64 deadline, guint32 *value, GError **error);
gboolean write_by (Fixture *fixture, gboolean posted, gint64 deadline, GError **error);

/* A read gets its response, by a server of its own: nothing else was owed. */
void expect_read (Fixture *fixture);

#define READ_COMMAND   "00 12 00*6 u64:7 u64:4 00*8 "
#define WRITE_COMMAND  "01 12 00*6 u64:7 u64:4 u64:0x11223344 "
#define POSTED_COMMAND "01 02 00*6 u64:7 u64:4 u64:0x11223344 "

/* A server on a thread: for each response it waits for a command. */
typedef struct
{
  int fd;
  const char *const *responses; /* NULL at the end */
  gboolean in_single_bytes;
  GByteArray *commands;
  guint n_hasty; /* commands that were there before the response to the one before */
  GThread *thread;
} Server;

void start (Server *server, int fd, const char *const *responses);
void start_in_single_bytes (Server *server, int fd, const char *const *responses);

/* Waits for its end; these commands came, each after the response to the one before. */
void join (Server *server, const char *commands);

#endif /* TEST_IOREGION_FIXTURE_H */
