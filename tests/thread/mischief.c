/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A correct server with bad manners.  It shares no code with the library, and knows nothing of who
 * its client is.  A process of its own, with one thread.
 *
 * Commands are executed in the order in which they come.  Replies go in that order as well, but
 * those that are made late: others overtake them.
 */

#include "thread/mischief.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/harness.h"

#define MEMORY_REGION 2
#define MEMORY_SIZE 65536
#define CONFIG_REGION 7
#define CONFIG_SIZE 256
#define N_REGIONS 9
#define N_IRQS 5

#define REPLY 1u
#define TYPE_MASK 0xfu
#define ERROR 0x20u

#define MAX_UNANSWERED 8             /* commands of ours */
#define PATIENCE_US 15000000      /* for their answers */
#define ENOUGH_OUT (1024 * 1024) /* more than that unsent: as others do, we do not read then */
#define MAX_LATE_US 60000

typedef struct
{
  guint16 id;
  guint16 command;
  guint32 size; /* of the whole message */
  guint32 flags;
  guint32 error;
} Header;

G_STATIC_ASSERT (sizeof (Header) == 16);

typedef struct
{
  guint64 offset;
  guint32 region;
  guint32 count;
} Access;

/* A socket, and what was received and not understood yet, or is to be sent. */
typedef struct
{
  int fd; /* -1: none */
  GByteArray *in;
  GByteArray *out;
} Pipe;

typedef struct
{
  gint64 due;
  GByteArray *bytes;
} Late;

typedef struct
{
  guint16 id;
  gint64 when;
} Asked;

typedef struct
{
  Pipe main, twin;
  GQueue late;   /* of Late, in no order */
  GArray *asked; /* of Asked, oldest first */
  guint16 next_id;
  gboolean settled;    /* all information was read */
  guint messages_left; /* then it hangs up; 0: never */
  gboolean gone;
} Client;

static guint8 memory[MEMORY_SIZE];
static guint8 config[CONFIG_SIZE];
static guint mischief;
static const gint *calm;
static GRand *rand_source;

static gboolean
is_one_in (guint n)
{
  return g_rand_int_range (rand_source, 0, (gint32) n) == 0;
}

static void G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN complain (const char *format, ...)
{
  g_autofree char *why = NULL;
  va_list args;

  va_start (args, format);
  why = g_strdup_vprintf (format, args);
  va_end (args);
  harness_note ("server: %s", why);
  _exit (1);
}

/* ---- What is said ---- */

static GByteArray *
new_message (guint16 id,
             guint16 command,
             guint32 flags,
             guint32 error,
             gconstpointer payload,
             gsize size)
{
  const Header header = { id, command, (guint32) (sizeof (Header) + size), flags, error };
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *) &header, sizeof header);
  if (size > 0)
    g_byte_array_append (bytes, payload, (guint) size);
  return bytes;
}

static void
queue_message (Pipe *pipe, GByteArray *message)
{
  g_byte_array_append (pipe->out, message->data, message->len);
  g_byte_array_unref (message);
}

/* A command that no client of ours can obey: nothing was ever mapped. */
static void
ask_something (Client *client)
{
  static const guint16 commands[] = { 11, 11, 12, 200 };
  const guint16 command = commands[g_rand_int_range (rand_source, 0, G_N_ELEMENTS (commands))];
  const guint64 payload[3] = { (guint64) g_rand_int (rand_source) << 12, 8, 0 };
  const Asked asked = { client->next_id++, g_get_monotonic_time () };
  Pipe *pipe = client->twin.fd >= 0 ? &client->twin : &client->main;

  queue_message (pipe, new_message (asked.id, command, 0, 0, payload, command == 11 ? 16 : 24));
  g_array_append_val (client->asked, asked);
}

static void
reply (Client *client, const Header *header, guint32 error, gconstpointer payload, gsize size)
{
  GByteArray *message = new_message (header->id, header->command,
                                     error != 0 ? REPLY | ERROR : REPLY, error, payload, size);

  while ((mischief & MISCHIEF_COMMANDS) && client->settled && client->asked->len < MAX_UNANSWERED
         && is_one_in (3))
    ask_something (client);

  if ((mischief & MISCHIEF_LATE) && client->settled && is_one_in (8))
    {
      Late *late = g_new (Late, 1);

      late->due = g_get_monotonic_time () + g_rand_int_range (rand_source, 0, MAX_LATE_US);
      late->bytes = message;
      g_queue_push_tail (&client->late, late);
    }
  else
    queue_message (&client->main, message);
}

static void
send_what_is_due (Client *client)
{
  const gint64 now = g_get_monotonic_time ();

  for (GList *link = client->late.head, *next; link != NULL; link = next)
    {
      Late *late = link->data;

      next = link->next;
      if (late->due > now)
        continue;
      queue_message (&client->main, late->bytes);
      g_queue_delete_link (&client->late, link);
      g_free (late);
    }
}

/* ---- Commands ---- */

/* The first byte goes with the descriptor, the rest as usual. */
static void
reply_with_twin (Client *client, const Header *header, GByteArray *payload)
{
  g_autoptr(GByteArray)
    message = new_message (header->id, header->command, REPLY, 0, payload->data, payload->len);
  struct iovec vector = { message->data, 1 };
  union
  {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { .bytes = { 0 } };
  struct msghdr envelope = {
    .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  struct cmsghdr *rights = CMSG_FIRSTHDR (&envelope);
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    complain ("socketpair: %s", g_strerror (errno));
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (rights), &ends[1], sizeof (int));
  client->gone |= sendmsg (client->main.fd, &envelope, MSG_NOSIGNAL) != 1;
  close (ends[1]);
  client->twin.fd = ends[0];
  g_byte_array_append (client->main.out, message->data + 1, message->len - 1);
}

static void
answer_version (Client *client, const Header *header, const guint8 *payload, gsize size)
{
  static const char
    plain[] = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}";
  static const char twin[] = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,"
                             "\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}";
  const gboolean offered = memmem (payload, size, "twin_socket", strlen ("twin_socket")) != NULL;
  g_autoptr(GByteArray) answer = g_byte_array_new ();
  const guint16 version[2] = { 0, 0 };

  g_byte_array_append (answer, (const guint8 *) version, sizeof version);
  if (offered)
    {
      g_byte_array_append (answer, (const guint8 *) twin, sizeof twin);
      reply_with_twin (client, header, answer);
      return;
    }
  g_byte_array_append (answer, (const guint8 *) plain, sizeof plain);
  reply (client, header, 0, answer->data, answer->len);
}

static void
answer_query (Client *client, const Header *header, const guint8 *payload, gsize size)
{
  guint32 words[8] = { 0 };

  memcpy (words, payload, MIN (size, sizeof words));
  if (header->command == 4)
    reply (client, header, 0, (guint32[4]){ 16, 3, N_REGIONS, N_IRQS }, 16);
  else if (header->command == 5)
    {
      const guint64 region_size = words[2] == MEMORY_REGION   ? MEMORY_SIZE
                                  : words[2] == CONFIG_REGION ? CONFIG_SIZE
                                                              : 0;

      words[0] = 32;
      words[1] = region_size > 0 ? 3 : 0;
      memcpy (&words[4], &region_size, sizeof region_size);
      reply (client, header, 0, words, 32);
    }
  else
    {
      words[0] = 16;
      words[1] = words[3] = 0;
      reply (client, header, 0, words, 16);
    }
}

static void
answer_access (Client *client, const Header *header, const guint8 *payload, gsize size)
{
  const gboolean is_write = header->command == 10;
  g_autofree guint8 *answer = NULL;
  guint8 *region;
  gsize region_size;
  Access access;

  if (size < sizeof access)
    complain ("an access of %zu bytes", size);
  memcpy (&access, payload, sizeof access);
  region = access.region == MEMORY_REGION ? memory : config;
  region_size = access.region == MEMORY_REGION ? MEMORY_SIZE : CONFIG_SIZE;
  if ((access.region != MEMORY_REGION && access.region != CONFIG_REGION)
      || access.offset > region_size || access.count > region_size - access.offset
      || size != sizeof access + (is_write ? access.count : 0))
    complain ("an access to region %u, 0x%" G_GINT64_MODIFIER "x + %u, in %zu bytes", access.region,
              access.offset, access.count, size);

  client->settled = TRUE;
  if (is_write)
    {
      memcpy (region + access.offset, payload + sizeof access, access.count);
      reply (client, header, 0, &access, sizeof access);
      return;
    }
  answer = g_malloc (sizeof access + access.count);
  memcpy (answer, &access, sizeof access);
  memcpy (answer + sizeof access, region + access.offset, access.count);
  reply (client, header, 0, answer, sizeof access + access.count);
}

static void
execute (Client *client, const Header *header, const guint8 *payload, gsize size)
{
  switch (header->command)
    {
    case 1:
      answer_version (client, header, payload, size);
      break;
    case 4:
    case 5:
    case 6:
    case 7:
      answer_query (client, header, payload, size);
      break;
    case 9:
    case 10:
      answer_access (client, header, payload, size);
      break;
    case 13:
      client->settled = TRUE;
      memset (memory, 0, sizeof memory);
      reply (client, header, 0, NULL, 0);
      break;
    default:
      reply (client, header, ENOTSUP, NULL, 0);
    }
}

/* ---- What is heard ---- */

static void
take_answer (Client *client, const Header *header)
{
  for (guint i = 0; i < client->asked->len; i++)
    if (g_array_index (client->asked, Asked, i).id == header->id)
      {
        if ((header->flags & ERROR) == 0
            || (header->error != ENOTSUP && header->error != EFAULT && header->error != EINVAL))
          complain ("the answer to command %u has flags 0x%x and error %u", header->command,
                    header->flags, header->error);
        g_array_remove_index (client->asked, i);
        return;
      }
  complain ("an answer to what was not asked: id %u, command %u", header->id, header->command);
}

static void
take_messages (Client *client, Pipe *pipe)
{
  Header header;

  while (!client->gone && pipe->in->len >= sizeof header)
    {
      memcpy (&header, pipe->in->data, sizeof header);
      if (header.size < sizeof header)
        complain ("a message of %u bytes", header.size);
      if (pipe->in->len < header.size)
        return;
      if ((header.flags & TYPE_MASK) == REPLY)
        take_answer (client, &header);
      else if (pipe == &client->twin)
        complain ("command %u came on the twin socket", header.command);
      else
        execute (client, &header, pipe->in->data + sizeof header, header.size - sizeof header);
      g_byte_array_remove_range (pipe->in, 0, header.size);
      if (client->messages_left > 0 && --client->messages_left == 0)
        client->gone = g_atomic_int_get (calm) == 0;
    }
}

static gsize
choose_piece (gsize size)
{
  if (!(mischief & MISCHIEF_SPLIT) || is_one_in (4))
    return size;
  return (gsize) g_rand_int_range (rand_source, 1, (gint32) MIN (size, 64) + 1);
}

static void
hear (Client *client, Pipe *pipe)
{
  guint8 bytes[65536];
  gssize count = read (pipe->fd, bytes, choose_piece (sizeof bytes));

  if (count > 0)
    {
      g_byte_array_append (pipe->in, bytes, (guint) count);
      take_messages (client, pipe);
    }
  else if (count == 0 || (errno != EAGAIN && errno != EINTR))
    client->gone = TRUE;
}

static void
say (Client *client, Pipe *pipe)
{
  gssize count;

  if (pipe->fd < 0 || pipe->out->len == 0 || client->gone)
    return;
  count = send (pipe->fd, pipe->out->data, choose_piece (pipe->out->len),
                MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count > 0)
    g_byte_array_remove_range (pipe->out, 0, (guint) count);
  else if (errno != EAGAIN && errno != EINTR)
    client->gone = TRUE;
}

/* ---- One client after the other ---- */

static short
wanted (const Pipe *pipe)
{
  return (short) ((pipe->out->len < ENOUGH_OUT ? POLLIN : 0) | (pipe->out->len > 0 ? POLLOUT : 0));
}

static void
serve (Client *client)
{
  while (!client->gone)
    {
      struct pollfd fds[2] = {
        { client->main.fd, wanted (&client->main), 0 },
        { client->twin.fd, wanted (&client->twin), 0 },
      };

      if (poll (fds, 2, client->late.length > 0 ? 1 : 1000) < 0 && errno != EINTR)
        complain ("poll: %s", g_strerror (errno));
      if (fds[0].revents & ~POLLOUT)
        hear (client, &client->main);
      if (!client->gone && fds[1].revents & ~POLLOUT)
        hear (client, &client->twin);
      send_what_is_due (client);
      say (client, &client->main);
      say (client, &client->twin);

      if (client->asked->len > 0
          && g_get_monotonic_time () - g_array_index (client->asked, Asked, 0).when > PATIENCE_US)
        complain ("a command was not answered");
    }
}

static void
late_free (gpointer data)
{
  Late *late = data;

  g_byte_array_unref (late->bytes);
  g_free (late);
}

static void
pipe_clear (Pipe *pipe)
{
  if (pipe->fd >= 0)
    close (pipe->fd);
  g_byte_array_unref (pipe->in);
  g_byte_array_unref (pipe->out);
}

static void
serve_client (int fd)
{
  Client client = {
    .main = { fd, g_byte_array_new (), g_byte_array_new () },
    .twin = { -1, g_byte_array_new (), g_byte_array_new () },
    .asked = g_array_new (FALSE, FALSE, sizeof (Asked)),
    .next_id = (guint16) g_rand_int (rand_source),
  };

  if (mischief & MISCHIEF_HANG_UP)
    client.messages_left = (guint) g_rand_int_range (rand_source, 1, is_one_in (4) ? 20 : 2000);
  serve (&client);

  g_queue_foreach (&client.late, (GFunc) (void (*) (void)) late_free, NULL);
  g_queue_clear (&client.late);
  g_array_unref (client.asked);
  pipe_clear (&client.main);
  pipe_clear (&client.twin);
}

static void
end_process (int number G_GNUC_UNUSED)
{
  _exit (0);
}

void
mischief_serve (const char *path, guint which, guint64 seed, const gint *calm_flag)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  signal (SIGTERM, end_process);
  mischief = which;
  calm = calm_flag;
  rand_source = g_rand_new_with_seed ((guint32) (seed ^ seed >> 32));
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (bind (listener, (struct sockaddr *) &address, sizeof address) != 0
      || listen (listener, 1) != 0)
    complain ("cannot listen on %s: %s", path, g_strerror (errno));

  for (;;)
    {
      int fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

      if (fd >= 0)
        serve_client (fd);
    }
}
