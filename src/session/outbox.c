/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What goes out: commands in the order in which they were submitted, answers to server commands
 * before them.  Does not know who waits or what a reply means.
 *
 * Whoever has something to send takes the sender role if it is free, and then sends for everybody;
 * else the holder finds it in the outbox before it lets go of the role.  The role is only held for
 * sends that do not sleep.  So while nobody holds it, the outbox is empty, or the socket took no
 * more, or the holder had done its share (blocked): then whoever reads polls for output as well, and
 * goes on from here.
 *
 * Servers receive a command's payload with one receive that must return all of it, so a message is
 * never sent in parts of our making; several small ones may go in one send.
 *
 * What would be more than the limits allow waits in the crowd, without an id, until there is room.
 */

#include "session/session-private.h"

#include <sys/socket.h>

#include "base/limits.h"
#include "transport/socket.h"

/* Up to here several messages go in one send: it stays below the largest piece that the kernel
 * passes whole. */
#define BATCH_SIZE    (32 * 1024)
#define BATCH_CALLS   64
#define IOVS_PER_CALL 2

/* How long a send of an answer sleeps, in microseconds: a thread that revokes memory may have to wait for that. */
#define SEND_PATIENCE_US 10000

/* So many sends in a row are one thread's share: it has a deadline of its own, and what others
 * queue meanwhile might never end. */
#define SENDS_IN_A_ROW 16

typedef struct
{
  VucCall *calls[BATCH_CALLS];
  gsize n_calls;
  const int *fds; /* of the first call, which is alone then */
  guint n_fds;
  struct iovec iov[BATCH_CALLS * IOVS_PER_CALL];
  int n_iov;
} Batch;

gsize
vuc_outbox_message_size (const VucCall *call)
{
  return VUC_HEADER_SIZE + call->request_size + call->request_data_size;
}

/* --- What is queued --- */

gboolean
vuc_outbox_has_room_locked (const VucSession *session, gsize size)
{
  return session->queued_bytes == 0
         || session->queued_bytes + size <= session->options.max_queued_bytes;
}

static gboolean
has_room_locked (const VucSession *session, const VucCall *call)
{
  return !vuc_pending_is_full (&session->pending)
         && vuc_outbox_has_room_locked (session, vuc_outbox_message_size (call));
}

static void
encode_header (VucCall *call)
{
  VucHeader header = { .id = call->id,
                       .command = call->command,
                       .size = (guint32) vuc_outbox_message_size (call),
                       .no_reply = call->posted };

  vuc_header_encode (&header, call->header);
}

static void
push_locked (VucSession *session, VucCall *call)
{
  encode_header (call);
  call->queued = TRUE;
  session->queued_bytes += vuc_outbox_message_size (call);
  g_queue_push_tail_link (&session->outbox, &call->queue_link);
}

static void
queue_locked (VucSession *session, VucCall *call)
{
  (void) vuc_pending_add (&session->pending, call); /* there is room */
  push_locked (session, call);
}

void
vuc_outbox_queue_posted_locked (VucSession *session, VucCall *call)
{
  call->id = VUC_PENDING_POSTED;
  push_locked (session, call);
}

void
vuc_outbox_note_grown_locked (VucSession *session, VucCall *call, gsize size_before)
{
  encode_header (call);
  session->queued_bytes += vuc_outbox_message_size (call) - size_before;
}

void
vuc_outbox_add_locked (VucSession *session, VucCall *call)
{
  if (session->crowd.head == NULL && has_room_locked (session, call))
    {
      queue_locked (session, call);
      return;
    }
  call->crowded = TRUE;
  g_queue_push_tail_link (&session->crowd, &call->queue_link);
}

static void
let_in_locked (VucSession *session)
{
  while (session->crowd.head != NULL && has_room_locked (session, session->crowd.head->data))
    {
      VucCall *call = session->crowd.head->data;

      vuc_outbox_drop_locked (session, call);
      queue_locked (session, call);
    }
}

void
vuc_outbox_drop_locked (VucSession *session, VucCall *call)
{
  if (call->crowded)
    g_queue_unlink (&session->crowd, &call->queue_link);
  call->crowded = FALSE;
  if (!call->queued)
    return;

  if (session->outbox.head == &call->queue_link)
    session->head_sent = 0;
  g_queue_unlink (&session->outbox, &call->queue_link);
  session->queued_bytes -= vuc_outbox_message_size (call);
  call->queued = FALSE;
  if (call->posted)
    session->poster->release (call, session->poster_data);
}

gboolean
vuc_outbox_is_partly_sent_locked (const VucSession *session, const VucCall *call)
{
  return session->outbox.head == &call->queue_link && session->head_sent > 0;
}

void
vuc_outbox_detach_rest_locked (VucSession *session, VucCall *call)
{
  gsize sent = session->head_sent;
  GByteArray *rest = g_byte_array_new ();

  g_byte_array_append (rest, call->head, (guint) (VUC_HEADER_SIZE + call->request_size));
  if (call->request_data_size > 0)
    g_byte_array_append (rest, call->request_data, (guint) call->request_data_size);
  g_byte_array_remove_range (rest, 0, (guint) sent);
  vuc_outbox_drop_locked (session, call);
  session->rest = rest;
}

static gboolean
answer_is_next_locked (const VucSession *session)
{
  return vuc_serving_has_answer (&session->lane) && session->head_sent == 0
         && session->rest == NULL;
}

static gboolean
may_send_command_locked (const VucSession *session)
{
  return session->outbox.head != NULL
         && (!session->serial || session->head_sent > 0 || session->pending.n_sent == 0);
}

gboolean
vuc_outbox_has_more_locked (const VucSession *session)
{
  return session->rest != NULL || answer_is_next_locked (session)
         || may_send_command_locked (session);
}

/* Nobody reads at the other end. */
static void
drop_all_locked (VucSession *session)
{
  g_clear_pointer (&session->rest, g_byte_array_unref);
  if (vuc_serving_has_answer (&session->lane))
    vuc_serving_release_locked (session, &session->lane);
  while (session->outbox.head != NULL)
    vuc_outbox_drop_locked (session, session->outbox.head->data);
}

void
vuc_outbox_clear_locked (VucSession *session)
{
  g_clear_pointer (&session->rest, g_byte_array_unref);
  session->head_sent = 0;
}

/* --- Sending --- */

gsize
vuc_outbox_add_piece (const void *data,
                      gsize size,
                      gsize *skip,
                      struct iovec *iov,
                      int max_iov,
                      int *n_iov)
{
  gsize skipped = MIN (*skip, size);

  *skip -= skipped;
  if (size > skipped && *n_iov < max_iov)
    iov[(*n_iov)++] = (struct iovec){ (guint8 *) data + skipped, size - skipped };
  return size;
}

static void
add_to_batch (Batch *batch, const void *data, gsize size, gsize *skip)
{
  vuc_outbox_add_piece (data, size, skip, batch->iov, G_N_ELEMENTS (batch->iov), &batch->n_iov);
}

static void
fill_batch_locked (VucSession *session, Batch *batch)
{
  gsize max_calls = session->serial ? 1 : BATCH_CALLS;
  gsize size = 0;
  gsize skip = session->head_sent;

  batch->n_calls = 0;
  batch->n_iov = 0;
  batch->n_fds = 0;
  for (GList *link = session->outbox.head; link != NULL && batch->n_calls < max_calls;
       link = link->next)
    {
      VucCall *call = link->data;

      /* Descriptors go with the first byte of a send, and are the message's that begins there. */
      if (batch->n_calls > 0
          && (size + vuc_outbox_message_size (call) > BATCH_SIZE || call->n_request_fds > 0
              || batch->n_fds > 0))
        break;
      if (call->n_request_fds > 0 && session->head_sent == 0)
        {
          batch->fds = call->request_fds;
          batch->n_fds = call->n_request_fds;
        }

      add_to_batch (batch, call->head, VUC_HEADER_SIZE + call->request_size, &skip);
      add_to_batch (batch, call->request_data, call->request_data_size, &skip);
      batch->calls[batch->n_calls++] = call;
      size += vuc_outbox_message_size (call);
      call->sending = TRUE;
    }
}

/* The calls are pinned, so they can be looked at while the trace runs without the lock. */
static void
trace_batch_locked (VucSession *session, const Batch *batch)
{
  for (gsize i = 0; i < batch->n_calls; i++)
    {
      VucCall *call = batch->calls[i];
      g_autoptr (GByteArray) bytes = NULL;

      if (call->traced)
        continue;
      call->traced = TRUE;
      bytes = g_byte_array_new ();
      g_byte_array_append (bytes, call->head, (guint) (VUC_HEADER_SIZE + call->request_size));
      g_byte_array_append (bytes, call->request_data,
                           (guint) MIN (call->request_data_size, VUC_TRACE_SIZE - bytes->len));
      vuc_session_trace_locked (session, TRUE, bytes, call->n_request_fds);
    }
}

/* The server will see it, so it may do what it says.  If its reply is in already the id is free again,
 * or another's. */
static void
note_begun_locked (VucSession *session, VucCall *call)
{
  call->was_sent = TRUE;
  if (!call->done && !call->posted)
    vuc_pending_note_sent (&session->pending, call->id);
}

/* After a send of count bytes: which calls are out, and how far the next one is. */
static void
settle_batch_locked (VucSession *session, Batch *batch, gsize count)
{
  count += session->head_sent;

  for (gsize i = 0; i < batch->n_calls; i++)
    {
      VucCall *call = batch->calls[i];
      gsize size = vuc_outbox_message_size (call);
      gboolean posted = call->posted;

      call->sending = FALSE;
      if (count > 0)
        note_begun_locked (session, call);
      if (posted && count >= size)
        session->n_posted++;
      if (count >= size || !session->up)
        {
          count -= MIN (count, size);
          vuc_outbox_drop_locked (session, call);
        }
      else if (call->done)
        {
          vuc_outbox_drop_locked (session, call);
          vuc_session_die_of_protocol_locked (session, "reply %u came before its command was sent",
                                              call->id);
        }
      else
        {
          /* Only the first that stays can have been begun. */
          if (session->outbox.head == &call->queue_link)
            session->head_sent = count;
          count = 0;
        }
      if (!posted)
        vuc_call_unpinned_locked (session, call);
    }
}

static void
handle_send_failure_locked (VucSession *session, VucLane *lane, VucIoStatus status, GError *error)
{
  switch (status)
    {
    case VUC_IO_AGAIN:
      lane->blocked = TRUE;
      break;
    case VUC_IO_ENDED:
      /* The server may have said why before it went: the reader finds that, then the end. */
      session->send_ended = TRUE;
      break;
    default:
      vuc_session_die_locked (session, error);
      break;
    }
}

/* The answer's first bytes are ours, the data behind them the service's. */
static void
send_answer_locked (VucSession *session, VucLane *lane)
{
  struct iovec iov[BATCH_CALLS];
  int n_iov;
  gsize size = vuc_serving_get_answer (lane, iov, G_N_ELEMENTS (iov), &n_iov);
  gboolean patiently = session->sends_patiently && !lane->is_twin;
  g_autoptr (GError) error = NULL;
  VucIoStatus status;
  gsize sent = 0;

  lane->busy = TRUE;
  if (patiently && !lane->sends_in_time)
    vuc_socket_set_send_patience (lane->socket, SEND_PATIENCE_US);
  lane->sends_in_time |= patiently;
  g_mutex_unlock (&session->lock);
  if (patiently)
    status = vuc_socket_send_patiently (lane->socket, iov, n_iov, &sent, &error);
  else
    status = vuc_socket_send (lane->socket, iov, n_iov, NULL, 0, &sent, &error);
  g_mutex_lock (&session->lock);
  lane->busy = FALSE;
  vuc_session_released_locked (session);

  /* It has slept enough: poll. */
  lane->answer_sent += sent;
  if (patiently && status == VUC_IO_DONE && lane->answer_sent < size)
    status = VUC_IO_AGAIN;
  if (status == VUC_IO_AGAIN && lane->answer_blocked == 0)
    lane->answer_blocked = g_get_monotonic_time ();
  if (status != VUC_IO_DONE)
    handle_send_failure_locked (session, lane, status, g_steal_pointer (&error));
  else if (lane->answer_sent == size)
    vuc_serving_release_locked (session, lane);
}

static void
send_rest_locked (VucSession *session)
{
  GByteArray *rest = session->rest;
  struct iovec iov = { rest->data, rest->len };
  g_autoptr (GError) error = NULL;
  VucIoStatus status;
  gsize sent = 0;

  g_mutex_unlock (&session->lock);
  status = vuc_socket_send (session->lane.socket, &iov, 1, NULL, 0, &sent, &error);
  g_mutex_lock (&session->lock);

  g_byte_array_remove_range (rest, 0, (guint) sent);
  if (rest->len == 0)
    g_clear_pointer (&session->rest, g_byte_array_unref);
  if (status != VUC_IO_DONE)
    handle_send_failure_locked (session, &session->lane, status, g_steal_pointer (&error));
}

static void
send_batch_locked (VucSession *session, Batch *batch)
{
  g_autoptr (GError) error = NULL;
  VucIoStatus status;
  gsize sent = 0;

  fill_batch_locked (session, batch);
  if (session->options.trace != NULL)
    trace_batch_locked (session, batch);

  g_mutex_unlock (&session->lock);
  status = vuc_socket_send (session->lane.socket, batch->iov, batch->n_iov, batch->fds,
                            batch->n_fds, &sent, &error);
  g_mutex_lock (&session->lock);

  settle_batch_locked (session, batch, sent);
  if (status != VUC_IO_DONE)
    handle_send_failure_locked (session, &session->lane, status, g_steal_pointer (&error));
}

/* Whether what the reader polls for is not what it should poll for now. */
static gboolean
reader_must_look_again (const VucSession *session)
{
  return session->send_ended || (session->lane.blocked && !session->polls_room)
         || (!vuc_serving_has_answer (&session->lane) && !session->polls_input);
}

void
vuc_outbox_flush_locked (VucSession *session)
{
  VucLane *lane = &session->lane;
  guint n_sends = 0;
  Batch batch;

  /* Inside a callback nothing of ours was queued; sending what others have queued would call back
   * once more. */
  if (session->has_sender || !session->up || vuc_session_is_inside_callback ())
    return;
  if (session->crowd.head != NULL)
    let_in_locked (session);
  if (!vuc_outbox_has_more_locked (session))
    {
      /* What waited for room was taken back: nobody need look for room. */
      if (lane->blocked)
        {
          lane->blocked = FALSE;
          vuc_watch_update_locked (session);
        }
      return;
    }

  session->has_sender = TRUE;
  lane->blocked = FALSE;
  while (session->up && !lane->blocked && vuc_outbox_has_more_locked (session))
    {
      if (n_sends++ == SENDS_IN_A_ROW)
        lane->blocked = TRUE; /* as if the socket took no more: whoever reads goes on */
      else if (session->send_ended)
        drop_all_locked (session);
      else if (session->rest != NULL)
        send_rest_locked (session);
      else if (answer_is_next_locked (session))
        send_answer_locked (session, lane);
      else
        send_batch_locked (session, &batch);
      if (session->crowd.head != NULL && session->up)
        let_in_locked (session);
    }
  session->has_sender = FALSE;
  vuc_session_released_locked (session);

  if ((session->polling && reader_must_look_again (session))
      || (session->receiving && session->send_ended))
    vuc_session_wake_reader_locked (session);
  vuc_watch_update_locked (session);
  if (session->send_ended || (!session->has_reader && vuc_inbox_can_go_on_locked (session, lane)))
    vuc_watch_wake_loop_locked (session);
}

/* A large answer goes through the socket in pieces.  To sleep in one send until all are gone costs a
 * third of the system calls that sending what fits, and polling, does.  Nothing more is read from this
 * socket meanwhile anyway, and who else wants to send waits until the answer is out in any case; only
 * who revokes the memory may wait for it, as long as one send may sleep. */
void
vuc_outbox_flush_answer_locked (VucSession *session)
{
  /* Only one thread sends at a time, so nobody else can find this set. */
  if (!session->has_sender)
    session->sends_patiently = session->reader_is_free;
  vuc_outbox_flush_locked (session);
  if (!session->has_sender)
    session->sends_patiently = FALSE;
}

void
vuc_outbox_flush_twin_locked (VucSession *session, VucLane *lane)
{
  lane->blocked = FALSE;

  /* To its end, or until the socket takes no more: nobody would poll for the rest otherwise. */
  while (session->up && !lane->blocked && vuc_serving_has_answer (lane))
    if (session->send_ended)
      vuc_serving_release_locked (session, lane);
    else
      send_answer_locked (session, lane);
}
