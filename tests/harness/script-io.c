/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Moves bytes and descriptors for the steps of a script: whole messages or pieces, at once, piece
 * by piece, or held back until the client waits for them.  It knows the message header and nothing
 * behind it.  Runs in the server's process, which has one thread.
 */

#include "script-private.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS 253             /* that the kernel passes with one message */
#define MAX_MESSAGE (16u << 20) /* more than any client has a reason to send */
#define QUIET_MS 20             /* without a byte: the client may have nothing more to send */

/* What is to be sent when the client has nothing more to send. */
typedef struct
{
  ScriptManner manner;
  GBytes *bytes;
} Held;

/* ---- Waiting ---- */

gboolean
script_player_wait (int fd, guint ms)
{
  struct pollfd pollfd = { .fd = fd, .events = POLLIN };
  int result;

  do
    result = poll (&pollfd, 1, ms);
  while (result < 0 && errno == EINTR);

  return result > 0;
}

/* Whether a thread of the process that connected runs, or could if it had a processor. */
static gboolean
client_is_busy (int fd)
{
  struct ucred client = { .pid = 0 };
  socklen_t size = sizeof (client);
  g_autofree char *folder = NULL;
  g_autoptr(GDir) threads = NULL;
  gboolean busy = FALSE;
  const char *thread;

  getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &client, &size);
  folder = g_strdup_printf ("/proc/%d/task", client.pid);
  threads = g_dir_open (folder, 0, NULL);
  while (threads != NULL && !busy && (thread = g_dir_read_name (threads)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, thread, "stat", NULL);
      g_autofree char *stat = NULL;
      const char *name_end;

      if (!g_file_get_contents (path, &stat, NULL, NULL))
        continue;
      name_end = strrchr (stat, ')');
      busy = name_end != NULL && (name_end[2] == 'R' || name_end[2] == 'D');
    }

  return busy;
}

/*
 * Waits for input; first sends what was held back, once the client is certain to wait for it (or so
 * busy with something else that one cannot tell).
 */
static gboolean
wait_for_client (ScriptPlayer *player, int fd)
{
  guint waited_ms = 0;

  while (!g_queue_is_empty (player->held))
    {
      if (script_player_wait (fd, QUIET_MS))
        return TRUE;
      waited_ms += QUIET_MS;
      if (client_is_busy (fd) && waited_ms < player->server->deadline_ms)
        continue;
      if (!script_player_wait (fd, 0) && !script_player_flush (player))
        return FALSE;
    }

  return script_player_wait (fd, player->server->deadline_ms);
}

/* ---- Receiving ---- */

static void
forget_received (ScriptPlayer *player)
{
  for (guint i = 0; i < player->received->len; i++)
    close (g_array_index (player->received, int, i));
  g_array_set_size (player->received, 0);
}

/* They stay until others come. */
static void
keep_received (ScriptPlayer *player, struct msghdr *message)
{
  gboolean first = TRUE;

  for (struct cmsghdr *control = CMSG_FIRSTHDR (message); control != NULL;
       control = CMSG_NXTHDR (message, control))
    if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
      for (const guint8 *at = CMSG_DATA (control);
           at + sizeof (int) <= (const guint8 *) control + control->cmsg_len; at += sizeof (int))
        {
          int fd;

          memcpy (&fd, at, sizeof (fd));
          if (first)
            forget_received (player);
          first = FALSE;
          g_array_append_val (player->received, fd);
          player->n_fds++;
        }
}

gssize
script_player_receive (ScriptPlayer *player, gsize size)
{
  union
  {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (MAX_FDS * sizeof (int))];
  } control;
  guint8 buffer[4096];
  struct iovec vector = { .iov_base = buffer, .iov_len = MIN (size, sizeof (buffer)) };
  struct msghdr message = {
    .msg_iov = &vector, .msg_iovlen = 1,
    .msg_control = &control, .msg_controllen = sizeof (control)
  };
  int fd = script_player_get_socket (player);
  gssize n;

  if (fd < 0 || !wait_for_client (player, fd))
    return -1;
  do
    n = recvmsg (fd, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);

  /* A client that hangs up with unread data resets the connection: the same to us. */
  if (n <= 0)
    return 0;
  keep_received (player, &message);
  g_byte_array_append (player->message, buffer, n);

  return n;
}

gboolean
script_player_expect_end (ScriptPlayer *player)
{
  g_autofree char *came = NULL;
  gssize n;

  g_byte_array_set_size (player->message, 0);
  n = script_player_receive (player, G_MAXSIZE);
  if (n == 0)
    return TRUE;
  if (n < 0)
    return script_player_fail (player, "the client did not hang up within %u ms",
                               player->server->deadline_ms);
  came = hex_dump (player->message->data, player->message->len);

  return script_player_fail (player, "the client sent more\n%s", came);
}

/* After a receive that got nothing: the end (@n is 0), or no more within the deadline. */
static gboolean
complain_of_missing_rest (ScriptPlayer *player, gssize n)
{
  gboolean has_begun = player->message->len > 0;
  g_autofree char *came = hex_dump (player->message->data, player->message->len);

  if (n == 0)
    return script_player_hung_up (player, has_begun ? "inside a message" : "instead of a message");

  return script_player_fail (player, "%s came within %u ms\n%s",
                             has_begun ? "half a message" : "nothing",
                             player->server->deadline_ms, came);
}

gboolean
script_player_read_message (ScriptPlayer *player, ScriptHeader *header)
{
  gsize whole = sizeof (*header);

  g_byte_array_set_size (player->message, 0);
  player->n_fds = 0;
  while (player->message->len < whole)
    {
      gssize n = script_player_receive (player, whole - player->message->len);

      if (n <= 0)
        return complain_of_missing_rest (player, n);
      if (player->message->len != sizeof (*header))
        continue;
      memcpy (header, player->message->data, sizeof (*header));
      if (header->size < sizeof (*header) || header->size > MAX_MESSAGE)
        return script_player_fail (player, "a header with a message size of %u came", header->size);
      whole = header->size;
    }

  if ((header->flags & SCRIPT_TYPE_MASK) != SCRIPT_REPLY)
    script_player_remember (player, header->id, header->command);

  return TRUE;
}

/* ---- Sending ---- */

/* What is needed to use a descriptor that was sent stays open until this process ends. */
static gsize
make_fds (ScriptPlayer *player, const ScriptFd *list, int *fds)
{
  gsize n_fds = 0;

  for (const ScriptFd *fd = list; fd != NULL && fd->kind != SCRIPT_FD_END; fd++)
    {
      int other_end;

      g_assert (n_fds < MAX_FDS);
      fds[n_fds++] = script_fd_make (fd, &other_end);
      if (fd->kind == SCRIPT_FD_SOCKET)
        player->socket = other_end;
    }

  return n_fds;
}

/* One sendmsg, as long as the kernel takes all of it. */
static gboolean
send_piece (ScriptPlayer *player, int fd, const guint8 *data, gsize size,
            const int *fds, gsize n_fds)
{
  union
  {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (MAX_FDS * sizeof (int))];
  } control = { 0 };
  struct iovec vector = { .iov_base = (guint8 *) data, .iov_len = size };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

  if (n_fds > 0)
    {
      struct cmsghdr *header = &control.align;

      message.msg_control = &control;
      message.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
      memcpy (CMSG_DATA (header), fds, n_fds * sizeof (int));
    }

  while (vector.iov_len > 0)
    {
      gssize n = sendmsg (fd, &message, MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EAGAIN)
        return script_player_fail (player, "the client did not read for %u ms",
                                   player->server->deadline_ms);
      if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
        return script_player_hung_up (player, "before this was sent");
      if (n < 0)
        return script_player_fail (player, "sendmsg: %s", g_strerror (errno));
      vector.iov_base = (guint8 *) vector.iov_base + n;
      vector.iov_len -= n;
      message.msg_control = NULL;
      message.msg_controllen = 0;
    }

  return TRUE;
}

/* Until nothing of what was sent waits to be read: only then is the next piece one of its own. */
static gboolean
wait_until_read (ScriptPlayer *player, int fd)
{
  gint64 end = g_get_monotonic_time () + player->server->deadline_ms * 1000;
  int unread;

  while (ioctl (fd, SIOCOUTQ, &unread) == 0 && unread > 0)
    {
      if (g_get_monotonic_time () > end)
        return script_player_fail (player, "the client did not read a piece for %u ms",
                                   player->server->deadline_ms);
      g_usleep (100);
    }

  return TRUE;
}

gboolean
script_player_wait_for_sign (ScriptPlayer *player)
{
  const int sign = player->server->sign;
  eventfd_t count;

  if (!script_player_wait (sign, player->server->deadline_ms) || eventfd_read (sign, &count) != 0)
    return script_player_fail (player, "the test gave no sign");

  return TRUE;
}

/* For when the piece that begins at @at may go. */
static gboolean
wait_for_piece (ScriptPlayer *player, const ScriptManner *manner, int fd, gsize at)
{
  if (manner->held_back && at == manner->first_piece)
    return script_player_wait_for_sign (player);

  return at == 0 || wait_until_read (player, fd);
}

static gboolean
send_now (ScriptPlayer *player, const ScriptManner *manner, const guint8 *data, gsize size)
{
  int socket_fd = script_player_get_socket (player);
  struct timeval timeout = {
    .tv_sec = player->server->deadline_ms / 1000,
    .tv_usec = player->server->deadline_ms % 1000 * 1000
  };
  int fds[MAX_FDS];
  gsize n_fds = 0;
  gboolean sent = socket_fd >= 0;
  gsize at = 0;
  gsize piece = manner->first_piece > 0 ? manner->first_piece : size;

  if (!sent)
    return FALSE;
  setsockopt (socket_fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof (timeout));
  n_fds = make_fds (player, manner->fds, fds);

  while (sent && at < size)
    {
      piece = MIN (piece, size - at);
      sent = wait_for_piece (player, manner, socket_fd, at)
             && send_piece (player, socket_fd, data + at, piece, fds, at == 0 ? n_fds : 0);
      at += piece;
      piece = manner->other_pieces > 0 ? manner->other_pieces : size;
    }
  for (gsize i = 0; i < n_fds; i++)
    close (fds[i]);

  return sent;
}

static gboolean
send_or_hold (ScriptPlayer *player, const ScriptManner *manner, gconstpointer data, gsize size)
{
  Held *held;

  if (!player->counts_round_trips)
    return send_now (player, manner, data, size);

  held = g_new (Held, 1);
  held->manner = *manner;
  held->bytes = g_bytes_new (data, size);
  g_queue_push_tail (player->held, held);

  return TRUE;
}

gboolean
script_player_flush (ScriptPlayer *player)
{
  gboolean sent = TRUE;

  if (!g_queue_is_empty (player->held))
    player->server->verdict->round_trips++;
  while (sent && !g_queue_is_empty (player->held))
    {
      Held *held = g_queue_pop_head (player->held);
      gsize size;
      const guint8 *data = g_bytes_get_data (held->bytes, &size);

      sent = send_now (player, &held->manner, data, size);
      g_bytes_unref (held->bytes);
      g_free (held);
    }

  return sent;
}

gboolean
script_player_send_text (ScriptPlayer *player, const ScriptManner *manner, const HexPattern *text)
{
  g_autofree guint8 *data = g_malloc (text->bytes->len + 1);

  if (text->bytes->len > 0) /* else there is nothing to point to */
    memcpy (data, text->bytes->data, text->bytes->len);
  for (guint i = 0; i < text->ids->len; i++)
    {
      const HexId *id = &g_array_index (text->ids, HexId, i);
      const ScriptCommand *command = script_player_get_command (player, id->back);

      if (command == NULL)
        return FALSE;
      memcpy (data + id->offset, &command->id, sizeof (command->id));
    }

  return send_or_hold (player, manner, data, text->bytes->len);
}

gboolean
script_player_reply (ScriptPlayer *player, const ScriptManner *manner, const ScriptCommand *command,
                     gconstpointer payload, gsize size)
{
  ScriptHeader header = {
    .id = command->id,
    .command = command->command,
    .size = sizeof (header) + size,
    .flags = SCRIPT_REPLY
  };
  g_autoptr(GByteArray) message = g_byte_array_new ();

  g_byte_array_append (message, (const guint8 *) &header, sizeof (header));
  if (size > 0)
    g_byte_array_append (message, payload, size);

  return send_or_hold (player, manner, message->data, message->len);
}

gboolean
script_player_reply_error (ScriptPlayer *player, const ScriptManner *manner,
                           const ScriptCommand *command, guint32 error)
{
  ScriptHeader header = {
    .id = command->id,
    .command = command->command,
    .size = sizeof (header),
    .flags = SCRIPT_REPLY | SCRIPT_ERROR,
    .error = error
  };

  return send_or_hold (player, manner, &header, sizeof (header));
}
