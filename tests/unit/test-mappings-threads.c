/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The list of a device's mappings, used by several threads while connections come and go: each sees
 * the device, or all ones.  Connections are made on the thread of the case.  What is mapped when:
 * test-mappings.c.
 */

#include "device/mapping.h"

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "unit/mappings-fixture.h"

typedef struct
{
  VucMappings *list;
  const Server *server;
  gint next_region; /* atomic: each thread has its own */
  GMutex lock;      /* guards what follows */
  GCond changed;
  gboolean is_down;
  gboolean stops;
  guint n_mapped;
} Mapper;

/* ThreadSanitizer takes what replaces the memory for a write to it. */
static guint8 __attribute__ ((noinline, no_sanitize ("thread"))) look (const volatile guint8 *byte)
{
  return *byte;
}

/* When there is a connection again, or the end. */
static gboolean
goes_on (Mapper *mapper)
{
  gboolean goes_on;

  g_mutex_lock (&mapper->lock);
  while (mapper->is_down && !mapper->stops)
    g_cond_wait (&mapper->changed, &mapper->lock);
  goes_on = !mapper->stops;
  g_mutex_unlock (&mapper->lock);
  return goes_on;
}

static void
note_mapped (Mapper *mapper)
{
  g_mutex_lock (&mapper->lock);
  mapper->n_mapped++;
  g_cond_broadcast (&mapper->changed);
  g_mutex_unlock (&mapper->lock);
}

/* Somebody is about to look, just then. */
static void
wait_until_mapped (Mapper *mapper)
{
  guint before;

  g_mutex_lock (&mapper->lock);
  before = mapper->n_mapped;
  while (mapper->n_mapped == before)
    g_cond_wait (&mapper->changed, &mapper->lock);
  g_mutex_unlock (&mapper->lock);
}

static void
set_down (Mapper *mapper, gboolean is_down)
{
  g_mutex_lock (&mapper->lock);
  mapper->is_down = is_down;
  g_cond_broadcast (&mapper->changed);
  g_mutex_unlock (&mapper->lock);
}

static gpointer
map_and_look (gpointer data)
{
  Mapper *mapper = data;
  const gint region = g_atomic_int_add (&mapper->next_region, 1);
  const VucRegionInfo *info = &mapper->server->regions[region].info;

  while (goes_on (mapper))
    {
      g_autoptr(VucMapping) mapping = vuc_mappings_get (mapper->list, info, FALSE, NULL);

      if (mapping == NULL)
        continue;
      note_mapped (mapper);
      for (guint i = 0; i < N_AREAS; i++)
        {
          guint8 value = look (at (mapping, 2 * i * page ()));

          ck_assert (value == 0x10 + region || value == 0xff);
        }
    }
  return NULL;
}

/* What was being mapped when the connection died is not there, or has died with it. */
static void
expect_nothing_of_the_device (Mapper *mapper)
{
  for (guint i = 0; i < 4 * N_REGIONS; i++)
    {
      const VucRegionInfo *info = &mapper->server->regions[i % N_REGIONS].info;
      g_autoptr(VucMapping) mapping = vuc_mappings_get (mapper->list, info, FALSE, NULL);

      ck_assert (mapping == NULL || look (at (mapping, 0)) == 0xff);
      g_thread_yield ();
    }
}

/* Two threads map, look and give back, while connections come and go. */
static void
whoever_maps_meanwhile_sees_the_device_or_all_ones (void)
{
  Mapper mapper = { .list = vuc_mappings_new () };
  GThread *threads[N_REGIONS];
  Server server;

  (void) vuc_error_quark (); /* ThreadSanitizer does not see how GLib makes one */
  server_init (&server, 0x10);
  mapper.server = &server;
  connect_to (mapper.list, &server);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("mapper", map_and_look, &mapper);
  for (guint i = 0; i < 200; i++)
    {
      wait_until_mapped (&mapper);
      vuc_mappings_note_death (mapper.list, FALSE);
      set_down (&mapper, TRUE);
      expect_nothing_of_the_device (&mapper);
      connect_to (mapper.list, &server);
      set_down (&mapper, FALSE);
    }
  g_mutex_lock (&mapper.lock);
  mapper.stops = TRUE;
  g_mutex_unlock (&mapper.lock);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  vuc_mappings_unref (mapper.list);
  server_clear (&server);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (whoever_maps_meanwhile_sees_the_device_or_all_ones),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "mappings, threads", cases);
}
