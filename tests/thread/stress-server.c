/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Starts, kills and stops the server of a scenario.  Knows how its program is called, nothing of
 * what it says.  Started and stopped on the thread that runs the case; the keeper is another
 * process, which must not return into the test's frames.
 */

#include "thread/stress-server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/demo.h"
#include "harness/descriptors.h"
#include "harness/harness.h"
#include "thread/mischief.h"

struct _StressServer
{
  StressServerKind kind;
  char *path;
  char *program; /* of the demo device */
  guint mischief;
  guint64 seed;
  int keeper;  /* process, or 0 */
  int control; /* socket to the keeper: a byte kills, and is echoed; the end stops */
  gint *calm;  /* shared with the server */
  GMutex lock; /* one kill at a time */
};

/* ---- The keeper ---- */

static int
start_server (StressServer *server, guint life)
{
  int pid;

  /* One that was killed leaves its socket behind. */
  unlink (server->path);
  pid = fork ();
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  close (server->control);
  if (server->kind == STRESS_SERVER_DEMO)
    {
      g_autofree char *option = g_strconcat ("--socket-path=", server->path, NULL);

      execl (server->program, server->program, option, NULL);
      _exit (127);
    }
  mischief_serve (server->path, server->mischief, server->seed + life, server->calm);
}

/* Ends the server; says so, and gives up, if it had ended by itself or ends badly. */
static void
end_server (int pid, int signal_number)
{
  int status = 0;

  kill (pid, signal_number);
  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    continue;
  if (status == 0 || (WIFSIGNALED (status) && WTERMSIG (status) == signal_number))
    return;
  harness_note ("the server ended with status 0x%x", status);
  _exit (1);
}

static void G_GNUC_NORETURN
become_keeper (StressServer *server)
{
  guint life = 0;
  int pid;
  char byte;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  signal (SIGPIPE, SIG_IGN);
  descriptors_close_all_but (&server->control, 1);

  pid = start_server (server, life++);
  while (read (server->control, &byte, 1) == 1)
    {
      end_server (pid, SIGKILL);
      if (write (server->control, &byte, 1) != 1)
        _exit (0);
      pid = start_server (server, life++);
    }
  end_server (pid, SIGTERM);
  _exit (0);
}

/* ---- The test's side ---- */

static void
start_keeper (StressServer *server)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    harness_fail ("socketpair: %s", g_strerror (errno));
  server->keeper = fork ();
  if (server->keeper < 0)
    harness_fail ("fork: %s", g_strerror (errno));
  if (server->keeper == 0)
    {
      server->control = ends[0];
      become_keeper (server);
    }
  close (ends[0]);
  server->control = ends[1];
}

StressServer *
stress_server_start (StressServerKind kind, guint mischief, guint64 seed)
{
  StressServer *server = g_new0 (StressServer, 1);

  server->kind = kind;
  server->mischief = mischief;
  server->seed = seed;
  g_mutex_init (&server->lock);
  if (kind == STRESS_SERVER_EXTERNAL)
    {
      server->path = g_strdup (g_getenv ("THREAD_SOCKET"));
      server->control = -1;
      return server;
    }

  server->path = g_build_filename (harness_temp_dir (), "server.sock", NULL);
  if (kind == STRESS_SERVER_DEMO)
    server->program = demo_device_find ();
  server->calm = mmap (NULL, sizeof *server->calm, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (server->calm == MAP_FAILED)
    harness_fail ("mmap: %s", g_strerror (errno));
  start_keeper (server);
  return server;
}

const char *
stress_server_get_path (StressServer *server)
{
  return server->path;
}

void
stress_server_kill (StressServer *server)
{
  char byte = 'k';

  /* A keeper that is gone has said why. */
  g_mutex_lock (&server->lock);
  if (send (server->control, &byte, 1, MSG_NOSIGNAL) == 1)
    while (read (server->control, &byte, 1) < 0 && errno == EINTR)
      continue;
  g_mutex_unlock (&server->lock);
}

void
stress_server_calm (StressServer *server)
{
  if (server->calm != NULL)
    g_atomic_int_set (server->calm, 1);
}

void
stress_server_stop (StressServer *server)
{
  int status = 0;

  if (server->keeper > 0)
    {
      close (server->control);
      while (waitpid (server->keeper, &status, 0) < 0 && errno == EINTR)
        continue;
      munmap (server->calm, sizeof *server->calm);
    }
  g_mutex_clear (&server->lock);
  g_free (server->program);
  g_free (server->path);
  g_free (server);
  if (status != 0)
    harness_fail ("the keeper of the server ended with status 0x%x", status);
}
