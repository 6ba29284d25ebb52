/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The server that both clients of a comparison talk to.  It trusts its client: nothing but the
 * bench ever connects to it.  Runs in a process of its own.
 */

#include "bench/peer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#include "bench/peer-private.h"

/* The numbers of the protocol that it needs. */
enum
{
  COMMAND_VERSION = 1,
  COMMAND_DMA_MAP = 2,
  COMMAND_GET_INFO = 4,
  COMMAND_GET_REGION_INFO = 5,
  COMMAND_GET_REGION_IO_FDS = 6,
  COMMAND_GET_IRQ_INFO = 7,
  COMMAND_REGION_READ = 9,
  COMMAND_REGION_WRITE = 10,
  COMMAND_REGION_WRITE_MULTI = 15,
  HEADER_SIZE = 16,
  ACCESS_SIZE = 16,
  FLAG_NO_REPLY = 0x10
};

typedef PeerHeader Header;

G_STATIC_ASSERT (sizeof (Header) == HEADER_SIZE);

/* What was received of one connection and is not answered yet. */
typedef struct
{
  int fd;
  PeerManner manner;
  int twin; /* where DMA goes; -1: where everything goes */
  guint8 *buffer;
  gsize size;
  gsize filled;
} Connection;

static guint8 memory[PEER_REGION_SIZE];

/* The most descriptors in one reply. */
#define MAX_FDS 16

/* How often it tries to receive before it sleeps, with PEER_SPINS: for some milliseconds. */
#define SPIN_TRIES 10000

void
peer_send_all (int fd, struct iovec *iov, int n)
{
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = (gsize) n };

  for (;;)
    {
      gssize sent = sendmsg (fd, &message, MSG_NOSIGNAL);

      if (sent < 0 && errno == EINTR)
        continue;
      if (sent < 0)
        _exit (0);
      while (message.msg_iovlen > 0 && (gsize) sent >= message.msg_iov->iov_len)
        {
          sent -= (gssize) message.msg_iov->iov_len;
          message.msg_iov++;
          message.msg_iovlen--;
        }
      if (message.msg_iovlen == 0)
        return;
      message.msg_iov->iov_base = (guint8 *) message.msg_iov->iov_base + sent;
      message.msg_iov->iov_len -= (gsize) sent;
    }
}

static void
reply (int fd, const Header *command, const void *payload, gsize size, const void *data, gsize more)
{
  Header header = { .id = command->id,
                    .command = command->command,
                    .size = (guint32) (HEADER_SIZE + size + more),
                    .flags = 1 };
  struct iovec iov[] = { { &header, sizeof header },
                         { (void *) payload, size },
                         { (void *) data, more } };

  peer_send_all (fd, iov, G_N_ELEMENTS (iov));
}

void
peer_reply_with_fds (int fd,
                     const Header *command,
                     const void *payload,
                     gsize size,
                     const int *fds,
                     guint n_fds)
{
  Header header = { .id = command->id,
                    .command = command->command,
                    .size = (guint32) (HEADER_SIZE + size),
                    .flags = 1 };
  struct iovec iov[] = { { &header, sizeof header }, { (void *) payload, size } };
  union
  {
    struct cmsghdr align;
    guint8 bytes[CMSG_SPACE (MAX_FDS * sizeof (int))];
  } control = { .bytes = { 0 } };
  struct msghdr message = { .msg_iov = iov,
                            .msg_iovlen = G_N_ELEMENTS (iov),
                            .msg_control = &control,
                            .msg_controllen = CMSG_SPACE (n_fds * sizeof (int)) };
  struct cmsghdr *rights = CMSG_FIRSTHDR (&message);

  if (n_fds > MAX_FDS)
    _exit (1);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
  memcpy (CMSG_DATA (rights), fds, n_fds * sizeof (int));
  if (sendmsg (fd, &message, MSG_NOSIGNAL) != (gssize) header.size)
    _exit (1);
}

/* With the end of a twin socket that is the client's. */
static void
reply_with_twin (Connection *connection, const Header *command)
{
  static const char version[] = "\0\0\0\0{\"capabilities\":{\"max_data_xfer_size\":1048576,"
                                "\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}";
  int pair[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    _exit (1);
  peer_reply_with_fds (connection->fd, command, version, sizeof version, &pair[1], 1);
  close (pair[1]);
  connection->twin = pair[0];
}

/* DMA first, so that the client waits for the answer meanwhile. */
static void
do_dma (const Connection *connection, const guint8 *payload)
{
  PeerDmaOrder order;

  memcpy (&order, payload + ACCESS_SIZE, sizeof order);
  peer_dma_run (connection->twin >= 0 ? connection->twin : connection->fd, &order);
}

/* A row of small writes: u64 how many, then u64 offset, u32 region, u32 count, 8 bytes each. */
static void
write_multi (const Connection *connection, const Header *command, const guint8 *payload)
{
  guint64 n, offset;
  guint32 count;

  memcpy (&n, payload, sizeof n);
  for (guint64 i = 0; i < n; i++)
    {
      const guint8 *entry = payload + sizeof n + i * 24;

      memcpy (&offset, entry, sizeof offset);
      memcpy (&count, entry + 12, sizeof count);
      memcpy (memory + offset, entry + 16, count);
    }
  if ((command->flags & FLAG_NO_REPLY) == 0)
    reply (connection->fd, command, &n, sizeof n, NULL, 0);
}

static void
answer_version (Connection *connection, const Header *command)
{
  static const char plain[] = "\0\0\0\0{\"capabilities\":{\"max_data_xfer_size\":1048576}}";
  static const char multi[] = "\0\0\0\0{\"capabilities\":{\"max_data_xfer_size\":1048576,"
                              "\"write_multiple\":true}}";

  if ((connection->manner & PEER_TWIN) != 0)
    reply_with_twin (connection, command);
  else if ((connection->manner & PEER_MULTI) != 0)
    reply (connection->fd, command, multi, sizeof multi, NULL, 0);
  else
    reply (connection->fd, command, plain, sizeof plain, NULL, 0);
}

static void
answer (Connection *connection, const Header *command, const guint8 *payload)
{
  int fd = connection->fd;
  guint32 words[8] = { 0 };
  guint64 offset;

  switch (command->command)
    {
    case COMMAND_VERSION:
      answer_version (connection, command);
      break;
    case COMMAND_DMA_MAP:
      reply (fd, command, NULL, 0, NULL, 0);
      break;
    case COMMAND_GET_INFO:
      words[0] = 16;
      words[1] = 2;
      words[2] = PEER_NUM_REGIONS;
      words[3] = PEER_NUM_IRQS;
      reply (fd, command, words, 16, NULL, 0);
      break;
    case COMMAND_GET_REGION_INFO:
      if ((connection->manner & PEER_WAYS) != 0
          && peer_ways_answer_region_info (fd, command, payload))
        break;
      memcpy (words, payload, 16);
      words[0] = 32;
      words[1] = 3;
      words[4] = PEER_REGION_SIZE;
      reply (fd, command, words, 32, NULL, 0);
      break;
    case COMMAND_GET_REGION_IO_FDS:
      peer_ways_answer_io_fds (fd, command, payload);
      break;
    case COMMAND_GET_IRQ_INFO:
      memcpy (words, payload, 16);
      words[1] = 1;
      words[3] = 1;
      reply (fd, command, words, 16, NULL, 0);
      break;
    case COMMAND_REGION_READ:
      memcpy (&offset, payload, sizeof offset);
      memcpy (words, payload, ACCESS_SIZE);
      reply (fd, command, payload, ACCESS_SIZE, memory + offset, words[3]);
      break;
    case COMMAND_REGION_WRITE:
      memcpy (&offset, payload, sizeof offset);
      memcpy (words, payload, ACCESS_SIZE);
      if (words[2] == PEER_DMA_REGION)
        do_dma (connection, payload);
      else
        memcpy (memory + offset, payload + ACCESS_SIZE, words[3]);
      if ((command->flags & FLAG_NO_REPLY) == 0)
        reply (fd, command, payload, ACCESS_SIZE, NULL, 0);
      break;
    case COMMAND_REGION_WRITE_MULTI:
      write_multi (connection, command, payload);
      break;
    default:
      _exit (1);
    }
}

static gssize
receive (const Connection *connection)
{
  guint8 *place = connection->buffer + connection->filled;
  gsize size = connection->size - connection->filled;

  for (guint i = 0; (connection->manner & PEER_SPINS) != 0 && i < SPIN_TRIES; i++)
    {
      gssize count = recv (connection->fd, place, size, MSG_DONTWAIT);

      if (count >= 0 || errno != EAGAIN)
        return count;
    }
  return recv (connection->fd, place, size, 0);
}

/* One receive returns as many commands as there are.  FALSE: the client is gone. */
static gboolean
serve_once (Connection *connection)
{
  guint8 *buffer = connection->buffer;
  gssize count = receive (connection);
  gsize done = 0;
  Header header;

  if (count < 0 && errno == EINTR)
    return TRUE;
  if (count <= 0)
    return FALSE;
  connection->filled += (gsize) count;

  while (connection->filled - done >= HEADER_SIZE)
    {
      memcpy (&header, buffer + done, sizeof header);
      if (connection->filled - done < header.size)
        break;
      answer (connection, &header, buffer + done + HEADER_SIZE);
      done += header.size;
    }
  memmove (buffer, buffer + done, connection->filled - done);
  connection->filled -= done;
  return TRUE;
}

static void
serve (int fd, PeerManner manner)
{
  static guint8 buffer[256 * 1024];
  Connection connection = {
    .fd = fd, .manner = manner, .twin = -1, .buffer = buffer, .size = sizeof buffer
  };

  while (serve_once (&connection))
    ;
}

/* Many connections, each of small messages only; a client that goes is not noticed. */
static void
serve_many (const int *fds, guint n)
{
  int epoll = epoll_create1 (EPOLL_CLOEXEC);
  struct epoll_event events[64];

  for (guint i = 0; i < n; i++)
    {
      Connection *connection = g_new0 (Connection, 1);
      struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };

      connection->fd = fds[i];
      connection->twin = -1;
      connection->size = 4096;
      connection->buffer = g_malloc (connection->size);
      if (epoll_ctl (epoll, EPOLL_CTL_ADD, fds[i], &event) < 0)
        _exit (1);
    }

  for (;;)
    {
      int n_ready = epoll_wait (epoll, events, G_N_ELEMENTS (events), -1);

      for (int i = 0; i < n_ready; i++)
        {
          Connection *connection = events[i].data.ptr;

          if (!serve_once (connection))
            (void) epoll_ctl (epoll, EPOLL_CTL_DEL, connection->fd, NULL);
        }
    }
}

void
peer_pin (int cpu)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  if (cpu >= 0)
    CPU_SET (cpu, &set);
  else
    memset (&set, 0xff, sizeof set);
  if (sched_setaffinity (0, sizeof set, &set) < 0)
    g_error ("cannot run on CPU %d: %s", cpu, g_strerror (errno));
}

pid_t
peer_fork (int cpu)
{
  pid_t pid = fork ();

  if (pid < 0)
    g_error ("fork: %s", g_strerror (errno));
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (cpu >= 0)
        peer_pin (cpu);
    }
  return pid;
}

int
peer_start (int cpu, PeerManner manner, pid_t *pid)
{
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    g_error ("socketpair: %s", g_strerror (errno));
  *pid = peer_fork (cpu);
  if (*pid == 0)
    {
      close (fds[0]);
      serve (fds[1], manner);
      _exit (0);
    }
  close (fds[1]);
  return fds[0];
}

void
peer_start_many (int cpu, int *fds, guint n, pid_t *pid)
{
  g_autofree int *servers = g_new (int, n);

  for (guint i = 0; i < n; i++)
    {
      int pair[2];

      if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        g_error ("socketpair: %s", g_strerror (errno));
      fds[i] = pair[0];
      servers[i] = pair[1];
    }
  *pid = peer_fork (cpu);
  for (guint i = 0; i < n; i++)
    close (*pid == 0 ? fds[i] : servers[i]);
  if (*pid == 0)
    serve_many (servers, n);
}

void
peer_start_listening (const char *path, int cpu, pid_t *pid)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (bind (listener, (struct sockaddr *) &address, sizeof address) < 0 || listen (listener, 8) < 0)
    g_error ("listening on %s: %s", path, g_strerror (errno));

  *pid = peer_fork (cpu);
  if (*pid == 0)
    {
      for (;;)
        {
          int fd = accept (listener, NULL, NULL);

          if (fd < 0)
            _exit (1);
          serve (fd, PEER_PLAIN);
          close (fd);
        }
    }
  close (listener);
}

void
peer_stop (pid_t pid)
{
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
}
