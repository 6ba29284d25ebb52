/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The cursor and the writer: what is inside the bytes, and what is one too far.
 */

#include "base/cursor.h"

#include "harness/harness.h"

/* hex() allocates exactly that many bytes, so that a sanitizer sees one too many. */
static VucCursor
begin (GBytes *bytes)
{
  VucCursor cursor;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  vuc_cursor_init (&cursor, data, size);
  return cursor;
}

static void
integers_are_read_one_after_the_other (void)
{
  g_autoptr(GBytes) bytes = hex ("u16:0x1234 u32:0x56789abc u64:0x123456789abcdef0");
  VucCursor cursor = begin (bytes);

  ck_assert_uint_eq (vuc_cursor_left (&cursor), 14);
  ck_assert_uint_eq (vuc_cursor_get_u16 (&cursor), 0x1234);
  ck_assert_uint_eq (vuc_cursor_get_u32 (&cursor), 0x56789abc);
  ck_assert_uint_eq (vuc_cursor_get_u64 (&cursor), 0x123456789abcdef0);
  ck_assert_uint_eq (vuc_cursor_left (&cursor), 0);
  ck_assert (vuc_cursor_ok (&cursor));
}

static void
integers_may_lie_at_any_address (void)
{
  g_autoptr(GBytes) bytes = hex ("00 u64:1 00 u32:2 00*2 u16:3");
  VucCursor cursor = begin (bytes);

  vuc_cursor_skip (&cursor, 1);
  ck_assert_uint_eq (vuc_cursor_get_u64 (&cursor), 1);
  vuc_cursor_skip (&cursor, 1);
  ck_assert_uint_eq (vuc_cursor_get_u32 (&cursor), 2);
  vuc_cursor_skip (&cursor, 2);
  ck_assert_uint_eq (vuc_cursor_get_u16 (&cursor), 3);
  ck_assert (vuc_cursor_ok (&cursor));
}

static void
one_byte_too_few_reads_as_0_and_fails (void)
{
  g_autoptr(GBytes) one = hex ("ff");
  g_autoptr(GBytes) three = hex ("ff*3");
  g_autoptr(GBytes) seven = hex ("ff*7");
  VucCursor cursor = begin (one);

  ck_assert_uint_eq (vuc_cursor_get_u16 (&cursor), 0);
  ck_assert (!vuc_cursor_ok (&cursor));

  cursor = begin (three);
  ck_assert_uint_eq (vuc_cursor_get_u32 (&cursor), 0);
  ck_assert (!vuc_cursor_ok (&cursor));

  cursor = begin (seven);
  ck_assert_uint_eq (vuc_cursor_get_u64 (&cursor), 0);
  ck_assert (!vuc_cursor_ok (&cursor));
}

static void
a_read_past_the_end_sticks (void)
{
  g_autoptr(GBytes) bytes = hex ("ff*6");
  VucCursor cursor = begin (bytes);

  ck_assert_uint_eq (vuc_cursor_get_u64 (&cursor), 0);

  ck_assert_uint_eq (vuc_cursor_get_u16 (&cursor), 0);
  ck_assert_uint_eq (vuc_cursor_get_u32 (&cursor), 0);
  ck_assert_ptr_null (vuc_cursor_get_bytes (&cursor, 1));
  ck_assert_ptr_null (vuc_cursor_get_bytes (&cursor, 0));
  vuc_cursor_seek (&cursor, 0);
  ck_assert_uint_eq (vuc_cursor_get_u16 (&cursor), 0);
  ck_assert (!vuc_cursor_ok (&cursor));
  ck_assert_uint_eq (vuc_cursor_left (&cursor), 6);
}

static void
bytes_are_lent_not_copied (void)
{
  g_autoptr(GBytes) bytes = hex ("'abcdef'");
  VucCursor cursor = begin (bytes);
  const guint8 *data = g_bytes_get_data (bytes, NULL);

  ck_assert_ptr_eq (vuc_cursor_get_bytes (&cursor, 2), data);
  ck_assert_ptr_eq (vuc_cursor_get_bytes (&cursor, 4), data + 2);
  ck_assert_ptr_eq (vuc_cursor_get_bytes (&cursor, 0), data + 6);
  ck_assert (vuc_cursor_ok (&cursor));
}

static void
the_largest_count_does_not_wrap (void)
{
  g_autoptr(GBytes) bytes = hex ("ff*6");
  VucCursor cursor = begin (bytes);

  vuc_cursor_skip (&cursor, 4);
  ck_assert_ptr_null (vuc_cursor_get_bytes (&cursor, G_MAXSIZE));
  ck_assert (!vuc_cursor_ok (&cursor));
}

static void
a_seek_goes_anywhere_up_to_the_end (void)
{
  g_autoptr(GBytes) bytes = hex ("u16:1 u16:2 u16:3");
  VucCursor cursor = begin (bytes);

  vuc_cursor_seek (&cursor, 4);
  ck_assert_uint_eq (vuc_cursor_get_u16 (&cursor), 3);
  vuc_cursor_seek (&cursor, 2);
  ck_assert_uint_eq (vuc_cursor_get_u16 (&cursor), 2);
  vuc_cursor_seek (&cursor, 6);
  ck_assert_uint_eq (vuc_cursor_left (&cursor), 0);
  ck_assert (vuc_cursor_ok (&cursor));

  vuc_cursor_seek (&cursor, 7);
  ck_assert (!vuc_cursor_ok (&cursor));
}

static void
a_seek_to_the_largest_position_fails (void)
{
  g_autoptr(GBytes) bytes = hex ("ff*6");
  VucCursor cursor = begin (bytes);

  vuc_cursor_seek (&cursor, G_MAXSIZE);
  ck_assert (!vuc_cursor_ok (&cursor));
}

static void
nothing_has_nothing_to_read (void)
{
  VucCursor cursor;

  vuc_cursor_init (&cursor, NULL, 0);
  ck_assert_uint_eq (vuc_cursor_left (&cursor), 0);
  vuc_cursor_skip (&cursor, 0);
  ck_assert (vuc_cursor_ok (&cursor));
  ck_assert_uint_eq (vuc_cursor_get_u16 (&cursor), 0);
  ck_assert (!vuc_cursor_ok (&cursor));
}

static void
a_writer_lays_out_what_it_is_given (void)
{
  g_autofree guint8 *data = g_malloc (17);
  VucWriter writer;

  vuc_writer_init (&writer, data, 17);
  vuc_writer_put_bytes (&writer, "abc", 3);
  vuc_writer_put_u16 (&writer, 0x1234);
  vuc_writer_put_u32 (&writer, 5);
  vuc_writer_put_u64 (&writer, 6);

  ck_assert (vuc_writer_ok (&writer));
  ck_assert_uint_eq (writer.position, 17);
  assert_bytes (data, 17, "'abc' u16:0x1234 u32:5 u64:6");
}

static void
a_write_past_the_end_writes_nothing_and_sticks (void)
{
  g_autofree guint8 *data = g_malloc0 (6);
  VucWriter writer;

  vuc_writer_init (&writer, data, 6);
  vuc_writer_put_u32 (&writer, 1);
  vuc_writer_put_u32 (&writer, 0xffffffff);
  vuc_writer_put_u16 (&writer, 0xffff);
  vuc_writer_put_bytes (&writer, "x", 1);

  ck_assert (!vuc_writer_ok (&writer));
  ck_assert_uint_eq (writer.position, 4);
  assert_bytes (data, 6, "u32:1 00 00");
}

static const HarnessCase cases[] = {
  HARNESS_CASE (integers_are_read_one_after_the_other),
  HARNESS_CASE (integers_may_lie_at_any_address),
  HARNESS_CASE (one_byte_too_few_reads_as_0_and_fails),
  HARNESS_CASE (a_read_past_the_end_sticks),
  HARNESS_CASE (bytes_are_lent_not_copied),
  HARNESS_CASE (the_largest_count_does_not_wrap),
  HARNESS_CASE (a_seek_goes_anywhere_up_to_the_end),
  HARNESS_CASE (a_seek_to_the_largest_position_fails),
  HARNESS_CASE (nothing_has_nothing_to_read),
  HARNESS_CASE (a_writer_lays_out_what_it_is_given),
  HARNESS_CASE (a_write_past_the_end_writes_nothing_and_sticks),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "cursor", cases);
}
