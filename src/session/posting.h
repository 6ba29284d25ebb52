/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Commands that want no reply.  Nobody waits for them and no task owns them: a floor above, the
 * poster, makes their calls, and gets them back when they are sent, or never will be.  What they
 * mean, and how several requests become one message, only it knows:
 *
 *   make        a call with the request in it; NULL: it takes no more
 *   merge       adds the request to a call of which nothing was sent; FALSE: it does not fit.  The
 *               message grows by VUC_POSTING_GROWTH bytes at the most
 *   release     the call is the poster's again
 *   max_answer  the largest payload of success with which a server may answer what wants no answer;
 *               VUC_NO_ANSWER: such a command is never posted
 *
 * All are called with the session's lock held: they may only move bytes.  All posted messages have
 * one id, which no other call ever gets, so that such an answer cannot be mistaken for another.
 */

#ifndef VUC_POSTING_H
#define VUC_POSTING_H

#include "session/call.h"
#include "session/session.h"

#define VUC_POSTING_GROWTH 48
#define VUC_NO_ANSWER      G_MAXSIZE

typedef struct
{
  VucCall *(*make) (gconstpointer request, gpointer poster_data);
  gboolean (*merge) (VucCall *call, gconstpointer request, gpointer poster_data);
  void (*release) (VucCall *call, gpointer poster_data);
  gsize (*max_answer) (guint16 command);
} VucPoster;

/* Before the first request.  Both must stay until the session has gone, or will not be used. */
void vuc_session_set_poster (VucSession *session, const VucPoster *poster, gpointer poster_data);

/*
 * link: the connection that it must go over (vuc_session_get_usable_link()); 0: any.
 *
 * TRUE: the request was sent, or it is queued and somebody will send it without any further call
 * (claim 8 in session.c); should the connection end before, it is lost.  FALSE: it cannot be posted
 * now, because it must not be, or nobody would send it.
 */
gboolean vuc_session_post (VucSession *session, gint link, gconstpointer request);

/* How many messages were posted, and wholly sent, on all connections. */
guint64 vuc_session_get_n_posted (VucSession *session);

#endif /* VUC_POSTING_H */
