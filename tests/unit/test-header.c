/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The 16 bytes that begin every message, against literal bytes.
 */

#include "wire/header.h"

#include <errno.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/mutate.h"

#define MAX_SIZE 1048592u

static gboolean
decode (const char *text, VucHeader *header, GError **error)
{
  g_autoptr(GBytes) bytes = hex (text);

  ck_assert_uint_eq (g_bytes_get_size (bytes), VUC_HEADER_SIZE);
  return vuc_header_decode (g_bytes_get_data (bytes, NULL), MAX_SIZE, header, error);
}

static VucHeader
decode_or_fail (const char *text)
{
  g_autoptr(GError) error = NULL;
  VucHeader header;

  decode (text, &header, &error);
  assert_no_error (error);
  return header;
}

static void
a_command_has_type_0 (void)
{
  VucHeader header = { .id = 0x1234, .command = VUC_COMMAND_REGION_READ, .size = 32 };
  guint8 bytes[VUC_HEADER_SIZE];

  vuc_header_encode (&header, bytes);

  assert_bytes (bytes, sizeof bytes,
                "u16:0x1234  # message id         \n"
                "u16:9       # REGION_READ        \n"
                "u32:32      # message size       \n"
                "u32:0       # flags: a command   \n"
                "u32:0       # error              \n");
}

static void
a_posted_command_has_bit_4 (void)
{
  VucHeader header = { .id = 1, .command = VUC_COMMAND_REGION_WRITE, .size = 36, .no_reply = TRUE };
  guint8 bytes[VUC_HEADER_SIZE];

  vuc_header_encode (&header, bytes);

  assert_bytes (bytes, sizeof bytes, "u16:1 u16:10 u32:36 | u32:0x10 u32:0");
}

static void
a_reply_has_type_1 (void)
{
  VucHeader header = { .id = 2, .command = VUC_COMMAND_DMA_READ, .size = 48, .is_reply = TRUE };
  guint8 bytes[VUC_HEADER_SIZE];

  vuc_header_encode (&header, bytes);

  assert_bytes (bytes, sizeof bytes, "u16:2 u16:11 u32:48 | u32:1 u32:0");
}

static void
an_error_reply_has_bit_5_and_an_errno (void)
{
  VucHeader header = { .id = 3,
                       .command = VUC_COMMAND_DMA_WRITE,
                       .size = 16,
                       .is_reply = TRUE,
                       .is_error = TRUE,
                       .error_number = EFAULT };
  guint8 bytes[VUC_HEADER_SIZE];

  vuc_header_encode (&header, bytes);

  assert_bytes (bytes, sizeof bytes, "u16:3 u16:12 u32:16 | u32:0x21 u32:14");
}

static void
an_errno_without_the_error_bit_is_not_sent (void)
{
  VucHeader header = { .id = 3, .command = VUC_COMMAND_DMA_WRITE, .size = 16, .is_reply = TRUE,
                       .error_number = EFAULT };
  guint8 bytes[VUC_HEADER_SIZE];

  vuc_header_encode (&header, bytes);

  assert_bytes (bytes, sizeof bytes, "u16:3 u16:12 u32:16 | u32:1 u32:0");
}

static void
every_field_of_a_reply_is_read (void)
{
  VucHeader header = decode_or_fail ("u16:0xfffe  # message id        \n"
                                     "u16:13      # DEVICE_RESET      \n"
                                     "u32:16      # message size      \n"
                                     "u32:1       # flags: a reply    \n"
                                     "u32:0       # error             \n");

  ck_assert_uint_eq (header.id, 0xfffe);
  ck_assert_uint_eq (header.command, VUC_COMMAND_DEVICE_RESET);
  ck_assert_uint_eq (header.size, 16);
  ck_assert (header.is_reply);
  ck_assert (!header.no_reply);
  ck_assert (!header.is_error);
  ck_assert_int_eq (header.error_number, 0);
}

static void
a_command_may_want_no_reply (void)
{
  VucHeader header = decode_or_fail ("u16:1 u16:12 u32:32 | u32:0x10 u32:0");

  ck_assert (!header.is_reply);
  ck_assert (header.no_reply);
}

static void
an_error_reply_tells_its_errno (void)
{
  VucHeader header = decode_or_fail ("u16:1 u16:6 u32:16 | u32:0x21 u32:22");

  ck_assert (header.is_error);
  ck_assert_int_eq (header.error_number, EINVAL);
}

static void
errnos_outside_1_to_4095_are_eio (void)
{
  ck_assert_int_eq (decode_or_fail ("u16:1 u16:6 u32:16 | u32:0x21 u32:0").error_number, EIO);
  ck_assert_int_eq (decode_or_fail ("u16:1 u16:6 u32:16 | u32:0x21 u32:1").error_number, 1);
  ck_assert_int_eq (decode_or_fail ("u16:1 u16:6 u32:16 | u32:0x21 u32:4095").error_number, 4095);
  ck_assert_int_eq (decode_or_fail ("u16:1 u16:6 u32:16 | u32:0x21 u32:4096").error_number, EIO);
  ck_assert_int_eq (decode_or_fail ("u16:1 u16:6 u32:16 | u32:0x21 ffffffff").error_number, EIO);
}

static void
an_errno_without_the_error_bit_is_ignored (void)
{
  VucHeader header = decode_or_fail ("u16:1 u16:6 u32:16 | u32:1 u32:22");

  ck_assert (!header.is_error);
  ck_assert_int_eq (header.error_number, 0);
}

static void
bits_that_make_no_sense_are_ignored (void)
{
  VucHeader reply = decode_or_fail ("u16:1 u16:6 u32:16 | u32:0xffffffd1 # no-reply, reserved  \n"
                                    "u32:0");
  VucHeader command = decode_or_fail ("u16:1 u16:11 u32:32 | u32:0x20     # error              \n"
                                      "u32:22");

  ck_assert (reply.is_reply);
  ck_assert (!reply.no_reply);
  ck_assert (!reply.is_error);
  ck_assert (!command.is_reply);
  ck_assert (!command.is_error);
  ck_assert_int_eq (command.error_number, 0);
}

static void
the_largest_size_is_allowed (void)
{
  ck_assert_uint_eq (decode_or_fail ("u16:1 u16:9 u32:1048592 | u32:1 u32:0").size, MAX_SIZE);
}

typedef struct
{
  const char *name;
  const char *bytes;
  const char *message;
} Lie;

static const Lie lies[] = {
  { "type 2", "u16:1 u16:9 u32:16 | u32:2 u32:0", "type 2, allowed are 0 (command) and 1 (reply)" },
  { "type 15", "u16:1 u16:9 u32:16 | u32:15 u32:0", "type 15" },
  { "size 15", "u16:1 u16:9 u32:15 | u32:1 u32:0",
    "message header of REGION_READ: size 15, allowed are 16 to 1048592" },
  { "size 0", "u16:1 u16:9 u32:0 | u32:1 u32:0", "size 0" },
  { "one byte too many", "u16:1 u16:10 u32:1048593 | u32:1 u32:0",
    "message header of REGION_WRITE: size 1048593" },
  { "the largest number", "u16:1 u16:77 ffffffff | u32:1 u32:0",
    "message header of command 77: size 4294967295" },
  { "text instead of a header", "'HTTP/1.1 400 Bad'", "message header" },
};

static void
a_lie_is_fatal (gconstpointer row)
{
  const Lie *lie = row;
  g_autoptr(GError) error = NULL;
  VucHeader header = { .id = 99 };

  ck_assert (!decode (lie->bytes, &header, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, lie->message);
  ck_assert_uint_eq (header.id, 99);
}

static void
check_damaged (const guint8 *data, gsize size G_GNUC_UNUSED, gpointer user_data G_GNUC_UNUSED)
{
  g_autoptr(GError) error = NULL;
  VucHeader header;

  if (!vuc_header_decode (data, MAX_SIZE, &header, &error))
    {
      assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "message header");
      return;
    }

  ck_assert_uint_ge (header.size, VUC_HEADER_SIZE);
  ck_assert_uint_le (header.size, MAX_SIZE);
  ck_assert (!(header.no_reply && header.is_reply));
  ck_assert (!(header.is_error && !header.is_reply));
  ck_assert_int_eq (header.is_error, header.error_number != 0);
  ck_assert_int_le (header.error_number, 4095);
}

static void
every_changed_bit_is_an_error_or_a_sound_header (void)
{
  g_autoptr(GBytes) reply = hex ("u16:7 u16:9 u32:36 | u32:1 u32:0");
  g_autoptr(GBytes) error_reply = hex ("u16:7 u16:9 u32:16 | u32:0x21 u32:22");
  g_autoptr(GBytes) command = hex ("u16:7 u16:11 u32:32 | u32:0x10 u32:0");

  mutate_bit_flips (reply, check_damaged, NULL);
  mutate_bit_flips (error_reply, check_damaged, NULL);
  mutate_bit_flips (command, check_damaged, NULL);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_command_has_type_0),
  HARNESS_CASE (a_posted_command_has_bit_4),
  HARNESS_CASE (a_reply_has_type_1),
  HARNESS_CASE (an_error_reply_has_bit_5_and_an_errno),
  HARNESS_CASE (an_errno_without_the_error_bit_is_not_sent),
  HARNESS_CASE (every_field_of_a_reply_is_read),
  HARNESS_CASE (a_command_may_want_no_reply),
  HARNESS_CASE (an_error_reply_tells_its_errno),
  HARNESS_CASE (errnos_outside_1_to_4095_are_eio),
  HARNESS_CASE (an_errno_without_the_error_bit_is_ignored),
  HARNESS_CASE (bits_that_make_no_sense_are_ignored),
  HARNESS_CASE (the_largest_size_is_allowed),
  HARNESS_ROWS (a_lie_is_fatal, lies),
  HARNESS_CASE (every_changed_bit_is_an_error_or_a_sound_header),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "header", cases);
}
