/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Unmapping is a fence: when it has returned nobody touches the memory, although the server reads and
 * writes it without end, and a loop and callers who wait answer it.  The memory is taken away at
 * once, so that a touch ends the test; under ThreadSanitizer an access that is not ordered before
 * that is a failure, too.
 *
 * THREAD_SECONDS in the environment says how long each case lasts (1).
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vfio-user-client.h>

#include "conversation/connect.h"
#include "conversation/loop-thread.h"
#include "conversation/outcome.h"
#include "harness/harness.h"
#include "unit/peer.h"

#define BASE       G_GUINT64_CONSTANT (0x100000000)
#define SIZE       (256 * 1024)
#define PAGE       4096
#define N_CALLERS  2
#define MIN_ROUNDS 8

enum
{
  NEGOTIATE = 1,
  DMA_MAP = 2,
  DMA_UNMAP = 3,
  GET_INFO = 4,
  DMA_READ = 11,
  DMA_WRITE = 12,
  RESET = 13
};

typedef struct
{
  const char *name;
  gboolean twin;
  gboolean by_callback;
  guint32 max_count; /* of a DMA message */
} Row;

/* ---- The server, in a process of its own ---- */

#define N_KNOWN       3 /* regions that it works on: the last ones that it was told of */
#define N_OUTSTANDING 6
#define ROOM          (512 * 1024)

typedef struct
{
  int fd;
  GByteArray *in, *out;
} Channel;

typedef struct
{
  const Row *row;
  Channel main, twin;
  guint64 known[N_KNOWN];
  guint n_known;
  guint n_outstanding;
  guint64 n_commands;
} Server;

static gboolean
channel_send (Channel *channel)
{
  gssize n = send (channel->fd, channel->out->data, channel->out->len, MSG_DONTWAIT | MSG_NOSIGNAL);

  if (n > 0)
    g_byte_array_remove_range (channel->out, 0, (guint) n);
  return n > 0 || errno == EAGAIN;
}

static gboolean
channel_receive (Channel *channel)
{
  static guint8 buffer[ROOM];
  gssize n = recv (channel->fd, buffer, sizeof buffer, MSG_DONTWAIT);

  if (n > 0)
    g_byte_array_append (channel->in, buffer, (guint) n);
  return n > 0 || (n < 0 && errno == EAGAIN);
}

static void
send_version (Server *server, const PeerMessage *message)
{
  static const char
    json[] = "\0\0\0\0{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}";
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  union
  {
    struct cmsghdr header;
    char space[CMSG_SPACE (sizeof (int))];
  } control = { .header = { .cmsg_len = CMSG_LEN (sizeof (int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS } };
  struct iovec piece;
  struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1 };
  int ends[2];

  if (!server->row->twin)
    {
      peer_append (server->main.out, message->id, NEGOTIATE, 1, "\0\0\0", 4);
      return;
    }
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    peer_fail ("socketpair");
  peer_append (bytes, message->id, NEGOTIATE, 1, json, sizeof json);
  piece = (struct iovec){ bytes->data, bytes->len };
  memcpy (CMSG_DATA (&control.header), &ends[1], sizeof (int));
  header.msg_control = &control;
  header.msg_controllen = sizeof control;
  if (sendmsg (server->main.fd, &header, MSG_NOSIGNAL) != (gssize) bytes->len)
    peer_fail ("sendmsg");
  close (ends[1]);
  server->twin.fd = ends[0];
}

static void
learn (Server *server, const PeerMessage *message)
{
  memmove (server->known + 1, server->known, sizeof server->known - sizeof *server->known);
  memcpy (&server->known[0], message->payload + 16, 8);
  server->n_known = MIN (server->n_known + 1, N_KNOWN);
}

static void
handle_command (Server *server, const PeerMessage *message)
{
  const guint32 info[] = { 16, 1, 0, 0 };

  switch (message->command)
    {
    case NEGOTIATE:
      send_version (server, message);
      break;
    case GET_INFO:
      peer_append (server->main.out, message->id, GET_INFO, 1, info, sizeof info);
      break;
    case DMA_MAP:
      learn (server, message);
      G_GNUC_FALLTHROUGH;
    case DMA_UNMAP:
    case RESET:
      peer_append (server->main.out, message->id, message->command, 1, NULL, 0);
      break;
    default:
      peer_fail ("command %u came", message->command);
    }
}

/* Success, or that it is not mapped: an answer to what was asked. */
static void
handle_answer (Server *server, const PeerMessage *message)
{
  if (server->n_outstanding == 0 || (message->command != DMA_READ && message->command != DMA_WRITE))
    peer_fail ("an answer to nothing");
  if (message->flags != 1 && message->flags != 0x21)
    peer_fail ("flags 0x%x came", message->flags);
  server->n_outstanding--;
}

static void
handle (Server *server, Channel *channel)
{
  static PeerMessage message;
  gsize done = 0;

  for (;;)
    {
      const guint8 *bytes = channel->in->data + done;
      guint32 size;

      if (channel->in->len - done < PEER_HEADER_SIZE)
        break;
      memcpy (&message.id, bytes, 2);
      memcpy (&message.command, bytes + 2, 2);
      memcpy (&size, bytes + 4, 4);
      memcpy (&message.flags, bytes + 8, 4);
      if (channel->in->len - done < size)
        break;
      message.size = size - PEER_HEADER_SIZE;
      memcpy (message.payload, bytes + PEER_HEADER_SIZE, message.size);
      done += size;
      if ((message.flags & 0xf) == 0)
        handle_command (server, &message);
      else
        handle_answer (server, &message);
    }
  g_byte_array_remove_range (channel->in, 0, (guint) done);
}

/* Every other one a write, of every size; some want no answer. */
static void
append_dma (Server *server, Channel *channel)
{
  static guint8 payload[16 + SIZE];
  guint64 n = server->n_commands++;
  guint64 count = n % 5 == 0 ? server->row->max_count : 1 + n * 37 % server->row->max_count;
  guint64 address = server->known[n / 2 % server->n_known] + n * 4096 % (SIZE - count + 1);
  gboolean writes = n % 2 == 0, is_silent = n % 7 == 3;

  memcpy (payload, &address, 8);
  memcpy (payload + 8, &count, 8);
  memset (payload + 16, (int) n, writes ? count : 0);
  peer_append (channel->out, (guint16) n, writes ? DMA_WRITE : DMA_READ, is_silent ? 0x10 : 0,
               payload, 16 + (writes ? count : 0));
  server->n_outstanding += !is_silent;
}

static void
serve (PeerEnd *end, gconstpointer data)
{
  Server server = { .row = data,
                    .main = { end->socket, g_byte_array_new (), g_byte_array_new () },
                    .twin = { -1, g_byte_array_new (), g_byte_array_new () } };
  Channel *channels[] = { &server.main, &server.twin };
  gboolean up = TRUE;

  while (up)
    {
      Channel *dma = server.row->twin ? &server.twin : &server.main;
      struct pollfd fds[2];

      while (server.n_known > 0 && server.n_outstanding < N_OUTSTANDING && dma->out->len < ROOM)
        append_dma (&server, dma);
      for (guint i = 0; i < 2; i++)
        fds[i] = (struct pollfd){ channels[i]->fd,
                                  (short) (POLLIN | (channels[i]->out->len > 0 ? POLLOUT : 0)), 0 };
      poll (fds, 2, -1);
      for (guint i = 0; i < 2 && up; i++)
        {
          if (fds[i].revents & (POLLIN | POLLHUP))
            up = channel_receive (channels[i]);
          if (up && (fds[i].revents & POLLOUT))
            up = channel_send (channels[i]);
          handle (&server, channels[i]);
        }
    }
  for (guint i = 0; i < 2; i++)
    {
      g_byte_array_unref (channels[i]->in);
      g_byte_array_unref (channels[i]->out);
    }
}

/* ---- The client ---- */

typedef struct
{
  VucDevice *device;
  gint stops; /* atomic */
} Callers;

static gpointer
reset_again_and_again (gpointer data)
{
  Callers *callers = data;

  while (!g_atomic_int_get (&callers->stops))
    {
      g_autoptr (GError) error = NULL;

      if (!vuc_device_reset (callers->device, &error))
        g_error ("a reset failed: %s", error->message);
    }
  return NULL;
}

static int
on_read (guint64 iova, gpointer data, gsize count, gpointer memory)
{
  memcpy (data, (const guint8 *) memory + (iova - BASE) % SIZE, count);
  return 0;
}

static int
on_write (guint64 iova, gconstpointer data, gsize count, gpointer memory)
{
  memcpy ((guint8 *) memory + (iova - BASE) % SIZE, data, count);
  return 0;
}

static const VucDmaOps ops = { on_read, on_write };

static void
wait_until_it_is_written (VucDevice *device, guint64 iova)
{
  guint64 bitmap = 0;

  while (bitmap == 0)
    {
      ck_assert (vuc_device_dma_log_take (device, iova, SIZE, &bitmap, 1, NULL));
      g_thread_yield ();
    }
}

/* The outcome does not matter: whatever it is, the memory is left alone from then on. */
static void
unmap (VucDevice *device, guint64 iova, guint round)
{
  g_autoptr (Outcome) outcome = outcome_new ();
  g_autoptr (GError) error = NULL;
  VucOperation operation;

  switch (round % 4)
    {
    case 0:
      ck_assert (vuc_device_dma_unmap (device, iova, SIZE, &error));
      break;
    case 1:
      operation = vuc_device_dma_unmap_async (device, iova, SIZE, OUTCOME (outcome));
      outcome_wait (outcome);
      outcome_expect_success (outcome, operation);
      break;
    case 2:
      operation = vuc_device_dma_unmap_async (device, iova, SIZE, OUTCOME (outcome));
      vuc_device_cancel (device, operation);
      outcome_wait (outcome);
      break;
    default:
      operation = vuc_device_dma_unmap_async (device, iova, SIZE, NULL, NULL, NULL);
      if (!vuc_device_wait (device, operation, &error))
        harness_fail ("%s", error->message);
      break;
    }
}

static void
one_round (VucDevice *device, const Row *row, guint round)
{
  g_autoptr (GError) error = NULL;
  guint8 *memory = mmap (NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  VucDmaRegion region = { .iova = BASE + round * (guint64) SIZE,
                          .size = SIZE,
                          .flags = VUC_DMA_READ | VUC_DMA_WRITE,
                          .fd = -1 };

  ck_assert_ptr_ne (memory, MAP_FAILED);
  if (row->by_callback)
    {
      region.ops = &ops;
      region.user_data = memory;
    }
  else
    {
      region.vaddr = memory;
    }
  vuc_device_dma_map (device, &region, &error);
  assert_no_error (error);
  wait_until_it_is_written (device, region.iova);
  unmap (device, region.iova, round);
  if (round % 2 == 0)
    mprotect (memory, SIZE, PROT_NONE);
  munmap (memory, SIZE);
}

static void
memory_can_go_as_soon_as_it_is_unmapped (gconstpointer data)
{
  const Row *row = data;
  const char *seconds = g_getenv ("THREAD_SECONDS");
  g_autoptr (VucConfig) config = config_with_timeout (PATIENCE_MS);
  g_autoptr (GError) error = NULL;
  g_autoptr (VucDevice) device = NULL;
  LoopThread *loop;
  Callers callers = { 0 };
  GThread *threads[N_CALLERS];
  gint64 end;
  Peer peer;

  peer_start (&peer, serve, row);
  device = connect_with (peer.socket, config);
  ck_assert_int_eq (vuc_device_get_info (device)->twin_socket, row->twin);
  callers.device = device;
  ck_assert (vuc_device_dma_log_start (device, PAGE, NULL));
  loop = loop_thread_new ();
  ck_assert (vuc_device_attach (device, loop->context, &error));
  for (guint i = 0; i < N_CALLERS; i++)
    threads[i] = g_thread_new ("caller", reset_again_and_again, &callers);

  end = g_get_monotonic_time ()
        + (gint64) (g_ascii_strtod (seconds != NULL ? seconds : "1", NULL) * G_USEC_PER_SEC);
  for (guint round = 0; round < MIN_ROUNDS || g_get_monotonic_time () < end; round++)
    {
      harness_context ("round %u", round);
      one_round (device, row, round);
    }

  g_atomic_int_set (&callers.stops, TRUE);
  for (guint i = 0; i < N_CALLERS; i++)
    g_thread_join (threads[i]);
  vuc_device_detach (device);
  loop_thread_free (loop);
  vuc_device_close (device);
  g_clear_pointer (&device, vuc_device_unref);
  peer_finish (&peer);
}

static const Row rows[] = {
  { "on the main socket", FALSE, FALSE, 4096 },
  { "on the main socket, much at a time", FALSE, FALSE, SIZE },
  { "on the main socket, by callback", FALSE, TRUE, 16384 },
  { "on a twin socket", TRUE, FALSE, 4096 },
  { "on a twin socket, much at a time", TRUE, FALSE, SIZE },
  { "on a twin socket, by callback", TRUE, TRUE, 16384 },
};

static const HarnessCase cases[] = {
  HARNESS_ROWS (memory_can_go_as_soon_as_it_is_unmapped, rows),
  HARNESS_END,
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "fence", cases);
}
