/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A client of an ioregionfd, and its server.  The server's thread asserts nothing.
 */

#include "unit/ioregion-fixture.h"

#include <poll.h>
#include <unistd.h>

#include "harness/harness.h"
#include "session/session-private.h"

Fixture
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

void
finish (Fixture *fixture)
{
  vuc_ioregion_unref (fixture->ioregion);
  vuc_session_free (fixture->session);
  if (fixture->server >= 0)
    close (fixture->server);
  close (fixture->shared);
}

void
say (const Fixture *fixture, const char *text)
{
  g_autoptr(GBytes) bytes = hex (text);
  gsize size;
  const void *data = g_bytes_get_data (bytes, &size);

  ck_assert_int_eq (write (fixture->server, data, size), (gssize) size);
}

void
assert_came (int fd, const char *text)
{
  guint8 bytes[1024];
  gssize size = read (fd, bytes, sizeof bytes);

  ck_assert_int_ge (size, 0);
  assert_bytes (bytes, (gsize) size, text);
}

void
assert_nothing_came (int fd)
{
  struct pollfd pollfd = { .fd = fd, .events = POLLIN };

  ck_assert_int_eq (poll (&pollfd, 1, 0), 0);
}

gboolean
read_by (Fixture *fixture, gint64 deadline, guint32 *value, GError **error)
{
  const gint link = vuc_session_get_usable_link (fixture->session);

  return vuc_ioregion_read (fixture->ioregion, fixture->session, link, 7, 4, value, 4, deadline,
                            error);
}

gboolean
write_by (Fixture *fixture, gboolean posted, gint64 deadline, GError **error)
{
  const gint link = vuc_session_get_usable_link (fixture->session);
  const guint32 value = 0x11223344;

  return vuc_ioregion_write (fixture->ioregion, fixture->session, link, 7, 4, &value, 4, posted,
                             deadline, error);
}

static gboolean
receive_command (Server *server)
{
  guint8 command[COMMAND_SIZE];

  if (!read_all (server->fd, command, sizeof command))
    return FALSE;
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
start_thread (Server *server)
{
  server->commands = g_byte_array_new ();
  server->thread = g_thread_new ("server", serve, server);
}

void
start (Server *server, int fd, const char *const *responses)
{
  *server = (Server){ .fd = fd, .responses = responses };
  start_thread (server);
}

void
start_in_single_bytes (Server *server, int fd, const char *const *responses)
{
  *server = (Server){ .fd = fd, .responses = responses, .in_single_bytes = TRUE };
  start_thread (server);
}

void
join (Server *server, const char *commands)
{
  g_thread_join (server->thread);
  ck_assert_uint_eq (server->n_hasty, 0);
  assert_bytes (server->commands->data, server->commands->len, commands);
  g_byte_array_unref (server->commands);
}

void
expect_read (Fixture *fixture)
{
  static const char *const responses[] = { "u64:2 00*24", NULL };
  g_autoptr(GError) error = NULL;
  guint32 value = 0;
  Server server;

  start (&server, fixture->server, responses);
  ck_assert (read_by (fixture, in_ms (LONG), &value, &error));
  assert_no_error (error);
  ck_assert_uint_eq (value, 2);
  join (&server, READ_COMMAND);
}
