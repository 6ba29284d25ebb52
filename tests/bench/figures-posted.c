/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes, up to when the peer has executed all of them.  Main thread; one of the devices is
 * attached to the main loop of another.
 */

#include <unistd.h>

#include "bench/bare.h"
#include "bench/figures.h"
#include "bench/peer.h"

typedef struct
{
  VucDevice *device;
  pid_t pid;
} Poster;

typedef struct
{
  Poster one;       /* each write is a message */
  Poster many;      /* its peer takes many in one */
  Subject attached; /* of that */
} Posting;

static void
poster_open (Poster *poster, const Subject *subject, PeerManner manner)
{
  g_autoptr (VucConfig) config = vuc_config_new ();
  g_autoptr (GError) error = NULL;
  int fd = peer_start (subject->placement->server_cpu, manner, &poster->pid);

  vuc_config_set_posted_writes (config, TRUE);
  poster->device = vuc_device_connect_fd (fd, config, &error);
  if (poster->device == NULL)
    g_error ("%s", error->message);
  close (fd);
}

static void
poster_close (Poster *poster)
{
  vuc_device_unref (poster->device);
  peer_stop (poster->pid);
}

static void
post_and_flush (Poster *poster, guint count)
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
check_poster (Poster *poster)
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
      poster_close (&posting->one);
      poster_close (&posting->many);
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
  poster_close (&posting->one);
  poster_close (&posting->many);
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
