/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Posted writes: their messages, and how several become one.  Does not know when they are sent, nor
 * whether a region's writes may be posted at all.  Any thread; what posting.h asks for is called with
 * the session's lock held, which guards the messages.
 *
 * A write is a REGION_WRITE.  One that is queued behind another, because the socket took no more or
 * somebody else is sending, makes a REGION_WRITE_MULTI of it, where that was negotiated.  Messages
 * are kept for the next writes, but only as many as are in use when everything goes well; memory for
 * many writes is that of one message.
 */

#include "access/posted.h"

#include <string.h>

#include "session/posting.h"
#include "wire/region-write-multi.h"

/* Messages that are kept when they are not in use. */
#define KEPT_MESSAGES 4

typedef struct
{
  VucCall call; /* the first member */
  guint n_writes;
  VucRegionAccess first;
  guint8 data[VUC_REGION_WRITE_MULTI_DATA]; /* of the first */
  guint8
    *entries; /* of all of them, if there are more; room for VUC_LIMIT_POSTED_MERGED, or NULL */
} Message;

struct _VucPosted
{
  VucSession *session;
  gint multiple; /* atomic */

  /* The session's lock guards these. */
  guint n_writes; /* that are queued */
  Message *kept[KEPT_MESSAGES];
  guint n_kept;
  guint8 *kept_entries; /* or NULL */
};

typedef struct
{
  const VucRegionAccess *access;
  gconstpointer data;
} Request;

G_STATIC_ASSERT (VUC_REGION_WRITE_MULTI_SIZE + 2 * VUC_REGION_WRITE_MULTI_ENTRY
                   - VUC_REGION_ACCESS_SIZE
                 <= VUC_POSTING_GROWTH);

static void
message_free (Message *message)
{
  g_free (message->entries);
  g_free (message);
}

static VucCall *
make (gconstpointer request_data, gpointer poster_data)
{
  const Request *request = request_data;
  VucPosted *posted = poster_data;
  Message *message;
  VucCall *call;

  if (posted->n_writes >= VUC_LIMIT_POSTED_WRITES)
    return NULL;
  posted->n_writes++;

  message = posted->n_kept > 0 ? posted->kept[--posted->n_kept] : g_new (Message, 1);
  message->n_writes = 1;
  message->first = *request->access;
  memcpy (message->data, request->data, request->access->count);
  message->entries = NULL;

  call = &message->call;
  vuc_call_init (call, VUC_COMMAND_REGION_WRITE);
  vuc_region_access_encode (request->access, call->request);
  memcpy (call->request + VUC_REGION_ACCESS_SIZE, request->data, request->access->count);
  call->request_size = VUC_REGION_ACCESS_SIZE + request->access->count;
  return call;
}

static void
add_entry (Message *message, guint i, const VucRegionAccess *access, gconstpointer data)
{
  vuc_region_write_multi_encode_entry (access, data,
                                       message->entries + i * VUC_REGION_WRITE_MULTI_ENTRY);
}

static void
become_multi (VucPosted *posted, Message *message)
{
  VucCall *call = &message->call;

  message->entries = g_steal_pointer (&posted->kept_entries);
  if (message->entries == NULL)
    message->entries = g_malloc (VUC_LIMIT_POSTED_MERGED * VUC_REGION_WRITE_MULTI_ENTRY);
  add_entry (message, 0, &message->first, message->data);

  call->command = VUC_COMMAND_REGION_WRITE_MULTI;
  call->request_size = VUC_REGION_WRITE_MULTI_SIZE;
  call->request_data = message->entries;
}

static gboolean
merge (VucCall *call, gconstpointer request_data, gpointer poster_data)
{
  const Request *request = request_data;
  VucPosted *posted = poster_data;
  Message *message = (Message *) call;

  if (!g_atomic_int_get (&posted->multiple) || message->n_writes >= VUC_LIMIT_POSTED_MERGED
      || posted->n_writes >= VUC_LIMIT_POSTED_WRITES)
    return FALSE;

  if (message->n_writes == 1)
    become_multi (posted, message);
  add_entry (message, message->n_writes, request->access, request->data);
  message->n_writes++;
  posted->n_writes++;
  vuc_region_write_multi_encode (message->n_writes, call->request);
  call->request_data_size = (gsize) message->n_writes * VUC_REGION_WRITE_MULTI_ENTRY;
  return TRUE;
}

static void
release (VucCall *call, gpointer poster_data)
{
  VucPosted *posted = poster_data;
  Message *message = (Message *) call;

  posted->n_writes -= message->n_writes;
  if (posted->kept_entries == NULL)
    posted->kept_entries = g_steal_pointer (&message->entries);
  g_clear_pointer (&message->entries, g_free);
  if (posted->n_kept < KEPT_MESSAGES)
    posted->kept[posted->n_kept++] = message;
  else
    message_free (message);
}

static gsize
max_answer (guint16 command)
{
  switch (command)
    {
    case VUC_COMMAND_REGION_WRITE:
      return VUC_REGION_ACCESS_SIZE;
    case VUC_COMMAND_REGION_WRITE_MULTI:
      return VUC_REGION_WRITE_MULTI_SIZE;
    default:
      return VUC_NO_ANSWER;
    }
}

static const VucPoster poster = {
  .make = make,
  .merge = merge,
  .release = release,
  .max_answer = max_answer,
};

VucPosted *
vuc_posted_new (VucSession *session)
{
  VucPosted *posted = g_new0 (VucPosted, 1);

  posted->session = session;
  vuc_session_set_poster (session, &poster, posted);
  return posted;
}

void
vuc_posted_free (VucPosted *posted)
{
  while (posted->n_kept > 0)
    message_free (posted->kept[--posted->n_kept]);
  g_free (posted->kept_entries);
  g_free (posted);
}

void
vuc_posted_set_multiple (VucPosted *posted, gboolean multiple)
{
  g_atomic_int_set (&posted->multiple, multiple);
}

gboolean
vuc_posted_write (VucPosted *posted,
                  gint link,
                  const VucRegionAccess *access,
                  gconstpointer data)
{
  Request request = { access, data };

  g_return_val_if_fail (access->count >= 1 && access->count <= VUC_REGION_WRITE_MULTI_DATA, FALSE);

  return vuc_session_post (posted->session, link, &request);
}

guint64
vuc_posted_get_n_messages (VucPosted *posted)
{
  return vuc_session_get_n_posted (posted->session);
}
