/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Literal bytes in, messages out, however the stream is cut, and whose the descriptors are.
 * Streams that look random are in test-framer-streams.c.
 */

#include "transport/framer.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"

#define MAX_SIZE 4096

/* Two messages of 24 bytes, the shortest with a payload worth cutting. */
#define MESSAGE_A "u16:1 u16:9 u32:24 u32:1 u32:0 | a1*8 "
#define MESSAGE_B "u16:2 u16:5 u32:24 u32:1 u32:0 | b2*8 "
#define MESSAGE_SIZE 24

/* What came out, a line for each message: its id, command, descriptors and payload. */
typedef struct
{
  VucFramer framer;
  GString *log;
  guint8 payload[MAX_SIZE];
  GError *error;
} Reader;

static Reader *
reader_new (void)
{
  Reader *reader = g_new0 (Reader, 1);

  vuc_framer_init (&reader->framer, MAX_SIZE);
  reader->log = g_string_new (NULL);
  return reader;
}

static void
reader_free (Reader *reader)
{
  vuc_framer_clear (&reader->framer);
  g_string_free (reader->log, TRUE);
  g_clear_error (&reader->error);
  g_free (reader);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Reader, reader_free)

static void
log_message (Reader *reader)
{
  const VucHeader *header = &reader->framer.header;

  g_string_append_printf (reader->log, "%u %u fds %u", header->id, header->command,
                          reader->framer.fds.count);
  for (guint i = 0; i < header->size - VUC_HEADER_SIZE; i++)
    g_string_append_printf (reader->log, " %02x", reader->payload[i]);
  g_string_append (reader->log, "\n");
}

/* Takes whole payloads until more bytes are needed; FALSE when the stream is broken. */
static gboolean
take_messages (Reader *reader)
{
  VucFramer *framer = &reader->framer;

  for (;;)
    {
      struct iovec place = { reader->payload, framer->left };

      switch (vuc_framer_next (framer, &reader->error))
        {
        case VUC_FRAMER_HEADER:
          place.iov_len = framer->left;
          vuc_framer_take (framer, &place, 1);
          break;
        case VUC_FRAMER_TAKEN:
          log_message (reader);
          vuc_framer_end (framer);
          break;
        case VUC_FRAMER_NEEDS_BYTES:
          return TRUE;
        case VUC_FRAMER_BROKEN:
          return FALSE;
        }
    }
}

/* One receive of at most size bytes, and of n_fds descriptors; how many bytes fitted. */
static gsize
feed (VucFramer *framer, gboolean ahead, const guint8 *bytes, gsize size, guint n_fds)
{
  struct iovec iov[VUC_FRAMER_WANTS];
  int n_iov = vuc_framer_want (framer, ahead ? G_MAXSIZE : 0, iov);
  VucFdSet fds;
  gsize done = 0;

  /* Not an assertion each: Check writes every one of them down, which is slow. */
  if (n_iov < 1 || n_iov > VUC_FRAMER_WANTS)
    harness_fail ("%d places for the next bytes", n_iov);
  for (int i = 0; i < n_iov; i++)
    {
      gsize count = MIN (iov[i].iov_len, size - done);

      if (iov[i].iov_len == 0)
        harness_fail ("place %d is empty", i);
      memcpy (iov[i].iov_base, bytes + done, count);
      done += count;
    }

  vuc_fd_set_init (&fds);
  for (guint i = 0; i < n_fds; i++)
    ck_assert (vuc_fd_set_add (&fds, open ("/dev/null", O_RDONLY | O_CLOEXEC)));
  vuc_framer_fed (framer, done, &fds);
  if (fds.count != 0)
    harness_fail ("the framer left %u descriptors", fds.count);
  return done;
}

/* The same in as many receives as it needs; the descriptors come with the first. */
static gboolean
feed_all (Reader *reader, gboolean ahead, const guint8 *bytes, gsize size, guint n_fds)
{
  for (gsize done = 0; done < size; n_fds = 0)
    {
      done += feed (&reader->framer, ahead, bytes + done, size - done, n_fds);
      if (!take_messages (reader))
        return FALSE;
    }
  return TRUE;
}

/* --- The stream, cut --- */

/* A message of each kind: much, nothing, an error, a command. */
static const char stream_text[] =
  "u16:1 u16:1  u32:25 u32:1 u32:0    | u16:0 u16:1 '{}' 00*3   # VERSION reply        \n"
  "u16:2 u16:13 u32:16 u32:1 u32:0    |                         # DEVICE_RESET reply   \n"
  "u16:3 u16:9  u32:16 u32:0x21 u32:5 |                         # an error             \n"
  "u16:7 u16:11 u32:32 u32:0 u32:0    | u64:0x1000 u64:4        # DMA_READ, a command  \n"
  "u16:4 u16:9  u32:36 u32:1 u32:0    | u64:0 u32:7 u32:4 de ad be ef";

static const char stream_log[] =
  "1 1 fds 0 00 00 01 00 7b 7d 00 00 00\n"
  "2 13 fds 0\n"
  "3 9 fds 0\n"
  "7 11 fds 0 00 10 00 00 00 00 00 00 04 00 00 00 00 00 00 00\n"
  "4 9 fds 0 00 00 00 00 00 00 00 00 07 00 00 00 04 00 00 00 de ad be ef\n";

static const struct
{
  const char *name;
  gboolean ahead;
} manners[] = {
  { "read ahead", TRUE },
  { "read exactly", FALSE },
};

static gboolean
is_ahead (gconstpointer row)
{
  return ((const __typeof__ (manners[0]) *) row)->ahead;
}

static void
a_stream_has_the_same_messages_wherever_it_is_cut (gconstpointer row)
{
  g_autoptr(GBytes) stream = hex (stream_text);
  gsize size;
  const guint8 *bytes = g_bytes_get_data (stream, &size);

  for (gsize first = 1; first <= size; first++)
    for (gsize second = first; second <= size; second++)
      {
        g_autoptr(Reader) reader = reader_new ();

        harness_context ("cut at %zu and %zu", first, second);
        ck_assert (feed_all (reader, is_ahead (row), bytes, first, 0)
                   && feed_all (reader, is_ahead (row), bytes + first, second - first, 0)
                   && feed_all (reader, is_ahead (row), bytes + second, size - second, 0));
        ck_assert_str_eq (reader->log->str, stream_log);
        ck_assert (vuc_framer_is_idle (&reader->framer));
      }
}

static void
a_stream_may_come_byte_by_byte (gconstpointer row)
{
  g_autoptr(GBytes) stream = hex (stream_text);
  g_autoptr(Reader) reader = reader_new ();
  gsize size;
  const guint8 *bytes = g_bytes_get_data (stream, &size);

  for (gsize i = 0; i < size; i++)
    ck_assert (feed_all (reader, is_ahead (row), bytes + i, 1, 0));

  ck_assert_str_eq (reader->log->str, stream_log);
}

static void
an_exact_read_stops_at_the_end_of_a_header (void)
{
  g_autoptr(GBytes) message = hex (MESSAGE_A);
  const guint8 *bytes = g_bytes_get_data (message, NULL);
  g_autoptr(Reader) reader = reader_new ();
  guint8 more[2 * MESSAGE_SIZE];

  memcpy (more, bytes, MESSAGE_SIZE);
  memcpy (more + MESSAGE_SIZE, bytes, MESSAGE_SIZE);

  ck_assert_uint_eq (feed (&reader->framer, FALSE, more, sizeof more, 0), VUC_HEADER_SIZE);
  ck_assert (take_messages (reader));
  ck_assert_uint_eq (feed (&reader->framer, FALSE, more + VUC_HEADER_SIZE, 32, 0),
                     8 + VUC_HEADER_SIZE);
  ck_assert (take_messages (reader));
  ck_assert_str_eq (reader->log->str, "1 9 fds 0 a1 a1 a1 a1 a1 a1 a1 a1\n");
  ck_assert_uint_eq (feed (&reader->framer, FALSE, more + MESSAGE_SIZE + VUC_HEADER_SIZE, 8, 0), 8);
  ck_assert (take_messages (reader));
  ck_assert (vuc_framer_is_idle (&reader->framer));
}

static void
reading_ahead_takes_what_fits (void)
{
  g_autoptr(GBytes) message = hex (MESSAGE_A MESSAGE_B);
  g_autoptr(Reader) reader = reader_new ();

  ck_assert_uint_eq (feed (&reader->framer, TRUE, g_bytes_get_data (message, NULL), 48, 0), 48);
  ck_assert (take_messages (reader));
  ck_assert_str_eq (reader->log->str, "1 9 fds 0 a1 a1 a1 a1 a1 a1 a1 a1\n"
                                      "2 5 fds 0 b2 b2 b2 b2 b2 b2 b2 b2\n");
}

static void
a_message_is_unfinished_from_its_first_byte_to_its_last (void)
{
  g_autoptr(GBytes) message = hex (MESSAGE_A);
  const guint8 *bytes = g_bytes_get_data (message, NULL);
  g_autoptr(Reader) reader = reader_new ();

  ck_assert (vuc_framer_is_idle (&reader->framer));
  for (gsize i = 0; i < MESSAGE_SIZE - 1; i++)
    {
      ck_assert (feed_all (reader, TRUE, bytes + i, 1, 0));
      ck_assert (!vuc_framer_is_idle (&reader->framer));
    }
  ck_assert (feed_all (reader, TRUE, bytes + MESSAGE_SIZE - 1, 1, 0));
  ck_assert (vuc_framer_is_idle (&reader->framer));
}

/* --- Sizes --- */

static const struct
{
  const char *name;
  const char *header;
  const char *why; /* NULL: it is accepted */
} sizes[] = {
  { "0", "u16:1 u16:9 u32:0 u32:1 u32:0", "REGION_READ: size 0, allowed are 16 to 4096" },
  { "15", "u16:1 u16:9 u32:15 u32:1 u32:0", "REGION_READ: size 15, allowed are 16 to 4096" },
  { "16", "u16:1 u16:9 u32:16 u32:1 u32:0", NULL },
  { "the largest", "u16:1 u16:9 u32:4096 u32:1 u32:0", NULL },
  { "one more", "u16:1 u16:9 u32:4097 u32:1 u32:0", "size 4097, allowed are 16 to 4096" },
  { "2^32 - 1", "u16:1 u16:9 u32:0xffffffff u32:1 u32:0", "size 4294967295, allowed are 16" },
};

static void
a_message_has_a_size_that_is_allowed (gconstpointer row)
{
  const __typeof__ (sizes[0]) *size = row;
  g_autoptr(GBytes) header = hex (size->header);
  g_autoptr(Reader) reader = reader_new ();

  feed (&reader->framer, TRUE, g_bytes_get_data (header, NULL), VUC_HEADER_SIZE, 0);

  if (size->why == NULL)
    {
      ck_assert_int_eq (vuc_framer_next (&reader->framer, &reader->error), VUC_FRAMER_HEADER);
      return;
    }
  ck_assert_int_eq (vuc_framer_next (&reader->framer, &reader->error), VUC_FRAMER_BROKEN);
  assert_error (reader->error, VUC_ERROR, VUC_ERROR_PROTOCOL, size->why);
}

/* --- Descriptors --- */

static void
descriptors_belong_to_the_message_that_they_came_with (gconstpointer row)
{
  g_autoptr(GBytes) message = hex (MESSAGE_A MESSAGE_B);
  const guint8 *bytes = g_bytes_get_data (message, NULL);
  g_autoptr(Reader) reader = reader_new ();

  ck_assert (feed_all (reader, is_ahead (row), bytes, MESSAGE_SIZE, 2));
  ck_assert (feed_all (reader, is_ahead (row), bytes + MESSAGE_SIZE, MESSAGE_SIZE, 3));

  ck_assert_str_eq (reader->log->str, "1 9 fds 2 a1 a1 a1 a1 a1 a1 a1 a1\n"
                                      "2 5 fds 3 b2 b2 b2 b2 b2 b2 b2 b2\n");
}

/* A receive that has the end of A, from byte `begin` on, and the beginning of B, `head` bytes, with
 * B's descriptors. */
static void
descriptors_belong_to_the_last_message_that_began (void)
{
  g_autoptr(GBytes) message = hex (MESSAGE_A MESSAGE_B);
  const guint8 *bytes = g_bytes_get_data (message, NULL);

  for (gsize begin = 0; begin <= MESSAGE_SIZE; begin++)
    for (gsize head = 1; head <= MESSAGE_SIZE; head++)
      {
        g_autoptr(Reader) reader = reader_new ();
        gsize end = MESSAGE_SIZE + head;

        harness_context ("from byte %zu of A to byte %zu of B", begin, head);
        ck_assert (feed_all (reader, TRUE, bytes, begin, 0));
        ck_assert_uint_eq (feed (&reader->framer, TRUE, bytes + begin, end - begin, 2),
                           end - begin);
        ck_assert (take_messages (reader));
        ck_assert (feed_all (reader, TRUE, bytes + end, 2 * MESSAGE_SIZE - end, 0));

        ck_assert_str_eq (reader->log->str, "1 9 fds 0 a1 a1 a1 a1 a1 a1 a1 a1\n"
                                            "2 5 fds 2 b2 b2 b2 b2 b2 b2 b2 b2\n");
      }
}

static void
descriptors_of_a_cut_header_are_held_until_it_is_complete (gconstpointer row)
{
  g_autoptr(GBytes) message = hex (MESSAGE_B);
  const guint8 *bytes = g_bytes_get_data (message, NULL);

  for (gsize cut = 1; cut < VUC_HEADER_SIZE; cut++)
    {
      g_autoptr(Reader) reader = reader_new ();

      ck_assert (feed_all (reader, is_ahead (row), bytes, cut, 1));
      ck_assert_uint_eq (reader->framer.fds.count, 0);
      ck_assert (feed_all (reader, is_ahead (row), bytes + cut, VUC_HEADER_SIZE - cut, 0));
      ck_assert_uint_eq (reader->framer.fds.count, 1);
      ck_assert (feed_all (reader, is_ahead (row), bytes + VUC_HEADER_SIZE, 8, 0));
      ck_assert_str_eq (reader->log->str, "2 5 fds 1 b2 b2 b2 b2 b2 b2 b2 b2\n");
    }
}

static void
nothing_is_read_ahead_while_descriptors_are_held (void)
{
  g_autoptr(GBytes) message = hex (MESSAGE_B MESSAGE_A);
  const guint8 *bytes = g_bytes_get_data (message, NULL);

  for (gsize cut = 1; cut < VUC_HEADER_SIZE; cut++)
    {
      g_autoptr(Reader) reader = reader_new ();

      ck_assert (feed_all (reader, TRUE, bytes, cut, 1));
      ck_assert_uint_eq (feed (&reader->framer, TRUE, bytes + cut, 2 * MESSAGE_SIZE - cut, 0),
                         VUC_HEADER_SIZE - cut);
    }
}

static void
descriptors_in_the_middle_of_a_message_break_the_stream (gconstpointer row)
{
  g_autoptr(GBytes) message = hex (MESSAGE_A);
  const guint8 *bytes = g_bytes_get_data (message, NULL);

  for (gsize begin = 1; begin < MESSAGE_SIZE; begin++)
    for (gsize end = begin + 1; end <= MESSAGE_SIZE; end++)
      {
        g_autoptr(Reader) reader = reader_new ();

        harness_context ("with the bytes from %zu to %zu", begin, end);
        ck_assert (feed_all (reader, is_ahead (row), bytes, begin, 0));
        if (feed_all (reader, is_ahead (row), bytes + begin, end - begin, 1))
          ck_assert (!feed_all (reader, is_ahead (row), bytes + end, MESSAGE_SIZE - end, 0));
        assert_error (reader->error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                      "REGION_READ message: descriptors came in the middle of it");
        ck_assert_uint_eq (reader->log->len, 0);
      }
}

static void
a_second_set_for_the_same_header_breaks_the_stream (void)
{
  g_autoptr(GBytes) message = hex (MESSAGE_B);
  const guint8 *bytes = g_bytes_get_data (message, NULL);
  g_autoptr(Reader) reader = reader_new ();

  ck_assert (feed_all (reader, TRUE, bytes, 4, VUC_LIMIT_MSG_FDS));
  ck_assert (!feed_all (reader, TRUE, bytes + 4, VUC_HEADER_SIZE - 4, VUC_LIMIT_MSG_FDS));
  assert_error (reader->error, VUC_ERROR, VUC_ERROR_PROTOCOL, "in the middle");
}

static void
descriptors_that_nobody_moved_out_are_closed_with_their_message (void)
{
  g_autoptr(GBytes) message = hex (MESSAGE_A);
  guint before = harness_count_descriptors ();
  g_autoptr(Reader) reader = reader_new ();

  ck_assert (feed_all (reader, TRUE, g_bytes_get_data (message, NULL), MESSAGE_SIZE, 4));

  ck_assert_str_eq (reader->log->str, "1 9 fds 4 a1 a1 a1 a1 a1 a1 a1 a1\n");
  ck_assert_uint_eq (harness_count_descriptors (), before);
}

/* Held ones, and those of a message that has begun: the harness would see a leak. */
static void
clearing_closes_all_descriptors (void)
{
  g_autoptr(GBytes) message = hex (MESSAGE_A);

  for (gsize size = 1; size < MESSAGE_SIZE; size++)
    {
      g_autoptr(Reader) reader = reader_new ();

      ck_assert (feed_all (reader, TRUE, g_bytes_get_data (message, NULL), size, 2));
    }
}

/* --- Taking --- */

/* Sixteen bytes of payload, each its own number. */
#define COUNTING "00010203 04050607 08090a0b 0c0d0e0f"
#define COUNTING_MESSAGE "u16:1 u16:9 u32:32 u32:1 u32:0 |" COUNTING

static void
a_payload_can_be_taken_in_steps_and_places (gconstpointer row)
{
  g_autoptr(GBytes) message = hex (COUNTING_MESSAGE);
  const guint8 *bytes = g_bytes_get_data (message, NULL);
  guint8 first[5], second[4], third[3];
  const struct
  {
    struct iovec places[VUC_FRAMER_PLACES];
    int n;
  } steps[] = {
    { { { first, sizeof first } }, 1 },
    { { { NULL, 2 }, { second, sizeof second } }, 2 },
    { { { NULL, 0 } }, 1 },
    { { { third, sizeof third }, { NULL, 2 } }, 2 },
  };

  for (gsize cut = 1; cut <= 32; cut++)
    {
      VucFramer framer;
      gsize fed = 0, step = 0;

      harness_context ("cut at %zu", cut);
      vuc_framer_init (&framer, MAX_SIZE);
      memset (first, 0xff, sizeof first);
      memset (second, 0xff, sizeof second);
      memset (third, 0xff, sizeof third);

      while (step <= G_N_ELEMENTS (steps))
        switch (vuc_framer_next (&framer, NULL))
          {
          case VUC_FRAMER_NEEDS_BYTES:
            ck_assert_uint_lt (fed, 32);
            fed += feed (&framer, is_ahead (row), bytes + fed, (fed < cut ? cut : 32) - fed, 0);
            break;
          default:
            if (step < G_N_ELEMENTS (steps))
              vuc_framer_take (&framer, steps[step].places, steps[step].n);
            step++;
            break;
          }

      ck_assert_uint_eq (framer.left, 0);
      vuc_framer_end (&framer);
      ck_assert (vuc_framer_is_idle (&framer));
      assert_bytes (first, sizeof first, "00 01 02 03 04");
      assert_bytes (second, sizeof second, "07 08 09 0a");
      assert_bytes (third, sizeof third, "0b 0c 0d");
    }
}

/* More than fits into the buffer goes through it in pieces. */
static void
a_long_payload_can_be_thrown_away (gconstpointer row)
{
  const gsize payload = 3 * VUC_FRAMER_AHEAD + 7;
  g_autoptr(GBytes) header = hex ("u16:1 u16:9 u32:12311 u32:1 u32:0");
  g_autofree guint8 *nothing = g_malloc0 (payload);
  const struct iovec place = { NULL, payload };
  VucFramer framer;
  gsize fed = 0;

  vuc_framer_init (&framer, 1 << 20);
  feed (&framer, is_ahead (row), g_bytes_get_data (header, NULL), VUC_HEADER_SIZE, 0);
  ck_assert_int_eq (vuc_framer_next (&framer, NULL), VUC_FRAMER_HEADER);
  ck_assert_uint_eq (framer.left, payload);
  vuc_framer_take (&framer, &place, 1);

  while (vuc_framer_next (&framer, NULL) == VUC_FRAMER_NEEDS_BYTES)
    fed += feed (&framer, is_ahead (row), nothing, payload - fed, 0);

  ck_assert_uint_eq (fed, payload);
  ck_assert_uint_eq (framer.left, 0);
  vuc_framer_end (&framer);
  ck_assert (vuc_framer_is_idle (&framer));
}

/* Data goes into its place, not through the buffer. */
static void
a_large_payload_is_received_in_place (void)
{
  g_autoptr(GBytes) header = hex ("u16:1 u16:9 u32:65552 u32:1 u32:0");
  g_autofree guint8 *data = g_malloc (65536);
  const struct iovec place = { data, 65536 };
  struct iovec iov[VUC_FRAMER_WANTS];
  VucFramer framer;

  vuc_framer_init (&framer, 1 << 20);
  feed (&framer, FALSE, g_bytes_get_data (header, NULL), VUC_HEADER_SIZE, 0);
  ck_assert_int_eq (vuc_framer_next (&framer, NULL), VUC_FRAMER_HEADER);
  vuc_framer_take (&framer, &place, 1);
  ck_assert_int_eq (vuc_framer_next (&framer, NULL), VUC_FRAMER_NEEDS_BYTES);

  ck_assert_int_eq (vuc_framer_want (&framer, 0, iov), 2);
  ck_assert_ptr_eq (iov[0].iov_base, data);
  ck_assert_uint_eq (iov[0].iov_len, 65536);
  ck_assert_uint_eq (iov[1].iov_len, VUC_HEADER_SIZE);
  ck_assert_int_eq (vuc_framer_want (&framer, G_MAXSIZE, iov), 2);
  ck_assert_ptr_eq (iov[0].iov_base, data);
}

/* So much is known to come without descriptors, and no more. */
static void
reading_ahead_may_be_limited (void)
{
  g_autoptr(GBytes) header = hex ("u16:1 u16:9 u32:48 u32:1 u32:0");
  guint8 data[32];
  const struct iovec place = { data, sizeof data };
  struct iovec iov[VUC_FRAMER_WANTS];
  VucFramer framer;

  vuc_framer_init (&framer, 1 << 20);
  ck_assert_int_eq (vuc_framer_want (&framer, 100, iov), 1);
  ck_assert_uint_eq (iov[0].iov_len, 100);
  ck_assert_int_eq (vuc_framer_want (&framer, 15, iov), 1);
  ck_assert_uint_eq (iov[0].iov_len, VUC_HEADER_SIZE);

  feed (&framer, FALSE, g_bytes_get_data (header, NULL), VUC_HEADER_SIZE, 0);
  ck_assert_int_eq (vuc_framer_next (&framer, NULL), VUC_FRAMER_HEADER);
  vuc_framer_take (&framer, &place, 1);
  ck_assert_int_eq (vuc_framer_want (&framer, 100, iov), 2);
  ck_assert_uint_eq (iov[0].iov_len, 32);
  ck_assert_uint_eq (iov[1].iov_len, 68);
  ck_assert_int_eq (vuc_framer_want (&framer, 20, iov), 2);
  ck_assert_uint_eq (iov[0].iov_len, 32);
  ck_assert_uint_eq (iov[1].iov_len, VUC_HEADER_SIZE);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_stream_has_the_same_messages_wherever_it_is_cut, manners),
  HARNESS_ROWS (a_stream_may_come_byte_by_byte, manners),
  HARNESS_CASE (an_exact_read_stops_at_the_end_of_a_header),
  HARNESS_CASE (reading_ahead_takes_what_fits),
  HARNESS_CASE (reading_ahead_may_be_limited),
  HARNESS_CASE (a_message_is_unfinished_from_its_first_byte_to_its_last),
  HARNESS_ROWS (a_message_has_a_size_that_is_allowed, sizes),
  HARNESS_ROWS (descriptors_belong_to_the_message_that_they_came_with, manners),
  HARNESS_CASE (descriptors_belong_to_the_last_message_that_began),
  HARNESS_ROWS (descriptors_of_a_cut_header_are_held_until_it_is_complete, manners),
  HARNESS_CASE (nothing_is_read_ahead_while_descriptors_are_held),
  HARNESS_ROWS (descriptors_in_the_middle_of_a_message_break_the_stream, manners),
  HARNESS_CASE (a_second_set_for_the_same_header_breaks_the_stream),
  HARNESS_CASE (descriptors_that_nobody_moved_out_are_closed_with_their_message),
  HARNESS_CASE (clearing_closes_all_descriptors),
  HARNESS_ROWS (a_payload_can_be_taken_in_steps_and_places, manners),
  HARNESS_ROWS (a_long_payload_can_be_thrown_away, manners),
  HARNESS_CASE (a_large_payload_is_received_in_place),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "framer", cases);
}
