/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A server that is a function, in a process of its own.  Knows the 16 bytes of a header, and shares
 * no code with the library.  Started and finished on the thread that runs the case.
 */

#include "unit/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/descriptors.h"
#include "harness/harness.h"

static void G_GNUC_NORETURN
become_peer (PeerServe serve, gconstpointer data, PeerEnd end)
{
  const int keep[] = { end.socket, end.told };

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  signal (SIGPIPE, SIG_IGN);
  descriptors_close_all_but (keep, G_N_ELEMENTS (keep));
  serve (&end, data);
  _exit (0);
}

void
peer_start (Peer *peer, PeerServe serve, gconstpointer data)
{
  int ends[2], told[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0
      || pipe2 (told, O_CLOEXEC) != 0)
    harness_fail ("socketpair or pipe2: %s", g_strerror (errno));

  peer->pid = fork ();
  if (peer->pid < 0)
    harness_fail ("fork: %s", g_strerror (errno));
  if (peer->pid == 0)
    become_peer (serve, data, (PeerEnd){ ends[0], told[0] });

  close (ends[0]);
  close (told[0]);
  peer->socket = ends[1];
  peer->told = told[1];
}

void
peer_tell (Peer *peer, guint16 number)
{
  ck_assert_int_eq (write (peer->told, &number, sizeof number), sizeof number);
}

void
peer_finish (Peer *peer)
{
  int status = 0;

  while (waitpid (peer->pid, &status, 0) < 0 && errno == EINTR)
    continue;
  close (peer->told);
  if (status != 0)
    harness_fail ("the server's process ended with status 0x%x", status);
}

/* ---- In the server's process ---- */

void
peer_fail (const char *format, ...)
{
  g_autofree char *why = NULL;
  va_list args;

  va_start (args, format);
  why = g_strdup_vprintf (format, args);
  va_end (args);
  harness_note ("server: %s", why);
  _exit (1);
}

guint16
peer_wait_told (PeerEnd *end)
{
  guint16 number = 0;

  if (read (end->told, &number, sizeof number) != sizeof number)
    peer_fail ("the test does not say anything more");
  return number;
}

static gboolean
read_all (int socket, void *data, gsize size)
{
  for (gsize done = 0; done < size;)
    {
      gssize count = read (socket, (guint8 *) data + done, size - done);

      if (count <= 0)
        return FALSE;
      done += (gsize) count;
    }
  return TRUE;
}

void
peer_receive (PeerEnd *end, PeerMessage *message)
{
  guint8 header[PEER_HEADER_SIZE];
  guint32 size;

  if (!read_all (end->socket, header, sizeof header))
    peer_fail ("a message was expected, but the client has hung up");

  memcpy (&message->id, header, 2);
  memcpy (&message->command, header + 2, 2);
  memcpy (&size, header + 4, 4);
  memcpy (&message->flags, header + 8, 4);
  if (size < sizeof header || size - sizeof header > sizeof message->payload)
    peer_fail ("a message of %u bytes came", size);

  message->size = size - sizeof header;
  if (!read_all (end->socket, message->payload, message->size))
    peer_fail ("the client has hung up in the middle of a message");
}

void
peer_receive_rest (PeerEnd *end)
{
  guint8 rest[4096];

  while (read (end->socket, rest, sizeof rest) > 0)
    continue;
}

gboolean
peer_send (PeerEnd *end, gconstpointer bytes, gsize size)
{
  for (gsize done = 0; done < size;)
    {
      gssize count = write (end->socket, (const guint8 *) bytes + done, size - done);

      if (count < 0)
        return FALSE;
      done += (gsize) count;
    }
  return TRUE;
}

void
peer_append (GByteArray *bytes, guint16 id, guint16 command, guint32 flags, gconstpointer payload,
             gsize size)
{
  guint32 whole = (guint32) (PEER_HEADER_SIZE + size);
  guint32 error = 0;

  g_byte_array_append (bytes, (const guint8 *) &id, sizeof id);
  g_byte_array_append (bytes, (const guint8 *) &command, sizeof command);
  g_byte_array_append (bytes, (const guint8 *) &whole, sizeof whole);
  g_byte_array_append (bytes, (const guint8 *) &flags, sizeof flags);
  g_byte_array_append (bytes, (const guint8 *) &error, sizeof error);
  if (size > 0)
    g_byte_array_append (bytes, payload, (guint) size);
}

void
peer_reply (PeerEnd *end, const PeerMessage *message, gconstpointer payload, gsize size)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  peer_append (bytes, message->id, message->command, 1, payload, size);
  peer_send (end, bytes->data, bytes->len);
}
