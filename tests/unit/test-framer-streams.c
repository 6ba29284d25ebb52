/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The framer against a model: streams that look random, through something that cuts them as a UNIX
 * socket does, must come out as the messages that went in, with their descriptors.
 */

#include "transport/framer.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/mutate.h"

#define N_STREAMS 400
#define N_MESSAGES 30
#define MAX_PAYLOAD (2 * VUC_FRAMER_AHEAD)
#define MAX_FDS 5

typedef struct
{
  guint16 id;
  gsize payload; /* bytes of it; see payload_byte() */
  int fds[MAX_FDS];
  guint n_fds;
} Message;

/* One send: its descriptors are delivered with its first byte, and end the receive that has it. */
typedef struct
{
  gsize start; /* in the stream */
  gsize end;
  const Message *message; /* whose descriptors these are, or NULL */
} Piece;

typedef struct
{
  guint64 random;
  Message messages[N_MESSAGES];
  GByteArray *bytes;
  GArray *pieces; /* of Piece */

  gsize position; /* how far the stream was received */
  guint piece;    /* the one that this lies in */
} Stream;

static gsize
random_below (Stream *stream, gsize limit)
{
  return (gsize) (mutate_next_number (&stream->random) % limit);
}

static guint8
payload_byte (const Message *message, gsize index)
{
  return (guint8) (message->id * 31 + index * 7 + (index >> 8));
}

/* Mostly small ones, among them none at all, and a few that are larger than the buffer. */
static gsize
random_payload (Stream *stream)
{
  static const gsize limits[] = { 1, 20, 20, 200, MAX_PAYLOAD };

  return random_below (stream, limits[random_below (stream, G_N_ELEMENTS (limits))]);
}

static void
append_message (Stream *stream, Message *message)
{
  gsize size = VUC_HEADER_SIZE + message->payload;
  VucHeader header = { .id = message->id, .command = 5, .size = (guint32) size, .is_reply = TRUE };
  guint8 raw[VUC_HEADER_SIZE];

  vuc_header_encode (&header, raw);
  g_byte_array_append (stream->bytes, raw, sizeof raw);
  for (gsize i = 0; i < message->payload; i++)
    {
      guint8 byte = payload_byte (message, i);

      g_byte_array_append (stream->bytes, &byte, 1);
    }
}

/* Sends what was not sent yet: in one piece or in two. */
static void
send_bytes (Stream *stream, gsize start, const Message *message)
{
  gsize size = stream->bytes->len - start;
  Piece piece = { start, start + size, message != NULL && message->n_fds > 0 ? message : NULL };

  if (size > 1 && random_below (stream, 4) == 0)
    {
      gsize cut = start + 1 + random_below (stream, size - 1);
      Piece rest = { cut, piece.end, NULL };

      piece.end = cut;
      g_array_append_val (stream->pieces, piece);
      piece = rest;
    }
  g_array_append_val (stream->pieces, piece);
}

static void
stream_init (Stream *stream, guint64 seed)
{
  gsize unsent = 0;

  *stream = (Stream){ .random = seed, .bytes = g_byte_array_new () };
  stream->pieces = g_array_new (FALSE, FALSE, sizeof (Piece));

  for (guint i = 0; i < N_MESSAGES; i++)
    {
      Message *message = &stream->messages[i];

      message->id = (guint16) i;
      message->payload = random_payload (stream);
      if (random_below (stream, 3) == 0)
        message->n_fds = (guint) random_below (stream, MAX_FDS + 1);
      for (guint n = 0; n < message->n_fds; n++)
        message->fds[n] = open ("/dev/null", O_RDONLY | O_CLOEXEC);

      /* Descriptors go with the first byte of their send; others may share one. */
      if (message->n_fds > 0 && unsent < stream->bytes->len)
        {
          send_bytes (stream, unsent, NULL);
          unsent = stream->bytes->len;
        }
      append_message (stream, message);
      if (message->n_fds > 0 || i == N_MESSAGES - 1 || random_below (stream, 2) == 0)
        {
          send_bytes (stream, unsent, message);
          unsent = stream->bytes->len;
        }
    }
}

static void
stream_clear (Stream *stream)
{
  g_byte_array_unref (stream->bytes);
  g_array_unref (stream->pieces);
}

/* As recvmsg(2) does: on and on, up to the end of a piece whose descriptors it hands out. */
static gsize
stream_receive (Stream *stream, guint8 *data, gsize size, VucFdSet *fds)
{
  gsize done = 0;
  gboolean stop = FALSE;

  while (done < size && !stop && stream->piece < stream->pieces->len)
    {
      const Piece *piece = &g_array_index (stream->pieces, Piece, stream->piece);
      gsize count = MIN (size - done, piece->end - stream->position);

      if (piece->message != NULL && stream->position == piece->start)
        {
          for (guint i = 0; i < piece->message->n_fds; i++)
            ck_assert (vuc_fd_set_add (fds, piece->message->fds[i]));
          stop = TRUE;
        }
      memcpy (data + done, stream->bytes->data + stream->position, count);
      done += count;
      stream->position += count;
      if (stream->position == piece->end)
        {
          stream->piece++;
          /* The next one may not have come yet. */
          stop = stop || random_below (stream, 3) == 0;
        }
    }
  return done;
}

static void
receive_once (Stream *stream, VucFramer *framer)
{
  gboolean ahead = random_below (stream, 2) == 0;
  struct iovec iov[VUC_FRAMER_WANTS];
  int n_iov = vuc_framer_want (framer, ahead ? G_MAXSIZE : 0, iov);
  gsize size = 0, count, done = 0;
  g_autofree guint8 *data = NULL;
  VucFdSet fds;

  for (int i = 0; i < n_iov; i++)
    size += iov[i].iov_len;
  if (size == 0)
    harness_fail ("the framer needs bytes, but has no place for them");
  size = 1 + random_below (stream, size);

  data = g_malloc (size);
  vuc_fd_set_init (&fds);
  count = stream_receive (stream, data, size, &fds);
  if (count == 0)
    harness_fail ("the framer needs bytes after the last message");
  for (int i = 0; i < n_iov && done < count; i++)
    {
      gsize part = MIN (iov[i].iov_len, count - done);

      memcpy (iov[i].iov_base, data + done, part);
      done += part;
    }
  vuc_framer_fed (framer, count, &fds);
}

/* What one message is taken into, in steps of random places. */
typedef struct
{
  guint8 data[MAX_PAYLOAD];
  gboolean kept[MAX_PAYLOAD];
  gsize done;
} Payload;

static void
take_step (Stream *stream, VucFramer *framer, Payload *payload)
{
  struct iovec places[VUC_FRAMER_PLACES];
  int n_places = 1 + (int) random_below (stream, VUC_FRAMER_PLACES);
  gsize left = framer->left;

  for (int i = 0; i < n_places; i++)
    {
      gsize size = random_below (stream, 3) == 0 ? left : random_below (stream, left + 1);
      gboolean keep = random_below (stream, 4) != 0;

      places[i] = (struct iovec){ keep ? payload->data + payload->done : NULL, size };
      for (gsize n = 0; n < size; n++)
        payload->kept[payload->done + n] = keep;
      payload->done += size;
      left -= size;
    }
  vuc_framer_take (framer, places, n_places);
}

/* Assertions are slow: Check writes each one down.  So there is none for each byte. */
static void
check_message (const VucFramer *framer, const Message *message, const Payload *payload)
{
  ck_assert_uint_eq (framer->header.id, message->id);
  ck_assert_uint_eq (payload->done, message->payload);
  for (gsize i = 0; i < payload->done; i++)
    if (payload->kept[i] && payload->data[i] != payload_byte (message, i))
      harness_fail ("byte %zu of %zu is wrong", i, payload->done);

  ck_assert_uint_eq (framer->fds.count, message->n_fds);
  for (guint i = 0; i < message->n_fds; i++)
    ck_assert_int_eq (vuc_fd_set_peek (&framer->fds, i), message->fds[i]);
}

static void
run_stream (guint64 seed)
{
  g_autofree Payload *payload = g_new0 (Payload, 1);
  Stream stream;
  VucFramer framer;
  guint n_messages = 0;

  stream_init (&stream, seed);
  vuc_framer_init (&framer, VUC_HEADER_SIZE + MAX_PAYLOAD);

  while (n_messages < N_MESSAGES)
    switch (vuc_framer_next (&framer, NULL))
      {
      case VUC_FRAMER_HEADER:
        payload->done = 0;
        take_step (&stream, &framer, payload);
        break;
      case VUC_FRAMER_TAKEN:
        if (framer.left > 0)
          {
            take_step (&stream, &framer, payload);
            break;
          }
        check_message (&framer, &stream.messages[n_messages++], payload);
        vuc_framer_end (&framer);
        break;
      case VUC_FRAMER_NEEDS_BYTES:
        receive_once (&stream, &framer);
        break;
      case VUC_FRAMER_BROKEN:
        ck_abort_msg ("the stream is broken after %u messages", n_messages);
      }

  ck_assert (vuc_framer_is_idle (&framer));
  ck_assert_uint_eq (stream.position, stream.bytes->len);
  vuc_framer_clear (&framer);
  stream_clear (&stream);
}

/* That no descriptor is left open is seen by the harness. */
static void
any_stream_comes_out_as_it_went_in (void)
{
  for (guint64 seed = 0; seed < N_STREAMS; seed++)
    {
      harness_context ("seed %u", (guint) seed);
      run_stream (seed);
    }
}

static const HarnessCase cases[] = {
  HARNESS_CASE (any_stream_comes_out_as_it_went_in),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "framer, streams", cases);
}
