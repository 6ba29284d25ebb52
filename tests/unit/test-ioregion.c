/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The client of an ioregionfd, against literal bytes: what is sent, what is made of what comes, and
 * what is owed.  How it waits: test-ioregion-waiting.c.
 *
 * The server is this thread, as long as it can say beforehand what is wanted, or a thread.  The library's
 * system calls are counted: this program is linked with --wrap for each of them.
 */

#include "access/ioregion.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "session/session-private.h"
#include "unit/session-fixture.h"

#define COMMAND_SIZE 32

/* --- Counting --- */

static int n_sends, n_receives, n_polls; /* atomic */

gssize __real_send (int fd, const void *data, gsize size, int flags);
gssize __real_recv (int fd, void *data, gsize size, int flags);
int __real_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout,
                  const sigset_t *mask);
gssize __wrap_send (int fd, const void *data, gsize size, int flags);
gssize __wrap_recv (int fd, void *data, gsize size, int flags);
int __wrap_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout,
                  const sigset_t *mask);

gssize
__wrap_send (int fd, const void *data, gsize size, int flags)
{
  g_atomic_int_inc (&n_sends);
  return __real_send (fd, data, size, flags);
}

gssize
__wrap_recv (int fd, void *data, gsize size, int flags)
{
  g_atomic_int_inc (&n_receives);
  return __real_recv (fd, data, size, flags);
}

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
  VucSession *session; /* not connected: nothing of it is wanted here */
  VucIoregion *ioregion;
  int server; /* the server's end */
  int shared; /* its duplicate of ours */
} Fixture;

static void
make_pair (int *server, int *client)
{
  int ends[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  *server = ends[0];
  *client = ends[1];
}

static Fixture
begin (void)
{
  Fixture fixture = { .session = vuc_session_new (&(VucSessionOptions){ .timeout_ms = LONG }) };
  g_autoptr(GError) error = NULL;

  make_pair (&fixture.server, &fixture.shared);
  fixture.ioregion = vuc_ioregion_new (fixture.shared, &error);
  assert_no_error (error);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  return fixture;
}

static void
finish (Fixture *fixture)
{
  vuc_ioregion_unref (fixture->ioregion);
  vuc_session_free (fixture->session);
  if (fixture->server >= 0)
    close (fixture->server);
  close (fixture->shared);
}

static void
say (const Fixture *fixture, const char *text)
{
  g_autoptr(GBytes) bytes = hex (text);
  gsize size;
  const void *data = g_bytes_get_data (bytes, &size);

  ck_assert_int_eq (write (fixture->server, data, size), (gssize) size);
}

/* What has come must be there already, and nothing else. */
static void
assert_came (int fd, const char *text)
{
  guint8 bytes[1024];
  gssize size = read (fd, bytes, sizeof bytes);

  ck_assert_int_ge (size, 0);
  assert_bytes (bytes, (gsize) size, text);
}

static void
assert_nothing_came (int fd)
{
  struct pollfd pollfd = { .fd = fd, .events = POLLIN };

  ck_assert_int_eq (poll (&pollfd, 1, 0), 0);
}

static gboolean
read_by (Fixture *fixture, gint64 deadline, guint32 *value, GError **error)
{
  return vuc_ioregion_read (fixture->ioregion, fixture->session, 7, 4, value, 4, deadline, error);
}

static gboolean
write_by (Fixture *fixture, gboolean posted, gint64 deadline, GError **error)
{
  const guint32 value = 0x11223344;

  return vuc_ioregion_write (fixture->ioregion, fixture->session, 7, 4, &value, 4, posted, deadline,
                             error);
}

#define READ_COMMAND   "00 12 00*6 u64:7 u64:4 00*8 "
#define WRITE_COMMAND  "01 12 00*6 u64:7 u64:4 u64:0x11223344 "
#define POSTED_COMMAND "01 02 00*6 u64:7 u64:4 u64:0x11223344 "

/* A server on a thread: for each response it waits for a command. */
typedef struct
{
  int fd;
  const char *const *responses; /* NULL at the end */
  gboolean in_single_bytes;
  GByteArray *commands;
  guint n_hasty; /* commands that were there before the response to the one before */
  GThread *thread;
} Server;

static gboolean
receive_command (Server *server)
{
  guint8 command[COMMAND_SIZE];

  for (gsize done = 0; done < sizeof command;)
    {
      gssize count = read (server->fd, command + done, sizeof command - done);

      if (count <= 0)
        return FALSE;
      done += (gsize) count;
    }
  g_byte_array_append (server->commands, command, sizeof command);
  return TRUE;
}

static void
respond (Server *server, const char *text)
{
  g_autoptr(GBytes) bytes = hex (text);
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  gsize step = server->in_single_bytes ? 1 : size;

  for (gsize done = 0; done < size; done += step)
    if (write (server->fd, data + done, step) < 0)
      return;
}

static gpointer
serve (gpointer data)
{
  Server *server = data;
  struct pollfd pollfd = { .fd = server->fd, .events = POLLIN };

  for (guint i = 0; server->responses[i] != NULL && receive_command (server); i++)
    {
      if (poll (&pollfd, 1, 0) != 0)
        server->n_hasty++;
      respond (server, server->responses[i]);
    }
  return NULL;
}

static void
start (Server *server, int fd, const char *const *responses)
{
  *server = (Server){ .fd = fd, .responses = responses, .commands = g_byte_array_new () };
  server->thread = g_thread_new ("server", serve, server);
}

static void
join (Server *server, const char *commands)
{
  g_thread_join (server->thread);
  ck_assert_uint_eq (server->n_hasty, 0);
  assert_bytes (server->commands->data, server->commands->len, commands);
  g_byte_array_unref (server->commands);
}

/* --- Accesses --- */

typedef struct
{
  const char *name;
  guint size;
  const char *read;    /* the command */
  const char *written; /* likewise, of 0xfedcba9876543210 */
  const char *data;    /* what 8 bytes 0xee become by reading 0x8899aabbccddeeff */
} Width;

static const Width widths[] = {
  { "1 byte", 1, "00 10 00*6 u64:0x1122334455667788 u64:0x21 00*8",
    "01 10 00*6 u64:0x1122334455667788 u64:0x21 u64:0x10", "ff ee*7" },
  { "2 bytes", 2, "00 11 00*6 u64:0x1122334455667788 u64:0x21 00*8",
    "01 11 00*6 u64:0x1122334455667788 u64:0x21 u64:0x3210", "u16:0xeeff ee*6" },
  { "4 bytes", 4, "00 12 00*6 u64:0x1122334455667788 u64:0x21 00*8",
    "01 12 00*6 u64:0x1122334455667788 u64:0x21 u64:0x76543210", "u32:0xccddeeff ee*4" },
  { "8 bytes", 8, "00 13 00*6 u64:0x1122334455667788 u64:0x21 00*8",
    "01 13 00*6 u64:0x1122334455667788 u64:0x21 u64:0xfedcba9876543210",
    "u64:0x8899aabbccddeeff" },
};

static void
a_read_is_a_command_and_its_response (gconstpointer row)
{
  static const char *const responses[] = { "u64:0x8899aabbccddeeff 77*24", NULL };
  const Width *width = row;
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint8 data[8];
  Server server;

  memset (data, 0xee, sizeof data);
  start (&server, fixture.server, responses);
  ck_assert (vuc_ioregion_read (fixture.ioregion, fixture.session, 0x1122334455667788, 0x21, data,
                                width->size, in_ms (LONG), &error));
  assert_no_error (error);
  assert_bytes (data, sizeof data, width->data);
  join (&server, width->read);
  finish (&fixture);
}

static void
a_write_is_a_command_and_its_response (gconstpointer row)
{
  static const char *const responses[] = { "ff*32", NULL };
  const Width *width = row;
  const guint64 data = 0xfedcba9876543210;
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  Server server;

  start (&server, fixture.server, responses);
  ck_assert (vuc_ioregion_write (fixture.ioregion, fixture.session, 0x1122334455667788, 0x21, &data,
                                 width->size, FALSE, in_ms (LONG), &error));
  assert_no_error (error);
  join (&server, width->written);
  finish (&fixture);
}

static void
a_posted_write_is_one_send_and_has_no_response (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;

  n_sends = n_receives = n_polls = 0;
  for (int i = 1; i <= 3; i++)
    {
      ck_assert (write_by (&fixture, TRUE, in_ms (LONG), &error));
      assert_no_error (error);
      ck_assert_int_eq (n_sends, i);
      ck_assert_int_eq (n_receives + n_polls, 0);
    }
  assert_came (fixture.server, POSTED_COMMAND POSTED_COMMAND POSTED_COMMAND);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  finish (&fixture);
}

/* A very fast server has responded before it is looked. */
static void
a_read_is_three_system_calls (void)
{
  Fixture fixture = begin ();
  guint32 value = 0;

  n_sends = n_receives = n_polls = 0;
  for (int i = 1; i <= 3; i++)
    {
      say (&fixture, "u64:5 00*24");
      ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
      ck_assert_uint_eq (value, 5);
      ck_assert_int_eq (n_sends, i);
      ck_assert_int_eq (n_polls, i);
      ck_assert_int_eq (n_receives, i);
    }
  finish (&fixture);
}

static void
a_read_after_posted_writes_has_its_own_response (void)
{
  static const char *const responses[] = { "", "", "u64:9 00*24", NULL };
  Fixture fixture = begin ();
  guint32 value = 0;
  Server server;

  start (&server, fixture.server, responses);
  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 9);
  g_thread_join (server.thread);
  assert_bytes (server.commands->data, server.commands->len,
                POSTED_COMMAND POSTED_COMMAND READ_COMMAND);
  g_byte_array_unref (server.commands);
  finish (&fixture);
}

static void
a_response_may_come_byte_by_byte (void)
{
  static const char *const responses[] = { "u64:0x8899aabb 00*24", "u64:0xccddeeff 00*24", NULL };
  Fixture fixture = begin ();
  guint32 value = 0;
  Server server = { .fd = fixture.server,
                    .responses = responses,
                    .in_single_bytes = TRUE,
                    .commands = g_byte_array_new () };

  server.thread = g_thread_new ("server", serve, &server);
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 0x8899aabb);
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 0xccddeeff);
  join (&server, READ_COMMAND READ_COMMAND);
  finish (&fixture);
}

/* --- What is owed --- */

static void
a_late_response_is_swallowed_by_the_next_access (void)
{
  static const char *const responses[] = { "u64:2 00*24", NULL };
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value = 0x55;
  Server server;

  ck_assert (!read_by (&fixture, in_ms (1), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT,
                "ioregionfd: read of 4 bytes at 0x4: the server did not respond in time");
  ck_assert_uint_eq (value, 0x55);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  assert_came (fixture.server, READ_COMMAND);
  say (&fixture, "u64:1 00*24");

  start (&server, fixture.server, responses);
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 2);
  join (&server, READ_COMMAND);
  finish (&fixture);
}

static void
nothing_is_sent_while_a_response_is_owed (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  ck_assert (!read_by (&fixture, in_ms (1), &value, NULL));
  assert_came (fixture.server, READ_COMMAND);
  ck_assert (!write_by (&fixture, FALSE, in_ms (1), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT,
                "ioregionfd: write of 4 bytes at 0x4: the response to the access before is overdue");
  assert_nothing_came (fixture.server);
  g_clear_error (&error);
  ck_assert (!write_by (&fixture, TRUE, in_ms (1), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "overdue");
  assert_nothing_came (fixture.server);

  say (&fixture, "00*32");
  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  assert_came (fixture.server, POSTED_COMMAND);
  finish (&fixture);
}

static void
a_response_may_be_split_anywhere_by_a_deadline (void)
{
  for (gsize split = 1; split < 32; split++)
    {
      static const char *const responses[] = { "u64:0x8899aabb 00*24", NULL };
      guint8 late[32] = { 0xff };
      Fixture fixture = begin ();
      guint32 value;
      Server server;

      harness_context ("%zu bytes in time", split);
      ck_assert_int_eq (write (fixture.server, late, split), (gssize) split);
      ck_assert (!read_by (&fixture, in_ms (1), &value, NULL));
      assert_came (fixture.server, READ_COMMAND);
      ck_assert_int_eq (write (fixture.server, late + split, 32 - split), (gssize) (32 - split));

      start (&server, fixture.server, responses);
      ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
      ck_assert_uint_eq (value, 0x8899aabb);
      join (&server, READ_COMMAND);
      finish (&fixture);
    }
}

static void
a_deadline_that_has_passed_takes_what_is_there (void)
{
  Fixture fixture = begin ();
  guint32 value;

  say (&fixture, "u64:3 00*24");
  ck_assert (read_by (&fixture, 1, &value, NULL));
  ck_assert_uint_eq (value, 3);
  finish (&fixture);
}

/* --- The end --- */

static void
assert_dead (Fixture *fixture, const char *text)
{
  g_autoptr(GError) error = NULL;
  guint32 value;

  ck_assert (!vuc_ioregion_is_usable (fixture->ioregion));
  n_sends = 0;
  ck_assert (!read_by (fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, text);
  g_clear_error (&error);
  ck_assert (!write_by (fixture, TRUE, in_ms (LONG), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, text);
  ck_assert_int_eq (n_sends, 0);
}

static void
a_server_that_closes_is_noticed_and_renewed (void)
{
  static const char *const responses[] = { "u64:2 00*24", NULL };
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;
  int client;
  Server server;

  close (fixture.server);
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                "ioregionfd: read of 4 bytes at 0x4: the server closed its socket");
  assert_dead (&fixture, "the server closed its socket");

  make_pair (&fixture.server, &client);
  ck_assert (vuc_ioregion_renew (fixture.ioregion, client, NULL));
  close (client);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  start (&server, fixture.server, responses);
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 2);
  join (&server, READ_COMMAND);
  finish (&fixture);
}

static void
it_may_close_in_the_middle_of_a_response (void)
{
  static const char *const responses[] = { "00*31", NULL };
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;
  Server server;

  start (&server, fixture.server, responses);
  ck_assert (!read_by (&fixture, in_ms (10), &value, &error));
  g_clear_error (&error);
  join (&server, READ_COMMAND);
  close (fixture.server);
  fixture.server = -1;
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server closed its socket");
  assert_dead (&fixture, "the server closed its socket");
  finish (&fixture);
}

static void
renewing_forgets_what_was_owed (void)
{
  static const char *const responses[] = { "u64:2 00*24", NULL };
  Fixture fixture = begin ();
  guint32 value;
  int client;
  Server server;

  say (&fixture, "ff*5");
  ck_assert (!read_by (&fixture, in_ms (1), &value, NULL));
  close (fixture.server);
  make_pair (&fixture.server, &client);
  ck_assert (vuc_ioregion_renew (fixture.ioregion, client, NULL));
  close (client);

  start (&server, fixture.server, responses);
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 2);
  join (&server, READ_COMMAND);
  finish (&fixture);
}

static void
what_cannot_be_renewed_is_dead (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;

  ck_assert (!vuc_ioregion_renew (fixture.ioregion, -1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_LIMIT, "duplicating an ioregionfd");
  assert_dead (&fixture, "the device was connected again");
  finish (&fixture);

  g_clear_error (&error);
  ck_assert_ptr_null (vuc_ioregion_new (-1, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_LIMIT, "duplicating an ioregionfd");
}

/* --- What nobody asked for --- */

typedef struct
{
  const char *name;
  const char *response;
} Surplus;

static const Surplus surpluses[] = {
  { "a byte", "u64:1 00*24 ff" },
  { "a response", "u64:1 00*24 00*32" },
  { "much", "00*1000" },
};

static void
more_than_the_response_is_the_end (gconstpointer row)
{
  const char *const responses[] = { ((const Surplus *) row)->response, NULL };
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value = 0x55;
  Server server;

  start (&server, fixture.server, responses);
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server sent more than the response");
  ck_assert_uint_eq (value, 0x55);
  join (&server, READ_COMMAND);
  assert_dead (&fixture, "the server sent more than the response");
  finish (&fixture);
}

static void
more_than_is_owed_is_the_end (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  ck_assert (!read_by (&fixture, in_ms (1), &value, NULL));
  assert_came (fixture.server, READ_COMMAND);
  say (&fixture, "00*33");
  ck_assert (!write_by (&fixture, FALSE, in_ms (LONG), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the server sent more than the response");
  assert_nothing_came (fixture.server);
  finish (&fixture);
}

static void
a_response_to_a_posted_write_is_the_end (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  assert_came (fixture.server, POSTED_COMMAND);
  say (&fixture, "00*32");
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                "the server sent a response that nobody asked for");
  assert_nothing_came (fixture.server);
  assert_dead (&fixture, "the server sent a response that nobody asked for");
  finish (&fixture);
}

/* --- Sockets that are full, or that the server plays with --- */

static void
a_full_socket_meets_the_deadline (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint8 buffer[COMMAND_SIZE * 64];
  gsize n_posted = 0, n_came = 0;

  while (write_by (&fixture, TRUE, in_ms (1), &error))
    n_posted++;
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT,
                "ioregionfd: write of 4 bytes at 0x4: the server did not take the command in time");
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));

  while (n_came < n_posted * COMMAND_SIZE)
    {
      gssize count = read (fixture.server, buffer, sizeof buffer);

      ck_assert_int_gt (count, 0);
      n_came += (gsize) count;
    }
  assert_nothing_came (fixture.server);
  ck_assert (write_by (&fixture, TRUE, in_ms (LONG), NULL));
  assert_came (fixture.server, POSTED_COMMAND);
  finish (&fixture);
}

/* Both would wait for each other for ever. */
static void
a_full_socket_of_a_server_that_responds_to_posted_writes_is_the_end (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;

  while (write_by (&fixture, TRUE, in_ms (1), &error))
    continue;
  g_clear_error (&error);
  say (&fixture, "00*32");
  ck_assert (!write_by (&fixture, TRUE, in_ms (LONG), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                "the server sent a response that nobody asked for");
  finish (&fixture);
}

static const struct
{
  const char *name;
  gboolean blocks;
} modes[] = { { "that does not block", FALSE }, { "that blocks for ever", TRUE } };

static void
the_server_may_change_the_mode_of_the_socket (gconstpointer row)
{
  static const char *const responses[] = { "u64:2 00*24", NULL };
  const __typeof__ (modes[0]) *mode = row;
  const struct timeval for_ever = { 0, 0 };
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;
  Server server;

  ck_assert_int_eq (fcntl (fixture.shared, F_SETFL, mode->blocks ? 0 : O_NONBLOCK), 0);
  ck_assert_int_eq (
    setsockopt (fixture.shared, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof for_ever), 0);

  ck_assert (!read_by (&fixture, in_ms (5), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "the server did not respond in time");
  assert_came (fixture.server, READ_COMMAND);
  say (&fixture, "00*32");
  start (&server, fixture.server, responses);
  ck_assert (read_by (&fixture, in_ms (LONG), &value, NULL));
  ck_assert_uint_eq (value, 2);
  join (&server, READ_COMMAND);

  g_clear_error (&error);
  while (write_by (&fixture, TRUE, in_ms (1), &error))
    continue;
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "the server did not take the command");
  finish (&fixture);
}

static void
nothing_is_asked_from_inside_a_callback (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  vuc_session_enter_callback ();
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "from inside a callback");
  g_clear_error (&error);
  ck_assert (!write_by (&fixture, TRUE, in_ms (LONG), &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT, "from inside a callback");
  vuc_session_leave_callback ();
  assert_nothing_came (fixture.server);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  finish (&fixture);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_read_is_a_command_and_its_response, widths),
  HARNESS_ROWS (a_write_is_a_command_and_its_response, widths),
  HARNESS_CASE (a_posted_write_is_one_send_and_has_no_response),
  HARNESS_CASE (a_read_is_three_system_calls),
  HARNESS_CASE (a_read_after_posted_writes_has_its_own_response),
  HARNESS_CASE (a_response_may_come_byte_by_byte),
  HARNESS_CASE (a_late_response_is_swallowed_by_the_next_access),
  HARNESS_CASE (nothing_is_sent_while_a_response_is_owed),
  HARNESS_CASE (a_response_may_be_split_anywhere_by_a_deadline),
  HARNESS_CASE (a_deadline_that_has_passed_takes_what_is_there),
  HARNESS_CASE (a_server_that_closes_is_noticed_and_renewed),
  HARNESS_CASE (it_may_close_in_the_middle_of_a_response),
  HARNESS_CASE (renewing_forgets_what_was_owed),
  HARNESS_CASE (what_cannot_be_renewed_is_dead),
  HARNESS_ROWS (more_than_the_response_is_the_end, surpluses),
  HARNESS_CASE (more_than_is_owed_is_the_end),
  HARNESS_CASE (a_response_to_a_posted_write_is_the_end),
  HARNESS_CASE (a_full_socket_meets_the_deadline),
  HARNESS_CASE (a_full_socket_of_a_server_that_responds_to_posted_writes_is_the_end),
  HARNESS_ROWS (the_server_may_change_the_mode_of_the_socket, modes),
  HARNESS_CASE (nothing_is_asked_from_inside_a_callback),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "ioregion", cases);
}
