/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Reads that follow each other, as asynchronous operations.  Where there are as many places as a
 * device takes operations, its load is looked at before each, so that none may fail because of its
 * limit.  Does not know the loop.
 */

#include "bench/flight.h"

typedef struct
{
  Flight *flight;
  VucDevice *device;
  guint32 value;
} Place;

struct _Flight
{
  Place *places;
  guint n_places;
  gboolean to_the_limit;
  GPtrArray *idle; /* places whose next read was put off */
  guint left;      /* reads to be started */
  guint done;
  guint failed;
  char *failure;
};

Flight *
flight_new (VucDevice *const *devices, guint n_devices, guint n_places)
{
  Flight *flight = g_new0 (Flight, 1);
  VucLoad load;

  vuc_device_get_load (devices[0], &load);
  flight->to_the_limit = n_places / n_devices >= load.max_operations;
  flight->places = g_new0 (Place, n_places);
  flight->n_places = n_places;
  flight->idle = g_ptr_array_sized_new (n_places);
  for (guint i = 0; i < n_places; i++)
    flight->places[i] = (Place){ .flight = flight, .device = devices[i % n_devices] };
  return flight;
}

void
flight_free (Flight *flight)
{
  g_ptr_array_unref (flight->idle);
  g_free (flight->places);
  g_free (flight->failure);
  g_free (flight);
}

static gboolean
is_at_limit (VucDevice *device)
{
  VucLoad load;

  vuc_device_get_load (device, &load);
  return load.operations >= load.max_operations;
}

static void on_done (VucDevice *device,
                     VucOperation operation,
                     const GError *error,
                     gpointer user_data);

static void
start_next (Place *place)
{
  Flight *flight = place->flight;

  if (flight->left == 0)
    return;
  if (flight->to_the_limit && is_at_limit (place->device))
    {
      g_ptr_array_add (flight->idle, place);
      return;
    }
  flight->left--;
  (void) vuc_device_region_read_async (place->device, 0, 64, &place->value, sizeof place->value,
                                       on_done, place, NULL);
}

static void
on_done (VucDevice *device G_GNUC_UNUSED,
         VucOperation operation G_GNUC_UNUSED,
         const GError *error,
         gpointer user_data)
{
  Place *place = user_data;
  Flight *flight = place->flight;

  flight->done++;
  if (error != NULL)
    {
      flight->failed++;
      if (flight->failure == NULL)
        flight->failure = g_strdup (error->message);
    }
  start_next (place);
}

void
flight_start (Flight *flight, guint count)
{
  flight->left = count;
  flight->done = flight->failed = 0;
  g_clear_pointer (&flight->failure, g_free);
  g_ptr_array_set_size (flight->idle, 0);
  for (guint i = 0; i < flight->n_places; i++)
    start_next (&flight->places[i]);
}

void
flight_go_on (Flight *flight)
{
  while (flight->left > 0 && flight->idle->len > 0)
    {
      guint before = flight->left;

      start_next (g_ptr_array_remove_index_fast (flight->idle, flight->idle->len - 1));
      if (flight->left == before)
        return;
    }
}

guint
flight_get_done (const Flight *flight)
{
  return flight->done;
}

guint
flight_get_failed (const Flight *flight)
{
  return flight->failed;
}

const char *
flight_get_failure (const Flight *flight)
{
  return flight->failure;
}
