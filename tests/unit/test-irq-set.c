/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_SET_IRQS, against literal bytes.
 */

#include "wire/irq-set.h"

#include "harness/harness.h"

typedef struct
{
  const char *name;
  VucIrqSet set;
  const char *bytes;
} Row;

static const Row rows[] = {
  { "eventfds are no part of the payload", { .flags = 0x24, .index = 2, .start = 1, .count = 8 },
    "u32:20     # argsz                   \n"
    "u32:0x24   # flags: EVENTFD, TRIGGER \n"
    "u32:2      # index                   \n"
    "u32:1      # start                   \n"
    "u32:8      # count                   \n" },
  { "booleans are", { .flags = 0xa, .index = 1, .start = 0, .count = 3, .n_booleans = 3 },
    "u32:23     # argsz                   \n"
    "u32:10     # flags: BOOL, MASK       \n"
    "u32:1      # index                   \n"
    "u32:0      # start                   \n"
    "u32:3      # count                   \n" },
  { "a whole index is disabled", { .flags = 0x21, .index = 4 },
    "u32:20     # argsz                   \n"
    "u32:0x21   # flags: NONE, TRIGGER    \n"
    "u32:4      # index                   \n"
    "u32:0      # start                   \n"
    "u32:0      # count                   \n" },
};

static void
a_request_is_encoded (gconstpointer data)
{
  const Row *row = data;
  guint8 payload[VUC_IRQ_SET_SIZE];

  vuc_irq_set_encode (&row->set, payload);
  assert_bytes (payload, sizeof payload, row->bytes);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_request_is_encoded, rows),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "irq-set", cases);
}
