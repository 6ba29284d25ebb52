/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * DEVICE_GET_REGION_IO_FDS, against servers that lie, each in one way.  The region that is asked
 * about is always number 2, of 4096 bytes, and 4096 bytes of reply are taken.
 */

#include "wire/region-io-fds.h"

#include <string.h>

#include <vfio-user-client/vuc-error.h>
#include <vfio-user-client/vuc-io-fds.h>

#include "harness/harness.h"
#include "harness/mutate.h"

/* What was asked, and how many descriptors came. */
#define FDS(n) ((VucRegionIoFdsQuery){ .index = 2, .argsz = 4096, .region_size = 4096, .n_fds = n })

/* The fixed part, and beginnings of entries.  A size is that of the whole payload. */
#define FIXED(argsz, count) \
  "u32:" #argsz "   # argsz    \n" \
  "u32:0            # flags    \n" \
  "u32:2            # index    \n" \
  "u32:" #count "   # count    \n"

#define IOEVENTFD "u32:0 "
#define IOREGIONFD "u32:1 "
#define SHADOW "u32:2 "
#define NONE "ffffffff "

#define PREFIX "DEVICE_GET_REGION_IO_FDS reply of region 2: "

static gboolean
decode (const char *text, VucRegionIoFdsQuery query, VucRegionIoFdsReply *reply, GError **error)
{
  g_autoptr(GBytes) payload = hex (text);

  return vuc_region_io_fds_decode (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload),
                                   &query, reply, error);
}

/* ---- Lies that are fatal ---- */

typedef struct
{
  const char *name;
  const char *payload;
  guint n_fds;
  const char *message;
} Lie;

static const Lie fatal_lies[] = {
  { "no payload", "", 0, PREFIX "payload 0, allowed are 16 to 4096" },
  { "a payload that is too short", "u32:16 u32:0 u32:2", 0, "payload 12, allowed are 16 to 4096" },
  { "more than was asked for", FIXED (4097, 102) "00*4081", 0,
    "payload 4097, allowed are 16 to 4096" },
  { "argsz below the fixed size", FIXED (15, 0), 0, "argsz 15, allowed are 16 to 1048576" },
  { "argsz above 1 MiB", FIXED (1048577, 1), 0, "argsz 1048577, allowed are 16 to 1048576" },
  { "another index", "u32:16 u32:0 u32:3 u32:0", 0, PREFIX "index 3, expected 2" },
  { "less than argsz says", FIXED (96, 2) "00*40", 0, "payload 56, allowed are 16 and argsz 96" },
  { "more than argsz says", FIXED (56, 1) "00*80", 0, "payload 96, allowed are 16 and argsz 56" },
  { "entries in a reply that asks for more space", FIXED (4112, 1) "00*40", 0,
    "payload 56, allowed are 16 and argsz 4112" },
};

static void
a_lie_is_fatal (gconstpointer row)
{
  const Lie *lie = row;
  g_autoptr(GError) error = NULL;
  VucRegionIoFdsReply reply = { .n_entries = 99 };

  ck_assert (!decode (lie->payload, FDS (lie->n_fds), &reply, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_PROTOCOL, lie->message);
  ck_assert_uint_eq (reply.n_entries, 99);
}

/* ---- Lies that are refused ---- */

#define OLD(entry) FIXED (56, 1) entry
#define NEW(entry) FIXED (64, 1) entry
#define TWO(first, second) FIXED (112, 2) first second

static const Lie lies[] = {
  /* All of them. */
  { "flags", "u32:16 u32:1 u32:2 u32:0", 0, PREFIX "flags 0x1, expected 0x0" },
  { "entries that are not counted", FIXED (64, 0) "00*48", 1,
    PREFIX "0 entries in 48 bytes, allowed are equal ones of 40 bytes and more" },
  { "entries that are counted but did not come", FIXED (64, 1), 0, "1 entries in 0 bytes" },
  { "a count without space", FIXED (16, 0xffffffff), 0, "4294967295 entries in 0 bytes" },
  { "entries that are too small", FIXED (55, 1) "00*39", 1, "1 entries in 39 bytes" },
  { "entries that are not equal", FIXED (97, 2) "00*81", 1, "2 entries in 81 bytes" },

  /* One of them: type and flags. */
  { "an unknown type", NEW ("u64:0 u64:4 u32:0 u32:3 u32:0 u32:0 u64:0 u64:0"), 1,
    PREFIX "entry 0: type 3, allowed are 0 to 2" },
  { "a shadow in the old layout", OLD ("u64:0 u64:4 u32:0" SHADOW "u32:0 u32:0 u64:0"), 1,
    "entry 0: shadow ioeventfd in 40 bytes, it needs 48" },
  { "DEASSIGN", NEW ("u64:0 u64:4 u32:0" IOEVENTFD "u32:4 u32:0 u64:0 u64:0"), 1,
    "entry 0: ioeventfd with flags 0x4, allowed are 0x0 to 0x3" },
  { "VIRTIO_CCW_NOTIFY", NEW ("u64:0 u64:4 u32:0" IOEVENTFD "u32:8 u32:0 u64:0 u64:0"), 1,
    "ioeventfd with flags 0x8" },
  { "an unknown flag of an ioregionfd",
    NEW ("u64:0 u64:4 u32:0" IOREGIONFD "u32:4 u32:0 u64:0 u64:0"), 1,
    "ioregionfd with flags 0x4" },
  { "all flags of a shadow", NEW ("u64:0 u64:4 u32:0" SHADOW "ffffffff u32:0 u64:0 u64:0"), 1,
    "shadow ioeventfd with flags 0xffffffff" },
  { "an ioeventfd for port IO", NEW ("u64:0 u64:4 u32:0" IOEVENTFD "u32:2 u32:0 u64:0 u64:0"), 1,
    "entry 0: ioeventfd for port IO, but the region is not port IO" },
  { "an ioregionfd for port IO", NEW ("u64:0 u64:4 u32:0" IOREGIONFD "u32:1 u32:0 u64:0 u64:0"), 1,
    "entry 0: ioregionfd for port IO, but the region is not port IO" },
  { "a shadow for port IO", NEW ("u64:0 u64:4 u32:0" SHADOW "u32:2 u32:0 u64:0 u64:0"), 1,
    "entry 0: shadow ioeventfd for port IO, but the region is not port IO" },

  /* Offset and size. */
  { "an end outside the region",
    NEW ("u64:4092 u64:8 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0"), 1,
    "entry 0: ioeventfd at offset 0xffc of size 0x8, the region's size is 0x1000" },
  { "nothing at the end of the region",
    NEW ("u64:4096 u64:0 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0"), 1,
    "entry 0: ioeventfd at offset 0x1000 of size 0x0, the region's size is 0x1000" },
  { "an end that wraps",
    NEW ("u64:8 u64:0xfffffffffffffff8 u32:0" IOREGIONFD "u32:0 u32:0 u64:0 u64:0"), 1,
    "entry 0: ioregionfd at offset 0x8 of size 0xfffffffffffffff8" },
  { "without a descriptor but outside the region",
    NEW ("u64:4096 u64:4" NONE IOEVENTFD "u32:0 u32:0 u64:0 u64:0"), 0,
    "entry 0: ioeventfd at offset 0x1000" },
  { "an ioeventfd of size 3", NEW ("u64:0 u64:3 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0"), 1,
    "entry 0: ioeventfd of size 3, allowed are 0, 1, 2, 4 and 8" },
  { "an ioeventfd of size 16", NEW ("u64:0 u64:16 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0"), 1,
    "entry 0: ioeventfd of size 16" },
  { "a shadow of size 22", NEW ("u64:8 u64:22 u32:0" SHADOW "u32:0 u32:0 u64:0 u64:0"), 1,
    "entry 0: shadow ioeventfd of size 22" },
  { "an ioeventfd of any size that matches data",
    NEW ("u64:0 u64:0 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:5"), 1,
    "entry 0: ioeventfd of size 0 with DATAMATCH" },
  { "a shadow of any size that matches data",
    NEW ("u64:0 u64:0 u32:0" SHADOW "u32:1 u32:0 u64:0 u64:5"), 1,
    "entry 0: shadow ioeventfd of size 0 with DATAMATCH" },
  { "an ioregionfd of size 0 that responds",
    NEW ("u64:0 u64:0 u32:0" IOREGIONFD "u32:0 u32:0 u64:0 u64:0"), 1,
    "entry 0: ioregionfd of size 0 without POSTED_WRITES" },
  { "a shadow that wraps",
    NEW ("u64:0 u64:4 u32:0" SHADOW "u32:0 u32:0 u64:0xfffffffffffffffc u64:0"), 1,
    "entry 0: shadow ioeventfd: shadow offset 0xfffffffffffffffc + size 0x4 overflows" },

  /* Descriptors. */
  { "a descriptor that did not come", NEW ("u64:0 u64:4 u32:1" IOEVENTFD "u32:0 u32:0 u64:0 u64:0"),
    1, "entry 0: fd_index 1, but 1 descriptors came" },
  { "no descriptor at all", NEW ("u64:0 u64:4 u32:0" IOREGIONFD "u32:0 u32:0 u64:0 u64:0"), 0,
    "entry 0: fd_index 0, but 0 descriptors came" },
  { "almost no descriptor", NEW ("u64:0 u64:4 feffffff" IOEVENTFD "u32:0 u32:0 u64:0 u64:0"), 1,
    "entry 0: fd_index " },
  { "a shadow whose memory did not come",
    NEW ("u64:0 u64:4 u32:0" SHADOW "u32:0 u32:1 u64:0 u64:0"), 1,
    "entry 0: shadow fd_index 1, but 1 descriptors came" },
  { "a shadow without memory", NEW ("u64:0 u64:4 u32:0" SHADOW "u32:0" NONE "u64:0 u64:0"), 1,
    "entry 0: shadow ioeventfd without shadow memory" },

  /* Two of them. */
  { "a second entry", TWO ("u64:0 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0",
                           "u64:8 u64:5 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0"), 1,
    "entry 1: ioeventfd of size 5" },
  { "the same write", TWO ("u64:8 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0",
                           "u64:8 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0"), 1,
    PREFIX "two ioeventfds claim the same write at offset 0x8" },
  { "any size and one size", TWO ("u64:8 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:5",
                                  "u64:8 u64:0 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0"), 1,
    "two ioeventfds claim the same write at offset 0x8" },
  { "the same data", TWO ("u64:8 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:5",
                          "u64:8 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:5"), 1,
    "two ioeventfds claim the same write at offset 0x8" },
  { "any data and some data", TWO ("u64:8 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:5",
                                   "u64:8 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:5"), 1,
    "two ioeventfds claim the same write at offset 0x8" },
  { "an ioeventfd and a shadow", TWO ("u64:8 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0",
                                      "u64:8 u64:4 u32:0" SHADOW "u32:0 u32:0 u64:0 u64:0"), 1,
    "two ioeventfds claim the same write at offset 0x8" },
  { "an ioeventfd and a shadow that stores only",
    TWO ("u64:8 u64:4 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0",
         "u64:8 u64:4" NONE SHADOW "u32:0 u32:0 u64:0 u64:0"), 1,
    "two ioeventfds claim the same write at offset 0x8" },
  { "the same write with others between",
    FIXED (256, 5)
    "u64:8 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:5    \n"
    "u64:8 u64:8 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:5    \n"
    "u64:0 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:5    \n"
    "u64:8 u64:4 u32:0" IOEVENTFD "u32:1 u32:0 u64:0 u64:6    \n"
    "u64:8 u64:8 u32:0" IOEVENTFD "u32:0 u32:0 u64:0 u64:0    \n", 1,
    "two ioeventfds claim the same write at offset 0x8" },
};

static void
a_lie_is_refused (gconstpointer row)
{
  const Lie *lie = row;
  g_autoptr(GError) error = NULL;
  VucRegionIoFdsReply reply = { .n_entries = 99 };

  ck_assert (!decode (lie->payload, FDS (lie->n_fds), &reply, &error));

  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED, lie->message);
  ck_assert_uint_eq (reply.n_entries, 99);
}

static void
a_region_of_size_0_has_none (void)
{
  const VucRegionIoFdsQuery query = { .index = 2, .argsz = 4096, .region_size = 0, .n_fds = 1 };
  g_autoptr(GError) error = NULL;
  VucRegionIoFdsReply reply;

  ck_assert (!decode (OLD ("u64:0 u64:0 u32:0" IOEVENTFD "u32:0 u32:0 u64:0"), query, &reply,
                      &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_REJECTED, "the region's size is 0x0");
}

/* ---- Conflicts, compared with the rule itself ---- */

/* The protocol's own words: offsets equal, sizes equal or one of them 0, data equal or absent in
 * one. */
static gboolean
rule_says_conflict (const VucRegionIoFd *a, const VucRegionIoFd *b)
{
  const gboolean both_match = (a->flags & b->flags & VUC_IO_FD_DATAMATCH) != 0;

  return a->offset == b->offset && (a->size == b->size || a->size == 0 || b->size == 0)
         && (!both_match || a->datamatch == b->datamatch);
}

/* A legal entry, and its 40 bytes. */
static void
choose_ioeventfd (guint64 *state, VucRegionIoFd *io_fd, guint8 bytes[40])
{
  static const guint64 sizes[] = { 0, 1, 2, 4, 8 };
  const gboolean wants_match = mutate_next_number (state) % 4 != 0;

  *io_fd = (VucRegionIoFd){ .offset = mutate_next_number (state) % 6,
                            .size = sizes[mutate_next_number (state) % G_N_ELEMENTS (sizes)],
                            .datamatch = mutate_next_number (state) % 5 };
  if (wants_match && io_fd->size != 0)
    io_fd->flags = VUC_IO_FD_DATAMATCH;

  memset (bytes, 0, 40);
  memcpy (bytes, &io_fd->offset, 8);
  memcpy (bytes + 8, &io_fd->size, 8);
  memcpy (bytes + 24, &(const guint32){ io_fd->flags != 0 }, 4);
  memcpy (bytes + 32, &io_fd->datamatch, 8);
}

static void
conflicts_are_found_wherever_they_are (void)
{
  const VucRegionIoFdsQuery query = FDS (1);
  guint64 state = 1;
  guint n_conflicts = 0;

  for (guint round = 0; round < 5000; round++)
    {
      const guint32 n = 2 + mutate_next_number (&state) % 7;
      const guint32 fixed[] = { 16 + n * 40, 0, 2, n };
      guint8 payload[16 + 8 * 40];
      VucRegionIoFd io_fds[8];
      gboolean conflict = FALSE;
      g_autoptr(GError) error = NULL;
      g_auto(VucRegionIoFdsReply) reply = { 0 };

      memcpy (payload, fixed, sizeof fixed);
      for (guint i = 0; i < n; i++)
        {
          choose_ioeventfd (&state, &io_fds[i], payload + 16 + i * 40);
          for (guint j = 0; j < i; j++)
            conflict = conflict || rule_says_conflict (&io_fds[j], &io_fds[i]);
        }

      harness_context ("round %u", round);
      ck_assert_int_eq (!vuc_region_io_fds_decode (payload, fixed[0], &query, &reply, &error),
                        conflict);
      n_conflicts += conflict;
    }

  /* Else the numbers were badly chosen. */
  ck_assert_uint_gt (n_conflicts, 1000);
  ck_assert_uint_lt (n_conflicts, 4000);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_lie_is_fatal, fatal_lies),
  HARNESS_ROWS (a_lie_is_refused, lies),
  HARNESS_CASE (a_region_of_size_0_has_none),
  HARNESS_CASE (conflicts_are_found_wherever_they_are),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "region-io-fds-lies", cases);
}
