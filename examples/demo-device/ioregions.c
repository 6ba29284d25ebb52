/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Serves ioregionfds. Each socket has one command executed at a time, and is not read before the
 * response to that is on its way; so a client that does not read stalls itself only, and nothing
 * blocks.
 *
 * Does not know registers, nor the messages that can reach the same memory. What is no command (see
 * is_well_formed) closes the socket, until the client has left.
 */

#include "ioregions.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "die.h"
#include "protocol.h"

/* So that a client that sends without a pause cannot keep us from all else. */
#define COMMANDS_PER_WAKEUP 64

#define DMA_SIZE 8

typedef enum
{
  SOCKET_A_AND_B,
  SOCKET_C,
  N_SOCKETS,
} Socket;

static const struct
{
  guint64 offset; /* in BAR0 */
  guint64 user_data;
  guint32 flags;
  Socket socket;
} sub_regions[] = {
  { IOREGION_A, IOREGION_A_USER_DATA, 0, SOCKET_A_AND_B },
  { IOREGION_B, IOREGION_B_USER_DATA, 0, SOCKET_A_AND_B },
  { IOREGION_C, IOREGION_C_USER_DATA, IO_FD_FLAG_POSTED_WRITES, SOCKET_C },
};

typedef struct
{
  Ioregions *ioregions;
  Socket which;
  int ours; /* -1: closed */
  int clients;
  guint watch; /* 0: not polled */
  GIOCondition watched;

  IoregionCommand command; /* being received */
  gsize received;
  IoregionResponse response; /* being sent */
  gsize left_to_send;
  gboolean reads_client; /* the response has to wait for that */
} Channel;

struct _Ioregions
{
  Channel channels[N_SOCKETS];
  guint8 *memory;
  const guint8 *ping_address;
  ServerCommands *commands;
  IoregionCounts counts;

  GArray *io_fds; /* of the region, or NULL */
  guint first;    /* ours there */
};

static gboolean on_ready (int fd, GIOCondition condition, gpointer user_data);

/* CONDITION 0: do not poll at all. */
static void
watch (Channel *channel, GIOCondition condition)
{
  if (condition == channel->watched)
    return;
  if (channel->watch != 0)
    g_source_remove (channel->watch);
  channel->watched = condition;
  channel->watch = condition == 0 ? 0 : g_unix_fd_add (channel->ours, condition, on_ready, channel);
}

static void
hang_up (Channel *channel)
{
  watch (channel, 0);
  if (channel->ours >= 0)
    close (channel->ours);
  channel->ours = -1;
}

static void
open_channel (Channel *channel)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    die ("cannot make a socket pair");
  channel->ours = ends[0];
  channel->clients = ends[1];
  channel->received = channel->left_to_send = 0;
  channel->reads_client = FALSE;
  watch (channel, G_IO_IN);
}

static void
close_channel (Channel *channel)
{
  hang_up (channel);
  close (channel->clients);
}

/* --- Executing --- */

/* Returns -1 if there is no such sub-region behind the socket. */
static int
find_sub_region (const Channel *channel, guint64 user_data)
{
  for (guint i = 0; i < G_N_ELEMENTS (sub_regions); i++)
    if (sub_regions[i].socket == channel->which && sub_regions[i].user_data == user_data)
      return i;
  return -1;
}

static gsize
get_size (const IoregionCommand *command)
{
  return (gsize) 1 << (command->info & IOREGION_SIZE_MASK);
}

static gboolean
is_well_formed (const Channel *channel)
{
  static const guint8 zeros[sizeof (channel->command.padding)] = { 0 };
  const IoregionCommand *command = &channel->command;

  return (command->command == IOREGION_READ || command->command == IOREGION_WRITE)
         && (command->info & ~(IOREGION_SIZE_MASK | IOREGION_WANTS_RESPONSE)) == 0
         && (command->info & IOREGION_SIZE_MASK) <= IOREGION_MAX_SIZE_EXPONENT
         && memcmp (command->padding, zeros, sizeof (zeros)) == 0
         && find_sub_region (channel, command->user_data) >= 0
         && command->offset <= IOREGION_SIZE - get_size (command);
}

static void
respond (Channel *channel, guint64 data)
{
  channel->response = (IoregionResponse){ .data = data };
  channel->left_to_send = sizeof (channel->response);
}

/* The client's memory is there, or will never be. */
static void
on_client_read (int error, const guint8 *data, gpointer user_data)
{
  Channel *channel = user_data;
  guint64 inside = channel->command.offset - IOREGION_A_DMA;
  guint64 value = G_MAXUINT64;

  if (!channel->reads_client) /* the client has left */
    return;
  channel->reads_client = FALSE;
  if (error == 0)
    {
      value = 0;
      memcpy (&value, data + inside, get_size (&channel->command));
      value = GUINT64_FROM_LE (value);
    }
  respond (channel, value);
  if (channel->ours >= 0)
    watch (channel, G_IO_IN | G_IO_OUT);
}

static gboolean
needs_client (const Channel *channel)
{
  return channel->command.user_data == IOREGION_A_USER_DATA
         && channel->command.offset >= IOREGION_A_DMA;
}

static void
read_client (Channel *channel)
{
  Ioregions *ioregions = channel->ioregions;
  guint64 address;
  int error;

  memcpy (&address, ioregions->ping_address, sizeof (address));
  channel->reads_client = TRUE;
  error = server_commands_dma_read (ioregions->commands, GUINT64_FROM_LE (address), DMA_SIZE,
                                    on_client_read, channel);
  if (error != 0)
    on_client_read (error, NULL, channel);
}

static void
execute (Channel *channel)
{
  Ioregions *ioregions = channel->ioregions;
  const IoregionCommand *command = &channel->command;
  guint64 base = sub_regions[find_sub_region (channel, command->user_data)].offset;
  guint8 *place = ioregions->memory + (base - IOREGIONS_BASE) + command->offset;
  guint64 value = 0;

  if (command->command == IOREGION_WRITE)
    {
      value = GUINT64_TO_LE (command->data);
      memcpy (place, &value, get_size (command));
      ioregions->counts.n_writes++;
      if (command->info & IOREGION_WANTS_RESPONSE)
        respond (channel, 0);
      return;
    }

  ioregions->counts.n_reads++;
  if (needs_client (channel))
    {
      read_client (channel);
      return;
    }
  memcpy (&value, place, get_size (command));
  respond (channel, GUINT64_FROM_LE (value));
}

/* --- The socket --- */

/* Returns what remains to be polled for, or 0 if all is done. */
static GIOCondition
flush (Channel *channel)
{
  while (channel->left_to_send > 0)
    {
      gsize sent = sizeof (channel->response) - channel->left_to_send;
      gssize size = send (channel->ours, (const guint8 *) &channel->response + sent,
                          channel->left_to_send, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (size < 0 && errno == EAGAIN)
        return G_IO_OUT;
      if (size < 0 && errno != EINTR)
        {
          hang_up (channel);
          return 0;
        }
      if (size > 0)
        channel->left_to_send -= size;
    }
  return 0;
}

/* Returns whether a command is complete; if not, *WAIT_FOR is what to poll for. */
static gboolean
receive (Channel *channel, GIOCondition *wait_for)
{
  *wait_for = 0;
  while (channel->received < sizeof (channel->command))
    {
      gssize size = recv (channel->ours, (guint8 *) &channel->command + channel->received,
                          sizeof (channel->command) - channel->received, MSG_DONTWAIT);

      if (size < 0 && errno == EAGAIN)
        {
          *wait_for = G_IO_IN;
          return FALSE;
        }
      if (size == 0 || (size < 0 && errno != EINTR))
        {
          hang_up (channel);
          return FALSE;
        }
      if (size > 0)
        channel->received += size;
    }
  channel->received = 0;
  return TRUE;
}

/* Returns what to poll for; 0: nothing. */
static GIOCondition
serve (Channel *channel, guint max_commands)
{
  for (guint n = 0; channel->ours >= 0 && !channel->reads_client; n++)
    {
      GIOCondition wait_for = flush (channel);

      if (wait_for != 0 || channel->ours < 0)
        return wait_for;
      if (n == max_commands)
        return G_IO_IN;
      if (!receive (channel, &wait_for))
        return wait_for;
      if (is_well_formed (channel))
        execute (channel);
      else
        hang_up (channel);
    }
  return 0;
}

static void
serve_and_watch (Channel *channel)
{
  GIOCondition wait_for = serve (channel, COMMANDS_PER_WAKEUP);

  /* Reading the client's memory may have come to its end, or to nothing, in the middle. */
  if (channel->ours >= 0)
    watch (channel, wait_for);
}

static gboolean
on_ready (int fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
  serve_and_watch (user_data);
  return G_SOURCE_CONTINUE; /* it may be another source by now, then this one has gone */
}

/* --- For the region --- */

void
ioregions_poll (Ioregions *ioregions)
{
  for (Socket i = 0; i < N_SOCKETS; i++)
    if (ioregions->channels[i].ours >= 0)
      serve_and_watch (&ioregions->channels[i]);
}

IoregionCounts
ioregions_get_counts (const Ioregions *ioregions)
{
  return ioregions->counts;
}

void
ioregions_reset_counts (Ioregions *ioregions)
{
  ioregions->counts = (IoregionCounts){ 0 };
}

static void
fill_in_descriptors (Ioregions *ioregions)
{
  for (guint i = 0; ioregions->io_fds != NULL && i < G_N_ELEMENTS (sub_regions); i++)
    g_array_index (ioregions->io_fds, IoFd, ioregions->first + i)
      .fd = ioregions->channels[sub_regions[i].socket].clients;
}

void
ioregions_list (Ioregions *ioregions, GArray *io_fds)
{
  ioregions->io_fds = io_fds;
  ioregions->first = io_fds->len;
  for (guint i = 0; i < G_N_ELEMENTS (sub_regions); i++)
    {
      const IoFd io_fd = {
        .offset = sub_regions[i].offset,
        .size = IOREGION_SIZE,
        .type = IO_FD_TYPE_IOREGIONFD,
        .flags = sub_regions[i].flags,
        .user_data = sub_regions[i].user_data,
      };

      g_array_append_val (io_fds, io_fd);
    }
  fill_in_descriptors (ioregions);
}

void
ioregions_client_left (Ioregions *ioregions)
{
  for (Socket i = 0; i < N_SOCKETS; i++)
    {
      close_channel (&ioregions->channels[i]);
      open_channel (&ioregions->channels[i]);
    }
  fill_in_descriptors (ioregions);
}

Ioregions *
ioregions_new (guint8 *memory, const guint8 *ping_address, ServerCommands *commands)
{
  Ioregions *ioregions = g_new0 (Ioregions, 1);

  ioregions->memory = memory;
  ioregions->ping_address = ping_address;
  ioregions->commands = commands;
  for (Socket i = 0; i < N_SOCKETS; i++)
    {
      ioregions->channels[i].ioregions = ioregions;
      ioregions->channels[i].which = i;
      open_channel (&ioregions->channels[i]);
    }
  return ioregions;
}

/* Nothing is in flight: the client has left. */
void
ioregions_free (Ioregions *ioregions)
{
  for (Socket i = 0; i < N_SOCKETS; i++)
    close_channel (&ioregions->channels[i]);
  g_free (ioregions);
}
