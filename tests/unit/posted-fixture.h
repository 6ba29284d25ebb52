/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the tests of posted writes have in common: a session with a poster, whose server is the other
 * end of a socket pair.
 *
 *   Posting posting;
 *
 *   posting_open (&posting, POSTING_LOOP);
 *   ck_assert (post (&posting, 1));
 *   posting_expect (&posting, "u16:0xffff …");
 *   posting_close (&posting);
 */

#ifndef TEST_POSTED_FIXTURE_H
#define TEST_POSTED_FIXTURE_H

#include "access/posted.h"
#include "session/session-private.h"

typedef enum
{
  POSTING_PLAIN = 0,
  POSTING_LOOP = 1 << 0,     /* somebody has asked for the epoll descriptor */
  POSTING_MULTIPLE = 1 << 1, /* REGION_WRITE_MULTI was negotiated */
  POSTING_TWIN = 1 << 2,     /* there is a twin socket: readers poll */
  POSTING_SMALL = 1 << 3     /* the socket takes messages of more than some 2 KiB in parts */
} PostingOptions;

typedef struct
{
  VucSession *session;
  VucPosted *posted;
  int server;         /* the other end */
  int twin;           /* likewise, or -1 */
  int epoll;          /* or -1 */
  GByteArray *stream; /* what the server has read and not looked at */
} Posting;

void posting_open (Posting *posting, guint options);
void posting_open_with (Posting *posting, guint options, const VucSessionOptions *session_options);
void posting_close (Posting *posting);

/* Writes number, of 32 bits, to offset 8 of region 0. */
gboolean post (Posting *posting, guint32 number);

/* Posts numbers from first on until one is refused, or the socket took no more.  The next number. */
guint32 post_until_full (Posting *posting, guint32 first);

/* These bytes came, whole. */
void posting_expect (Posting *posting, const char *text);

/* The server sends these. */
void posting_send (Posting *posting, const char *text);

/* Nothing came. */
void posting_expect_nothing (Posting *posting);

/* What the server was sent, in order: of the writes, the numbers; of other commands, OTHER. */
#define OTHER G_MAXUINT32

typedef struct
{
  GArray *numbers; /* guint32 */
  guint n_single;  /* messages: REGION_WRITE */
  guint n_multi;   /* REGION_WRITE_MULTI */
} Received;

/* The server reads until all that is queued was sent by somebody else, or by the loop, which is
 * processed whenever its descriptor says so. */
void posting_drain (Posting *posting, Received *received);

/* The server reads until it has this many numbers; somebody else sends. */
void posting_receive (Posting *posting, Received *received, guint n);

void received_clear (Received *received);

/* They are first…first + n - 1. */
void assert_row (const Received *received, guint at, guint32 first, guint n);

#endif /* TEST_POSTED_FIXTURE_H */
