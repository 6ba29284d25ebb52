/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Interrupts of a device that was made with libvfio-user.  It takes 8 descriptors in one message and
 * has 16 vectors, so that arming all of them takes two.
 */

#include "harness/harness.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "interop/device.h"
#include "interop/fixture.h"

static void
make_eventfds (int fds[INTEROP_N_VECTORS])
{
  for (guint i = 0; i < INTEROP_N_VECTORS; i++)
    {
      fds[i] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
      ck_assert_int_ge (fds[i], 0);
    }
}

static void
close_eventfds (const int fds[INTEROP_N_VECTORS])
{
  for (guint i = 0; i < INTEROP_N_VECTORS; i++)
    close (fds[i]);
}

static void
arm_all (VucDevice *device, const int fds[INTEROP_N_VECTORS])
{
  g_autoptr (GError) error = NULL;

  vuc_device_set_irq_eventfds (device, VUC_PCI_MSIX_IRQ, 0, fds, INTEROP_N_VECTORS, &error);
  assert_no_error (error);
}

/* The write is answered after the eventfd was signalled. */
static void
expect_each_vector (VucDevice *device, const int fds[INTEROP_N_VECTORS])
{
  for (guint vector = 0; vector < INTEROP_N_VECTORS; vector++)
    {
      write_register (device, INTEROP_TRIGGER, vector);
      for (guint i = 0; i < INTEROP_N_VECTORS; i++)
        {
          eventfd_t count = 0;

          (void) eventfd_read (fds[i], &count);
          harness_context ("vector %u, eventfd %u", vector, i);
          ck_assert_uint_eq (count, i == vector);
        }
    }
}

static void
more_vectors_than_go_in_one_message_are_armed (void)
{
  Fixture fixture;
  int fds[INTEROP_N_VECTORS];

  SET_UP (&fixture, TRUE, NULL);
  ck_assert_uint_eq (vuc_device_get_irq_info (fixture.device, VUC_PCI_MSIX_IRQ)->count,
                     INTEROP_N_VECTORS);
  ck_assert_uint_lt (vuc_device_get_info (fixture.device)->max_msg_fds, INTEROP_N_VECTORS);
  make_eventfds (fds);
  arm_all (fixture.device, fds);
  expect_each_vector (fixture.device, fds);
  tear_down (&fixture);
  close_eventfds (fds);
}

static void
we_can_trigger_them_as_well (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  eventfd_t count = 0;
  int fds[INTEROP_N_VECTORS];

  SET_UP (&fixture, TRUE, NULL);
  make_eventfds (fds);
  arm_all (fixture.device, fds);
  vuc_device_trigger_irqs (fixture.device, VUC_PCI_MSIX_IRQ, 9, 1, &error);
  assert_no_error (error);
  ck_assert_int_eq (eventfd_read (fds[9], &count), 0);
  ck_assert_uint_eq (count, 1);
  tear_down (&fixture);
  close_eventfds (fds);
}

static void
a_vector_gets_another_eventfd (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  int fds[INTEROP_N_VECTORS];

  SET_UP (&fixture, TRUE, NULL);
  make_eventfds (fds);
  arm_all (fixture.device, fds);
  close (fds[11]);
  fds[11] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  vuc_device_set_irq_eventfds (fixture.device, VUC_PCI_MSIX_IRQ, 11, &fds[11], 1, &error);
  assert_no_error (error);
  expect_each_vector (fixture.device, fds);
  tear_down (&fixture);
  close_eventfds (fds);
}

static void
what_was_disabled_is_silent (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  guint64 vector = 3;
  eventfd_t count;
  int fds[INTEROP_N_VECTORS];

  SET_UP (&fixture, TRUE, NULL);
  make_eventfds (fds);
  arm_all (fixture.device, fds);
  vuc_device_disable_irq (fixture.device, VUC_PCI_MSIX_IRQ, &error);
  assert_no_error (error);

  /* The device may be refused, or fire into nothing. */
  (void) vuc_device_region_write (fixture.device, VUC_PCI_BAR0_REGION, 8 * INTEROP_TRIGGER, &vector,
                                  sizeof vector, NULL);
  for (guint i = 0; i < INTEROP_N_VECTORS; i++)
    ck_assert_int_ne (eventfd_read (fds[i], &count), 0);
  tear_down (&fixture);
  close_eventfds (fds);
}

static void
a_new_device_is_armed_again (void)
{
  Fixture fixture;
  int fds[INTEROP_N_VECTORS];

  SET_UP (&fixture, TRUE, NULL);
  make_eventfds (fds);
  arm_all (fixture.device, fds);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      device_process_kill (fixture.process);
      vuc_device_close (fixture.device);
      device_process_start (fixture.process, NULL);
      vuc_device_reconnect (fixture.device, &error);
      assert_no_error (error);
      expect_each_vector (fixture.device, fds);
    }
  tear_down (&fixture);
  close_eventfds (fds);
}

static const HarnessCase cases[] = { HARNESS_CASE (more_vectors_than_go_in_one_message_are_armed),
                                     HARNESS_CASE (we_can_trigger_them_as_well),
                                     HARNESS_CASE (a_vector_gets_another_eventfd),
                                     HARNESS_CASE (what_was_disabled_is_silent),
                                     HARNESS_CASE (a_new_device_is_armed_again),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "libvfio-user-irqs", cases);
}
