/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the files of this floor share.  session.c: who waits, who reads, who wakes; inbox.c: what a
 * message that came means; outbox.c: what goes out.
 */

#ifndef VUC_SESSION_PRIVATE_H
#define VUC_SESSION_PRIVATE_H

#include "session/pending.h"
#include "session/session.h"
#include "transport/framer.h"

struct _VucSession
{
  /* Constant. */
  int socket;
  int wake; /* eventfd that makes a polling reader look again */
  VucSessionOptions options;

  GMutex lock; /* guards everything below */

  GError *cause; /* why the session has ended; NULL while it lives */
  gboolean negotiated;
  gboolean held; /* the VERSION reply is in: nothing more is looked at before negotiated is set */
  VucPending pending;

  /* The reader role. */
  gboolean has_reader;
  gboolean polling; /* it sleeps in poll, and waits for these events of the socket */
  short polled_events;
  GQueue sleepers;      /* calls whose waiters sleep, each of which could become the reader */
  VucFramer framer;     /* its holder's, and under the lock */
  VucCall *current;     /* whose reply the framer's message is; NULL: nobody's */
  VucCall *receiving;   /* pinned: current, while the reader receives or traces without the lock */
  gint64 message_began; /* g_get_monotonic_time() of an unfinished message; 0: none */

  /* The sender role. */
  gboolean has_sender;
  gboolean blocked;               /* the reader must poll for output */
  gboolean send_ended;            /* the server reads no more: what is sent is dropped */
  GQueue outbox;                  /* calls that are not wholly sent, in order */
  gsize head_sent;                /* bytes of the first one that were sent */
  guint8 answer[VUC_HEADER_SIZE]; /* an answer to a server command; goes before the outbox */
  gsize answer_left;              /* its last bytes that were not sent */
};

/* session.c */

/* The call is complete; takes the error, NULL for success.  Wakes its waiter. */
void vuc_session_complete_locked (VucCall *call, GError *error);

/* Makes the call's waiter look again. */
void vuc_session_wake_waiter_locked (VucCall *call);

/* The session is dead of this cause, which is taken; every call completes with it. */
void vuc_session_die_locked (VucSession *session, GError *cause);
void vuc_session_die_of_protocol_locked (VucSession *session, const char *format, ...)
  G_GNUC_PRINTF (2, 3);

/* Hands a message to the trace.  Takes the lock off meanwhile. */
void vuc_session_trace_locked (VucSession *session,
                               gboolean sent,
                               const GByteArray *bytes,
                               guint n_fds);

/* inbox.c: by the holder of the reader role */

typedef enum
{
  VUC_INBOX_DONE,  /* something came and was dealt with, there may be more */
  VUC_INBOX_EMPTY, /* nothing more there: poll */
  VUC_INBOX_FULL,  /* an answer must go out before more is read */
  VUC_INBOX_DEAD
} VucInboxStatus;

/* Deals with what was read already, looking at the clock after each message. */
VucInboxStatus vuc_inbox_pump_locked (VucSession *session, gint64 deadline);

/* Receives once, and deals with it.  Takes the lock off while it receives. */
VucInboxStatus vuc_inbox_receive_locked (VucSession *session, gint64 deadline);

/* outbox.c */

void vuc_outbox_add_locked (VucSession *session, VucCall *call);

/* The call leaves the outbox, if it is in there.  It is not pinned. */
void vuc_outbox_drop_locked (VucSession *session, VucCall *call);

/* Whether some bytes of the call, but not all, went already. */
gboolean vuc_outbox_is_partly_sent_locked (const VucSession *session, const VucCall *call);

/* Sends what the socket takes, unless somebody else is at it.  Takes the lock off while it
 * sends. */
void vuc_outbox_flush_locked (VucSession *session);

/* Queues the answer to a server command: an error, and nothing else. */
void vuc_outbox_answer_locked (VucSession *session, const VucHeader *command, int error_number);

#endif /* VUC_SESSION_PRIVATE_H */
