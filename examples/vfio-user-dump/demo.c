/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The demo device, as a process of our own: found, started on one end of a socket pair, and ended.
 * Does not speak vfio-user. Should this program die without demo_stop(), the demo device sees the
 * end of its socket and ends by itself. Main thread.
 */

#include "demo.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define DEMO_VARIABLE "VFIO_USER_DEMO_DEVICE"
#define DEMO_FD       3 /* where the demo device finds its end */

/* How long the demo device may take to end, before it is killed. */
#define DEMO_END_US      (2 * G_USEC_PER_SEC)
#define DEMO_END_STEP_US 1000

struct _Demo
{
  int socket; /* our end */
  pid_t pid;
};

extern char **environ;

/* The build tree has the demo device in the folder next to ours. There libtool may have put the
   program that runs into a folder .libs of its own. */
static char *
find_beside_program (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = NULL;
  g_autofree char *name = NULL;

  if (program == NULL)
    return NULL;

  folder = g_path_get_dirname (program);
  name = g_path_get_basename (folder);
  if (g_str_equal (name, ".libs"))
    {
      g_autofree char *inner = g_steal_pointer (&folder);

      folder = g_path_get_dirname (inner);
    }

  return g_build_filename (folder, "..", "demo-device", "demo-device", NULL);
}

static char *
find_demo_device (GError **error)
{
  const char *named = g_getenv (DEMO_VARIABLE);
  g_autofree char *beside = NULL;

  if (named != NULL && *named != '\0')
    return g_strdup (named);

  beside = find_beside_program ();
  if (beside != NULL && g_access (beside, X_OK) == 0)
    return g_steal_pointer (&beside);

  if (g_access (DEMO_INSTALLED, X_OK) == 0)
    return g_strdup (DEMO_INSTALLED);

  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
               "the demo device is neither beside this program nor at %s; build it with make, or "
               "let " DEMO_VARIABLE " name it",
               DEMO_INSTALLED);
  return NULL;
}

/* Starts PROGRAM with SOCKET as its descriptor DEMO_FD. We ignore SIGPIPE, it should not. */
static int
spawn (const char *program, int socket, pid_t *pid)
{
  g_autofree char *name = g_strdup (program);
  g_autofree char *argument = g_strdup_printf ("--fd=%d", DEMO_FD);
  char *const argv[] = { name, argument, NULL };
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t defaults;
  int number;

  sigemptyset (&defaults);
  sigaddset (&defaults, SIGPIPE);

  posix_spawnattr_init (&attributes);
  posix_spawnattr_setsigdefault (&attributes, &defaults);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_init (&actions);

  number = posix_spawn_file_actions_adddup2 (&actions, socket, DEMO_FD);
  if (number == 0)
    number = posix_spawn (pid, program, &actions, &attributes, argv, environ);

  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  return number;
}

Demo *
demo_start (GError **error)
{
  g_autofree char *program = find_demo_device (error);
  Demo *demo;
  int sockets[2];
  int number = 0;
  pid_t pid;

  if (program == NULL)
    return NULL;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
    number = errno;
  else
    {
      number = spawn (program, sockets[1], &pid);
      close (sockets[1]);
      if (number != 0)
        close (sockets[0]);
    }

  if (number != 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (number),
                   "%s: the demo device does not start; build it with make, or let " DEMO_VARIABLE
                   " name another (%s)",
                   program, g_strerror (number));
      return NULL;
    }

  demo = g_new0 (Demo, 1);
  demo->socket = sockets[0];
  demo->pid = pid;
  return demo;
}

int
demo_get_socket (const Demo *demo)
{
  return demo->socket;
}

pid_t
demo_get_pid (const Demo *demo)
{
  return demo->pid;
}

static gboolean
has_ended (pid_t pid, int flags)
{
  pid_t ended;

  do
    ended = waitpid (pid, NULL, flags);
  while (ended < 0 && errno == EINTR);

  return ended != 0;
}

void
demo_stop (Demo *demo)
{
  gint64 deadline = g_get_monotonic_time () + DEMO_END_US;
  gboolean ended;

  close (demo->socket);
  kill (demo->pid, SIGTERM);

  while (!(ended = has_ended (demo->pid, WNOHANG)) && g_get_monotonic_time () < deadline)
    g_usleep (DEMO_END_STEP_US);

  if (!ended)
    {
      kill (demo->pid, SIGKILL);
      has_ended (demo->pid, 0);
    }
  g_free (demo);
}
