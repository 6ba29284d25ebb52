/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * vfio-user-dump as its users see it: its command line, and what it prints about the demo device.
 */

#include "conversation/dump-program.h"
#include "harness/demo.h"
#include "harness/harness.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>

/* ---- The command line ---- */

typedef struct
{
  const char *name;
  const char *args; /* with single spaces between them */
  const char *says;
} UsageRow;

static const UsageRow usage_rows[] = {
  { "no device", "", "name the server's socket" },
  { "two devices", "a.sock b.sock", "\"b.sock\"" },
  { "a socket and the demo", "--demo a.sock", "goes without a socket" },
  { "an option that does not exist", "--demo --foo", "--foo" },
  { "an option without its value", "--demo --region", "--region" },
  { "a region by a wrong name", "--demo --region bar6", "\"bar6\" is no region" },
  { "a region that does not exist", "--demo --region 99",
    "no region 99, choose from what it has: BAR0" },
  { "a region that is empty", "--demo --region rom", "no ROM" },
  { "an offset that is no number", "--demo --offset 12Q", "\"12Q\"" },
  { "a negative offset", "--demo --offset -1", "\"-1\"" },
  { "an offset of more than 64 bits", "--demo --offset 18446744073709551616", "below 2^64" },
  { "a suffix that overflows", "--demo --offset 0x8000000000000000K", "64 bits" },
  { "an offset at the end", "--demo --offset 256", "ends at 0x100" },
  { "a length past the end", "--demo --offset 0xf0 --length 17", "only 16 bytes" },
  { "a length of nothing", "--demo --length 0", "--length" },
  { "a width that no bus has", "--demo --width 3", "\"3\"" },
  { "an offset between two accesses", "--demo --width 4 --offset 2", "multiples of --width" },
  { "an offset into everything", "--demo --region all --offset 4", "for one region" },
  { "everything raw", "--demo --region all --raw", "--raw writes one region" },
  { "two kinds of output", "--demo --json --raw", "choose one" },
  { "no time at all", "--demo --timeout 0", "0.001" },
  { "a time that is no number", "--demo --timeout soon", "\"soon\"" },
  { "a sealed file without mapping", "--demo --allow-unsealed", "add --mmap" },
};

static void
it_refuses (gconstpointer data)
{
  const UsageRow *row = data;
  g_autofree char *line = g_strconcat ("vfio-user-dump ", row->args, NULL);
  g_auto (GStrv) words = g_strsplit (g_strchomp (line), " ", DUMP_MAX_ARGS);
  const char *argv[DUMP_MAX_ARGS] = { NULL };
  g_auto (Dump) dump = { 0 };

  for (guint i = 0; words[i] != NULL; i++)
    argv[i] = words[i];

  dump = run_dump_argv (argv);
  assert_one_line (&dump, 2, row->says);
  ck_assert_str_eq (dump.out, "");
}

static void
help_and_version_are_no_failures (void)
{
  g_auto (Dump) help = run_dump ("--help", NULL);
  g_auto (Dump) version = run_dump ("--version", NULL);

  assert_success (&help);
  assert_contains (help.out, "--region=REGION");
  assert_contains (help.out, "Exit status: 0");
  assert_success (&version);
  ck_assert_msg (g_str_has_prefix (version.out, "vfio-user-dump "), "%s", version.out);
}

/* ---- The demo device ---- */

static const char *const demo_lines[] = {
  "  protocol      vfio-user 0.1\n",
  "  identity      1234:7675 (rev 01)\n",
  "  class         088000 System peripheral\n",
  "  BAR2          memory at 0000000000000000 (64-bit, prefetchable) [size=64 KiB]\n",
  "  cap [40]      Power Management version 3\n",
  "  cap [50]      MSI: Enable- Count=1/4 Maskable+ 64bit+\n",
  "  cap [70]      MSI-X: Enable- Count=16 Masked-\n"
  "                  Vector table: BAR=4 offset=00000000\n"
  "                  PBA: BAR=4 offset=00000800\n",
  "  BAR2              64 KiB  0x10000      read write mmap\n"
  "      capabilities sparse-mmap\n"
  "      mappable 0x2000-0x3fff, 8 KiB, at 0x12000 of file 0\n"
  "      mappable 0x8000-0xbfff, 16 KiB, at 0x18000 of file 0\n",
  "      type 0x80001234, subtype 0x1\n",
  "  INTx              1  eventfd maskable automasked\n",
  "  MSI-X            16  eventfd maskable\n",
  "Contents of config, 256 bytes\n"
  "00000000  34 12 75 76 00 00 10 00  01 00 80 08 00 00 00 00  |4.uv............|\n",
  "00000080  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
  "*\n"
  "00000100\n",
  "IO descriptors\n"
  "  BAR0          9\n"
  "      0x800-0x803 ioeventfd\n"
  "      0x804-0x807 ioeventfd\n"
  "      0x808-0x80b ioeventfd, datamatch 0x1\n"
  "      0x808-0x80b ioeventfd, datamatch 0x2\n"
  "      0x810 ioeventfd, any size\n"
  "      0x820-0x823 shadow ioeventfd, stored at 0x40 of its memory\n"
  "      0x900-0x93f ioregionfd, user data 0xaaaaaaaa0000000a\n"
  "      0x940-0x97f ioregionfd, user data 0xbbbbbbbb0000000b\n"
  "      0x980-0x9bf ioregionfd, posted-writes, user data 0xcccccccc0000000c\n",
};

static void
the_demo_device_is_described (void)
{
  g_auto (Dump) dump = run_dump ("--demo", NULL);

  assert_success (&dump);
  for (guint i = 0; i < G_N_ELEMENTS (demo_lines); i++)
    assert_contains (dump.out, demo_lines[i]);
}

static void
the_demo_device_ends_with_the_program (void)
{
  g_auto (Dump) dump = run_dump ("--demo", NULL);
  const char *server = strstr (dump.out, "process ");

  ck_assert_ptr_nonnull (server);
  ck_assert_int_eq (kill (atoi (server + strlen ("process ")), 0), -1);
  ck_assert_int_eq (errno, ESRCH);
}

static void
a_device_behind_a_socket_is_described (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  const char *path = demo_device_listen (demo);
  g_auto (Dump) dump = run_dump (path, NULL);

  assert_success (&dump);
  assert_contains (dump.out, path);
  assert_contains (dump.out, "1234:7675");
  demo_device_stop (demo);
}

static void
lines_begin_at_multiples_of_sixteen (void)
{
  g_auto (Dump) dump = run_dump ("--demo", "--region", "bar2", "--offset", "0x1ffe", "--length",
                                 "20", "--mmap", NULL);

  assert_success (&dump);
  assert_contains (
    dump.out, "Contents of BAR2, 20 bytes from 0x1ffe\n"
              "00001ff0                                             b2 b2  |              ..|\n"
              "00002000  00 20 b2 b2 04 20 b2 b2  08 20 b2 b2 0c 20 b2 b2  |. ... ... ... ..|\n"
              "00002010  10 20                                             |. |\n"
              "00002012\n");
}

static void
all_regions_are_dumped (void)
{
  g_auto (Dump) dump = run_dump ("--demo", "--region", "all", NULL);

  assert_success (&dump);
  assert_contains (dump.out, "Contents of BAR0, 4 KiB\n00000000  56 55 43 44 ");
  assert_contains (dump.out, "Contents of BAR2, 64 KiB\n00000000  00 00 b2 b2 ");
  assert_contains (dump.out, "Contents of BAR4, 4 KiB\n");
  assert_contains (dump.out, "Contents of config, 256 bytes\n");
  assert_contains (dump.out, "Contents of region 9, 256 bytes\n");
}

/* Reads BAR2 in one of the ways that there are. */
static char *
read_bar2 (const char *way, const char *value)
{
  g_autofree char *file = g_build_filename (harness_temp_dir (), "bar2", NULL);
  g_auto (Dump) dump = run_dump ("--demo", "-r", "2", "--raw", "--output", file, way, value, NULL);
  g_autoptr (GError) error = NULL;
  char *data;
  gsize size;

  assert_success (&dump);
  ck_assert_str_eq (dump.out, "");
  g_file_get_contents (file, &data, &size, &error);
  assert_no_error (error);
  ck_assert_uint_eq (size, 65536);
  return data;
}

static void
each_way_of_reading_gets_the_same (void)
{
  static const struct
  {
    const char *way;
    const char *value;
  } ways[] = { { "--mmap", NULL }, { "--width", "8" }, { "--width", "2" } };
  g_autofree char *by_blocks = read_bar2 (NULL, NULL);

  for (guint i = 0; i < 65536; i += 4)
    {
      guint32 word;

      memcpy (&word, by_blocks + i, 4);
      ck_assert_uint_eq (word, 0xb2b20000 + i);
    }
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *data = read_bar2 (ways[i].way, ways[i].value);

      harness_context ("%s", ways[i].way);
      ck_assert_int_eq (memcmp (data, by_blocks, 65536), 0);
    }
}

/* What is at the end of a path like "regions/2/areas/0/size", or NULL. */
static json_t *
find (json_t *value, const char *path)
{
  g_auto (GStrv) steps = g_strsplit (path, "/", -1);

  for (char **step = steps; *step != NULL; step++)
    value = json_is_array (value) ? json_array_get (value, (size_t) atoi (*step))
                                  : json_object_get (value, *step);

  return value;
}

static void
the_same_can_be_had_as_json (void)
{
  g_auto (Dump) dump = run_dump ("--demo", "--json", "--region", "9", "--length", "4", NULL);
  json_error_t where;
  json_t *document = json_loads (dump.out, JSON_REJECT_DUPLICATES, &where);

  assert_success (&dump);
  ck_assert_msg (document != NULL, "line %d: %s", where.line, where.text);

  ck_assert_int_eq (json_integer_value (find (document, "protocol/minor")), 1);
  ck_assert_str_eq (json_string_value (find (document, "pci/device")), "0x7675");
  ck_assert_str_eq (json_string_value (find (document, "pci/capabilities/2/details/0")),
                    "Vector table: BAR=4 offset=00000000");
  ck_assert_int_eq (json_integer_value (find (document, "regions/2/areas/0/size")), 0x2000);
  ck_assert_str_eq (json_string_value (find (document, "regions/9/type")), "0x80001234");
  ck_assert_uint_eq (json_array_size (find (document, "regions/0/io_fds")), 9);
  ck_assert_str_eq (json_string_value (find (document, "regions/0/io_fds/3/datamatch")), "0x2");
  ck_assert_str_eq (json_string_value (find (document, "regions/0/io_fds/8/user_data")),
                    "0xcccccccc0000000c");
  ck_assert_int_eq (json_integer_value (find (document, "interrupts/2/count")), 16);
  ck_assert_uint_eq (strlen (json_string_value (find (document, "dumps/0/data"))), 2 * 4);
  ck_assert_ptr_null (find (document, "errors"));
  json_decref (document);
}

static void
every_message_can_be_seen (void)
{
  g_auto (Dump) dump = run_dump ("--demo", "--verbose", NULL);

  ck_assert_int_eq (dump.status, 0);
  assert_contains (dump.err, "  0.000000 -> command 0: VERSION ");
  assert_contains (dump.err, " <- reply 0: VERSION ");
  assert_contains (dump.err, " -> command 1: DEVICE_GET_INFO ");
}

static void
output_that_cannot_be_written_is_a_failure (void)
{
  g_auto (Dump) text = run_dump ("--demo", "--output", "/dev/full", NULL);
  g_auto (Dump) json = run_dump ("--demo", "--json", "--output", "/dev/full", NULL);
  g_auto (Dump) folder = run_dump ("--demo", "--output", harness_temp_dir (), NULL);

  assert_one_line (&text, 1, "/dev/full: cannot be written");
  assert_one_line (&json, 1, "/dev/full: cannot be written");
  assert_one_line (&folder, 1, "Is a directory");
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (it_refuses, usage_rows),
  HARNESS_CASE (help_and_version_are_no_failures),
  HARNESS_CASE (the_demo_device_is_described),
  HARNESS_CASE (the_demo_device_ends_with_the_program),
  HARNESS_CASE (a_device_behind_a_socket_is_described),
  HARNESS_CASE (lines_begin_at_multiples_of_sixteen),
  HARNESS_CASE (all_regions_are_dumped),
  HARNESS_CASE (each_way_of_reading_gets_the_same),
  HARNESS_CASE (the_same_can_be_had_as_json),
  HARNESS_CASE (every_message_can_be_seen),
  HARNESS_CASE (output_that_cannot_be_written_is_a_failure),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "dump", cases);
}
