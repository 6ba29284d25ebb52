/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DMA_MAP, DMA_UNMAP, DMA_READ and DMA_WRITE, against literal bytes.
 */

#include "wire/dma.h"

#include <errno.h>
#include <string.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/mutate.h"

#define MAX_COUNT 0x100000 /* what the client takes */

static void
a_map_request_has_32_bytes (void)
{
  VucDmaMap map = { .address = 0x123456789abcd000,
                    .size = 0x80000000,
                    .offset = 0x7fffffff000,
                    .flags = VUC_DMA_MAP_READ | VUC_DMA_MAP_WRITE };
  guint8 payload[VUC_DMA_MAP_SIZE];

  vuc_dma_map_encode (&map, payload);

  assert_bytes (payload, sizeof payload,
                "u32:32                   # argsz            \n"
                "u32:3                    # readable, writable\n"
                "u64:0x7fffffff000        # offset           \n"
                "u64:0x123456789abcd000   # address          \n"
                "u64:0x80000000           # size             \n");
}

typedef struct
{
  const char *name;
  guint32 flags;
  const char *bytes;
} Flags;

static const Flags flags[] = {
  { "nothing", 0, "u32:32 u32:0 u64:0 u64:0x1000 u64:0x2000" },
  { "readable", VUC_DMA_MAP_READ, "u32:32 u32:1 u64:0 u64:0x1000 u64:0x2000" },
  { "writable", VUC_DMA_MAP_WRITE, "u32:32 u32:2 u64:0 u64:0x1000 u64:0x2000" },
  { "to be mapped", VUC_DMA_MAP_MMAP, "u32:32 u32:4 u64:0 u64:0x1000 u64:0x2000" },
  { "by file IO", VUC_DMA_MAP_FILE_IO, "u32:32 u32:8 u64:0 u64:0x1000 u64:0x2000" },
};

static void
a_map_request_says_its_flags (gconstpointer row)
{
  const Flags *expected = row;
  VucDmaMap map = { .address = 0x1000, .size = 0x2000, .flags = expected->flags };
  guint8 payload[VUC_DMA_MAP_SIZE];

  vuc_dma_map_encode (&map, payload);

  assert_bytes (payload, sizeof payload, expected->bytes);
}

static const VucDmaUnmap unmapped = { .address = 0xfffffffffffe0000, .size = 0x10000 };

static const char unmap_echo[] = "u32:24                   # argsz   \n"
                                 "u32:0                    # flags   \n"
                                 "u64:0xfffffffffffe0000   # address \n"
                                 "u64:0x10000              # size    \n";

static gboolean
decode_unmap (const char *text, GError **error)
{
  g_autoptr (GBytes) payload = hex (text);

  return vuc_dma_unmap_decode (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload),
                               &unmapped, error);
}

static void
an_unmap_request_has_24_bytes (void)
{
  guint8 payload[VUC_DMA_UNMAP_SIZE];

  vuc_dma_unmap_encode (&unmapped, payload);

  assert_bytes (payload, sizeof payload, unmap_echo);
}

static void
an_unmap_reply_echoes_or_is_a_bare_header (void)
{
  g_autoptr (GError) error = NULL;

  ck_assert (decode_unmap (unmap_echo, &error));
  ck_assert (decode_unmap ("", &error));
  ck_assert (vuc_dma_unmap_decode (NULL, 0, &unmapped, &error));
  assert_no_error (error);
}

typedef struct
{
  const char *name;
  const char *payload;
  const char *message;
} Lie;

static const Lie lies[] = {
  { "one byte", "18", "DMA_UNMAP reply: payload 1, expected 24 or 0" },
  { "one byte short", "u32:24 u32:0 u64:0xfffffffffffe0000 00*7",
    "DMA_UNMAP reply: payload 23, expected 24 or 0" },
  { "one byte long", "u32:24 u32:0 u64:0xfffffffffffe0000 u64:0x10000 00",
    "DMA_UNMAP reply: payload 25, expected 24 or 0" },
  { "another address", "u32:24 u32:0 u64:0x1000 u64:0x10000",
    "DMA_UNMAP reply: address 0x1000, size 0x10000; expected address 0xfffffffffffe0000, size "
    "0x10000" },
  { "another size", "u32:24 u32:0 u64:0xfffffffffffe0000 u64:0",
    "address 0xfffffffffffe0000, size 0x0; expected" },
};

static void
a_lie_in_an_unmap_reply_is_fatal (gconstpointer row)
{
  const Lie *lie = row;
  g_autoptr (GError) error = NULL;

  ck_assert (!decode_unmap (lie->payload, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, lie->message);
}

/* The first 8 bytes are argsz and flags, which do not matter; nothing at all is a bare header. */
static void
check_damaged_unmap (const guint8 *data, gsize size, gpointer user_data)
{
  g_autoptr (GBytes) good = hex (unmap_echo);
  const guint8 *bytes = g_bytes_get_data (good, NULL);
  gboolean matters = size != 0 && (size != 24 || memcmp (data + 8, bytes + 8, 16) != 0);
  guint *n_fatal = user_data;
  g_autoptr (GError) error = NULL;

  ck_assert_int_eq (vuc_dma_unmap_decode (data, size, &unmapped, &error), !matters);
  if (matters)
    {
      assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, "DMA_UNMAP reply: ");
      (*n_fatal)++;
    }
}

static void
damage_to_an_unmap_reply_is_fatal (void)
{
  g_autoptr (GBytes) good = hex (unmap_echo);
  guint n_fatal = 0;

  mutate_truncations (good, check_damaged_unmap, &n_fatal);
  ck_assert_uint_eq (n_fatal, 23);

  n_fatal = 0;
  mutate_bit_flips (good, check_damaged_unmap, &n_fatal);
  ck_assert_uint_eq (n_fatal, 16 * 8);
}

typedef struct
{
  const char *name;
  guint16 command;
  const char *fixed;
  gsize data_size;
  int error;
  guint64 address; /* if there is no error */
  guint64 count;
} Access;

#define READ  VUC_COMMAND_DMA_READ
#define WRITE VUC_COMMAND_DMA_WRITE

static const Access accesses[] = {
  { "a read", READ, "u64:0x123456789abcdef0 u64:0x1234", 0, 0, 0x123456789abcdef0, 0x1234 },
  { "a write", WRITE, "u64:0x1000 u64:4", 4, 0, 0x1000, 4 },
  { "the largest read", READ, "u64:0 u64:0x100000", 0, 0, 0, 0x100000 },
  { "the largest write", WRITE, "u64:0 u64:0x100000", 0x100000, 0, 0, 0x100000 },
  { "a read of nothing", READ, "u64:0x1000 u64:0", 0, 0, 0x1000, 0 },
  { "a write of nothing", WRITE, "u64:0x1000 u64:0", 0, 0, 0x1000, 0 },
  { "the last addresses", READ, "u64:0xffffffffffffff00 u64:0xff", 0, 0, 0xffffffffffffff00, 0xff },

  { "a read of too much", READ, "u64:0 u64:0x100001", 0, EINVAL, 0, 0 },
  { "a write of too much", WRITE, "u64:0 u64:0x100001", 0x100001, EINVAL, 0, 0 },
  { "a count that 32 bits would cut", READ, "u64:0 u64:0x100000004", 0, EINVAL, 0, 0 },
  { "the largest count", READ, "u64:0 u64:0xffffffffffffffff", 0, EINVAL, 0, 0 },
  { "addresses that wrap", READ, "u64:0xfffffffffffffffc u64:8", 0, EINVAL, 0, 0 },
  { "written addresses that wrap", WRITE, "u64:0xfffffffffffffffc u64:8", 8, EINVAL, 0, 0 },
  { "a read with data", READ, "u64:0x1000 u64:4", 4, EINVAL, 0, 0 },
  { "a write without data", WRITE, "u64:0x1000 u64:4", 0, EINVAL, 0, 0 },
  { "a write with less data", WRITE, "u64:0x1000 u64:4", 3, EINVAL, 0, 0 },
  { "a write with more data", WRITE, "u64:0x1000 u64:4", 5, EINVAL, 0, 0 },
  { "a count of 32 bits", READ, "u64:0x1000 u32:4", 0, EINVAL, 0, 0 },
  { "more than the fixed part", READ, "u64:0x1000 u64:4 00", 0, EINVAL, 0, 0 },
};

static void
an_access_is_taken_or_refused (gconstpointer row)
{
  const Access *expected = row;
  g_autoptr (GBytes) fixed = hex (expected->fixed);
  VucDmaAccess access = { .address = 1, .count = 2 };
  int error = vuc_dma_access_decode (g_bytes_get_data (fixed, NULL), g_bytes_get_size (fixed),
                                     expected->data_size, expected->command, MAX_COUNT, &access);

  ck_assert_int_eq (error, expected->error);
  ck_assert_uint_eq (access.address, error == 0 ? expected->address : 1);
  ck_assert_uint_eq (access.count, error == 0 ? expected->count : 2);
}

static void
an_answer_has_16_bytes_before_the_data (void)
{
  VucDmaAccess access = { .address = 0x123456789abcdef0, .count = 0x100000 };
  guint8 payload[VUC_DMA_ACCESS_SIZE];

  vuc_dma_access_encode (&access, payload);

  assert_bytes (payload, sizeof payload,
                "u64:0x123456789abcdef0   # address \n"
                "u64:0x100000             # count   \n");
}

/* A write of 4 bytes to 0x1000: each bit of its count is one that the data contradicts. */
static void
check_damaged_write (const guint8 *data, gsize size, gpointer user_data G_GNUC_UNUSED)
{
  VucDmaAccess access = { .address = 1, .count = 2 };
  int error = vuc_dma_access_decode (data, size, 4, WRITE, MAX_COUNT, &access);
  guint64 address, count;

  if (size == VUC_DMA_ACCESS_SIZE)
    {
      memcpy (&address, data, sizeof address);
      memcpy (&count, data + 8, sizeof count);
      if (count == 4)
        {
          ck_assert_int_eq (error, 0);
          ck_assert_uint_eq (access.address, address);
          return;
        }
    }
  ck_assert_int_eq (error, EINVAL);
  ck_assert_uint_eq (access.address, 1);
  ck_assert_uint_eq (access.count, 2);
}

static void
check_damaged_read (const guint8 *data, gsize size, gpointer user_data G_GNUC_UNUSED)
{
  VucDmaAccess access;

  if (vuc_dma_access_decode (data, size, 0, READ, MAX_COUNT, &access) != 0)
    return;
  ck_assert_uint_eq (size, VUC_DMA_ACCESS_SIZE);
  ck_assert_uint_le (access.count, MAX_COUNT);
  ck_assert_uint_le (access.address, G_MAXUINT64 - access.count);
}

static void
damage_to_an_access_is_refused_or_harmless (void)
{
  g_autoptr (GBytes) write = hex ("u64:0x1000 u64:4");
  g_autoptr (GBytes) read = hex ("u64:0xfffffffffff00000 u64:0x80000");

  mutate_truncations (write, check_damaged_write, NULL);
  mutate_bit_flips (write, check_damaged_write, NULL);
  mutate_truncations (read, check_damaged_read, NULL);
  mutate_bit_flips (read, check_damaged_read, NULL);
  mutate_random (read, 10000, check_damaged_read, NULL);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_map_request_has_32_bytes),
  HARNESS_ROWS (a_map_request_says_its_flags, flags),
  HARNESS_CASE (an_unmap_request_has_24_bytes),
  HARNESS_CASE (an_unmap_reply_echoes_or_is_a_bare_header),
  HARNESS_ROWS (a_lie_in_an_unmap_reply_is_fatal, lies),
  HARNESS_CASE (damage_to_an_unmap_reply_is_fatal),
  HARNESS_ROWS (an_access_is_taken_or_refused, accesses),
  HARNESS_CASE (an_answer_has_16_bytes_before_the_data),
  HARNESS_CASE (damage_to_an_access_is_refused_or_harmless),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "dma", cases);
}
