/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How errors are made, and the errno that travels in their text.
 */

#include "base/error.h"

#include <errno.h>

#include "harness/harness.h"

static void
each_maker_returns_false_and_sets_its_code (void)
{
  g_autoptr(GError) protocol = NULL;
  g_autoptr(GError) rejected = NULL;
  g_autoptr(GError) other = NULL;

  ck_assert (!vuc_fail_protocol (&protocol, "payload %d, expected %d", 4, 20));
  ck_assert (!vuc_fail_rejected (&rejected, "stride %u", 39u));
  ck_assert (!vuc_fail (&other, VUC_ERROR_LIMIT, "%s", "too many"));

  assert_error (protocol, VUC_ERROR, VUC_ERROR_PROTOCOL, "payload 4, expected 20");
  assert_error (rejected, VUC_ERROR, VUC_ERROR_REJECTED, "stride 39");
  assert_error (other, VUC_ERROR, VUC_ERROR_LIMIT, "too many");
}

static void
nobody_needs_to_want_the_error (void)
{
  ck_assert (!vuc_fail_protocol (NULL, "payload %d", 4));
  ck_assert (!vuc_fail_rejected (NULL, "payload %d", 4));
  ck_assert (!vuc_fail (NULL, VUC_ERROR_LIMIT, "payload %d", 4));
  ck_assert (!vuc_fail_errno (NULL, VUC_ERROR_CONNECT, EPERM, "payload %d", 4));
}

static void
a_percent_sign_of_the_peer_is_only_text (void)
{
  g_autoptr(GError) error = NULL;

  vuc_fail_protocol (&error, "got %s", "%s%n");

  ck_assert_str_eq (error->message, "got %s%n");
}

static void
an_errno_is_named_and_can_be_read_back (void)
{
  g_autoptr(GError) error = NULL;

  ck_assert (!vuc_fail_errno (&error, VUC_ERROR_REMOTE, EINVAL, "REGION_READ of region %d", 7));

  assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE,
                "REGION_READ of region 7: Invalid argument (errno 22)");
  ck_assert_int_eq (vuc_error_get_errno (error), EINVAL);
}

static void
an_errno_of_0_adds_nothing (void)
{
  g_autoptr(GError) error = NULL;

  vuc_fail_errno (&error, VUC_ERROR_DISCONNECTED, 0, "the server closed the connection");

  ck_assert_str_eq (error->message, "the server closed the connection");
  ck_assert_int_eq (vuc_error_get_errno (error), 0);
}

static void
an_errno_survives_a_copy_and_a_prefix (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) copy = NULL;

  vuc_fail_errno (&error, VUC_ERROR_CONNECT, ECONNREFUSED, "/run/dev.sock");
  g_prefix_error (&error, "device %d: ", 3);
  copy = g_error_copy (error);

  ck_assert_int_eq (vuc_error_get_errno (copy), ECONNREFUSED);
}

typedef struct
{
  const char *name;
  const char *message;
  int number;
} Text;

static const Text texts[] = {
  { "the smallest", "it failed (errno 1)", 1 },
  { "the largest", "it failed (errno 4095)", 4095 },
  { "one more", "it failed (errno 4096)", 0 },
  { "zero", "it failed (errno 0)", 0 },
  { "as many digits as one likes", "it failed (errno 99999999999999999999999)", 0 },
  { "the last one counts", "a (errno 5) (errno 6)", 6 },
  { "not at the end", "it failed (errno 5), twice", 0 },
  { "without a number", "it failed (errno )", 0 },
  { "negative", "it failed (errno -1)", 0 },
  { "no text at all", "", 0 },
  { "nothing but the start", "(errno ", 0 },
};

static void
only_the_end_of_the_text_is_an_errno (gconstpointer row)
{
  const Text *text = row;
  g_autoptr(GError) error = g_error_new_literal (VUC_ERROR, VUC_ERROR_REMOTE, text->message);

  ck_assert_int_eq (vuc_error_get_errno (error), text->number);
}

static void
no_error_has_no_errno (void)
{
  ck_assert_int_eq (vuc_error_get_errno (NULL), 0);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (each_maker_returns_false_and_sets_its_code),
  HARNESS_CASE (nobody_needs_to_want_the_error),
  HARNESS_CASE (a_percent_sign_of_the_peer_is_only_text),
  HARNESS_CASE (an_errno_is_named_and_can_be_read_back),
  HARNESS_CASE (an_errno_of_0_adds_nothing),
  HARNESS_CASE (an_errno_survives_a_copy_and_a_prefix),
  HARNESS_ROWS (only_the_end_of_the_text_is_an_errno, texts),
  HARNESS_CASE (no_error_has_no_errno),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "error", cases);
}
