/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes, up to when the peer has executed all of them.  Main thread; one of the devices is
 * attached to the main loop of another.
 */

#include "bench/bare.h"
#include "bench/client.h"
#include "bench/figures.h"

typedef struct
{
  Client one;       /* each write is a message */
  Client many;      /* its peer takes many in one */
  Subject attached; /* of that */
} Posting;

static void
poster_open (Client *poster, const Subject *subject, PeerManner manner)
{
  g_autoptr (VucConfig) config = vuc_config_new ();

  vuc_config_set_posted_writes (config, TRUE);
  client_open (poster, subject->placement->server_cpu, manner, config);
}

static void
post_and_flush (Client *poster, guint count)
{
  const guint32 value = 1;

  while (count-- > 0)
    if (!vuc_device_region_write (poster->device, 0, 64, &value, sizeof value, NULL))
      g_error ("a write failed");
  if (!vuc_device_flush (poster->device, NULL))
    g_error ("a flush failed");
}

/* Why its writes are not posted, or NULL. */
static char *
check_poster (Client *poster)
{
  VucAccessCounters counters;

  post_and_flush (poster, 1);
  vuc_device_get_access_counters (poster->device, &counters);
  return counters.parts[VUC_WAY_POSTED] == 1 ? NULL : g_strdup ("writes are not posted");
}

static char *
posting_begin (Subject *subject)
{
  Posting *posting = g_new0 (Posting, 1);
  char *hindrance;

  poster_open (&posting->one, subject, PEER_PLAIN);
  poster_open (&posting->many, subject, PEER_MULTI);
  posting->attached = *subject;
  posting->attached.device = posting->many.device;
  hindrance = check_poster (&posting->one);
  if (hindrance != NULL)
    {
      client_close (&posting->one);
      client_close (&posting->many);
      g_free (posting);
      return hindrance;
    }
  hindrance = while_attached.begin (&posting->attached);
  subject->own = posting;
  return hindrance;
}

static void
posting_end (Subject *subject)
{
  Posting *posting = subject->own;

  while_attached.end (&posting->attached);
  client_close (&posting->one);
  client_close (&posting->many);
  g_free (posting);
}

const Setting with_posting = { posting_begin, posting_end };

void
post_4 (Subject *subject, guint count)
{
  Posting *posting = subject->own;

  post_and_flush (&posting->one, count);
}

void
bare_post_4 (Subject *subject, guint count)
{
  guint32 value = 1;

  while (count-- > 0)
    bare_post (subject->bare, 64, &value, sizeof value);
  bare_read (subject->bare, 64, &value, sizeof value);
}

void
post_4_together (Subject *subject, guint count)
{
  Posting *posting = subject->own;

  post_and_flush (&posting->many, count);
}
