/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Starts and stops the demo device.  It knows two of the program's options and its exit status, and
 * nothing of what it says on its socket.  Called on the thread that runs the case.
 */

#include "demo.h"

#include "descriptors.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "examples/demo-device/demo-device"

struct _DemoDevice
{
  int pid; /* 0: does not run */
  char *path;
  GPtrArray *options; /* strings */
};

DemoDevice *
demo_device_new (void)
{
  DemoDevice *demo = g_new0 (DemoDevice, 1);

  demo->options = g_ptr_array_new_with_free_func (g_free);

  return demo;
}

void
demo_device_add_option (DemoDevice *demo, const char *option)
{
  g_ptr_array_add (demo->options, g_strdup (option));
}

static int
end_process (DemoDevice *demo, int signal_number)
{
  int status = 0;

  kill (demo->pid, signal_number);
  while (waitpid (demo->pid, &status, 0) < 0 && errno == EINTR)
    continue;
  demo->pid = 0;

  return status;
}

void
demo_device_free (DemoDevice *demo)
{
  if (demo == NULL)
    return;

  if (demo->pid > 0)
    end_process (demo, SIGKILL);
  g_ptr_array_unref (demo->options);
  g_free (demo->path);
  g_free (demo);
}

/* Tests lie at different depths below the folder that all is built in. */
char *
demo_device_find (void)
{
  g_autofree char *folder = g_file_read_link ("/proc/self/exe", NULL);
  const char *named = g_getenv ("DEMO_DEVICE");

  if (named != NULL)
    return g_strdup (named);

  while (folder != NULL && strlen (folder) > 1)
    {
      g_autofree char *parent = g_path_get_dirname (folder);
      g_autofree char *program = g_build_filename (parent, PROGRAM, NULL);

      if (g_file_test (program, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&program);
      g_free (folder);
      folder = g_steal_pointer (&parent);
    }
  harness_fail ("%s was not found; has it been built?", PROGRAM);
}

/* What execv wants: the program, @option, the others. */
static GPtrArray *
make_arguments (const DemoDevice *demo, const char *option)
{
  GPtrArray *arguments = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (arguments, demo_device_find ());
  g_ptr_array_add (arguments, g_strdup (option));
  for (guint i = 0; i < demo->options->len; i++)
    g_ptr_array_add (arguments, g_strdup (g_ptr_array_index (demo->options, i)));
  g_ptr_array_add (arguments, NULL);

  return arguments;
}

/* @fd is the device's end, or -1. */
static void
start (DemoDevice *demo, const char *option, int fd)
{
  g_autoptr(GPtrArray) arguments = make_arguments (demo, option);

  if (demo->pid != 0)
    harness_fail ("the demo device runs already");
  g_ptr_array_set_size (demo->options, 0);

  demo->pid = fork ();
  if (demo->pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      descriptors_close_all_but (&fd, 1);
      if (fd >= 0)
        fcntl (fd, F_SETFD, 0);
      execv (g_ptr_array_index (arguments, 0), (char **) arguments->pdata);
      _exit (127);
    }
  if (demo->pid < 0)
    harness_fail ("fork: %s", g_strerror (errno));
}

int
demo_device_start (DemoDevice *demo)
{
  g_autofree char *option = NULL;
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    harness_fail ("socketpair: %s", g_strerror (errno));
  option = g_strdup_printf ("--fd=%d", ends[0]);
  start (demo, option, ends[0]);
  close (ends[0]);

  return ends[1];
}

/*
 * Whether the kernel has a socket of that path that listens.  Trying to connect would tell as well,
 * but the device serves one client only; and the path is there before it is listened on.
 */
static gboolean
is_listened_on (const char *path)
{
  g_autofree char *sockets = NULL;
  g_auto(GStrv) lines = NULL;
  gboolean found = FALSE;

  if (!g_file_get_contents ("/proc/net/unix", &sockets, NULL, NULL))
    return FALSE;

  /* Number, references, protocol, flags (00010000: listens), type, state, inode, path. */
  lines = g_strsplit (sockets, "\n", -1);
  for (char **line = lines; *line != NULL && !found; line++)
    found = g_str_has_suffix (*line, path) && strstr (*line, " 00010000 ") != NULL;

  return found;
}

const char *
demo_device_listen (DemoDevice *demo)
{
  g_autofree char *option = NULL;

  g_free (demo->path);
  demo->path = g_build_filename (harness_temp_dir (), "demo.sock", NULL);
  option = g_strconcat ("--socket-path=", demo->path, NULL);
  start (demo, option, -1);

  while (!is_listened_on (demo->path))
    {
      int status;

      if (waitpid (demo->pid, &status, WNOHANG) == demo->pid)
        {
          demo->pid = 0;
          harness_fail ("the demo device ended before it listened, with status 0x%x", status);
        }
      g_usleep (1000);
    }

  return demo->path;
}

void
demo_device_stop (DemoDevice *demo)
{
  int status;

  if (demo->pid == 0)
    harness_fail ("the demo device does not run");
  status = end_process (demo, SIGTERM);

  if (WIFSIGNALED (status))
    harness_fail ("the demo device was killed by signal %d (%s)",
                  WTERMSIG (status), strsignal (WTERMSIG (status)));
  if (WEXITSTATUS (status) != 0)
    harness_fail ("the demo device exited with status %d", WEXITSTATUS (status));
}
