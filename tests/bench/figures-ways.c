/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Accesses that take another way than a message: mapped memory, ioeventfds, an ioregionfd.  Each
 * figure is of public functions that route by themselves, so it is checked first that they do.  Main
 * thread.
 */

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/client.h"
#include "bench/figures.h"

/* Loads go round in so many words. */
#define N_WORDS 1024

typedef struct
{
  Client client;
  VucMapping *mapping;
  guint32 *plain; /* N_WORDS of ordinary memory */
  int event;      /* an eventfd of our own */
  int ioregionfd; /* with a server of its own */
  pid_t ioregion_pid;
} Ways;

/* --- Setting --- */

static void
read_or_die (VucDevice *device, guint32 region, guint64 offset)
{
  guint32 value;

  if (!vuc_device_region_read (device, region, offset, &value, sizeof value, NULL))
    g_error ("a read of region %u failed", region);
}

static void
kick_or_die (VucDevice *device, guint32 region, guint64 offset)
{
  const guint32 value = 1;

  if (!vuc_device_region_write (device, region, offset, &value, sizeof value, NULL))
    g_error ("a kick of region %u failed", region);
}

/* Why an access does not take the way that it should, or NULL. */
static char *
check_way (VucDevice *device,
           VucWay way,
           void (*access) (VucDevice *device, guint32 region, guint64 offset),
           guint32 region,
           guint64 offset)
{
  VucAccessCounters before, after;

  vuc_device_get_access_counters (device, &before);
  access (device, region, offset);
  vuc_device_get_access_counters (device, &after);
  if (after.parts[way] == before.parts[way] + 1)
    return NULL;
  return g_strdup_printf ("an access to region %u does not take way %d", region, way);
}

static char *
check_ways (VucDevice *device)
{
  const guint64 last_kick = (PEER_N_KICKS - 1) * 4;
  char *why = check_way (device, VUC_WAY_MAPPED, read_or_die, PEER_MAPPED_REGION, 64);

  if (why == NULL)
    why = check_way (device, VUC_WAY_IOEVENTFD, kick_or_die, PEER_ONE_KICK_REGION, 0);
  if (why == NULL)
    why = check_way (device, VUC_WAY_IOEVENTFD, kick_or_die, PEER_KICKS_REGION, last_kick);
  if (why == NULL)
    why = check_way (device, VUC_WAY_IOREGIONFD, read_or_die, PEER_IOREGIONFD_REGION, 64);
  return why;
}

static void
ask_for_io_fds (VucDevice *device, guint32 region, gsize n_expected)
{
  g_autoptr (GError) error = NULL;
  const VucIoFd *io_fds;
  gsize n;

  if (!vuc_device_get_region_io_fds (device, region, &io_fds, &n, &error))
    g_error ("%s", error->message);
  if (n != n_expected)
    g_error ("region %u has %" G_GSIZE_FORMAT " IO descriptors", region, n);
}

static void
ways_end (Subject *subject)
{
  Ways *ways = subject->own;

  vuc_mapping_unref (ways->mapping);
  client_close (&ways->client);
  close (ways->ioregionfd);
  peer_stop (ways->ioregion_pid);
  close (ways->event);
  g_free (ways->plain);
  g_free (ways);
}

static char *
ways_begin (Subject *subject)
{
  g_autoptr (GError) error = NULL;
  Ways *ways = g_new0 (Ways, 1);
  int cpu = subject->placement->server_cpu;
  VucDevice *device;
  char *hindrance;

  subject->own = ways;
  client_open (&ways->client, cpu, PEER_WAYS, NULL);
  device = ways->client.device;
  ask_for_io_fds (device, PEER_KICKS_REGION, PEER_N_KICKS);
  ask_for_io_fds (device, PEER_ONE_KICK_REGION, 1);
  ask_for_io_fds (device, PEER_IOREGIONFD_REGION, 1);
  ways->mapping = vuc_device_map_region (device, PEER_MAPPED_REGION, &error);
  if (ways->mapping == NULL)
    g_error ("%s", error->message);

  ways->plain = g_new0 (guint32, N_WORDS);
  ways->event = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  ways->ioregionfd = peer_start_ioregionfd (cpu, &ways->ioregion_pid);
  hindrance = check_ways (device);
  if (hindrance != NULL)
    ways_end (subject);
  return hindrance;
}

const Setting with_ways = { ways_begin, ways_end };

/* --- Mapped memory --- */

void
mapped_read_4 (Subject *subject, guint count)
{
  Ways *ways = subject->own;

  while (count-- > 0)
    read_or_die (ways->client.device, PEER_MAPPED_REGION, 64);
}

void
message_read_4 (Subject *subject, guint count)
{
  Ways *ways = subject->own;
  guint32 value;

  while (count-- > 0)
    if (!vuc_device_region_read_full (ways->client.device, PEER_MAPPED_REGION, 64, &value,
                                      sizeof value, VUC_ACCESS_MESSAGE_ONLY, NULL))
      g_error ("a read failed");
}

/* The same instructions for both. */
__attribute__ ((noinline)) static void
load (const volatile guint32 *words, guint count)
{
  while (count-- > 0)
    (void) words[count % N_WORDS];
}

void
mapped_load (Subject *subject, guint count)
{
  Ways *ways = subject->own;

  load (vuc_mapping_get_pointer (ways->mapping, 0, N_WORDS * sizeof (guint32)), count);
}

void
plain_load (Subject *subject, guint count)
{
  Ways *ways = subject->own;

  load (ways->plain, count);
}

/* --- Ioeventfds: nobody reads them, and kicks of 1 never fill them --- */

void
kick_4 (Subject *subject, guint count)
{
  Ways *ways = subject->own;

  while (count-- > 0)
    kick_or_die (ways->client.device, PEER_ONE_KICK_REGION, 0);
}

void
bare_kick (Subject *subject, guint count)
{
  Ways *ways = subject->own;
  const guint64 one = 1;

  while (count-- > 0)
    if (write (ways->event, &one, sizeof one) != sizeof one)
      g_error ("write: %s", g_strerror (errno));
}

/* Neighbours are not kicked one after the other. */
static guint64
next_entry (guint count)
{
  return count * 421 % PEER_N_KICKS;
}

void
route_among_many (Subject *subject, guint count)
{
  Ways *ways = subject->own;

  while (count-- > 0)
    kick_or_die (ways->client.device, PEER_KICKS_REGION, next_entry (count) * 4);
}

void
route_to_one (Subject *subject, guint count)
{
  Ways *ways = subject->own;

  while (count-- > 0)
    kick_or_die (ways->client.device, PEER_ONE_KICK_REGION, next_entry (count) / PEER_N_KICKS);
}

/* --- Ioregionfd --- */

void
ioregionfd_read_4 (Subject *subject, guint count)
{
  Ways *ways = subject->own;

  while (count-- > 0)
    read_or_die (ways->client.device, PEER_IOREGIONFD_REGION, 64);
}

void
bare_ioregionfd_read_4 (Subject *subject, guint count)
{
  Ways *ways = subject->own;
  const guint8 command[32] = { 0, 0x10 | 2, [16] = 64 };
  guint8 response[32];

  while (count-- > 0)
    if (send (ways->ioregionfd, command, sizeof command, MSG_NOSIGNAL) != sizeof command
        || recv (ways->ioregionfd, response, sizeof response, 0) != sizeof response)
      g_error ("ioregionfd: %s", g_strerror (errno));
}
