/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Many threads that post, and wait for a reply now and then: each thread's writes are executed once
 * each, in its order, however they travel, and nobody waits for ever.
 */

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"
#include "unit/posted-fixture.h"
#include "unit/session-fixture.h"

#define N_THREADS 4
#define N_WRITES  3000

typedef struct
{
  const char *name;
  guint options;
  gboolean answers; /* the server answers posted writes, too */
} Row;

static const Row rows[] = {
  { "without a loop", POSTING_PLAIN, FALSE },
  { "without a loop, and a twin", POSTING_TWIN | POSTING_MULTIPLE, FALSE },
  { "with a loop", POSTING_LOOP | POSTING_MULTIPLE, FALSE },
  { "with a loop, one by one", POSTING_LOOP, FALSE },
  { "with a loop and a twin", POSTING_LOOP | POSTING_MULTIPLE | POSTING_TWIN, FALSE },
  { "through a small socket", POSTING_SMALL | POSTING_PLAIN, FALSE },
  { "through a small socket, with a loop", POSTING_SMALL | POSTING_LOOP | POSTING_MULTIPLE, FALSE },
  { "through a small socket, with a loop and a twin",
    POSTING_SMALL | POSTING_LOOP | POSTING_MULTIPLE | POSTING_TWIN, FALSE },
  { "to a server that answers", POSTING_LOOP | POSTING_MULTIPLE | POSTING_TWIN, TRUE },
  { "to a server that answers, without a loop", POSTING_MULTIPLE, TRUE },
};

/* ---- The server: a thread that executes ---- */

typedef struct
{
  int socket;
  gboolean answers;
  guint32 next[N_THREADS]; /* the number that each thread is to write next */
  guint n_wrong;
  guint n_multi;
} Server;

static gboolean
read_whole (int socket, void *data, gsize size)
{
  return recv (socket, data, size, MSG_WAITALL) == (gssize) size;
}

static void
execute (Server *server, const guint8 *offset_bytes, const guint8 *data)
{
  guint64 offset;
  guint32 number;

  memcpy (&offset, offset_bytes, sizeof offset);
  memcpy (&number, data, sizeof number);
  if (offset >= N_THREADS || number != server->next[offset])
    server->n_wrong++;
  else
    server->next[offset]++;
}

static gpointer
serve (gpointer data)
{
  Server *server = data;
  guint8 header[16], payload[8192];

  while (read_whole (server->socket, header, sizeof header))
    {
      const guint32 reply_size[] = { 16, 32, 24 };
      guint kind = 0;
      guint32 size, flags, count = 0;

      memcpy (&size, header + 4, sizeof size);
      memcpy (&flags, header + 8, sizeof flags);
      size -= (guint32) sizeof header;
      if (size > sizeof payload || (size > 0 && !read_whole (server->socket, payload, size)))
        break;
      if (header[2] == VUC_COMMAND_REGION_WRITE)
        {
          kind = 1;
          execute (server, payload, payload + 16);
        }
      else if (header[2] == VUC_COMMAND_REGION_WRITE_MULTI)
        {
          kind = 2;
          server->n_multi++;
          memcpy (&count, payload, sizeof count);
          for (guint i = 0; i < count; i++)
            execute (server, payload + 8 + i * 24, payload + 8 + i * 24 + 16);
        }
      if (flags != 0 && !server->answers)
        continue;
      memcpy (header + 4, &reply_size[kind], 4);
      header[8] = 1;
      (void) send (server->socket, header, sizeof header, MSG_NOSIGNAL | MSG_MORE);
      (void) send (server->socket, payload, reply_size[kind] - sizeof header, MSG_NOSIGNAL);
    }
  return NULL;
}

/* ---- The loop ---- */

typedef struct
{
  VucSession *session;
  int epoll;
  int stop;
} Loop;

static gpointer
run_loop (gpointer data)
{
  Loop *loop = data;
  struct pollfd fds[] = { { loop->epoll, POLLIN, 0 }, { loop->stop, POLLIN, 0 } };

  while (poll (fds, G_N_ELEMENTS (fds), -1) < 0 || fds[1].revents == 0)
    vuc_session_process (loop->session);
  return NULL;
}

/* ---- The clients ---- */

typedef struct
{
  Posting *posting;
  guint index;
  guint n_posted;
  gboolean ok;
} Client;

/* As the library does it where a write cannot be posted. */
static gboolean
write_and_wait (Client *client, guint32 number)
{
  const VucRegionAccess access = { .offset = client->index, .count = sizeof number };
  guint8 reply[16];
  Single single;
  gboolean ok;

  single_init (&single, VUC_COMMAND_REGION_WRITE, 4 * LONG);
  vuc_region_access_encode (&access, single.call.request);
  single.call.request_size = VUC_REGION_ACCESS_SIZE;
  single.call.request_data = &number;
  single.call.request_data_size = sizeof number;
  single.call.reply = reply;
  single.call.reply_capacity = single.call.reply_min = sizeof reply;
  ok = single_run (client->posting->session, &single, NULL);
  single_clear (&single);
  return ok;
}

static gpointer
run_client (gpointer data)
{
  Client *client = data;
  const VucRegionAccess access = { .offset = client->index, .count = sizeof (guint32) };
  g_autoptr (GRand) rand = g_rand_new_with_seed (client->index);

  client->ok = TRUE;
  for (guint32 i = 0; i < N_WRITES && client->ok; i++)
    {
      if (vuc_posted_write (client->posting->posted, 0, &access, &i))
        client->n_posted++;
      else
        client->ok = write_and_wait (client, i);
      if (g_rand_int_range (rand, 0, 64) == 0)
        client->ok = client->ok && reset (client->posting->session, 4 * LONG, NULL);
    }
  client->ok = client->ok && reset (client->posting->session, 4 * LONG, NULL);
  return NULL;
}

static void
each_threads_writes_arrive_in_order (gconstpointer data)
{
  const Row *row = data;
  Client clients[N_THREADS];
  GThread *threads[N_THREADS], *server_thread, *loop_thread = NULL;
  Server server = { .answers = row->answers };
  Posting posting;
  Loop loop;
  guint n_posted = 0;

  posting_open (&posting, row->options);
  server.socket = posting.server;
  server_thread = g_thread_new ("server", serve, &server);
  loop = (Loop){ posting.session, posting.epoll, eventfd (0, EFD_CLOEXEC) };
  if (posting.epoll >= 0)
    loop_thread = g_thread_new ("loop", run_loop, &loop);

  for (guint i = 0; i < N_THREADS; i++)
    {
      clients[i] = (Client){ .posting = &posting, .index = i };
      threads[i] = g_thread_new ("client", run_client, &clients[i]);
    }
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (threads[i]);
      n_posted += clients[i].n_posted;
    }
  ck_assert_int_eq (eventfd_write (loop.stop, 1), 0);
  if (loop_thread != NULL)
    g_thread_join (loop_thread);
  ck_assert_int_eq (shutdown (posting.server, SHUT_RDWR), 0);
  g_thread_join (server_thread);
  close (loop.stop);

  harness_note ("%u of %u were posted, in %u messages, %u of them of many", n_posted,
                N_THREADS * N_WRITES, (guint) vuc_posted_get_n_messages (posting.posted),
                server.n_multi);
  for (guint i = 0; i < N_THREADS; i++)
    {
      ck_assert_msg (clients[i].ok, "client %u", i);
      ck_assert_uint_eq (server.next[i], N_WRITES);
    }
  ck_assert_uint_eq (server.n_wrong, 0);
  ck_assert (!vuc_session_has_unproven (posting.session));
  posting_close (&posting);
}

static const HarnessCase cases[] = { HARNESS_ROWS (each_threads_writes_arrive_in_order, rows),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "posted, threads", cases);
}
