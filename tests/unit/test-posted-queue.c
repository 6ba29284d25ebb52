/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes that cannot go at once: who sends them, what becomes one message, what keeps its
 * order, and when there is nobody to leave them to.
 */

#include <poll.h>

#include <vfio-user-client/vuc-error.h>

#include "base/limits.h"
#include "harness/harness.h"
#include "unit/posted-fixture.h"
#include "unit/session-fixture.h"

#define N_MORE 20

/* --- A full socket --- */

static void
without_a_loop_what_finds_no_room_is_taken_back (void)
{
  Posting posting;
  Received received = { 0 };
  guint32 n;

  posting_open (&posting, POSTING_MULTIPLE);
  n = post_until_full (&posting, 0);
  ck_assert_uint_gt (n, 10);
  ck_assert (!post (&posting, n));
  ck_assert_ptr_null (posting.session->outbox.head);
  ck_assert_uint_eq (posting.session->queued_bytes, 0);
  ck_assert_uint_eq (posting.session->n_answers_due, n);

  posting_receive (&posting, &received, n);
  assert_row (&received, 0, 0, n);
  ck_assert (post (&posting, n));
  posting_receive (&posting, &received, n + 1);
  assert_row (&received, 0, 0, n + 1);
  ck_assert_uint_eq (vuc_posted_get_n_messages (posting.posted), n + 1);
  received_clear (&received);
  posting_close (&posting);
}

/* Whoever waits for an ioregionfd looks at it, and goes. */
static void
a_descriptor_that_nobody_attends_to_is_no_loop (void)
{
  Posting posting;
  guint32 n;

  posting_open (&posting, POSTING_MULTIPLE);
  ck_assert_int_ge (vuc_session_peek_fd (posting.session, NULL), 0);
  n = post_until_full (&posting, 0);
  ck_assert (!post (&posting, n));
  ck_assert_ptr_null (posting.session->outbox.head);

  ck_assert_int_ge (vuc_session_get_fd (posting.session, NULL), 0);
  ck_assert (post (&posting, n));
  ck_assert_ptr_nonnull (posting.session->outbox.head);

  vuc_session_leave_unattended (posting.session);
  ck_assert (!post (&posting, n + 1));
  posting_close (&posting);
}

/* What was taken back does not leave anybody looking for room, which there is. */
static void
a_command_that_was_taken_back_wakes_no_loop (void)
{
  struct pollfd loop = { .events = POLLIN };
  Posting posting;
  Received received = { 0 };
  guint32 n = 0;

  posting_open (&posting, POSTING_PLAIN);
  while (post (&posting, n))
    n++;
  loop.fd = posting.epoll = vuc_session_get_fd (posting.session, NULL);
  ck_assert (posting.session->lane.blocked);
  posting_drain (&posting, &received);
  assert_row (&received, 0, 0, n);
  vuc_session_process (posting.session);
  ck_assert_int_eq (poll (&loop, 1, 0), 0);
  received_clear (&received);
  posting_close (&posting);
}

static void
with_a_loop_they_wait_and_become_one_message (void)
{
  Posting posting;
  Received received = { 0 };
  guint32 n;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE);
  n = post_until_full (&posting, 0);
  for (guint i = 0; i < N_MORE; i++)
    ck_assert (post (&posting, n + i));

  posting_drain (&posting, &received);
  assert_row (&received, 0, 0, n + N_MORE);
  ck_assert_uint_eq (received.numbers->len, n + N_MORE);
  ck_assert_uint_eq (received.n_single, n - 1);
  ck_assert_uint_eq (received.n_multi, 1);
  ck_assert_uint_eq (vuc_posted_get_n_messages (posting.posted), n);
  ck_assert_uint_eq (posting.session->queued_bytes, 0);
  received_clear (&received);
  posting_close (&posting);
}

static void
without_negotiation_they_wait_one_by_one (void)
{
  Posting posting;
  Received received = { 0 };
  guint32 n;

  posting_open (&posting, POSTING_LOOP);
  n = post_until_full (&posting, 0);
  for (guint i = 0; i < N_MORE; i++)
    ck_assert (post (&posting, n + i));

  posting_drain (&posting, &received);
  assert_row (&received, 0, 0, n + N_MORE);
  ck_assert_uint_eq (received.n_single, n + N_MORE);
  ck_assert_uint_eq (received.n_multi, 0);
  received_clear (&received);
  posting_close (&posting);
}

/* The writes that wait are of several sizes and regions. */
static void
the_message_of_many_has_the_bytes_of_each (void)
{
  const VucRegionAccess one = { .offset = 0xfff, .region = 2, .count = 1 };
  const VucRegionAccess eight = { .offset = 0x123456789abcdef0, .region = 1, .count = 8 };
  g_autofree char *text = NULL;
  Posting posting;
  Received received = { 0 };
  guint32 n;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE);
  n = post_until_full (&posting, 0);
  ck_assert (vuc_posted_write (posting.posted, 0, &one, "\xff"));
  ck_assert (vuc_posted_write (posting.posted, 0, &eight, "\x01\x02\x03\x04\x05\x06\x07\x08"));

  posting_receive (&posting, &received, n - 1);
  vuc_session_process (posting.session);
  text = g_strdup_printf (
    "u16:0xffff u16:15 u32:96 u32:0x10 u32:0   # REGION_WRITE_MULTI, no reply\n"
    "u64:3                                     # wr_cnt                      \n"
    "u64:8 u32:0 u32:4 u32:%u 00*4             # offset, region, count, data \n"
    "u64:0xfff u32:2 u32:1 ff 00*7             # the same                    \n"
    "u64:0x123456789abcdef0 u32:1 u32:8 0102030405060708\n",
    n - 1);
  posting_expect (&posting, text);
  posting_expect_nothing (&posting);
  received_clear (&received);
  posting_close (&posting);
}

static void
nothing_is_moved_before_another_command (void)
{
  Posting posting;
  Received received = { 0 };
  Single single;
  guint32 n;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE);
  n = post_until_full (&posting, 0);
  ck_assert (post (&posting, n));
  single_init (&single, VUC_COMMAND_DEVICE_RESET, LONG);
  single_submit (posting.session, &single);
  ck_assert (post (&posting, n + 1));
  ck_assert (post (&posting, n + 2));

  posting_drain (&posting, &received);
  ck_assert_uint_eq (received.numbers->len, n + 4);
  assert_row (&received, 0, 0, n + 1);
  assert_row (&received, n + 1, OTHER, 1);
  assert_row (&received, n + 2, n + 1, 2);
  ck_assert_uint_eq (received.n_multi, 2);

  /* The reply is to what was asked before the last ones. */
  posting_send (&posting, "u16:0 u16:13 u32:16 u32:1 u32:0");
  single_wait (&single, NULL);
  ck_assert (vuc_session_has_unproven (posting.session));
  single_clear (&single);
  received_clear (&received);
  posting_close (&posting);
}

static void
a_message_holds_256_writes (void)
{
  Posting posting;
  Received received = { 0 };
  guint32 n;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE);
  n = post_until_full (&posting, 0);
  for (guint i = 0; i < 255; i++)
    ck_assert (post (&posting, n + i));
  ck_assert_uint_eq (posting.session->outbox.length, 1);
  ck_assert_uint_eq (posting.session->queued_bytes, 16 + 8 + 256 * 24);
  ck_assert (post (&posting, n + 255));
  ck_assert_uint_eq (posting.session->outbox.length, 2);

  posting_drain (&posting, &received);
  assert_row (&received, 0, 0, n + 256);
  received_clear (&received);
  posting_close (&posting);
}

/* A message that goes in parts is not changed any more once the first has gone. */
static void
nothing_is_added_to_a_message_that_has_begun (void)
{
  Posting posting;
  Received received = { 0 };
  guint32 n;
  gboolean begun = FALSE;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE | POSTING_SMALL);
  n = post_until_full (&posting, 0);
  for (guint i = 0; i < 200; i++)
    ck_assert (post (&posting, n++));
  while (!begun)
    {
      posting_receive (&posting, &received,
                       received.numbers != NULL ? received.numbers->len + 1 : 1);
      vuc_session_process (posting.session);
      begun = posting.session->head_sent > 0;
    }
  ck_assert (post (&posting, n++));
  ck_assert (post (&posting, n++));
  posting_drain (&posting, &received);
  assert_row (&received, 0, 0, n);
  ck_assert_uint_eq (received.n_multi, 2);
  received_clear (&received);
  posting_close (&posting);
}

static void
keep_what_is_sent (gboolean sent,
                   const guint8 *bytes,
                   gsize size,
                   guint n_fds G_GNUC_UNUSED,
                   gpointer user_data)
{
  if (sent)
    g_byte_array_append (user_data, bytes, (guint) size);
}

/* The message that found no room was traced already. */
static void
what_the_trace_has_seen_is_what_is_sent (void)
{
  g_autoptr (GByteArray) seen = g_byte_array_new ();
  const VucSessionOptions options = { .max_msg_fds = SESSION_MAX_FDS,
                                      .timeout_ms = LONG,
                                      .max_queued_bytes = VUC_LIMIT_QUEUED_BYTES_DEFAULT,
                                      .trace = keep_what_is_sent,
                                      .trace_data = seen };
  Posting posting;
  Received sent = { 0 }, traced = { 0 };
  guint32 n;

  posting_open_with (&posting, POSTING_LOOP | POSTING_MULTIPLE, &options);
  n = post_until_full (&posting, 0);
  for (guint i = 0; i < N_MORE; i++)
    ck_assert (post (&posting, n + i));
  posting_drain (&posting, &sent);
  assert_row (&sent, 0, 0, n + N_MORE);

  g_byte_array_append (posting.stream, seen->data, seen->len);
  posting_receive (&posting, &traced, n + N_MORE);
  ck_assert_uint_eq (posting.stream->len, 0);
  ck_assert_uint_eq (traced.n_single, sent.n_single);
  ck_assert_uint_eq (traced.n_multi, sent.n_multi);
  ck_assert_uint_eq (sent.n_multi, 1);
  received_clear (&sent);
  received_clear (&traced);
  posting_close (&posting);
}

/* --- Too much --- */

typedef struct
{
  const char *name;
  guint options;
} Kind;

static const Kind kinds[] = { { "in messages of many", POSTING_MULTIPLE },
                              { "one by one", POSTING_PLAIN } };

static void
the_queue_has_an_end (gconstpointer data)
{
  const Kind *kind = data;
  Posting posting;
  Received received = { 0 };
  guint32 n;

  posting_open (&posting, POSTING_LOOP | kind->options);
  n = post_until_full (&posting, 0);
  for (guint i = 1; i < VUC_LIMIT_POSTED_WRITES; i++)
    ck_assert (post (&posting, n++));
  ck_assert (!post (&posting, n));
  ck_assert (!post (&posting, n));

  posting_drain (&posting, &received);
  assert_row (&received, 0, 0, n);
  ck_assert_uint_eq (received.numbers->len, n);
  ck_assert (post (&posting, n));
  received_clear (&received);
  posting_close (&posting);
}

static void
no_more_bytes_are_queued_than_may_be (gconstpointer data)
{
  const Kind *kind = data;
  const VucSessionOptions options = { .max_msg_fds = SESSION_MAX_FDS,
                                      .timeout_ms = LONG,
                                      .max_operations = 1,
                                      .max_queued_bytes = 4096 };
  Posting posting;
  Received received = { 0 };
  guint32 n;

  posting_open_with (&posting, POSTING_LOOP | kind->options, &options);
  n = post_until_full (&posting, 0);
  while (post (&posting, n))
    n++;
  ck_assert_uint_le (posting.session->queued_bytes, 4096);
  ck_assert_uint_gt (posting.session->queued_bytes, 4096 - 100);

  posting_drain (&posting, &received);
  assert_row (&received, 0, 0, n);
  ck_assert_uint_eq (received.numbers->len, n);
  received_clear (&received);
  posting_close (&posting);
}

static void
nothing_overtakes_what_waits_for_room (void)
{
  const VucSessionOptions options = { .max_msg_fds = SESSION_MAX_FDS,
                                      .timeout_ms = LONG,
                                      .max_operations = VUC_LIMIT_OPERATIONS,
                                      .max_queued_bytes = 4096 };
  g_autofree guint8 *data = g_malloc0 (4096);
  g_autoptr (GError) cause = g_error_new (VUC_ERROR, VUC_ERROR_DISCONNECTED, "over");
  Posting posting;
  Single single;

  posting_open_with (&posting, POSTING_LOOP | POSTING_MULTIPLE, &options);
  post_until_full (&posting, 0);
  single_init (&single, VUC_COMMAND_REGION_WRITE, LONG);
  single.call.request_data = data;
  single.call.request_data_size = 4096;
  single_submit (posting.session, &single);
  ck_assert_uint_eq (posting.session->crowd.length, 1);
  ck_assert (!post (&posting, 1));

  vuc_session_end (posting.session, cause);
  single_wait (&single, NULL);
  single_clear (&single);
  posting_close (&posting);
}

/* --- The end --- */

static void
what_is_queued_goes_with_the_connection (void)
{
  g_autoptr (GError) cause = g_error_new (VUC_ERROR, VUC_ERROR_DISCONNECTED, "over");
  Posting posting;
  guint32 n;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE);
  n = post_until_full (&posting, 0);
  for (guint i = 0; i < N_MORE; i++)
    ck_assert (post (&posting, n + i));
  vuc_session_end (posting.session, cause);
  ck_assert_ptr_null (posting.session->outbox.head);
  ck_assert_uint_eq (posting.session->queued_bytes, 0);
  ck_assert (!vuc_session_has_unproven (posting.session));
  ck_assert (!post (&posting, 1));
  ck_assert_uint_eq (vuc_posted_get_n_messages (posting.posted), n - 1);
  posting_close (&posting);
}

static void
what_was_sent_in_part_goes_with_the_connection (void)
{
  g_autoptr (GError) cause = g_error_new (VUC_ERROR, VUC_ERROR_DISCONNECTED, "over");
  Posting posting;
  Received received = { 0 };
  guint32 n;

  posting_open (&posting, POSTING_LOOP | POSTING_MULTIPLE | POSTING_SMALL);
  n = post_until_full (&posting, 0);
  for (guint i = 0; i < 255; i++)
    ck_assert (post (&posting, n + i));
  while (posting.session->head_sent == 0)
    {
      posting_receive (&posting, &received,
                       received.numbers != NULL ? received.numbers->len + 1 : 1);
      vuc_session_process (posting.session);
    }
  vuc_session_end (posting.session, cause);
  ck_assert_ptr_null (posting.session->outbox.head);
  ck_assert_uint_eq (posting.session->head_sent, 0);
  ck_assert_uint_eq (posting.session->queued_bytes, 0);
  received_clear (&received);
  posting_close (&posting);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (without_a_loop_what_finds_no_room_is_taken_back),
  HARNESS_CASE (a_descriptor_that_nobody_attends_to_is_no_loop),
  HARNESS_CASE (a_command_that_was_taken_back_wakes_no_loop),
  HARNESS_CASE (with_a_loop_they_wait_and_become_one_message),
  HARNESS_CASE (without_negotiation_they_wait_one_by_one),
  HARNESS_CASE (the_message_of_many_has_the_bytes_of_each),
  HARNESS_CASE (nothing_is_moved_before_another_command),
  HARNESS_CASE (a_message_holds_256_writes),
  HARNESS_CASE (nothing_is_added_to_a_message_that_has_begun),
  HARNESS_CASE (what_the_trace_has_seen_is_what_is_sent),
  HARNESS_ROWS (the_queue_has_an_end, kinds),
  HARNESS_ROWS (no_more_bytes_are_queued_than_may_be, kinds),
  HARNESS_CASE (nothing_overtakes_what_waits_for_room),
  HARNESS_CASE (what_is_queued_goes_with_the_connection),
  HARNESS_CASE (what_was_sent_in_part_goes_with_the_connection),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "posted, queue", cases);
}
