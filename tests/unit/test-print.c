/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The printer: each message as the line that a person reads, and one printable, bounded line of
 * whatever else there may be.
 */

#include "wire/print.h"

#include <string.h>

#include "harness/harness.h"
#include "harness/mutate.h"

/* Far more than any line has; what matters is that there is a bound at all. */
#define LONGEST_LINE 4096

static char *
print (const char *message, guint n_fds)
{
  g_autoptr(GBytes) bytes = hex (message);
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  return vuc_print_message (data, size, n_fds);
}

typedef struct
{
  const char *name;
  const char *message;
  guint n_fds;
  const char *line;
} Row;

static const Row good[] = {
  { "a proposal",
    "u16:1 u16:1 u32:41 | u32:0 u32:0             # VERSION, command  \n"
    "u16:0 u16:2                                  # major, minor      \n"
    "'{\"capabilities\":{}}' 00*2                 # and a NUL too many\n",
    0,
    "command 1: VERSION major 0, minor 2, JSON {\"capabilities\":{}}\\x00" },
  { "a version without JSON", "u16:1 u16:1 u32:20 | u32:1 u32:0 | u16:0 u16:1", 0,
    "reply 1: VERSION major 0, minor 1" },
  { "a version with a twin socket", "u16:1 u16:1 u32:23 | u32:1 u32:0 | u16:0 u16:1 '{}' 00", 1,
    "reply 1: VERSION major 0, minor 1, JSON {}, 1 descriptor" },
  { "JSON without its NUL", "u16:1 u16:1 u32:22 | u32:1 u32:0 | u16:0 u16:1 '{}'", 0,
    "reply 1: VERSION major 0, minor 1, JSON {} (no NUL at the end)" },

  { "device information is asked for",
    "u16:2 u16:4 u32:32 | u32:0 u32:0             # DEVICE_GET_INFO, command   \n"
    "u32:16 u32:0 u32:0 u32:0                     # argsz, flags, regions, irqs\n",
    0, "command 2: DEVICE_GET_INFO argsz 16, flags 0x0, num_regions 0, num_irqs 0" },
  { "device information", "u16:2 u16:4 u32:32 | u32:1 u32:0 | u32:16 u32:3 u32:9 u32:5", 0,
    "reply 2: DEVICE_GET_INFO argsz 16, flags 0x3 (RESET|PCI), num_regions 9, num_irqs 5" },

  { "a region without capabilities",
    "u16:3 u16:5 u32:48 | u32:1 u32:0             # DEVICE_GET_REGION_INFO, reply   \n"
    "u32:32 u32:3 u32:7 u32:0                     # argsz, flags, index, cap_offset \n"
    "u64:256 u64:0                                # size, offset                    \n",
    0,
    "reply 3: DEVICE_GET_REGION_INFO index 7, argsz 32, flags 0x3 (READ|WRITE), size 0x100,"
    " offset 0x0, cap_offset 0" },
  { "a region with each capability",
    "u16:3 u16:5 u32:184 | u32:1 u32:0            # DEVICE_GET_REGION_INFO, reply   \n"
    "u32:168 u32:15 u32:2 u32:32                  # argsz, flags, index, cap_offset \n"
    "u64:65536 u64:4096                           # size, offset                    \n"
    "u16:1 u16:1 u32:80                           # SPARSE_MMAP at 32, next         \n"
    "u32:2 u32:0                                  # nr_areas, reserved              \n"
    "u64:0 u64:4096 | u64:8192 u64:12288          # the areas                       \n"
    "u16:2 u16:1 u32:96 | u32:3 u32:1             # TYPE at 80, next, type, subtype \n"
    "u16:3 u16:1 u32:104                          # MSIX_MAPPABLE at 96, next       \n"
    "u16:77 u16:2 u32:120 | u64:0                 # unknown at 104, next            \n"
    "u16:0x8001 u16:1 u32:0 | u32:1 u32:0         # SPARSE_MMAP_FDS at 120, the last\n"
    "u64:16384 u64:32768 u64:4096 u32:1 u32:0     # offset, fd_offset, size, index  \n",
    2,
    "reply 3: DEVICE_GET_REGION_INFO index 2, argsz 168, flags 0xf (READ|WRITE|MMAP|CAPS),"
    " size 0x10000, offset 0x1000, cap_offset 32"
    "; SPARSE_MMAP nr_areas 2 [offset 0x0, size 0x1000] [offset 0x2000, size 0x3000]"
    "; TYPE type 0x3, subtype 0x1; MSIX_MAPPABLE; capability 77 version 2"
    "; SPARSE_MMAP_FDS nr_areas 1 [offset 0x4000, size 0x1000, fd_index 1, fd_offset 0x8000]"
    ", 2 descriptors" },

  { "no IO descriptors",
    "u16:4 u16:6 u32:32 | u32:1 u32:0             # DEVICE_GET_REGION_IO_FDS, reply\n"
    "u32:16 u32:0 u32:7 u32:0                     # argsz, flags, index, count     \n",
    0, "reply 4: DEVICE_GET_REGION_IO_FDS index 7, argsz 16, flags 0x0, count 0" },
  { "IO descriptors, 48 bytes each",
    "u16:4 u16:6 u32:224 | u32:1 u32:0                    # DEVICE_GET_REGION_IO_FDS, reply\n"
    "u32:208 u32:0 u32:0 u32:4                            # argsz, flags, index, count     \n"
    "u64:16 u64:4 u32:0 u32:0 u32:1 u32:0 u64:0 u64:5     # ioeventfd, DATAMATCH           \n"
    "u64:32 u64:8 u32:1 u32:1 u32:2 u32:0 u64:0xab u64:0  # ioregionfd, POSTED_WRITES      \n"
    "u64:64 u64:4 ffffffff u32:2 u32:0 u32:2 u64:8 u64:0  # shadow, without an eventfd     \n"
    "u64:80 u64:0 u32:0 u32:9 u32:0 u32:0 u64:0 u64:0     # nobody knows                   \n",
    3,
    "reply 4: DEVICE_GET_REGION_IO_FDS index 0, argsz 208, flags 0x0, count 4"
    " [ioeventfd, offset 0x10, size 4, fd_index 0, flags 0x1 (DATAMATCH), datamatch 0x5]"
    " [ioregionfd, offset 0x20, size 8, fd_index 1, flags 0x2 (POSTED_WRITES), user_data 0xab]"
    " [shadow ioeventfd, offset 0x40, size 4, fd_index none, flags 0x0, datamatch 0x0,"
    " shadow fd_index 2, shadow offset 0x8]"
    " [type 9, offset 0x50, size 0, fd_index 0, flags 0x0], 3 descriptors" },
  { "IO descriptors, 40 bytes each",
    "u16:4 u16:6 u32:72 | u32:1 u32:0                     # DEVICE_GET_REGION_IO_FDS, reply\n"
    "u32:56 u32:0 u32:0 u32:1                             # argsz, flags, index, count     \n"
    "u64:16 u64:2 u32:0 u32:0 u32:3 u32:0 u64:7           # ioeventfd, DATAMATCH, PIO      \n",
    1,
    "reply 4: DEVICE_GET_REGION_IO_FDS index 0, argsz 56, flags 0x0, count 1"
    " [ioeventfd, offset 0x10, size 2, fd_index 0, flags 0x3 (DATAMATCH|PIO), datamatch 0x7]"
    ", 1 descriptor" },

  { "interrupt information",
    "u16:5 u16:7 u32:32 | u32:1 u32:0             # DEVICE_GET_IRQ_INFO, reply\n"
    "u32:16 u32:9 u32:2 u32:16                    # argsz, flags, index, count\n",
    0, "reply 5: DEVICE_GET_IRQ_INFO index 2, argsz 16, flags 0x9 (EVENTFD|NORESIZE), count 16" },
  { "eventfds are set",
    "u16:6 u16:8 u32:36 | u32:0 u32:0             # DEVICE_SET_IRQS, command         \n"
    "u32:20 u32:0x24 u32:2 u32:1 u32:3            # argsz, flags, index, start, count\n",
    3,
    "command 6: DEVICE_SET_IRQS index 2, argsz 20, flags 0x24 (EVENTFD|TRIGGER), start 1, count 3"
    ", 3 descriptors" },
  { "some interrupts are masked",
    "u16:6 u16:8 u32:39 | u32:0 u32:0 | u32:23 u32:10 u32:1 u32:0 u32:3 | 010001", 0,
    "command 6: DEVICE_SET_IRQS index 1, argsz 23, flags 0xa (BOOL|MASK), start 0, count 3"
    ": 01 00 01" },
  { "eventfds were set", "u16:6 u16:8 u32:16 | u32:1 u32:0", 0, "reply 6: DEVICE_SET_IRQS" },

  { "a read", "u16:7 u16:9 u32:32 | u32:0 u32:0 | u64:16 u32:7 u32:4", 0,
    "command 7: REGION_READ region 7, offset 0x10, count 4" },
  { "what was read", "u16:7 u16:9 u32:36 | u32:1 u32:0 | u64:16 u32:7 u32:4 | 01020304", 0,
    "reply 7: REGION_READ region 7, offset 0x10, count 4: 01 02 03 04" },
  { "sixteen bytes", "u16:7 u16:9 u32:48 | u32:1 u32:0 | u64:0 u32:7 u32:16 | ab*16", 0,
    "reply 7: REGION_READ region 7, offset 0x0, count 16:"
    " ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab" },
  { "more than sixteen bytes", "u16:7 u16:9 u32:132 | u32:1 u32:0 | u64:0 u32:7 u32:100 | ab*100",
    0,
    "reply 7: REGION_READ region 7, offset 0x0, count 100:"
    " ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab… (+84 bytes)" },
  { "a posted write", "u16:8 u16:10 u32:33 | u32:0x10 u32:0 | u64:0xfff u32:0 u32:1 | ff", 0,
    "command 8 (no reply): REGION_WRITE region 0, offset 0xfff, count 1: ff" },
  { "several posted writes",
    "u16:0xffff u16:15 u32:72 | u32:0x10 u32:0         # REGION_WRITE_MULTI, command \n"
    "u64:2                                             # wr_cnt                      \n"
    "u64:8 u32:0 u32:4 01020304 00*4                   # offset, region, count, data \n"
    "u64:0x100 u32:2 u32:8 0102030405060708            # the same                    \n",
    0,
    "command 65535 (no reply): REGION_WRITE_MULTI wr_cnt 2"
    " [region 0, offset 0x8, count 4: 01 02 03 04]"
    " [region 2, offset 0x100, count 8: 01 02 03 04 05 06 07 08]" },
  { "many posted writes", "u16:8 u16:15 u32:264 | u32:0x10 u32:0 | u64:10 | 00*240", 0,
    "command 8 (no reply): REGION_WRITE_MULTI wr_cnt 10"
    " [region 0, offset 0x0, count 0] [region 0, offset 0x0, count 0]"
    " [region 0, offset 0x0, count 0] [region 0, offset 0x0, count 0]"
    " [region 0, offset 0x0, count 0] [region 0, offset 0x0, count 0]"
    " [region 0, offset 0x0, count 0] [region 0, offset 0x0, count 0] … (+2)" },
  { "a write that says that it has more data than it can hold",
    "u16:8 u16:15 u32:48 | u32:0 u32:0 | u64:1 | u64:0 u32:0 ff*4 | ab*8", 0,
    "command 8: REGION_WRITE_MULTI wr_cnt 1"
    " [region 0, offset 0x0, count 4294967295: ab ab ab ab ab ab ab ab]" },
  { "an entry that was cut short", "u16:8 u16:15 u32:27 | u32:0 u32:0 | u64:1 | 010203", 0,
    "command 8: REGION_WRITE_MULTI wr_cnt 1: 01 02 03" },
  { "several writes were done", "u16:8 u16:15 u32:24 | u32:1 u32:0 | u64:2", 0,
    "reply 8: REGION_WRITE_MULTI wr_cnt 2" },

  { "a DMA mapping",
    "u16:9 u16:2 u32:48 | u32:0 u32:0             # DMA_MAP, command                   \n"
    "u32:32 u32:3 u64:0 u64:0x80000000 u64:4096   # argsz, flags, offset, address, size\n",
    1,
    "command 9: DMA_MAP address 0x80000000, size 0x1000, argsz 32, flags 0x3 (READ|WRITE),"
    " offset 0x0, 1 descriptor" },
  { "a DMA mapping is there", "u16:9 u16:2 u32:16 | u32:1 u32:0", 0, "reply 9: DMA_MAP" },
  { "a DMA mapping goes", "u16:9 u16:3 u32:40 | u32:0 u32:0 | u32:24 u32:0 u64:4096 u64:8192", 0,
    "command 9: DMA_UNMAP address 0x1000, size 0x2000, argsz 24, flags 0x0" },
  { "a DMA mapping is a file",
    "u16:9 u16:2 u32:48 | u32:0 u32:0 | u32:32 u32:13 u64:0x2000 u64:4096 u64:8192", 1,
    "command 9: DMA_MAP address 0x1000, size 0x2000, argsz 32, flags 0xd (READ|MMAP|FILE_IO),"
    " offset 0x2000, 1 descriptor" },
  { "a DMA mapping has gone", "u16:9 u16:3 u32:40 | u32:1 u32:0 | u32:24 u32:0 u64:4096 u64:8192",
    0, "reply 9: DMA_UNMAP address 0x1000, size 0x2000, argsz 24, flags 0x0" },
  { "a DMA mapping has gone, briefly", "u16:9 u16:3 u32:16 | u32:1 u32:0", 0,
    "reply 9: DMA_UNMAP" },
  { "a DMA mapping goes, but which", "u16:9 u16:3 u32:16 | u32:0 u32:0", 0,
    "command 9: DMA_UNMAP payload 0, expected 24" },
  { "the device reads memory", "u16:1 u16:11 u32:32 | u32:0 u32:0 | u64:4096 u64:64", 0,
    "command 1: DMA_READ address 0x1000, count 64" },
  { "what the device read", "u16:1 u16:11 u32:34 | u32:1 u32:0 | u64:4096 u64:2 | 0102", 0,
    "reply 1: DMA_READ address 0x1000, count 2: 01 02" },
  { "the device writes memory", "u16:1 u16:12 u32:34 | u32:0 u32:0 | u64:4096 u64:2 | 0102", 0,
    "command 1: DMA_WRITE address 0x1000, count 2: 01 02" },
  { "the device wrote memory", "u16:1 u16:12 u32:32 | u32:1 u32:0 | u64:4096 u64:2", 0,
    "reply 1: DMA_WRITE address 0x1000, count 2" },
  { "a reset", "u16:65535 u16:13 u32:16 | u32:0 u32:0", 0, "command 65535: DEVICE_RESET" },
  { "a command that is not decoded", "u16:1 u16:16 u32:24 | u32:0 u32:0 | 0800000001000500", 0,
    "command 1: DEVICE_FEATURE: 08 00 00 00 01 00 05 00" },
  { "a command that nobody knows", "u16:1 u16:77 u32:50 | u32:0 u32:0 | 55*34", 0,
    "command 1: command 77: 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55"
    " 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55 55… (+2 bytes)" },

  { "an error", "u16:8 u16:6 u32:16 | u32:0x21 u32:22", 0,
    "reply 8: DEVICE_GET_REGION_IO_FDS error: Invalid argument (errno 22)" },
  { "an error with a payload", "u16:8 u16:9 u32:18 | u32:0x21 u32:1 | abcd", 0,
    "reply 8: REGION_READ error: Operation not permitted (errno 1), payload ab cd" },
  { "an error without an errno", "u16:8 u16:13 u32:16 | u32:0x21 u32:0", 0,
    "reply 8: DEVICE_RESET error: not an errno (errno 0)" },
};

static const Row bad[] = {
  { "nothing", "", 0, "header of 0 bytes, expected 16" },
  { "half a header", "01000900ff00", 2,
    "header of 6 bytes, expected 16: 01 00 09 00 ff 00, 2 descriptors" },
  { "no payload", "u16:7 u16:9 u32:16 | u32:1 u32:0", 0,
    "reply 7: REGION_READ payload 0, expected 16" },
  { "bare data", "u16:7 u16:9 u32:20 | u32:1 u32:0 | 01020304", 0,
    "reply 7: REGION_READ payload 4, expected 16: 01 02 03 04" },
  { "the rest is missing", "u16:7 u16:9 u32:1000 | u32:1 u32:0 | u64:0 u32:7 u32:968 | 01", 0,
    "reply 7: REGION_READ region 7, offset 0x0, count 968: 01"
    " (header says 1000 bytes, here are 33)" },
  { "a size of 3", "u16:7 u16:13 u32:3 | u32:1 u32:0", 0,
    "reply 7: DEVICE_RESET (header says 3 bytes, here are 16)" },
  { "a type that is neither", "u16:7 u16:13 u32:16 | u32:5 u32:0", 0,
    "message 7 of type 5: DEVICE_RESET" },
  { "an errno that is none", "u16:7 u16:13 u32:16 | u32:0x21 ffffffff", 0,
    "reply 7: DEVICE_RESET error: not an errno (errno 4294967295)" },
  { "terminal control in JSON",
    "u16:1 u16:1 u32:27 | u32:1 u32:0 | u16:0 u16:1 1b '[2J' 0a 9b 00", 0,
    "reply 1: VERSION major 0, minor 1, JSON \\x1b[2J\\x0a\\x9b" },
  { "a capability outside",
    "u16:3 u16:5 u32:48 | u32:1 u32:0 | u32:32 u32:8 u32:7 u32:0xfffffff0 u64:0 u64:0", 0,
    "reply 3: DEVICE_GET_REGION_INFO index 7, argsz 32, flags 0x8 (CAPS), size 0x0, offset 0x0,"
    " cap_offset 4294967280; capability at 4294967280: outside the message" },
  { "a capability cut short",
    "u16:3 u16:5 u32:56 | u32:1 u32:0 | u32:64 u32:8 u32:7 u32:32 u64:0 u64:0\n"
    "u16:1 u16:1 u32:0\n",
    0,
    "reply 3: DEVICE_GET_REGION_INFO index 7, argsz 64, flags 0x8 (CAPS), size 0x0, offset 0x0,"
    " cap_offset 32; SPARSE_MMAP cut short" },
  { "a ring of capabilities",
    "u16:3 u16:5 u32:56 | u32:1 u32:0 | u32:40 u32:8 u32:7 u32:32 u64:0 u64:0\n"
    "u16:3 u16:1 u32:32\n",
    0,
    "reply 3: DEVICE_GET_REGION_INFO index 7, argsz 40, flags 0x8 (CAPS), size 0x0, offset 0x0,"
    " cap_offset 32; MSIX_MAPPABLE; MSIX_MAPPABLE; MSIX_MAPPABLE; MSIX_MAPPABLE; MSIX_MAPPABLE"
    "; MSIX_MAPPABLE; …" },
  { "more areas than there are",
    "u16:3 u16:5 u32:80 | u32:1 u32:0 | u32:64 u32:8 u32:7 u32:32 u64:0 u64:0\n"
    "u16:1 u16:1 u32:0 | ffffffff u32:0 | u64:0 u64:4096\n",
    0,
    "reply 3: DEVICE_GET_REGION_INFO index 7, argsz 64, flags 0x8 (CAPS), size 0x0, offset 0x0,"
    " cap_offset 32; SPARSE_MMAP nr_areas 4294967295 [offset 0x0, size 0x1000] … (+4294967294)" },
  { "more entries than there are",
    "u16:4 u16:6 u32:72 | u32:1 u32:0 | u32:96 u32:0 u32:0 u32:2\n"
    "u64:16 u64:2 u32:0 u32:0 u32:0 u32:0 u64:7\n",
    0,
    "reply 4: DEVICE_GET_REGION_IO_FDS index 0, argsz 96, flags 0x0, count 2"
    " [ioeventfd, offset 0x10, size 2, fd_index 0, flags 0x0, datamatch 0x7] … (+1)" },
  { "entries too short to be any",
    "u16:4 u16:6 u32:40 | u32:1 u32:0 | u32:24 u32:0 u32:0 u32:1 | 0102030405060708", 0,
    "reply 4: DEVICE_GET_REGION_IO_FDS index 0, argsz 24, flags 0x0, count 1:"
    " 01 02 03 04 05 06 07 08" },
};

static void
a_message_is_a_line (gconstpointer data)
{
  const Row *row = data;
  g_autofree char *line = print (row->message, row->n_fds);

  ck_assert_str_eq (line, row->line);
}

static void
long_json_is_cut (void)
{
  g_autofree char *line
      = print ("u16:1 u16:1 u32:10021 | u32:1 u32:0 | u16:0 u16:1 'x'*10000 00", 0);

  assert_contains (line, "JSON xxxx");
  ck_assert (g_str_has_suffix (line, "xxxx… (+9600 bytes)"));
}

static void
a_long_list_is_cut (void)
{
  g_autofree char *line = print ("u16:4 u16:6 u32:4032 | u32:1 u32:0   # REGION_IO_FDS, reply \n"
                                 "u32:4016 u32:0 u32:0 u32:100         # 100 entries of 40    \n"
                                 "ff*4000                              # all ones             \n",
                                 253);

  assert_contains (line, "[type 4294967295, offset 0xffffffffffffffff, size 18446744073709551615");
  ck_assert (g_str_has_suffix (line, "] … (+92), 253 descriptors"));
  ck_assert_uint_lt (strlen (line), LONGEST_LINE);
}

/* One assertion for the whole line: Check writes down where it passed each. */
static void
assert_one_printable_line (const char *line)
{
  const char *c = line;

  while (g_ascii_isprint (*c) || g_str_has_prefix (c, "…"))
    c += g_ascii_isprint (*c) ? 1 : strlen ("…");

  ck_assert_msg (*c == '\0' && c != line && c < line + LONGEST_LINE, "byte 0x%02x at %zu of \"%s\"",
                 (guint8) *c, (gsize) (c - line), line);
}

static void
check_damaged (const guint8 *data, gsize size, gpointer user_data G_GNUC_UNUSED)
{
  g_autofree char *line = vuc_print_message (data, size, 0);

  assert_one_printable_line (line);
}

static void
damage_prints_as_a_line (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(GBytes) message = hex (row->message);

  mutate_truncations (message, check_damaged, NULL);
  mutate_bit_flips (message, check_damaged, NULL);
  mutate_random (message, 300, check_damaged, NULL);
}

/* A sound header, so that the payload is looked at; the payload is whatever it is. */
static void
random_payloads_print_as_a_line (void)
{
  guint64 state = 1;

  for (guint round = 0; round < 20000; round++)
    {
      gsize size = 16 + mutate_next_number (&state) % 200;
      g_autofree guint8 *message = g_malloc (size);
      guint16 command = mutate_next_number (&state) % 20;
      guint32 flags = mutate_next_number (&state) % 2;
      guint sparse = mutate_next_number (&state) % 2;

      /* Half of them mostly 0: small numbers are counts, types and offsets that lead somewhere. */
      for (gsize i = 0; i < size; i++)
        message[i] = sparse && i % 4 != 0 ? 0 : (guint8) mutate_next_number (&state);
      memcpy (message + 2, &command, sizeof command);
      memcpy (message + 8, &flags, sizeof flags);

      harness_context ("round %u", round);
      check_damaged (message, size, NULL);
    }
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_message_is_a_line, good),
  HARNESS_ROWS (a_message_is_a_line, bad),
  HARNESS_CASE (long_json_is_cut),
  HARNESS_CASE (a_long_list_is_cut),
  HARNESS_ROWS (damage_prints_as_a_line, good),
  HARNESS_ROWS (damage_prints_as_a_line, bad),
  HARNESS_CASE (random_payloads_print_as_a_line),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "print", cases);
}
