/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The demo device's DMA engine copies memory, of each kind.  A few MiB; DMA_COPY_MIB says how many,
 * and then it is printed how long each copy took:
 *
 *   DMA_COPY_MIB=1024 HARNESS_TIMEOUT=300 tests/conversation/test-dma-copy
 */

#include "harness/harness.h"

#include <stdio.h>
#include <vfio-user-client/vfio-user-client.h>

#include "conversation/connect.h"
#include "conversation/guest.h"
#include "harness/demo.h"

#define MEBIBYTE ((gsize) 1 << 20)

#define GUEST_ADDRESS 0x100000000

/* Registers in BAR0. */
#define COPY_SOURCE 0x100 /* source, destination and length: 64 bits each */
#define COPY_START  0x11c
#define COPY_STATUS 0x120 /* and the errno */

#define BUSY 1
#define DONE 2

typedef struct
{
  const char *name;
  GuestKind kind;
  guint32 command; /* 1: as the memory wants it; 2: by message */
  gboolean with_twin;
} Copy;

static const Copy copies[] = {
  { "shared", GUEST_SHARED, 1, TRUE },
  { "shared for file I/O", GUEST_SHARED_FILE, 1, TRUE },
  { "by message", GUEST_BY_MESSAGE, 1, TRUE },
  { "by message without a twin socket", GUEST_BY_MESSAGE, 1, FALSE },
  { "by callback", GUEST_BY_CALLBACK, 1, TRUE },
  { "by callback without a twin socket", GUEST_BY_CALLBACK, 1, FALSE },
  { "shared but by message all the same", GUEST_SHARED, 2, TRUE },
  { "shared for file I/O but by message all the same", GUEST_SHARED_FILE, 2, FALSE },
};

static gsize
copy_size (void)
{
  const char *text = g_getenv ("DMA_COPY_MIB");
  guint64 mib = text != NULL ? g_ascii_strtoull (text, NULL, 10) : 3;

  return (gsize) MAX (mib, 1) * MEBIBYTE;
}

static void
write_register (VucDevice *device, guint64 offset, gconstpointer value, gsize size)
{
  g_autoptr (GError) error = NULL;

  vuc_device_region_write (device, VUC_PCI_BAR0_REGION, offset, value, size, &error);
  assert_no_error (error);
}

/* Asking how far it is is what answers it, too. */
static void
run_engine (VucDevice *device, guint64 length, guint32 command)
{
  const guint64 what[] = { GUEST_ADDRESS, GUEST_ADDRESS + length, length };
  g_autoptr (GError) error = NULL;
  guint32 status[2];

  for (guint i = 0; i < G_N_ELEMENTS (what); i++)
    write_register (device, COPY_SOURCE + 8 * i, &what[i], sizeof what[i]);
  write_register (device, COPY_START, &command, sizeof command);
  do
    {
      vuc_device_region_read (device, VUC_PCI_BAR0_REGION, COPY_STATUS, status, sizeof status,
                              &error);
      assert_no_error (error);
    }
  while (status[0] == BUSY);
  if (status[0] != DONE)
    harness_fail ("the copy failed: %s", g_strerror ((int) status[1]));
}

static void
each_kind_of_memory_is_copied_exactly (gconstpointer row)
{
  const Copy *copy = row;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (Guest) guest = guest_new (copy->kind, GUEST_ADDRESS, 2 * copy_size ());
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (VucDevice) device = NULL;
  gint64 start;

  vuc_config_set_twin_socket (config, copy->with_twin);
  device = connect_with (demo_device_start (demo), config);
  guest_fill (guest, 1);
  guest_map (guest, device);

  start = g_get_monotonic_time ();
  run_engine (device, copy_size (), copy->command);
  if (g_getenv ("DMA_COPY_MIB") != NULL)
    printf ("# %s: %u ms\n", copy->name, ms_since (start));

  guest_unmap (guest, device);
  guest_expect_copy (guest, 1);
  if (copy->kind == GUEST_BY_CALLBACK)
    ck_assert (guest->n_reads > 0 && guest->n_writes > 0);
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = { HARNESS_ROWS (each_kind_of_memory_is_copied_exactly, copies),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "dma-copy", cases);
}
