/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Commands and responses of ioregionfds, against literal bytes.
 */

#include "wire/ioregion.h"

#include "harness/harness.h"
#include "harness/hex.h"

typedef struct
{
  const char *name;
  VucIoregionCommand command;
  const char *data; /* of a write */
  const char *bytes;
} Row;

static const Row rows[] = {
  { "a read of 1 byte",
    { .wants_response = TRUE, .size = 1, .user_data = 0x1122334455667788, .offset = 0x3f },
    NULL,
    "00 10 00*6  u64:0x1122334455667788  u64:0x3f  00*8" },
  { "a read of 2 bytes",
    { .wants_response = TRUE, .size = 2, .offset = 2 },
    NULL,
    "00 11 00*6  00*8  u64:2  00*8" },
  { "a read of 4 bytes",
    { .wants_response = TRUE, .size = 4, .offset = 0x1020304050607080 },
    NULL,
    "00 12 00*6  00*8  u64:0x1020304050607080  00*8" },
  { "a read of 8 bytes",
    { .wants_response = TRUE, .size = 8, .user_data = G_MAXUINT64 },
    NULL,
    "00 13 00*6  ff*8  00*8  00*8" },
  { "a read always wants its response", { .size = 8 }, NULL, "00 13 00*6  00*8  00*8  00*8" },
  { "a write of 1 byte",
    { .is_write = TRUE, .wants_response = TRUE, .size = 1, .user_data = 1, .offset = 3 },
    "fe",
    "01 10 00*6  u64:1  u64:3  fe 00*7" },
  { "a write of 2 bytes",
    { .is_write = TRUE, .wants_response = TRUE, .size = 2, .user_data = 1, .offset = 2 },
    "u16:0xfedc",
    "01 11 00*6  u64:1  u64:2  u64:0xfedc" },
  { "a write of 4 bytes",
    { .is_write = TRUE, .wants_response = TRUE, .size = 4, .user_data = 1, .offset = 4 },
    "u32:0xfedcba98",
    "01 12 00*6  u64:1  u64:4  u64:0xfedcba98" },
  { "a write of 8 bytes",
    { .is_write = TRUE, .wants_response = TRUE, .size = 8, .user_data = 1, .offset = 8 },
    "u64:0xfedcba9876543210",
    "01 13 00*6  u64:1  u64:8  u64:0xfedcba9876543210" },
  { "a posted write",
    { .is_write = TRUE, .size = 4, .user_data = 9 },
    "u32:0x80000001",
    "01 02 00*6  u64:9  00*8  u64:0x80000001" },
};

static void
a_command_has_32_bytes (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(GBytes) written = hex (row->data != NULL ? row->data : "");
  guint8 bytes[VUC_IOREGION_COMMAND_SIZE + 1];

  memset (bytes, 0xee, sizeof bytes);
  vuc_ioregion_command_encode (&row->command, g_bytes_get_data (written, NULL), bytes);

  assert_bytes (bytes, VUC_IOREGION_COMMAND_SIZE, row->bytes);
  ck_assert_uint_eq (bytes[VUC_IOREGION_COMMAND_SIZE], 0xee);
}

typedef struct
{
  const char *name;
  guint size;
  const char *data; /* 8 bytes, of which some must stay as they were */
} Width;

static const Width widths[] = {
  { "1 byte", 1, "10 ee*7" },
  { "2 bytes", 2, "u16:0x3210 ee*6" },
  { "4 bytes", 4, "u32:0x76543210 ee*4" },
  { "8 bytes", 8, "u64:0xfedcba9876543210" },
};

static void
of_a_response_the_low_bytes_are_copied (gconstpointer row)
{
  const Width *width = row;
  g_autoptr(GBytes) response = hex ("u64:0xfedcba9876543210  cc*24");
  guint8 data[8];

  memset (data, 0xee, sizeof data);
  vuc_ioregion_response_decode (g_bytes_get_data (response, NULL), data, width->size);

  assert_bytes (data, sizeof data, width->data);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_command_has_32_bytes, rows),
  HARNESS_ROWS (of_a_response_the_low_bytes_are_copied, widths),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "ioregion-wire", cases);
}
