/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Regions that there are other ways to than messages: a file to be mapped, ioeventfds that nobody
 * looks at, and an ioregionfd, which a process of its own serves.  In the peer's process, and in
 * that one.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/peer-private.h"

/* Entries share them. */
#define N_EVENTFDS 16

typedef struct
{
  guint32 argsz;
  guint32 flags;
  guint32 index;
  guint32 cap_offset;
  guint64 size;
  guint64 offset;
} RegionInfo;

typedef struct
{
  guint32 argsz;
  guint32 flags;
  guint32 index;
  guint32 count;
} IoFds;

typedef struct
{
  guint64 offset;
  guint64 size;
  guint32 fd_index;
  guint32 type; /* 0: ioeventfd; 1: ioregionfd */
  guint32 flags;
  guint32 padding;
  guint64 datamatch;
} IoFd;

typedef struct
{
  guint8 cmd; /* 0: read; 1: write */
  guint8 how; /* bit 4: a response is wanted */
  guint8 padding[6];
  guint64 user_data;
  guint64 offset;
  guint64 data;
} RegionCommand;

typedef struct
{
  guint64 data;
  guint8 padding[24];
} RegionResponse;

G_STATIC_ASSERT (sizeof (RegionInfo) == 32);
G_STATIC_ASSERT (sizeof (IoFd) == 40);
G_STATIC_ASSERT (sizeof (RegionCommand) == 32);
G_STATIC_ASSERT (sizeof (RegionResponse) == 32);

static int
make_file (void)
{
  int fd = memfd_create ("bench-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 || ftruncate (fd, PEER_WAYS_SIZE) < 0
      || fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
    _exit (1);
  return fd;
}

gboolean
peer_ways_answer_region_info (int fd, const PeerHeader *command, const guint8 *payload)
{
  RegionInfo info;
  int file;

  memcpy (&info, payload, sizeof info);
  if (info.index != PEER_MAPPED_REGION)
    return FALSE;
  info = (RegionInfo){
    .argsz = sizeof info, .flags = 7, .index = info.index, .size = PEER_WAYS_SIZE
  };
  file = make_file ();
  peer_reply_with_fds (fd, command, &info, sizeof info, &file, 1);
  close (file);
  return TRUE;
}

/* --- IO descriptors --- */

static void
answer_kicks (int fd, const PeerHeader *command, const IoFds *question, guint n)
{
  static struct
  {
    IoFds head;
    IoFd entries[PEER_N_KICKS];
  } answer;
  gsize size = sizeof answer.head + n * sizeof answer.entries[0];
  guint n_fds = MIN (n, N_EVENTFDS);
  int fds[N_EVENTFDS];

  answer.head = (IoFds){ .argsz = (guint32) size, .index = question->index, .count = n };
  for (guint i = 0; i < n; i++)
    answer.entries[i] = (IoFd){ .offset = i * 4, .size = 4, .fd_index = i % n_fds };

  /* It is asked again, with room for all. */
  if (question->argsz < size)
    {
      struct iovec iov[2];
      PeerHeader header = { .id = command->id,
                            .command = command->command,
                            .size = sizeof header + sizeof answer.head,
                            .flags = 1 };

      iov[0] = (struct iovec){ &header, sizeof header };
      iov[1] = (struct iovec){ &answer.head, sizeof answer.head };
      peer_send_all (fd, iov, G_N_ELEMENTS (iov));
      return;
    }

  for (guint i = 0; i < n_fds; i++)
    fds[i] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  peer_reply_with_fds (fd, command, &answer, size, fds, n_fds);
  for (guint i = 0; i < n_fds; i++)
    close (fds[i]);
}

void
peer_serve_ioregionfd (int fd)
{
  RegionCommand command;
  RegionResponse response = { .data = 0x12345678 };

  while (recv (fd, &command, sizeof command, MSG_WAITALL) == sizeof command)
    if ((command.cmd == 0 || (command.how & 0x10) != 0)
        && send (fd, &response, sizeof response, MSG_NOSIGNAL) != sizeof response)
      return;
}

int
peer_start_ioregionfd (int cpu, pid_t *pid)
{
  int pair[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    g_error ("socketpair: %s", g_strerror (errno));
  *pid = peer_fork (cpu);
  if (*pid == 0)
    {
      close (pair[0]);
      peer_serve_ioregionfd (pair[1]);
      _exit (0);
    }
  close (pair[1]);
  return pair[0];
}

static void
answer_ioregionfd (int fd, const PeerHeader *command, const IoFds *question)
{
  struct
  {
    IoFds head;
    IoFd entry;
  } answer = { .head = { .argsz = sizeof answer, .index = question->index, .count = 1 },
               .entry = { .size = PEER_WAYS_SIZE, .type = 1 } };
  pid_t pid;
  int client = peer_start_ioregionfd (-1, &pid);

  peer_reply_with_fds (fd, command, &answer, sizeof answer, &client, 1);
  close (client);
}

void
peer_ways_answer_io_fds (int fd, const PeerHeader *command, const guint8 *payload)
{
  IoFds question;

  memcpy (&question, payload, sizeof question);
  switch (question.index)
    {
    case PEER_KICKS_REGION:
      answer_kicks (fd, command, &question, PEER_N_KICKS);
      break;
    case PEER_ONE_KICK_REGION:
      answer_kicks (fd, command, &question, 1);
      break;
    case PEER_IOREGIONFD_REGION:
      answer_ioregionfd (fd, command, &question);
      break;
    default:
      _exit (1);
    }
}
