/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes that the socket takes: what is sent, what servers may answer although nothing is
 * wanted, what proves that they were executed, and when nothing may be posted.
 */

#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "unit/posted-fixture.h"
#include "unit/session-fixture.h"

#define POSTED_1                                                                                   \
  "u16:0xffff u16:10 u32:36 | u32:0x10 u32:0   # id, REGION_WRITE, size; no reply is wanted\n"     \
  "u64:8 u32:0 u32:4 | u32:1                   # offset, region, count; data               \n"

/* --- What is sent --- */

static void
a_posted_write_is_one_message_that_wants_no_reply (void)
{
  VucRegionAccess access = { .offset = 0x123456789abcdef0, .region = 2, .count = 8 };
  Posting posting;

  posting_open (&posting, POSTING_MULTIPLE);
  ck_assert (vuc_posted_write (posting.posted, 0, &access, "\x01\x02\x03\x04\x05\x06\x07\x08"));
  posting_expect (&posting, "u16:0xffff   # id of all posted messages \n"
                            "u16:10       # REGION_WRITE              \n"
                            "u32:40       # size                      \n"
                            "u32:0x10     # flags: no reply           \n"
                            "u32:0        # error                     \n"
                            "u64:0x123456789abcdef0 u32:2 u32:8 | 01 02 03 04 05 06 07 08");

  access = (VucRegionAccess){ .offset = 0xfff, .region = 0, .count = 1 };
  ck_assert (vuc_posted_write (posting.posted, 0, &access, "\xff"));
  posting_expect (&posting, "u16:0xffff u16:10 u32:33 u32:0x10 u32:0 | u64:0xfff u32:0 u32:1 | ff");
  posting_expect_nothing (&posting);
  ck_assert_uint_eq (vuc_posted_get_n_messages (posting.posted), 2);
  ck_assert_uint_eq (posting.session->queued_bytes, 0);
  posting_close (&posting);
}

/* The rest of an access that began on the connection before. */
static void
what_must_go_over_another_connection_is_not_posted (void)
{
  VucRegionAccess access = { .offset = 0xfff, .region = 0, .count = 1 };
  Posting posting;
  gint link;

  posting_open (&posting, POSTING_MULTIPLE);
  link = vuc_session_get_usable_link (posting.session);
  ck_assert (!vuc_posted_write (posting.posted, link - 1, &access, "\x01"));
  ck_assert (!vuc_posted_write (posting.posted, link + 1, &access, "\x02"));
  posting_expect_nothing (&posting);
  ck_assert (vuc_posted_write (posting.posted, link, &access, "\x03"));
  posting_expect (&posting, "u16:0xffff u16:10 u32:33 u32:0x10 u32:0 | u64:0xfff u32:0 u32:1 | 03");
  posting_close (&posting);
}

static void
a_device_that_does_not_read_now_gets_them_later (void)
{
  Posting posting;
  Received received = { 0 };

  posting_open (&posting, POSTING_PLAIN);
  for (guint i = 0; i < 100; i++)
    ck_assert (post (&posting, i));
  posting_receive (&posting, &received, 100);
  assert_row (&received, 0, 0, 100);
  ck_assert_uint_eq (received.n_single, 100);
  received_clear (&received);
  posting_close (&posting);
}

/* --- Answers that nobody wanted --- */

typedef struct
{
  const char *name;
  const char *answer;
  const char *message; /* of the error that ends the connection; NULL: none does */
} Answer;

static const Answer harmless[] = {
  { "to REGION_WRITE", "u16:0xffff u16:10 u32:32 u32:1 u32:0 | u64:8 u32:0 u32:4", NULL },
  { "to REGION_WRITE, of nothing", "u16:0xffff u16:10 u32:16 u32:1 u32:0", NULL },
  { "to REGION_WRITE, for something else",
    "u16:0xffff u16:10 u32:32 u32:1 u32:0 | u64:4711 u32:3 u32:0", NULL },
  { "to REGION_WRITE_MULTI", "u16:0xffff u16:15 u32:24 u32:1 u32:0 | u64:1", NULL },
  { "an error", "u16:0xffff u16:10 u32:16 u32:0x21 u32:22", NULL },
  { "an error with a payload", "u16:0xffff u16:10 u32:5016 u32:0x21 u32:22 | ee*5000", NULL },
  { "an error to many", "u16:0xffff u16:15 u32:24 u32:0x21 u32:5 | u64:0", NULL },
};

static const Answer fatal[] = {
  { "to another command", "u16:0xffff u16:9 u32:16 u32:1 u32:0",
    "REGION_READ reply: message id 65535 is that of posted commands" },
  { "an error to another command", "u16:0xffff u16:13 u32:16 u32:0x21 u32:22",
    "DEVICE_RESET reply: message id 65535 is that of posted commands" },
  { "more than there is to say", "u16:0xffff u16:10 u32:36 u32:1 u32:0 | u64:8 u32:0 u32:4 | 00*4",
    "REGION_WRITE reply: payload 20, expected 16 at the most" },
  { "more than there is to say to many", "u16:0xffff u16:15 u32:25 u32:1 u32:0 | u64:1 | 00",
    "REGION_WRITE_MULTI reply: payload 9, expected 8 at the most" },
  { "more answers than messages",
    "u16:0xffff u16:10 u32:16 u32:1 u32:0\n"
    "u16:0xffff u16:10 u32:16 u32:1 u32:0\n",
    "REGION_WRITE reply: message id 65535 is not pending" },
};

static void
an_answer_is_dropped (gconstpointer data)
{
  const Answer *row = data;
  g_autoptr (GError) error = NULL;
  Single single;
  Posting posting;

  posting_open (&posting, POSTING_MULTIPLE);
  ck_assert (post (&posting, 1));
  posting_expect (&posting, POSTED_1);
  posting_send (&posting, row->answer);

  single_init (&single, VUC_COMMAND_DEVICE_RESET, LONG);
  single_submit (posting.session, &single);
  posting_expect (&posting, "u16:0 u16:13 u32:16 u32:0 u32:0");
  posting_send (&posting, "u16:0 u16:13 u32:16 u32:1 u32:0");
  single_wait (&single, &error);
  assert_no_error (error);
  single_clear (&single);
  posting_close (&posting);
}

static void
expect_end (Posting *posting, const char *message)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!reset (posting->session, LONG, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, message);
}

static void
an_answer_that_cannot_be_one_is_fatal (gconstpointer data)
{
  const Answer *row = data;
  Posting posting;

  posting_open (&posting, POSTING_MULTIPLE);
  ck_assert (post (&posting, 1));
  posting_expect (&posting, POSTED_1);
  posting_send (&posting, row->answer);
  expect_end (&posting, row->message);
  ck_assert (!post (&posting, 2));
  posting_close (&posting);
}

static void
an_answer_is_fatal_where_nothing_was_posted (void)
{
  Posting posting;

  posting_open (&posting, POSTING_MULTIPLE);
  posting_send (&posting, harmless[0].answer);
  expect_end (&posting, "REGION_WRITE reply: message id 65535 is not pending");
  posting_close (&posting);
}

static void
an_answer_on_the_twin_socket_is_fatal (void)
{
  const guint8 answer[16] = { 0xff, 0xff, 10, 0, 16, 0, 0, 0, 1 };
  Posting posting;

  posting_open (&posting, POSTING_TWIN);
  ck_assert (post (&posting, 1));
  ck_assert_int_eq (write (posting.twin, answer, sizeof answer), sizeof answer);
  expect_end (&posting, "on the twin socket");
  posting_close (&posting);
}

/* A server may send both at once, and one receive could bring both. */
static void
an_answer_does_not_get_the_descriptors_of_the_reply_before_it (void)
{
  g_autoptr (GBytes)
    both = hex ("u16:0 u16:5 u32:20 u32:1 u32:0 | u32:4711 # the reply, of 4 bytes\n"
                "u16:0xffff u16:10 u32:16 u32:1 u32:0      # the answer            \n");
  struct iovec iov = { (void *) g_bytes_get_data (both, NULL), g_bytes_get_size (both) };
  char control[CMSG_SPACE (sizeof (int))] __attribute__ ((aligned (8))) = { 0 };
  struct msghdr message = {
    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
  };
  struct cmsghdr *cmsg = CMSG_FIRSTHDR (&message);
  g_autoptr (GError) error = NULL;
  Posting posting;
  Query query;

  posting_open (&posting, POSTING_PLAIN);
  query_init (&query, VUC_COMMAND_DEVICE_GET_REGION_INFO, LONG);
  single_submit (posting.session, &query.single);
  ck_assert (post (&posting, 1));

  cmsg->cmsg_level = SOL_SOCKET;
  cmsg->cmsg_type = SCM_RIGHTS;
  cmsg->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (cmsg), &posting.server, sizeof (int));
  ck_assert_int_eq (sendmsg (posting.server, &message, 0), iov.iov_len);

  single_wait (&query.single, &error);
  assert_no_error (error);
  ck_assert_uint_eq (query.fds.count, 1);
  query_clear (&query);
  posting_close (&posting);
}

/* --- What is proven --- */

static void
nothing_is_unproven_before_something_was_posted (void)
{
  Posting posting;

  posting_open (&posting, POSTING_PLAIN);
  ck_assert (!vuc_session_has_unproven (posting.session));
  ck_assert (post (&posting, 1));
  ck_assert (vuc_session_has_unproven (posting.session));
  posting_close (&posting);
}

static void
an_answer_proves_nothing (void)
{
  Posting posting;

  posting_open (&posting, POSTING_PLAIN);
  ck_assert (post (&posting, 1));
  ck_assert (post (&posting, 2));
  posting_send (&posting, harmless[0].answer);
  vuc_session_process (posting.session);
  ck_assert_uint_eq (posting.session->n_answers_due, 1);
  ck_assert (vuc_session_has_unproven (posting.session));
  posting_close (&posting);
}

static void
a_reply_to_what_was_asked_before_proves_nothing (void)
{
  g_autoptr (GError) error = NULL;
  Single before, after;
  Posting posting;

  posting_open (&posting, POSTING_PLAIN);
  single_init (&before, VUC_COMMAND_DEVICE_RESET, LONG);
  single_init (&after, VUC_COMMAND_DEVICE_RESET, LONG);
  single_submit (posting.session, &before);
  ck_assert (post (&posting, 1));
  single_submit (posting.session, &after);

  posting_send (&posting, "u16:0 u16:13 u32:16 u32:1 u32:0");
  single_wait (&before, &error);
  assert_no_error (error);
  ck_assert (vuc_session_has_unproven (posting.session));

  posting_send (&posting, "u16:1 u16:13 u32:16 u32:1 u32:0");
  single_wait (&after, &error);
  assert_no_error (error);
  ck_assert (!vuc_session_has_unproven (posting.session));
  single_clear (&before);
  single_clear (&after);
  posting_close (&posting);
}

static void
a_refusal_proves_as_well (void)
{
  g_autoptr (GError) error = NULL;
  Single single;
  Posting posting;

  posting_open (&posting, POSTING_PLAIN);
  ck_assert (post (&posting, 1));
  single_init (&single, VUC_COMMAND_DEVICE_RESET, LONG);
  single_submit (posting.session, &single);
  posting_send (&posting, "u16:0 u16:13 u32:16 u32:0x21 u32:16");
  single_wait (&single, &error);
  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "DEVICE_RESET");
  ck_assert (!vuc_session_has_unproven (posting.session));
  single_clear (&single);
  posting_close (&posting);
}

static void
a_late_reply_that_nobody_waits_for_proves_as_well (void)
{
  g_autoptr (GError) error = NULL;
  Posting posting;

  posting_open (&posting, POSTING_PLAIN);
  ck_assert (post (&posting, 1));
  ck_assert (!reset (posting.session, 1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "in time");
  ck_assert (vuc_session_has_unproven (posting.session));

  posting_send (&posting, "u16:0 u16:13 u32:16 u32:1 u32:0");
  vuc_session_process (posting.session);
  ck_assert (!vuc_session_has_unproven (posting.session));
  posting_close (&posting);
}

static void
nothing_is_unproven_after_the_end (void)
{
  g_autoptr (GError) cause = g_error_new (VUC_ERROR, VUC_ERROR_DISCONNECTED, "over");
  Posting posting;

  posting_open (&posting, POSTING_PLAIN);
  ck_assert (post (&posting, 1));
  vuc_session_end (posting.session, cause);
  ck_assert (!vuc_session_has_unproven (posting.session));
  posting_close (&posting);
}

/* --- When nothing may be posted --- */

static void
nothing_is_posted_in_serial_mode (void)
{
  Posting posting;

  posting_open (&posting, POSTING_LOOP);
  vuc_session_set_serial (posting.session, TRUE);
  ck_assert (!post (&posting, 1));
  posting_expect_nothing (&posting);
  vuc_session_set_serial (posting.session, FALSE);
  ck_assert (post (&posting, 1));
  posting_expect (&posting, POSTED_1);
  posting_close (&posting);
}

static void
nothing_is_posted_inside_a_callback (void)
{
  Posting posting;

  posting_open (&posting, POSTING_LOOP);
  vuc_session_enter_callback ();
  ck_assert (!post (&posting, 1));
  vuc_session_leave_callback ();
  posting_expect_nothing (&posting);
  posting_close (&posting);
}

static void
nothing_is_posted_without_a_connection (void)
{
  g_autoptr (GError) cause = g_error_new (VUC_ERROR, VUC_ERROR_DISCONNECTED, "over");
  VucSession *session = vuc_session_new (&(VucSessionOptions){ .timeout_ms = LONG });
  Posting posting = { .session = session, .posted = vuc_posted_new (session) };

  ck_assert (!post (&posting, 1));
  vuc_session_free (posting.session);
  vuc_posted_free (posting.posted);

  posting_open (&posting, POSTING_LOOP);
  vuc_session_end (posting.session, cause);
  ck_assert (!post (&posting, 1));
  ck_assert_uint_eq (vuc_posted_get_n_messages (posting.posted), 0);
  posting_close (&posting);
}

static void
a_server_that_does_not_read_any_more_is_posted_nothing (void)
{
  Posting posting;

  posting_open (&posting, POSTING_LOOP);
  ck_assert_int_eq (shutdown (posting.server, SHUT_RD), 0);
  ck_assert (!post (&posting, 1));
  ck_assert (!post (&posting, 2));
  ck_assert_uint_eq (vuc_posted_get_n_messages (posting.posted), 0);
  ck_assert_ptr_null (posting.session->outbox.head);
  posting_close (&posting);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_posted_write_is_one_message_that_wants_no_reply),
  HARNESS_CASE (what_must_go_over_another_connection_is_not_posted),
  HARNESS_CASE (a_device_that_does_not_read_now_gets_them_later),
  HARNESS_ROWS (an_answer_is_dropped, harmless),
  HARNESS_ROWS (an_answer_that_cannot_be_one_is_fatal, fatal),
  HARNESS_CASE (an_answer_is_fatal_where_nothing_was_posted),
  HARNESS_CASE (an_answer_on_the_twin_socket_is_fatal),
  HARNESS_CASE (an_answer_does_not_get_the_descriptors_of_the_reply_before_it),
  HARNESS_CASE (nothing_is_unproven_before_something_was_posted),
  HARNESS_CASE (an_answer_proves_nothing),
  HARNESS_CASE (a_reply_to_what_was_asked_before_proves_nothing),
  HARNESS_CASE (a_refusal_proves_as_well),
  HARNESS_CASE (a_late_reply_that_nobody_waits_for_proves_as_well),
  HARNESS_CASE (nothing_is_unproven_after_the_end),
  HARNESS_CASE (nothing_is_posted_in_serial_mode),
  HARNESS_CASE (nothing_is_posted_inside_a_callback),
  HARNESS_CASE (nothing_is_posted_without_a_connection),
  HARNESS_CASE (a_server_that_does_not_read_any_more_is_posted_nothing),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "posted", cases);
}
