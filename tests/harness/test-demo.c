/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* Starting and stopping the demo device, and what is said of one that does not behave. */

#include "harness.h"

#include "client.h"
#include "demo.h"

#include <unistd.h>

/* VERSION, and the beginning of a good reply. */
static void
check_it_speaks (int fd)
{
  client_say (fd, "u16:1 u16:1 u32:40 u32:0 u32:0 | u16:0 u16:0 '{\"capabilities\":{}}' 00");
  client_hear (fd, "u16:1 u16:1 ?? ?? ?? ?? u32:1 u32:0 | u16:0");
}

static void
it_speaks_on_a_socket_pair (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  int fd = demo_device_start (demo);

  check_it_speaks (fd);
  demo_device_stop (demo);
  close (fd);
}

static void
it_listens_on_a_path (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  int fd = client_connect (demo_device_listen (demo));

  check_it_speaks (fd);
  demo_device_stop (demo);
  close (fd);
}

static void
it_goes_with_its_handle (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();

  demo_device_listen (demo);
}

static void
the_environment_names_another_program (void)
{
  g_autofree char *program = NULL;

  g_setenv ("DEMO_DEVICE", "/bin/true", TRUE);
  program = demo_device_find ();
  ck_assert_str_eq (program, "/bin/true");
  g_unsetenv ("DEMO_DEVICE");
}

static const HarnessCase cases[] = {
  HARNESS_CASE (it_speaks_on_a_socket_pair),
  HARNESS_CASE (it_listens_on_a_path),
  HARNESS_CASE (it_goes_with_its_handle),
  HARNESS_CASE (the_environment_names_another_program),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "demo", cases);
}
