/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Starts and ends the device.  Knows its command line, nothing of what it says on its socket.  Called
 * on the thread that runs the case.
 */

#include "interop/device-process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/descriptors.h"
#include "harness/harness.h"

#define PROGRAM "tests/interop/device"

struct _DeviceProcess
{
  pid_t pid; /* 0: does not run */
  char *path;
};

DeviceProcess *
device_process_new (void)
{
  DeviceProcess *process = g_new0 (DeviceProcess, 1);

  process->path = g_build_filename (harness_temp_dir (), "interop.sock", NULL);
  return process;
}

void
device_process_free (DeviceProcess *process)
{
  if (process == NULL)
    return;
  device_process_kill (process);
  g_free (process->path);
  g_free (process);
}

gboolean
device_process_is_there (void)
{
#ifdef HAVE_LIBVFIO_USER
  return TRUE;
#else
  return FALSE;
#endif
}

/* In the folder that all is built in, somewhere above this program. */
static char *
find_program (void)
{
  g_autofree char *folder = g_file_read_link ("/proc/self/exe", NULL);

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

static G_GNUC_NORETURN void
run_program (const char *program, const char *option, const char *path, int output)
{
  const char *arguments[] = { program, option != NULL ? option : path, option != NULL ? path : NULL,
                              NULL };

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  dup2 (output, STDOUT_FILENO);
  descriptors_close_all_but (NULL, 0);
  execv (program, (char **) arguments);
  _exit (127);
}

const char *
device_process_start (DeviceProcess *process, const char *option)
{
  g_autofree char *program = find_program ();
  int ends[2];
  char byte;

  ck_assert_int_eq (process->pid, 0);
  ck_assert_int_eq (pipe (ends), 0);

  /* One that was killed leaves its socket behind. */
  unlink (process->path);
  process->pid = fork ();
  ck_assert_int_ge (process->pid, 0);
  if (process->pid == 0)
    run_program (program, option, process->path, ends[1]);
  close (ends[1]);
  if (read (ends[0], &byte, 1) != 1)
    harness_fail ("%s ended before it listened", program);
  close (ends[0]);
  return process->path;
}

void
device_process_kill (DeviceProcess *process)
{
  if (process->pid == 0)
    return;
  kill (process->pid, SIGKILL);
  while (waitpid (process->pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  process->pid = 0;
}
