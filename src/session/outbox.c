/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What goes out: commands in the order in which they were submitted, answers to server commands
 * before them.  Does not know who waits or what a reply means.
 *
 * Whoever has something to send takes the sender role if it is free, and then sends for everybody;
 * else the holder finds it in the outbox before it lets go of the role.  The role is only held for
 * sends that do not sleep.  So while nobody holds it, the outbox is empty, or the socket took no
 * more, or the holder had done its share (blocked): then the reader polls for output as well, and
 * goes on from here.
 *
 * Servers receive a command's payload with one receive that must return all of it, so a message is
 * never sent in parts of our making; several small ones may go in one send.
 */

#include "session/session-private.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "transport/socket.h"

/* Up to here several messages go in one send: it stays below the largest piece that the kernel
 * passes whole. */
#define BATCH_SIZE    (32 * 1024)
#define BATCH_CALLS   64
#define IOVS_PER_CALL 3

/* So many sends in a row are one thread's share: it has a deadline of its own, and what others
 * queue meanwhile might never end. */
#define SENDS_IN_A_ROW 16

typedef struct
{
  VucCall *calls[BATCH_CALLS];
  gsize n_calls;
  struct iovec iov[BATCH_CALLS * IOVS_PER_CALL];
  int n_iov;
} Batch;

static gsize
message_size (const VucCall *call)
{
  return VUC_HEADER_SIZE + call->request_size + call->request_data_size;
}

void
vuc_outbox_add_locked (VucSession *session, VucCall *call)
{
  VucHeader header = { .id = call->id,
                       .command = call->command,
                       .size = (guint32) message_size (call) };

  vuc_header_encode (&header, call->header);
  call->queued = TRUE;
  g_queue_push_tail_link (&session->outbox, &call->outbox_link);
}

void
vuc_outbox_drop_locked (VucSession *session, VucCall *call)
{
  if (!call->queued)
    return;
  if (session->outbox.head == &call->outbox_link)
    session->head_sent = 0;
  g_queue_unlink (&session->outbox, &call->outbox_link);
  call->queued = FALSE;
}

gboolean
vuc_outbox_is_partly_sent_locked (const VucSession *session, const VucCall *call)
{
  return session->outbox.head == &call->outbox_link && session->head_sent > 0;
}

void
vuc_outbox_answer_locked (VucSession *session, const VucHeader *command, int error_number)
{
  VucHeader reply = { .id = command->id,
                      .command = command->command,
                      .size = VUC_HEADER_SIZE,
                      .is_reply = TRUE,
                      .is_error = TRUE,
                      .error_number = error_number };

  vuc_header_encode (&reply, session->answer);
  session->answer_left = sizeof session->answer;
}

/* Appends what lies behind the first *skip bytes of a piece. */
static void
add_piece (Batch *batch, const void *data, gsize size, gsize *skip)
{
  gsize skipped = MIN (*skip, size);

  *skip -= skipped;
  if (size > skipped)
    batch->iov[batch->n_iov++] = (struct iovec){ (guint8 *) data + skipped, size - skipped };
}

static void
fill_batch_locked (VucSession *session, Batch *batch)
{
  gsize size = 0;
  gsize skip = session->head_sent;

  batch->n_calls = 0;
  batch->n_iov = 0;
  for (GList *link = session->outbox.head; link != NULL; link = link->next)
    {
      VucCall *call = link->data;

      if (batch->n_calls == BATCH_CALLS
          || (batch->n_calls > 0 && size + message_size (call) > BATCH_SIZE))
        break;

      add_piece (batch, call->header, sizeof call->header, &skip);
      add_piece (batch, call->request, call->request_size, &skip);
      add_piece (batch, call->request_data, call->request_data_size, &skip);
      batch->calls[batch->n_calls++] = call;
      size += message_size (call);
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
      g_byte_array_append (bytes, call->header, sizeof call->header);
      g_byte_array_append (bytes, call->request, (guint) call->request_size);
      g_byte_array_append (bytes, call->request_data,
                           (guint) MIN (call->request_data_size, VUC_TRACE_SIZE - bytes->len));
      vuc_session_trace_locked (session, TRUE, bytes, 0);
    }
}

/* After a send of count bytes: which calls are out, and how far the next one is. */
static void
settle_batch_locked (VucSession *session, Batch *batch, gsize count)
{
  count += session->head_sent;

  for (gsize i = 0; i < batch->n_calls; i++)
    {
      VucCall *call = batch->calls[i];
      gsize size = message_size (call);

      call->sending = FALSE;
      if (count >= size || session->cause != NULL)
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
          if (session->outbox.head == &call->outbox_link)
            session->head_sent = count;
          count = 0;
        }
      vuc_session_wake_waiter_locked (call);
    }
}

static void
handle_send_failure_locked (VucSession *session, VucIoStatus status, GError *error)
{
  switch (status)
    {
    case VUC_IO_AGAIN:
      session->blocked = TRUE;
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

static void
send_answer_locked (VucSession *session)
{
  struct iovec iov = { session->answer + sizeof session->answer - session->answer_left,
                       session->answer_left };
  g_autoptr (GError) error = NULL;
  VucIoStatus status;
  gsize sent = 0;

  g_mutex_unlock (&session->lock);
  status = vuc_socket_send (session->socket, &iov, 1, NULL, 0, &sent, &error);
  g_mutex_lock (&session->lock);

  session->answer_left -= sent;
  if (status != VUC_IO_DONE)
    handle_send_failure_locked (session, status, g_steal_pointer (&error));
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
  status = vuc_socket_send (session->socket, batch->iov, batch->n_iov, NULL, 0, &sent, &error);
  g_mutex_lock (&session->lock);

  settle_batch_locked (session, batch, sent);
  if (status != VUC_IO_DONE)
    handle_send_failure_locked (session, status, g_steal_pointer (&error));
}

/* Nobody reads at the other end. */
static void
drop_outbox_locked (VucSession *session)
{
  session->answer_left = 0;
  while (session->outbox.head != NULL)
    vuc_outbox_drop_locked (session, session->outbox.head->data);
}

static gboolean
has_more (const VucSession *session)
{
  return session->answer_left > 0 || session->outbox.head != NULL;
}

/* Whether what the reader polls for is not what it should poll for now. */
static gboolean
reader_must_look_again (const VucSession *session)
{
  if (!session->polling)
    return FALSE;
  return session->send_ended || (session->blocked && (session->polled_events & POLLOUT) == 0)
         || (session->answer_left == 0 && (session->polled_events & POLLIN) == 0);
}

void
vuc_outbox_flush_locked (VucSession *session)
{
  guint n_sends = 0;
  Batch batch;

  if (session->has_sender)
    return;

  session->has_sender = TRUE;
  session->blocked = FALSE;
  while (session->cause == NULL && !session->blocked && has_more (session))
    {
      if (n_sends++ == SENDS_IN_A_ROW)
        session->blocked = TRUE; /* as if the socket took no more: the reader goes on */
      else if (session->send_ended)
        drop_outbox_locked (session);
      else if (session->answer_left > 0 && session->head_sent == 0)
        send_answer_locked (session);
      else
        send_batch_locked (session, &batch);
    }
  session->has_sender = FALSE;

  if (reader_must_look_again (session))
    (void) eventfd_write (session->wake, 1);
}
