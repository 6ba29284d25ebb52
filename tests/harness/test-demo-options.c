/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* The options of the demo device with which it tries a client's patience. */

#include "harness.h"

#include "client.h"
#include "demo-client.h"
#include "demo.h"

#include <sys/wait.h>
#include <unistd.h>

#define SCRATCH "u64:0x008"

#define SAY_RESET  "u16:3 u16:13 u32:16 u32:0 u32:0"
#define HEAR_RESET "u16:3 u16:13 u32:16 u32:1 u32:0"

static DemoDevice *
new_with_option (const char *option)
{
  DemoDevice *demo = demo_device_new ();

  demo_device_add_option (demo, option);

  return demo;
}

static void
a_reset_is_answered_late_and_all_else_after_it (void)
{
  g_autoptr (DemoDevice) demo = new_with_option ("--reset-delay=150");
  int fd = demo_device_start (demo);
  gint64 begin;

  demo_client_negotiate (fd, "", DEMO_AGREED);
  demo_client_write (fd, SCRATCH, 4, "u32:1");

  begin = g_get_monotonic_time ();
  client_say (fd, SAY_RESET);
  demo_client_say_read (fd, SCRATCH, 4);
  client_hear (fd, HEAR_RESET);
  ck_assert_int_ge (g_get_monotonic_time () - begin, 149 * 1000); /* its clock has milliseconds */
  demo_client_hear_read (fd, SCRATCH, 4, "u32:0");

  /* One that wants no reply holds up the others as well. */
  begin = g_get_monotonic_time ();
  client_say (fd, "u16:3 u16:13 u32:16 u32:0x10 u32:0");
  demo_client_expect (fd, SCRATCH, 4, "u32:0");
  ck_assert_int_ge (g_get_monotonic_time () - begin, 149 * 1000);

  demo_device_stop (demo);
  close (fd);
}

/* Or this would take longer than a case may. */
static void
a_long_reset_does_not_outlast_the_device (void)
{
  g_autoptr (DemoDevice) demo = new_with_option ("--reset-delay=1000000");
  int fd = demo_device_start (demo);

  /* The reply tells that the device is up, and the reset is behind it. */
  demo_client_negotiate (fd, "", DEMO_AGREED);
  client_say (fd, SAY_RESET);
  demo_device_stop (demo);
  client_hear_end (fd);
  close (fd);
}

static void
the_twin_is_served_during_a_long_reset (void)
{
  g_autoptr (DemoDevice) demo = new_with_option ("--reset-delay=1000000");
  int fd = demo_device_start (demo);
  int twin = demo_client_negotiate (fd, DEMO_PROPOSE_TWIN, DEMO_AGREED_TWIN);

  client_say (fd, SAY_RESET);
  close (twin);
  client_hear_end (fd);
  close (fd);
}

static void
it_hangs_up_after_so_many_commands (void)
{
  g_autoptr (DemoDevice) demo = new_with_option ("--drop-after=3");
  const char *path = demo_device_listen (demo);
  int fd = client_connect (path);
  char byte;

  /* While the client has nothing to say... */
  demo_client_negotiate (fd, "", DEMO_AGREED);
  demo_client_write (fd, SCRATCH, 4, "u32:1");
  demo_client_expect (fd, SCRATCH, 4, "u32:1");
  ck_assert_uint_eq (client_hear_some (fd, &byte, 1), 0);
  close (fd);

  /* ...or in the middle of its commands. It counts anew for each client, posted ones too. */
  fd = client_connect (path);
  demo_client_negotiate (fd, "", DEMO_AGREED);
  client_say (fd, "u16:1 u16:10 u32:36 u32:0x10 u32:0 | u64:0x800 u32:0 u32:4 | u32:2"
                  "u16:2 u16:9 u32:32 u32:0 u32:0 | " SCRATCH " u32:0 u32:4"
                  "u16:3 u16:9 u32:32 u32:0 u32:0 | " SCRATCH " u32:0 u32:4");
  client_hear (fd, "u16:2 u16:9 u32:36 u32:1 u32:0 | " SCRATCH " u32:0 u32:4 | u32:1");
  client_hear_end (fd);
  close (fd);

  demo_device_stop (demo);
}

static void
the_twin_goes_when_it_hangs_up (void)
{
  g_autoptr (DemoDevice) demo = new_with_option ("--drop-after=1");
  int fd = demo_device_start (demo);
  int twin = demo_client_negotiate (fd, DEMO_PROPOSE_TWIN, DEMO_AGREED_TWIN);

  client_hear_end (twin);
  client_hear_end (fd);
  close (twin);
  close (fd);
}

typedef struct
{
  const char *name;
  const char *option;
  const char *bar2_size;
  const char *bar2_mask;
  const char *msix_vectors;
  const char *msix_control;
} ShapeRow;

static const ShapeRow shapes[] = {
  { "as always", "--shape=0", "u64:0x10000", "u32:0xffff000c", "u32:16", "u16:15" },
  { "a larger BAR2", "--shape=1", "u64:0x20000", "u32:0xfffe000c", "u32:16", "u16:15" },
  { "a vector less", "--shape=2", "u64:0x10000", "u32:0xffff000c", "u32:15", "u16:14" },
};

static void
it_has_the_shape (gconstpointer data)
{
  const ShapeRow *row = data;
  g_autoptr (DemoDevice) demo = new_with_option (row->option);
  int fd = demo_device_start (demo);
  g_autofree char
    *region = g_strconcat ("u16:2 u16:5 u32:48 u32:1 u32:0 | u32:80 u32:15 u32:2 u32:0 ",
                           row->bar2_size, " u64:0x10000", NULL);
  g_autofree char *irq = g_strconcat ("u16:3 u16:7 u32:32 u32:1 u32:0 | u32:16 u32:3 u32:2 ",
                                      row->msix_vectors, NULL);
  g_autofree char *mask = g_strconcat ("u16:5 u16:9 u32:36 u32:1 u32:0 | u64:0x18 u32:7 u32:4 ",
                                       row->bar2_mask, NULL);
  g_autofree char *control = g_strconcat ("u16:6 u16:9 u32:34 u32:1 u32:0 | u64:0x72 u32:7 u32:2 ",
                                          row->msix_control, NULL);

  demo_client_negotiate (fd, "", DEMO_AGREED);
  client_say (fd, "u16:2 u16:5 u32:48 u32:0 u32:0 | u32:32 u32:0 u32:2 u32:0 u64:0 u64:0");
  client_hear (fd, region);
  client_say (fd, "u16:3 u16:7 u32:32 u32:0 u32:0 | u32:16 u32:0 u32:2 u32:0");
  client_hear (fd, irq);

  /* Configuration space tells the same. */
  client_say (fd, "u16:4 u16:10 u32:36 u32:0 u32:0 | u64:0x18 u32:7 u32:4 | u32:0xffffffff");
  client_hear (fd, "u16:4 u16:10 u32:32 u32:1 u32:0 | u64:0x18 u32:7 u32:4");
  client_say (fd, "u16:5 u16:9 u32:32 u32:0 u32:0 | u64:0x18 u32:7 u32:4");
  client_hear (fd, mask);
  client_say (fd, "u16:6 u16:9 u32:32 u32:0 u32:0 | u64:0x72 u32:7 u32:2");
  client_hear (fd, control);

  demo_device_stop (demo);
  close (fd);
}

static void
a_larger_bar_can_be_used_up_to_its_end (void)
{
  g_autoptr (DemoDevice) demo = new_with_option ("--shape=1");
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, "", DEMO_AGREED);
  client_say (fd, "u16:5 u16:9 u32:32 u32:0 u32:0 | u64:0x1fffc u32:2 u32:4");
  client_hear (fd, "u16:5 u16:9 u32:36 u32:1 u32:0 | u64:0x1fffc u32:2 u32:4 | u32:0xb2b3fffc");

  demo_device_stop (demo);
  close (fd);
}

static void
the_vector_that_is_not_there_cannot_be_fired (void)
{
  g_autoptr (DemoDevice) demo = new_with_option ("--shape=2");
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, "", DEMO_AGREED);
  client_say (fd, "u16:5 u16:8 u32:36 u32:0 u32:0 | u32:20 u32:0x21 u32:2 u32:14 u32:1");
  client_hear (fd, "u16:5 u16:8 u32:16 u32:1 u32:0");
  client_say (fd, "u16:5 u16:8 u32:36 u32:0 u32:0 | u32:20 u32:0x21 u32:2 u32:15 u32:1");
  client_hear (fd, "u16:5 u16:8 u32:16 u32:0x21 u32:22");

  demo_device_stop (demo);
  close (fd);
}

typedef struct
{
  const char *name;
  const char *option;
} ImpossibleOption;

static const ImpossibleOption impossible_options[] = {
  { "too many regions", "--num-extra-regions=4097" },
  { "a shape that there is not", "--shape=3" },
  { "less than no shape", "--shape=-1" },
  { "a delay into the past", "--reset-delay=-1" },
  { "fewer than no commands", "--drop-after=-1" },
};

static void
an_impossible_option_is_bad_usage (gconstpointer data)
{
  const ImpossibleOption *row = data;
  g_autofree char *program = demo_device_find ();
  g_autofree char *said = NULL;
  g_autofree char *path = g_build_filename (harness_temp_dir (), "demo.sock", NULL);
  g_autofree char *path_option = g_strconcat ("--socket-path=", path, NULL);
  char *arguments[] = { program, path_option, (char *) row->option, NULL };
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &said, &status, &error);
  assert_no_error (error);
  ck_assert (WIFEXITED (status));
  ck_assert_int_eq (WEXITSTATUS (status), 2);
  assert_contains (said, row->option);
  assert_contains (said, "is not between 0 and");
}

static const HarnessCase cases[] = { HARNESS_CASE (a_reset_is_answered_late_and_all_else_after_it),
                                     HARNESS_CASE (a_long_reset_does_not_outlast_the_device),
                                     HARNESS_CASE (the_twin_is_served_during_a_long_reset),
                                     HARNESS_CASE (it_hangs_up_after_so_many_commands),
                                     HARNESS_CASE (the_twin_goes_when_it_hangs_up),
                                     HARNESS_ROWS (it_has_the_shape, shapes),
                                     HARNESS_CASE (a_larger_bar_can_be_used_up_to_its_end),
                                     HARNESS_CASE (the_vector_that_is_not_there_cannot_be_fired),
                                     HARNESS_ROWS (an_impossible_option_is_bad_usage,
                                                   impossible_options),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "demo-options", cases);
}
