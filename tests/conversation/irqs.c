/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Interrupts for tests: a scripted device, eventfds, and what is said about both.  Through the
 * public API only.  On the thread that runs the case.
 */

#include "conversation/irqs.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness/harness.h"

#define PATIENCE_MS 30000

static const ScriptRegion regions[9] = {
  [7] = { .size = 256, .flags = 3 },
};

static const ScriptIrq irqs[5] = {
  [INTX] = { .flags = 7, .count = 1 }, /* EVENTFD, MASKABLE, AUTOMASKED */
  [MSI] = { .flags = 9, .count = 16 }, /* EVENTFD, NORESIZE */
  [MSIX] = { .flags = 1, .count = 32 },
  [PLAIN] = { .flags = 0, .count = 4 },
  [EMPTY] = { .flags = 1, .count = 0 },
};

const ScriptDevice script_irq_device = {
  .json = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}",
  .flags = 2,
  .regions = regions,
  .n_regions = G_N_ELEMENTS (regions),
  .irqs = irqs,
  .n_irqs = G_N_ELEMENTS (irqs),
};

const int *
eventfds_make (Eventfds *eventfds, guint n)
{
  int *first = &eventfds->fds[eventfds->n];

  ck_assert_uint_le (eventfds->n + n, MAX_EVENTFDS);
  while (n-- > 0)
    eventfds->fds[eventfds->n++] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  return first;
}

void
eventfds_clear (Eventfds *eventfds)
{
  while (eventfds->n > 0)
    close (eventfds->fds[--eventfds->n]);
}

void
expect_count (int fd, guint64 count)
{
  struct pollfd pollfd = { .fd = fd, .events = POLLIN };
  eventfd_t counted = 0;

  ck_assert_int_eq (poll (&pollfd, 1, PATIENCE_MS), 1);
  ck_assert_int_eq (eventfd_read (fd, &counted), 0);
  ck_assert_uint_eq (counted, count);
}

gboolean
is_signalled (int fd)
{
  struct pollfd pollfd = { .fd = fd, .events = POLLIN };

  return poll (&pollfd, 1, 0) == 1;
}

void
expect_no_count (int fd)
{
  ck_assert (!is_signalled (fd));
}

void
expect_states (VucDevice *device, guint32 irq, guint32 start, guint n, VucIrqState state)
{
  for (guint i = 0; i < n; i++)
    {
      harness_context ("the state of interrupt %u of index %u", start + i, irq);
      ck_assert_int_eq (vuc_device_get_irq_state (device, irq, start + i), state);
    }
}

void
arm_or_fail (VucDevice *device, guint32 irq, guint32 start, const int *fds, guint n)
{
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_set_irq_eventfds (device, irq, start, fds, n, &error));
  assert_no_error (error);
}

void
disable_or_fail (VucDevice *device, guint32 irq)
{
  g_autoptr(GError) error = NULL;

  ck_assert (vuc_device_disable_irq (device, irq, &error));
  assert_no_error (error);
}

void
script_arming (ScriptServer *server, const char *request, guint n)
{
  script_expect_command (server, 8, request);
  script_expect_fds (server, n);
  script_reply (server, "");
}
