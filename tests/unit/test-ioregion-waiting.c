/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * How accesses by an ioregionfd wait: for each other, and for a server that first wants something
 * itself, on the session's socket, with this thread the only one.  What the bytes are:
 * test-ioregion.c.
 *
 * The server is a thread with both sockets.  Its assertions are made by the case, when it has ended.
 */

#include "access/ioregion.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/wrapped.h"
#include "session/session-private.h"
#include "unit/session-fixture.h"

#define COMMAND_SIZE 32

/* --- Counting --- */

static int n_polls; /* atomic */

int
__wrap_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout,
              const sigset_t *mask)
{
  g_atomic_int_inc (&n_polls);
  return __real_ppoll (fds, n_fds, timeout, mask);
}

/* --- What the cases have in common --- */

typedef struct
{
  VucSession *session;
  VucIoregion *ioregion;
  int server;     /* the server's end of the ioregionfd */
  int connection; /* and of the session's socket */

  /* The server's thread. */
  GThread *thread;
  guint n_commands; /* that it takes */
  guint n_before;   /* DMA_READs that it sends before each response, and waits for the answer to */
  GByteArray *answers;
} Fixture;

static Fixture
begin (void)
{
  Fixture fixture = { .answers = g_byte_array_new () };
  int client;

  make_pair (&fixture.connection, &client);
  fixture.session = session_open (client);
  make_pair (&fixture.server, &client);
  fixture.ioregion = vuc_ioregion_new (client, NULL);
  close (client);
  ck_assert_ptr_nonnull (fixture.ioregion);
  return fixture;
}

static void
finish (Fixture *fixture)
{
  if (fixture->thread != NULL)
    g_thread_join (fixture->thread);
  vuc_ioregion_unref (fixture->ioregion);
  vuc_session_free (fixture->session);
  g_byte_array_unref (fixture->answers);
  close (fixture->server);
  if (fixture->connection >= 0)
    close (fixture->connection);
}

/* A DMA_READ with the id 0x0101, and the answer: this session serves no memory. */
static gboolean
ask_client (Fixture *fixture)
{
  static const guint8 dma_read[32] = { 1, 1, 11, 0, 32, [24] = 8 };
  guint8 answer[16];

  if (write (fixture->connection, dma_read, sizeof dma_read) != sizeof dma_read
      || !read_all (fixture->connection, answer, sizeof answer))
    return FALSE;
  g_byte_array_append (fixture->answers, answer, sizeof answer);
  return TRUE;
}

#define REFUSED "u16:0x0101 u16:11 u32:16 u32:0x21 u32:95 "

/* Responds with the command's offset. */
static gpointer
serve (gpointer data)
{
  Fixture *fixture = data;
  guint8 command[COMMAND_SIZE];

  for (guint i = 0; i < fixture->n_commands; i++)
    {
      guint8 response[COMMAND_SIZE] = { 0 };
      gboolean ok = read_all (fixture->server, command, sizeof command);

      for (guint n = 0; ok && n < fixture->n_before; n++)
        ok = ask_client (fixture);
      memcpy (response, command + 16, 8);
      if (!ok || write (fixture->server, response, sizeof response) != sizeof response)
        break;
    }
  return NULL;
}

static void
start (Fixture *fixture, guint n_commands, guint n_before)
{
  fixture->n_commands = n_commands;
  fixture->n_before = n_before;
  fixture->thread = g_thread_new ("server", serve, fixture);
}

static gboolean
read_at (Fixture *fixture, guint64 offset, gint64 deadline, guint64 *value, GError **error)
{
  const gint link = vuc_session_get_usable_link (fixture->session);

  return vuc_ioregion_read (fixture->ioregion, fixture->session, link, 1, offset, value, 8,
                            deadline, error);
}

/* --- A server that wants something itself --- */

static void
a_command_of_the_server_is_answered_while_it_is_waited (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint64 value = 0;

  start (&fixture, 2, 1);
  for (guint64 i = 1; i <= 2; i++)
    {
      ck_assert (read_at (&fixture, i, in_ms (LONG), &value, &error));
      assert_no_error (error);
      ck_assert_uint_eq (value, i);
    }
  g_thread_join (g_steal_pointer (&fixture.thread));
  assert_bytes (fixture.answers->data, fixture.answers->len, REFUSED REFUSED);
  finish (&fixture);
}

/* The sockets are out of the set for a while, when a reply was read. */
static void
so_it_is_right_after_a_reply_was_read (void)
{
  static const guint8 reply[16] = { 0, 0, 13, 0, 16, 0, 0, 0, 1 };
  Fixture fixture = begin ();
  guint64 value = 0;

  ck_assert_int_ge (vuc_session_get_fd (fixture.session, NULL), 0);
  for (int i = 0; i < 2; i++)
    {
      guint8 command[16], answer[sizeof reply];
      Single single;

      single_init (&single, 13, LONG);
      single_submit (fixture.session, &single);
      ck_assert (read_all (fixture.connection, command, sizeof command));
      memcpy (answer, reply, sizeof reply);
      memcpy (answer, command, 2);
      ck_assert_int_eq (write (fixture.connection, answer, sizeof answer), sizeof answer);
      ck_assert (single_wait (&single, NULL));
      single_clear (&single);
    }

  start (&fixture, 1, 1);
  ck_assert (read_at (&fixture, 3, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 3);
  finish (&fixture);
}

static void
many_commands_of_the_server_may_come_first (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint64 value = 0;

  start (&fixture, 1, 300);
  read_at (&fixture, 5, in_ms (LONG), &value, &error);
  assert_no_error (error);
  ck_assert_uint_eq (value, 5);
  g_thread_join (g_steal_pointer (&fixture.thread));
  ck_assert_uint_eq (fixture.answers->len, 300 * 16);
  finish (&fixture);
}

static void
a_lost_connection_ends_it (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint64 value;

  close (fixture.connection);
  fixture.connection = -1;
  ck_assert (!read_at (&fixture, 0, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                "ioregionfd: read of 8 bytes at 0x0: the connection was lost");
  ck_assert (!vuc_ioregion_is_usable (fixture.ioregion));
  finish (&fixture);
}

/* --- What only the loop can do --- */

static void
count_ready (VucDevice *device G_GNUC_UNUSED, gpointer n)
{
  (*(guint *) n)++;
}

static void
outcomes_stay_for_the_loop_which_hears_of_them (void)
{
  Fixture fixture = begin ();
  guint n_told = 0, n_ready = 0;
  int fd = eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK);
  VucWatched *watched
    = vuc_session_watch (fixture.session, fd, count_ready, &n_ready, NULL, NULL);
  guint64 value = 0;

  start_task (fixture.session, count_outcome, &n_told);
  start (&fixture, 1, 3);
  ck_assert (read_at (&fixture, 6, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 6);
  ck_assert_uint_eq (n_told, 0);
  ck_assert_uint_eq (n_ready, 0);

  ck_assert (has_work (fixture.session));
  vuc_session_process (fixture.session);
  ck_assert_uint_eq (n_told, 1);
  ck_assert_uint_eq (n_ready, 1);
  vuc_session_unwatch (watched);
  close (fd);
  finish (&fixture);
}

static void
nothing_spins_while_the_loop_has_something_to_do (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint n_told = 0, n_ready = 0;
  int fd = eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK);
  VucWatched *watched
    = vuc_session_watch (fixture.session, fd, count_ready, &n_ready, NULL, NULL);
  guint64 value;

  start_task (fixture.session, count_outcome, &n_told);
  n_polls = 0;
  ck_assert (!read_at (&fixture, 6, in_ms (200), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "did not respond in time");

  /* Alone; both, and a pause of 0.1 to 6.4 ms, seven times; then 19 of 10 ms at the most. */
  ck_assert_int_le (n_polls, 2 + 2 * 7 + 2 * 19);
  ck_assert (has_work (fixture.session));
  vuc_session_process (fixture.session);
  ck_assert_uint_eq (n_told + n_ready, 2);
  vuc_session_unwatch (watched);
  close (fd);
  finish (&fixture);
}

/* A loop on another thread delivers meanwhile. */
typedef struct
{
  VucSession *session;
  int ends; /* atomic */
} Loop;

static gpointer
run_loop (gpointer data)
{
  Loop *loop = data;
  struct pollfd pollfd = { .fd = vuc_session_get_fd (loop->session, NULL), .events = POLLIN };

  while (!g_atomic_int_get (&loop->ends))
    if (poll (&pollfd, 1, 10) > 0)
      vuc_session_process (loop->session);
  return NULL;
}

static void
count_atomically (VucDevice *device G_GNUC_UNUSED,
                  VucOperation operation G_GNUC_UNUSED,
                  const GError *error G_GNUC_UNUSED,
                  gpointer n)
{
  g_atomic_int_inc ((int *) n);
}

static void
a_loop_on_another_thread_tells_all_of_them (void)
{
  Fixture fixture = begin ();
  Loop loop = { .session = fixture.session };
  GThread *thread = g_thread_new ("loop", run_loop, &loop);
  int n_told = 0;
  guint64 value;

  start (&fixture, 50, 2);
  for (guint64 i = 0; i < 50; i++)
    {
      start_task (fixture.session, count_atomically, &n_told);
      ck_assert (read_at (&fixture, i, in_ms (LONG), &value, NULL));
      ck_assert_uint_eq (value, i);
    }
  while (g_atomic_int_get (&n_told) < 50)
    g_thread_yield ();
  g_atomic_int_set (&loop.ends, TRUE);
  g_thread_join (thread);
  finish (&fixture);
}

/* --- Several threads --- */

#define N_THREADS 2
#define N_READS 200

typedef struct
{
  Fixture *fixture;
  guint64 base;
  guint n_wrong;
} Reader;

static gpointer
read_many (gpointer data)
{
  Reader *reader = data;
  guint64 value;

  for (guint64 i = 0; i < N_READS; i++)
    if (!read_at (reader->fixture, reader->base + i, in_ms (4 * LONG), &value, NULL)
        || value != reader->base + i)
      reader->n_wrong++;
  return NULL;
}

/* Each command must be answered before the next comes. */
static gpointer
serve_one_at_a_time (gpointer data)
{
  Fixture *fixture = data;
  struct pollfd pollfd = { .fd = fixture->server, .events = POLLIN };
  guint8 command[COMMAND_SIZE];

  for (guint i = 0; i < fixture->n_commands; i++)
    {
      guint8 response[COMMAND_SIZE] = { 0 };

      if (!read_all (fixture->server, command, sizeof command) || poll (&pollfd, 1, 0) != 0)
        return (gpointer) "a command came while another was outstanding";
      memcpy (response, command + 16, 8);
      if (write (fixture->server, response, sizeof response) != sizeof response)
        return (gpointer) "the client has gone";
    }
  return NULL;
}

static void
threads_that_share_a_descriptor_take_turns (void)
{
  Fixture fixture = begin ();
  Reader readers[N_THREADS];
  GThread *threads[N_THREADS];
  const char *wrong;

  fixture.n_commands = N_THREADS * N_READS;
  fixture.thread = g_thread_new ("server", serve_one_at_a_time, &fixture);
  for (guint i = 0; i < N_THREADS; i++)
    {
      readers[i] = (Reader){ .fixture = &fixture, .base = (i + 1) * 1000000 };
      threads[i] = g_thread_new ("reader", read_many, &readers[i]);
    }
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (threads[i]);
      ck_assert_uint_eq (readers[i].n_wrong, 0);
    }
  wrong = g_thread_join (g_steal_pointer (&fixture.thread));
  ck_assert_msg (wrong == NULL, "%s", wrong);
  finish (&fixture);
}

typedef struct
{
  Fixture *fixture;
  gint64 deadline;
  GError *error;
} Failing;

static gpointer
read_and_fail (gpointer data)
{
  Failing *failing = data;
  guint64 value;

  (void) read_at (failing->fixture, 9, failing->deadline, &value, &failing->error);
  return NULL;
}

static void
await_command (Fixture *fixture)
{
  struct pollfd pollfd = { .fd = fixture->server, .events = POLLIN };

  ck_assert_int_eq (poll (&pollfd, 1, LONG), 1);
}

static void
who_waits_for_its_turn_has_a_deadline_too (void)
{
  Fixture fixture = begin ();
  Failing holder = { .fixture = &fixture, .deadline = in_ms (4 * LONG) };
  GThread *thread = g_thread_new ("holder", read_and_fail, &holder);
  static const guint8 response[32] = { 1 };
  g_autoptr(GError) error = NULL;
  guint64 value;

  await_command (&fixture);
  ck_assert (!read_at (&fixture, 1, in_ms (5), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "others were under way on its descriptor");
  ck_assert_int_eq (write (fixture.server, response, sizeof response), sizeof response);
  g_thread_join (thread);
  assert_no_error (holder.error);
  finish (&fixture);
}

/* One waits for its response, and another for its turn: neither reads from the new socket. */
static void
accesses_under_way_end_when_it_is_renewed (void)
{
  Fixture fixture = begin ();
  Failing failing[2];
  GThread *threads[2];
  int server, client;
  guint64 value = 0;

  for (guint i = 0; i < G_N_ELEMENTS (failing); i++)
    {
      failing[i] = (Failing){ .fixture = &fixture, .deadline = G_MAXINT64 };
      threads[i] = g_thread_new ("reader", read_and_fail, &failing[i]);
    }
  await_command (&fixture);
  while (vuc_ioregion_get_n_waiting (fixture.ioregion) == 0)
    g_thread_yield ();

  make_pair (&server, &client);
  ck_assert (vuc_ioregion_renew (fixture.ioregion, client, NULL));
  close (client);
  for (guint i = 0; i < G_N_ELEMENTS (failing); i++)
    {
      g_thread_join (threads[i]);
      assert_error (failing[i].error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                    "ioregionfd: read of 8 bytes at 0x9: the device was connected again");
      g_clear_error (&failing[i].error);
    }

  close (fixture.server);
  fixture.server = server;
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  start (&fixture, 1, 0);
  ck_assert (read_at (&fixture, 4, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 4);
  finish (&fixture);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (a_command_of_the_server_is_answered_while_it_is_waited),
  HARNESS_CASE (so_it_is_right_after_a_reply_was_read),
  HARNESS_CASE (many_commands_of_the_server_may_come_first),
  HARNESS_CASE (a_lost_connection_ends_it),
  HARNESS_CASE (outcomes_stay_for_the_loop_which_hears_of_them),
  HARNESS_CASE (nothing_spins_while_the_loop_has_something_to_do),
  HARNESS_CASE (a_loop_on_another_thread_tells_all_of_them),
  HARNESS_CASE (threads_that_share_a_descriptor_take_turns),
  HARNESS_CASE (who_waits_for_its_turn_has_a_deadline_too),
  HARNESS_CASE (accesses_under_way_end_when_it_is_renewed),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "ioregion-waiting", cases);
}
