/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the files of this floor share:
 *
 *   session.c  who waits, who reads, who wakes
 *   spin.c     polling before sleeping
 *   task.c     tasks: their calls, their steps, how they end
 *   clock.c    their deadlines, and those that sleep
 *   operations.c  asynchronous ones: numbers, waiting, cancelling
 *   delivery.c    who is told of their outcomes
 *   link.c     how a connection comes and goes
 *   inbox.c    what a message that came means
 *   serving.c  commands of the server
 *   outbox.c   what goes out
 *   posting.c  what is sent and then forgotten
 *   watch.c    the epoll descriptor: who is woken when nobody waits
 *   watched.c  descriptors of others in it
 *   loop.c     what is done then
 */

#ifndef VUC_SESSION_PRIVATE_H
#define VUC_SESSION_PRIVATE_H

#include <vfio-user-client/vuc-error.h>

#include "session/pending.h"
#include "session/posting.h"
#include "session/session.h"
#include "session/spin.h"
#include "session/task.h"
#include "session/watched.h"
#include "transport/framer.h"

/* One of the sockets of a connection: the main one, or the twin, which is for server commands. */
typedef struct
{
  int socket; /* -1: there is none */
  gboolean is_twin;

  /* Receiving: the reader's, and under the lock; the framer is the last member. */
  VucCall *current;     /* whose reply the framer's message is; NULL: nobody's */
  gint64 message_began; /* g_get_monotonic_time() of an unfinished message; 0: none */

  /* The command being served, and the answer to it. */
  VucServed served;
  enum
  {
    VUC_SERVING_NOTHING,
    VUC_SERVING_FIXED, /* its fixed part is being received */
    VUC_SERVING_DATA,  /* the rest is */
    VUC_SERVING_ANSWER /* the answer is being sent; nothing more is read meanwhile */
  } serving;
  gboolean begun;      /* the service's begin was called: it is owed a release */
  gboolean busy;       /* pinned: a thread is in the service, or in a system call with its memory */
  guint64 n_served;    /* how many there were */
  guint n_taken;       /* places that were handed to the framer */
  guint8 *answer_copy; /* instead of the service's memory, if that was revoked */
  struct iovec copied; /* that */
  gint64 answer_blocked; /* g_get_monotonic_time() when its answer found no room first; 0: it did */
  guint8 answer[VUC_HEADER_SIZE + VUC_SERVICE_FIXED_SIZE];
  gsize answer_size;   /* of these */
  gsize answer_sent;   /* of these and the data behind them */
  gboolean blocked;    /* the socket took no more: whoever reads must poll for output, too */
  gboolean filled;     /* the last receive brought all that was asked for */
  gboolean patient;    /* a receive that sleeps comes back in time */
  gboolean sends_in_time; /* so does a send */
  gboolean ready;      /* there may be something to receive */
  gboolean held_back;  /* what was received is not looked at before something else is done */
  guint32 watched_for; /* events for which it is in an epoll set; 0: it is not */

  VucFramer framer;
} VucLane;

struct _VucSession
{
  /* Constant. */
  VucSessionOptions options;

  /* Atomic. */
  gint usable_link; /* which connection everybody may use; 0: none */

  GMutex lock; /* guards everything below */

  /* The connection. */
  gboolean up;   /* it can be used, by the connecting task at least */
  GError *down;  /* why it can not; NULL before the first one */
  GError *cause; /* why nobody else can use it; NULL while connected */
  guint64 generation;  /* how many everybody could use */
  struct ucred peer;   /* who was at the other end of the last of those */
  gboolean is_shared;  /* somebody has a duplicate of the socket */
  gboolean shuts_down; /* the last reference has gone */
  guint64 link_number; /* how many there were */
  VucTask *connector;  /* the task that makes one */
  GError *refused;     /* what it is to fail with, because the session was ended meanwhile */
  gboolean negotiated;
  gboolean held;       /* the VERSION reply is in: nothing more is looked at before negotiated */
  gboolean send_ended; /* the server reads no more: what is sent is dropped */
  gboolean serial;     /* one command at a time */
  VucPending pending;
  GArray
    *late_refusals; /* guint64: serials of calls that are followed, and were refused; or NULL */
  VucLane *twin;    /* NULL: none was agreed on; the main one is the last member */

  /* The reader role. */
  gboolean has_reader;
  gboolean polling;    /* it sleeps in poll */
  gboolean receiving;  /* it sleeps in a receive, and cannot be woken but by the socket */
  gboolean spins;      /* it polls without sleeping, and sees by itself what changes */
  VucSpin spin;        /* whether to, and how long */
  gboolean poll_stale; /* it was woken, to look at what it polls for */
  gboolean polls_room; /* for output on the main socket, too */
  gboolean polls_input;
  gboolean reader_is_free; /* nothing but the main socket can need the reader: it may sleep in it */
  int wake;                /* eventfd that makes it look again; -1: not made yet */
  GQueue sleepers; /* waited tasks whose threads sleep, each of which could become the reader */

  /* The sender role. */
  gboolean has_sender;
  gboolean sends_patiently; /* that is the reader, and it may sleep while an answer goes */
  GQueue outbox;            /* calls that are not wholly sent, in order; each has an id */
  gsize head_sent;          /* bytes of the first one that were sent */
  GByteArray *rest; /* of a message whose task was cancelled in the middle; goes first; or NULL */
  GQueue crowd;     /* calls that wait for room in the outbox, in order */
  gsize queued_bytes;
  guint64 last_order; /* of the call that was submitted last */

  /* Posting. */
  const VucPoster *poster; /* NULL: nothing is posted */
  gpointer poster_data;
  gint unproven;         /* atomic, set under the lock: what was posted may not be executed yet */
  guint64 last_posted;   /* order of the call that was posted last */
  guint64 n_posted;      /* messages that were sent */
  guint64 n_answers_due; /* of this connection: should the server answer them, so often */

  /* Who waits for a pin, a role or a step to end. */
  GCond released;
  guint n_awaiting;

  /* Asynchronous tasks. */
  GHashTable *operations; /* number to task; those that are not delivered yet; NULL: none was */
  guint n_operations;     /* of these, but for those that were refused */
  VucOperation last_number;
  GQueue ready;     /* whose step is due, and which nobody waits for */
  GQueue finished;  /* to be delivered */
  GQueue deadlines; /* those with a deadline, in its order */
  GQueue snoozing;  /* those that sleep */

  /* The loop. */
  int epoll; /* -1: nobody has asked for it */
  gboolean is_attended; /* somebody who has looks after it */
  int pair;  /* the set of both sockets of a connection with a twin; -1: not made yet */
  gboolean in_pair; /* they are in that one */
  guint32 pair_watched_for;
  int loop_wake;
  int timer;
  gint64 timer_at;       /* for when the timer is set; G_MAXINT64: it is not */
  guint n_processing;    /* threads that look at everything: what they find needs no waking */
  VucWatchedSet watched; /* descriptors of others */
  gboolean loop_woken;   /* loop_wake was written, and not read since */
  gboolean must_look;    /* there is more to do than the set tells of, or than can be delivered */
  gboolean watch_paused; /* the sockets are not to be in the epoll set */
  gint64 resume_at;      /* paused with nobody reading: when they come back; else 0 */
  gint64 last_leave;     /* when a blocking reader left last */

  VucLane lane;
};

/* What has to be zeroed of each. */
#define VUC_LANE_HEAD    G_STRUCT_OFFSET (VucLane, framer)
#define VUC_SESSION_HEAD G_STRUCT_OFFSET (VucSession, lane)

/* --- session.c --- */

/* Sleeps on released once; whoever ends a pin, a role or a step wakes. */
void vuc_session_await_release_locked (VucSession *session);
void vuc_session_released_locked (VucSession *session);

/* Makes the task's waiter look again. */
void vuc_session_wake_waiter_locked (VucTask *task);

/* Makes the reader look again at what it polls for. */
void vuc_session_wake_reader_locked (VucSession *session);

/* Waits until the task has ended or its step is due; gives it up after its deadline. */
void vuc_session_wait_locked (VucSession *session, VucTask *task);

/* Takes the reader role for the thread that waits for the task, if it is free. */
void vuc_session_try_to_read_locked (VucSession *session, VucTask *task);

/* Reader role: deals with one message, if the lane has any.  Whether there may be more.  sleeps: it
 * may wait for it. */
gboolean vuc_session_take_one_locked (VucSession *session, VucLane *lane, gboolean sleeps);

/* Reader role: whether something was read and not dealt with. */
gboolean vuc_session_note_rest_locked (VucSession *session);

/* Reader role: whether the task still needs something to be received. */
gboolean vuc_session_must_read_locked (const VucSession *session, const VucTask *task);

/* Lays it down; and if nobody reads, somebody who sleeps shall, or the loop. */
void vuc_session_stop_reading_locked (VucSession *session, VucTask *task);
void vuc_session_hand_on_locked (VucSession *session);

/* Whether this thread delivers: what it submits is sent when it is done with that. */
gboolean vuc_session_is_delivering (const VucSession *session);

/* Hands a message to the trace.  Takes the lock off meanwhile. */
void vuc_session_trace_locked (VucSession *session,
                               gboolean sent,
                               const GByteArray *bytes,
                               guint n_fds);

/* --- spin.c: by the holder of the reader role, where poll_us is not 0 --- */

/* Polls as long as that pays.  TRUE: something was dealt with, or the task needs nothing any more;
 * FALSE: time to sleep, and *began is when the wait began, if something can be learned from it. */
gboolean vuc_spin_locked (VucSession *session, const VucTask *task, gint64 *began);

/* It did sleep, and something came only then. */
void vuc_spin_note_sleep_locked (VucSession *session, gint64 began);

/* --- task.c --- */

/* The call has its outcome; takes the error, NULL for success. */
void vuc_call_complete_locked (VucSession *session, VucCall *call, GError *error);

/* A pin was taken off: it may be over now. */
void vuc_call_unpinned_locked (VucSession *session, VucCall *call);

gboolean vuc_task_is_due_locked (const VucTask *task);
gboolean vuc_task_is_pinned_locked (const VucTask *task);

/* The task ends before its step says so.  It is not pinned.  If that cannot be done without the
 * stream, the connection ends and the step hears of that. */
void vuc_task_give_up_locked (VucSession *session, VucTask *task, VucError code);

/* Runs steps that are due; takes the lock off meanwhile.  The second is for who holds the reader
 * role, and stops where the connection ends. */
void vuc_task_run_ready_locked (VucSession *session);
void vuc_task_run_ready_as_reader_locked (VucSession *session);

/* Ends what is overdue and wakes what has slept enough.  May take the lock off. */
void vuc_task_look_at_clock_locked (VucSession *session, gint64 now);

/* When to look at the clock next. */
gint64 vuc_task_next_time_locked (const VucSession *session);

/* The step of a sleeping task is due now. */
void vuc_task_rouse_locked (VucSession *session, VucTask *task);

/* A task stands in ready or finished, or in neither. */
void vuc_task_enqueue_locked (GQueue *queue, VucTask *task);
void vuc_task_dequeue_locked (VucTask *task);

/* Its step may be due now: whoever waits is woken, or it is ready. */
void vuc_task_note_if_due_locked (VucSession *session, VucTask *task);

/* Runs its step; takes the lock off meanwhile. */
void vuc_task_run_step_locked (VucSession *session, VucTask *task);

/* It has ended; takes the error, NULL for success. */
void vuc_task_finish_locked (VucSession *session, VucTask *task, GError *error);

/* No lock is held: the last word on an outcome, before it is told. */
void vuc_task_settle (VucTask *task, GError **error);

/* --- clock.c --- */

void vuc_clock_add_locked (VucSession *session, VucTask *task);
void vuc_clock_remove_locked (VucSession *session, VucTask *task);
void vuc_clock_forget_snooze_locked (VucSession *session, VucTask *task);

/* --- operations.c --- */

/* It is not under way any more. */
void vuc_operation_forget_locked (VucSession *session, VucTask *task);

/* No lock is held: everything was told; frees it. */
void vuc_operation_dispose (VucTask *task);

/* An outcome that belongs to no operation: told to callback, after those of the tasks that are due
 * by now. */
void vuc_task_give_notice_locked (VucSession *session, VucCallback callback, const GError *error);

/* The task is to be delivered, in order with those that have ended: to its callback. */
void vuc_task_deliver_later_locked (VucSession *session, VucTask *task);

/* It is not delivered, unless that has begun.  Whether it was to be. */
gboolean vuc_task_deliver_not_locked (VucTask *task);

/* --- link.c --- */

/* The connection is dead of this cause, which is taken; every call completes with it. */
void vuc_session_die_locked (VucSession *session, GError *cause);
void vuc_session_die_of_protocol_locked (VucSession *session, const char *format, ...)
  G_GNUC_PRINTF (2, 3);

/* A copy of why what began on a connection cannot go on: its cause, or that there is another one. */
GError *vuc_session_explain_loss_locked (VucSession *session);

/* --- inbox.c: by the holder of the reader role --- */

typedef enum
{
  VUC_INBOX_DONE,  /* something came and was dealt with, there may be more */
  VUC_INBOX_EMPTY, /* nothing more there: poll */
  VUC_INBOX_FULL,  /* an answer must go out before more is read */
  VUC_INBOX_DEAD
} VucInboxStatus;

/* Deals with what was received already, up to the end of one message. */
VucInboxStatus vuc_inbox_pump_locked (VucSession *session, VucLane *lane);

/* Deals with at most one message, receiving once if it is not there yet.  Takes the lock off while
 * it receives.  sleeps: the receive may do so. */
VucInboxStatus vuc_inbox_receive_locked (VucSession *session, VucLane *lane, gboolean sleeps);

/* The reply that is being received goes nowhere any more.  Its call is not pinned. */
void vuc_inbox_forget_locked (VucSession *session);

/* The earliest time at which a message that has begun must be complete. */
gint64 vuc_inbox_message_deadline_locked (const VucSession *session);

/* The connection dies if that time has passed.  Whether it did. */
gboolean vuc_inbox_end_unfinished_locked (VucSession *session);

/* What was received, and held back, can be looked at now; the socket does not tell of that. */
gboolean vuc_inbox_can_go_on_locked (const VucSession *session, const VucLane *lane);

/* The rest of the message goes nowhere. */
void vuc_inbox_throw_away (VucLane *lane);

/* --- serving.c: by the holder of the reader role --- */

/* A command of the server has begun; the next part of it was taken. */
void vuc_serving_begin_locked (VucSession *session, VucLane *lane);

/* What was taken is there.  TRUE: the message is complete. */
gboolean vuc_serving_taken_locked (VucSession *session, VucLane *lane);

/* The message is complete: the answer is queued. */
void vuc_serving_end_locked (VucSession *session, VucLane *lane);

/* How many bytes the answer has, and the pieces of it that were not sent yet. */
gsize vuc_serving_get_answer (const VucLane *lane, struct iovec *iov, int max_iov, int *n_iov);

/* Whether an answer waits to be sent, or is being sent. */
gboolean vuc_serving_has_answer (const VucLane *lane);

/* The answer was sent, or never will be. */
void vuc_serving_release_locked (VucSession *session, VucLane *lane);

/* --- outbox.c --- */

/* Gives the call an id and queues it, or lets it wait for room. */
void vuc_outbox_add_locked (VucSession *session, VucCall *call);

/* The call leaves the outbox or the crowd, if it is there.  It is not pinned. */
void vuc_outbox_drop_locked (VucSession *session, VucCall *call);

/* Whether some bytes of the call, but not all, went already. */
gboolean vuc_outbox_is_partly_sent_locked (const VucSession *session, const VucCall *call);

/* The rest of a message that was sent in part is copied, and goes without the call. */
void vuc_outbox_detach_rest_locked (VucSession *session, VucCall *call);

/* The size of the call's message, header included. */
gsize vuc_outbox_message_size (const VucCall *call);

/* Of a message that goes out in pieces: appends what lies behind its first *skip bytes, which are
 * counted off, as long as there is room.  Returns the size of the whole piece. */
gsize vuc_outbox_add_piece (const void *data,
                            gsize size,
                            gsize *skip,
                            struct iovec *iov,
                            int max_iov,
                            int *n_iov);

/* Whether so many more bytes may be queued. */
gboolean vuc_outbox_has_room_locked (const VucSession *session, gsize size);

/* Queues a call that is posted.  There is room, and there is no crowd. */
void vuc_outbox_queue_posted_locked (VucSession *session, VucCall *call);

/* Its message, which had this size before, was filled in anew. */
void vuc_outbox_note_grown_locked (VucSession *session, VucCall *call, gsize size_before);

/* Sends what the socket takes, unless somebody else is at it.  Takes the lock off while it
 * sends. */
void vuc_outbox_flush_locked (VucSession *session);

/* The same for an answer on the main socket, by the holder of the reader role: may sleep a while. */
void vuc_outbox_flush_answer_locked (VucSession *session);

/* Sends the answer on a twin socket.  By the holder of the reader role. */
void vuc_outbox_flush_twin_locked (VucSession *session, VucLane *lane);

/* Whether there is something that could be sent, if the socket takes it. */
gboolean vuc_outbox_has_more_locked (const VucSession *session);

/* Nothing is queued any more. */
void vuc_outbox_clear_locked (VucSession *session);

/* --- posting.c --- */

/* The call with this order may not be executed yet when others are begun. */
void vuc_posting_note_unproven_locked (VucSession *session, guint64 order);

/* There is a reply to the call with this order: the server has executed all that was sent before. */
void vuc_posting_note_reply_locked (VucSession *session, guint64 order);

/* The connection has ended. */
void vuc_posting_forget_locked (VucSession *session);

/* --- watch.c --- */

/* Puts into the epoll set what belongs there now, and takes out what does not. */
void vuc_watch_update_locked (VucSession *session);

/* A blocking reader begins: the sockets leave the set. */
void vuc_watch_pause_locked (VucSession *session);

/* Nobody reads any more: they come back, soon. */
void vuc_watch_resume_locked (VucSession *session);

/* An asynchronous reply is awaited: they come back now, unless somebody reads. */
void vuc_watch_hurry_locked (VucSession *session);

/* The loop has something to do that no descriptor of the set tells of. */
void vuc_watch_wake_loop_locked (VucSession *session);

/* There is something that any thread could run, deliver or send, if whoever found it does not. */
void vuc_watch_offer_locked (VucSession *session);

/* It did: the loop need not be woken, unless there is more. */
void vuc_watch_withdraw_locked (VucSession *session);

/* Sets the timer for the next time at which the loop has something to do. */
void vuc_watch_set_timer_locked (VucSession *session);

/* Which of the set's descriptors are ready: reads the wake-up and the timer empty. */
void vuc_watch_look_locked (VucSession *session);

/* The set of watched.c becomes part of this one, if that is there.  FALSE with errno. */
gboolean vuc_watch_add_watched_locked (VucSession *session);

/* A look at everything is over: the loop sleeps until there is something new. */
void vuc_watch_end_look_locked (VucSession *session);

void vuc_watch_clear (VucSession *session);

#endif /* VUC_SESSION_PRIVATE_H */
