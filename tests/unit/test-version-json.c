/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The capability JSON: what is understood, what is ignored, and each thing that is refused with the
 * words that say so.
 */

#include "wire/version-json.h"

#include <string.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"

#define CAPS(members) "{\"capabilities\":{" members "}}"

/* What no capability has as its value, to see what was changed. */
static const VucVersion untouched = {
  .major = 11,
  .minor = 12,
  .max_msg_fds = 13,
  .max_data_xfer_size = 14,
  .max_dma_maps = 15,
  .pgsizes = 16,
  .migration_pgsize = 17,
  .migration_max_bitmap_size = 18,
};

static void
assert_untouched (const VucVersion *version)
{
  ck_assert_uint_eq (version->major, 11);
  ck_assert_uint_eq (version->minor, 12);
  ck_assert_uint_eq (version->max_msg_fds, 13);
  ck_assert_uint_eq (version->max_data_xfer_size, 14);
  ck_assert_uint_eq (version->max_dma_maps, 15);
  ck_assert_uint_eq (version->pgsizes, 16);
  ck_assert (!version->twin_socket);
  ck_assert (!version->write_multiple);
  ck_assert (!version->sparse_mmap_fds);
  ck_assert_uint_eq (version->migration_pgsize, 17);
  ck_assert_uint_eq (version->migration_max_bitmap_size, 18);
}

/* Not through a string: the copy ends where the JSON does, without a NUL. */
static gboolean
decode (const char *json, VucVersion *version, GError **error)
{
  gsize length = strlen (json);
  g_autofree char *text = g_malloc (length);

  memcpy (text, json, length);
  *version = untouched;
  return vuc_version_json_decode (text, length, version, error);
}

static VucVersion
decode_or_fail (const char *json)
{
  g_autoptr(GError) error = NULL;
  VucVersion version;

  decode (json, &version, &error);
  assert_no_error (error);
  return version;
}

static void
assert_one_printable_line (const char *message)
{
  const char *c = message;

  while (g_ascii_isprint (*c) || g_str_has_prefix (c, "…"))
    c += g_ascii_isprint (*c) ? 1 : strlen ("…");

  ck_assert_msg (*c == '\0', "byte 0x%02x in \"%s\"", (guint8) *c, message);
  ck_assert_uint_lt (strlen (message), 400);
}

static void
assert_fatal (const char *json, const char *message)
{
  g_autoptr(GError) error = NULL;
  VucVersion version;

  ck_assert (!decode (json, &version, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, message);
  assert_one_printable_line (error->message);
  assert_untouched (&version);
}

static void
a_proposal_has_no_white_space (void)
{
  const VucVersion proposal = {
    .max_msg_fds = 1,
    .max_data_xfer_size = 2,
    .max_dma_maps = 3,
    .pgsizes = G_MAXINT64,
    .migration_max_bitmap_size = 5,
  };
  g_autofree char *json = vuc_version_json_encode (&proposal);

  ck_assert_str_eq (json, CAPS ("\"max_msg_fds\":1,\"max_data_xfer_size\":2,\"max_dma_maps\":3,"
                                "\"pgsizes\":9223372036854775807,"
                                "\"migration\":{\"max_bitmap_size\":5}"));
}

static void
every_value_goes_where_it_belongs (void)
{
  VucVersion version = decode_or_fail (CAPS ("\"max_msg_fds\":1,\"max_data_xfer_size\":2,"
                                             "\"max_dma_maps\":3,\"pgsizes\":4,"
                                             "\"write_multiple\":true,\"sparse_mmap_fds\":true,"
                                             "\"twin_socket\":{\"supported\":true,\"fd_index\":5},"
                                             "\"migration\":{\"pgsize\":6,"
                                             "\"max_bitmap_size\":7}"));

  ck_assert_uint_eq (version.major, 11);
  ck_assert_uint_eq (version.minor, 12);
  ck_assert_uint_eq (version.max_msg_fds, 1);
  ck_assert_uint_eq (version.max_data_xfer_size, 2);
  ck_assert_uint_eq (version.max_dma_maps, 3);
  ck_assert_uint_eq (version.pgsizes, 4);
  ck_assert (version.write_multiple);
  ck_assert (version.sparse_mmap_fds);
  ck_assert (version.twin_socket);
  ck_assert_uint_eq (version.twin_socket_fd_index, 5);
  ck_assert_uint_eq (version.migration_pgsize, 6);
  ck_assert_uint_eq (version.migration_max_bitmap_size, 7);
}

static void
a_switch_can_be_said_to_be_off (void)
{
  VucVersion version = decode_or_fail (CAPS ("\"write_multiple\":false,\"sparse_mmap_fds\":false,"
                                             "\"twin_socket\":{\"supported\":false}"));

  assert_untouched (&version);
}

static void
an_index_that_was_not_named_is_none (void)
{
  VucVersion unnamed = decode_or_fail (CAPS ("\"twin_socket\":{\"supported\":true}"));
  VucVersion huge = decode_or_fail (CAPS ("\"twin_socket\":{\"fd_index\":4294967296}"));

  ck_assert_uint_eq (unnamed.twin_socket_fd_index, VUC_VERSION_JSON_NO_FD_INDEX);
  ck_assert_uint_eq (huge.twin_socket_fd_index, VUC_VERSION_JSON_NO_FD_INDEX);
}

typedef struct
{
  const char *name;
  const char *json;
} Harmless;

static const Harmless harmless[] = {
  { "an empty object", "{}" },
  { "white space around", " \t\r\n{} \t\r\n" },
  { "empty capabilities", CAPS ("") },
  { "unknown names beside capabilities", "{\"name\":\"x\",\"list\":[1,null,2.5,-3],\"n\":null}" },
  { "unknown names inside", CAPS ("\"max_speed\":-1,\"MAX_MSG_FDS\":null") },
  { "unknown names in known objects",
    CAPS ("\"twin_socket\":{\"x\":null},\"migration\":{\"x\":[]}") },
  { "names of capabilities in the wrong place", "{\"pgsizes\":0,\"twin_socket\":{\"x\":9}}" },
  { "empty known objects", CAPS ("\"twin_socket\":{},\"migration\":{}") },
  { "a twin socket that is not supported",
    CAPS ("\"twin_socket\":{\"supported\":false,\"fd_index\":4294967295}") },
  { "the same name in two objects", "{\"a\":{\"b\":1},\"b\":{\"b\":1}}" },
  { "text that is not ASCII", "{\"\xc3\xa4\":\"\xe2\x82\xac\\u20ac\"}" },
};

static void
what_is_unknown_is_ignored (gconstpointer row)
{
  VucVersion version = decode_or_fail (((const Harmless *) row)->json);

  assert_untouched (&version);
}

static void
numbers_may_be_as_large_as_63_bits (void)
{
  VucVersion version = decode_or_fail (CAPS ("\"max_msg_fds\":9223372036854775807,"
                                             "\"max_data_xfer_size\":9223372036854775807,"
                                             "\"max_dma_maps\":9223372036854775807,"
                                             "\"pgsizes\":9223372036854775807"));

  ck_assert_uint_eq (version.max_msg_fds, G_MAXINT64);
  ck_assert_uint_eq (version.max_data_xfer_size, G_MAXINT64);
  ck_assert_uint_eq (version.max_dma_maps, G_MAXINT64);
  ck_assert_uint_eq (version.pgsizes, G_MAXINT64);
}

static void
numbers_may_be_as_small_as_makes_sense (void)
{
  VucVersion version = decode_or_fail (CAPS ("\"max_msg_fds\":0,\"max_data_xfer_size\":1,"
                                             "\"max_dma_maps\":0,\"pgsizes\":1"));

  ck_assert_uint_eq (version.max_msg_fds, 0);
  ck_assert_uint_eq (version.max_data_xfer_size, 1);
  ck_assert_uint_eq (version.max_dma_maps, 0);
  ck_assert_uint_eq (version.pgsizes, 1);
}

static void
the_names_of_the_draft_are_understood (void)
{
  VucVersion version = decode_or_fail (CAPS ("\"max_fds\":4,\"max_msg_size\":4096"));

  ck_assert_uint_eq (version.max_msg_fds, 4);
  ck_assert_uint_eq (version.max_data_xfer_size, 4096 - 32);
}

static void
the_current_names_win_in_any_order (void)
{
  VucVersion before
      = decode_or_fail (CAPS ("\"max_msg_fds\":8,\"max_data_xfer_size\":65536,"
                              "\"max_fds\":4,\"max_msg_size\":4096"));
  VucVersion after
      = decode_or_fail (CAPS ("\"max_fds\":4,\"max_msg_size\":4096,"
                              "\"max_msg_fds\":8,\"max_data_xfer_size\":65536"));

  ck_assert_uint_eq (before.max_msg_fds, 8);
  ck_assert_uint_eq (before.max_data_xfer_size, 65536);
  ck_assert_uint_eq (after.max_msg_fds, 8);
  ck_assert_uint_eq (after.max_data_xfer_size, 65536);
}

typedef struct
{
  const char *name;
  const char *json;
  const char *message;
} BadJson;

#define WHOLE "expected a whole number of 0 to 9223372036854775807, got "

static const BadJson bad_jsons[] = {
  { "white space only", " ", "JSON, after 1 bytes: '[' or '{' expected near end of file" },
  { "not an object", "[]", "VERSION reply: JSON: expected an object, got an array" },
  { "a bare string", "\"x\"", "JSON, after " },
  { "a bare number", "1", "JSON, after " },
  { "not JSON at all", "capabilities=none", "JSON, after " },
  { "an open object", "{\"capabilities\":{}", "'}' expected near end of file" },
  { "something after the object", "{}x", "end of file expected near 'x'" },
  { "two objects", "{}{}", "end of file expected near '{'" },
  { "a comma too many", "{\"a\":1,}", "JSON, after " },
  { "single quotes", "{'a':1}", "JSON, after " },
  { "a comment", "{} // x", "JSON, after " },
  { "not a number", "{\"a\":NaN}", "JSON, after " },
  { "a leading zero", CAPS ("\"max_msg_fds\":08"), "JSON, after " },
  { "hexadecimal", CAPS ("\"max_msg_fds\":0x8"), "JSON, after " },
  { "a name twice", "{\"a\":1,\"a\":1}", "duplicate object key" },
  { "a name twice, once escaped", "{\"a\":1,\"\\u0061\":1}", "duplicate object key" },
  { "a capability twice", CAPS ("\"pgsizes\":1,\"pgsizes\":1"), "duplicate object key" },
  { "a name twice deep inside", "{\"a\":[{\"b\":1,\"b\":2}]}", "duplicate object key" },
  { "an escaped NUL", "{\"a\":\"\\u0000\"}", "\\\\u0000 is not allowed" },
  { "an escaped NUL in a name", "{\"a\\u0000\":1}", "JSON, after " },
  { "a byte that is not UTF-8", "{\"a\":\"\xff\"}", "unable to decode byte 0xff" },
  { "a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", "unable to decode byte 0xed" },
  { "an overlong NUL", "{\"a\":\"\xc0\x80\"}", "unable to decode byte 0xc0" },
  { "a cut sequence", "{\"a\":\"\xe2\x82\"}", "unable to decode byte 0xe2" },
  { "a byte order mark", "\xef\xbb\xbf{}", "JSON, after " },
  { "a line feed in a string", "{\"a\":\"\n\"}", "JSON, after " },
  { "half a surrogate pair", "{\"a\":\"\\ud800\"}", "JSON, after " },

  { "capabilities is null", "{\"capabilities\":null}",
    "VERSION reply: capabilities: expected an object, got null" },
  { "capabilities is an array", "{\"capabilities\":[1]}",
    "capabilities: expected an object, got [1]" },
  { "a number below 0", CAPS ("\"max_msg_fds\":-1"),
    "VERSION reply: capabilities.max_msg_fds: " WHOLE "-1" },
  { "the smallest number", CAPS ("\"max_msg_fds\":-9223372036854775808"),
    "capabilities.max_msg_fds: " WHOLE "-9223372036854775808" },
  { "a number with a fraction", CAPS ("\"max_msg_fds\":8.5"),
    "capabilities.max_msg_fds: " WHOLE "8.5" },
  { "a whole number with a fraction", CAPS ("\"max_msg_fds\":8.0"),
    "capabilities.max_msg_fds: " WHOLE "8.0" },
  { "a number with an exponent", CAPS ("\"max_msg_fds\":1e3"),
    "capabilities.max_msg_fds: " WHOLE "1000.0" },
  { "null for a number", CAPS ("\"max_msg_fds\":null"),
    "capabilities.max_msg_fds: " WHOLE "null" },
  { "a string for a number", CAPS ("\"max_msg_fds\":\"8\""),
    "capabilities.max_msg_fds: " WHOLE "\"8\"" },
  { "a boolean for a number", CAPS ("\"max_msg_fds\":true"),
    "capabilities.max_msg_fds: " WHOLE "true" },
  { "an array for a number", CAPS ("\"max_msg_fds\":[8]"),
    "capabilities.max_msg_fds: " WHOLE "[8]" },
  { "2^63", CAPS ("\"max_data_xfer_size\":9223372036854775808"), "too big integer" },
  { "2^64", CAPS ("\"max_data_xfer_size\":18446744073709551616"), "too big integer" },
  { "2^63 for an unknown name", "{\"x\":9223372036854775808}", "too big integer" },
  { "below -2^63 for an unknown name", "{\"x\":-9223372036854775809}", "too big negative integer" },
  { "too large a real number", "{\"x\":1e999}", "real number overflow" },
  { "no data", CAPS ("\"max_data_xfer_size\":0"),
    "capabilities.max_data_xfer_size: expected a whole number of 1 to 9223372036854775807, got 0" },
  { "data below 0", CAPS ("\"max_data_xfer_size\":-1048576"),
    "capabilities.max_data_xfer_size: expected a whole number of 1 to 9223372036854775807,"
    " got -1048576" },
  { "no page size", CAPS ("\"pgsizes\":0"),
    "capabilities.pgsizes: expected a whole number of 1 to 9223372036854775807, got 0" },
  { "DMA maps below 0", CAPS ("\"max_dma_maps\":-1"), "capabilities.max_dma_maps: " WHOLE "-1" },
  { "draft: descriptors below 0", CAPS ("\"max_fds\":-1"), "capabilities.max_fds: " WHOLE "-1" },
  { "draft: a message of 4095 bytes", CAPS ("\"max_msg_size\":4095"),
    "capabilities.max_msg_size: expected a whole number of 4096 to 9223372036854775807, got 4095" },
  { "draft: wrong even if the current name wins",
    CAPS ("\"max_data_xfer_size\":4096,\"max_msg_size\":0"),
    "capabilities.max_msg_size: expected" },
  { "a number for a boolean", CAPS ("\"write_multiple\":1"),
    "VERSION reply: capabilities.write_multiple: expected true or false, got 1" },
  { "null for a boolean", CAPS ("\"write_multiple\":null"),
    "capabilities.write_multiple: expected true or false, got null" },
  { "a string for a boolean", CAPS ("\"sparse_mmap_fds\":\"true\""),
    "capabilities.sparse_mmap_fds: expected true or false, got \"true\"" },
  { "a boolean for the twin socket", CAPS ("\"twin_socket\":true"),
    "VERSION reply: capabilities.twin_socket: expected an object, got true" },
  { "null for the twin socket", CAPS ("\"twin_socket\":null"),
    "capabilities.twin_socket: expected an object, got null" },
  { "supported is a number", CAPS ("\"twin_socket\":{\"supported\":1}"),
    "VERSION reply: capabilities.twin_socket.supported: expected true or false, got 1" },
  { "fd_index is null", CAPS ("\"twin_socket\":{\"supported\":false,\"fd_index\":null}"),
    "capabilities.twin_socket.fd_index: " WHOLE "null" },
  { "fd_index is negative", CAPS ("\"twin_socket\":{\"supported\":true,\"fd_index\":-1}"),
    "capabilities.twin_socket.fd_index: " WHOLE "-1" },
  { "a number for migration", CAPS ("\"migration\":4096"),
    "VERSION reply: capabilities.migration: expected an object, got 4096" },
  { "a fraction as page size", CAPS ("\"migration\":{\"pgsize\":4096.0}"),
    "VERSION reply: capabilities.migration.pgsize: " WHOLE "4096.0" },
  { "a negative bitmap", CAPS ("\"migration\":{\"max_bitmap_size\":-1}"),
    "capabilities.migration.max_bitmap_size: " WHOLE "-1" },
  { "control characters in a value", CAPS ("\"pgsizes\":\"\x7f\xc2\x9b\\u001b[2J\""),
    "got \"\\x7f\\xc2\\x9b\\\\u001" },
};

static void
bad_json_is_fatal (gconstpointer row)
{
  const BadJson *bad = row;

  assert_fatal (bad->json, bad->message);
}

static void
a_long_wrong_value_is_cut_in_the_message (void)
{
  g_autofree char *text = g_strnfill (10000, 'x');
  g_autofree char *json = g_strdup_printf (CAPS ("\"pgsizes\":\"%s\""), text);

  assert_fatal (json, "xxxx… (+9942 bytes)");
}

/* {"x":[[…]]}, that many levels altogether. */
static char *
json_of_depth (guint levels)
{
  g_autofree char *open = g_strnfill (levels - 1, '[');
  g_autofree char *close = g_strnfill (levels - 1, ']');

  return g_strconcat ("{\"x\":", open, close, "}", NULL);
}

static void
json_may_nest_8_deep (void)
{
  g_autofree char *deepest = json_of_depth (8);
  g_autofree char *too_deep = json_of_depth (9);
  g_autofree char *as_deep_as_jansson_goes = json_of_depth (2048);
  g_autofree char *deeper_than_that = json_of_depth (8000);

  decode_or_fail (deepest);
  assert_fatal (too_deep, "VERSION reply: JSON nests deeper than 8 levels");
  assert_fatal (as_deep_as_jansson_goes, "VERSION reply: JSON nests deeper than 8 levels");
  assert_fatal (deeper_than_that, "VERSION reply: JSON, after ");
}

static void
objects_count_as_levels_too (void)
{
  decode_or_fail ("{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":1}}}}}}}");

  assert_fatal ("{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{\"9\":{}}}}}}}}}",
                "VERSION reply: JSON nests deeper than 8 levels");
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_proposal_has_no_white_space),
  HARNESS_CASE (every_value_goes_where_it_belongs),
  HARNESS_CASE (a_switch_can_be_said_to_be_off),
  HARNESS_CASE (an_index_that_was_not_named_is_none),
  HARNESS_ROWS (what_is_unknown_is_ignored, harmless),
  HARNESS_CASE (numbers_may_be_as_large_as_63_bits),
  HARNESS_CASE (numbers_may_be_as_small_as_makes_sense),
  HARNESS_CASE (the_names_of_the_draft_are_understood),
  HARNESS_CASE (the_current_names_win_in_any_order),
  HARNESS_ROWS (bad_json_is_fatal, bad_jsons),
  HARNESS_CASE (a_long_wrong_value_is_cut_in_the_message),
  HARNESS_CASE (json_may_nest_8_deep),
  HARNESS_CASE (objects_count_as_levels_too),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "version-json", cases);
}
