/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VERSION, against literal bytes: what we propose, what a reply may say, and what it may not.  More
 * of the JSON is in test-version-json.c.
 */

#include "wire/version.h"

#include <string.h>

#include <vfio-user-client/vuc-error.h>

#include "base/limits.h"
#include "harness/harness.h"
#include "harness/mutate.h"

/* Most of a JSON text is the value of one capability. */
#define CAPS(members) "{\"capabilities\":{" members "}}"
#define TWIN_SOCKET(index) "\"twin_socket\":{\"supported\":true,\"fd_index\":" index "}"

/* The most that we can propose. */
static const VucVersion everything = {
  .major = 0,
  .minor = 2,
  .max_msg_fds = 253,
  .max_data_xfer_size = 1048576,
  .max_dma_maps = 65535,
  .pgsizes = 4096,
  .twin_socket = TRUE,
  .write_multiple = TRUE,
  .sparse_mmap_fds = TRUE,
  .migration_pgsize = 4096,
};

/* The least. */
static const VucVersion little = {
  .major = 0,
  .minor = 2,
  .max_msg_fds = 253,
  .max_data_xfer_size = 1048576,
  .max_dma_maps = 65535,
  .pgsizes = 4096,
};

static GBytes *
reply_with (const char *json)
{
  GByteArray *payload = g_byte_array_new ();
  g_autoptr(GBytes) fixed = hex ("u16:0 # major \n"
                                 "u16:1 # minor \n");

  g_byte_array_append (payload, g_bytes_get_data (fixed, NULL), 4);
  g_byte_array_append (payload, (const guint8 *) json, strlen (json) + 1);
  return g_byte_array_free_to_bytes (payload);
}

static gboolean
decode (GBytes *payload, guint n_fds, VucVersion *agreed, GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (payload, &size);

  return vuc_version_decode (data, size, &everything, n_fds, agreed, error);
}

static VucVersion
decode_or_fail (GBytes *payload, guint n_fds)
{
  g_autoptr(GError) error = NULL;
  VucVersion agreed = { 0 };

  decode (payload, n_fds, &agreed, &error);
  assert_no_error (error);
  return agreed;
}

static VucVersion
decode_json_or_fail (const char *json)
{
  g_autoptr(GBytes) payload = reply_with (json);

  return decode_or_fail (payload, 0);
}

static void
assert_fatal (GBytes *payload, guint n_fds, const char *message)
{
  g_autoptr(GError) error = NULL;
  VucVersion agreed = { .minor = 99 };

  ck_assert (!decode (payload, n_fds, &agreed, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, message);
  ck_assert_uint_eq (agreed.minor, 99);
}

static void
assert_defaults (const VucVersion *agreed)
{
  ck_assert_uint_eq (agreed->max_msg_fds, 1);
  ck_assert_uint_eq (agreed->max_data_xfer_size, 1048576);
  ck_assert_uint_eq (agreed->max_dma_maps, 65535);
  ck_assert_uint_eq (agreed->pgsizes, 4096);
  ck_assert (!agreed->twin_socket);
  ck_assert_uint_eq (agreed->twin_socket_fd_index, 0);
  ck_assert (!agreed->write_multiple);
  ck_assert (!agreed->sparse_mmap_fds);
  ck_assert_uint_eq (agreed->migration_pgsize, 0);
  ck_assert_uint_eq (agreed->migration_max_bitmap_size, 0);
}

static void
a_proposal_names_every_capability (void)
{
  g_autoptr(GByteArray) payload = vuc_version_encode (&everything);

  assert_bytes (payload->data, payload->len,
                "u16:0                             # major         \n"
                "u16:2                             # minor         \n"
                "'{\"capabilities\":{'                             \n"
                "'\"max_msg_fds\":253,'                            \n"
                "'\"max_data_xfer_size\":1048576,'                 \n"
                "'\"max_dma_maps\":65535,'                         \n"
                "'\"pgsizes\":4096,'                               \n"
                "'\"write_multiple\":true,'                        \n"
                "'\"sparse_mmap_fds\":true,'                       \n"
                "'\"twin_socket\":{\"supported\":true},'           \n"
                "'\"migration\":{\"pgsize\":4096}'                 \n"
                "'}}' 00                           # the final NUL \n");
}

static void
what_is_not_wanted_is_not_named (void)
{
  g_autoptr(GByteArray) payload = vuc_version_encode (&little);

  assert_bytes (payload->data, payload->len,
                "u16:0 u16:2                         \n"
                "'{\"capabilities\":{'               \n"
                "'\"max_msg_fds\":253,'              \n"
                "'\"max_data_xfer_size\":1048576,'   \n"
                "'\"max_dma_maps\":65535,'           \n"
                "'\"pgsizes\":4096'                  \n"
                "'}}' 00                             \n");
}

static void
a_reply_without_json_has_the_defaults (void)
{
  g_autoptr(GBytes) payload = hex ("u16:0 u16:1");
  VucVersion agreed = decode_or_fail (payload, 0);

  ck_assert_uint_eq (agreed.major, 0);
  ck_assert_uint_eq (agreed.minor, 1);
  assert_defaults (&agreed);
}

static void
a_lone_nul_is_no_json (void)
{
  g_autoptr(GBytes) payload = hex ("u16:0 u16:1 00");
  VucVersion agreed = decode_or_fail (payload, 0);

  assert_defaults (&agreed);
}

static void
a_reply_may_name_everything (void)
{
  g_autoptr(GBytes) payload
      = hex ("u16:0                                                        # major      \n"
             "u16:2                                                        # minor      \n"
             "'{\"capabilities\": {'                                                    \n"
             "'  \"max_msg_fds\": 8,'                                                   \n"
             "'  \"max_data_xfer_size\": 65536,'                                        \n"
             "'  \"max_dma_maps\": 16,'                                                 \n"
             "'  \"pgsizes\": 2101248,'                                    # 4K or 2M   \n"
             "'  \"twin_socket\": {\"supported\": true, \"fd_index\": 1},'              \n"
             "'  \"write_multiple\": true,'                                             \n"
             "'  \"sparse_mmap_fds\": true,'                                            \n"
             "'  \"migration\": {\"pgsize\": 4096, \"max_bitmap_size\": 256}'           \n"
             "'}}' 00                                                      # final NUL  \n");
  VucVersion agreed = decode_or_fail (payload, 2);

  ck_assert_uint_eq (agreed.major, 0);
  ck_assert_uint_eq (agreed.minor, 2);
  ck_assert_uint_eq (agreed.max_msg_fds, 8);
  ck_assert_uint_eq (agreed.max_data_xfer_size, 65536);
  ck_assert_uint_eq (agreed.max_dma_maps, 16);
  ck_assert_uint_eq (agreed.pgsizes, 0x201000);
  ck_assert (agreed.twin_socket);
  ck_assert_uint_eq (agreed.twin_socket_fd_index, 1);
  ck_assert (agreed.write_multiple);
  ck_assert (agreed.sparse_mmap_fds);
  ck_assert_uint_eq (agreed.migration_pgsize, 4096);
  ck_assert_uint_eq (agreed.migration_max_bitmap_size, 256);
}

typedef struct
{
  const char *name;
  const char *json;
  guint64 counts;
} Descriptors;

static const Descriptors descriptors[] = {
  { "252", CAPS ("\"max_msg_fds\":252"), 252 },
  { "253", CAPS ("\"max_msg_fds\":253"), 253 },
  { "254", CAPS ("\"max_msg_fds\":254"), 253 },
  { "2^63-1", CAPS ("\"max_msg_fds\":9223372036854775807"), 253 },
};

static void
more_descriptors_than_the_kernel_sends_count_as_253 (gconstpointer data)
{
  const Descriptors *row = data;

  ck_assert_uint_eq (decode_json_or_fail (row->json).max_msg_fds, row->counts);
}

static void
a_switch_needs_both_sides (void)
{
  g_autoptr(GBytes) payload
      = reply_with (CAPS ("\"write_multiple\":true,\"sparse_mmap_fds\":true"));
  g_autoptr(GError) error = NULL;
  VucVersion agreed = { 0 };
  gsize size;
  const guint8 *data = g_bytes_get_data (payload, &size);

  vuc_version_decode (data, size, &little, 0, &agreed, &error);
  assert_no_error (error);

  ck_assert (!agreed.write_multiple);
  ck_assert (!agreed.sparse_mmap_fds);
}

static void
a_twin_socket_that_was_not_proposed_is_fatal (void)
{
  g_autoptr(GBytes) payload = reply_with (CAPS (TWIN_SOCKET ("0")));
  g_autoptr(GError) error = NULL;
  VucVersion agreed = { .minor = 99 };
  gsize size;
  const guint8 *data = g_bytes_get_data (payload, &size);

  ck_assert (!vuc_version_decode (data, size, &little, 1, &agreed, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL,
                "VERSION reply: capabilities.twin_socket.supported: true, although it was not"
                " proposed");
  ck_assert_uint_eq (agreed.minor, 99);
}

static void
a_twin_socket_needs_a_descriptor_that_came (void)
{
  g_autoptr(GBytes) first = reply_with (CAPS (TWIN_SOCKET ("0")));
  g_autoptr(GBytes) second = reply_with (CAPS (TWIN_SOCKET ("1")));
  g_autoptr(GBytes) wrapped = reply_with (CAPS (TWIN_SOCKET ("4294967296")));
  g_autoptr(GBytes) unnamed = reply_with (CAPS ("\"twin_socket\":{\"supported\":true}"));

  ck_assert_uint_eq (decode_or_fail (first, 1).twin_socket_fd_index, 0);
  ck_assert_uint_eq (decode_or_fail (second, 2).twin_socket_fd_index, 1);
  assert_fatal (first, 0, "capabilities.twin_socket.fd_index: names none of the 0 descriptors");
  assert_fatal (second, 1, "capabilities.twin_socket.fd_index: names none of the 1 descriptors");
  assert_fatal (wrapped, 1, "capabilities.twin_socket.fd_index: names none of the 1 descriptors");
  assert_fatal (unnamed, 1, "capabilities.twin_socket.fd_index: names none of the 1 descriptors");
}

typedef struct
{
  const char *name;
  const char *payload;
  const char *message;
} BadBytes;

static const BadBytes bad_bytes[] = {
  { "nothing", "", "VERSION reply: payload 0, expected at least 4" },
  { "three bytes", "u16:0 00", "VERSION reply: payload 3, expected at least 4" },
  { "another major version", "u16:1 u16:0", "VERSION reply: major version 1, expected 0" },
  { "the largest major version", "ffff u16:0", "major version 65535, expected 0" },
  { "a higher minor version", "u16:0 u16:3", "VERSION reply: minor version 3, allowed are 0 to 2" },
  { "no NUL", "u16:0 u16:1 '{}'", "VERSION reply: JSON of 2 bytes does not end with a NUL" },
  { "a NUL in the middle", "u16:0 u16:1 '{' 00 '}' 00",
    "VERSION reply: JSON of 4 bytes has a NUL at byte 1, only the last may be one" },
  { "two NULs at the end", "u16:0 u16:1 '{}' 00 00", "has a NUL at byte 2" },
  { "nothing but NULs", "u16:0 u16:1 00*2", "has a NUL at byte 0" },
  { "a byte order mark", "u16:0 u16:1 efbbbf '{}' 00", "VERSION reply: JSON, after " },
  { "a byte that is not UTF-8", "u16:0 u16:1 '{\"a\":\"' ff '\"}' 00",
    "VERSION reply: JSON, after 6 bytes: unable to decode byte 0xff" },
};

static void
bad_bytes_are_fatal (gconstpointer row)
{
  const BadBytes *bad = row;
  g_autoptr(GBytes) payload = hex (bad->payload);

  assert_fatal (payload, 0, bad->message);
}

/* JSON text of exactly that many bytes, its NUL not counted. */
static GBytes *
reply_of_length (gsize length)
{
  g_autofree char *padding = g_strnfill (length - 2, ' ');
  g_autofree char *json = g_strconcat ("{", padding, "}", NULL);

  return reply_with (json);
}

static void
json_may_have_16_kib_with_its_nul (void)
{
  g_autoptr(GBytes) longest = reply_of_length (16 * 1024 - 1);
  g_autoptr(GBytes) too_long = reply_of_length (16 * 1024);
  VucVersion agreed = decode_or_fail (longest, 0);

  assert_defaults (&agreed);
  assert_fatal (too_long, 0,
                "VERSION reply: JSON of 16385 bytes with its NUL, at most 16384 are allowed");
}

/* What the callers rely on, whatever came. */
static void
check_damaged (const guint8 *data, gsize size, gpointer user_data)
{
  const guint n_fds = *(const guint *) user_data;
  g_autoptr(GError) error = NULL;
  VucVersion agreed = { 0 };

  if (!vuc_version_decode (data, size, &everything, n_fds, &agreed, &error))
    {
      assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "VERSION reply: ");
      return;
    }

  ck_assert_uint_eq (agreed.major, 0);
  ck_assert_uint_le (agreed.minor, 2);
  ck_assert_uint_le (agreed.max_msg_fds, VUC_LIMIT_MSG_FDS);
  ck_assert_uint_gt (agreed.max_data_xfer_size, 0);
  ck_assert_uint_le (agreed.max_data_xfer_size, G_MAXINT64);
  ck_assert_uint_le (agreed.max_dma_maps, G_MAXINT64);
  ck_assert_uint_gt (agreed.pgsizes, 0);
  if (agreed.twin_socket)
    ck_assert_uint_lt (agreed.twin_socket_fd_index, n_fds);
}

/* One of each kind, as short as it can be. */
#define SAMPLE                                                                                     \
  CAPS ("\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,\"max_msg_size\":8192,"                  \
        TWIN_SOCKET ("0") ",\"write_multiple\":true,\"migration\":{\"pgsize\":4096}")

static void
every_shorter_reply_is_an_error_or_has_no_json (void)
{
  g_autoptr(GBytes) good = reply_with (SAMPLE);
  gsize size;
  const guint8 *data = g_bytes_get_data (good, &size);
  guint n_fds = 1;

  decode_or_fail (good, n_fds);
  mutate_truncations (good, check_damaged, &n_fds);

  for (gsize shorter = 0; shorter < size; shorter++)
    {
      VucVersion agreed;

      ck_assert_int_eq (vuc_version_decode (data, shorter, &everything, n_fds, &agreed, NULL),
                        shorter == 4);
    }
}

static void
every_changed_bit_is_an_error_or_a_sound_version (void)
{
  g_autoptr(GBytes) good = reply_with (SAMPLE);
  guint n_fds = 1;

  mutate_bit_flips (good, check_damaged, &n_fds);
}

static void
no_damage_breaks_the_decoder (void)
{
  g_autoptr(GBytes) good = reply_with (SAMPLE);
  guint n_fds = 1;

  mutate_random (good, 20000, check_damaged, &n_fds);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_proposal_names_every_capability),
  HARNESS_CASE (what_is_not_wanted_is_not_named),
  HARNESS_CASE (a_reply_without_json_has_the_defaults),
  HARNESS_CASE (a_lone_nul_is_no_json),
  HARNESS_CASE (a_reply_may_name_everything),
  HARNESS_ROWS (more_descriptors_than_the_kernel_sends_count_as_253, descriptors),
  HARNESS_CASE (a_switch_needs_both_sides),
  HARNESS_CASE (a_twin_socket_that_was_not_proposed_is_fatal),
  HARNESS_CASE (a_twin_socket_needs_a_descriptor_that_came),
  HARNESS_ROWS (bad_bytes_are_fatal, bad_bytes),
  HARNESS_CASE (json_may_have_16_kib_with_its_nul),
  HARNESS_CASE (every_shorter_reply_is_an_error_or_has_no_json),
  HARNESS_CASE (every_changed_bit_is_an_error_or_a_sound_version),
  HARNESS_CASE (no_damage_breaks_the_decoder),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "version", cases);
}
